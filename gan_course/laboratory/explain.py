"""One sentence on what happens now, or two: made of what is measured, never of what is hoped.

The cases are asked in the order in which they stand in `_CASES`, the plainest first, and the first that fits speaks. A
change of the last turns is named before it.
"""

import math
from collections.abc import Callable, Mapping
from functools import cached_property
from numbers import Real

import numpy as np

from gan_course import metrics
from gan_course.laboratory import truth
from gan_course.laboratory.frame import Frame
from gan_course.laboratory.run import Run
from gan_course.laboratory.truth import Measured

RECENT = 50  # turns for which a change, or the beginning, is news
SETTLED = 300  # turns before which it is too early to say that nothing comes of it
WINDOW = 8  # measures that are looked at for progress
LOW = 1e-3  # a norm of G's gradient below which it says next to nothing


def explain(run: Run) -> str:
    """What happens in `run` now, with its numbers. It never raises."""
    try:
        state = _State(run)
        return _news(run) + next(said for case in _CASES if (said := case(state)))
    except Exception as error:  # looking runs the learner's own networks and loss, which may do anything
        return f"Turn {run.turn} cannot be measured ({type(error).__name__}: {error})."


class _State:
    """What the cases ask for, each measured at most once."""

    def __init__(self, run: Run):
        self.run, self.turn = run, run.turn
        self.seen: Frame = run.look()
        self.now: Measured = run.recent() if run.turn >= RECENT else run.measure()
        self.floor: Measured = truth.floor(run.toy, run.view.extent)
        self.modes = None if run.toy.modes is None else len(run.toy.modes)
        self.reach = _width(run.view.real.cpu().numpy())
        self.width = _width(self.seen.fakes)

    @cached_property
    def right(self) -> float:
        """How often D was right of late: one look at 600 points has a chance error of 3 %."""
        kept = self.run.frames
        looks = [item.right for turn, item in zip(kept.turns, kept.items, strict=True) if turn > self.turn - 2 * RECENT]
        return float(np.mean([*looks, self.seen.right]))

    @property
    def best_right(self) -> float:
        """A share of points that the best D reaches at least: 1/2 + TV/2, and TV >= JS / ln 2 (Lin 1991, Theorem 3)."""
        return 0.5 + max(0.0, self.now.js - self.floor.js) / (2 * math.log(2))

    @property
    def restless(self) -> bool:
        """Whether the fakes roam where they should have settled. Getting nearer by leaps under a weak D does not last."""
        return self.roams and self.turn >= SETTLED and (self.fall is None or self.lags)

    @property
    def lags(self) -> bool:
        """Whether D hardly takes sides (its mean distance from 50 %), where a good D could and G is far away."""
        sure = np.abs(np.concatenate([self.seen.p_real, self.seen.p_fake]) / 255 - 0.5).mean()
        far = self.now.w1 > 3 * self.floor.w1 and self.turn >= SETTLED
        return bool(far and sure < 0.05 and self.right < self.best_right - 0.2)

    @cached_property
    def outside(self) -> float:
        lo, hi = self.run.view.extent
        return float(((self.seen.fakes < lo) | (self.seen.fakes > hi)).any(1).mean())

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

    @property
    def roams(self) -> bool:
        return self.roaming[0] > 0.4 * self.reach

    @cached_property
    def roaming(self) -> tuple[float, int]:
        """How far a fake goes, on average, in the turns between two looks some 50 turns apart; and these turns."""
        kept = self.run.frames
        stride = max(1, RECENT // kept.every)
        looks = [item.fakes.astype(float) for item in kept.items[-1 : -4 * stride - 2 : -stride]]
        steps = [np.linalg.norm(a - b, axis=1).mean() for a, b in zip(looks, looks[1:], strict=False)]
        return float(np.mean(steps or [0.0])), stride * kept.every

    @cached_property
    def travelled(self) -> float:
        """How far a fake is from where it began, on average: before that, G makes one spot because it knows nothing."""
        return float(np.linalg.norm(self.seen.fakes - self.run.frames.items[0].fakes.astype(float), axis=1).mean())

    @cached_property
    def at_modes(self) -> int:
        """How many modes hold at least a fifth of their fair share of the fakes that are drawn."""
        counts = metrics.mode_counts(self.seen.fakes, self.run.toy)
        return int((counts >= 0.2 * len(self.seen.fakes) / self.modes).sum())


def _width(x: np.ndarray) -> float:
    """The root of the mean squared distance from the middle."""
    return float(np.linalg.norm(x.astype(float).std(0)))


def _news(run: Run) -> str:
    """The change of the last turns, by name."""
    log = [change for change in run.log if change.turn <= run.turn]
    if not log or run.turn == 0 or run.turn - log[-1].turn > RECENT:
        return ""
    last = log[-1]
    if last.turn == run.turn and len(log) > 1:
        for player, resting in (("D", "g_steps"), ("G", "d_steps")):
            if log[-2].values.get(resting) == 0 and resting in last.values:  # it woke just now: a step of one player
                return f"Only {player} moved in the last turn. "
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
    return f"{since}: D is right on {_share(s.seen.right)} of points, where guessing gives 50 %, and {_js(s)}."


def _astray(s: _State) -> str | None:
    if s.outside < 0.5:
        return None
    return f"G has run away: {_share(s.outside)} of its fakes lie outside the stage, and {_w1(s)}."


def _vanishing(s: _State) -> str | None:
    if s.seen.right < 0.95 or s.seen.g_gradient >= LOW or s.now.w1 < 2 * s.floor.w1:
        return None
    return (
        f"D is right on {_share(s.seen.right)} of points and G's gradient is {s.seen.g_gradient:.0e}: "
        "G gets next to no direction (vanishing gradient)."
    )


def _sick(s: _State) -> str | None:
    """Collapse and oscillation, which often come together, and whether a weak D is behind it."""
    signs = []
    if s.modes and s.modes > 1 and s.at_modes <= s.modes / 2 and s.now.quality > 0.3:
        signs = [f"lie at {s.at_modes} of {s.modes} modes (mode collapse)"]
    elif s.width < 0.35 * s.reach and s.travelled > 0.2 * s.reach and (s.roams or s.right < 0.95):
        signs = [f"lie in one spot, {s.width:.2f} wide where the data is {s.reach:.2f} (mode collapse)"]
    if s.restless:
        away, turns = s.roaming
        signs += [f"move by {away:.1f} in {turns} turns without settling (oscillation)"]
    if not signs:
        return None
    behind = f"D is too weak to hold them, {_lag(s)}" if s.lags else f"D is right on {_share(s.right)} of points"
    return f"G's fakes {' and '.join(signs)}; {_w1(s)}, and {behind}."


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


def _too_strong(s: _State) -> str | None:
    if s.right < 0.95:
        return None
    return (
        f"D is too strong for G: it is right on {_share(s.right)} of points and gives a fake {_share(s.seen.said[1])} "
        f"to be real, and G comes no nearer: {_w1(s)}."
    )


def _too_weak(s: _State) -> str | None:
    return f"D is too weak to teach G, {_lag(s)}, and {_w1(s)}." if s.lags else None


def _still(s: _State) -> str:
    return f"G comes no nearer of late: {_modes(s)}{_w1(s)}, and D is right on {_share(s.right)} of points."


_CASES: tuple[Callable[[_State], str | None], ...] = (
    _begun, _astray, _vanishing, _near, _sick, _progress, _too_strong, _too_weak, _still
)  # fmt: skip
_NAMES = {"w1": "the Wasserstein distance", "js": "JS"}
_SETTINGS = {
    "lr_d": "D's learning rate", "lr_g": "G's learning rate", "opt_d": "D's optimiser", "opt_g": "G's optimiser",
    "d_steps": "D's updates a turn", "g_steps": "G's updates a turn", "loss": "the loss",
    "clip": "the bound on D's weights",
}  # fmt: skip


def _share(share: float) -> str:
    return f"{100 * share:.0f} %"


def _js(s: _State) -> str:
    return f"JS is {s.now.js:.2g} (nothing in common: 0.69; real data: {s.floor.js:.1g})"


def _w1(s: _State) -> str:
    return f"the Wasserstein distance is {s.now.w1:.2f} (real data: {s.floor.w1:.2f})"


def _lag(s: _State) -> str:
    return f"right on {_share(s.right)} of points where the best D would be on at least {_share(s.best_right)}"


def _modes(s: _State) -> str:
    if s.modes is None:
        return ""
    return f"it reaches {s.now.modes:.0f} of {s.modes} modes with {_share(s.now.quality)} of its fakes on one, "
