"""The lines of `bench.py`'s table: two contenders, their rates and the ratio, in print and in a picture."""

import statistics
from pathlib import Path

from matplotlib.figure import Figure

from gan_course import plot

HEAD = f"{'part':17} {'':44} {'before':>10} {'now':>10} {'':12} {'ratio':>6} {'in the rounds':16} goal"


def line(part: str, name: str, before: list[float], after: list[float], unit: str, per: float, goal=None) -> dict:
    """One line: `per` units a call, from seconds a call, and how many times as fast `after` is as `before`.

    The ratio is taken in each round, where both met the same machine: `times` is the median, `least` and `most` the
    range over the rounds.
    """
    ratios = [a / b for a, b in zip(before, after, strict=True)]
    return {
        "part": part, "name": name, "unit": unit, "before": per / statistics.median(before),
        "now": per / statistics.median(after), "times": statistics.median(ratios), "least": min(ratios),
        "most": max(ratios), "goal": goal,
    }  # fmt: skip


def cost(part: str, penalty: str, without: list[float], having: list[float]) -> dict:
    """A turn with a penalty, in turns without: the column `times`, which is to stay below its goal."""
    row = line("cost of a penalty", f"{part}: {penalty}", having, without, "turns/s", 1, 2.2)
    return row | {"before": row["now"], "now": row["before"], "at_most": True}


def tell(rows: list[dict]) -> list[dict]:
    """Print rows as lines of the table; gives them back."""
    for row in rows:
        goal = "" if row["goal"] is None else f"{'<=' if row.get('at_most') else '>='} {row['goal']:g}"
        print(f"{row['part']:17} {row['name']:44} {row['before']:10.1f} {row['now']:10.1f} {row['unit']:12} "
              f"{row['times']:6.2f} {row['least']:6.2f} to {row['most']:<6.2f} {goal}", flush=True)  # fmt: skip
    return rows


def draw(rows: list[dict], path: Path) -> None:
    """The ratios as bars: beside the plain loop's 1 and the goals; an ensemble's gain; what penalties cost; and on the
    right what each measure gives."""
    panels = {
        "ours": (("toy", "images"), "times as fast as the plain loop"),
        "ensemble": (("ensemble",), "times as fast as one game after the other"),
        "cost": (("cost of a penalty",), "turns without a penalty"),
        "gives": (("what gives it",), "times as fast as the plain loop"),
    }
    fig = Figure(figsize=(12.0, 6.4), layout="constrained", dpi=100)
    axes = fig.subplot_mosaic([[name, "gives"] for name in list(panels)[:3]], height_ratios=[6, 6, 4])
    for name, (part, title) in panels.items():
        ax = axes[name]
        ax.spines[["top", "right"]].set_visible(False)
        shown = [row for row in rows if row["part"] in part]
        for y, row in enumerate(shown):
            ax.barh(y, row["times"], color=plot.REAL)
            ax.plot([row["least"], row["most"]], [y, y], color="black")
            if row["goal"] is not None:
                ax.plot([row["goal"]] * 2, [y - 0.4, y + 0.4], color=plot.GEN, linewidth=3)
        ax.axvline(1, color=plot.MUTED, linestyle=":")
        ax.set_yticks(range(len(shown)), [_label(row) for row in shown])
        ax.invert_yaxis()
        ax.set_xlabel(title)
    axes["ensemble"].plot([], [], color=plot.GEN, linewidth=3, label="goal")
    axes["ensemble"].legend(loc="lower right")
    path.write_bytes(plot.png(fig))


def _label(row: dict) -> str:
    return f"{row['part']}: {row['name']}" if row["part"] in ("toy", "images") else row["name"]
