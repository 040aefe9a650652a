"""The exercises of lesson 05. Their judges are in `judges05.py` and `patients05.py`."""

from gan_course.checks.engine import Exercise
from gan_course.checks.judges05 import beaten, effect, mended, pairs
from gan_course.checks.patients05 import diagnosis, prescription


def _exercise(number, title, difficulty, importance, minutes, judge, *hints, kind="build") -> Exercise:
    return Exercise(f"05.{number}", title, difficulty, importance, minutes, judge, hints, kind)


EXERCISES = [
    _exercise(
        1, "Back on its feet", "easy", "core", 5, mended,
        "Who moves too much in this game, and who too little?",
        "Give G one step a turn again. Then think about what the detective needs to catch up.",
        "`clinic.change(g_steps=1, d_steps=3)`, `clinic.play(350)`, then `mended = clinic.run`.",
        kind="measure",
    ),
    _exercise(
        2, "A loss that looks at pairs", "medium", "core", 10, pairs,
        "D is an ordinary classifier again, whose logit is the difference r - f and whose answer should always be yes.",
        "The price of a yes at logit t is softplus(-t). G wants the same of f - r.",
        "`softplus(fake - real).mean()` for D, and the same with the two exchanged for G.",
    ),
    _exercise(
        3, "The comparison that was too good", "medium", "core", 8, effect,
        "At which turn does `changed` stand when it is measured? And `run`?",
        "The branch has learned for `turns` more turns. What would the unchanged game have done in these turns?",
        "`twin = branch(run, turn, turns)`, and compare with `twin.measure().js`.",
        kind="bug",
    ),
    _exercise(
        4, "A hand on the tiller", "hard", "extra", 15, beaten,
        "Question one found that it helps if D looks more often; question four, whose rate to lower.",
        "Both at once. And when there is little left to do, even smaller steps of G.",
        "At turn 300 `change(lr_g=0.001, d_steps=3)`, at turn 700 `change(lr_g=0.0003)`, then on to turn 1000.",
        kind="measure",
    ),
    _exercise(
        5, "Who has what?", "medium", "core", 8, diagnosis,
        "Begin with the patient whose fakes hardly move, then with the one whose fakes are furthest away.",
        "Of the two that are left, one reaches all modes.",
        "Fakes that stand still before a sure D: no gradient. Fakes far from all data: nobody holds them.",
        kind="diagnose",
    ),
    _exercise(
        6, "Cure them", "medium", "core", 12, prescription,
        "For each patient: which player is too slow, or too fast, or gets nothing?",
        "The sixth question answers one of the three. The others suffer from a D that cannot keep up with its G.",
        "For B another optimiser of G; for D a D that learns a hundred times faster; for A a slower G and a faster D.",
    ),
]  # fmt: skip
