"""What one can look at while a run goes on: log.jsonl, sheets of samples, and TensorBoard if it is installed.

A log that cannot be written (a full disk, no memory left) never stops a run; it is tried again at the next sheet.
"""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from ..parts import out_of_memory
from ..plot import array

try:
    from torch.utils.tensorboard import SummaryWriter
except ImportError:  # the optional extra "run"
    SummaryWriter = None

COLUMNS, SMALLEST = 10, 320  # of a sheet: columns, and pixels across


class Logs:
    def __init__(self, folder: Path, turn: int, writes: bool, tell):
        """Go on with the logs of a run that is at `turn`: what an interrupted one noted after it is dropped."""
        self.folder, self.turn, self.writes, self.tell = folder, turn, writes, tell
        self.board, self._failed = None, False
        self._attempt(self._go_back)

    def scalars(self, turn: int, values: dict[str, float]) -> None:
        self._attempt(self._scalars, turn, values)

    def sheet(self, turn: int, draw: Callable[[], Tensor]) -> None:
        self._attempt(self._sheet, turn, draw)

    def close(self) -> None:
        self._attempt(self._close)

    def _attempt(self, write, *arguments) -> None:
        if not self.writes:
            return
        try:
            write(*arguments)
            self._failed = False
        except (OSError, MemoryError, RuntimeError) as error:
            if not isinstance(error, OSError) and not out_of_memory(error):
                raise
            self.board = None
            if not self._failed:
                why = getattr(error, "strerror", None) or error
                self.tell(f"Could not write the log ({why}); training goes on without it for now.")
            self._failed = True

    def _go_back(self) -> None:
        log = self.folder / "log.jsonl"
        if log.exists():
            kept = [line for line in log.read_text().splitlines() if _turn(line) <= self.turn]
            new = log.with_suffix(".new")
            new.write_text("".join(line + "\n" for line in kept))
            new.replace(log)

    def _scalars(self, turn: int, values: dict[str, float]) -> None:
        with open(self.folder / "log.jsonl", "a") as file:
            file.write(json.dumps({"turn": turn, **values}) + "\n")
        if board := self._open():
            for name, value in values.items():
                board.add_scalar(name, value, turn)

    def _sheet(self, turn: int, draw: Callable[[], Tensor]) -> None:
        picture = sheet(draw())
        samples = self.folder / "samples"
        samples.mkdir(exist_ok=True)
        Image.fromarray(picture.squeeze()).save(samples / f"{turn:08d}.png")
        if board := self._open():
            board.add_image("samples", picture, turn, dataformats="HWC")
            board.flush()

    def _open(self):
        if self.board is None and SummaryWriter:
            self.board = SummaryWriter(self.folder / "tensorboard", purge_step=self.turn + 1)
        return self.board

    def _close(self) -> None:
        if self.board:
            self.board.close()


def sheet(x: Tensor, columns: int = COLUMNS) -> np.ndarray:
    """Images (n, 1 or 3, h, w) in [-1, 1] as one picture, uint8 (H, W, 1 or 3), small ones enlarged."""
    x = ((array(x).clip(-1, 1) + 1) * 127.5).round().astype(np.uint8).transpose(0, 2, 3, 1)
    n, high, wide, channels = x.shape
    rows = -(-n // columns)
    picture = np.full((rows * (high + 1) - 1, columns * (wide + 1) - 1, channels), 255, np.uint8)
    for i, image in enumerate(x):
        top, left = i // columns * (high + 1), i % columns * (wide + 1)
        picture[top : top + high, left : left + wide] = image
    times = max(1, -(-SMALLEST // picture.shape[1]))
    return picture.repeat(times, 0).repeat(times, 1)


def _turn(line: str) -> float:
    try:
        return json.loads(line)["turn"]
    except (ValueError, KeyError, TypeError):
        return float("inf")  # the half line of a process that was killed
