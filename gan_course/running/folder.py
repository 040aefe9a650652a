"""The folder of a run: one save of everything, which is always whole, and the notes of the run within it.

    run.save                what a resumed run needs
    generator.safetensors   what `load_generator` opens; generator.json: its card, for people
    classifier.safetensors  what the metrics measure by
    samples/, log.jsonl, tensorboard/

Of several processes that train together only the first touches the folder: the others are told what it holds.
"""

import json
import os
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path

import filelock
import torch

from .. import savefile, store
from ..game import Game
from ..health import NonFinite
from ..savefile import StoreError
from ..team import Team


@dataclass
class Notes:
    """What a run knows of itself beside its game.

    identity: what must be the same when the run is resumed; events: sentences on what went wrong, for the card;
    rescues: how often it went back from a NaN; parts: see `parts.py`; metrics: the last ones, with their turn.
    """

    identity: dict
    events: list[str] = field(default_factory=list)
    rescues: int = 0
    parts: int = 1
    seconds: float = 0.0
    metrics: dict = field(default_factory=dict)


class _Annotated:
    """A game whose state has the notes in it, so that both are saved in the same instant."""

    def __init__(self, game: Game, notes: Notes | None = None):
        self.game, self.notes = game, notes

    def state_dict(self) -> dict:
        return {**self.game.state_dict(), "notes": json.dumps(asdict(self.notes)) if self.notes else ""}

    def load_state_dict(self, state: dict) -> None:
        self.game.load_state_dict({name: value for name, value in state.items() if name != "notes"})


class Folder:
    """Saves and loads in a folder. Raises StoreError where the folder, or a file of it, cannot be used."""

    def __init__(self, path: Path, team: Team | None = None):
        self.path, self.team = path, team or Team()
        self.saved = path / "run.save"
        self.generator = path / "generator.safetensors"
        self.classifier = path / "classifier.safetensors"

    def lock(self) -> AbstractContextManager:
        """A lock on the folder, as a context; the system frees it when its holder dies. StoreError if it is taken."""
        if not self.team.first:
            return nullcontext()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock = filelock.FileLock(self.path.with_name(f".{self.path.name}.lock"))
            lock.acquire(timeout=0)
            self.path.mkdir(exist_ok=True)
        except filelock.Timeout as error:
            raise StoreError(
                f"Another process is training in {self.path}: wait for it, stop it, or name another --out."
            ) from error
        except OSError as error:
            raise StoreError(
                f"Could not use {self.path} ({error.strerror or error}): "
                "name with --out a folder that you may write to."
            ) from error
        return lock

    def set_aside(self) -> Path | None:
        """Move an earlier run out of the way, so that a new one can begin; gives its new place, None if none was."""
        if not any(self.path.iterdir()):
            return None
        n = 1
        while (aside := self.path.with_name(f"{self.path.name}.old{n}")).exists():
            n += 1
        os.rename(self.path, aside)
        self.path.mkdir()
        return aside

    def save(self, game: Game, notes: Notes) -> None:
        """Raises NonFinite, and writes nothing, if a weight is not finite: a save is always good to go back to."""
        state = game.state_dict()
        for name in ("G", "D", "averaged"):
            for weight, value in (state[name] or {}).items():
                if value.is_floating_point() and not torch.isfinite(value).all():
                    raise NonFinite(f"The weights are not finite at turn {game.index} ({name}.{weight}).")
        store.save(self.saved, _Annotated(game, notes))

    def notes(self) -> Notes | None:
        """The notes of the run that is saved here; None if nothing was saved yet."""
        return self.team.share(self._notes)

    def _notes(self) -> Notes | None:
        if not self.saved.exists():
            return None
        text = savefile.read(self.saved, "a game")["game"].get("notes")
        if not text:
            raise StoreError(f"{self.saved} holds a game that no run saved: name another --out, or move it away.")
        return Notes(**json.loads(text))

    def load(self, game: Game) -> None:
        """Put the game into its saved state. ValueError if it is another game's; this one is then as it was."""
        content = self.team.share(lambda: savefile.read(self.saved, "a game"))
        store.restore(self.saved, content, _Annotated(game))
