"""A batch computed in parts: the same update from less memory, and what to do when memory runs out.

The gradient of a mean over a batch is the mean of its parts' gradients, so they can be computed one after the other
and added up (gradient accumulation); the optimiser steps once, as before. So the *effective* batch, which the learning
rates were chosen for, stays, and only the time grows.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.utils import get_total_norm

from .game import Game, NonFinite


class _Part(NamedTuple):
    """One part of a batch: its noise, its share of the rows, and where it stands."""

    z: Tensor
    share: float
    first: bool
    last: bool


def in_parts(game: Game, parts: int = 1, tell: Callable[[str], None] = print) -> Game:
    """The game, with each update computed in `parts`; where memory runs out, in twice as many from then on.

    Equal to the whole batch within rounding, if each sample's loss depends on itself (or its pair) alone. Batch
    normalisation, and layers that compare samples, see a part in place of the batch.

    game: fresh from `train`; the result shares all it has, so play the result only. `parts` may be changed between
    turns. tell: a function that is given a sentence each time that memory ran out.
    """
    if not isinstance(game, Game):
        raise TypeError(f"in_parts needs a game, as `train` gives it, not {type(game).__name__}.")
    if isinstance(parts, bool) or not isinstance(parts, int) or parts < 1:
        raise ValueError(f"parts must be a whole number of 1 or more, got {parts!r}.")
    return _InParts(game, parts, tell)


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out. On the processor, PyTorch raises no type of its own for it, and its
    convolutions (oneDNN) only say what could not be made."""
    signs = ("can't allocate memory", "out of memory", "bad_alloc", "could not create a memory",
             "could not create a primitive", "could not execute a primitive", "can't start new thread")  # fmt: skip
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or (
        isinstance(error, RuntimeError) and any(sign in str(error) for sign in signs)
    )


class _InParts(Game):
    def __init__(self, game: Game, parts: int, tell: Callable[[str], None]):
        self.__dict__ = game.__dict__  # the same networks, optimisers, batches, randomness, and count of turns
        self.parts, self.tell, self._part = parts, tell, None

    def _improve_d(self, real: Tensor, *cond: Tensor) -> Tensor:
        return self._as_memory_allows(super()._improve_d, real, *cond)

    def _improve_g(self, real: Tensor, *cond: Tensor) -> Tensor:
        return self._as_memory_allows(super()._improve_g, real, *cond)

    def _as_memory_allows(self, improve: Callable, real: Tensor, *cond: Tensor) -> Tensor:
        while True:
            try:
                return improve(real, *cond) if self.parts == 1 else self._accumulate(improve, real, *cond)
            except (MemoryError, RuntimeError) as error:
                if not out_of_memory(error):
                    raise
                if self.parts >= len(real):
                    raise MemoryError(
                        "Memory ran out even with one sample at a time: make the networks narrower, close other "
                        "programs, or use a machine with more memory."
                    ) from error
            # Out of the except block, the failed pass and its tensors are gone.
            self.parts = min(2 * self.parts, len(real))
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
            self.tell(
                f"Memory ran out at turn {self.index + 1}: from now on each batch of {len(real)} is computed in "
                f"{self.parts} parts. The update is the same, and takes longer."
            )

    def _accumulate(self, improve: Callable, real: Tensor, *cond: Tensor) -> Tensor:
        n, z, total = len(real), super().noise(len(real)), 0.0
        # What comes after an update waits for the last part.
        after = {"constrain": self.constrain, "_average": self._average}
        try:
            for low, high in pairwise(n * i // self.parts for i in range(self.parts + 1)):
                self._part = _Part(z[low:high], (high - low) / n, low == 0, high == n)
                self.__dict__.update(after if self._part.last else dict.fromkeys(after))
                loss = improve(real[low:high], *[c[low:high] for c in cond])
                total += self._part.share * loss.detach()
        finally:
            self._part = None
            self.__dict__.update(after)
        return total

    def noise(self, n: int) -> Tensor:
        return self._part.z if self._part else super().noise(n)

    def _update(self, player: str, loss: Tensor, opt: torch.optim.Optimizer) -> None:
        if self._part is None:
            return super()._update(player, loss, opt)
        own = [p for group in opt.param_groups for p in group["params"] if p.requires_grad]
        if self._part.first:
            opt.zero_grad()
        (self._part.share * loss).backward(inputs=own)
        if self._part.last:
            if not torch.isfinite(get_total_norm([p.grad for p in own if p.grad is not None])):
                raise NonFinite(self._diagnosis(player, loss, opt))
            opt.step()
