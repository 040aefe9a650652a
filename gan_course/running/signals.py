"""Ctrl-C and SIGTERM (a cluster's notice) end a run between two turns, when everything can be saved."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


class Stopped(BaseException):
    """The user, or the system, asked to stop. `code` is what the process should exit with: 128 + the signal."""

    def __init__(self, number: int):
        super().__init__(number)
        self.number, self.code = number, 128 + number
        self.name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name


class Signals:
    """While this context lasts, a first signal raises Stopped, once: at once, or at the end of what `hold` holds.

    Further SIGTERMs change nothing; a second Ctrl-C raises KeyboardInterrupt, for who will not wait for a save.
    """

    def __init__(self):
        self._held, self._waiting, self._heard, self._ending = False, None, False, False

    def __enter__(self) -> "Signals":
        self._before = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame) -> None:
        if self._heard:
            if number == signal.SIGINT:
                raise KeyboardInterrupt
            return
        self._heard = True
        if self._held:
            self._waiting = number
        elif not self._ending:
            raise Stopped(number)

    def end(self) -> None:
        """The run ends, for whatever reason: a first signal changes nothing any more."""
        self._ending, self._waiting = True, None

    @contextmanager
    def hold(self) -> Iterator[None]:
        """What stands in here is done to its end: a turn, a save."""
        before, self._held = self._held, True
        try:
            yield
        finally:
            self._held = before
        if not before:
            self._answer()

    @contextmanager
    def release(self) -> Iterator[None]:
        """Within what is held, a part that a signal may break off; one that came before this breaks it off at once."""
        before, self._held = self._held, False
        try:
            self._answer()
            yield
        finally:
            self._held = before

    def _answer(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            raise Stopped(waiting)
