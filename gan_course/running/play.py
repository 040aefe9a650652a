"""A run, from its first turn or from where it was interrupted to its last, whatever happens in between.

Where several processes share it, all play the turns, and only the first saves, logs, measures and speaks. After each
turn they agree whether to go on: what one of them has met, a signal say, must not part it from the others.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from tqdm import tqdm

from .. import device
from ..game import Step
from ..health import NonFinite
from ..parts import in_parts, out_of_memory
from ..savefile import StoreError
from ..team import Lost
from . import card
from .data import Data
from .experiment import Options, Recipe
from .folder import Folder, Notes
from .judge import Judge
from .logs import Logs
from .signals import Signals, Stopped

RESCUES = 3  # times that a run goes back from a NaN before it gives up


class GaveUp(RuntimeError):
    """A run that cannot go on by itself. The message says why, and what to change."""


@dataclass(frozen=True)
class Plan:
    """How often a run saves, measures and logs, in turns; the command that resumes it, and the same for its card."""

    command: str
    published: str
    save_every: int = 500
    measure_every: int = 0  # 0: only at the end
    log_every: int = 50


class Run:
    """Build it, then `play`. ValueError if the folder holds another run, StoreError if its save is damaged."""

    def __init__(self, recipe: Recipe, name: str, data: Data, options: Options, plan: Plan, folder: Folder,
                 signals: Signals, tell: Callable[[str], None] = tqdm.write):  # fmt: skip
        self.data, self.plan, self.folder, self.signals, self.team = data, plan, folder, signals, folder.team
        self.tell = tell if self.team.first else _keep_quiet
        device.seed(options.seed)
        self.experiment = recipe.build(data, options)
        self.game = in_parts(self.experiment.game, tell=self._happened, team=self.team)
        self.notes = Notes({"recipe": name, "data": data.name, "batch": options.batch, "width": options.width,
                            "seed": options.seed, "lr": options.lr, "bf16": options.bf16})  # fmt: skip
        self.saved_at = None
        self._resume()
        self.judge = None
        self.logs = Logs(folder.path, self.game.index, self.team.first, tell)

    def play(self) -> None:
        """To the last turn, and the metrics. Raises Stopped when asked to (all is saved then), GaveUp, StoreError."""
        self.bar = tqdm(total=self.game.steps, initial=self.game.index, unit="turn", disable=not self.team.first,
                        mininterval=0.5 if sys.stderr.isatty() else 30)  # fmt: skip
        try:
            with self.signals.hold():
                self._play()
        finally:
            self.logs.close()
            self.bar.close()

    def _play(self) -> None:
        try:
            self._aside(self._begin)
            while self.game.index < self.game.steps:
                try:
                    start = time.perf_counter()
                    step = next(self.game)
                    self.notes.seconds += time.perf_counter() - start
                    self._aside(self._note, step)
                except NonFinite as problem:
                    self._go_back(problem)
            self._aside(self._finish)
        except Stopped as stop:
            self.signals.end()
            if self.team.first:
                self._leave(stop)
            raise
        except Lost:
            self.signals.end()  # torchrun's SIGTERM must not come before the word on why
            raise

    def _aside(self, work: Callable, *arguments) -> None:
        """What only the first process does, and a signal may break off; then all agree on what follows from it."""
        asked, ill = 0, None
        try:
            with self.signals.release():
                if self.team.first:
                    work(*arguments)
        except Stopped as stop:
            asked = stop.number
        except NonFinite as problem:
            ill = problem
        asked, spoilt, parts = self.team.most(asked, ill is not None, self.game.parts)
        if parts > self.game.parts:
            self.game.parts = parts
            self._happened(
                f"Memory ran out in another process: from now on each computes its share in {parts} parts. The update "
                "is the same, and takes longer."
            )
        if asked:
            raise Stopped(asked)
        if spoilt:
            raise ill or NonFinite("The weights are not finite.")

    def _begin(self) -> None:
        if self.saved_at is None:
            self._save()  # a folder that cannot be written to is noticed here, not hours later

    def _finish(self) -> None:
        if self.saved_at != self.game.index:  # before the metrics, which take time and memory
            self._try_to_save()
            self._sheet()
        if self.notes.metrics.get("turn") != self.game.index:
            self._measure()
        self._save()

    def _resume(self) -> None:
        notes = self.folder.notes()
        if notes is None:
            return
        here = self.notes.identity
        other = [f"{key} was {notes.identity.get(key)!r} and is {here[key]!r}" for key in here
                 if notes.identity.get(key) != here[key]]  # fmt: skip
        if other:
            raise ValueError(
                f"{self.folder.path} holds another run ({'; '.join(other)}): give the same command as then to go on "
                "with it, another --out, or --fresh to begin anew."
            )
        self.folder.load(self.game)
        self.notes, self.game.parts, self.saved_at = notes, notes.parts, self.game.index
        self.tell(f"Going on from turn {self.game.index}, saved in {self.folder.path}.")

    def _note(self, step: Step) -> None:
        self.bar.update()
        if step.index % self.plan.log_every == 0:
            losses = {"d_loss": step.d_loss.item(), "g_loss": step.g_loss.item()}
            self.bar.set_postfix(losses, refresh=False)
            self.logs.scalars(step.index, losses)
        if step.index % self.plan.save_every == 0:
            self._try_to_save()
            self._sheet()
        if self.plan.measure_every and step.index % self.plan.measure_every == 0:
            self._measure()

    def _save(self) -> None:
        self.notes.parts = self.game.parts
        with self.signals.hold():
            self.folder.save(self.game, self.notes)
            self.saved_at = self.game.index
            told = card.describe(self.plan.published, self.data, self.game, self.notes, self.team.size)
            card.write(self.folder, self.game, told)

    def _sheet(self) -> None:
        self.logs.sheet(self.game.index, self.experiment.sheet)

    def _measure(self) -> None:
        if self.judge is None:
            self.judge = Judge(self.data, self.folder.classifier, self.tell)
        scores = self.experiment.measure(self.judge)
        self.notes.metrics = {"turn": self.game.index, **{name: score._asdict() for name, score in scores.items()},
                              "classifier accuracy": self.judge.card["test_accuracy"]}  # fmt: skip
        self.logs.scalars(self.game.index, {name: score.value for name, score in scores.items()})
        for name, score in scores.items():
            self.tell(
                f"Turn {self.game.index}: {name} {score.value:.4g} "
                f"(real data: {score.floor:.4g} +- {score.floor_sd:.2g}, n = {score.n})"
            )

    def _go_back(self, problem: NonFinite) -> None:
        """To the last save, with halved learning rates; the same turns would end in the same NaN."""
        saved = self.folder.notes()
        what = str(problem).partition(". ")[0].rstrip(".")
        if self.notes.rescues == RESCUES:
            rate = self.game.opt_g.param_groups[0]["lr"]
            raise GaveUp(
                f"{what}, though the learning rates were halved {RESCUES} times (now {rate:g}): the cause lies "
                f"elsewhere. The state of turn {self.saved_at} is in {self.folder.path}. Look at the losses in "
                "log.jsonl, strengthen the recipe's penalties, or begin anew with --fresh and a smaller --lr."
            )
        self.folder.load(self.game)
        self.notes.rescues += 1
        for opt in (self.game.opt_g, self.game.opt_d):
            for group in opt.param_groups:
                group["lr"] *= 0.5 ** (self.notes.rescues - saved.rescues)
        rates = " and ".join(f"{opt.param_groups[0]['lr']:g}" for opt in (self.game.opt_g, self.game.opt_d))
        self._happened(f"{what}: back to turn {self.game.index}, with halved learning rates (G and D: {rates}).")
        self.logs.close()
        self.logs = Logs(self.folder.path, self.game.index, self.team.first, self.tell)
        self.bar.n = self.game.index
        self._aside(self._try_to_save)

    def _try_to_save(self) -> None:
        try:
            self._save()
        except (StoreError, MemoryError, RuntimeError) as error:
            if not isinstance(error, StoreError) and not out_of_memory(error):
                raise
            # The card gets the system's words alone: the message itself names a folder of this machine.
            why = getattr(error.__cause__, "strerror", None) or "memory ran out"
            self.notes.events.append(f"Turn {self.game.index}: could not save ({why}).")
            self.tell(f"{error} Training goes on, and the next save tries again.")

    def _happened(self, what: str) -> None:
        """Said at once, and kept for the card."""
        self.notes.events.append(f"Turn {self.game.index}: {what}")
        self.tell(what)

    def _leave(self, stop: Stopped) -> None:
        try:
            self._save()
            end = f"saved at turn {self.game.index} of {self.game.steps}"
        except (StoreError, NonFinite) as error:
            end = f"{error} What is saved is turn {self.saved_at}"
        self.tell(f"{stop.name}: {end}. To go on from there, give the same command again:\n  {self.plan.command}")


def _keep_quiet(what: str) -> None:
    """The first process says it."""
