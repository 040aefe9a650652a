"""Who tells real from fake by a score for each point, and how well: the network, the best judge there can be, ROC."""

import math

import numpy as np
import torch
from scipy.spatial import KDTree
from torch import Tensor

from gan_course.door import evaluating
from gan_course.laboratory.frame import undecided
from gan_course.laboratory.run import Run

NEIGHBOURS = 32  # by which the best possible judge measures how dense samples lie


def network(run: Run, x: Tensor) -> np.ndarray:
    """What D of a run thinks of points x (n, 2): its logits (n,), less what its loss gives a point of which nothing is
    known; for a loss that only looks at differences, less their mean."""
    D = run.game.D
    with torch.no_grad(), evaluating(D):
        logits = finite(D(x.to(run.game.device)))[:, 0]
    middle = undecided(run.game.loss.d)
    return logits - (logits.mean() if middle is None else middle)


def best(x: Tensor, reals: Tensor, fakes: Tensor) -> np.ndarray:
    """log p/g at points x (n, 2), from many samples of p and as many of g: 0 where p/(p+g) is 1/2, and in its order.

    In the plane a density is as 1/r^2, r being the distance to the k-th nearest of many samples (Loftsgaarden and
    Quesenberry 1965, "A Nonparametric Estimate of a Multivariate Density Function"). That asks for no width, and bears
    a g that is a thin line.
    """
    x = finite(x)
    far = [KDTree(finite(c), balanced_tree=False).query(x, [NEIGHBOURS])[0][:, 0] for c in (reals, fakes)]
    return 2 * np.log((far[1] + 1e-9) / (far[0] + 1e-9))


def roc(score: np.ndarray, real: np.ndarray) -> list[list[float]]:
    """The ROC curve of calling "real" all points above a threshold: [share of fakes, share of reals] so called, from
    [0, 0] to [1, 1], for each threshold between two different scores. score, real: (n,), with both kinds in `real`."""
    levels = np.unique(score)[::-1]
    called = score[None] >= levels[:, None]
    shares = [(called & kind).sum(1) / kind.sum() for kind in (~real, real)]
    return [[0.0, 0.0], *np.stack(shares, 1).tolist()]


def area(curve: list[list[float]]) -> float:
    """The area under a ROC curve: how often a real point outscores a fake one, a tie counting half (Fawcett 2006, "An
    introduction to ROC analysis", section 7)."""
    return sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in zip(curve, curve[1:], strict=False))


def luck(reals: int, fakes: int) -> float:
    """Standard deviation of the AUC, 1/2 on average, of somebody who guesses on so many points (Mann and Whitney 1947,
    "On a Test of Whether one of Two Random Variables is Stochastically Larger than the Other")."""
    return math.sqrt((reals + fakes + 1) / (12 * reals * fakes))


def right(score: np.ndarray, real: np.ndarray) -> float:
    """The share of points that are judged rightly by calling "real" all scores above 0."""
    return float(((score > 0) == real).mean())


def finite(x: Tensor) -> np.ndarray:
    """As an array in which NaN and infinity are 0, and nothing is beyond a million."""
    return np.nan_to_num(x.detach().cpu().float().numpy(), nan=0.0, posinf=0.0, neginf=0.0).clip(-1e6, 1e6)
