"""Where the time of a turn goes: python benchmarks/steps.py (--write: also put the tables into docs/speed.md)

Each operation on tensors is timed as it is called. But much of an operation's time is the call: for small tensors
nearly all of it. So the same game is also played *bare*, on one point (or image) and with networks one unit wide: it
makes the same calls and has next to nothing to compute. What an operation takes longer in the real game is its
arithmetic; the rest of a turn is Python, autograd, dispatch and memory, which a recorded turn has less of.

torch.profiler would name the same operations, but it gives a convolution's two backward products as one, and adds its
own time to each call. Here they are computed one by one, and what the clock adds is in both games, so it drops out.
"""

import argparse
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import bench
import page
import report
import torch
from race import CLOCKS, race, turns, warm
from torch.utils._python_dispatch import TorchDispatchMode

from gan_course import Batches, train

DOCS = Path(__file__).parents[1] / "docs"
CALLS = "Python, autograd, calls, memory"
DRAWS, CHECK, ADAM, REST = "noise and batches", "check for NaN", "optimisers", "the rest: losses, sums, copies"
KINDS = {
    "matrix products": "mm addmm bmm baddbmm",
    "convolutions, forward": "convolution",
    "convolutions, backward: data": "",
    "convolutions, backward: weights": "",
    "batch norm, activations": "native_batch_norm native_batch_norm_backward relu leaky_relu tanh threshold_backward "
    "leaky_relu_backward tanh_backward",
    ADAM: "", DRAWS: "", CHECK: "", REST: "",
}  # fmt: skip
KIND_OF = {name: kind for kind, names in KINDS.items() for name in names.split()}
GAMES = {  # which networks, how `train` computes a turn, and whether all threads help
    "toy, from scratch": ("toy", "eager", False),
    "toy, recorded": ("toy", "auto", False),
    "images, recorded": ("images", "auto", True),
}


class Clock(TorchDispatchMode):
    """Within this context, seconds of each kind of operation are added up in `took`."""

    def __init__(self, now: Callable = time.perf_counter):
        super().__init__()
        self.now, self.took, self._label = now, defaultdict(float), None

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kind = self._label or KIND_OF.get(func.overloadpacket.__name__, REST)
        if func is torch.ops.aten.convolution_backward.default:
            *same, (data, weight, bias) = args
            one = self._timed("convolutions, backward: data", func, *same, [data, False, False]) if data else [None]
            two = self._timed("convolutions, backward: weights", func, *same, [False, weight, bias])
            return one[0], two[1], two[2]
        return self._timed(kind, func, *args, **(kwargs or {}))

    def _timed(self, kind: str, func: Callable, *args, **kwargs):
        start = self.now()
        out = func(*args, **kwargs)
        self.took[kind] += self.now() - start
        return out

    def label(self, kind: str, owner, name: str) -> None:
        """Let what a method of `owner` computes count as `kind`."""
        method = getattr(owner, name)

        def labelled(*args):
            self._label = kind
            try:
                return method(*args)
            finally:
                self._label = None

        setattr(owner, name, labelled)


def start(what: str, compile: str, size: bench.Size, bare: bool = False):
    """A game as `make bench` plays it, or its bare one."""
    if what == "toy":
        pair, x = bench.toy_pair((1,) * len(size.hidden) if bare else size.hidden), bench.points()
    else:
        pair, x = bench.conv_pair(size._replace(width=1) if bare else size), bench.images(size)
    return train(*pair, Batches(x, 1 if bare else bench.BATCH), seed=bench.SEED, compile=compile)


def inside(game, repeats: int, now: Callable) -> dict[str, float]:
    """Median seconds a turn of each kind of operation."""
    clock = Clock(now)
    clock.label(DRAWS, game, "_draw")
    clock.label(DRAWS, game, "noise")
    clock.label(CHECK, game.health, "check")
    clock.label(ADAM, game.opt_d, "step")
    clock.label(ADAM, game.opt_g, "step")
    warm(game)
    found = defaultdict(list)
    for _ in range(repeats):
        clock.took.clear()
        with clock:
            next(game)
        for kind in KINDS:
            found[kind].append(clock.took[kind])
    return {kind: statistics.median(found[kind]) for kind in KINDS}


def measure(name: str, size: bench.Size, now: Callable) -> list[dict]:
    """One row a kind of operation, and one for all else: microseconds of a turn, and the share."""
    what, compile, all_threads = GAMES[name]
    many = torch.get_num_threads()
    torch.set_num_threads(many if all_threads else 1)
    try:
        both = {key: turns(warm(start(what, compile, size, key == "bare"))) for key in ("real", "bare")}
        wall = {key: statistics.median(took) for key, took in race(both, size.rounds, size.seconds, now).items()}
        repeats = max(3, round(size.rounds * size.seconds / wall["real"]))
        real, bare = (inside(start(what, compile, size, of == "bare"), repeats, now) for of in ("real", "bare"))
    finally:
        torch.set_num_threads(many)
    arithmetic = {kind: max(real[kind] - bare[kind], 0.0) for kind in KINDS}
    arithmetic[CALLS] = max(wall["real"] - sum(arithmetic.values()), 0.0)
    rows = [{"game": name, "kind": kind, "us": 1e6 * took, "share": took / wall["real"]}
            for kind, took in arithmetic.items() if took or kind == CALLS]  # fmt: skip
    whole = {"a turn": wall["real"], "a bare turn": wall["bare"]}
    return rows + [{"game": name, "kind": kind, "us": 1e6 * took, "share": took / wall["real"]}
                   for kind, took in whole.items()]  # fmt: skip


def main(wishes: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true", help="small sizes: to see that it runs, not how fast")
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="cpu: for a machine with other work to do")
    parser.add_argument("--out", type=Path, default=DOCS / "results", help="the folder for steps.json")
    parser.add_argument("--write", action="store_true", help="put the tables of steps.json and bench.json on the page")
    parser.add_argument("--page", type=Path, default=DOCS / "speed.md")
    given = parser.parse_args(wishes)
    size, rows = bench.TINY if given.tiny else bench.FULL, []
    print(report.machine() + "\n")
    for name in GAMES:
        print(f"{name:34} {'us':>10} {'share':>7}")
        found = measure(name, size, CLOCKS[given.clock])
        for row in found:
            print(f"  {row['kind']:32} {row['us']:10.1f} {row['share']:7.1%}", flush=True)
        rows += found
    command = "python benchmarks/steps.py" + ("" if given.clock == "wall" else f" --clock {given.clock}")
    report.write(given.out / "steps.json", command, rows, seeds=[bench.SEED], size=size._asdict(), clock=given.clock)
    if given.write:
        page.fill(given.page, given.out)


if __name__ == "__main__":
    main()
