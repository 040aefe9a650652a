"""What a run is made of, as plain numbers and names: so it can be shown, compared, saved as JSON and replayed.

A name means an entry of the `Catalogue`, which is where the learner's own losses, networks and data are, too.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from numbers import Integral, Real

# What cannot change while a game goes on: the players, what they play for, and where chance begins.
RESTARTS = frozenset(
    ("data", "points", "generator", "discriminator", "noise", "noise_dim", "g_layers", "g_width", "d_layers", "d_width",
     "spectral", "average", "batch", "seed")
)  # fmt: skip
LIMITS = {  # (least, most) of each number
    "noise_dim": (1, 2), "g_layers": (0, 5), "g_width": (1, 100), "d_layers": (0, 5), "d_width": (1, 100),
    "batch": (8, 1024), "seed": (0, 2**31 - 1), "d_steps": (0, 10), "g_steps": (0, 10),
    "lr_g": (1e-5, 1.0), "lr_d": (1e-5, 1.0), "clip": (0.0, 10.0), "average": (0.0, 0.9999),
}  # fmt: skip
MOST_POINTS, FARTHEST = 600, 1000  # of a drawing: how many, and how far out
_PENALTY = "penalties."  # begins the name of one penalty's weight


@dataclass(frozen=True)
class Setup:
    """One run's rules. `points` (n, 2) is the drawing behind data="drawing". Zero means "without" for clip and average.

    `penalties` maps a name to its weight: {"R1": 0.5}. Learning rates have no unit; `average` is the decay.
    """

    data: str = "ring"
    points: tuple[tuple[float, float], ...] = ()
    generator: str = "layers"
    discriminator: str = "layers"
    noise: str = "Gaussian"
    noise_dim: int = 2
    g_layers: int = 2
    g_width: int = 32
    d_layers: int = 2
    d_width: int = 32
    spectral: bool = False
    average: float = 0.0
    batch: int = 128
    seed: int = 0
    loss: str = "non-saturating"
    penalties: Mapping[str, float] = field(default_factory=dict)
    clip: float = 0.0
    opt_g: str = "Adam"
    opt_d: str = "Adam"
    lr_g: float = 0.005
    lr_d: float = 0.005
    d_steps: int = 1
    g_steps: int = 1

    def __post_init__(self) -> None:
        for name, (least, most) in LIMITS.items():
            value = getattr(self, name)
            whole = isinstance(least, int)
            right = isinstance(value, Integral if whole else Real) and not isinstance(value, bool)
            if not (right and least <= value <= most):
                kind = "a whole number" if whole else "a number"
                raise ValueError(f"{name} must be {kind} from {least} to {most}, got {value!r}.")
            object.__setattr__(self, name, int(value) if whole else float(value))  # NumPy's numbers are no JSON
        for name in ("data", "generator", "discriminator", "loss", "opt_g", "opt_d"):
            value = getattr(self, name)
            if not isinstance(value, str):
                raise ValueError(f"{name} must be a name, such as {getattr(Setup, name)!r}; got {value!r}.")
        if not isinstance(self.spectral, bool):
            raise ValueError(f"spectral must be True or False, got {self.spectral!r}.")
        if self.d_steps == self.g_steps == 0:
            raise ValueError("d_steps and g_steps are both 0, so nobody would learn: set one of them to 1.")
        if self.noise not in ("Gaussian", "uniform"):
            raise ValueError(f'noise must be "Gaussian" or "uniform", got {self.noise!r}.')
        if not isinstance(self.penalties, Mapping) or not all(map(_is_weight, self.penalties.items())):
            raise ValueError(
                f"each penalty needs a weight from 0 to 1000, as in {{'R1': 0.5}}; got {self.penalties!r}."
            )
        # A weight of 0 is no penalty: one way to say it, so that equal setups compare equal.
        object.__setattr__(self, "penalties", {k: float(v) for k, v in sorted(self.penalties.items()) if v})
        object.__setattr__(self, "points", _drawing(self.points))
        if self.data == "drawing" and len(set(self.points)) < 3:
            raise ValueError(f"A drawing needs at least three different points; this one has {len(set(self.points))}.")

    def but(self, /, **changes) -> "Setup":
        """This setup with some fields changed; "penalties.R1" stands for one penalty's weight. Bad ones are refused."""
        known = {f.name for f in fields(self)}
        weights = {n.removeprefix(_PENALTY): value for n, value in changes.items() if n.startswith(_PENALTY)}
        plain = {n: value for n, value in changes.items() if not n.startswith(_PENALTY)}
        unknown = sorted(plain.keys() - known)
        if unknown:
            raise ValueError(f"There is no setting {unknown[0]!r}. There are: {', '.join(sorted(known))}.")
        whole = plain.get("penalties", self.penalties)
        if weights and isinstance(whole, Mapping):
            plain["penalties"] = {**whole, **weights}
        return replace(self, **plain)

    def differs(self, other: "Setup") -> dict:
        """What makes `self` of `other`, as `but` takes it: each penalty on its own, with 0 where there is none here."""
        names = {**other.penalties, **self.penalties}
        here, there = (
            {**vars(s), "penalties": {}, **{_PENALTY + name: s.penalties.get(name, 0.0) for name in names}}
            for s in (self, other)
        )
        return {name: value for name, value in here.items() if value != there[name]}

    def to_json(self) -> dict:
        return json.loads(json.dumps(asdict(self)))

    @classmethod
    def from_json(cls, values: Mapping) -> "Setup":
        """Back from `to_json`. Raises ValueError with one sentence on anything else."""
        if not isinstance(values, Mapping):
            raise ValueError("A setup must be a JSON object of settings.")
        return cls().but(**values)


def needs_restart(changes: Mapping) -> bool:
    """Whether these changes can only be made by beginning anew."""
    return bool(RESTARTS & set(changes))


def _is_weight(item) -> bool:
    name, value = item
    return isinstance(name, str) and isinstance(value, Real) and not isinstance(value, bool) and 0 <= value <= 1000


def _drawing(points) -> tuple[tuple[float, float], ...]:
    try:
        pairs = tuple((round(float(x), 3), round(float(y), 3)) for x, y in points)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError("A drawing is a list of points of two numbers each.") from error
    if len(pairs) > MOST_POINTS or not all(abs(value) <= FARTHEST for pair in pairs for value in pair):
        raise ValueError(f"A drawing has at most {MOST_POINTS} points, of numbers from -{FARTHEST} to {FARTHEST}.")
    return pairs
