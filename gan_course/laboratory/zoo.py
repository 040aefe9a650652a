"""The failure zoo: five games that fall ill, how each illness is told by measurement, and what cures it while it runs.

Each illness is a seeded `Setup`. Its sign is read off the run alone, so `ill` may be asked of any run, a learner's own
too. The signs exclude each other: one run shows at most one of them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gan_course.laboratory.history import Thinned
from gan_course.laboratory.run import Run
from gan_course.laboratory.setup import Setup

WINDOW = 100  # turns that a sign looks back over


class Symptoms(NamedTuple):
    """What the signs are made of: medians over the last `WINDOW` turns where nothing else is said.

    modes:     share of the data's modes that G reaches, 0 to 1 (NaN where the data has none).
    quality:   share of the fakes within 3 sigma of a mode (NaN likewise).
    distance:  Wasserstein-1 distance of fakes and data, over the data's own spread.
    swing:     how far the centre of the fakes strays from its own mean, over the data's spread: a standard deviation.
    right:     share of points that D judges rightly, the mean over the window.
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
    """The run's symptoms now. The spread is the root mean square distance of the data from its centre."""
    frames, measures = _last(run, run.frames), _last(run, run.measures)
    real = run.view.real.cpu().numpy()
    spread = _stray(real)
    said = [np.concatenate([frame.p_real, frame.p_fake]) / 255 for frame in frames]
    modes = np.nan if run.toy.modes is None else len(run.toy.modes)
    return Symptoms(
        modes=float(np.median([m.modes for m in measures]) / modes),
        quality=float(np.median([m.quality for m in measures])),
        distance=float(np.median([m.w1 for m in measures]) / spread),
        swing=_stray(np.array([frame.fakes.mean(axis=0) for frame in frames])) / spread,
        right=float(np.median([frame.right for frame in frames])),
        sure=float(np.median([np.abs(p - 0.5).mean() for p in said])),
        pull=float(np.median([frame.g_gradient for frame in frames])),
    )


@dataclass(frozen=True)
class Illness:
    """`setup` is ill after `turns`; with the settings of `cure` (as `Run.change` takes them) it is well `cure_turns` on.

    `sign` says in words what `ill` measures; `story` what is seen and why; `cure_story` what the cure changes and why
    that helps. Both hold for any seed that was tried; none of the cures needs a new start.
    """

    key: str
    title: str
    story: str
    setup: Setup
    turns: int
    cure: Mapping[str, float | str]
    cure_story: str
    cure_turns: int
    sign: str
    ill: Callable[[Run], bool]


def _last(run: Run, record: Thinned) -> list:
    """What was recorded in the last turns; in a long run, where records are kept apart, the last five at least."""
    since = run.turn - max(WINDOW, 5 * record.every)
    return [item for turn, item in zip(record.turns, record.items, strict=True) if turn > since] or record.items[-1:]


def _stray(points: np.ndarray) -> float:
    return float(np.sqrt(((points - points.mean(axis=0)) ** 2).sum(axis=1).mean()))


# A NaN (data without modes) makes each comparison false: without modes there is no collapse to be told.
def _collapsed(run: Run) -> bool:
    s = symptoms(run)
    return s.modes <= 0.5 and s.quality >= 0.5


def _oscillates(run: Run) -> bool:
    s = symptoms(run)
    return s.swing >= 0.4 and s.right <= 0.8 and s.sure >= 0.03


def _vanished(run: Run) -> bool:
    s = symptoms(run)
    return s.pull <= 1e-3 and s.right >= 0.98


def _too_strong(run: Run) -> bool:
    s = symptoms(run)
    return s.right >= 0.9 and s.pull >= 3 and s.distance >= 0.5


def _too_weak(run: Run) -> bool:
    s = symptoms(run)
    return s.sure <= 0.03 and s.distance >= 0.5


_ALL = (
    Illness(
        key="collapse",
        title="Collapse",
        story="The fakes are good, but all in two or three of eight places: D judges each fake alone and all of them "
        "slide down the same slope together, and nothing tells them to differ (Salimans et al. 2016).",
        setup=Setup(noise="uniform", opt_d="Adam, momentum 0.5", lr_d=0.02, lr_g=0.002, d_steps=3),
        turns=200,
        cure={"penalties.R1": 0.3},
        cure_story="",
        cure_turns=250,
        sign="",
        ill=_collapsed,
    ),
    Illness(
        key="oscillation",
        title="Oscillation",
        story="",
        setup=Setup(
            data="line", g_layers=1, opt_g="Adam, momentum 0.9", opt_d="Adam, momentum 0.9", lr_g=0.003, lr_d=0.001
        ),
        turns=300,
        cure={"penalties.R1": 1.0},
        cure_story="",
        cure_turns=400,
        sign="",
        ill=_oscillates,
    ),
    Illness(
        key="vanishing",
        title="Vanishing gradient",
        story="",
        setup=Setup(
            noise="uniform", loss="minimax", opt_g="SGD", lr_g=0.02, opt_d="Adam, momentum 0.9", lr_d=0.01, d_steps=5
        ),
        turns=200,
        cure={"loss": "non-saturating", "penalties.R1": 0.1},
        cure_story="",
        cure_turns=200,
        sign="",
        ill=_vanished,
    ),
    Illness(
        key="too_strong",
        title="D too strong",
        story="",
        setup=Setup(
            data="line", g_layers=0, opt_g="SGD", lr_g=0.3, opt_d="Adam, momentum 0.5", lr_d=0.01, d_steps=10
        ),
        turns=80,
        cure={"penalties.R1": 1.0},
        cure_story="",
        cure_turns=100,
        sign="",
        ill=_too_strong,
    ),
    Illness(
        key="too_weak",
        title="D too weak",
        story="",
        setup=Setup(lr_d=0.0005),
        turns=300,
        cure={"lr_d": 0.005},
        cure_story="",
        cure_turns=300,
        sign="",
        ill=_too_weak,
    ),
)
ILLNESSES: dict[str, Illness] = {illness.key: illness for illness in _ALL}
