"""Mode collapse under PacGAN's protocol (Lin et al. 2018), in one command: python benchmarks/collapse.py

The ring (radius 1, sigma 0.01) and the grid (-4 to 4 in steps of 2, sigma 0.05); 2,500 samples a seed; a sample within
3 sigma of a mode is of high quality; a mode counts from one such sample. Data and measures are the published ones;
networks, turns and seeds are ours, so the published figures stand beside for comparison, not as a race.

Every finished set of seeds is written to docs/results/collapse.json at once; run the command again to
go on after a break.
"""

import argparse
import itertools
import json
import math
import os
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import report
import torch
from tqdm import tqdm

from gan_course import Loss, ensemble, metrics, nets, non_saturating, r1, r2, relativistic, toy
from gan_course.cures import Packed

RESULTS = Path(__file__).parents[1] / "docs" / "results" / "collapse.json"
COMMAND = "python benchmarks/collapse.py"
BATCH, RATE, TOGETHER = 256, (1e-3, 2e-5), 5  # points a batch; learning rate, first and last; seeds played at once
SAMPLES, MANY = 2500, 100_000  # the protocol's number, and one at which chance hardly shows


class Data(NamedTuple):
    """What is played for. A network's layers suit numbers about 1: points are scaled for it, and samples put back.

    `weight` is that of both penalties at the first and at the last turn; `coins` of G's numbers are tosses where the
    recipe has them, and two more are normal.
    """

    toy: toy.Mixture
    scale: float
    steps: int
    width: int
    weight: tuple[float, float]
    coins: int


TOYS = {
    "ring": Data(toy.ring(), 1.0, 12_000, 96, (0.1, 0.0002), 14),
    "grid": Data(toy.grid(), 0.35, 12_000, 128, (0.1, 0.004), 9),
}
PUBLISHED = [  # Lin et al. 2018, Table 1: modes, share of high quality, reverse KL
    {"data": "ring", "recipe": "GAN", "modes": 6.3, "share": 0.982, "reverse_kl": 0.45},
    {"data": "ring", "recipe": "PacGAN2", "modes": 7.9, "share": 0.956, "reverse_kl": 0.07},
    {"data": "grid", "recipe": "GAN", "modes": 17.3, "share": 0.948, "reverse_kl": 0.70},
    {"data": "grid", "recipe": "PacGAN2", "modes": 23.8, "share": 0.913, "reverse_kl": 0.13},
    {"data": "grid", "recipe": "PacGAN4", "modes": 24.8, "share": 0.936, "reverse_kl": 0.04},
]


class Recipe(NamedTuple):
    """What one way of playing has of its own."""

    loss: Loss = non_saturating
    pack: int = 1
    coins: bool = False
    penalised: bool = False


RECIPES = {
    "GAN": Recipe(),
    "PacGAN2": Recipe(pack=2),
    "PacGAN4": Recipe(pack=4),
    "relativistic + R1 + R2": Recipe(relativistic, penalised=True),
    "relativistic + R1 + R2 + coins": Recipe(relativistic, coins=True, penalised=True),
}
BEST, REAL = "relativistic + R1 + R2 + coins", "real data"
SHARE, REVERSE_KL = 0.97, {"ring": 0.003, "grid": 0.008}  # the goals; the floor of chance alone stands in the results


class Scaled:
    """Batches of the data, scaled."""

    def __init__(self, data: Data, seed: int):
        self._stream, self._scale = data.toy.batches(BATCH, seed), data.scale

    def __iter__(self):
        return self

    def __next__(self) -> torch.Tensor:
        return self._scale * next(self._stream)


def play(data: Data, recipe: Recipe, seeds: list[int], steps: int) -> ensemble.Ensemble:
    """Train a game for each seed, all at once."""
    hidden = (data.width,) * 3

    def discriminator():
        D = nets.mlp.discriminator(2 * recipe.pack, hidden)
        return Packed(D, recipe.pack) if recipe.pack > 1 else D

    games = ensemble.train(
        lambda: nets.mlp.generator(2, data.coins + 2, hidden, coins=data.coins if recipe.coins else 0),
        discriminator,
        lambda seed: Scaled(data, seed),
        ensemble.product(seed=seeds),
        steps=steps,
        loss=recipe.loss,
        penalties=[r1(1.0), r2(1.0)] if recipe.penalised else [],
        lr_g=RATE[0],
        lr_d=RATE[0],
        average=0.999,
    )
    for step in games:
        done = step.index / steps
        games.rate = (RATE[1] + (RATE[0] - RATE[1]) * 0.5 * (1 + math.cos(math.pi * done))) / RATE[0]
        if recipe.penalised:  # smooth first, so that all modes are found; sharp at last, so that they are met
            first, last = data.weight
            games.weight = first ** (1 - done) * last**done
    return games


def measure(target: toy.Mixture, few: torch.Tensor, many: torch.Tensor) -> dict:
    """The protocol's three measures on 2,500 samples; two of them on 100,000; and the modes' width, in true sigmas."""
    worst = math.log(len(target.modes))
    away = torch.cdist(many, target.modes, compute_mode="donot_use_mm_for_euclid_dist").min(dim=1).values / target.std
    return {
        "modes": metrics.modes_covered(few, target),
        "share": metrics.high_quality_share(few, target),
        # Infinite where no sample is of high quality; it then counts as if all were at one mode.
        "reverse_kl": min(metrics.reverse_kl(few, target), worst),
        "share_many": metrics.high_quality_share(many, target),
        "reverse_kl_many": min(metrics.reverse_kl(many, target), worst),
        # Of what lies within 3 sigma; a perfect generator has 0.974, for the tail is cut off.
        "width": (away[away < 3].square().mean() / 2).sqrt().item() if (away < 3).any() else None,
    }


def run(job: tuple[str, str, list[int], int]) -> list[dict]:
    """Some seeds of one recipe, or of real data, as rows of the results."""
    name, recipe, seeds, steps = job
    torch.set_num_threads(1)
    data = TOYS[name]
    start = time.process_time()
    if recipe == REAL:
        samples = [
            [data.toy.sample(n, seed=10 * seed + part) for seed in seeds] for part, n in enumerate((SAMPLES, MANY))
        ]
    else:
        games = play(data, RECIPES[recipe], seeds, steps)
        samples = [games.sample(n, seed=part) / data.scale for part, n in enumerate((SAMPLES, MANY), 1)]
    seconds = (time.process_time() - start) / len(seeds)
    return [
        {"data": name, "recipe": recipe, "seed": seed, **measure(data.toy, few, many), "seconds": seconds}
        for seed, few, many in zip(seeds, *samples, strict=True)
    ]


def summarise(runs: list[dict]) -> list[dict]:
    """A row for each recipe on each data: means and standard deviations over seeds, and how many met each goal."""
    rows = []
    for data in TOYS:
        for recipe in (REAL, *RECIPES):
            own = [run for run in runs if (run["data"], run["recipe"]) == (data, recipe)]
            if not own:
                continue
            row = {"data": data, "recipe": recipe, "seeds": len(own)}
            for name in ("modes", "share", "reverse_kl", "share_many", "reverse_kl_many", "width", "seconds"):
                scores = torch.tensor([run[name] for run in own if run[name] is not None], dtype=torch.float64)
                if len(scores):
                    row[name], row[f"{name}_sd"] = scores.mean().item(), scores.std(correction=0).item()
            row["all_modes"] = sum(run["modes"] == len(TOYS[data].toy.modes) for run in own)
            row["share_met"] = sum(run["share"] >= SHARE for run in own)
            row["reverse_kl_met"] = sum(run["reverse_kl"] <= REVERSE_KL[data] for run in own)
            rows.append(row)
    return rows


def show(rows: list[dict]) -> None:
    names = ("data", "recipe", "seeds", "modes", "all", "share %", "reverse KL", "width")
    print("{:5} {:32} {:>5} {:>12} {:>4} {:>12} {:>16} {:>6}".format(*names))
    for row in rows:
        n = f"{row['seeds']:5d}" if "seeds" in row else "    -"
        sd = {name: f"±{row[f'{name}_sd'] * by:.{digits}f}" if f"{name}_sd" in row else ""
              for name, by, digits in (("modes", 1, 1), ("share", 100, 1), ("reverse_kl", 1, 4))}  # fmt: skip
        print(
            f"{row['data']:5} {row['recipe']:32} {n} {row['modes']:6.1f}{sd['modes']:>6} {row.get('all_modes', ''):>4} "
            f"{100 * row['share']:6.1f}{sd['share']:>6} {row['reverse_kl']:8.4f}{sd['reverse_kl']:>8} "
            f"{row.get('width', math.nan):6.2f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seeds", type=int, default=30, help="of the best recipe and of real data")
    parser.add_argument("--others", type=int, default=5, help="seeds of every other recipe")
    parser.add_argument("--first", type=int, default=200, help="the first seed")
    parser.add_argument("--steps", type=int, help="for a quick look; by default each data's own")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--json", type=Path, default=RESULTS)
    args = parser.parse_args()
    settings = {
        name: {**data._asdict(), "toy": name, "steps": args.steps or data.steps, "batch": BATCH, "rate": RATE}
        for name, data in TOYS.items()
    }
    settings = json.loads(json.dumps(settings))  # as they are read back: lists for tuples
    runs = []
    if args.json.is_file():
        before = json.loads(args.json.read_text("utf-8"))
        if before["settings"] != settings:
            raise SystemExit(f"{args.json} holds runs of other settings: name another file with --json, or delete it.")
        runs = before["runs"]
    have = {(run["data"], run["recipe"], run["seed"]) for run in runs}
    jobs = []
    for recipe, data in itertools.product((BEST, *(name for name in RECIPES if name != BEST), REAL), TOYS):
        count = args.seeds if recipe in (REAL, BEST) else args.others
        left = [s for s in range(args.first, args.first + count) if (data, recipe, s) not in have]
        jobs += [(data, recipe, left[i : i + TOGETHER], settings[data]["steps"]) for i in range(0, len(left), TOGETHER)]
    rows = summarise(runs)
    with ProcessPoolExecutor(args.jobs, mp_context=get_context("spawn")) as pool:
        for done in tqdm(as_completed([pool.submit(run, job) for job in jobs]), total=len(jobs), unit="job"):
            runs += done.result()
            rows = summarise(runs)
            report.write(args.json, COMMAND, rows, settings=settings, published=PUBLISHED, runs=runs)
    show([*PUBLISHED, *rows])


if __name__ == "__main__":
    main()
