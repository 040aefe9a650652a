"""What is true of a game at one moment, because the density of its data is known: how far G is, and what D should say.

p's mass in each cell of a grid is exact; g's is counted on many samples, of noise that never changes. Two equal
distributions do not score 0 on a finite number of samples, so `floor` says what real samples score in G's place.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn
from torch.special import xlogy

from gan_course import metrics
from gan_course.distribution import Mixture, Toy
from gan_course.door import evaluating
from gan_course.game import Game

SAMPLES = 16384  # of G
MODE_SAMPLES = 2500  # of these, for the modes: as in PacGAN (Lin et al. 2018), since one sample is enough for a mode
PAIRS = 200  # of these, for W1: the best pairing of n and n points takes time n^3
FLOOR_DRAWS = 8
SKEW = 1e-3  # see `Measured`
COUNTED = 2**19  # samples of a toy whose masses have no closed form
SIDES = (16, 24, 32, 48, 64, 96, 128, 192, 256)
SEED = 2**31 - 1  # a run draws its noise from a seed up to this one, and its data (`Stream`) from one above it
MOST = 1e6  # farther away is as far as this, so that distances stay finite


class Measured(NamedTuple):
    """How far G's distribution g is from the data's p. Divergences in nats, on the cells of a grid and the rest of the
    plane as one more cell.

    `js` is from 0 to ln 2. `kl` is KL(p || g), large where G makes nothing; `reverse_kl` is KL(g || p), large where the
    data has nothing. Both would be infinite as soon as one cell is empty, so each is taken to a mixture instead, as in
    KL(p || 0.999 g + 0.001 p): the skew divergence of Lee 1999 ("Measures of Distributional Similarity"). It is at most
    ln 1000 = 6.9.
    `w1` is the Wasserstein-1 distance of 200 samples to 200 real ones, by the best pairing, in units of x.
    `modes` is how many modes 2500 samples reach, `quality` the share of them within 3 sigma of one (a perfect G has
    0.989); both are NaN where the data has no modes.
    """

    js: float
    kl: float
    reverse_kl: float
    w1: float
    modes: float
    quality: float


def measure(game: Game, toy: Toy, extent: tuple[float, float]) -> Measured:
    """The truth about the generator that is shown: the averaged one, if there is one. The game does not change."""
    return _score(_made(game, game.averaged or game.G), toy, extent)


@lru_cache(maxsize=32)
def floor(toy: Toy, extent: tuple[float, float]) -> Measured:
    """What as many real samples score on average, over 8 draws: no generator can be told to be better."""
    draws = [_score(toy.sample(SAMPLES, seed=SEED - 1 - i).cpu().double(), toy, extent) for i in range(FLOOR_DRAWS)]
    return Measured(*(sum(scores) / FLOOR_DRAWS for scores in zip(*draws, strict=True)))


def optimal(game: Game, toy: Toy, extent: tuple[float, float], cells: int = 32) -> tuple[np.ndarray, np.ndarray]:
    """The best D against this G, p / (p + g) in each cell (Goodfellow et al. 2014, Proposition 1), times 255; and where
    it is known: where p and g together promise at least one sample of 16384. Both (cells, cells), uint8 and bool.

    g is that of the G at play, which is the one that D meets. Rows from low x_2 to high.
    """
    p = _masses(toy, extent, cells)[:-1].reshape(cells, cells)
    g = _shares(_made(game, game.G), extent, cells)[:-1].reshape(cells, cells)
    known = (p + g) * SAMPLES >= 1
    best = torch.where(known, p / (p + g).clamp(min=1e-300), 0.5)
    return (255 * best).round().to(torch.uint8).numpy(), known.numpy()


def _score(x: Tensor, toy: Toy, extent: tuple[float, float]) -> Measured:
    p = _grid(toy, extent)
    g = _shares(x, extent, math.isqrt(len(p)))
    reached = None if toy.modes is None else metrics.mode_counts(x[:MODE_SAMPLES], toy)
    return Measured(
        js=(_kl(p, (p + g) / 2) + _kl(g, (p + g) / 2)) / 2,
        kl=_kl(p, torch.lerp(g, p, SKEW)),
        reverse_kl=_kl(g, torch.lerp(p, g, SKEW)),
        w1=_w1(x[:PAIRS], _real(toy)),
        modes=math.nan if reached is None else float((reached > 0).sum()),
        quality=math.nan if reached is None else reached.sum().item() / MODE_SAMPLES,
    )


def _kl(p: Tensor, q: Tensor) -> float:
    here = p > 0
    p, q = p[here], q[here]
    return max(0.0, xlogy(p, p / q).sum().item())  # equal masses can sum to -1e-17


def _w1(x: Tensor, y: Tensor) -> float:
    away = torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")
    rows, columns = linear_sum_assignment(away.numpy())
    return away[rows, columns].mean().item()


def _made(game: Game, G: nn.Module) -> Tensor:
    with torch.no_grad(), evaluating(G):
        x = G(_noise(G.z_dim).to(game.device)).cpu().double()
    return torch.where(x.isfinite(), x, MOST).clamp(-MOST, MOST)


@lru_cache(maxsize=4)
def _noise(z_dim: int) -> Tensor:
    return torch.randn(SAMPLES, z_dim, generator=torch.Generator().manual_seed(SEED + 1))


@lru_cache(maxsize=32)
def _real(toy: Toy) -> Tensor:
    return toy.sample(PAIRS, seed=SEED).cpu().double()


@lru_cache(maxsize=32)
def _grid(toy: Toy, extent: tuple[float, float]) -> Tensor:
    """p's masses on the finest grid that leaves 64 samples to a cell, if p fills as many cells as its entropy says."""
    best = None
    for side in SIDES:
        p = _masses(toy, extent, side)
        inside = p[:-1].sum()
        filled = torch.exp(-xlogy(p[:-1], p[:-1] / inside).sum() / inside)
        if best is not None and 64 * filled > SAMPLES * inside:
            break
        best = p
    return best


@lru_cache(maxsize=64)
def _masses(toy: Toy, extent: tuple[float, float], side: int) -> Tensor:
    """p's mass in each cell, row by row, and beyond them all: (side * side + 1,) float64, of sum 1."""
    if not isinstance(toy, Mixture):
        return _shares(toy.sample(COUNTED, seed=SEED).cpu().double(), extent, side)
    means, stds, weights = (t.cpu().double() for t in (toy.means, toy.stds, toy.weights))
    edges = torch.linspace(*extent, side + 1, dtype=torch.float64)
    below = torch.special.ndtr((edges - means[:, :, None]) / stds[:, None, None])
    along = below.diff(dim=2)  # (k, 2, side): each Gaussian's share of each column and of each row
    inside = ((weights / weights.sum())[:, None] * along[:, 1]).T @ along[:, 0]
    return torch.cat([inside.flatten(), (1 - inside.sum()).clamp(min=0)[None]])


def _shares(x: Tensor, extent: tuple[float, float], side: int) -> Tensor:
    """The share of `x` (n, 2) in each cell, as `_masses` orders them."""
    lo, hi = extent
    place = ((x - lo) * (side / (hi - lo))).floor()
    inside = ((place >= 0) & (place < side)).all(dim=1)
    cell = torch.where(inside, place[:, 1] * side + place[:, 0], side * side).long()
    return torch.bincount(cell, minlength=side * side + 1).double() / len(x)
