"""Exercises, hints, solutions, predictions, quizzes and progress: what a lesson's cells call.

``check("02.3", answer)``, ``hint("02.3")``, ``solution("02.3")``, ``predict(...)``, ``reveal(...)``,
``quiz("02")``, ``progress()``. A lesson's exercises stand in ``lessonNN.py``, its quiz in ``quizNN.json``.
"""

from typing import Any

from gan_course import markers
from gan_course.checks import engine
from gan_course.checks import record as store
from gan_course.checks.engine import CheckFailed
from gan_course.checks.overview import progress
from gan_course.checks.prediction import predict, reveal
from gan_course.checks.quizzes import quiz
from gan_course.checks.say import OPEN, RIGHT, WRONG, say

__all__ = ["CheckFailed", "check", "hint", "predict", "progress", "quiz", "reveal", "solution"]

_hints_given: dict[str, int] = {}


def check(exercise_id: str, answer: Any) -> None:
    """Judge an answer, say what came out, keep a success. Raises in strict mode, or for an unknown id."""
    exercise = engine.find(exercise_id)
    verdict = engine.judge(exercise, answer)
    if verdict.ok:
        say(f"{RIGHT} **Exercise {exercise_id} is solved.** {verdict.message}")
        store.update(lambda record: record["solved"].update({exercise_id: True}))
    elif verdict.reason == "unsolved":
        say(f"{OPEN} **Exercise {exercise_id}: {exercise.title}** – {verdict.message}")
    else:
        say(f"{WRONG} **Exercise {exercise_id} is not right yet.** {verdict.message}")
    if engine.strict() and not verdict.ok:
        raise CheckFailed(f"{exercise_id} [{verdict.reason}] {verdict.message}")


def hint(exercise_id: str, level: int | None = None) -> None:
    """Show the next of three hints (or hint ``level``, 1 to 3). The count starts afresh with the kernel."""
    exercise = engine.find(exercise_id)
    after = ""
    if level is None:
        level = _hints_given[exercise_id] = min(_hints_given.get(exercise_id, 0) + 1, 3)
        after = "Run the cell again for the next one." if level < 3 else f'Next is `solution("{exercise_id}")`.'
    if level not in (1, 2, 3):
        raise ValueError(f"There are three hints, levels 1 to 3; you asked for {level!r}.")
    say(f"**Hint {level} of 3 for exercise {exercise_id}.** {exercise.hints[level - 1]}\n\n{after}".rstrip())


def solution(exercise_id: str) -> None:
    """Show one way to solve an exercise, read from the lesson's source."""
    exercise = engine.find(exercise_id)
    for source in markers.sources():
        code = markers.solutions(source).get(exercise_id) if source.stem.startswith(exercise_id[:2]) else None
        if code:
            say(f"**One solution of exercise {exercise_id}: {exercise.title}**\n\n```python\n{code}\n```")
            return
    say(f"The solution of exercise {exercise_id} was not found in {markers.SOURCES}.")
