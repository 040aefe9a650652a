"""The failure zoo: five games that fall ill, how each illness is told by measurement, and what cures it while it runs.

The signs are read off the run alone, so any run may be asked, a learner's own too. The papers that the stories name:
Goodfellow et al. 2014, "Generative Adversarial Networks"; Salimans et al. 2016, "Improved Techniques for Training
GANs"; Arjovsky & Bottou 2017, "Towards Principled Methods for Training Generative Adversarial Networks"; Mescheder,
Geiger & Nowozin 2018, "Which Training Methods for GANs do actually Converge?"; Gidel et al. 2019, "Negative Momentum
for Improved Game Dynamics".
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gan_course.laboratory.history import Thinned
from gan_course.laboratory.run import Run
from gan_course.laboratory.setup import Setup

WINDOW = 100  # turns that the symptoms look back over, and before which nobody is called ill


class Symptoms(NamedTuple):
    """What the signs are made of, each a median over the last turns, but for `swing`, which needs them together.

    modes:     share of the data's modes that G reaches, 0 to 1 (NaN where the data has none).
    quality:   share of the fakes within 3 sigma of a mode (NaN likewise).
    distance:  Wasserstein-1 distance of fakes and data, over the data's own spread.
    swing:     standard deviation, over the last turns, of the centre of the fakes, over the data's spread.
    right:     share of points that D judges rightly.
    sure:      mean distance of D's probabilities from 1/2: 0 is "cannot tell", 1/2 is certainty.
    pull:      norm of the gradient of G's loss with respect to G's weights.
    """

    modes: float
    quality: float
    distance: float
    swing: float
    right: float
    sure: float
    pull: float


def symptoms(run: Run) -> Symptoms:
    """The run's symptoms now. The data's spread is the root mean square distance of its points from their centre."""
    frames, measures = _last(run, run.frames), _last(run, run.measures)
    spread = _stray(run.view.real.cpu().numpy())
    said = [np.concatenate([frame.p_real, frame.p_fake]) / 255 for frame in frames]
    all_modes = np.nan if run.toy.modes is None else len(run.toy.modes)
    return Symptoms(
        modes=float(np.median([m.modes for m in measures]) / all_modes),
        quality=float(np.median([m.quality for m in measures])),
        distance=float(np.median([m.w1 for m in measures]) / spread),
        swing=_stray(np.array([frame.fakes.mean(axis=0) for frame in frames])) / spread,
        right=float(np.median([frame.right for frame in frames])),
        sure=float(np.median([np.abs(p - 0.5).mean() for p in said])),
        pull=float(np.median([frame.g_gradient for frame in frames])),
    )


def _last(run: Run, record: Thinned) -> list:
    """What was recorded in the last turns: in a long run, which keeps its records far apart, the last five at least."""
    since = run.turn - max(WINDOW, 5 * record.every)
    return [item for turn, item in zip(record.turns, record.items, strict=True) if turn > since]


def _stray(points: np.ndarray) -> float:
    return float(np.sqrt(((points - points.mean(axis=0)) ** 2).sum(axis=1).mean()))


@dataclass(frozen=True)
class Illness:
    """`setup`, with any seed, is ill after `turns`; with the changes of `cure` it is well again `cure_turns` later.

    `story` says what is seen and why, `cure_story` what the cure changes and why that helps, `sign` what `shows`
    measures. Each cure is made of settings that change while the game goes on: none needs a new start.
    """

    key: str
    title: str
    story: str
    setup: Setup
    turns: int
    cure: Mapping[str, float | str]  # as `Run.change` takes it
    cure_story: str
    cure_turns: int
    sign: str
    shows: Callable[[Symptoms], bool]

    def ill(self, run: Run) -> bool:
        """Whether `run` shows this illness's sign now. A run of a few turns shows none."""
        return run.turn >= WINDOW and self.shows(symptoms(run))


_ALL = (
    Illness(
        key="collapse",
        title="Collapse",
        story="The fakes are good but lie in one of eight places, or in two or three: D judges each point alone, so "
        "all fakes slide down the same slopes together, and where they have landed nothing tells them to differ "
        "(Salimans et al. 2016).",
        setup=Setup(noise="uniform", g_layers=3, lr_g=0.001, opt_d="Adam, momentum 0.5", lr_d=0.02, d_steps=3),
        turns=200,
        cure={"penalties.R1": 0.3, "lr_g": 0.005},
        cure_story="R1 bounds D's slope, so its hills grow wide enough to be felt from one place to the next, and a "
        "G five times as fast can follow them; in so few turns neither change is enough alone.",
        cure_turns=200,
        sign="G reaches at most half of the modes, though 40 % of its fakes or more are good, and D takes sides.",
        shows=lambda s: s.modes <= 0.5 and s.quality >= 0.4 and s.sure >= 0.1,  # NaN, so false, without modes
    ),
    Illness(
        key="oscillation",
        title="Oscillation",
        story="The cloud swings across the data and back: each player answers to where the other was, nothing damps "
        "that (Mescheder et al. 2018), and momentum carries both past their aim (Gidel et al. 2019).",
        setup=Setup(
            data="line", g_layers=1, opt_g="Adam, momentum 0.9", opt_d="Adam, momentum 0.9", lr_g=0.003, lr_d=0.001
        ),
        turns=300,
        cure={"penalties.R1": 1.0, "opt_g": "Adam", "opt_d": "Adam"},
        cure_story="R1 pulls D's slope at the data towards zero, which damps the swing and would do so alone "
        "(Mescheder et al. 2018); without momentum the cloud also comes to the data before long.",
        cure_turns=300,
        sign="The centre of the fakes strays by 0.4 of the data's spread or more, and D, which does take sides, is "
        "right on at most 80 %.",
        shows=lambda s: s.swing >= 0.4 and s.right <= 0.8 and s.sure >= 0.03,
    ),
    Illness(
        key="vanishing",
        title="Vanishing gradient",
        story="D is right on every point and sure of it, and the fakes stand still: in the minimax loss each fake's "
        "pull has the factor D(G(z)), which is now next to nothing (Goodfellow et al. 2014, section 3).",
        setup=Setup(
            noise="uniform", loss="minimax", opt_g="SGD", lr_g=0.005, opt_d="Adam, momentum 0.9", lr_d=0.01, d_steps=5
        ),
        turns=200,
        cure={"loss": "non-saturating", "penalties.R1": 0.3, "opt_g": "Adam"},
        cure_story="The non-saturating loss has the factor 1 - D(G(z)) instead, so it pulls hardest where D is sure; "
        "R1 keeps that pull gentle, else it throws all fakes onto a few places; Adam's steps do not shrink with it.",
        cure_turns=200,
        sign="The gradient of G's loss has a norm of at most 0.001, and D is right on at least 98 %.",
        shows=lambda s: s.pull <= 1e-3 and s.right >= 0.98,
    ),
    Illness(
        key="too_strong",
        title="D too strong",
        story="D is right on nearly every point and its slopes are cliffs: the non-saturating loss does pull, "
        "hundreds of times too hard, and each of G's steps throws the cloud past the data (Arjovsky & Bottou 2017).",
        setup=Setup(data="line", g_layers=0, opt_g="SGD", lr_g=0.3, opt_d="Adam, momentum 0.5", lr_d=0.01, d_steps=6),
        turns=100,
        cure={"penalties.R1": 1.0},
        cure_story="R1 bounds D's slope at the data, and with it G's steps; D keeps its six steps a turn, for it was "
        "too steep, not too good: with one step a turn and no penalty the cloud is thrown about as before.",
        cure_turns=200,
        sign="D is right on at least 90 %, the gradient of G's loss has a norm of 6 or more, and the fakes are "
        "farther from the data than half its spread.",
        shows=lambda s: s.right >= 0.9 and s.pull >= 6 and s.distance >= 0.5,
    ),
    Illness(
        key="too_weak",
        title="D too weak",
        story="D's picture is grey and the cloud chases after it round the ring: D learns at a tenth of G's rate, "
        "far from its optimum (Goodfellow et al. 2014, section 3), so its 50 % means that it sees nothing, not that "
        "G is good.",
        setup=Setup(lr_d=0.0005),
        turns=300,
        cure={"lr_d": 0.005},
        cure_story="At G's own learning rate D sees where the fakes are while they are still there, and its slope "
        "leads them to the data; when it says 50 % again, G has earned it.",
        cure_turns=400,
        sign="D's probabilities are within 0.03 of 1/2 on average, yet the fakes are farther from the data than half "
        "its spread, and their centre strays by 0.4 of it or more.",
        shows=lambda s: s.sure <= 0.03 and s.distance >= 0.5 and s.swing >= 0.4,
    ),
)
ILLNESSES: dict[str, Illness] = {illness.key: illness for illness in _ALL}
