"""A turn as a CUDA graph: the GPU repeats all of it, both players, penalties and optimisers, at one word of the host.

A small game leaves a GPU idle most of the time: it waits for Python to name the next kernel. In a graph the kernels are
known beforehand. Random numbers are new in each repetition: PyTorch moves the registered generators on.
"""

import math
import weakref
from types import SimpleNamespace

import torch
from torch import Tensor, nn

from .health import NonFinite


class Graph:
    """One turn of a game, captured; calling it plays the next. RuntimeError where a turn cannot be captured.

    The game has played some turns before, so that its optimisers' states are there. Nothing is computed by capturing.
    """

    def __init__(self, game):
        self._game = weakref.proxy(game)  # the game holds its record
        self._held = tensors(game)  # the graph knows their addresses: none may be given to others
        self._groups = [group for opt in (game.opt_d, game.opt_g) for group in opt.param_groups]
        # A rate is read by the kernels from the GPU's memory, where it may be changed between turns.
        self._set = [group["lr"] for group in self._groups]
        self._rates = [torch.tensor(rate, dtype=torch.float32, device=game.device) for rate in self._set]
        # What the check for NaN adds up, from check to check.
        self._sums = {player: torch.zeros((), device=game.device) for player in ("discriminator", "generator")}
        self._graph = torch.cuda.CUDAGraph()
        own = {id(rng): rng for rng in (game.rng, getattr(game.batches, "rng", None)) if rng is not None}
        for rng in own.values():
            self._graph.register_generator_state(rng)
        with torch.cuda.device(game.device):
            self._results = self._capture(game)

    def _capture(self, game) -> tuple[Tensor, Tensor]:
        average, stream = game._average, torch.cuda.current_stream()
        counted = average.n_averaged.clone() if average else None
        self._health, game.health = game.health, SimpleNamespace(check=self._add)
        switches = [group["capturable"] for group in self._groups]
        for group, rate in zip(self._groups, self._rates, strict=True):
            group["lr"], group["capturable"] = rate, True
        try:
            # Other threads of a notebook may use the GPU meanwhile.
            with torch.cuda.graph(self._graph, stream=torch.cuda.Stream(), capture_error_mode="thread_local"):
                return game._turn()
        finally:
            torch.cuda.set_stream(stream)  # which a failed capture leaves behind
            game.health = self._health
            for group, rate, switch in zip(self._groups, self._set, switches, strict=True):
                group["lr"], group["capturable"] = rate, switch
            if average:
                average.n_averaged.copy_(counted)  # counted by the host, which has only pretended

    def __call__(self) -> tuple[Tensor, Tensor]:
        game = self._game
        for i, group in enumerate(self._groups):
            if group["lr"] != self._set[i]:
                self._set[i] = group["lr"]
                self._rates[i].fill_(group["lr"])
        with torch.cuda.device(game.device):
            self._graph.replay()
        if game._average:
            game._average.n_averaged += game.g_steps
        d_loss, g_loss = (loss.clone() for loss in self._results)  # the next turn writes over the graph's own
        if game.health.due(game):
            for player, loss, opt in (("discriminator", d_loss, game.opt_d), ("generator", g_loss, game.opt_g)):
                if not math.isfinite(self._sums[player]):
                    self._sums[player].zero_()
                    raise NonFinite(game.health.diagnosis(game, player, loss, opt))
        return d_loss, g_loss

    def _add(self, game, player: str, loss: Tensor, own: list[nn.Parameter], opt) -> None:
        self._sums[player].add_(self._health.sum(loss, own))


def tensors(game) -> list[Tensor]:
    """What a turn reads and writes that was there before it: weights, optimisers' states, data."""
    found = [t for net in (game.G, game.D, game.averaged) if net for t in (*net.parameters(), *net.buffers())]
    for opt in (game.opt_g, game.opt_d):
        found += [value for state in opt.state.values() for value in state.values() if isinstance(value, Tensor)]
    one = game.pattern()
    for home in (one.batches, getattr(one.batches, "toy", None)):
        for value in vars(home).values() if home else ():
            found += [part for part in (value if isinstance(value, tuple) else (value,)) if isinstance(part, Tensor)]
    return found


def places(game) -> list[int]:
    """Where they lie: if one has moved, a graph is of no use."""
    return [t.data_ptr() for t in tensors(game)]
