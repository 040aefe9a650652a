"""Three scores that are easy to misread, each with what is known of its faults. In float64 on the processor."""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.special import xlogy

from .distribution import count, positive
from .divergence import samples
from .metrics import frechet_distance

PAIRS = 2**22  # pairs of a point and a sample that a table holds at once: 32 MB


class Extrapolation(NamedTuple):
    """value: the score where the line meets 1/n = 0; slope: its rise a unit of 1/n; sizes and scores: the points."""

    value: float
    slope: float
    sizes: list[int]
    scores: list[float]


def inception_score(probabilities: Tensor, splits: int = 1) -> float:
    """exp of the mean KL( p(class | image) || p(class) ), from 1 to the number of classes; a mean over `splits` parts.

    Salimans et al. 2016, "Improved Techniques for Training GANs". The name is for one certain network: on any other,
    say "classifier score". It never looks at real data, and one image a class reaches the maximum (Barratt & Sharma
    2018, "A Note on the Inception Score").

    probabilities: (n, classes), rows of sum 1, such as `net(x).softmax(1)`; they are divided in the order given.
    """
    p = samples("probabilities", probabilities)
    if bool((p < 0).any()) or not torch.allclose(p.sum(1), torch.ones(len(p)).double(), atol=1e-3):
        raise ValueError("probabilities must have rows of sum 1, none below 0: give `net(x).softmax(1)`, not logits.")
    if not 1 <= count("splits", splits) <= len(p):
        raise ValueError(f"{len(p)} rows cannot be divided into {splits} parts: lower splits.")
    return sum(_information(part).exp().item() for part in p.tensor_split(splits)) / splits


def _information(p: Tensor) -> Tensor:
    """Mean KL of the rows to their mean, in nats."""
    mean = p.mean(0)
    return (xlogy(p, p) - xlogy(p, mean)).sum(1).mean()


def kde_log_likelihood(drawn: Tensor, x: Tensor, width: float) -> Tensor:
    """log density at `x` (n, d) of Gaussians of s.d. `width` around the rows of `drawn` (m, d): (n,), in nats.

    The Parzen window estimate of a model that can only be sampled. In many dimensions it ranks models wrongly at any
    m that one can pay for: Theis, van den Oord & Bethge 2016, "A Note on the Evaluation of Generative Models".
    """
    drawn, x, width = samples("drawn", drawn), samples("x", x), positive("width", width)
    if drawn.shape[1] != x.shape[1]:
        raise ValueError(f"drawn has {drawn.shape[1]} columns and x has {x.shape[1]}: give both in one space.")
    norm = x.shape[1] * (math.log(width) + 0.5 * math.log(2 * math.pi)) + math.log(len(drawn))
    rows = max(1, PAIRS // len(drawn))
    # By plain differences: the squares are divided by width^2, which would magnify what cancellation leaves.
    away = (torch.cdist(part, drawn, compute_mode="donot_use_mm_for_euclid_dist") for part in x.split(rows))
    return torch.cat([torch.logsumexp(-0.5 * (d / width).square(), 1) for d in away]) - norm


def frechet_infinity(a: Tensor, b: Tensor, points: int = 8, repeats: int = 4, seed: int = 0) -> Extrapolation:
    """`frechet_distance` of features `a` (n, d) and `b` (m, d), extrapolated along 1/n to samples without end.

    After Chong & Forsyth 2020, "Effectively Unbiased FID and Inception Score and where to find them": the bias is
    close to proportional to 1/n, so a straight line through scores at several n meets 1/n = 0 near the true value.
    Here both sets are cut to n rows, not the fakes alone, since both are small. From a quarter of the smaller set,
    which must be at least twice as many rows as features, to all of it; the line is a least-squares fit. The points
    share rows, so their scatter about the line is no error bar: repeat with fresh samples for one.
    """
    a, b = samples("a", a), samples("b", b)
    most, least = min(len(a), len(b)), min(len(a), len(b)) // 4
    if count("points", points) < 2:
        raise ValueError(f"A line needs 2 points or more, not {points}.")
    if least < 2 * a.shape[1] or most - least < points:
        raise ValueError(
            f"{most} rows of {a.shape[1]} features are too few to extrapolate: take {8 * a.shape[1]} rows or more."
        )
    rng = torch.Generator().manual_seed(seed)
    inverse = torch.linspace(1 / least, 1 / most, points, dtype=torch.float64)  # even steps in 1/n
    sizes = [round(1 / x) for x in inverse.tolist()]
    means = [_mean_score(a, b, n, count("repeats", repeats), rng) for n in sizes]
    x = torch.tensor([[1.0, 1 / n] for n in sizes], dtype=torch.float64)
    value, slope = torch.linalg.lstsq(x, torch.tensor(means, dtype=torch.float64)[:, None]).solution.flatten().tolist()
    return Extrapolation(value, slope, sizes, means)


def _mean_score(a: Tensor, b: Tensor, n: int, repeats: int, rng: torch.Generator) -> float:
    """The mean over random subsets of n rows each."""

    def part(s: Tensor) -> Tensor:
        return s[torch.randperm(len(s), generator=rng)[:n]]

    return sum(frechet_distance(part(a), part(b)) for _ in range(repeats)) / repeats
