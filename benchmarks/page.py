"""The tables of docs/speed.md, made from the figures in docs/results: `steps.py --write` puts them in their place."""

import json
import re
from pathlib import Path


def fill(page: Path, results: Path) -> None:
    """Write each table between its two marks, `<!-- NAME -->` and `<!-- end of NAME -->`; all else on the page stays.
    A table whose figures are not there yet stays too."""
    text = page.read_text("utf-8")
    for name, table in TABLES.items():
        figures = results / f"{name.split()[0]}.json"
        marks = rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)"
        if figures.exists():
            made = table(json.loads(figures.read_text("utf-8")))
            text, count = re.subn(marks, lambda m, made=made: m[1] + made + m[2], text, flags=re.DOTALL)
            if count != 1:
                raise ValueError(f"{page.name} must hold the marks of the table {name!r} once, not {count} times.")
    page.write_text(text, "utf-8")


def origin(found: dict) -> str:
    shared = "The machine had other work to do, so processor seconds were counted, not the clock's. "
    return f"\n{'' if found['clock'] == 'wall' else shared}`{found['command']}`, {found['date']}: {found['machine']}.\n"


def of_gains(found: dict) -> str:
    """What each measure gives."""
    lines = ["| measure | times as fast | in the rounds |", "|---|---|---|"]
    for row in found["rows"]:
        if row["part"] == "what gives it":
            lines.append(f"| {row['name']} | {row['times']:.2f} | {row['least']:.2f} to {row['most']:.2f} |")
    return "\n".join(lines) + "\n" + origin(found)


def of_goals(found: dict) -> str:
    """What all of them give together, beside the goals."""
    lines = ["| | plain loop | `train` | ratio | goal |", "|---|---|---|---|---|"]
    for row in found["rows"]:
        if row["part"] in ("toy", "images", "cost of a penalty"):
            goal = "" if row["goal"] is None else f"{'at most' if row.get('at_most') else 'at least'} {row['goal']:g}"
            name, rates = f"{row['part']}: {row['name']}", (f"{row['before']:.4g}", f"{row['now']:.4g} {row['unit']}")
            if row.get("at_most"):  # both are turns of `train`, without the penalty and with it
                rates = ("", rates[1])
            lines.append(f"| {name} | {rates[0]} | {rates[1]} | {row['times']:.2f} | {goal} |")
    share = found["share_of_matrix_rate"]
    lines.append(f"| images: share of the rate of matrix products | {share['plain']:.0%} | {share['ours']:.0%} | | "
                 f"at least {found['share_goal']:.0%} |")  # fmt: skip
    return "\n".join(lines) + "\n" + origin(found)


def of_steps(found: dict) -> str:
    """Where the time of a turn goes: a row a kind of operation, a column a game."""
    games = list(dict.fromkeys(row["game"] for row in found["rows"]))
    cells = {(row["game"], row["kind"]): row for row in found["rows"]}
    last = ["a turn", "a bare turn"]
    per_game = [[row["kind"] for row in found["rows"] if row["game"] == game] for game in games]
    kinds = list(dict.fromkeys(kind for own in sorted(per_game, key=len, reverse=True) for kind in own))
    lines = ["| | " + " | ".join(games) + " |", "|---|" + "---|" * len(games)]
    for kind in [kind for kind in kinds if kind not in last] + last:
        texts = [_cell(cells.get((game, kind)), kind in last) for game in games]
        lines.append(f"| {kind} | " + " | ".join(texts) + " |")
    return "\n".join(lines) + "\n" + origin(found)


def _cell(row: dict | None, whole: bool) -> str:
    if row is None:
        return ""
    took = f"{row['us']:.0f} µs" if row["us"] < 10_000 else f"{row['us'] / 1000:.0f} ms"
    return took if whole else f"{row['share']:.0%}"


TABLES = {"bench goals": of_goals, "bench gains": of_gains, "steps": of_steps}
