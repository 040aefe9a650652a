"""What a recipe is given, and what it gives back."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ..game import Game
from .data import Data


@dataclass(frozen=True)
class Options:
    """What the command line settles. `lr` is the rate of both players, or None for the recipe's own.

    A recipe is meant for its own width and many turns, and should also work, smaller, on a laptop.
    """

    steps: int
    batch: int
    width: int
    seed: int
    device: torch.device
    lr: float | None = None
    bf16: bool = False

    def rate(self, at_32: float) -> float:
        """The rate for networks of this width, from that of width 32: the narrower, the higher. Else a narrow G learns
        too slowly to follow D."""
        return self.lr or at_32 * 32 / self.width

    @property
    def average(self) -> float:
        """The decay of the average of G's weights: over a thousand turns, in short runs over a twentieth of them. Else
        the first weights would still show at the end."""
        return min(0.999, max(0.9, 1 - 20 / self.steps))


class Score(NamedTuple):
    """A metric, and what real data scores against real data (mean and s.d.) at the same number of samples, n."""

    value: float
    floor: float
    floor_sd: float
    n: int


@dataclass(frozen=True)
class Experiment:
    """A game that is ready to play, and how to look at it.

    sheet:    pictures to look at, (n, channels, h, w) in [-1, 1]; the same noise each time.
    measure:  given a judge of these data (see `judge.py`), metrics by name.
    """

    game: Game
    sheet: Callable[[], Tensor]
    measure: Callable[..., dict[str, Score]]


class Recipe(NamedTuple):
    """A larger experiment as a value; `recipes/__init__.py` lists them.

    data:   the name of the images, "mnist" or "fashion_mnist", and their `size` in pixels.
    build:  a function of `(data, options)` that gives an `Experiment`.
    """

    what: str
    data: str
    size: int
    steps: int
    batch: int
    width: int
    build: Callable[[Data, Options], Experiment]
