"""What an exercise is, and how an answer to it is judged.

A judge is a function of the answer. It returns a sentence for the learner when the answer is right and
raises `Wrong` when it is not. This module sees to it that nothing a learner writes can raise, change the
random state of the notebook, or make the same answer judged differently twice.
"""

import functools
import importlib
import inspect
import linecache
import os
import random
import re
import sys
import sysconfig
import traceback
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

KINDS = ("build", "diagnose", "bug", "measure")
LEVELS = ("easy", "medium", "hard")
IMPORTANCE = ("core", "useful", "extra")
_ID = re.compile(r"\d\d\.\d+")


class Wrong(Exception):
    """Raised by a judge: the message says what differs and what usually causes it; the reason is a code."""

    def __init__(self, message: str, reason: str):
        super().__init__(message)
        self.message, self.reason = message, reason


class CheckFailed(AssertionError):
    """Raised by `check` in strict mode (``GAN_COURSE_STRICT=1``) on anything but a right answer."""


class _Unsolved(Exception):
    """A function of the learner returned ``...``, or nothing. Its argument is the function's name, if nothing."""


@dataclass(frozen=True)
class Verdict:
    """``reason`` is "right", "unsolved", "error", "unusable" or the judge's own; ``message`` is Markdown."""

    ok: bool
    reason: str
    message: str


@dataclass(frozen=True)
class Exercise:
    """One exercise of a lesson.

    id "NN.k"; difficulty "easy", "medium" or "hard"; importance "core", "useful" or "extra"; minutes to
    allow; judge (see the module); hints, from a nudge to nearly the answer; kind "build", "measure",
    "diagnose" (this run) or "bug" (find it). ``in_place=True``: the asked function changes its arguments
    and may return None.
    """

    id: str
    title: str
    difficulty: str
    importance: str
    minutes: int
    judge: Callable[[Any], str]
    hints: tuple[str, str, str]
    kind: str = "build"
    in_place: bool = False

    def __post_init__(self) -> None:
        for value, allowed in (
            (self.difficulty, LEVELS), (self.importance, IMPORTANCE), (self.kind, KINDS)
        ):  # fmt: skip
            if value not in allowed:
                raise ValueError(f"Exercise {self.id}: {value!r} must be one of {', '.join(allowed)}.")
        if not _ID.fullmatch(self.id):
            raise ValueError(f"An exercise's id is like '02.3', not {self.id!r}.")
        if len(self.hints) != 3 or not all(isinstance(hint, str) and hint.strip() for hint in self.hints):
            raise ValueError(f"Exercise {self.id} needs three hints.")


def lesson_exercises(lesson: str) -> list[Exercise]:
    """The exercises of lesson "02", from ``gan_course/checks/lesson02.py``; an empty list if it has none."""
    name = f"gan_course.checks.lesson{lesson}"
    try:
        return importlib.import_module(name).EXERCISES
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        return []


def find(exercise_id: str) -> Exercise:
    """The exercise with this id. Raises ValueError naming the ids that the lesson has."""
    if not (isinstance(exercise_id, str) and _ID.fullmatch(exercise_id)):
        raise ValueError(f"An exercise's id is a string like '02.3', not {exercise_id!r}.")
    lesson = lesson_exercises(exercise_id[:2])
    for exercise in lesson:
        if exercise.id == exercise_id:
            return exercise
    known = ", ".join(exercise.id for exercise in lesson) or "none"
    raise ValueError(f"There is no exercise {exercise_id}. Exercises of lesson {exercise_id[:2]}: {known}.")


def strict() -> bool:
    """True when tests want `check` to raise."""
    return os.environ.get("GAN_COURSE_STRICT") == "1"


def judge(exercise: Exercise | str, answer: Any) -> Verdict:
    """Judge an answer and raise nothing, whatever the learner's code does (KeyboardInterrupt passes)."""
    if isinstance(exercise, str):
        exercise = find(exercise)
    if _is_open(answer, exercise.in_place):
        return _unsolved()
    with _untouched_surroundings():
        try:
            return Verdict(True, "right", exercise.judge(_guarded(answer, exercise.in_place)) or "Right.")
        except _Unsolved as unsolved:
            return _unsolved(*unsolved.args)
        except Wrong as wrong:
            return Verdict(False, wrong.reason, wrong.message)
        except (Exception, SystemExit) as error:  # whatever the learner's code does becomes a verdict
            return _from_error(error, exercise.judge)


def _unsolved(returned_nothing: str | None = None) -> Verdict:
    message = "Still open: put your code in place of `...`, run that cell, then run this one again."
    if returned_nothing:
        message = (
            f"Still open: `{returned_nothing}` gave nothing back (None). End it with `return` and the result; "
            "`print` only shows it. Then run that cell, and this one again."
        )
    return Verdict(False, "unsolved", message)


def _is_open(value: Any, none_is_fine: bool = False) -> bool:
    parts = value if isinstance(value, (tuple, list)) else (value,)
    parts = value.values() if isinstance(value, dict) else parts
    return any(part is ... or (part is None and not none_is_fine) for part in parts)


def _guarded(answer: Any, in_place: bool) -> Any:
    """The answer, each function in it (also in a tuple, list or dict) reporting ``...`` as unsolved."""
    if isinstance(answer, (tuple, list)) and type(answer) in (tuple, list):
        return type(answer)(_guarded(part, in_place) for part in answer)
    if type(answer) is dict:
        return {key: _guarded(part, in_place) for key, part in answer.items()}
    if not (inspect.isfunction(answer) or inspect.ismethod(answer)):
        return answer

    @functools.wraps(answer)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        result = answer(*args, **kwargs)
        if result is None and not in_place:
            raise _Unsolved(answer.__name__)
        if _is_open(result, none_is_fine=in_place):
            raise _Unsolved
        return result

    return guarded


@contextmanager
def _untouched_surroundings():
    """Fixed random state, gradients on, float32; afterwards everything is as the notebook had left it."""
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    dtype = torch.get_default_dtype()
    random.seed(0)
    np.random.seed(0)
    torch.random.default_generator.manual_seed(0)
    torch.set_default_dtype(torch.float32)
    try:
        with torch.enable_grad():
            yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])
        torch.set_default_dtype(dtype)


_OURS = tuple(
    str(Path(place)) + os.sep
    for place in (Path(__file__).resolve().parents[1], sysconfig.get_path("stdlib"), sys.prefix)
)


def _from_error(error: BaseException, judge: Callable) -> Verdict:
    """Say in plain words what broke, and in which line of the learner's code, if it was there."""
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    mine = [
        (frame.f_code, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if not frame.f_code.co_filename.startswith((*_OURS, "<frozen"))
        and frame.f_code is not getattr(judge, "__code__", None)
    ]
    if mine:
        code, line = mine[-1]
        text = linecache.getline(code.co_filename, line).strip()
        where = f"line {line} of the cell that defines `{code.co_name}`"
        message = f"Your code stopped with an error in {where}:\n\n```\n{text}\n{what}\n```"
        return Verdict(False, "error", message)
    text = (
        "The check could not use your answer. Most often its type or shape is not what the exercise asks for:"
        f"\n\n```\n{what}\n```"
    )
    return Verdict(False, "unusable", text)
