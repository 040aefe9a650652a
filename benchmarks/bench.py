"""How fast this package trains, beside a plain loop, in one run: make bench (or python benchmarks/bench.py --tiny)

The plain loop stands in `plain.py`, and single changes to it in `measures.py`. All sides play the same game on the same
networks, batch and data, with the same number of threads: one for points in the plane, all of them for images. What a
line compares is measured in turns (A B A B ...) after a warm-up; the table gives medians over the rounds, and the least
and the most of the ratio. On an NVIDIA GPU the same command measures the GPU; its goals are those of `gpu.py`.
"""

import argparse
import itertools
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import lines
import measures
import plain
import report
import torch
from race import CLOCKS, WHERE, race, turns, warm
from torch.utils.flop_counter import FlopCounterMode

from gan_course import Batches, device, ensemble, gradient_penalty, nets, r1, r2, toy, train

ROOT = Path(__file__).parents[1] / "docs" / "results"
SEED, Z_DIM, BATCH = 0, 2, 64
# R1 and R2 of 0.1: their halves stand in plain.py, as papers write them.
PENALTIES = {
    "none": [],
    "R1": [r1(0.1)],
    "R1 + R2": [r1(0.1), r2(0.1)],
    "gradient penalty": [gradient_penalty(1.0)],
}
GIVES = "what gives it"  # each compared with the plain loop, or, for R1, with the plain loop that has R1
SHARED = "R1, one forward for loss and slope"


class Size(NamedTuple):
    """How much is measured: rounds, seconds a contender in each, and what is played."""

    rounds: int
    seconds: float
    hidden: tuple[int, ...]  # of the toy networks
    side: int  # pixels of the images
    width: int  # of the convolutional networks
    games: tuple[tuple[int, int], ...]  # ensembles: how many games, how wide both hidden layers; the first has the goal
    square: int  # side of the matrices whose product gives the machine's own rate


FULL = Size(9, 0.3, (64, 64), 28, 32, ((100, 32), (10, 32), (30, 32), (100, 16), (100, 64), (30, 128)), 1024)
TINY = Size(2, 0.01, (8, 8), 16, 4, ((2, 8), (4, 8)), 64)


def toy_pair(hidden: tuple[int, ...]) -> tuple[torch.nn.Module, torch.nn.Module]:
    device.seed(SEED)
    return nets.mlp.generator(2, Z_DIM, hidden).to(WHERE), nets.mlp.discriminator(2, hidden).to(WHERE)


def conv_pair(size: Size, own: bool = True) -> tuple[torch.nn.Module, torch.nn.Module]:
    """The course's networks, or the same functions in the layers that people write."""
    device.seed(SEED)
    G, D = nets.conv.generator(size.side, 1, 32, size.width), nets.conv.discriminator(size.side, 1, size.width)
    if not own:
        G = plain.with_weights_of(plain.generator(size.side, 32, size.width), G)
        D = plain.with_weights_of(plain.discriminator(size.side, size.width), D)
    return G.to(WHERE), D.to(WHERE)


def points() -> torch.Tensor:
    return toy.ring(8, 1.0, 0.05).sample(10_000, SEED)


def images(size: Size) -> torch.Tensor:
    """Pictures of random numbers: what they show makes no difference to the time."""
    return torch.rand(2_000, 1, size.side, size.side, generator=torch.Generator().manual_seed(SEED)) * 2 - 1


def ours(G, D, x: torch.Tensor, penalty: str = "none", **more):
    """A game of `train`, played until its turn is recorded."""
    batches = Batches(x.to(WHERE), BATCH, seed=SEED)
    return warm(train(G, D, batches, penalties=PENALTIES[penalty], seed=SEED, **more))


def theirs(G, D, x: torch.Tensor, penalty: str = "none", **more):
    return plain.play(G, D, plain.loader(x, BATCH), getattr(G, "z_dim", 32), penalty, **more)


def measure_toy(size: Size, clock: Callable) -> list[dict]:
    x, rows = points(), []
    every = {}
    for penalty in PENALTIES:
        every[f"plain {penalty}"] = turns(theirs(*toy_pair(size.hidden), x, penalty))
        every[f"ours {penalty}"] = turns(ours(*toy_pair(size.hidden), x, penalty))
    in_tensor = lambda: Batches(x.to(WHERE), BATCH)  # noqa: E731
    every |= {
        "from a tensor": turns(plain.play(*toy_pair(size.hidden), in_tensor(), Z_DIM)),
        "fused": turns(plain.play(*toy_pair(size.hidden), in_tensor(), Z_DIM, fused=True)),
        "from scratch": turns(ours(*toy_pair(size.hidden), x, compile="eager")),
        "shared": turns(measures.play(*toy_pair(size.hidden), plain.loader(x, BATCH), Z_DIM, "R1", shared=True)),
    }
    took = race(every, size.rounds, size.seconds, clock)
    for penalty in PENALTIES:
        name = "no penalty" if penalty == "none" else penalty
        rows.append(lines.line("toy", name, took[f"plain {penalty}"], took[f"ours {penalty}"], "turns/s", 1, 1.5))
    steps = {
        "from a tensor": "toy: batches from a tensor",
        "fused": "toy: ... and fused Adam",
        "from scratch": "toy: ... and `train`, from scratch",
        "ours none": "toy: ... and a recorded turn",
    }
    rows += [lines.line(GIVES, name, took["plain none"], took[step], "turns/s", 1) for step, name in steps.items()]
    rows.append(lines.line(GIVES, f"toy: {SHARED}", took["plain R1"], took["shared"], "turns/s", 1))
    rows += [lines.cost("toy", p, took["ours none"], took[f"ours {p}"]) for p in PENALTIES if p != "none"]
    return rows


def measure_ensembles(size: Size, clock: Callable) -> list[dict]:
    where, rows = toy.ring(8, 1.0, 0.05).to(WHERE), []
    for k, width in size.games:
        make_g = lambda width=width: nets.mlp.generator(2, Z_DIM, (width, width)).to(WHERE)  # noqa: E731
        make_d = lambda width=width: nets.mlp.discriminator(2, (width, width)).to(WHERE)  # noqa: E731
        variants = ensemble.product(seed=range(k))
        games = ensemble.train(make_g, make_d, lambda seed: where.batches(BATCH, seed), variants)
        alone = [warm(games.solo(i)) for i in range(min(k, 8))]  # eight of them, again and again, stand for all k
        after_each_other = itertools.cycle([turns(game) for game in alone])
        contenders = {"together": turns(warm(games)), "alone": lambda it=after_each_other: next(it)()}
        took = race(contenders, size.rounds, size.seconds, clock)
        took["alone"] = [k * t for t in took["alone"]]
        goal = 5 if (k, width) == size.games[0] else None
        rows.append(
            lines.line("ensemble", f"{k} games, 2 x {width}", took["alone"], took["together"], "game turns/s", k, goal)
        )
    return rows


def measure_images(size: Size, clock: Callable) -> tuple[list[dict], dict]:
    x = images(size)
    a, b = torch.randn(2, size.square, size.square, device=WHERE)

    def usual_with(change: Callable = lambda *pair: pair, penalty: str = "none", **more) -> Callable:
        pair = change(*conv_pair(size, own=False))
        return turns(measures.play(*pair, plain.loader(x, BATCH), 32, penalty, **more))

    alone = {
        "batches from a tensor": turns(plain.play(*conv_pair(size, own=False), Batches(x.to(WHERE), BATCH), 32)),
        "fused Adam": usual_with(fused=True),
        "losses not read out": usual_with(unread=True),
        "one forward for real and fake": usual_with(one_forward=True),
        "bf16 in the forward passes": usual_with(bf16=True),
        "channels_last": usual_with(measures.channels_last),
        "enlarging in one go": usual_with(measures.enlarging),
        "to one channel by a product": usual_with(measures.to_few),
    }
    together = {
        "our networks, with these three": turns(theirs(*conv_pair(size), x)),
        "... and `train`, from scratch": turns(ours(*conv_pair(size), x, compile="eager")),
        "... and a recorded turn": turns(ours(*conv_pair(size), x)),
        "... and bf16": turns(ours(*conv_pair(size), x, bf16=True)),
    }
    every = alone | together | {
        "product": lambda: a @ b,
        "plain": turns(theirs(*conv_pair(size, own=False), x)),
        "ours R1": turns(ours(*conv_pair(size), x, "R1")),
        "plain R1": turns(theirs(*conv_pair(size, own=False), x, "R1")),
        SHARED: usual_with(penalty="R1", shared=True),
    }  # fmt: skip
    flops = {
        "plain": count(theirs(*conv_pair(size, own=False), x)),
        "ours": count(ours(*conv_pair(size), x, compile="eager")),
    }
    took = race(every, size.rounds, size.seconds, clock)
    own_rate = 2 * size.square**3 / statistics.median(took["product"])
    usual, now = took["plain"], took["... and a recorded turn"]
    pixels, unit = f"{size.side} pixels", "images/s"
    rows = [
        lines.line("images", f"{pixels}, no penalty", usual, now, unit, BATCH, 1.8),
        lines.line("images", f"{pixels}, R1", took["plain R1"], took["ours R1"], unit, BATCH),
        *[lines.line(GIVES, f"images: {name}", usual, took[name], unit, BATCH) for name in alone | together],
        lines.line(GIVES, f"images: {SHARED}", took["plain R1"], took[SHARED], unit, BATCH),
        lines.cost("images", "R1", now, took["ours R1"]),
    ]
    shares = {"plain": flops["plain"] / statistics.median(usual) / own_rate,
              "ours": flops["ours"] / statistics.median(now) / own_rate}  # fmt: skip
    return rows, {"matrix_gflops_per_s": own_rate / 1e9, "gflop_per_turn": {k: v / 1e9 for k, v in flops.items()},
                  "share_of_matrix_rate": shares, "share_goal": 0.6}  # fmt: skip


def count(game) -> int:
    """Floating-point operations of one turn: those of its matrix products and convolutions, as they were made."""
    with FlopCounterMode(display=False) as counter:
        next(game)
    return counter.get_total_flops()


def main(wishes: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true", help="small sizes: to see that it runs, not how fast")
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="cpu: for a machine with other work to do")
    parser.add_argument("--out", type=Path, default=ROOT, help="the folder for bench.json and bench.png")
    given = parser.parse_args(wishes)
    size, clock = TINY if given.tiny else FULL, CLOCKS[given.clock]
    many = torch.get_num_threads()
    print(f"{report.machine()} (one thread for points in the plane)\n")
    print(lines.HEAD, flush=True)
    torch.set_num_threads(1)
    rows = lines.tell(measure_toy(size, clock)) + lines.tell(measure_ensembles(size, clock))
    torch.set_num_threads(many)
    of_images, rate = measure_images(size, clock)
    rows += lines.tell(of_images)
    share = rate["share_of_matrix_rate"]
    print(f"\nMatrix products: {rate['matrix_gflops_per_s']:.0f} GFLOP/s; of it the convolutional pair has "
          f"{share['ours']:.0%} (goal {rate['share_goal']:.0%}), the plain loop {share['plain']:.0%}.")  # fmt: skip
    command = "make bench" if given == parser.parse_args([]) else f"python benchmarks/bench.py --clock {given.clock}"
    report.write(given.out / "bench.json", command, rows, seeds=[SEED], size=size._asdict(), clock=given.clock,
                 device=WHERE.type, **rate)  # fmt: skip
    lines.draw(rows, given.out / "bench.png")


if __name__ == "__main__":
    main()
