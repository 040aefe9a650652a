"""One run: a game, the changes that were made to it, and enough of its past to go back to any turn, exactly.

A run is settled by its first `Setup` and its log of changes: replayed, both give the same weights to the last bit.
Checkpoints only save time. Everything random comes from the setup's seed, unless the learner's own code draws its own.
"""

import copy
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch

from gan_course.door import check_penalised, forked
from gan_course.game import Game, train
from gan_course.laboratory import frame, truth
from gan_course.laboratory.catalogue import Catalogue
from gan_course.laboratory.history import Thinned
from gan_course.laboratory.setup import RESTARTS, Setup, needs_restart

CHECKPOINT_EVERY = 100  # turns
CHECKPOINT_BYTES = 2_000_000  # all checkpoints of one run together; with 6 MB the heap was frayed by 50 MB


class Change(NamedTuple):
    """At `turn` (turns played by then), these settings took these values."""

    turn: int
    values: dict


class _Checkpoint(NamedTuple):
    state: dict
    setup: Setup
    done: int  # changes made by then


class _Eve(NamedTuple):
    """What held when `turn` turns were played, before anything was changed there."""

    turn: int
    setup: Setup
    optimisers: dict


class Run:
    """Made from a setup, and from a log of changes if it is to be played again. See the module."""

    def __init__(self, setup: Setup, catalogue: Catalogue, log: list[Change] | None = None, name: str = ""):
        self.start, self.catalogue, self.name = setup, catalogue, name
        self.parent: tuple[str, int] | None = None  # the name of the run that this one was forked from, and the turn
        self.log: list[Change] = list(log or [])
        self.toy = catalogue.toy(setup)
        self.setup, self._done = setup, 0
        self.game, self._eve = self._begin(setup), None
        self.view = frame.View(self.game, self.toy, setup)
        self._checkpoints: Thinned[_Checkpoint] = Thinned(CHECKPOINT_EVERY, 512)
        self._keep()
        self.frames: Thinned[frame.Frame] = Thinned(10, 240)
        self.curves: Thinned[tuple[float, float]] = Thinned(5, 500)
        self.measures: Thinned[truth.Measured] = Thinned(50, 300)
        self._record()

    @property
    def turn(self) -> int:
        return self.game.index

    def play(self) -> None:
        """One turn. What the game or the learner's code raises goes through; the run then stands as before."""
        self._catch_up()
        try:
            step = next(self.game)
        except BaseException:  # an interrupted cell too
            self._restore()
            raise
        if self.curves.due(step.index):
            self.curves.add(step.index, (step.d_loss.item(), step.g_loss.item()))
        self._record()

    def step(self, who: str) -> None:
        """One turn of "d", "g" or "both". The side that rests is noted in the log, as a change and its undoing."""
        if who not in ("d", "g", "both"):
            raise ValueError(f'who must be "d", "g" or "both", got {who!r}.')
        rest = {"d": {"g_steps": 0}, "g": {"d_steps": 0}, "both": {}}[who]
        moves = {
            name: max(1, getattr(self.setup, name)) for name in ("d_steps", "g_steps") if rest and name not in rest
        }
        before = {name: getattr(self.setup, name) for name in (*rest, *moves)}
        if rest:
            self.change(**moves, **rest)
        try:
            self.play()
        finally:
            if rest:
                self.change(**before)

    def change(self, **values) -> None:
        """Change settings between two turns: at once, and noted. A ValueError leaves them as they were.

        All changes at one turn are one, and none if they undo each other. A run that is being played again leaves its
        log here: the changes that were still to come are dropped.
        """
        if needs_restart(values):
            raise ValueError(f"{', '.join(sorted(RESTARTS & set(values)))} can only change where a run begins.")
        self._catch_up()
        new = self.setup.but(**values)
        if new == self.setup:
            return
        self._apply(new)
        self.log = [change for change in self.log if change.turn < self.turn]
        if new != self._eve.setup:
            self.log.append(Change(self.turn, new.differs(self._eve.setup)))
        self._done = len(self.log)

    def rewound(self, turn: int) -> "Run":
        """This run at its last checkpoint not after `turn`, with the log up to `turn`: `catch_up` plays the rest."""
        turn = max(0, min(turn, self.turn))
        at, kept = self._checkpoints.at(turn)
        run = copy.copy(self)
        run.log = [change for change in self.log if change.turn <= turn]
        run.frames, run.curves, run.measures = (r.until(at) for r in (self.frames, self.curves, self.measures))
        run._checkpoints = self._checkpoints.until(at)
        run._go_to(kept)
        return run

    def catch_up(self, turn: int) -> Iterator[float]:
        """Play on to `turn`, giving back the share that is done after each turn."""
        first = self.turn
        while self.turn < turn:
            self.play()
            yield (self.turn - first) / (turn - first)
        self._catch_up()

    def look(self) -> frame.Frame:
        """What there is to see now."""
        return self.view.look(self.game)

    def measure(self) -> truth.Measured:
        """What is true now, against the known density."""
        return truth.measure(self.game, self.toy, self.view.extent)

    def recent(self) -> truth.Measured:
        """The last measure, or a fresh one if that is long ago."""
        kept = self.measures.at(self.turn)
        return kept[1] if kept and self.turn - kept[0] < 250 else self.measure()

    def moment(self, turn: int) -> tuple[int, frame.Frame]:
        """The kept picture not after `turn`, and its turn; now, if that is asked."""
        return (self.turn, self.look()) if turn >= self.turn else self.frames.at(max(0, turn))

    def _begin(self, setup: Setup) -> Game:
        catalogue = self.catalogue
        with forked(torch.device("cpu"), setup.seed):
            G, D = catalogue.players(self.start)
        return train(
            G, D, self.toy.batches(setup.batch, seed=setup.seed),
            loss=catalogue.loss(setup), penalties=catalogue.penalty_list(setup), constrain=catalogue.constraint(setup),
            opt_g=catalogue.optimiser(setup, "g", G), opt_d=catalogue.optimiser(setup, "d", D),
            d_steps=setup.d_steps, g_steps=setup.g_steps, average=setup.average or None, seed=setup.seed,
        )  # fmt: skip

    def _go_to(self, kept: _Checkpoint) -> None:
        self.setup, self._done, self._latest = kept.setup, kept.done, kept
        self.game, self._eve = self._begin(kept.setup), None
        self.game.load_state_dict(copy.deepcopy(kept.state))

    def _apply(self, new: Setup) -> None:
        """Make the game obey `new`. What can fail is made first, so that a refusal leaves nothing half done.

        An optimiser that was changed and changed back within one turn is the old one, with its memory: the log, which
        has no change then, must give the same when it is played again.
        """
        game, catalogue, eve = self.game, self.catalogue, self._eve
        if eve is None or eve.turn != self.turn:
            eve = _Eve(self.turn, self.setup, {"g": game.opt_g, "d": game.opt_d})
        loss, penalties = catalogue.loss(new), catalogue.penalty_list(new)
        check_penalised(game.D, penalties)
        optimisers = {
            player: eve.optimisers[player]
            if getattr(new, f"opt_{player}") == getattr(eve.setup, f"opt_{player}")
            else catalogue.optimiser(new, player, net)
            for player, net in (("g", game.G), ("d", game.D))
        }
        for player, optimiser in optimisers.items():
            for group in optimiser.param_groups:
                group["lr"] = getattr(new, f"lr_{player}")
        self._eve, game.opt_g, game.opt_d = eve, optimisers["g"], optimisers["d"]
        game.loss, game.penalties, game.constrain = loss, penalties, catalogue.constraint(new)
        game.d_steps, game.g_steps = new.d_steps, new.g_steps
        self.setup = new

    def _catch_up(self) -> None:
        """Make the changes of the log that are due: those of a run played again."""
        while self._done < len(self.log) and self.log[self._done].turn <= self.turn:
            self._apply(self.setup.but(**self.log[self._done].values))
            self._done += 1

    def _restore(self) -> None:
        """Undo half a turn: D may have moved already, and noise was drawn. Else a replay would not be exact."""
        turn, kept = self.turn, self._latest
        try:
            self._go_to(kept)
            while self.turn < turn:
                self._catch_up()
                next(self.game)
            self._catch_up()
        except Exception:  # the learner's code does not do again what it did: only the checkpoint is sure
            self._go_to(kept)
            at = self.turn
            self.frames, self.curves, self.measures = (r.until(at) for r in (self.frames, self.curves, self.measures))

    def _record(self) -> None:
        turn = self.turn
        if self.frames.due(turn):
            self.frames.add(turn, self.look())
        if self.measures.due(turn):
            self.measures.add(turn, self.measure())
        if turn and turn % CHECKPOINT_EVERY == 0:
            self._keep()

    def _keep(self) -> None:
        self._latest = kept = _Checkpoint(copy.deepcopy(self.game.state_dict()), self.setup, self._done)
        # Asked each time: Adam's memory, two thirds of a state, begins with its first step.
        self._checkpoints.most = max(24, min(512, CHECKPOINT_BYTES // _size(kept.state)))
        if self._checkpoints.due(self.turn):
            self._checkpoints.add(self.turn, kept)


def _size(state) -> int:
    if isinstance(state, torch.Tensor):
        return state.nbytes + 500  # the tensor object itself
    if isinstance(state, Mapping):
        return sum(map(_size, state.values()))
    if isinstance(state, (list, tuple)):
        return sum(map(_size, state))
    return 50
