"""The learner's own overview: what is solved, how the guesses went, what the quizzes gave."""

import pkgutil
from collections.abc import Collection
from pathlib import Path

from gan_course.checks import engine
from gan_course.checks import record as store
from gan_course.checks.say import say

BAR = 10


def progress() -> None:
    """Show, lesson by lesson, the exercises solved, the guesses and first quiz answers that were right."""
    record = store.load()
    rows = ["| lesson | exercises solved | predictions right | quiz, right at first |", "|---|---|---|---|"]
    for lesson in lessons():
        ids = [exercise.id for exercise in engine.lesson_exercises(lesson)]
        guesses = [kept for key, kept in record["predictions"].items() if key.startswith(lesson)]
        revealed = [guess["right"] for guess in guesses if "right" in guess]
        answers = record["quiz"].get(lesson, {}).values()
        solved = bar(sum(i in record["solved"] for i in ids), len(ids))
        rows.append(f"| {lesson} | {solved} | {_share(revealed)} | {_share(answers)} |")
    say("\n".join(rows) + f"\n\nKept on this machine only, in `{store.home() / 'progress.json'}`.")


def lessons() -> list[str]:
    """The numbers of the lessons that have exercises or a quiz: ["00", "01", ...]."""
    folder = Path(__file__).parent
    modules = {m.name[6:] for m in pkgutil.iter_modules([str(folder)]) if m.name.startswith("lesson")}
    return sorted(modules | {path.stem[4:] for path in folder.glob("quiz[0-9][0-9].json")})


def bar(done: int, total: int) -> str:
    """A bar of ten cells with the figures after it: "■■■■■□□□□□ 2 of 4"."""
    filled = round(BAR * done / total) if total else 0
    return f"{'■' * filled}{'□' * (BAR - filled)} {done} of {total}"


def _share(right: Collection[bool]) -> str:
    return f"{sum(one is True for one in right)} of {len(right)}" if right else "–"
