"""Four games for exercise 07.5, and the patient of 07.6. Which is which is the exercise.

Read this file only to cheat.
"""

import functools
import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from gan_course import eigen, ensemble, metrics, minimax, nets, non_saturating, plot, toy, train
from gan_course.checks.diagnosis import Diagnosis
from gan_course.checks.engine import Wrong

RING = toy.ring(8, radius=1.0, std=0.08)
TURNS, LOOK, WAY = 300, 10, 25  # turns of a chart, between two pulls, and between the two looks at the fakes
_BEGIN = {
    "A": {"momentum": 0.5, "lr_g": 2e-3, "lr_d": 2e-3, "seed": 1},
    "B": {"loss": minimax, "G by SGD": True, "lr_g": 0.01, "lr_d": 3e-3, "head_start": 600, "seed": 2},
    "C": {"lr_g": 1e-3, "lr_d": 4e-3, "seed": 3},
    "D": {"lr_g": 1e-2, "lr_d": 3e-5, "seed": 0},
}
CAUSES = ("vanishing gradient", "diverged", "oscillating", "healthy")
_DIAGNOSIS = {"A": "oscillating", "B": "vanishing gradient", "C": "healthy", "D": "diverged"}
FRESH, CURE_TURNS, WELL = range(10, 14), 400, 0.5  # seeds and turns of a treatment, and the JS below which one is well
SETTINGS = ("loss", "penalties", "lr_g", "lr_d", "d_steps", "g_steps", "average", "D")


class Chart(NamedTuple):
    """What a game showed: its losses (TURNS,), the pull on G at every tenth turn, how often D was right at the end, its
    last fakes (500, 2), and how far these came in the last 25 turns."""

    d_loss: np.ndarray
    g_loss: np.ndarray
    pull: np.ndarray
    right: float
    fakes: Tensor
    way: float


def _networks() -> tuple[nn.Module, nn.Module]:
    return nets.mlp.generator(2, 2, (24, 24)), nets.mlp.discriminator(2, (24, 24))


def admit(name: str) -> Chart:
    """A patient's chart, freshly played."""
    rules = _BEGIN[name]
    loss, seed = rules.get("loss", non_saturating), rules["seed"]
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        G, D = _networks()
    batches, z = RING.batches(64, seed), torch.randn(500, 2, generator=torch.Generator().manual_seed(seed))
    betas = (rules.get("momentum", 0.0), 0.99)
    opts = {"opt_d": torch.optim.Adam(D.parameters(), rules["lr_d"], betas=betas)}
    if rules.get("G by SGD"):
        opts["opt_g"] = torch.optim.SGD(G.parameters(), rules["lr_g"])
    else:
        opts["opt_g"] = torch.optim.Adam(G.parameters(), rules["lr_g"], betas=betas)
    for _ in train(G, D, batches, loss=loss, steps=rules.get("head_start", 0), g_steps=0, seed=seed, **opts):
        pass
    real, own, steps, pulls = RING.sample(500, seed=seed), sum(p.numel() for p in G.parameters()), [], []
    for step in train(G, D, batches, loss=loss, steps=TURNS, seed=seed, **opts):
        steps.append((step.d_loss.item(), step.g_loss.item()))
        if step.index % LOOK == 0:
            pulls.append(eigen.field(G, D, loss, real, z)[:own].norm().item())
        if step.index == TURNS - WAY:
            before = G(z).detach()
    with torch.no_grad():
        fakes = G(z)
        right = ((D(real) > 0).float().mean() + (D(fakes) < 0).float().mean()).item() / 2
    way = (fakes - before).norm(dim=1).mean().item()
    return Chart(*np.array(steps).T, np.array(pulls), right, fakes, way)


def chart_of(axes: np.ndarray, chart: Chart, ring: toy.Toy) -> None:
    """Three pictures in a column: losses, pull, fakes."""
    turns = range(1, TURNS + 1)
    axes[0].plot(turns, chart.d_loss, color=plot.DIS, linewidth=1, label="D's loss")
    axes[0].plot(turns, chart.g_loss, color=plot.GEN, linewidth=1, label="G's loss")
    axes[0].legend(fontsize=7)
    axes[1].plot(range(LOOK, TURNS + 1, LOOK), chart.pull.clip(1e-8), color=plot.GEN)
    axes[1].set(yscale="log", ylabel="pull", xlabel="turn", ylim=(1e-6, 1e3))
    plot.scatter(axes[2], ring.sample(500, seed=0), chart.fakes)
    axes[2].get_legend().remove()


_SLIPS = [  # patient, wrong cause, reason, what to tell the learner
    ("A", "healthy", "swing_for_healthy", "A: its losses look calm, but see how far its fakes go in 25 turns."),
    ("A", "diverged", "swing_for_diverged", "A: it goes far, but its fakes stay around the data: see the distance."),
    ("B", "healthy", "still_for_healthy", "B: it moves little, as a finished game does. But where are its fakes?"),
    ("B", "diverged", "still_for_diverged", "B: its fakes are near the middle, where they began. Nothing has left."),
    ("C", "vanishing gradient", "small_for_gone", "C: it moves little because it has arrived. Compare the pulls."),
    ("D", "oscillating", "gone_for_swing", "D: what swings comes back. These fakes are far out, and D is late."),
    ("D", "vanishing gradient", "gone_for_vanished", "D: its pull is small, but its fakes do not stand still."),
]  # fmt: skip

# The judge of 07.5.
diagnosis = Diagnosis(
    _DIAGNOSIS,
    CAUSES,
    _SLIPS,
    look=": pull, way, distance, in this order.",
    well="A swings, B's gradient has vanished, D's fakes have left for good, and C is well.",
)


def prescription(answer) -> str:
    """The judge of 07.6: answer is a dictionary with one setting. Four fresh seeds are played with it."""
    if not isinstance(answer, dict):
        raise Wrong('Give a dictionary of one setting and its value, such as {"d_steps": 2}.', "keys")
    if {"opt", "opt_g", "opt_d", "momentum"} & set(answer):
        raise Wrong("The optimiser stays as it is: the momentum is part of the illness here.", "optimiser")
    if len(answer) != 1:
        raise Wrong(f"One setting, please: with {len(answer)} you would not know which of them helped.", "dose")
    if unknown := set(answer) - set(SETTINGS):
        raise Wrong(f"`{sorted(map(str, unknown))[0]}` is none of the settings: {', '.join(SETTINGS)}.", "unknown")
    networks = {"G": lambda: _networks()[0], "D": lambda: _networks()[1]}
    rules = {**networks, "opt": _momentum, "lr_g": 2e-3, "lr_d": 2e-3, **answer}
    try:
        games = ensemble.train(
            rules["G"],
            rules["D"],
            lambda seed: RING.batches(64, seed),
            [{**rules, "seed": s} for s in FRESH],
            steps=CURE_TURNS,
        )
        for _ in games:
            pass
    except (ValueError, TypeError, FloatingPointError) as error:
        raise Wrong(f"This game could not be played: {error}", "refused") from error
    scores = [_js(x) for x in games.sample(4000)]
    if not max(scores) < WELL:
        told = ", ".join(f"{score:.2f}" for score in scores)
        raise Wrong(f"Not every seed is well: JS {told}, asked is below {WELL} on each.", "still_ill")
    modes = min(metrics.modes_covered(x, RING) for x in games.sample(2500))
    return f"Four fresh seeds: JS {min(scores):.2f} to {max(scores):.2f}, and {modes} modes or more on each."


def _momentum(parameters: list[nn.Parameter], lr: float) -> torch.optim.Optimizer:
    return torch.optim.Adam(parameters, lr, betas=(0.5, 0.99), fused=True)


@functools.cache
def _ring_masses() -> Tensor:
    return _counted(RING.sample(400_000, seed=99))


def _counted(x: Tensor, cells: int = 40, edge: float = 2.0) -> Tensor:
    """The share of the points x (n, 2) in each cell of the lesson's grid; what lies outside counts at the rim."""
    edges = torch.linspace(-edge, edge, cells + 1)
    return torch.histogramdd(x.clamp(-edge + 1e-4, edge - 1e-4), [edges, edges]).hist / len(x)


def _js(x: Tensor) -> float:
    """JS between the ring and the points x (n, 2); NaN if they are not finite."""
    if not x.isfinite().all():
        return math.nan
    p, q = _ring_masses(), _counted(x)
    m = (p + q) / 2
    return ((torch.xlogy(p, p) + torch.xlogy(q, q)) / 2 - torch.xlogy(m, m)).sum().item()
