"""Four critics for exercises 08.5 and 08.6: Wasserstein games, held back in four ways. Which is which is the exercise.

Read this file only to cheat.
"""

import functools
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.autograd import grad

from gan_course import metrics, nets, toy
from gan_course.checks.diagnosis import Diagnosis
from gan_course.checks.engine import Wrong
from gan_course.game import train
from gan_course.losses import wasserstein
from gan_course.penalties import clip_weights, gradient_penalty

RING = toy.ring(8, radius=1.0, std=0.08)
TURNS, EVERY = 250, 10
_RULES = {
    "A": {"penalties": [gradient_penalty(0.3)]},
    "B": {"constrain": clip_weights(0.6)},
    "C": {"constrain": clip_weights(1e-3)},
    "D": {"penalties": [gradient_penalty(0.0)]},
}
CAUSES = ("healthy", "clip too tight", "clip too loose", "penalty without weight")
_DIAGNOSIS = {"A": "healthy", "B": "clip too loose", "C": "clip too tight", "D": "penalty without weight"}
_ILL = tuple(name for name, cause in _DIAGNOSIS.items() if cause != "healthy")
WELL_MODES, WELL_SHARE = 7, 0.2  # one fitted Gaussian has a share of about 0.16


@dataclass(frozen=True)
class Chart:
    """What was noted of one game: at `turns`, the critic's `reading` E_p[D] - E_q[D] and its mean `slope` at the fakes;
    at the end, D's weights (w,) and 1000 `fakes` (1000, 2)."""

    turns: list[int]
    reading: list[float]
    slope: list[float]
    weights: Tensor
    fakes: Tensor

    @property
    def pinned(self) -> float:
        """The share of weights at the largest absolute value that there is."""
        w = self.weights.abs()
        return (w >= 0.999 * w.max()).float().mean().item()


@functools.cache
def admit(name: str) -> Chart:
    """A patient's chart. The random state of the caller stays as it was."""
    return _play(seed=20, **_RULES[name])


def _play(seed: int, **rules) -> Chart:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        G, D = nets.mlp.generator(2, 2, (32, 32)), nets.mlp.discriminator(2, (32, 32))
        # Averaged: a game of two players swings, and the last turn alone would show the swing.
        game = train(G, D, RING.batches(64, seed), loss=wasserstein, lr_g=0.003, lr_d=0.01, steps=TURNS, average=0.99,
                     seed=seed, **rules)  # fmt: skip
        turns, reading, slope = [], [], []
        for step in game:
            if step.index % EVERY == 0:
                turns.append(step.index)
                fake, real = game.sample(500, seed=1).requires_grad_(), RING.sample(500, seed=1)
                out = D(fake)
                reading.append((D(real).mean() - out.mean()).item())
                slope.append(grad(out.sum(), fake)[0].norm(dim=1).mean().item())
        weights = torch.cat([w.detach().ravel().clone() for w in D.parameters()])
        return Chart(turns, reading, slope, weights, game.sample(1000).detach())


_SLIPS = [  # patient, wrong cause, reason, what to tell the learner
    ("C", "healthy", "small_is_healthy", "C: a small reading would be good news from a critic with some slope. Look at "
     "its slope, and at where its weights are."),
    ("C", "clip too loose", "swapped_clips", "C: under a limit that is too loose the weights grow. Here none is above "
     "a thousandth."),
    ("B", "penalty without weight", "limit_overlooked", "B: a steep critic, yes. But several of its weights have "
     "the very same, largest value: there is a limit."),
    ("D", "clip too loose", "no_limit", "D: no two weights share the largest value: nobody clips here."),
    ("A", "penalty without weight", "penalty_overlooked", "A: its slope stays of the order of 1, turn after turn. "
     "Something holds it."),
    ("D", "healthy", "large_is_healthy", "D: its slope jumps, and lies far above 1. Whatever "
     "should hold it near 1 does not."),
]  # fmt: skip

# The judge of 08.5.
diagnosis = Diagnosis(
    _DIAGNOSIS,
    CAUSES,
    _SLIPS,
    look=": slope first, then weights at the limit.",
    well="A is held by a penalty; B's limit is too far out, C's too near; D has a penalty of weight zero: none.",
)


def prescription(answer) -> str:
    """The judge of 08.6: a dictionary from each ill patient to ("clip", c) or ("penalty", weight). Each is played."""
    if not isinstance(answer, dict) or set(answer) != set(_ILL):
        raise Wrong(f"Give a dictionary with a treatment for each of {', '.join(_ILL)}.", "keys")
    for name, dose in answer.items():
        if not (isinstance(dose, (tuple, list)) and len(dose) == 2 and dose[0] in ("clip", "penalty")):
            raise Wrong(f'{name}: give ("clip", a limit) or ("penalty", a weight).', "words")
    return f"After {TURNS} turns: {'; '.join(_treated(name, *dose) for name, dose in answer.items())}."


def _treated(name: str, kind: str, strength: float) -> str:
    try:
        rules = {"constrain": clip_weights(strength)} if kind == "clip" else {"penalties": [gradient_penalty(strength)]}
    except ValueError as error:
        raise Wrong(f"{name}: {error}", "refused") from error
    chart = _play(seed=20, **rules)
    modes, share = metrics.modes_covered(chart.fakes, RING), metrics.high_quality_share(chart.fakes, RING)
    if modes < WELL_MODES or share < WELL_SHARE:
        raise Wrong(
            f"{name} is not well: {modes} modes of 8, {share:.0%} of high quality, a slope of {chart.slope[-1]:.2g}. "
            f"Asked: {WELL_MODES} modes and {WELL_SHARE:.0%}. A slope far below 1 says *too tight*, far above 1 says "
            "*too loose*.",
            f"still_ill_{name}",
        )
    return f"{name} {modes} modes, {share:.0%} of high quality"
