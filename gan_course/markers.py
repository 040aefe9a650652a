"""The marks in a lesson's source that part the solution from the stub.

Inside a code cell of ``notebooks/src/NN_name.py``::

    # exercise 02.1
    def d_loss(real, fake):
        #: solution
        return softplus(-real).mean() + softplus(fake).mean()
        #: stub
        # return ...
        #: end

The solution version keeps the lines between ``solution`` and ``stub``; the learner's version keeps the lines
between ``stub`` and ``end`` with their comment sign removed.
"""

import re
from pathlib import Path
from typing import NamedTuple

SOURCES = Path(__file__).resolve().parents[1] / "notebooks" / "src"
LESSON_FILE = re.compile(r"\d\d_\w+")

_MARK = re.compile(r"\s*#:\s*(?P<word>.*?)\s*$")
_CELL = re.compile(r"# %%")
_EXERCISE = re.compile(r"# exercise (?P<id>\d\d\.\d+)\s*$")
_STUB_LINE = re.compile(r"(?P<indent>\s*)# ?(?P<code>.*)$")
_NEXT = {"code": "solution", "solution": "stub", "stub": "end"}


class MarkerError(ValueError):
    """A malformed mark; the message starts with ``file:line``."""


class Versions(NamedTuple):
    """The two texts that one source stands for."""

    learner: str
    solution: str


def split(text: str, name: str = "source") -> Versions:
    """Part the text of a lesson's source into the learner's and the solution's text.

    ``name`` is the file's name for errors. Raises `MarkerError` for an unknown mark, a mark out of order, a
    block without an end, an empty part, or a stub line that is not a comment.
    """
    learner, solution = [], []
    part, lines_in_part, opened = "code", 0, 0

    def fail(number: int, problem: str) -> None:
        raise MarkerError(f"{name}:{number}: {problem}")

    for number, line in enumerate(text.splitlines(), start=1):
        mark = _MARK.match(line)
        if mark:
            word = mark["word"]
            if word not in ("solution", "stub", "end"):
                fail(number, f"'#: {word}' is no mark; the marks are '#: solution', '#: stub' and '#: end'.")
            if word != _NEXT[part]:
                fail(number, f"'#: {word}' stands where '#: {_NEXT[part]}' must come (solution, stub, end).")
            if part != "code" and lines_in_part == 0:
                fail(number, f"the part after '#: {part}' (line {opened}) is empty.")
            part, lines_in_part, opened = ("code" if word == "end" else word), 0, number
            continue
        if part != "code" and _CELL.match(line):
            fail(
                opened,
                f"'#: {part}' is not closed before the next cell (line {number}); '#: end' is missing.",
            )
        lines_in_part += bool(line.strip())
        if part in ("code", "solution"):
            solution.append(line)
        if part == "code":
            learner.append(line)
        if part == "stub":
            if line.strip() and not _STUB_LINE.match(line):
                fail(number, f"a stub line must be a comment ('# return ...'), but it is {line.strip()!r}.")
            learner.append(_uncomment(line))
    if part != "code":
        fail(opened, f"'#: {part}' is not closed before the end of the file; '#: end' is missing.")
    return Versions("\n".join(learner) + "\n", "\n".join(solution) + "\n")


def _uncomment(line: str) -> str:
    return _STUB_LINE.sub(lambda m: (m["indent"] + m["code"]).rstrip(), line)


def sources(folder: Path = SOURCES) -> list[Path]:
    """The lessons' sources in order (files named ``NN_name.py``)."""
    return sorted(path for path in folder.glob("*.py") if LESSON_FILE.fullmatch(path.stem))


def solutions(path: Path) -> dict[str, str]:
    """The finished cell of each exercise in one source: ``{"02.1": code}``, without its ``# exercise`` line.

    Raises `MarkerError` when an id is used twice.
    """
    found: dict[str, str] = {}
    for cell in re.split(r"(?m)^# %%.*$\n?", split(path.read_text("utf-8"), path.name).solution):
        first, _, rest = cell.strip().partition("\n")
        named = _EXERCISE.match(first)
        if named and named["id"] in found:
            raise MarkerError(f"{path.name}: exercise {named['id']} is marked twice.")
        if named:
            found[named["id"]] = rest.strip()
    return found
