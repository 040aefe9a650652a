"""A laboratory on paper: each run's first setup and the changes made to it, as a small JSON text to hand out.

Nothing learned is stored. Loading plays the runs again, and they come out exactly as they were.
"""

import json

from gan_course.laboratory.catalogue import Catalogue
from gan_course.laboratory.run import Change, Run
from gan_course.laboratory.setup import Setup, needs_restart

FORMAT = "gan_course laboratory 1"
MOST_TURNS = 200_000  # of one run: more would keep a class waiting for minutes


def dumps(runs: list[Run], focus: int) -> str:
    """The runs as text, ready for a file."""
    return json.dumps(
        {
            "format": FORMAT,
            "focus": focus,
            "runs": [
                {
                    "name": run.name,
                    "turn": run.turn,
                    "parent": run.parent,
                    "start": run.start.to_json(),
                    "changes": [{"turn": change.turn, "set": dict(change.values)} for change in run.log],
                }
                for run in runs
            ],
        },
        indent=1,
    )


def loads(text: str, catalogue: Catalogue) -> tuple[list[Run], list[int], int]:
    """Fresh runs, the turn that each is to be played to, and which is steered. A bad text is a ValueError."""
    try:
        sheet = json.loads(text)
    except (json.JSONDecodeError, TypeError, RecursionError) as error:
        raise ValueError(f"This is not a sheet of the laboratory: it is not JSON ({error}).") from error
    if not isinstance(sheet, dict) or sheet.get("format") != FORMAT:
        raise ValueError(f'This is not a sheet of this laboratory: its "format" must be "{FORMAT}".')
    try:
        entries, focus = list(sheet["runs"]), int(sheet["focus"])
        read = [_read(entry, catalogue) for entry in entries]
    except (LookupError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"The sheet is damaged: {type(error).__name__}: {error}.") from error
    if not read or not 0 <= focus < len(read):
        raise ValueError("The sheet is damaged: it names no run to steer.")
    return [run for run, _ in read], [turn for _, turn in read], focus


def _read(entry: dict, catalogue: Catalogue) -> tuple[Run, int]:
    turn, setup = int(entry["turn"]), Setup.from_json(entry["start"])
    if not 0 <= turn <= MOST_TURNS:
        raise ValueError(f"A run of {turn} turns would take too long to play again: the most is {MOST_TURNS}.")
    log, seen = [], setup
    for change in entry["changes"]:
        at, values = int(change["turn"]), dict(change["set"])
        if needs_restart(values) or not (log[-1].turn if log else 0) <= at <= turn:
            raise ValueError(f"The sheet is damaged: the change at turn {at} cannot be made there.")
        seen = seen.but(**values)
        log.append(Change(at, values))
    run = Run(setup, catalogue, log, name=str(entry["name"])[:8])
    parent = entry["parent"]
    run.parent = (str(parent[0]), int(parent[1])) if parent else None
    return run, turn
