"""A small table of many runs, that prints, summarises and plots itself."""

from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.axes import Axes

from . import plot

MOST_LINES = 40  # printed in full; a longer table shows its first and last rows


class Table(Sequence):
    """Rows are dicts, one a run: what it was given and what was measured. `table["modes"]` is that column, an array.

    Settings that are functions or losses stand under their name. Raises KeyError, naming the columns, for others.
    """

    def __init__(self, rows: Iterable[dict]):
        self.rows = [{name: _plain(value) for name, value in row.items()} for row in rows]
        if not self.rows:
            raise ValueError("A table needs at least one row.")

    @property
    def columns(self) -> list[str]:
        return list(dict.fromkeys(name for row in self.rows for name in row))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, what):
        if not isinstance(what, str):
            return self.rows[what]
        if what not in self.columns:
            raise KeyError(f"no column {what!r}; there are {', '.join(self.columns)}")
        return np.array([row.get(what, np.nan) for row in self.rows])

    def where(self, **equal) -> "Table":
        """The rows with these values: `table.where(loss="hinge", seed=0)`."""
        found = [row for row in self.rows if all(row.get(name) == _plain(value) for name, value in equal.items())]
        if not found:
            raise ValueError(f"No row has {', '.join(f'{name}={value!r}' for name, value in equal.items())}.")
        return Table(found)

    def groups(self, by: str) -> dict:
        """The rows by their value in a column, in order of appearance: value to Table."""
        return {value: self.where(**{by: value}) for value in dict.fromkeys(row.get(by) for row in self.rows)}

    def summary(self, by: str, *scores: str) -> "Table":
        """A row for each value in a column: the number of runs, and mean and standard deviation of each score.

        Runs without a score (NaN: they diverged) are left out of it and show in the column `lost`.
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

        floor: what real data would score, as a dashed line.
        """
        groups = {value: group[score] for value, group in self.groups(by).items()}
        means, sds = zip(*map(_mean_sd, groups.values()), strict=True)
        numeric = all(isinstance(value, (int, float)) for value in groups)
        at = list(groups) if numeric else list(range(len(groups)))
        if numeric:
            ax.errorbar(at, means, sds, color=plot.FAKE, marker="o", capsize=3)
        else:
            ax.bar(at, means, yerr=sds, color=plot.FAKE, alpha=0.6, capsize=3)
            ax.set_xticks(at, [str(value) for value in groups], rotation=30 if len(at) > 4 else 0)
        for x, scores in zip(at, groups.values(), strict=True):
            ax.plot([x] * len(scores), scores, "k.", markersize=3)
        if floor is not None:
            plot.floor(ax, floor, "real data")
        ax.set(xlabel=by, ylabel=score)

    def map(self, ax: Axes, score: str, x: str, y: str) -> None:
        """A square for each pair of values of two columns, its colour the mean score over the other settings.

        White with a cross: no run of that pair has a score (all diverged).
        """
        xs, ys = (sorted(set(self[name].tolist())) for name in (x, y))
        cells = np.full((len(ys), len(xs)), np.nan)
        for i, low in enumerate(ys):
            for j, along in enumerate(xs):
                cells[i, j] = _mean_sd(self.where(**{x: along, y: low})[score])[0]
        picture = ax.imshow(cells, origin="lower", aspect="auto", cmap="cividis")
        ax.set_xticks(range(len(xs)), [f"{value:g}" for value in xs], rotation=45)
        ax.set_yticks(range(len(ys)), [f"{value:g}" for value in ys])
        for i, j in np.argwhere(np.isnan(cells)):
            ax.plot(j, i, "x", color=plot.MUTED)
        ax.set(xlabel=x, ylabel=y)
        ax.figure.colorbar(picture, ax=ax, label=score)

    def __repr__(self) -> str:
        cells = [self.columns, *[[_short(row.get(name, "")) for name in self.columns] for row in self.rows]]
        if len(cells) > MOST_LINES:
            half = MOST_LINES // 2
            cells = [*cells[:half], ["..."] * len(self.columns), *cells[-half:]]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        return "\n".join("  ".join(c.rjust(w) for c, w in zip(line, widths, strict=True)) for line in cells)


def _plain(value):
    """A function or a loss by its name; a list of penalties by how many; anything else as it is."""
    if isinstance(value, (list, tuple)):
        return f"{len(value)} of them"
    return value if isinstance(value, (str, int, float, bool, type(None))) else getattr(value, "name", str(value))


def _mean_sd(scores: np.ndarray) -> tuple[float, float]:
    known = scores[~np.isnan(scores)]
    return (float(known.mean()), float(known.std())) if len(known) else (float("nan"), float("nan"))


def _short(value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
