"""Many games at once: the same `train`, over K games in one program.

Claims about training need seeds, and maps need hundreds of runs. On small networks a turn costs calls, not sums, so
K games in one costs little more than one. The loop is that of `game.py`, on stacked networks (`stack.py`): each loss
has one entry a game, and each game learns as it would alone, to within rounding.

    variants = product(lr_g=[1e-4, 1e-3], seed=range(5))
    games = train(generator, discriminator, lambda seed: ring().batches(64, seed), variants, steps=2000, loss=hinge)
    for step in games: ...
    games.table(modes=lambda x: modes_covered(x, ring()))
"""

import itertools
from functools import partial
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from . import door, game
from .game import Game, Step
from .losses import Loss, non_saturating
from .penalties import Penalty
from .stack import Stack
from .table import Table

CHECK_EVERY = 100  # turns between two looks for games whose weights are no longer finite
SETTINGS = {
    "G": None, "D": None, "batches": None, "seed": 0, "loss": non_saturating, "penalties": (), "constrain": None,
    "opt": None, "lr_g": 1e-3, "lr_d": 1e-3, "d_steps": 1, "g_steps": 1, "average": None,
}  # fmt: skip


def product(**axes: Iterable) -> list[dict]:
    """Each combination of the axes' values as a dict: `product(lr_g=[1e-4, 1e-3], seed=range(5))` gives ten."""
    axes = {name: list(values) for name, values in axes.items()}
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]


def adam(parameters: list[nn.Parameter], lr: float) -> torch.optim.Optimizer:
    """The optimiser that `game.train` makes by default."""
    return torch.optim.Adam(parameters, lr, betas=(0.0, 0.99), fused=True)


def train(
    G: Callable[[], nn.Module],
    D: Callable[[], nn.Module],
    batches: Callable[[int], Iterator],
    variants: Sequence[dict],
    *,
    steps: int | None = None,
    **common,
) -> "Ensemble":
    """Set up one game for each dict in `variants` and check them; iterate over the result to play all at once.

    G, D:       functions that make a network; called with torch's stream seeded by the game's seed.
    batches:    a function from a seed to batches: `lambda seed: ring().batches(64, seed)`.
    variants:   what one game has of its own: any of `seed`, `loss`, `penalties`, `constrain`, `opt`, `lr_g`, `lr_d`,
                `d_steps`, `g_steps`, `average`, `G`, `D`, `batches`, and `name` for the table.
    steps:      turns in all; None is endless. common: settings, as in a variant, for the games without their own.
    opt:        a function from parameters and rate to an optimiser whose step is in proportion to its rate (Adam, SGD
                and RMSprop are); by default `adam`. The rest is explained at `game.train`.

    Fastest where games differ in seeds, rates and weights of penalties only. Games that differ in anything else
    are played in groups, all in the same turn.
    """
    if not variants:
        raise ValueError("variants is empty: give one dict for each game, such as [{'seed': 0}, {'seed': 1}].")
    common = {**SETTINGS, "G": G, "D": D, "batches": batches, **common}
    for given in (common, *variants):
        if unknown := set(given) - set(SETTINGS) - {"name"}:
            raise ValueError(f"{sorted(unknown)[0]!r} is no setting of a game; they are: name, {', '.join(SETTINGS)}.")
    return Ensemble([dict(v) for v in variants], [{**common, **v} for v in variants], steps)


class Ensemble(Iterator[Step]):
    """K games at play; `next(games)` plays one turn of each. Made by `train`, which explains the arguments.

    A step's losses have shape (K,), NaN for games that have ended. `status` says of each game "playing", "played" (to
    the end), "stopped" (by `stop`) or "diverged" (its weights were not finite when last looked at, every 100 turns),
    and `turns` how many it played. `rate` and `weight` are factors on all learning rates and on all penalties from the next turn on, for
    schedules.
    """

    def __init__(self, variants: list[dict], settings: list[dict], steps: int | None):
        self.variants, self.settings, self.steps = variants, settings, steps
        self.index, self.rate, self.weight = 0, 1.0, 1.0
        self.status, self.turns = ["playing"] * len(settings), [0] * len(settings)
        kinds: dict[tuple, list[int]] = {}
        for k, setting in enumerate(settings):
            kinds.setdefault(_kind(setting), []).append(k)
        self._groups = [_Together(rows, [self.solo(k) for k in rows], settings[rows[0]]) for rows in kinds.values()]
        self._ended: dict[int, tuple[nn.Module, nn.Module]] = {}

    def __len__(self) -> int:
        return len(self.settings)

    def solo(self, k: int) -> Game:
        """Game k afresh and alone, from its first turn: what it plays equals what it plays in here."""
        s = self.settings[k]
        with door.forked(torch.device("cpu"), s["seed"]):
            G, D = s["G"](), s["D"]()
        ready = {}
        if s["opt"]:
            for player, net in (("g", G), ("d", D)):
                ready[f"opt_{player}"] = s["opt"]([p for p in net.parameters() if p.requires_grad], s[f"lr_{player}"])
        else:
            ready = {"lr_g": s["lr_g"], "lr_d": s["lr_d"]}
        same = {name: s[name] for name in ("loss", "penalties", "constrain", "d_steps", "g_steps", "average", "seed")}
        return game.train(G, D, s["batches"](s["seed"]), steps=self.steps, **same, **ready)

    def __next__(self) -> Step:
        if not any(self._groups) or (self.steps is not None and self.index >= self.steps):
            raise StopIteration
        losses = torch.full((2, len(self)), torch.nan)
        for group in filter(len, self._groups):
            group.rate, group.weight = self.rate, self.weight
            step = next(group)
            losses = losses.to(step.d_loss.device)
            losses[0, group.rows], losses[1, group.rows] = step.d_loss, step.g_loss
        self.index += 1
        for k, status in enumerate(self.status):
            self.turns[k] += status == "playing"
        if self.index % CHECK_EVERY == 0 or self.index == self.steps:
            for group in filter(len, self._groups):
                self._end(group, ~group.finite(), "diverged")
        if self.index == self.steps:
            self.status = ["played" if status == "playing" else status for status in self.status]
        return Step(self.index, losses[0], losses[1])

    def play(self, steps: int | None = None) -> "Ensemble":
        """Play on with a progress bar, `steps` turns or to the end; gives the ensemble back."""
        left = None if self.steps is None else self.steps - self.index
        if steps is None and left is None:
            raise ValueError("These games have no end: say how many turns to play, as in games.play(1000).")
        left = steps if left is None else left if steps is None else min(steps, left)
        for _ in tqdm(itertools.islice(self, left), total=left, desc=f"{len(self)} games", unit="turn"):
            pass
        return self

    def stop(self, which: Sequence[bool] | Tensor) -> None:
        """End the games where `which` (K,) is true. They keep their weights, and the others go on faster."""
        which = torch.as_tensor(which, dtype=torch.bool)
        if which.shape != (len(self),):
            raise ValueError(f"stop needs one truth value for each of {len(self)} games, not {tuple(which.shape)}.")
        for group in filter(len, self._groups):
            self._end(group, which[group.rows], "stopped")

    def _end(self, group: "_Together", which: Tensor, status: str) -> None:
        for place in which.nonzero().flatten().tolist():
            k = group.rows[place].item()
            self._ended[k], self.status[k] = group.players(place), status
        group.keep((~which.cpu()).nonzero().flatten())

    def players(self, k: int) -> tuple[nn.Module, nn.Module]:
        """Copies of game k's networks as they are now: (G, D), G averaged if the game averages."""
        if k in self._ended:
            return self._ended[k]
        group = next(group for group in self._groups if k in group.rows)
        return group.players(group.rows.tolist().index(k))

    def sample(self, n: int, seed: int = 0) -> Tensor:
        """n points of each game, (K, n, ...), each as `Game.sample` draws them. Those of a diverged game may be NaN."""
        with torch.no_grad():
            found = {k: _sample(G, n, seed) for k, (G, _) in self._ended.items()}
            for group in filter(len, self._groups):
                found.update(zip(group.rows.tolist(), group.sample(n, seed=seed), strict=True))
        return torch.stack([found[k] for k in range(len(self))])

    def table(self, n: int = 2500, seed: int = 0, **measures: Callable[[Tensor], float]) -> Table:
        """A row for each game: what it was given, how it ended, and each of `measures` of its n samples (n, ...).

        NaN stands where samples are not finite.
        """
        rows = []
        for k, x in enumerate(self.sample(n, seed)):
            bad = not bool(x.isfinite().all())
            scores = {name: float("nan") if bad else float(measure(x)) for name, measure in measures.items()}
            rows.append({**self.variants[k], "turns": self.turns[k], "status": self.status[k], **scores})
        return Table(rows)


def _sample(G: nn.Module, n: int, seed: int) -> Tensor:
    """What `Game.sample` draws from G."""
    where = next(G.parameters()).device
    z = torch.randn(n, G.z_dim, generator=torch.Generator(where).manual_seed(seed), device=where)
    with door.evaluating(G):
        return G(z)


def _kind(setting: dict) -> tuple:
    """Games of one kind fit into one stack: they differ in seeds, rates and weights of penalties alone."""
    terms = tuple(p.term if isinstance(p, Penalty) else p for p in setting["penalties"])
    own = ("G", "D", "batches", "loss", "constrain", "opt", "d_steps", "g_steps", "average")
    return (terms, *(setting[name] for name in own))


def _each(loss: Callable) -> Callable:
    """One number a game, (K,), from logits (K, n, 1)."""

    def of_each(real: Tensor, fake: Tensor) -> Tensor:
        return torch.vmap(loss)(real, fake) if real.dim() > 2 else loss(real, fake)

    return of_each


class _Together(Game):
    """Games of one kind as one `Game`, whose networks are stacks and whose losses have one entry a game."""

    def __init__(self, rows: list[int], solos: list[Game], setting: dict):
        self.rows, self._solos, self.rate, self.weight = torch.tensor(rows), solos, 1.0, 1.0
        G, D = Stack([solo.G for solo in solos]), Stack([solo.D for solo in solos])
        make = setting["opt"] or adam
        super().__init__(
            G, D, None, steps=None, loss=Loss(_each(setting["loss"].d), _each(setting["loss"].g)), penalties=(),
            constrain=self._constrain if setting["constrain"] else None, noise=self._noises,
            opt_g=make(list(G.parameters()), 1.0), opt_d=make(list(D.parameters()), 1.0), d_steps=setting["d_steps"],
            g_steps=setting["g_steps"], average=setting["average"], seed=0,
        )  # fmt: skip
        self._stacks = [G, D, *([self.averaged] if self.averaged else [])]

    def __len__(self) -> int:
        return len(self.rows)

    def __next__(self) -> Step:
        self.rng = [solo.rng for solo in self._solos]
        self.penalties = self._weighted()
        return super().__next__()

    def _weighted(self) -> list[Callable]:
        """The games' penalties, one function for all games; of a Penalty only the weight differs, and is a tensor."""
        together = []
        for own in zip(*[solo.penalties for solo in self._solos], strict=True):
            if isinstance(own[0], Penalty):
                weights = torch.tensor([self.weight * p.weight for p in own], device=self.device)
                together.append(Penalty(weights, own[0].term))
            else:
                together.append(partial(self._one_by_one, own[0]))
        return together

    def _one_by_one(self, penalty: Callable, D: Callable, real: Tensor, fake: Tensor, *cond: Tensor) -> Tensor:
        each = [penalty(partial(D.one, k), real[k], fake[k], *[c[k] for c in cond]) for k in range(len(self))]
        return self.weight * torch.stack(each)

    def _constrain(self, D: Stack) -> None:
        for k, solo in enumerate(self._solos):
            solo.constrain(D.view(k))

    def _draw(self) -> tuple[Tensor, ...]:
        parts = tuple(torch.stack(part) for part in zip(*[solo._draw() for solo in self._solos], strict=True))
        self._size = parts[0].shape[1]
        return parts

    def _noises(self, _: int) -> Tensor:
        return torch.stack([solo.noise(self._size) for solo in self._solos])

    def _update(self, player: str, losses: Tensor, opt: torch.optim.Optimizer) -> None:
        """One step of one player in each game: at the highest rate, of which each game then goes its own share."""
        own = [p for p in opt.param_groups[0]["params"] if p.requires_grad]
        opt.zero_grad()
        losses.sum().backward(inputs=own)  # no game's loss depends on another's weights: each gets its own gradient
        rates = [getattr(solo, f"opt_{player[0]}").param_groups[0]["lr"] for solo in self._solos]
        opt.param_groups[0]["lr"] = self.rate * max(rates)
        before = None if len(set(rates)) == 1 else [p.detach().clone() for p in own]
        opt.step()
        if before:
            shares = torch.tensor(rates, device=self.device) / max(rates)
            for p, old in zip(own, before, strict=True):
                p.data = old.lerp(p.data, shares.view(-1, *[1] * (p.dim() - 1)))

    def finite(self) -> Tensor:
        """Which games' weights are all finite, (K,)."""
        weights = [*self.G.parameters(), *self.D.parameters()]
        return torch.stack([p.detach().flatten(1).isfinite().all(1) for p in weights]).all(0)

    def keep(self, places: Tensor) -> None:
        """Go on with these games only."""
        for opt in (self.opt_g, self.opt_d):
            for state in opt.state.values():
                for name, value in state.items():
                    if value.dim():  # the count of steps is one for all
                        state[name] = value[places]
        for stack in self._stacks:
            stack.keep(places)
        self.rows, self._solos = self.rows[places], [self._solos[i] for i in places.tolist()]

    def players(self, place: int) -> tuple[nn.Module, nn.Module]:
        return (self.averaged or self.G).take(place), self.D.take(place)

    def sample(self, n: int, *, seed: int = 0) -> Tensor:
        G = self.averaged or self.G
        z_dim = self._solos[0].G.z_dim
        z = torch.randn(n, z_dim, generator=torch.Generator(self.device).manual_seed(seed), device=self.device)
        with door.evaluating(G):
            return G(z.expand(len(self), n, z_dim))
