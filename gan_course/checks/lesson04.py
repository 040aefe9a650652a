"""The exercises of lesson 04. Their judges are in `judges04.py`."""

from gan_course.checks.engine import Exercise
from gan_course.checks.judges04 import (
    best_weight,
    looking_ahead,
    mended_penalty,
    own_method,
    taking_turns,
    the_field,
)


def _exercise(number, title, difficulty, importance, minutes, judge, *hints, kind="build") -> Exercise:
    return Exercise(f"04.{number}", title, difficulty, importance, minutes, judge, hints, kind)


EXERCISES = [
    _exercise(
        1, "The field of the non-saturating game", "easy", "core", 8, the_field,
        "D's half is the same as in the minimax game: D's loss did not change.",
        "G's loss is `softplus(-psi * theta)`. The derivative of softplus is the sigmoid; then the chain rule.",
        "`dL_g/dtheta = -sigmoid(-theta * psi) * psi`, and the field is minus that.",
    ),
    _exercise(
        2, "Taking turns", "easy", "core", 8, taking_turns,
        "You need the field twice: once for D, and once more after D has moved.",
        "To move psi only, multiply by `torch.tensor([0.0, 1.0])`; to move theta only, by `torch.tensor([1.0, 0.0])`.",
        "`now = now + h * torch.tensor([0.0, 1.0]) * v(now)`, then the same for theta from the new `now`.",
    ),
    _exercise(
        3, "Look before you step", "medium", "core", 8, looking_ahead,
        "Two lines: where would a plain step lead? Which way does the field point there?",
        "The first line makes `ahead`. The second starts at `now` again.",
        "`ahead = now + h * v(now)`, then `now + h * v(ahead)`.",
    ),
    _exercise(
        4, "How much damping?", "medium", "core", 10, best_weight,
        "While the root is of a negative number, the real part is -weight/2: more weight helps. And after that?",
        "Past the weight where the root is 0, one of the two eigenvalues moves back towards 0.",
        "Solve weight² / 4 = slope² for the weight.",
        kind="measure",
    ),
    _exercise(
        5, "The penalty that did nothing", "medium", "core", 12, mended_penalty,
        "Its value is right at every step. What else must a term of a loss have, to move a parameter?",
        "Find where psi's gradient is lost on the way: print `slope.requires_grad`.",
        "`torch.autograd.grad` gives bare numbers by default. With `create_graph=True` they know where they came from.",
        kind="bug",
    ),
    _exercise(
        6, "Beat extragradient", "hard", "extra", 20, own_method,
        "What does extragradient gain by looking ahead? What would it gain by looking further?",
        "The look and the step need not have the same length.",
        "Try `ahead = now + k * h * v(now)` for k = 2, 5, 10, then step from `now` with `v(ahead)`.",
    ),
]  # fmt: skip
