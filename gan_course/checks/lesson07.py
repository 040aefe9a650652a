"""The exercises of lesson 07. Their judges are in `judges07.py` and `patients07.py`."""

from gan_course.checks.engine import Exercise
from gan_course.checks.judges07 import largest_rate, one_turn, pull, softer
from gan_course.checks.patients07 import diagnosis, prescription


def _exercise(number, title, difficulty, importance, minutes, judge, *hints, kind="build", **more) -> Exercise:
    return Exercise(f"07.{number}", title, difficulty, importance, minutes, judge, hints, kind, **more)


EXERCISES = [
    _exercise(
        1, "Measure the pull", "easy", "core", 6, pull,
        "`backward` stores what it finds in `.grad`. There is a function that hands the gradients to you instead.",
        "`torch.autograd.grad(value, list(G.parameters()))` gives a tuple of tensors, one a parameter.",
        "`torch.cat([slope.flatten() for slope in slopes]).norm().item()`.",
        kind="measure",
    ),
    _exercise(
        2, "One side only", "medium", "core", 8, softer,
        "What does a real point with logit l cost with label 1? And what with label 0?",
        "With label t it costs t times the first and 1 - t times the second. Fakes keep their label 0.",
        "`(target * softplus(-real) + (1 - target) * softplus(real)).mean() + softplus(fake).mean()`.",
    ),
    _exercise(
        3, "Momentum by accident", "medium", "core", 8, one_turn,
        "Through which weights does `g_loss.backward()` pass on its way to G?",
        "After G's backward pass, D's `.grad` holds the gradient of *G's* loss. When is it cleared?",
        "`opt_d.zero_grad()` belongs right before `d_loss.backward()`.",
        kind="bug", in_place=True,
    ),
    _exercise(
        4, "The largest stable rate", "hard", "useful", 12, largest_rate,
        "Write λ = a + ib and |1 + hλ|² as a polynomial in h.",
        "1 + 2ha + h²|λ|² < 1. Divide by h, which is positive.",
        "h < -2a/|λ|² for each eigenvalue: the smallest of these, or 0 if any real part is 0 or more.",
    ),
    _exercise(
        5, "Four charts", "medium", "core", 8, diagnosis,
        "Begin with the patient whose fakes are farthest out, then with the one with the smallest pull.",
        "Of the two that are left, one goes a long way in 25 turns.",
        "A small way is a good sign only where the fakes are at the data.",
        kind="diagnose",
    ),
    _exercise(
        6, "Cure the one that swings", "medium", "core", 8, prescription,
        "Section 9 changed one thing at a time in this very game.",
        "What restores a signal did not help. Who has to be faster, and who slower?",
        '`{"lr_d": 8e-3}`, or `{"d_steps": 3}`.',
        kind="measure",
    ),
]  # fmt: skip
