"""What the learner has done, kept on this machine only.

One JSON file in ``GAN_COURSE_HOME``, or in the user's data folder. It is replaced in one move, so that a
crash leaves the old file or the new one; a broken file is set aside and a new one begun. What cannot be
written is kept until the kernel stops, and tried again with the next change.
"""

import json
import os
import warnings
from collections.abc import Callable
from pathlib import Path

import filelock
import platformdirs

_PARTS = ("solved", "predictions", "quiz")
_unwritten: dict[Path, list[Callable[[dict], None]]] = {}  # for each folder, the changes that it did not take


def home() -> Path:
    """The folder of the progress file."""
    return Path(os.environ.get("GAN_COURSE_HOME") or platformdirs.user_data_dir("gan_course", appauthor=False))


def load() -> dict:
    """The record ``{"solved": {id: true}, "predictions": {id: {...}}, "quiz": {lesson: {...}}}``."""
    folder = home()
    try:
        record = _read(folder / "progress.json")
    except OSError as error:
        warnings.warn(f"Your progress could not be read ({error}). Everything else works.", stacklevel=2)
        record = {part: {} for part in _PARTS}
    for change in _unwritten.get(folder, ()):
        change(record)
    return record


def update(change: Callable[[dict], None]) -> None:
    """Read the record, let ``change`` alter it, write it back in one move. Several notebooks may do so."""
    folder = home()
    changes = [*_unwritten.get(folder, ()), change]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(folder / "progress.lock", timeout=10):
            record = _read(folder / "progress.json")
            for each in changes:
                each(record)
            with open(folder / "progress.tmp", "w", encoding="utf-8") as file:
                json.dump(record, file, indent=1, sort_keys=True)
                file.flush()
                os.fsync(file.fileno())  # the bytes must be on the disk before the name points to them
            os.replace(folder / "progress.tmp", folder / "progress.json")
        _unwritten.pop(folder, None)
    except (OSError, filelock.Timeout) as error:
        _unwritten[folder] = changes
        warnings.warn(f"Your progress could not be kept ({error}): it lasts until the kernel stops. "
                      "Everything else works.", stacklevel=2)  # fmt: skip


def _read(path: Path) -> dict:
    if not path.exists():
        return {part: {} for part in _PARTS}
    try:
        record = json.loads(path.read_text("utf-8"))
        if not _is_record(record):
            raise ValueError("it is not a progress record")
    except ValueError as error:
        aside = path.with_name("progress.broken.json")
        path.replace(aside)
        warnings.warn(f"Your progress file was broken ({error}). It is kept as {aside}; counting starts afresh.",
                      stacklevel=2)  # fmt: skip
        return {part: {} for part in _PARTS}
    return record


def _is_record(record: object) -> bool:
    if not (isinstance(record, dict) and all(isinstance(record.get(part), dict) for part in _PARTS)):
        return False
    return all(isinstance(kept, dict) for part in ("predictions", "quiz") for kept in record[part].values())
