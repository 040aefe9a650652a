"""Toy distributions in one and two dimensions, whose samplers and exact densities agree.

Everything but `segment` is a Gaussian mixture. A curve (line, moons, roll) is *defined* as many equal
Gaussians set closely along it, so that its density is exact too, not an approximation of the sampler.
Every factory refuses bad numbers with a ValueError or TypeError that names the fix.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from .distribution import Mixture, Segment, Toy, count, numbers, positive

__all__ = [
    "Toy",
    "from_points",
    "gaussian",
    "grid",
    "line",
    "mixture",
    "ring",
    "segment",
    "segments",
    "swiss_roll",
    "two_moons",
]

MOST_COMPONENTS = 2000  # on a curve: keeps log_prob of a few thousand points below a tenth of a second


def gaussian(mean: float | Sequence = 0.0, std: float = 1.0) -> Mixture:
    """One Gaussian, on the line if `mean` is a number, round in the plane if it is two."""
    return mixture([mean], std)


def mixture(
    means: Sequence | Tensor, stds: float | Sequence | Tensor = 1.0, weights: Sequence | Tensor | None = None
) -> Mixture:
    """Gaussian mixture. `means`: k numbers (1-D) or points (2-D); `stds`: one or k; `weights`: k, or equal."""
    means = numbers("means", means)
    means = means[:, None] if means.ndim == 1 else means
    if means.ndim != 2 or means.shape[1] not in (1, 2) or len(means) == 0:
        raise ValueError(f"means must be k numbers or k points of 2 coordinates, not shape {tuple(means.shape)}.")
    k = len(means)
    stds = numbers("stds", stds)
    stds = stds.expand(k) if stds.ndim == 0 else stds
    weights = torch.full((k,), 1 / k, dtype=torch.float64) if weights is None else numbers("weights", weights)
    if stds.shape != (k,) or weights.shape != (k,):
        raise ValueError(f"{k} means need {k} stds (or one for all) and {k} weights (or None for equal ones).")
    if not bool((stds > 0).all()):
        raise ValueError(f"Every std must be greater than 0; the smallest here is {stds.min().item():g}.")
    if not bool((weights > 0).all()) or abs(weights.sum().item() - 1) > 1e-4:
        raise ValueError(f"The weights must be greater than 0 and sum to 1; their sum is {weights.sum().item():g}.")
    return Mixture(means, stds, weights / weights.sum())


def ring(k: int = 8, radius: float = 1.0, std: float = 0.01) -> Mixture:
    """`k` equal Gaussians on a circle. The defaults are the 2D-ring of Lin et al. 2018 (PacGAN)."""
    angles = 2 * math.pi * torch.arange(count("k", k), dtype=torch.float64) / k
    return mixture(positive("radius", radius) * _circle(angles), std)


def grid(side: int = 5, spacing: float = 2.0, std: float = 0.05) -> Mixture:
    """`side` x `side` equal Gaussians, centred. The defaults are the 2D-grid of Lin et al. 2018 (PacGAN)."""
    steps = torch.arange(count("side", side), dtype=torch.float64) - (side - 1) / 2
    axis = positive("spacing", spacing) * steps
    return mixture(torch.cartesian_prod(axis, axis), std)


def line(start: Sequence = (-1.0, -1.0), end: Sequence = (1.0, 1.0), noise: float = 0.05) -> Mixture:
    """Uniform along the straight line from `start` to `end`, blurred by a Gaussian of width `noise`."""
    ends = numbers("start and end", [list(start), list(end)])
    if ends.shape != (2, 2) or bool((ends[0] == ends[1]).all()):
        raise ValueError("start and end must be two different points of 2 coordinates each.")
    along = ends[1] - ends[0]
    return _curve(lambda t: ends[0] + t[:, None] * along, along.norm().item(), noise)


def two_moons(noise: float = 0.05) -> Mixture:
    """Two interleaved half circles of radius 1, placed as scikit-learn's `make_moons` places them."""

    def moons(t: Tensor) -> Tensor:
        half = _circle(math.pi * t)
        return torch.cat([half, torch.tensor([1.0, 0.5]) - half])

    return _curve(moons, math.pi, noise, pieces=2)


def swiss_roll(noise: float = 0.02) -> Mixture:
    """A spiral of outer radius 1, uniform in its angle: scikit-learn's roll seen end on, smaller."""

    def roll(t: Tensor) -> Tensor:
        angle = math.pi * (1.5 + 3 * t)
        return angle[:, None] / (4.5 * math.pi) * _circle(angle)

    # The curve is fastest at its outer end: there |dx/dt| = 3 pi * sqrt(1 + 1 / (4.5 pi)^2).
    return _curve(roll, 3 * math.pi * math.hypot(1, 1 / (4.5 * math.pi)), noise)


def segment(start: float = 0.0, length: float = 1.0, dim: int = 1) -> Segment:
    """Uniform on [start, start + length], or on a vertical line (`dim=2`). `Segment` states the measure."""
    if dim not in (1, 2):
        raise ValueError(f"dim must be 1 or 2, not {dim}.")
    return Segment(numbers("start", start).item(), positive("length", length), dim)


def segments(gap: float = 1.0, dim: int = 1) -> tuple[Segment, Segment]:
    """Two unit segments with nothing in common and `gap` between them: JS is log 2 however small the gap.

    In 1-D: [0, 1] and [1 + gap, 2 + gap], W1 = 1 + gap. In 2-D: the parallel lines of Arjovsky, Chintala and
    Bottou 2017 (Wasserstein GAN, Example 1), {0} x [0, 1] and {gap} x [0, 1], W1 = gap.
    """
    positive("gap", gap)
    return segment(0.0, dim=dim), segment(gap if dim == 2 else 1 + gap, dim=dim)


def from_points(points: Sequence | Tensor, bandwidth: float | None = None) -> Mixture:
    """A Gaussian of width `bandwidth` on each of n drawn points, of shape (n, 2), (n, 1) or (n,).

    Without a bandwidth, the one of 16 widths under which each point is likeliest given all the others.
    """
    points = numbers("points", points)
    points = points[:, None] if points.ndim == 1 else points
    if points.ndim != 2 or points.shape[1] not in (1, 2) or len(points) == 0:
        raise ValueError(f"points must have shape (n, 2) or (n, 1) with n at least 1, not {tuple(points.shape)}.")
    if bandwidth is None and bool((points == points[0]).all()):
        raise ValueError("Draw at least two different points, or give a bandwidth: one point alone has no width.")
    width = _leave_one_out_width(points) if bandwidth is None else positive("bandwidth", bandwidth)
    n = len(points)
    full = torch.full((n,), 1.0, dtype=torch.float64)
    return Mixture(points, width * full, full / n, modal=False)


def _leave_one_out_width(points: Tensor) -> float:
    points = points[:: math.ceil(len(points) / 2000)]  # n x n distances: 2000 points need 32 MB, 20000 3 GB
    squared = (points[:, None] - points).square().sum(dim=2).fill_diagonal_(torch.inf)
    spread = points.var(dim=0).mean().sqrt()
    widths = spread * torch.logspace(-2, 0, 16, dtype=torch.float64)
    scores = [torch.logsumexp(-squared / (2 * w**2), 1).mean() - points.shape[1] * w.log() for w in widths]
    return widths[torch.stack(scores).argmax()].item()


def _curve(path: Callable[[Tensor], Tensor], speed: float, noise: float, pieces: int = 1) -> Mixture:
    """Equal Gaussians at path(t), t the midpoints of equal steps in [0, 1], at most noise / 2 apart."""
    k = math.ceil(2 * speed / positive("noise", noise))
    if k * pieces > MOST_COMPONENTS:
        least = 2 * speed * pieces / MOST_COMPONENTS
        raise ValueError(f"noise must be at least {least:.2g}, so that {MOST_COMPONENTS} Gaussians cover the curve.")
    means = path((torch.arange(k, dtype=torch.float64) + 0.5) / k)
    full = torch.full((len(means),), 1.0, dtype=torch.float64)
    return Mixture(means, noise * full, full / len(means), modal=False)


def _circle(angles: Tensor) -> Tensor:
    return torch.stack([angles.cos(), angles.sin()], dim=1)
