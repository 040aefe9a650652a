"""The exercises of lesson 09. Their judges are in `judges09.py`, `patients09.py` and `cheats09.py`."""

from gan_course.checks.cheats09 import gamed
from gan_course.checks.engine import Exercise
from gan_course.checks.judges09 import at_infinity, balls, fair, frechet
from gan_course.checks.patients09 import diagnosis


def _exercise(number, title, difficulty, importance, minutes, judge, *hints, kind="build") -> Exercise:
    return Exercise(f"09.{number}", title, difficulty, importance, minutes, judge, hints, kind)


EXERCISES = [
    _exercise(
        1, "Two Gaussians apart", "medium", "core", 8, frechet,
        "Only one piece is not a plain sum: the trace of a root. A trace is the sum of the eigenvalues.",
        "The eigenvalues of the root are the roots of the eigenvalues, so no root of a matrix is needed.",
        "`root = torch.linalg.eigvals(cov1 @ cov2).real.clamp(min=0).sqrt().sum()`",
    ),
    _exercise(
        2, "The score at infinity", "easy", "useful", 5, at_infinity,
        "Against which variable is the score a straight line?",
        "Put x = 1/n. The score at n = infinity is the line's value at x = 0.",
        "`slope, value = np.polyfit(1 / np.array(sizes), scores, 1)`, then return `value`.",
    ),
    _exercise(
        3, "Which generator is better?", "medium", "core", 8, fair,
        "How many fakes does each generator send? What does that do to a Frechet distance?",
        "Bring all to the size of the smallest set. And which rows will you take?",
        "`x[torch.randperm(len(x), generator=rng)[:n]]` with `n = min(len(x) for x in fakes.values())`.",
        kind="bug",
    ),
    _exercise(
        4, "Precision and recall", "medium", "core", 10, balls,
        "Write a function `inside(x, centres, k)` first: which rows of x lie in a ball around a centre?",
        "The radius of a ball: sort each centre's distances to all centres. Place 0 is the centre itself.",
        "`radii = torch.cdist(centres, centres).sort().values[:, k]`; "
        "`inside = (torch.cdist(x, centres) <= radii).any(1)`.",
    ),
    _exercise(
        5, "Read the chart", "medium", "core", 8, diagnosis,
        "Four columns decide: the share of fakes nearer to the training digits, coverage, and precision beside recall.",
        "Who has precision without coverage? Who has both, and lies too near to the training digits?",
        "Memorised: share far above one half. Collapsed: coverage far below the floor at full precision. "
        "Blurred: nearly precise, with little recall, as in the table above.",
        kind="diagnose",
    ),
    _exercise(
        6, "Cheat", "hard", "extra", 15, gamed,
        "Both numbers are functions of the pixels that you can differentiate. You know what to do with those.",
        "Start from noise. Descend the cross-entropy to a class of your choice, or the distance between an image's "
        "features and those of a real digit. Clamp the pixels after each step.",
        "`x = (2 * torch.rand(300, 1, 8, 8) - 1).requires_grad_()`, Adam at 0.05, loss "
        "`cross_entropy(net(x), torch.arange(300) % 10)`, 60 steps.",
    ),
]  # fmt: skip
