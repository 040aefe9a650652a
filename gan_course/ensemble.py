"""Many games at once: the same `train`, over K games in one program.

Claims about training need seeds, and maps need hundreds of runs. The loop is that of `game.py`, on stacked networks
(`stack.py`, `together.py`): each loss has one entry a game, and each game learns as it would alone, to within rounding.

    variants = product(lr_g=[1e-4, 1e-3], seed=range(5))
    games = train(generator, discriminator, lambda seed: ring().batches(64, seed), variants, steps=2000, loss=hinge)
    for step in games: ...
    games.table(modes=lambda x: modes_covered(x, ring()))

When it is fast. On small networks a turn's time goes into calling some hundred operations, not into their sums, and
here one call serves all games of a kind: those that differ in seeds, rates and weights of penalties only. Games that
differ in more (loss, networks, batches, steps a turn) are played kind by kind, so a few games of each kind gain
little. Wide networks or large batches gain less, for there the sums cost; each game also draws its own batches and
noise, which costs the same as alone. Nothing is gained with layers that keep buffers (`spectral_norm`), which run one
game after another, and with a penalty function of yours, whose part does; make it a `Penalty(weight, term)`, as `r1`
is. `constrain` is called for each game. Share the functions of settings between variants (`G`, `loss.d`,
`penalty.term`, ...): two lambdas that do the same are two kinds. `print(games)` says how many kinds there are.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from . import door
from .game import Game, Step
from .table import Table
from .together import Together
from .variants import SETTINGS, alone, check_names, check_own, kind

CHECK_EVERY = 100  # on a GPU, turns between two looks for games that have diverged: a look makes it wait


def product(**axes: Iterable) -> list[dict]:
    """Each combination of the axes' values as a dict: `product(lr_g=[1e-4, 1e-3], seed=range(5))` gives ten."""
    axes = {name: list(values) for name, values in axes.items()}
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]


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
    opt:        a function from parameters and rate to an optimiser that treats each weight by itself and steps in
                proportion to its rate (Adam, SGD and RMSprop do); by default Adam as in `game.train`, where the other
                settings are explained.

    Raises TypeError or ValueError, which names the fix, for what cannot be played; a note says which game it was.
    """
    variants = [variants] if isinstance(variants, dict) else list(variants)
    if not variants:
        raise ValueError("variants is empty: give one dict for each game, such as [{'seed': 0}, {'seed': 1}].")
    common = {**SETTINGS, "G": G, "D": D, "batches": batches, **common}
    check_names([common, *variants])
    return Ensemble([dict(v) for v in variants], [{**common, **v} for v in variants], steps)


class Ensemble(Iterator[Step]):
    """K games at play; `next(games)` plays one turn of each. Made by `train`, which explains the arguments.

    A step's losses have shape (K,), NaN for games that have ended. `status` says of each game "playing", "played" (to
    the end of its turns or its data), "stopped" (by `stop`) or "diverged" (a loss or a weight was no longer finite;
    its weights are then spoilt), and `turns` how many it played. `rate` and `weight` are factors on all learning rates
    and on all penalties from the next turn on, for schedules.

    An interrupted turn (Ctrl-C) may have been played in part of the games; go on from there as you like.
    """

    def __init__(self, variants: list[dict], settings: list[dict], steps: int | None):
        self.variants, self.settings, self.steps = variants, settings, steps
        self.index, self.rate, self.weight = 0, 1.0, 1.0
        self.status, self.turns = ["playing"] * len(settings), [0] * len(settings)
        solos = [self.solo(k) for k in range(len(settings))]
        check_own(solos)
        kinds: dict[tuple, list[int]] = {}
        for k, setting in enumerate(settings):
            kinds.setdefault(kind(setting), []).append(k)
        self._groups = [Together(rows, [solos[k] for k in rows], settings[rows[0]]) for rows in kinds.values()]
        self._ended: dict[int, tuple[nn.Module, nn.Module]] = {}

    def __len__(self) -> int:
        return len(self.settings)

    def __repr__(self) -> str:
        states = ", ".join(f"{self.status.count(state)} {state}" for state in dict.fromkeys(self.status))
        of = "" if self.steps is None else f" of {self.steps}"
        return f"{len(self)} games of {len(self._groups)} kinds, turn {self.index}{of}: {states}"

    def solo(self, k: int) -> Game:
        """Game k afresh and alone, from its first turn: what it plays equals what it plays in here. On a GPU it is only
        of the same kind: one generator draws for all there, because a draw for each would take most of the time."""
        try:
            return alone(self.settings[k], self.steps)
        except (TypeError, ValueError) as error:
            error.add_note(f"This is game {k} of {len(self)}: {self.variants[k]}")
            raise

    def __next__(self) -> Step:
        if self.steps is not None and self.index >= self.steps:
            raise StopIteration
        for group in self._playing():
            self._end(group, group.fetch(), "played")
        if not any(self._groups):
            raise StopIteration
        losses = None
        for group in self._playing():
            group.rate, group.weight = self.rate, self.weight
            step = next(group)
            if losses is None:
                losses = step.d_loss.new_full((2, len(self)), torch.nan)
            losses[0, group.places], losses[1, group.places] = step.d_loss, step.g_loss
        self.index += 1
        for k, status in enumerate(self.status):
            self.turns[k] += status == "playing"
        self._look(losses)
        if self.index == self.steps:
            self.status = ["played" if status == "playing" else status for status in self.status]
        return Step(self.index, losses[0], losses[1])

    def _playing(self) -> list[Together]:
        return [group for group in self._groups if len(group)]

    def _look(self, losses: Tensor) -> None:
        """End the games that diverged. A weight that is not finite makes the next loss so."""
        for group in self._playing():
            due = self.index % CHECK_EVERY == 0 or self.index == self.steps
            if due or (group.device.type == "cpu" and not losses[:, group.places].isfinite().all()):
                sound = group.finite() & losses[:, group.places].isfinite().all(0)
                self._end(group, (~sound).nonzero().flatten().tolist(), "diverged")

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
        which = torch.as_tensor(which, dtype=torch.bool).cpu()
        if which.shape != (len(self),):
            raise ValueError(f"stop needs one truth value for each of {len(self)} games, not {tuple(which.shape)}.")
        which = which & torch.tensor([status == "playing" for status in self.status])
        for group in self._playing():
            self._end(group, which[group.rows].nonzero().flatten().tolist(), "stopped")

    def _end(self, group: Together, places: list[int], status: str) -> None:
        if not places:
            return
        for place in places:
            k = group.rows[place].item()
            self._ended[k], self.status[k] = group.players(place), status
        group.keep([place for place in range(len(group)) if place not in places])

    def players(self, k: int) -> tuple[nn.Module, nn.Module]:
        """Copies of game k's networks as they are now: (G, D), G averaged if the game averages."""
        if k in self._ended:
            return self._ended[k]
        group = next(group for group in self._groups if k in group.rows)
        return group.players(group.rows.tolist().index(k))

    def sample(self, n: int, *cond: Tensor, seed: int = 0) -> Tensor:
        """n points of each game, (K, n, ...), each as `Game.sample` draws them. Those of a diverged game may be NaN."""
        found = {k: _sample(G, n, *cond, seed=seed) for k, (G, _) in self._ended.items()}
        for group in self._playing():
            found.update(zip(group.rows.tolist(), group.sample(n, *cond, seed=seed), strict=True))
        return torch.stack([found[k] for k in range(len(self))])

    def table(self, n: int = 2500, *cond: Tensor, seed: int = 0, **measures: Callable[[Tensor], float]) -> Table:
        """A row for each game: what it was given, how it ended, and each of `measures` of its n samples (n, ...).

        NaN stands where samples are not finite.
        """
        rows, given = [], dict.fromkeys(name for variant in self.variants for name in variant)
        for k, x in enumerate(self.sample(n, *cond, seed=seed)):
            bad = not bool(x.isfinite().all())
            scores = {name: float("nan") if bad else float(measure(x)) for name, measure in measures.items()}
            own = {name: self.settings[k].get(name) for name in given}
            rows.append({**own, "turns": self.turns[k], "status": self.status[k], **scores})
        return Table(rows)


def _sample(G: nn.Module, n: int, *cond: Tensor, seed: int) -> Tensor:
    """What `Game.sample` draws from G."""
    where = next(G.parameters()).device
    z = torch.randn(n, G.z_dim, generator=torch.Generator(where).manual_seed(seed), device=where)
    with torch.no_grad(), door.evaluating(G):
        return G(z, *cond)
