"""A turn as a CUDA graph: the GPU repeats all of it, both players, penalties and optimisers, at one word of the host.

A small game leaves a GPU idle most of the time: it waits for Python to name the next kernel. In a graph the kernels are
known beforehand. Random numbers are new in each repetition: PyTorch moves the registered generators on.
"""

import math
from types import SimpleNamespace

import torch
from torch import Tensor, nn

from .health import NonFinite

COUNTED = "capturable"  # what an optimiser of PyTorch is asked for, so that it keeps its numbers on the GPU


class Graph:
    """One turn of a game, captured; calling it plays the next. RuntimeError where a turn cannot be captured.

    The game has played some turns before, so that its optimisers' states are there. Nothing is computed by capturing.
    """

    def __init__(self, game):
        self._game = game
        self._groups = [group for opt in (game.opt_d, game.opt_g) for group in opt.param_groups]
        # A rate is read by the kernels from the GPU's memory, where it may be changed between turns.
        self._rates = [torch.tensor(group["lr"], device=game.device) for group in self._groups]
        self._set = [group["lr"] for group in self._groups]
        # What the check for NaN adds up, from check to check.
        self._sums = {player: torch.zeros((), device=game.device) for player in ("discriminator", "generator")}
        self._graph = torch.cuda.CUDAGraph()
        own = {id(rng): rng for rng in (game.rng, getattr(game.batches, "rng", None)) if rng is not None}
        for rng in own.values():
            self._graph.register_generator_state(rng)
        self._results = self._capture()

    def _capture(self) -> tuple[Tensor, Tensor]:
        game, average = self._game, self._game._average
        counted = average.n_averaged.clone() if average else None
        switches = [group.get(COUNTED) for group in self._groups]
        self._health, game.health = game.health, SimpleNamespace(check=self._add)
        for group, rate, switch in zip(self._groups, self._rates, switches, strict=True):
            group["lr"] = rate
            if switch is not None:
                group[COUNTED] = True
        try:
            with torch.cuda.graph(self._graph):
                return game._turn()
        finally:
            game.health = self._health
            for group, rate, switch in zip(self._groups, self._set, switches, strict=True):
                group["lr"] = rate
                if switch is not None:
                    group[COUNTED] = switch
            if average:
                average.n_averaged.copy_(counted)  # counted by the host, which has only pretended

    def __call__(self) -> tuple[Tensor, Tensor]:
        for i, group in enumerate(self._groups):
            if group["lr"] != self._set[i]:
                self._set[i] = group["lr"]
                self._rates[i].fill_(group["lr"])
        game = self._game
        self._graph.replay()
        if game._average:
            game._average.n_averaged += game.g_steps
        d_loss, g_loss = (loss.clone() for loss in self._results)  # the next turn writes over the graph's own
        if game.health.due(game):
            for player, loss, opt in (("discriminator", d_loss, game.opt_d), ("generator", g_loss, game.opt_g)):
                if not math.isfinite(self._sums[player]):
                    raise NonFinite(game.health.diagnosis(game, player, loss, opt))
        return d_loss, g_loss

    def _add(self, game, player: str, loss: Tensor, own: list[nn.Parameter], opt) -> None:
        self._sums[player].add_(self._health.sum(loss, own))
