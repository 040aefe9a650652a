"""A batch computed in parts: the same update from less memory, or by several processes at once.

The gradient of a mean over a batch is the mean of its parts' gradients. So they can be computed one after the other and
added up (gradient accumulation), where memory is short; or each by a process of its own, where there are several (data
parallelism); or both. The optimiser steps once, as before. So the *effective* batch, which the learning rates were
chosen for, stays.
"""

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn

from .game import Game
from .shared_norm import has_batch_norm, share_batch_norm
from .team import Team


def in_parts(game: Game, parts: int = 1, tell: Callable[[str], None] = print, team: Team | None = None) -> Game:
    """The game, with each update computed in `parts`; where memory runs out, in twice as many from then on.

    Equal to the whole batch within rounding, if each sample's loss depends on itself (or its pair) alone. Batch
    normalisation, and layers that compare samples, see a part in place of the batch.

    game: fresh from `train`; the result shares all it has, so play the result only. `parts` may be changed between
    turns. tell: a function that is given a sentence each time that memory ran out. team: the processes that share each
    batch, from `team.join()`. All build the same game, from the same seeds: each draws the whole batch and noise, and
    computes its rows of it. Batch normalisation is then shared too, and each process sees the moments of all.
    """
    if not isinstance(game, Game):
        raise TypeError(f"in_parts needs a game, as `train` gives it, not {type(game).__name__}.")
    if isinstance(parts, bool) or not isinstance(parts, int) or parts < 1:
        raise ValueError(f"parts must be a whole number of 1 or more, got {parts!r}.")
    return _InParts(game, parts, tell, team or Team())


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out. On the processor, PyTorch raises no type of its own for it, and its
    convolutions (oneDNN) only say what could not be made."""
    signs = ("can't allocate memory", "out of memory", "bad_alloc", "could not create a memory",
             "could not create a primitive", "could not execute a primitive", "can't start new thread")  # fmt: skip
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or (
        isinstance(error, RuntimeError) and any(sign in str(error) for sign in signs)
    )


class _Draws:
    """The random numbers of one update: drawn once, for the whole batch, so that each part gets its rows of them."""

    def __init__(self, n: int, z: Tensor, rng: torch.Generator):
        self.n, self.z, self._rng, self._uniform = n, z, rng, []

    def part(self, low: int, high: int) -> None:
        self.rows, self.share, self._asked = slice(low, high), (high - low) / self.n, 0

    def uniform(self, _: int, *sample: int, **like) -> Tensor:
        """As `torch.rand`, the part's rows. A pass asks in the same order as the one before it."""
        self._asked += 1
        if self._asked > len(self._uniform):
            self._uniform.append(torch.rand(self.n, *sample, generator=self._rng, **like))
        return self._uniform[self._asked - 1][self.rows]


class _Drawing:
    """D as a penalty sees it in a part."""

    def __init__(self, D: Callable, draws: _Draws):
        self.D, self.uniform = D, draws.uniform

    def __call__(self, x: Tensor, *cond: Tensor) -> Tensor:
        return self.D(x, *cond)

    def __getattr__(self, name: str):
        return getattr(self.D, name)


class _InParts(Game):
    def __init__(self, game: Game, parts: int, tell: Callable[[str], None], team: Team):
        self.__dict__ = game.__dict__  # the same networks, optimisers, batches, randomness, and count of turns
        self.parts, self.tell, self.team, self._draws = parts, tell, team, None
        self._tied = team.size > 1 and (has_batch_norm(self.G) or has_batch_norm(self.D))
        if team.size > 1:
            self._replay.mode = "eager"  # a record would not meet the others
        if self._tied:
            share_batch_norm(self.G, team), share_batch_norm(self.D, team)

    def pattern(self) -> Game | None:
        # A graph takes its memory when it is captured. On a processor memory may run out in any turn, which a record
        # could not answer by halving.
        return self if self.parts == 1 and self.team.size == 1 and self.device.type == "cuda" else None

    def _is_captured(self) -> bool:
        return self.device.type == "cuda" and torch.cuda.is_current_stream_capturing()

    def _improve_d(self, real: Tensor, *cond: Tensor) -> Tensor:
        return self._improve("discriminator", super()._improve_d, self.opt_d, real, *cond)

    def _improve_g(self, real: Tensor, *cond: Tensor) -> Tensor:
        return self._improve("generator", super()._improve_g, self.opt_g, real, *cond)

    def _improve(self, player: str, improve: Callable, opt: torch.optim.Optimizer, real: Tensor, *cond: Tensor):
        low, high = self.team.rows(len(real))
        draws = None
        while True:
            try:
                if self.parts == 1 and self.team.size == 1:
                    return improve(real, *cond)  # the game's own update, to the bit
                draws = draws or _Draws(len(real), super().noise(len(real)), self.rng)
                loss = self._accumulate(improve, opt, draws, low, high, real, *cond)
                break
            except (MemoryError, RuntimeError) as error:
                if not out_of_memory(error) or self._is_captured():
                    raise
                self._refuse_if_hopeless(high - low, error)
            # Out of the except block, the failed pass and its tensors are gone.
            self.parts = min(2 * self.parts, high - low)
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
            self.tell(
                f"Memory ran out at turn {self.index + 1}: from now on each batch of {high - low} is computed in "
                f"{self.parts} parts. The update is the same, and takes longer."
            )
        return self._step_once(player, opt, loss)

    def _accumulate(self, improve: Callable, opt: torch.optim.Optimizer, draws: _Draws, low: int, high: int,
                    real: Tensor, *cond: Tensor) -> Tensor:  # fmt: skip
        """Add up the gradients of the rows from low to high, in parts; gives these rows' share of the loss."""
        for p in _own(opt):
            p.grad = None
        # What comes after an update comes when all parts are done.
        penalties = [lambda D, *points, p=p: p(_Drawing(D, draws), *points) for p in self.penalties]
        changed = {"constrain": None, "_average": None, "penalties": penalties, "_draws": draws}
        before, total = {name: self.__dict__[name] for name in changed}, 0.0
        # As many parts in each process, since each part's batch normalisation is a meeting.
        parts = min(self.parts, len(real) // self.team.size)
        self.__dict__.update(changed)
        try:
            for i, j in pairwise(low + (high - low) * i // parts for i in range(parts + 1)):
                draws.part(i, j)
                total += draws.share * improve(real[i:j], *[c[i:j] for c in cond]).detach()
        finally:
            self.__dict__.update(before)
        return total

    def _step_once(self, player: str, opt: torch.optim.Optimizer, loss: Tensor) -> Tensor:
        own = [p for p in _own(opt) if p.grad is not None]
        if self.team.size > 1:  # one meeting an update
            flat = self.team.add(torch.cat([*(p.grad.flatten() for p in own), loss.reshape(1)]))
            *slopes, loss = flat.split([*(p.numel() for p in own), 1])
            for p, slope in zip(own, slopes, strict=True):
                p.grad.copy_(slope.view_as(p))
            loss = loss.squeeze()
        super()._step(player, loss, own, opt)
        if player == "discriminator" and self.constrain:
            self.constrain(self.D)
        if player == "generator" and self._average:
            self._average.update_parameters(self.G)
        return loss

    def _refuse_if_hopeless(self, rows: int, error: BaseException) -> None:
        if self._tied:
            # The others wait for this one inside a layer, and cannot be told to begin again.
            raise MemoryError(
                f"in process {self.team.rank}, at turn {self.index + 1}. Batch normalisation ties the processes "
                "together, so one cannot take its share in smaller parts. With more processes the shares are smaller."
            ) from error
        if self.parts >= rows:
            raise MemoryError(
                "Memory ran out even with one sample at a time: make the networks narrower, close other "
                "programs, or use a machine with more memory."
            ) from error

    def noise(self, n: int) -> Tensor:
        return self._draws.z[self._draws.rows] if self._draws else super().noise(n)

    def _backward(self, loss: Tensor, own: list[nn.Parameter]) -> None:
        if self._draws is None:
            super()._backward(loss, own)
        else:
            (self._draws.share * loss).backward(inputs=own)

    def _step(self, player: str, loss: Tensor, own: list[nn.Parameter], opt: torch.optim.Optimizer) -> None:
        if self._draws is None:  # else the step is made once, when all parts are done
            super()._step(player, loss, own, opt)


def _own(opt: torch.optim.Optimizer) -> list[nn.Parameter]:
    return [p for group in opt.param_groups for p in group["params"] if p.requires_grad]
