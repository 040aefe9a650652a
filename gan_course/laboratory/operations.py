"""What can be done to a laboratory, each thing a small JSON object: {"op": "set", "name": "lr_d", "value": 0.01}.

The buttons of the widget, a lesson and a test all say the same. `do` is the door.
"""

import string
from collections.abc import Iterator

from gan_course.laboratory import sheet, sides
from gan_course.laboratory.lab import Lab, excuse, level
from gan_course.laboratory.run import Run
from gan_course.laboratory.setup import needs_restart
from gan_course.laboratory.zoo import ILLNESSES

MOST_RUNS = 6
SHARED = frozenset(("data", "points", "seed"))  # in all runs alike, or their comparison would mean nothing


def do(lab: Lab, op: dict) -> None:
    """Carry out one operation. What cannot be done becomes one sentence in `lab.notice`, and nothing else changes."""
    try:
        kind = op.get("op") if isinstance(op, dict) else None
        if kind not in OPERATIONS:
            raise ValueError(f"The laboratory has no operation {kind!r}. It has: {', '.join(OPERATIONS)}.")
        lab.notice = ""
        OPERATIONS[kind](lab, **{name: value for name, value in op.items() if name != "op"})
    except Exception as error:  # a loss or network of the learner's own may raise anything
        lab.notice = excuse(error)


def play(lab: Lab) -> None:
    lab.show_now()
    lab.side, lab.playing = None, True


def pause(lab: Lab) -> None:
    lab.playing = False


def step(lab: Lab, who: str = "both") -> None:
    if who not in ("d", "g", "both"):
        raise ValueError(f'who must be "d", "g" or "both", got {who!r}.')
    lab.playing = False
    lab.show_now()
    lab.run.step(who)


def slow_motion(lab: Lab, on: bool) -> None:
    lab.slow = bool(on)
    lab.show_now()


def next_moment(lab: Lab) -> None:
    lab.next_moment()
    lab.slow, lab.looking = True, None


def reset(lab: Lab) -> None:
    lab.runs = [Run(run.setup, lab.catalogue, name=run.name) for run in lab.runs]
    lab.patient = None
    lab.begin_anew()


def set_one(lab: Lab, name: str, value) -> None:
    _change(lab, {name: value})


def draw(lab: Lab, points) -> None:
    _change(lab, {"data": "drawing", "points": points})


def _change(lab: Lab, changes: dict) -> None:
    if not needs_restart(changes):
        lab.show_now()
        lab.run.change(**changes)
        return
    # All are made before one is put in place, so that a refusal leaves the laboratory as it was.
    everywhere = bool(SHARED & set(changes))
    made = [
        Run(run.setup.but(**changes), lab.catalogue, name=run.name) if everywhere or run is lab.run else run
        for run in lab.runs
    ]
    lab.runs, lab.patient = made, None
    lab.begin_anew()


def start(lab: Lab, trained: bool) -> None:
    lab.trained = bool(trained)
    reset(lab)


def look(lab: Lab, turn: int | None) -> None:
    lab.playing = False
    lab.show_now()
    lab.looking = None if turn is None or turn >= lab.turn else max(0, int(turn))


def fork(lab: Lab, turn: int, changes: dict | None = None) -> None:
    """A new run from `turn` of the steered one, with something changed; `play` lets it catch up."""
    _room_for(lab, 1)
    if needs_restart(changes or {}):
        raise ValueError(f"{', '.join(changes)} can only change where a run begins: use the arena for that.")
    parent = lab.run
    parent.setup.but(**(changes or {}))
    turn = max(0, min(int(turn), parent.turn))
    child = parent.rewound(turn)
    child.name, child.parent = _free_name(lab), (parent.name, turn)

    def job() -> Iterator[float]:
        yield from child.catch_up(turn)
        child.change(**(changes or {}))
        lab.runs.append(child)
        lab.focus = len(lab.runs) - 1

    lab.playing = False
    lab.show_now()
    lab.start(job())


def focus(lab: Lab, run: int) -> None:
    _check_place(lab, run)
    lab.show_now()
    lab.focus = run


def close(lab: Lab, run: int) -> None:
    _check_place(lab, run)
    if len(lab.runs) == 1:
        raise ValueError("This is the only run: it stays.")
    del lab.runs[run]
    lab.focus = min(lab.focus - (run < lab.focus), len(lab.runs) - 1)
    lab.show_now()


def arena(lab: Lab, changes: list[dict]) -> None:
    """The steered run's settings, each time with some changed, all from turn 0 with one seed and one data set."""
    if not 1 <= len(changes) <= MOST_RUNS:
        raise ValueError(f"The arena holds 1 to {MOST_RUNS} games, not {len(changes)}.")
    shared = [set(change) & SHARED for change in changes]
    if any(shared):
        raise ValueError("In the arena all games have the same data and seed: set them for all of them at once.")
    base = lab.run.setup
    names = string.ascii_uppercase
    lab.runs = [Run(base.but(**c), lab.catalogue, name=names[i]) for i, c in enumerate(changes)]
    lab.focus, lab.patient = 0, None
    lab.begin_anew(head_start=0)


def ill(lab: Lab, key: str) -> None:
    if key not in ILLNESSES:
        raise ValueError(f"There is no illness {key!r}. There are: {', '.join(ILLNESSES)}.")
    illness = ILLNESSES[key]
    lab.runs, lab.focus, lab.playing = [Run(illness.setup, lab.catalogue, name="A")], 0, False
    lab.begin_anew(head_start=illness.turns)
    lab.patient = illness


def cure(lab: Lab) -> None:
    if lab.patient is None:
        raise ValueError("Nobody is ill: choose an illness first.")
    lab.show_now()
    lab.run.change(**lab.patient.cure)
    lab.start(level([lab.run], lab.run.turn + lab.patient.cure_turns))


def save(lab: Lab) -> None:
    lab.saved = sheet.dumps(lab.runs, lab.focus)


def load(lab: Lab, text: str) -> None:
    runs, turns, focus = sheet.loads(text, lab.catalogue)
    _room_for(lab, len(runs) - len(lab.runs))

    def job() -> Iterator[float]:
        for done, (run, turn) in enumerate(zip(runs, turns, strict=True)):
            yield from ((done + share) / len(runs) for share in run.catch_up(turn))
        lab.runs, lab.focus, lab.patient = runs, focus, None

    lab.playing, lab.side = False, None
    lab.show_now()
    lab.start(job())


def take_side(lab: Lab, what: str, seconds: float = 60.0) -> None:
    """Play against the steered run; `seconds` is the detective's clock, 0 for none."""
    lab.playing = False
    lab.show_now()
    if what not in ("detective", "counterfeiter", "none"):
        raise ValueError(f'A side is "detective", "counterfeiter" or "none", not {what!r}.')
    made = {
        "detective": lambda: sides.Detective(lab.run, seconds=seconds),
        "counterfeiter": lambda: sides.Counterfeiter(lab.run.setup, lab.catalogue),
        "none": lambda: None,
    }
    lab.side = made[what]()


def answer(lab: Lab, sure: int | None) -> None:
    if isinstance(lab.side, sides.Detective):
        lab.side.answer(sure)


def drag(lab: Lab, i: int, x: float, y: float) -> None:
    if isinstance(lab.side, sides.Counterfeiter):
        lab.side.move(i, x, y)


def speed(lab: Lab, value: float) -> None:
    if not 0 <= value <= 1000:
        raise ValueError(f"speed is turns a second, from 0 (as fast as it goes) to 1000, not {value!r}.")
    lab.speed = float(value)


def _room_for(lab: Lab, more: int) -> None:
    if len(lab.runs) + more > MOST_RUNS:
        raise ValueError(f"The laboratory holds {MOST_RUNS} runs: close one first.")


def _check_place(lab: Lab, run: int) -> None:
    if not (isinstance(run, int) and 0 <= run < len(lab.runs)):
        raise ValueError(f"There is no run {run!r}: they are numbered 0 to {len(lab.runs) - 1}.")


def _free_name(lab: Lab) -> str:
    return next(name for name in string.ascii_uppercase if name not in {run.name for run in lab.runs})


OPERATIONS = {
    "play": play, "pause": pause, "step": step, "slow": slow_motion, "next": next_moment, "reset": reset,
    "set": set_one, "draw": draw, "start": start, "look": look, "fork": fork, "focus": focus, "close": close,
    "arena": arena, "ill": ill, "cure": cure, "save": save, "load": load, "side": take_side, "answer": answer,
    "drag": drag, "speed": speed,
}  # fmt: skip
