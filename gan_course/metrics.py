"""How good are the samples? Plain functions, in float64 on the processor (an Apple GPU has none), each with its floor.

Samples of a toy: modes covered, share of high quality, reverse KL over modes; the protocol is that of PacGAN
(Lin et al. 2018) and its published code. Sets of features: Frechet and kernel distance. Known densities:
`divergence.py`. On finite samples hardly any score is 0, so `real_floor` and `reverse_kl_floor` say what real
data would score against real data.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.special import gammainc, xlogy

from .distribution import Toy, count
from .divergence import js, kl, samples, w1_samples, wasserstein1

__all__ = [
    "Floor",
    "frechet_distance",
    "frechet_gaussian",
    "high_quality_ideal",
    "high_quality_share",
    "js",
    "kernel_distance",
    "kl",
    "mode_counts",
    "modes_covered",
    "real_floor",
    "reverse_kl",
    "reverse_kl_floor",
    "w1_samples",
    "wasserstein1",
]

SIGMAS = 3.0  # a sample is of high quality if it lies within this many widths of a mode


class Floor(NamedTuple):
    """What real data scores against real data: mean and standard deviation over trials."""

    mean: float
    sd: float


def high_quality_ideal(dim: int = 2) -> float:
    """A perfect generator's share within 3 sigma: 1 - exp(-4.5) = 0.9889 in 2-D, 0.9973 in 1-D.

    Exact for modes that do not overlap: the squared distance in sigmas is chi-squared with `dim` degrees of freedom.
    """
    return gammainc(torch.tensor(dim / 2, dtype=torch.float64), torch.tensor(SIGMAS**2 / 2)).item()


def mode_counts(x: Tensor, toy: Toy) -> Tensor:
    """High-quality samples at each mode, (k,) int64. Each of `x` (n, dim) counts at its nearest mode, if at all.

    Distances are in widths of the mode; under 3 is of high quality.
    """
    if toy.modes is None:
        raise ValueError("This toy has no modes to count: use a ring, a grid or another mixture.")
    x = samples("x", x)
    if x.shape[1] != toy.dim:
        raise ValueError(f"x must have shape (n, {toy.dim}), as the toy's points do, not {tuple(x.shape)}.")
    away = torch.cdist(x, toy.modes.cpu().double(), compute_mode="donot_use_mm_for_euclid_dist")
    away, nearest = (away / toy.stds.cpu().double()).min(dim=1)
    return torch.bincount(nearest[away < SIGMAS], minlength=len(toy.modes))


def modes_covered(x: Tensor, toy: Toy) -> int:
    """How many modes have at least one high-quality sample among `x` (n, dim). PacGAN draws n = 2500."""
    return int((mode_counts(x, toy) > 0).sum())


def high_quality_share(x: Tensor, toy: Toy) -> float:
    """The share of `x` (n, dim) within 3 sigma of the nearest mode. Perfect is `high_quality_ideal`, not 1."""
    return mode_counts(x, toy).sum().item() / len(x)


def reverse_kl(x: Tensor, toy: Toy) -> float:
    """KL(generated || real) of the shares of modes, from the high-quality samples of `x`; inf if there are none.

    0 if the shares are exactly right, log k if all are at one of k equal modes. A small missing mode adds little,
    so look at `modes_covered` too. A perfect generator scores `reverse_kl_floor`, not 0.
    """
    counts = mode_counts(x, toy).double()
    if counts.sum() == 0:
        return math.inf
    shares = counts / counts.sum()
    return xlogy(shares, shares / toy.weights.cpu().double()).sum().item()


def reverse_kl_floor(n: int, k: int, trials: int = 1000, seed: int = 0) -> Floor:
    """`reverse_kl` of a perfect generator with `n` high-quality samples of `k` equal modes.

    Close to (k - 1) / (2 n), the mean of a chi-squared variable with k - 1 degrees of freedom over 2 n.
    """
    count("n", n), count("k", k), count("trials", trials)
    generator = torch.Generator().manual_seed(seed)
    draws = (torch.randint(k, (n,), generator=generator).bincount(minlength=k).double() / n for _ in range(trials))
    return _floor([xlogy(shares, shares * k).sum() for shares in draws])


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """Squared Frechet distance of the Gaussians fitted to features `a` (n, d) and `b` (m, d).

    FID (Heusel et al. 2017) is this on one certain network's features; on any others, do not call it so.
    It is biased upwards, in proportion to 1 / n (Chong and Forsyth 2020): compare at equal n, beside `real_floor`.
    """
    a, b = _features(a, b)
    roots = [torch.linalg.qr((s - s.mean(0)) / math.sqrt(len(s) - 1)).R for s in (a, b)]
    return _frechet(a.mean(0), roots[0], b.mean(0), roots[1])


def frechet_gaussian(mu1: Tensor, cov1: Tensor, mu2: Tensor, cov2: Tensor) -> float:
    """Squared Frechet (2-Wasserstein) distance of two Gaussians: means (d,), covariances (d, d)."""
    mu1, mu2 = (torch.as_tensor(m).cpu().double() for m in (mu1, mu2))
    if mu1.ndim != 1 or mu1.shape != mu2.shape:
        raise ValueError(f"The means must have one shape (d,), not {tuple(mu1.shape)} and {tuple(mu2.shape)}.")
    return _frechet(mu1, _root(cov1, len(mu1)), mu2, _root(cov2, len(mu2)))


def kernel_distance(a: Tensor, b: Tensor) -> float:
    """Unbiased squared MMD of features `a` (n, d) and `b` (m, d) under the kernel (x.y / d + 1)^3.

    The estimator of KID (Binkowski et al. 2018) over all pairs, not random subsets, and on our features.
    Unbiased: equal distributions average 0, so it can be negative.
    """
    a, b = _features(a, b)

    def total(s: Tensor, t: Tensor) -> Tensor:
        # A thousand rows at a time: all pairs of 20 000 samples at once would fill 3 GB.
        return sum(((part @ t.T / a.shape[1] + 1) ** 3).sum() for part in s.split(1000))

    def within(s: Tensor) -> Tensor:
        own = ((s.square().sum(1) / a.shape[1] + 1) ** 3).sum()
        return (total(s, s) - own) / (len(s) * (len(s) - 1))

    return (within(a) + within(b) - 2 * total(a, b) / (len(a) * len(b))).item()


def real_floor(
    metric: Callable[[Tensor, Tensor], float],
    real: Tensor,
    n: int | None = None,
    trials: int = 20,
    seed: int = 0,
) -> Floor:
    """`metric` of `n` random rows of `real` against `n` others, with no row on both sides; by default half of them.

    Print it beside every score of the same n: a generator at this floor cannot be told from real data.
    """
    half = len(real) // 2
    n = half if n is None else n
    if not 2 <= n <= half:
        raise ValueError(f"{len(real)} rows of real data have halves of {half}: n must be 2 to {half}, not {n}.")
    generator = torch.Generator().manual_seed(seed)
    scores = []
    for _ in range(count("trials", trials)):
        rows = torch.randperm(len(real), generator=generator).to(real.device)
        scores.append(metric(real[rows[:n]], real[rows[n : 2 * n]]))
    return _floor(scores)


def _floor(scores: list) -> Floor:
    scores = torch.tensor(scores, dtype=torch.float64)
    return Floor(scores.mean().item(), scores.std(correction=0).item())


def _features(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    a, b = samples("a", a), samples("b", b)
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"a has {a.shape[1]} features and b has {b.shape[1]}: give both the same features.")
    if min(len(a), len(b)) < 2:
        raise ValueError(f"Both sets need at least 2 rows; they have {len(a)} and {len(b)}.")
    return a, b


def _frechet(mu1: Tensor, root1: Tensor, mu2: Tensor, root2: Tensor) -> float:
    # Where cov = R^T R, the trace of (cov1 cov2)^(1/2) is the sum of R1 R2^T's singular values. Unlike a matrix
    # square root, this loses no digits on a singular covariance, and so bears fewer samples than features.
    overlap = torch.linalg.svdvals(root1 @ root2.T).sum()
    spread = root1.square().sum() + root2.square().sum() - 2 * overlap
    return max(0.0, ((mu1 - mu2).square().sum() + spread).item())


def _root(cov: Tensor, d: int) -> Tensor:
    cov = torch.as_tensor(cov).cpu().double()
    if cov.shape != (d, d) or not torch.allclose(cov, cov.T):
        raise ValueError(f"A covariance of {d} features must be a symmetric ({d}, {d}) matrix.")
    values, vectors = torch.linalg.eigh(cov)
    if values[0] < -1e-6 * values[-1].abs():
        raise ValueError(f"A covariance has no negative eigenvalue, but this one has {values[0]:.3g}.")
    return values.clamp(min=0).sqrt()[:, None] * vectors.T
