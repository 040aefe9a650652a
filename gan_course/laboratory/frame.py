"""What there is to see of a game at one moment: where the fakes are, where they are pulled, and what D says where.

Looking changes nothing: the players are in eval mode, and the noise and the real points are the view's own. (Torch's
stream is left alone, not set and put back: another cell may be drawing from it.) Every number is finite.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from gan_course.distribution import Toy
from gan_course.door import evaluating
from gan_course.game import Game
from gan_course.laboratory.setup import Setup

FAKES, REALS, CELLS = 200, 400, 32
SHEET_SIDES = {1: 81, 2: 21}  # noise of so many dimensions: so many points a side of the sheet
MOST = 1e6  # larger numbers are cut to this; a NaN or an infinity becomes 0


class Frame(NamedTuple):
    """One moment of a game; arrays of NumPy.

    `fakes` (200, 2) float32 are drawn from the averaged generator if there is one. `pull` (200, 2) float32 is
    -200 dL_G/dfake: the way G's loss would move each. `verdict` (32, 32) uint8 is 255 times D's probability of real at
    the midpoints of the view's cells, rows from low x_2 to high. `sheet` float32 is where a regular sheet of noise
    goes: (21, 21, 2), row i and column j from z = (q_j, q_i); (81, 2) where noise is 1-D; None for more dimensions.
    `p_fake` (200,) and `p_real` (400,) uint8 are D's probabilities, times 255, at the fakes and at the view's reals.
    `said`: the mean of these on (real, fake). `right`: the share of them that D judges rightly, the mean of both rates.

    The rest is of the two players themselves, not of an average: the norms of dL_G/dtheta_G and of dL_D/dtheta_D
    without penalties, and `losses` (d, g), all on the view's noise and the first 200 reals.

    D's probability is sigmoid(logit - c), c being what the loss's D says where it cannot know: see `undecided`.
    """

    fakes: np.ndarray
    pull: np.ndarray
    verdict: np.ndarray
    sheet: np.ndarray | None
    p_fake: np.ndarray
    p_real: np.ndarray
    said: tuple[float, float]
    right: float
    g_gradient: float
    d_gradient: float
    losses: tuple[float, float]

    def packed(self) -> dict:
        """As bytes (little-endian float32, or uint8) and plain numbers, for the page."""
        return {
            name: value.astype(value.dtype.newbyteorder("<")).tobytes() if isinstance(value, np.ndarray)
            else list(value) if isinstance(value, tuple) else value
            for name, value in self._asdict().items()
        }  # fmt: skip


class View:
    """What stays the same from one look to the next: `z` (200, z_dim), `real` (400, 2), `extent` (lo, hi) of the square
    stage, `grid` (1024, 2) the midpoints of its cells, and `sheet_z`, the noise behind the sheet, or None.

    The sheet's lines lie at equal steps of the noise's probability, so that each of its cells catches the same share
    of what G makes: the density is one over the cell's area.
    """

    def __init__(self, game: Game, toy: Toy, setup: Setup):
        device = game.device
        self.z = torch.randn(FAKES, game.G.z_dim, generator=torch.Generator().manual_seed(0)).to(device)
        self.real = toy.sample(REALS, seed=setup.seed).to(device)  # not what it learns from: a `Stream` seeds otherwise
        lo, hi = toy.extent
        middle, reach = (lo + hi) / 2, 1.25 * (hi - lo) / 2  # room for a generator that strays
        self.extent = middle - reach, middle + reach
        self.grid = toy.mesh(CELLS, self.extent)[0].to(device)
        self.sheet_z = _sheet(game.G.z_dim)
        if self.sheet_z is not None:
            self.sheet_z = self.sheet_z.to(device)

    def look(self, game: Game) -> Frame:
        """The game now. Neither the game nor any random state changes (a network that draws noise of its own aside)."""
        G, D = game.G, game.D
        shown_by = game.averaged or G
        with evaluating(G, D, shown_by):
            fakes, real_logits = G(self.z).requires_grad_(), D(self.real)
            fake_logits, paired = D(fakes), real_logits[:FAKES]
            d_loss, g_loss = game.loss.d(paired, fake_logits), game.loss.g(paired.detach(), fake_logits)
            slope, *g_slopes = _slopes(g_loss, [fakes, *_own(G)])
            d_slopes = _slopes(d_loss, _own(D))
            if shown_by is not G:
                with torch.no_grad():
                    fakes = shown_by(self.z)
                fake_logits = D(fakes.requires_grad_())
                (slope,) = _slopes(game.loss.g(paired.detach(), fake_logits), [fakes])
            with torch.no_grad():
                grid_logits = D(self.grid)
                sheet = None if self.sheet_z is None else shown_by(self.sheet_z.flatten(0, -2))
        real, fake, grid = (_finite(x).ravel().astype(float) for x in (real_logits, fake_logits, grid_logits))
        middle = undecided(game.loss.d)
        middle = float(real.mean() + fake.mean()) / 2 if middle is None else middle
        p_real, p_fake, verdict = (_probability(logits - middle) for logits in (real, fake, grid))
        return Frame(
            fakes=_finite(fakes),
            pull=_finite(-FAKES * slope),
            verdict=_bytes(verdict).reshape(CELLS, CELLS),
            sheet=None if sheet is None else _finite(sheet).reshape(self.sheet_z.shape[:-1] + (2,)),
            p_fake=_bytes(p_fake),
            p_real=_bytes(p_real),
            said=(float(p_real.mean()), float(p_fake.mean())),
            # An undecided point counts half.
            right=0.5 + float(np.sign(real - middle).sum() / REALS - np.sign(fake - middle).sum() / FAKES) / 4,
            g_gradient=_norm(g_slopes),
            d_gradient=_norm(d_slopes),
            losses=(float(_finite(d_loss)), float(_finite(g_loss))),
        )


@lru_cache(maxsize=64)
def undecided(d_loss: Callable[[Tensor, Tensor], Tensor]) -> float | None:
    """The logit that D's loss wants of a point as likely real as fake; None if the loss looks only at differences.

    It is where d_loss(c, c) is least, or the middle of the stretch where it is: 0 for cross-entropy and hinge, 1/2 for
    least squares, whose D aims at 0 and 1. The Wasserstein and relativistic losses have no such place.
    """
    tried = torch.linspace(-4, 4, 161)
    values = torch.stack([d_loss(c.expand(4, 1), c.expand(4, 1)).detach() for c in tried])
    least = (values - values.min() <= 1e-6 * (1 + values.min().abs())).nonzero().flatten()
    inside = len(least) and least[0] > 0 and least[-1] < len(tried) - 1
    return round(float(tried[least].mean()), 3) if inside else None


def _sheet(z_dim: int) -> Tensor | None:
    if z_dim not in SHEET_SIDES:
        return None
    share = torch.linspace(0.02, 0.98, SHEET_SIDES[z_dim])
    line = math.sqrt(2) * torch.erfinv(2 * share - 1)
    return torch.stack(torch.meshgrid([line] * z_dim, indexing="xy"), -1)


def _own(net: nn.Module) -> list[Tensor]:
    return [p for p in net.parameters() if p.requires_grad]


def _slopes(loss: Tensor, at: list[Tensor]) -> tuple[Tensor, ...]:
    return torch.autograd.grad(loss, at, retain_graph=True, allow_unused=True, materialize_grads=True)


def _norm(slopes: list[Tensor] | tuple[Tensor, ...]) -> float:
    return float(_finite(torch.cat([s.flatten() for s in slopes]).norm()))


def _finite(x: Tensor) -> np.ndarray:
    x = x.detach().cpu().float()
    return torch.where(x.isfinite(), x, 0.0).clamp(-MOST, MOST).numpy()


def _probability(logits: np.ndarray) -> np.ndarray:
    return 0.5 + 0.5 * np.tanh(0.5 * logits)  # the sigmoid, without an overflow


def _bytes(probability: np.ndarray) -> np.ndarray:
    return np.rint(255 * probability).astype(np.uint8)
