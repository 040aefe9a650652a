"""Do the fakes lie where the real points lie, and do they reach all of them? Counted with nearest neighbours.

All take features, (n, d) and (m, d), and compute in float64 on the processor. Each set is drawn as a union of balls:
one around each of its points, out to its k-th nearest neighbour in its own set. A ball includes its border.
"""

from typing import NamedTuple

import torch
from scipy import stats
from torch import Tensor

from .divergence import samples

ROWS = 512  # rows of a table of distances that are held at once: 40 MB against 10,000 others


class PrecisionRecall(NamedTuple):
    """precision: share of fakes in the union of the real balls; recall: share of real points in that of the fakes."""

    precision: float
    recall: float


class DensityCoverage(NamedTuple):
    """density: real balls around a fake, on average, over k; coverage: share of real balls with a fake in it."""

    density: float
    coverage: float


class Memorised(NamedTuple):
    """Distances to the nearest training row, of fakes (m,) and of held-out real points (n,), and what they say.

    share: chance that a fake lies nearer than a held-out point, 1/2 where G learned nothing by heart.
    p_value: chance of a share so large or larger without memory (Mann-Whitney, one-sided).
    """

    fake: Tensor
    held_out: Tensor
    share: float
    p_value: float


def precision_recall(real: Tensor, fake: Tensor, k: int = 3) -> PrecisionRecall:
    """Kynkaanniemi et al. 2019, "Improved Precision and Recall Metric for Assessing Generative Models", equation 2.

    Two samples of one distribution score below 1, the lower the smaller they are: compare at equal n, beside real
    against real. One far outlier has a huge ball, so recall can be bought with a few wild fakes.
    """
    real, fake = _two(real, fake, k)
    return PrecisionRecall(_inside(fake, real, k).mean().item(), _inside(real, fake, k).mean().item())


def density_coverage(real: Tensor, fake: Tensor, k: int = 5) -> DensityCoverage:
    """Naeem et al. 2020, "Reliable Fidelity and Diversity Metrics for Generative Models".

    All balls are around real points, so a wild fake buys nothing. For equal distributions density is 1 on average
    (single values may lie above 1), and coverage is near 1 - 1/2^k where both sets are large and of equal size.
    """
    real, fake = _two(real, fake, k)
    radii = _radii(real, k)
    within = torch.cat([_distances(part, fake) <= r[:, None] for part, r in _parts(real, radii)])
    return DensityCoverage(within.sum().item() / (k * len(fake)), within.any(1).double().mean().item())


def memorised(train: Tensor, held_out: Tensor, fake: Tensor) -> Memorised:
    """Do fakes lie nearer to the training rows than fresh real points do?

    After Meehan, Chaudhuri & Dasgupta 2020, "A Non-Parametric Test to Detect Data-Copying in Generative Models": once
    the training set is fixed, both sets of distances are independent draws, so their ranks can be compared. Bland
    fakes, from the middle of the crowd, lie near to everything and raise the share as copies do: look at `nearest`
    to the held-out rows as well.
    """
    far = [nearest(x, train)[0] for x in (fake, held_out)]
    found = stats.mannwhitneyu(far[1].numpy(), far[0].numpy(), alternative="greater", method="asymptotic")
    return Memorised(*far, float(found.statistic) / (len(far[0]) * len(far[1])), float(found.pvalue))


def nearest(x: Tensor, among: Tensor) -> tuple[Tensor, Tensor]:
    """Distance of each row of `x` (n, d) to its nearest row of `among` (m, d), and that row's number: (n,) each."""
    x, among = _same_width("x", x, "among", among)
    found = [_distances(part, among).min(1) for part in x.split(ROWS)]
    return torch.cat([f.values for f in found]), torch.cat([f.indices for f in found])


def _inside(x: Tensor, centres: Tensor, k: int) -> Tensor:
    """1 for each row of x that lies in a ball around a row of `centres`, else 0."""
    radii = _radii(centres, k)
    return torch.cat([(_distances(part, centres) <= radii).any(1) for part in x.split(ROWS)]).double()


def _radii(x: Tensor, k: int) -> Tensor:
    """Distance of each row to its k-th nearest other row: (n,)."""
    # The smallest of the k + 1 is the row itself, at distance 0 (or a copy of it, which is at 0 as well).
    return torch.cat([_distances(part, x).kthvalue(k + 1, dim=1).values for part in x.split(ROWS)])


def _distances(a: Tensor, b: Tensor) -> Tensor:
    # By plain differences: with |a|^2 - 2ab + |b|^2 a copy would not be at distance 0 from its original.
    return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")


def _parts(x: Tensor, radii: Tensor) -> zip:
    return zip(x.split(ROWS), radii.split(ROWS), strict=True)


def _two(real: Tensor, fake: Tensor, k: int) -> tuple[Tensor, Tensor]:
    real, fake = _same_width("real", real, "fake", fake)
    if not 1 <= k < min(len(real), len(fake)):
        raise ValueError(
            f"k is {k}, but it must be 1 or more and less than the number of rows, here {len(real)} and {len(fake)}."
        )
    return real, fake


def _same_width(name: str, a: Tensor, other: str, b: Tensor) -> tuple[Tensor, Tensor]:
    a, b = samples(name, a), samples(other, b)
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"{name} has {a.shape[1]} features, {other} has {b.shape[1]}: give both the same features.")
    return a, b
