"""The exercise of lesson 00: one, to show how exercises work."""

import torch

from gan_course.checks.engine import Exercise, Wrong


def _between(answer):
    a, b = torch.tensor([2.0, 0.0, -1.0, 4.0]), torch.tensor([0.0, 1.0, 3.0, 4.0])
    kept = a.clone(), b.clone()
    found = {t: torch.as_tensor(answer(a, b, t)) for t in (0.0, 1.0, 0.5, 0.25)}
    if not (torch.equal(a, kept[0]) and torch.equal(b, kept[1])):
        raise Wrong(
            "Your function changed `a` or `b` themselves, so the next step of a walk starts from the wrong place. "
            "This usually comes from `+=`, `-=` or `*=` on a tensor; write `a + ...` in place of `a += ...`.",
            "in-place",
        )
    if found[0.5].shape != a.shape:
        raise Wrong(
            f"From two points of {len(a)} numbers you made something of shape {tuple(found[0.5].shape)}. The point "
            f"between them has {len(a)} numbers too. Usually a sum or a mean over the numbers is one too many.",
            "shape",
        )
    if torch.allclose(found[0.0], b) and torch.allclose(found[1.0], a):
        raise Wrong("At t = 0 you are at `b`, and at t = 1 at `a`: the two ends are swapped.", "swapped")
    if torch.allclose(found[0.0], found[1.0]):
        raise Wrong("The point is the same at t = 0 and at t = 1: `t` has no influence on it.", "ignores-t")
    for t, end, name in ((0.0, a, "a"), (1.0, b, "b")):
        if not torch.allclose(found[t], end):
            raise Wrong(
                f"At t = {t:g} the walk must stand at `{name}` = {end.tolist()}, and yours stands at "
                f"{found[t].tolist()}. Both shares must change: as `b` gains, `a` must fade by as much.",
                "ends",
            )
    for t in (0.5, 0.25):
        if not torch.allclose(found[t], (1 - t) * a + t * b):
            raise Wrong(f"The ends are right, but t = {t:g} is not that share of the way: the walk is bent.", "bent")
    return "At t = 0 it stands at `a`, at t = 1 at `b`, and a quarter of the way is a quarter of the way."


EXERCISES = [
    Exercise(
        id="00.1",
        title="A walk from a to b",
        difficulty="easy",
        importance="useful",
        minutes=3,
        judge=_between,
        hints=(
            "What must come out at t = 0? And at t = 1? Write these two down first.",
            "Take a share of `a` and a share of `b`. The two shares always add up to 1.",
            "`b` has the share `t`. So `a` has the share `1 - t`. Multiply, and add.",
        ),
    ),
]
