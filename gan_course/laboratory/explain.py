"""One sentence on what happens now, or two: made of what is measured, never of what is hoped.

The cases are asked in the order in which they stand in `_CASES`, and the first that fits speaks. Illnesses are told by
the signs of the zoo. A change of the last turns is named first.
"""

import math
from collections.abc import Callable, Mapping
from functools import cached_property
from numbers import Real

import numpy as np

from gan_course.laboratory import truth, zoo
from gan_course.laboratory.frame import Frame
from gan_course.laboratory.run import Run
from gan_course.laboratory.truth import Measured

RECENT = 50  # turns for which a change, or the beginning, is news
EARLY = 300  # turns in which a weak D or a swing is no illness, as long as G gets nearer
WINDOW = 8  # measures that are looked at for progress


def explain(run: Run) -> str:
    """What happens in `run` now, with its numbers. It never raises."""
    try:
        state = _State(run)
        return _news(run) + next(said for case in _CASES if (said := case(state)))
    except Exception as error:  # looking runs the learner's own networks and loss, which may do anything
        return f"Turn {run.turn} cannot be measured ({type(error).__name__}: {error})."


class _State:
    """What the cases ask for."""

    def __init__(self, run: Run):
        self.run, self.turn = run, run.turn
        self.seen: Frame = run.look()
        self.now: Measured = run.recent() if run.turn >= RECENT else run.measure()
        self.floor: Measured = truth.floor(run.toy, run.view.extent)
        self.symptoms = zoo.symptoms(run)
        self.modes = None if run.toy.modes is None else len(run.toy.modes)
        self.reach, self.width = _width(run.view.real.cpu().numpy()), _width(self.seen.fakes)

    @property
    def right(self) -> float:
        """How often D was right of late: one look at 600 points has a chance error of 3 %."""
        return self.symptoms.right

    @cached_property
    def illness(self) -> str | None:
        """The zoo's, if any. To begin weakly and with a swing is none, nor is a D that the best would hardly beat."""
        if self.turn < zoo.WINDOW:
            return None
        found = next((key for key, illness in zoo.ILLNESSES.items() if illness.shows(self.symptoms)), None)
        if found in ("too_weak", "oscillation") and self.turn < EARLY and self.fall:
            return None
        return None if found == "too_weak" and self.right > self.best_right - 0.15 else found

    @property
    def best_right(self) -> float:
        """A share of points that the best D reaches at least: 1/2 + TV/2, and TV >= JS / ln 2 (Lin 1991, "Divergence
        Measures Based on the Shannon Entropy")."""
        return 0.5 + max(0.0, self.now.js - self.floor.js) / (2 * math.log(2))

    @cached_property
    def fall(self) -> tuple[str, float, float, int] | None:
        """The measure that fell: its name, its mean in the older and in the newer half of the last measures, and the
        turns that these span. It fell if the newer mean is nearer the floor by a fifth, and below every older value."""
        kept = self.run.measures
        for window in (WINDOW, WINDOW // 2):
            turns = kept.turns[-window:]
            for name in ("w1", "js"):
                old, new = np.array_split([getattr(item, name) for item in kept.items[-window:]], 2)
                floor = getattr(self.floor, name)
                if len(new) and new.mean() - floor < 0.8 * (old.mean() - floor) and new.mean() < old.min():
                    return name, old.mean(), new.mean(), turns[-1] - turns[0]
        return None


def _width(x: np.ndarray) -> float:
    """The root of the mean squared distance from the middle."""
    return float(np.linalg.norm(x.astype(float).std(0)))


def _news(run: Run) -> str:
    """The change of the last turns, by name."""
    log = [change for change in run.log if change.turn <= run.turn]
    if not log or run.turn == 0 or run.turn - log[-1].turn > RECENT:
        return ""
    last = log[-1]
    if len(log) > 1 and last.turn - log[-2].turn <= RECENT:
        for player, resting in (("D", "g_steps"), ("G", "d_steps")):
            if log[-2].values.get(resting) == 0 and resting in last.values:  # steps of one player, and their undoing
                return f"Only {player} moved in the last turn. " if last.turn == run.turn else ""
    told = [f"{_SETTINGS.get(name, name)} became {_value(value)}" for name, value in last.values.items()]
    return f"At turn {last.turn}, {' and '.join(told)}. "


def _value(value) -> str:
    if isinstance(value, Mapping):
        return " + ".join(f"{name} {weight:g}" for name, weight in value.items()) or "none"
    return f"{value:g}" if isinstance(value, Real) and not isinstance(value, bool) else str(value)


def _begun(s: _State) -> str | None:
    if s.turn >= RECENT:
        return None
    since = f"Just begun (turn {s.turn})" if s.turn else "Nobody has learnt anything yet"
    return (
        f"{since}: D is right on {_share(s.seen.right)} of points, where guessing gives 50 %, and JS is {s.now.js:.2f} "
        f"(nothing in common: 0.69; real data: {s.floor.js:.1g})."
    )


def _astray(s: _State) -> str | None:
    lo, hi = s.run.view.extent
    outside = ((s.seen.fakes < lo) | (s.seen.fakes > hi)).any(1).mean()
    if outside < 0.5:
        return None
    return f"G has run away: {_share(outside)} of its fakes lie outside the stage, and {_w1(s)}."


def _ill(s: _State) -> str | None:
    told = _ILLNESSES.get(s.illness)
    return told(s) if told else None


def _collapsed(s: _State) -> str:
    return (
        f"{_share(s.symptoms.quality)} of G's fakes lie on a mode, but on only {s.symptoms.modes * s.modes:.0f} of "
        f"{s.modes} modes (mode collapse), and D is right on {_share(s.right)} of points."
    )


def _oscillating(s: _State) -> str:
    return (
        f"The players chase each other (oscillation): in the last {zoo.WINDOW} turns the middle of the fakes swung by "
        f"{s.symptoms.swing * s.reach:.1f}, and {_w1(s)}."
    )


def _vanishing(s: _State) -> str:
    return (
        f"D is right on {_share(s.right)} of points and G's gradient is {s.symptoms.pull:.0e}: "
        "G gets next to no direction (vanishing gradient)."
    )


def _too_strong(s: _State) -> str:
    return (
        f"D is too strong for G: it is right on {_share(s.right)} of points, and so steep that G's gradient is "
        f"{s.symptoms.pull:.0f}; {_w1(s)}."
    )


def _too_weak(s: _State) -> str:
    return (
        f"D is too weak to teach G: it is right on {_share(s.right)} of points, where the best D would be on at least "
        f"{_share(s.best_right)}, and {_w1(s)}."
    )


def _near(s: _State) -> str | None:
    if s.now.w1 > 1.6 * s.floor.w1 and s.now.js > 0.1:
        return None
    return f"G is close to the data: {_modes(s)}{_w1(s)}, and D is right on {_share(s.right)} of points."


def _progress(s: _State) -> str | None:
    if s.fall is None:
        return None
    name, old, new, turns = s.fall
    return (
        f"G gets nearer: over the last {turns} turns {_NAMES[name]} fell from {old:.2f} to {new:.2f} (real data: "
        f"{getattr(s.floor, name):.2g}), and D is right on {_share(s.right)} of points."
    )


def _spot(s: _State) -> str | None:
    """All fakes in one place, on a mode or not, on data with modes or without; but not where G began with them."""
    begun = s.run.frames.items[0].fakes.astype(float)
    if s.width > 0.35 * s.reach or np.linalg.norm(s.seen.fakes - begun, axis=1).mean() < 0.2 * s.reach:
        return None
    return (
        f"All of G's fakes lie in one spot, {s.width:.2f} wide where the data is {s.reach:.2f} (mode collapse), and D "
        f"is right on {_share(s.right)} of points."
    )


def _weak(s: _State) -> str | None:
    """A D that is too weak though nothing swings, which the zoo's sign asks for."""
    weak = s.symptoms.sure < 0.03 and s.symptoms.distance >= 0.5 and s.right < s.best_right - 0.15
    return _too_weak(s) if weak else None


def _still(s: _State) -> str:
    return f"G comes no nearer of late: {_modes(s)}{_w1(s)}, and D is right on {_share(s.right)} of points."


_CASES: tuple[Callable[[_State], str | None], ...] = (
    _begun, _ill, _astray, _near, _progress, _spot, _weak, _still
)  # fmt: skip
_ILLNESSES: dict[str | None, Callable[[_State], str]] = {
    "collapse": _collapsed, "oscillation": _oscillating, "vanishing": _vanishing, "too_strong": _too_strong,
    "too_weak": _too_weak,
}  # fmt: skip
_NAMES = {"w1": "the Wasserstein distance", "js": "JS"}
_SETTINGS = {
    "lr_d": "D's learning rate", "lr_g": "G's learning rate", "opt_d": "D's optimiser", "opt_g": "G's optimiser",
    "d_steps": "D's updates a turn", "g_steps": "G's updates a turn", "loss": "the loss",
    "clip": "the bound on D's weights",
}  # fmt: skip


def _share(share: float) -> str:
    return f"{100 * share:.0f} %"


def _w1(s: _State) -> str:
    return f"the Wasserstein distance is {s.now.w1:.2f} (real data: {s.floor.w1:.2f})"


def _modes(s: _State) -> str:
    if s.modes is None:
        return ""
    return f"it reaches {s.now.modes:.0f} of {s.modes} modes with {_share(s.now.quality)} of its fakes on one, "
