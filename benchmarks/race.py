"""How contenders are timed: in turns, so that each meets the same machine."""

import time
from collections.abc import Callable

import torch

from gan_course import device
from gan_course.replay import WARM_UP

WHERE = device.pick()
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def wait() -> None:
    """A GPU is given its work and left alone: a clock is to be read when it has finished."""
    if WHERE.type == "cuda":
        torch.cuda.synchronize()
    elif WHERE.type == "mps":
        torch.mps.synchronize()


def race(
    contenders: dict[str, Callable], rounds: int, seconds: float, clock: Callable = time.perf_counter
) -> dict[str, list[float]]:
    """Seconds a call of each contender, one number a round; every round measures all of them, one after the other, for
    about `seconds` each."""

    def took(act: Callable, times: int) -> float:
        wait()
        start = clock()
        for _ in range(times):
            act()
        wait()
        return (clock() - start) / times

    counts = {}
    for name, act in contenders.items():
        took(act, 1)
        once = took(act, 1)
        if once < seconds / 10:  # a short call wants a better estimate, and has the time for it
            took(act, 3)
            once = max(took(act, 3), 1e-6)
        counts[name] = max(1, round(seconds / once))
    found = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, act in contenders.items():
            found[name].append(took(act, counts[name]))
    return found


def turns(game) -> Callable:
    return lambda: next(game)


def warm(game):
    """The game, played until its turn is recorded if it is to be: making the record is no part of what is timed."""
    for _ in range(WARM_UP + 1):
        next(game)
    return game
