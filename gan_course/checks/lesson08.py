"""The exercises of lesson 08. Their judges are in `judges08.py` and `patients08.py`."""

from gan_course.checks.engine import Exercise
from gan_course.checks.judges08 import conjugate, hinge_pair, penalty, slope_bound
from gan_course.checks.patients08 import diagnosis, prescription


def _exercise(number, title, difficulty, importance, minutes, judge, *hints, kind="build") -> Exercise:
    return Exercise(f"08.{number}", title, difficulty, importance, minutes, judge, hints, kind)


EXERCISES = [
    _exercise(
        1, "The hinge pair", "easy", "core", 5, hinge_pair,
        "For D, draw the price of a real point: zero to the right of 1, and rising to the left of it.",
        "`relu(t)` is max(0, t). Each point pays for itself; the mean comes last. G has no margin.",
        "`relu(1 - real).mean() + relu(1 + fake).mean()` for D, `-fake.mean()` for G.",
    ),
    _exercise(
        2, "A conjugate of your own", "medium", "core", 12, conjugate,
        "Where ut - f(u) is highest its derivative by u is zero. f'(u) = 1 - 1/u².",
        "t = 1 - 1/u² gives u = (1 - t)^(-1/2), and needs t < 1. Put this u into ut - f(u).",
        "The conjugate is `2 - 2 * (1 - t).sqrt()`. For the activation, `1 - torch.exp(-v)` is below 1 and rises.",
    ),
    _exercise(
        3, "The penalty that flattens", "medium", "core", 8, penalty,
        "How many numbers is `slope.norm(2)`? How many slopes are there?",
        "One slope for each point: the norm goes along the coordinates, dim 1, and the mean over points comes last.",
        "`size = (slope.square().sum(dim=1) + 1e-12).sqrt()`, then `(size - 1).square().mean()`.",
        kind="bug",
    ),
    _exercise(
        4, "A bound from the weights", "medium", "core", 8, slope_bound,
        "Of two maps in a row, one stretches by at most a, the next by at most b. And both?",
        "A linear layer stretches by its largest singular value; a leaky unit by at most 1; a bias by nothing.",
        "Multiply `torch.linalg.matrix_norm(layer.weight, 2)` over all layers that are `nn.Linear`.",
        kind="measure",
    ),
    _exercise(
        5, "Four critics", "medium", "core", 8, diagnosis,
        "In which two do several weights have exactly the same, largest value? There you have the clipped ones.",
        "Of the clipped ones, one has next to no slope. Of the others, one has a slope near 1.",
        "Next to no slope: too tight. Steep, with several weights at one same largest value: too loose. Steep, "
        "and no two weights alike: no penalty.",
        kind="diagnose",
    ),
    _exercise(
        6, "Cure them", "medium", "useful", 8, prescription,
        "A limit between the two that failed; a weight between none and far too much.",
        "The recipes of section 10 play on this very ring.",
        '`("penalty", 0.3)` for each of the three. (A limit of about 0.2 learns more slowly.)',
    ),
]  # fmt: skip
