"""The exercises of lesson 06. Their judges are in `judges06.py` and `patients06.py`."""

from gan_course.checks.engine import Exercise
from gan_course.checks.judges06 import layer, measures, pack
from gan_course.checks.patients06 import diagnosis, prescription


def _exercise(number, title, difficulty, importance, minutes, judge, *hints, kind="build") -> Exercise:
    return Exercise(f"06.{number}", title, difficulty, importance, minutes, judge, hints, kind)


EXERCISES = [
    _exercise(
        1, "Three numbers", "easy", "core", 10, measures,
        "First find for each sample the nearest mode and the distance to it: `torch.cdist`, then `.min(dim=1)`.",
        "Throw away all samples that are not within 3 sigma; count the rest at each mode with `torch.bincount`.",
        "With counts of the good samples: modes is how many are above 0, `q = counts / counts.sum()`, reverse KL is "
        "`torch.xlogy(q, k * q).sum()`. The share is the number of good samples over the number of all.",
    ),
    _exercise(
        2, "A pack", "easy", "core", 6, pack,
        "How many rows has the new tensor, and how long is each?",
        "Points that follow each other may form a pack. In memory their numbers lie side by side already.",
        "`D(x.reshape(n // m, m * dim))`.",
    ),
    _exercise(
        3, "The layer that saw nothing", "medium", "core", 8, layer,
        "Give it a batch of four equal samples in your mind. What should it say, and what does it say?",
        "Which dimension counts the samples, and which the features?",
        "The variance over `dim=0`, plus 1e-8, its root, then `.mean()` over features; `s.expand(len(h), 1)` makes the "
        "column.",
        kind="bug",
    ),
    _exercise(
        4, "Diagnose three runs", "medium", "core", 10, diagnosis,
        "Do not look at the losses first: look at how wide the cloud is, beside the data.",
        "Two of the three travel. Only one of these two is narrow.",
        "All modes, half of the fakes useless: bridges. A narrow cloud: collapse. A wide one that swings: oscillation.",
        kind="diagnose",
    ),
    _exercise(
        5, "Cure the collapsed one, bridges too", "hard", "useful", 15, prescription,
        "Two illnesses are to be cured. Which rows of the table are good for one of them?",
        "Against collapse: let D catch up, or see more. Against bridges: a generator that need not be of one piece.",
        '`{"d_steps": 3, "G": lambda: Several(generator, 4)}`.',
        kind="measure",
    ),
]  # fmt: skip
