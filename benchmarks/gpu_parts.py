"""What `gpu.py` measures on small games: each part is a generator of rows, so that those of a part that is cut short
are kept. Images have a file of their own, `gpu_images.py`.

Everything runs on the processor too, at the size `TINY`: a recorded turn is then no CUDA graph, and no figure means
anything.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import NamedTuple

import bench
import torch
from race import WHERE, race, turns, wait, warm
from torch import Tensor

from gan_course import (
    Batches,
    clip_weights,
    ensemble,
    gradient_penalty,
    hinge,
    least_squares,
    minimax,
    nets,
    non_saturating,
    r1,
    r2,
    relativistic,
    toy,
    train,
    wasserstein,
)
from gan_course.replay import WARM_UP

RATE = 2.0**-10  # exact in 32 bits too, in which a graph's optimiser reads it: no difference comes from there
NEAR = 1e-4  # how far apart losses may be, relative to their size, while rounding has not yet grown


class Size(NamedTuple):
    turns: int  # of each game that is played twice
    rounds: int
    seconds: float
    hidden: tuple[int, ...]
    run: int  # turns of a whole run
    games: int  # in an ensemble
    part: int  # turns of it that are timed before all are
    side: int  # of the images
    widths: tuple[int, ...]  # of the convolutional pair; the first is the paper's
    batches: tuple[int, ...]  # the first is the goal's
    square: int  # of the matrices whose product gives the machine's own rate


FULL = Size(300, 5, 0.5, (64, 64), 20_000, 256, 300, 64, (64, 32), (64, 256, 1024), 8192)
TINY = Size(WARM_UP + 8, 2, 0.01, (8, 8), 30, 3, 4, 16, (4, 2), (4, 8), 64)


def row(name: str, value: float, unit: str, goal: float | None = None, at_most: bool = False, **more) -> dict:
    return {"name": name, "value": value, "unit": unit, "goal": goal, "at_most": at_most, **more}


# -- is a repeated turn the same turn? -------------------------------------------------------------------------------

CASES = {
    **{loss.name: {"loss": loss} for loss in (non_saturating, minimax, least_squares, hinge, wasserstein)},
    "relativistic, R1 + R2": {"loss": relativistic, "penalties": [r1(1.0), r2(1.0)]},
    "gradient penalty": {"loss": wasserstein, "penalties": [gradient_penalty(10.0)]},
    "clipped, 3 : 2 updates": {"constrain": clip_weights(0.05), "d_steps": 3, "g_steps": 2},
    "averaged": {"average": 0.99},
    "fresh points each turn": {"stream": True},
    "convolutions": {"net": nets.conv},
    "convolutions, R1 + R2, averaged": {"net": nets.conv, "penalties": [r1(0.1), r2(0.1)], "average": 0.99},
    "residual": {"net": nets.residual, "loss": relativistic, "penalties": [r1(0.1)]},
}


def equality(size: Size, until: float) -> Iterator[dict]:
    """Beside each difference stands that of two runs from scratch: kernels that add in no fixed order differ by it."""
    torch.backends.cudnn.deterministic = True
    for name, case in CASES.items():
        played = {key: _losses(case, compile, size.turns) for key, compile in
                  {"scratch": "eager", "again": "eager", "graph": "auto"}.items()}  # fmt: skip
        (one, _), (two, _), (three, game) = played.values()
        recorded = game._replay._record is not None
        early = slice(0, min(len(one), WARM_UP + 40))
        near = max(NEAR, 10 * _apart(one[early], two[early]))
        fine = recorded and _apart(one[early], three[early]) <= near
        yield row(f"{name}: {'as from scratch' if fine else 'NOT as from scratch'}", _apart(one, three), "relative",
                  recorded=recorded, passed=fine, two_runs_from_scratch=_apart(one, two),
                  in_the_first_turns=_apart(one[early], three[early]))  # fmt: skip
    game = _game({}, "auto")
    for opt in (game.opt_g, game.opt_d):
        opt.param_groups[0]["lr"] = 0.0
    losses = torch.stack([torch.stack(next(game)[1:]) for _ in range(size.turns)])
    new = len({tuple(pair) for pair in losses.tolist()})
    yield row("turns whose noise and batch were new", new / size.turns, "of all", 1.0, passed=new == size.turns)


def _game(case: dict, compile: str):
    case = dict(case)
    net, stream = case.pop("net", None), case.pop("stream", False)
    torch.manual_seed(bench.SEED)
    if net:
        G, D = net.generator(16, 1, 16, 8), net.discriminator(16, 1, 8)
        batches = Batches(bench.images(bench.TINY).to(WHERE), 32, seed=1)
    else:
        G, D = nets.mlp.generator(2, 2, (32, 32)), nets.mlp.discriminator(2, (32, 32))
        ring = toy.ring(8, 1.0, 0.05)
        batches = ring.to(WHERE).batches(64, 1) if stream else Batches(ring.sample(2_000, 0).to(WHERE), 64, seed=1)
    return train(G.to(WHERE), D.to(WHERE), batches, lr_g=RATE, lr_d=RATE, compile=compile, **case)


def _losses(case: dict, compile: str, turns: int) -> tuple[Tensor, object]:
    game = _game(case, compile)
    return torch.stack([torch.stack(next(game)[1:]) for _ in range(turns)]), game  # read once, at the end


def _apart(a: Tensor, b: Tensor) -> float:
    """The largest difference, relative to the size of what is compared."""
    return ((a - b).abs() / torch.maximum(a.abs(), b.abs()).clamp(min=1e-3)).max().item()


# -- small games ---------------------------------------------------------------------------------------------------


def toys(size: Size, until: float) -> Iterator[dict]:
    x = bench.points()
    for penalty in ("none", "R1 + R2"):
        took = race(
            {
                "plain loop": turns(bench.theirs(*bench.toy_pair(size.hidden), x, penalty)),
                "`train`, from scratch": turns(bench.ours(*bench.toy_pair(size.hidden), x, penalty, compile="eager")),
                "`train`, recorded": turns(bench.ours(*bench.toy_pair(size.hidden), x, penalty)),
            },
            size.rounds,
            size.seconds,
        )
        middle = {name: statistics.median(seconds) for name, seconds in took.items()}
        for name, seconds in middle.items():
            yield row(f"{name}, penalty: {penalty}", 1 / seconds, "turns/s")
        ratio = middle["plain loop"] / middle["`train`, recorded"]
        yield row(f"recorded, beside the plain loop, penalty: {penalty}", ratio, "times", 15)
    game = train(*bench.toy_pair(size.hidden), Batches(x.to(WHERE), bench.BATCH), steps=size.run)
    yield row(f"{size.run} turns, recording and all", _seconds(lambda: played(game)), "s", 10, at_most=True)


def played(game, turns: int | None = None) -> int:
    return sum(1 for _ in islice(game, turns))


def _seconds(act: Callable) -> float:
    wait()
    start = time.perf_counter()
    act()
    wait()
    return time.perf_counter() - start


def games(size: Size, until: float) -> Iterator[dict]:
    where = toy.ring(8, 1.0, 0.05).to(WHERE)
    every = ensemble.train(
        lambda: nets.mlp.generator(2, 2, size.hidden).to(WHERE),
        lambda: nets.mlp.discriminator(2, size.hidden).to(WHERE),
        lambda seed: where.batches(bench.BATCH, seed),
        ensemble.product(seed=range(size.games)),
    )
    warm(every)
    seconds = _seconds(lambda: played(every, size.part)) / size.part
    yield row(f"{size.games} games: a turn of all", 1e3 * seconds, "ms")
    whole = seconds * size.run
    yield row(f"{size.games} games, {size.run} turns, from {size.part}", whole, "s", 60, at_most=True)
    if whole < until - time.monotonic() - 30:
        seconds = _seconds(lambda: played(every, size.run))
        yield row(f"{size.games} games, {size.run} turns, all played", seconds, "s", 60, at_most=True)
