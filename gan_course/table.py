"""A small table of many runs, that prints, summarises, plots and saves itself."""

import json
from collections.abc import Iterable, Sequence
from numbers import Integral, Real
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from torch import Tensor

from . import plot

MOST_LINES = 40  # printed in full; a longer table shows its first and last rows
MOST_LETTERS = 28  # of a text in a cell
MOST_TICKS = 10  # with a number each, on an axis
DECADES = 1.5  # positive settings that span more than these stand on a logarithmic axis


class Table(Sequence):
    """Rows are dicts, one a run: what it was given and what was measured. `table["modes"]` is that column, an array.

    Settings that are functions, losses or penalties stand under their name. In a column of numbers, NaN stands where
    a row has none. Raises KeyError, naming the columns, for others.
    """

    def __init__(self, rows: Iterable[dict]):
        rows = list(rows)
        if not rows:
            raise ValueError("A table needs at least one row.")
        self.columns = list(dict.fromkeys(name for row in rows for name in row))
        columns = {name: _distinct([row.get(name) for row in rows]) for name in self.columns}
        self.rows = [{name: columns[name][i] for name in row} for i, row in enumerate(rows)]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, what):
        if isinstance(what, slice):
            return self._part(self.rows[what])
        if not isinstance(what, str):
            return self.rows[what]
        if what not in self.columns:
            raise KeyError(f"no column {what!r}; there are {', '.join(self.columns)}")
        values = [row.get(what) for row in self.rows]
        if any(isinstance(value, str) for value in values):
            return np.array(values, dtype=object if None in values else None)
        return np.array([np.nan if value is None else value for value in values])

    def where(self, **equal) -> "Table":
        """The rows with these values: `table.where(loss="hinge", seed=0)`."""
        found = self._rows(equal)
        if not found:
            raise ValueError(f"No row has {', '.join(f'{name}={value!r}' for name, value in equal.items())}.")
        return self._part(found)

    def _part(self, rows: list[dict]) -> "Table":
        """Some of the rows, with all of the columns."""
        part = Table(rows)
        part.columns = self.columns
        return part

    def _rows(self, equal: dict) -> list[dict]:
        for name in equal:
            self[name]  # refuses what is no column
        return [row for row in self.rows if all(row.get(name) == _plain(value) for name, value in equal.items())]

    def groups(self, by: str) -> dict:
        """The rows by their value in a column, in order of appearance: value to Table."""
        self[by]
        return {value: self.where(**{by: value}) for value in dict.fromkeys(row.get(by) for row in self.rows)}

    def summary(self, by: str, *scores: str) -> "Table":
        """A row for each value in a column: the number of runs, and mean and standard deviation of each score.

        Runs without a score (NaN: they diverged) are left out of it and show in the column `lost`. The deviation is
        that of the runs, with n - 1; a single run has none (NaN).
        """
        rows = []
        for value, group in self.groups(by).items():
            row = {by: value, "runs": len(group), "lost": int(np.isnan([group[s] for s in scores]).any(axis=0).sum())}
            for score in scores:
                row[score], row[f"{score} sd"] = _mean_sd(group[score])
            rows.append(row)
        return Table(rows)

    def plot(self, ax: Axes, score: str, by: str, floor: float | None = None) -> None:
        """Every run a dot, and each group's mean a bar (or a line, where `by` is a number), with its sd.

        floor: what real data would score, as a dotted line. Below a group stands how many of its runs have no score.
        """
        groups = {value: group[score] for value, group in self.groups(by).items()}
        numeric = all(map(_is_number, groups))
        if numeric:
            groups = {value: groups[value] for value in sorted(groups)}
        means, sds = zip(*map(_mean_sd, groups.values()), strict=True)
        at = list(groups) if numeric else list(range(len(groups)))
        if numeric and min(at) > 0 and max(at) > min(at) * 10**DECADES:
            ax.set_xscale("log")
        style = {"color": plot.FAKE, "capsize": 4, "label": "mean and sd of the runs"}
        if numeric:
            ax.errorbar(at, means, sds, marker="o", **style)
        else:
            ax.bar(at, means, yerr=sds, alpha=0.6, **style)
        for i, (x, scores) in enumerate(zip(at, groups.values(), strict=True)):
            beside = x if numeric else x + 0.25 * np.linspace(-1, 1, len(scores) + 2)[1:-1]
            ax.plot(np.broadcast_to(beside, scores.shape), scores, "k.", markersize=4, label=None if i else "one run")
        lost = [int(np.isnan(scores).sum()) for scores in groups.values()]
        names = [_tick(value) + (f"\n{n} lost" if n else "") for value, n in zip(groups, lost, strict=True)]
        _ticks(ax.xaxis, at, names)
        ax.set(xlabel=by, ylabel=score)
        if floor is not None:
            plot.floor(ax, floor, "real data")
        low, high = ax.get_ylim()
        ax.set_ylim(low, high + 0.3 * (high - low))  # room for the legend
        ax.legend(loc="upper left", fontsize="small", ncols=2)

    def map(self, ax: Axes, score: str, x: str, y: str, **style) -> None:
        """A square for each pair of values of two columns, its colour the mean score over the other settings.

        White with a cross: no run of that pair has a score (all diverged). White: there is no such run. style: goes to
        `imshow`, such as vmin and vmax.
        """
        xs, ys = (_ordered(list(self.groups(name))) for name in (x, y))
        cells, empty = np.full((len(ys), len(xs)), np.nan), []
        for i, up in enumerate(ys):
            for j, along in enumerate(xs):
                if rows := self._rows({x: along, y: up}):
                    cells[i, j] = _mean_sd(self._part(rows)[score])[0]
                    if np.isnan(cells[i, j]):
                        empty.append((j, i))
        picture = ax.imshow(cells, **{"origin": "lower", "aspect": "auto", "cmap": "cividis", **style})
        _ticks(ax.xaxis, range(len(xs)), map(_tick, xs))
        _ticks(ax.yaxis, range(len(ys)), map(_tick, ys))
        for place in empty:
            ax.plot(*place, "x", color=plot.MUTED)
        ax.set(xlabel=x, ylabel=y)
        ax.figure.colorbar(picture, ax=ax, label=score)

    def save(self, path: str | Path) -> None:
        """Write the rows as JSON (NaN and Infinity as Python writes them); `Table.load` reads them back."""
        Path(path).write_text(json.dumps(self.rows, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> "Table":
        return cls(json.loads(Path(path).read_text(encoding="utf-8")))

    def __repr__(self) -> str:
        lines = [self.columns, *[[_short(row.get(name, "")) for name in self.columns] for row in self.rows]]
        if len(lines) > MOST_LINES:
            half = MOST_LINES // 2
            lines = [*lines[:half], ["..."] * len(self.columns), *lines[-half:]]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        text = [any(isinstance(row.get(name), str) for row in self.rows) for name in self.columns]
        pads = [str.ljust if is_text else str.rjust for is_text in text]
        out = ["  ".join(pad(c, w) for c, w, pad in zip(line, widths, pads, strict=True)).rstrip() for line in lines]
        return "\n".join(out + ([f"({len(self)} rows)"] if len(self) >= MOST_LINES else []))


def _plain(value):
    """A number or a text as it is, a function or a loss by its name, penalties by what they are made of."""
    if isinstance(value, (str, bool, type(None))):
        return value
    if isinstance(value, (Tensor, np.generic)):
        return _plain(value.item())
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    if isinstance(value, (list, tuple)):
        return " + ".join(str(_plain(part)) for part in value) or "none"
    if hasattr(value, "term") and hasattr(value, "weight"):
        return f"{value.weight:.4g} {_plain(value.term).strip('_').replace('_', ' ')}"
    return getattr(value, "name", None) or getattr(value, "__name__", None) or str(value)


def _distinct(values: list) -> list:
    """The values of a column, plain. Two different things of one name, such as two lambdas, get a number each."""
    things: dict[str, list] = {}
    plain = []
    for value in values:
        name = _plain(value)
        if isinstance(name, str) and not isinstance(value, str):
            alike = things.setdefault(name, [])
            if value not in alike:
                alike.append(value)
            name += f" ({alike.index(value) + 1})" if alike.index(value) else ""
        plain.append(name)
    return plain


def _is_number(value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _ordered(values: list) -> list:
    return sorted(values) if all(map(_is_number, values)) else values


def _mean_sd(scores: np.ndarray) -> tuple[float, float]:
    known = scores[~np.isnan(scores)].astype(float)
    if not len(known):
        return float("nan"), float("nan")
    return float(known.mean()), float(known.std(ddof=1)) if len(known) > 1 else float("nan")


def _tick(value) -> str:
    return f"{value:.2g}" if isinstance(value, float) else str(value)


def _ticks(axis, at: Iterable, names: Iterable[str]) -> None:
    """A tick for each value, with its name; where they are many, every second, third ... has one."""
    at, names = list(at), list(names)
    step = -(-len(at) // MOST_TICKS)
    at, names = at[::step], names[::step]
    axis.set_ticks(at, names)
    axis.set_ticks([], minor=True)
    if axis.axis_name == "x" and sum(max(map(len, name.split("\n"))) for name in names) > MOST_LETTERS:
        for label in axis.get_ticklabels():
            label.set(rotation=45, ha="right", rotation_mode="anchor")


def _short(value) -> str:
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text if len(text) <= MOST_LETTERS else text[: MOST_LETTERS - 3] + "..."
