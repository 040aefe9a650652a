"""You are the judge: pairs of a real and a made picture, and you say which is real. What you get is a score with an
interval, beside the half that a coin gets: the oldest measure of a generator, and one with an error bar like any other.

All pictures go to the page at once, and `judge.js` needs no kernel to run the trial; the answers come back to Python.
"""

import math
from numbers import Integral

import anywidget
import torch
import traitlets
from matplotlib.figure import Figure
from torch import Tensor

from gan_course import plot
from gan_course.widgets.script import script

NORMAL = 1.959964  # a normal variable lies within so many standard deviations with chance 0.95
SHOWN = 10  # rounds in the picture for viewers without a kernel


class Judge(anywidget.AnyWidget):
    """Pictures `real` and `fake`, (n, 1, h, w) each, from -1 (black) to 1 (white), of which `rounds` pairs are drawn.

    Afterwards `answers` says of each round answered so far whether the real one was found, `score` how many were, and
    `interval` between which shares of right answers your skill lies. ValueError for too few pictures or other shapes.
    """

    _esm = script("judge.js")

    size = traitlets.List(traitlets.Int()).tag(sync=True)  # of a picture: height, width
    pixels = traitlets.Bytes().tag(sync=True)  # a byte a pixel, row by row: of each round the left, then the right
    real_is = traitlets.List(traitlets.Int()).tag(sync=True)  # of each round: 0 if the left one is real, 1 the right
    intervals = traitlets.List().tag(sync=True)  # `interval` of each score that all rounds can give, from 0
    verdicts = traitlets.List(traitlets.Unicode()).tag(sync=True)  # and what to say to it
    chosen = traitlets.List(traitlets.Int()).tag(sync=True)  # the sides that were called real so far

    def __init__(self, real: Tensor, fake: Tensor, rounds: int = 20, seed: int = 0):
        real, fake = (_checked(name, x, rounds) for name, x in (("real", real), ("fake", fake)))
        if real.shape[2:] != fake.shape[2:]:
            raise ValueError(
                f"real and fake must be pictures of one size, not {tuple(real.shape[2:])} and {tuple(fake.shape[2:])}."
            )
        rng = torch.Generator().manual_seed(seed)
        pairs = torch.stack([x[torch.randperm(len(x), generator=rng)[:rounds]] for x in (real, fake)], 1)
        right = torch.randint(2, (rounds,), generator=rng)  # 1 where the real one is put on the right
        self.pairs = torch.where(right.view(-1, 1, 1, 1, 1).bool(), pairs.flip(1), pairs)
        grey = ((self.pairs.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
        super().__init__(
            size=list(real.shape[2:]),
            pixels=grey.numpy().tobytes(),
            real_is=right.tolist(),
            intervals=[wilson(k, rounds) for k in range(rounds + 1)],
            verdicts=[_verdict(k, rounds) for k in range(rounds + 1)],
        )

    @traitlets.validate("chosen")
    def _sides_of_rounds(self, proposal) -> list[int]:
        chosen = proposal["value"]
        if len(chosen) > len(self.real_is) or not set(chosen) <= {0, 1}:
            raise traitlets.TraitError(f"chosen holds 0 (left) or 1 (right), for at most {len(self.real_is)} rounds.")
        return chosen

    @property
    def answers(self) -> list[bool]:
        return [side == real for side, real in zip(self.chosen, self.real_is, strict=False)]

    @property
    def score(self) -> int:
        return sum(self.answers)

    @property
    def interval(self) -> tuple[float, float]:
        """`wilson` of the answers so far."""
        return wilson(self.score, len(self.answers))


def wilson(right: int, rounds: int) -> tuple[float, float]:
    """The 95 % interval of a chance of which `right` of `rounds` trials came true, between 0 and 1. (0, 1) for none.

    Wilson 1927, "Probable Inference, the Law of Succession, and Statistical Inference": unlike mean and standard
    deviation, it stays within 0 and 1 and is right about few trials.
    """
    if not rounds:
        return 0.0, 1.0
    share, weight = right / rounds, NORMAL**2 / rounds
    middle = share + weight / 2
    half = NORMAL * math.sqrt(share * (1 - share) / rounds + weight / (4 * rounds))
    # None or all right: that end is 0 or 1, and rounding must not put it on the wrong side of the share itself.
    low = (middle - half) / (1 + weight) if right else 0.0
    return low, (middle + half) / (1 + weight) if right < rounds else 1.0


def picture(judge: Judge) -> Figure:
    """The first pairs on paper, left above right, with the answers below them: for viewers without a kernel."""
    shown = judge.pairs[:SHOWN]
    fig, ax = plot.figure(height=2.4)
    plot.images(ax, torch.cat([shown[:, 0], shown[:, 1]]), cols=len(shown))
    sides = ", ".join(f"{i} {('left', 'right')[side]}" for i, side in enumerate(judge.real_is[: len(shown)], 1))
    ax.set_title("Pairs of a real and a made picture: the left one above, the right one below", fontsize=10)
    ax.text(0.5, -0.08, f"Real: {sides}.", ha="center", transform=ax.transAxes, fontsize=8)
    return fig


def _checked(name: str, x: Tensor, rounds: int) -> Tensor:
    if not isinstance(rounds, Integral) or rounds < 1:
        raise ValueError(f"rounds must be a whole number of 1 or more, got {rounds!r}.")
    x = torch.as_tensor(x).detach().cpu().float()
    if x.dim() != 4 or x.shape[1] != 1:
        raise ValueError(f"{name} must be grey pictures of shape (n, 1, h, w), not {tuple(x.shape)}.")
    if len(x) < rounds:
        raise ValueError(f"{rounds} rounds need as many {name} pictures, but there are {len(x)}: give fewer rounds.")
    if not x.isfinite().all():
        raise ValueError(f"{name} holds numbers that are not finite: these pictures cannot be shown.")
    return x


def _verdict(right: int, rounds: int) -> str:
    low, high = wilson(right, rounds)
    found = (
        f"You found {right} of {rounds}, with a 95 % interval from {100 * low:.0f} % to {100 * high:.0f} %. "
        "A coin gets 50 %. "
    )
    if low > 0.5:
        return found + "You can tell these pictures from real ones."
    if high < 0.5:
        return found + "You can tell them apart, but you took the made ones for real."
    return found + "Half lies within your interval: you have not shown that you can tell them apart."
