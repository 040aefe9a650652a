"""The thread that plays. It lives only while there is something to do, and lets every control go first.

A cell that trains would block the kernel, and with it each control. A thread does not; but its loop would take a plain
lock back before anybody else got it. So those who wait are counted, and the loop steps aside for them.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gan_course.laboratory.lab import Lab, excuse

SLICE = 0.005  # seconds of turns between two looks at the clock: short beside the 33 ms of a frame


class Clock:
    """Plays `lab` while it `works`. `show(last)` is called between slices, and once more, with True, at the end."""

    def __init__(self, lab: Lab, show: Callable[[bool], None]):
        self.lab, self.show = lab, show
        self.rate = 0.0  # turns a second, measured
        self._lock, self._count, self._waiting = threading.RLock(), threading.Lock(), 0
        self._hurry = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def first(self) -> Iterator[None]:
        """Hold the laboratory before the loop may go on: for the controls. Afterwards the loop goes on if it has to."""
        with self._count:
            self._waiting += 1
        try:
            self._hurry.set()
            with self._lock:
                yield
        finally:
            with self._count:
                self._waiting -= 1
            self._wake()

    def join(self) -> None:
        """Wait until the thread has ended: what makes it end is that the laboratory no longer works."""
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _wake(self) -> None:
        with self._count:
            if self._thread is None and self.lab.works():
                self._thread = threading.Thread(target=self._loop, name="gan_course laboratory", daemon=True)
                self._thread.start()

    def _loop(self) -> None:
        try:
            self._play()
        except BaseException as error:  # what `show` raises: else nobody would notice, and nothing would play again
            with self._lock:
                self.lab.rest()
                self.lab.notice = excuse(error)
            raise
        finally:
            with self._count:
                if self._thread is threading.current_thread():
                    self._thread = None

    def _play(self) -> None:
        began, turns, last = time.perf_counter(), self.lab.turn, 0.0
        self.rate = 0.0
        while True:
            while self._waiting:
                time.sleep(0.0003)
            with self._lock:
                self._hurry.clear()
                until = time.perf_counter() + SLICE
                while self.lab.works() and last + self.lab.delay() <= time.perf_counter() < until:
                    self.lab.work()
                    last = time.perf_counter()
                    if self._waiting:
                        break
                with self._count:
                    going = self.lab.works()
                    if not going:
                        self._thread = None
                now = time.perf_counter()
                if now - began > 0.5:
                    self.rate = max(0.0, (self.lab.turn - turns) / (now - began))
                    began, turns = now, self.lab.turn
                self.show(not going)
                pause = last + self.lab.delay() - time.perf_counter()
            if not going:
                return
            if pause > 0:
                self._hurry.wait(pause)
