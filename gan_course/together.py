"""Games of one kind as one `Game`: its networks are stacks (`stack.py`), and its losses have one entry a game.

All that `Game` does stands for stacks as it is. What differs from game to game is here: where batches and noise come
from, the weights of penalties, and how far each goes in a step. `ensemble.py` plays one of these for each kind.
"""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from . import door
from .adam import Adam
from .game import Game, Step
from .losses import Loss
from .penalties import Penalty
from .stack import Stack

# Where a call costs more than what it computes, numbers drawn game by game would be most of the time: there one
# generator draws for all games, so that `solo` is a game of the same kind, with other draws.
DRAWS_FOR_ALL = ("cuda", "mps")


class Together(Game):
    """The games `rows` of an ensemble, all of one kind. `solos` are the same games alone: each brings its batches, its
    randomness, its rates and its penalties. `rate` and `weight` are factors on all rates and all penalties."""

    def __init__(self, rows: list[int], solos: list[Game], setting: dict):
        self.rows, self._solos, self.rate, self.weight = torch.tensor(rows), solos, 1.0, 1.0
        G, D = Stack([solo.G for solo in solos]), Stack([solo.D for solo in solos])
        make = setting["opt"] or Adam
        super().__init__(
            G, D, None, steps=None, loss=Loss(_each(setting["loss"].d), _each(setting["loss"].g)), penalties=(),
            constrain=self._constrain if setting["constrain"] else None, noise=self._noises,
            opt_g=make(list(G.parameters()), 1.0), opt_d=make(list(D.parameters()), 1.0), d_steps=setting["d_steps"],
            g_steps=setting["g_steps"], average=setting["average"], seed=0, compile="auto",
        )  # fmt: skip
        self._dtype = next(G.parameters()).dtype
        sources = {getattr(solo.batches, "source", lambda own=solo: id(own))() for solo in solos}
        self._one_source = self.device.type in DRAWS_FOR_ALL and len(sources) == 1
        self._for_all = torch.Generator(self.device).manual_seed(solos[0].rng.initial_seed())
        self._stacks = [G, D, *([self.averaged] if self.averaged else [])]
        self._ready: list[list[tuple[Tensor, ...]]] = []
        self._set_rows()

    def _set_rows(self) -> None:
        """What depends on which games are still here."""
        self.rng = self._for_all if self._one_source else [solo.rng for solo in self._solos]
        self.places = self.rows.to(self.device)
        self._rates = {"generator": [solo.opt_g.param_groups[0]["lr"] for solo in self._solos],
                       "discriminator": [solo.opt_d.param_groups[0]["lr"] for solo in self._solos]}  # fmt: skip
        self._shares = {player: torch.tensor(rates, dtype=self._dtype, device=self.device) / max(rates, default=1)
                        for player, rates in self._rates.items()}  # fmt: skip
        self._views = [self.D.view(k) for k in range(len(self))] if self.constrain else []
        self.penalties, self._weights = [], []
        for own in zip(*[solo.penalties for solo in self._solos], strict=True):
            self.penalties.append(self._of_all(own))
        self._replay.forget()

    def _of_all(self, own: tuple[Callable, ...]) -> Callable:
        """A penalty of each game as one function for all; of a Penalty only the weight differs, and is a tensor."""
        if not isinstance(own[0], Penalty):
            return partial(self._one_by_one, own[0])
        weights = torch.tensor([p.weight for p in own], dtype=self._dtype, device=self.device)
        self._weights.append((weights.clone(), weights))
        return Penalty(weights, own[0].term)

    def pattern(self) -> Game | None:
        one_by_one = self.G.one_by_one or self.D.one_by_one
        quick = self._one_source or self.device.type == "cpu"
        return self._solos[0] if type(self) is Together and quick and not one_by_one else None

    def __len__(self) -> int:
        return len(self.rows)

    def fetch(self) -> list[int]:
        """Draw what the next turn needs of each game's data; gives the places of games whose data have ended."""
        self._ready, ended = [], []
        if self._one_source:  # which never ends
            return ended
        for place, solo in enumerate(self._solos):
            try:
                self._ready.append([solo._draw() for _ in range(max(self.d_steps, 1))])
            except StopIteration:
                self._ready.append([])
                ended.append(place)
        return ended

    def __next__(self) -> Step:
        for base, weights in self._weights:
            torch.mul(base, self.weight, out=weights)
        for opt, rates in ((self.opt_g, self._rates["generator"]), (self.opt_d, self._rates["discriminator"])):
            opt.param_groups[0]["lr"] = self.rate * max(rates)
        return super().__next__()

    def _one_by_one(self, penalty: Callable, D: Callable, real: Tensor, fake: Tensor, *cond: Tensor) -> Tensor:
        if self.D.one_by_one:
            raise ValueError(
                "Many games at once cannot have both a penalty function of yours and layers with buffers, such as "
                "spectral_norm's: give a Penalty(weight, term), as r1 does, or play the games one by one with train."
            )
        each = [penalty(partial(D.one, k), real[k], fake[k], *[c[k] for c in cond]) for k in range(len(self))]
        return self.weight * torch.stack(each)

    def _constrain(self, D: Stack) -> None:
        for k, (solo, view) in enumerate(zip(self._solos, self._views, strict=True)):
            solo.constrain(view)
            D.take_over(k, view)

    def _draw(self) -> tuple[Tensor, ...]:
        if self._one_source:
            batch = self._solos[0].batches.many(len(self), self.rng)
            self._size = batch[0].shape[1]
            return batch
        batches = [ready.pop(0) for ready in self._ready]
        if len({tuple(part.shape for part in batch) for batch in batches}) > 1:
            raise ValueError(
                "These games draw batches of different shapes, so they cannot be stacked: give each shape its own "
                "function, as in {'batches': lambda seed: ring().batches(128, seed)}, in the variants that want it."
            )
        self._size = len(batches[0][0])
        return tuple(torch.stack(part) for part in zip(*batches, strict=True))

    def _noises(self, _: int) -> Tensor:
        if self._one_source:
            z_dim = self._solos[0].G.z_dim
            return torch.randn(len(self), self._size, z_dim, generator=self.rng, device=self.device)
        return torch.stack([solo.noise(self._size) for solo in self._solos])

    def _backward(self, losses: Tensor, own: list[nn.Parameter]) -> None:
        super()._backward(losses.sum(), own)  # no game's loss depends on another's weights: each gets its own gradient

    def _step(self, player: str, losses: Tensor, own: list[nn.Parameter], opt: torch.optim.Optimizer) -> None:
        """One step of one player in each game: at the highest rate, of which each game then goes its own share."""
        if len(set(self._rates[player])) == 1:
            opt.step()
            return
        before = [p.detach().clone() for p in own]
        opt.step()
        with torch.no_grad():
            for p, old in zip(own, before, strict=True):
                p.copy_(old.lerp(p, self._shares[player].view(-1, *[1] * (p.dim() - 1))))

    def finite(self) -> Tensor:
        """Which games' weights are all finite, (K,)."""
        weights = [*self.G.parameters(), *self.D.parameters()]
        return torch.stack([p.detach().flatten(1).isfinite().all(1) for p in weights]).all(0)

    def keep(self, places: Sequence[int]) -> None:
        """Go on with these games only."""
        rows = torch.tensor(places, dtype=torch.long, device=self.device)
        for opt in (self.opt_g, self.opt_d):
            for state in opt.state.values():
                for name, value in state.items():
                    if isinstance(value, Tensor) and value.dim():  # the count of steps is one for all
                        state[name] = value[rows]
        for stack in self._stacks:
            stack.keep(rows)
        self.rows = self.rows[rows.cpu()]
        self._solos = [self._solos[i] for i in places]
        self._ready = [self._ready[i] for i in places] if self._ready else []
        self._set_rows()

    def players(self, place: int) -> tuple[nn.Module, nn.Module]:
        return (self.averaged or self.G).take(place), self.D.take(place)

    @torch.no_grad()
    def sample(self, n: int, *cond: Tensor, seed: int = 0) -> Tensor:
        """n points of each game, (K, n, ...): all from the same noise, and under the same conditions (n, ...)."""
        G, z_dim = self.averaged or self.G, self._solos[0].G.z_dim
        z = torch.randn(n, z_dim, generator=torch.Generator(self.device).manual_seed(seed), device=self.device)
        with door.evaluating(G):
            return G(*[part.expand(len(self), *part.shape) for part in (z, *cond)])


def _each(loss: Callable) -> Callable:
    """One number a game, (K,), from logits (K, n, 1)."""

    def of_each(real: Tensor, fake: Tensor) -> Tensor:
        return torch.vmap(loss)(real, fake) if real.dim() > 2 else loss(real, fake)

    return of_each
