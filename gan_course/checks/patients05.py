"""Four games for exercises 05.5 and 05.6: three are ill, one is well. Which is which is the exercise.

Read this file only to cheat.
"""

import functools

from gan_course.checks.diagnosis import Diagnosis
from gan_course.checks.engine import Wrong
from gan_course.laboratory.catalogue import Catalogue
from gan_course.laboratory.run import Run
from gan_course.laboratory.setup import Setup, needs_restart

_BEGIN = {  # how each is played, and for how many turns
    "A": (Setup(lr_g=0.02, lr_d=0.001, seed=4), 150),
    "B": (Setup(loss="minimax", opt_g="SGD", lr_g=0.002, lr_d=0.01, d_steps=2, seed=5), 100),
    "C": (Setup(d_steps=3, seed=7), 200),
    "D": (Setup(lr_d=1e-4, seed=6), 150),
}
CAUSES = ("healthy", "mode collapse", "vanishing gradient", "D too weak", "oscillation")
_DIAGNOSIS = {"A": "mode collapse", "B": "vanishing gradient", "C": "healthy", "D": "D too weak"}
_ILL = tuple(name for name, cause in _DIAGNOSIS.items() if cause != "healthy")
TREATED, MOST_CHANGES = 250, 2  # turns that a treatment gets, and settings that it may change
WELL_MODES, WELL_JS = 7, 0.5  # at each of the last two measures


def admit(name: str) -> Run:
    """A patient as it stands, freshly played."""
    setup, turns = _BEGIN[name]
    run = Run(setup, Catalogue(), name=name)
    for _ in range(turns):
        run.play()
    return run


_admitted = functools.cache(admit)  # for the judge: only branches of these are played on

_SLIPS = [  # patient, wrong cause, reason, what to tell the learner
    (
        "B", "D too weak", "weak_for_strong",
        "B: this D is right on all points, as the best would be. It is not weak; the question is what reaches G.",
    ),
    (
        "A", "vanishing gradient", "still_for_moving",
        "A: its fakes go a long way in 50 turns. Where the gradient has vanished, they stand still.",
    ),
    (
        "A", "oscillation", "swing_for_collapse",
        "A: it does swing, but look at the spread first: all fakes lie together, at a mode or two. Oscillation, as "
        "defined above, is of fakes that are spread as widely as the data.",
    ),
    (
        "D", "mode collapse", "collapse_for_weak",
        "D: its fakes are far from all data, says the Wasserstein distance. A collapsed G sits near some of it.",
    ),
    (
        "D", "oscillation", "swing_for_weak",
        "D: it moves a lot, but where to? Its Wasserstein distance says that the fakes have left the data.",
    ),
    (
        "C", "D too weak", "weak_for_healthy",
        "C: its D is right less often than the best possible one, but so it is in the ordinary games of this lesson. "
        "Look at the modes and the distance.",
    ),
]  # fmt: skip

# The judge of 05.5.
diagnosis = Diagnosis(
    _DIAGNOSIS,
    CAUSES,
    _SLIPS,
    look=": who moves, how far, and where are the fakes?",
    well="A has collapsed, B's gradient has vanished, D's discriminator is too weak to hold its fakes. C is well.",
)


def prescription(answer) -> str:
    """The judge of 05.6: answer is a dictionary from each ill patient to the settings to change. Each is played."""
    if not isinstance(answer, dict) or not all(isinstance(changes, dict) for changes in answer.values()):
        raise Wrong('Give a dictionary of dictionaries: {"A": {"lr_d": 0.01}, ...}.', "keys")
    well = sorted(set(answer) - set(_ILL))
    if well:
        raise Wrong(f"`{well[0]}` needs no treatment: give one for each of the three that are ill.", "healthy_treated")
    if set(answer) != set(_ILL):
        raise Wrong("One of the ill patients has no treatment.", "missing")
    for name, changes in answer.items():
        _check_dose(name, changes)
    said = [_treated(name, changes) for name, changes in answer.items()]
    return f"After {TREATED} turns: {'; '.join(said)}."


def _check_dose(name: str, changes: dict) -> None:
    if not 1 <= len(changes) <= MOST_CHANGES:
        raise Wrong(f"{name}: one or two settings may change, you gave {len(changes)}.", "dose")
    if needs_restart(changes):
        raise Wrong(f"{name}: {', '.join(changes)}: not all of these can change while the game runs.", "anew")


def _treated(name: str, changes: dict) -> str:
    """How a patient is after the treatment; raises Wrong if it is not well."""
    patient = _admitted(name)
    run = patient.rewound(patient.turn)
    for _ in run.catch_up(patient.turn):
        pass
    try:
        run.change(**changes)
        for _ in range(TREATED):
            run.play()
    except (ValueError, FloatingPointError) as error:
        raise Wrong(f"{name}: {error}", "refused") from error
    last = run.measures.items[-2:]
    modes, js = int(min(m.modes for m in last)), max(m.js for m in last)
    if modes < WELL_MODES or js >= WELL_JS:
        raise Wrong(
            f"{name} is not well after {TREATED} turns: of its last two measures the worse has {modes} modes, and JS "
            f"is up to {js:.2f}. Asked: at least {WELL_MODES} modes, and JS below {WELL_JS}.",
            f"still_ill_{name}",
        )
    return f"{name} reaches {modes} modes, JS {js:.2f}"
