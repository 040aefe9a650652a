"""Exercise 00.1: right answers in several hands, and each mistake named."""

import pytest
import torch

from gan_course.checks.engine import judge


def in_place(a, b, t):
    a += t * (b - a)
    return a


RIGHT = {
    "weights": lambda a, b, t: (1 - t) * a + t * b,
    "lerp": torch.lerp,
    "step from a": lambda a, b, t: a + (b - a) * t,
    "step from b": lambda a, b, t: b - (1 - t) * (b - a),
    "one by one": lambda a, b, t: torch.tensor([x + t * (y - x) for x, y in zip(a, b, strict=True)]),
}
WRONG = {
    "unsolved": (lambda a, b, t: ..., "unsolved"),
    "swapped": (lambda a, b, t: t * a + (1 - t) * b, "swapped"),
    "always the middle": (lambda a, b, t: (a + b) / 2, "ignores-t"),
    "a does not fade": (lambda a, b, t: a + t * b, "ends"),
    "shares of a sum": (lambda a, b, t: t * (a + b), "ends"),
    "smoothed": (lambda a, b, t: torch.lerp(a, b, 3 * t**2 - 2 * t**3), "bent"),
    "in place": (in_place, "in-place"),
    "one number": (lambda a, b, t: ((1 - t) * a + t * b).mean(), "shape"),
    "raises": (lambda a, b, t: a @ b[:2], "error"),
    "text": (lambda a, b, t: "halfway", "unusable"),
}


@pytest.mark.parametrize("answer", RIGHT.values(), ids=RIGHT)
def test_right_answers_are_accepted_however_they_are_written(answer):
    assert judge("00.1", answer).ok


@pytest.mark.parametrize("answer, reason", WRONG.values(), ids=WRONG)
def test_each_mistake_is_named(answer, reason):
    assert judge("00.1", answer).reason == reason
