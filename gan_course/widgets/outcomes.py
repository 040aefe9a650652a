"""The map of outcomes: many runs over two settings, a square for each pair of values, coloured by a score. Choose a
square, and see what its runs made beside the real points, and their numbers.

A score on a map hides what the runs look like; two runs of one score may be ill in different ways. All data goes to
the page at once, and `outcomes.js` needs no kernel for the choice.
"""

import math

import anywidget
import matplotlib
import numpy as np
import torch
import traitlets
from matplotlib.colors import Normalize, to_hex
from matplotlib.figure import Figure
from torch import Tensor

from gan_course import plot
from gan_course.distribution import Toy
from gan_course.table import Table
from gan_course.widgets.script import script

RAMP = matplotlib.colormaps["cividis"]  # made to be read by the colour-blind too (Nuñez, Anderton and Renslow 2018)
POINTS = 300  # of a run, sent to the page: of a hundred runs 120 kB
OUTSIDE = 65535  # stands for a point out of the frame; those within are 0 to OUTSIDE - 1


class Outcomes(anywidget.AnyWidget):
    """The runs of `table` over its columns `x` and `y`, coloured by the mean of its column `score` over the others.

    samples: (runs, n, 2) in the order of the table's rows, as `games.sample(n)` gives them; toy: what is real.
    `cell` is the chosen square, (column, row) from the lower left, at first that of the highest score; `chosen` is the
    table of its runs. ValueError where table, samples and toy do not fit together.
    """

    _esm = script("outcomes.js")

    names = traitlets.List(traitlets.Unicode()).tag(sync=True)  # of x, y and score
    xs = traitlets.List(traitlets.Unicode()).tag(sync=True)  # the values of x, rising, as words; and of y
    ys = traitlets.List(traitlets.Unicode()).tag(sync=True)
    cells = traitlets.List().tag(sync=True)  # rows of y, each a dict for each x: runs (rows), words, colour, light
    legend = traitlets.List().tag(sync=True)  # pairs of a colour and the score it stands for, rising
    columns = traitlets.List(traitlets.Unicode()).tag(sync=True)  # what `lines` say of each run
    lines = traitlets.List().tag(sync=True)
    frame = traitlets.List(traitlets.Float()).tag(sync=True)  # low and high on both axes of the pictures
    points = traitlets.Bytes().tag(sync=True)  # uint16: (runs + 1, n, 2) places in the frame; the last are real
    cell = traitlets.List(traitlets.Int(), minlen=2, maxlen=2).tag(sync=True)

    def __init__(self, table: Table, score: str, x: str, y: str, samples: Tensor, toy: Toy):
        samples = torch.as_tensor(samples).detach().cpu().float()
        _check(table, score, x, y, samples, toy)
        self.table, self.score, self.samples, self.toy = table, score, samples[:, :POINTS], toy
        self.axes = [sorted(set(table[name].tolist())) for name in (x, y)]
        self._runs = {at: [] for at in np.ndindex(len(self.axes[0]), len(self.axes[1]))}
        for k, row in enumerate(table):
            self._runs[self.axes[0].index(row[x]), self.axes[1].index(row[y])].append(k)
        means = {at: _mean(table[score][runs]) for at, runs in self._runs.items()}
        known = [mean for mean in means.values() if math.isfinite(mean)]
        low, high = min(known, default=0.0), max(known, default=1.0)
        ramp = Normalize(low, high if high > low else low + 1)
        others = [name for name in table.columns if name not in (x, y)]
        margin = 0.15 * (toy.extent[1] - toy.extent[0])
        frame = [toy.extent[0] - margin, toy.extent[1] + margin]
        super().__init__(
            names=[x, y, score],
            xs=[_short(value) for value in self.axes[0]],
            ys=[_short(value) for value in self.axes[1]],
            cells=[
                [_square(self._runs[i, j], means[i, j], ramp) for i in range(len(self.axes[0]))]
                for j in range(len(self.axes[1]))
            ],
            legend=[[to_hex(RAMP(ramp(value))), _short(value)] for value in np.linspace(low, high, 5)],
            columns=others,
            lines=[[_short(row.get(name, "")) for name in others] for row in table],
            frame=frame,
            points=self._places(*frame),
            cell=list(max(means, key=lambda at: means[at] if math.isfinite(means[at]) else -math.inf)),
        )

    @traitlets.validate("cell")
    def _on_the_map(self, proposal) -> list[int]:
        if tuple(proposal["value"]) not in self._runs:
            raise traitlets.TraitError(
                f"cell is a column from 0 to {len(self.axes[0]) - 1} and a row from 0 to {len(self.axes[1]) - 1}."
            )
        return proposal["value"]

    @property
    def chosen(self) -> Table | None:
        """The runs of the chosen square; None where none was played."""
        runs = self._runs[tuple(self.cell)]
        return Table([self.table[k] for k in runs]) if runs else None

    def _places(self, low: float, high: float) -> bytes:
        real = self.toy.sample(self.samples.shape[1], seed=0).cpu()
        share = (torch.cat([self.samples, real[None]]) - low) / (high - low)
        inside = ((share >= 0) & (share <= 1)).all(-1, keepdim=True)  # false also for what is not finite
        places = torch.where(inside, share * (OUTSIDE - 1), OUTSIDE)
        return places.round().numpy().astype("<u2").tobytes()


def picture(outcomes: Outcomes) -> Figure:
    """The map on paper, and the samples of the chosen square's first run: for viewers without a kernel."""
    x, y, score = outcomes.names
    fig, (left, right) = plot.figure(1, 2, height=3.6)
    outcomes.table.map(left, score, x, y)
    i, j = outcomes.cell
    left.plot(i, j, "s", markersize=14, markerfacecolor="none", markeredgecolor=plot.GEN, markeredgewidth=2)
    runs = outcomes._runs[i, j]
    fake = outcomes.samples[runs[0]] if runs else None
    plot.scatter(right, outcomes.toy.sample(outcomes.samples.shape[1], seed=0), fake, tuple(outcomes.frame))
    here = outcomes.cells[j][i]
    words = f"{score} {here['words']}" if here["colour"] else here["words"]
    right.set_title(f"{x} {outcomes.xs[i]}, {y} {outcomes.ys[j]}: {words}", fontsize=9)
    return fig


def _check(table: Table, score: str, x: str, y: str, samples: Tensor, toy: Toy) -> None:
    for name in (score, x, y):
        if not np.issubdtype(table[name].dtype, np.number):
            raise ValueError(f"The column {name!r} must hold numbers to make a map of them.")
    if toy.dim != 2:
        raise ValueError(f"toy must be a distribution in the plane; this one has {toy.dim} dimension.")
    if samples.dim() != 3 or samples.shape[2] != 2:
        raise ValueError(f"samples must be points in the plane, (runs, n, 2), not {tuple(samples.shape)}.")
    if len(samples) != len(table):
        raise ValueError(
            f"There are samples of {len(samples)} runs and {len(table)} rows: take table and samples of the same games."
        )


def _square(runs: list[int], mean: float, ramp: Normalize) -> dict:
    """One square: which rows it has, its mean score in words, its colour (None without a finite score), and whether
    dark letters read on it."""
    if not math.isfinite(mean):
        words = f"mean score {mean}" if math.isinf(mean) else "no run has a score" if runs else "not played"
        return {"runs": runs, "words": words, "colour": None, "light": True}
    colour = RAMP(ramp(mean))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3])
    return {
        "runs": runs,
        "words": _short(mean),
        "colour": to_hex(colour),
        # Where black and white letters have the same contrast, by the luminance of WCAG 2.
        "light": bool(0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179),
    }


def _mean(scores: np.ndarray) -> float:
    known = scores[~np.isnan(scores)]
    return float(known.mean()) if len(known) else math.nan


def _short(value) -> str:
    """Three digits; very small and very large numbers as 2.5e-4."""
    if not isinstance(value, float) or not math.isfinite(value):
        return str(value)
    if value == 0 or 0.01 <= abs(value) < 1e4:
        return f"{value:.3g}"
    digits, power = f"{value:.2e}".split("e")
    return f"{digits.rstrip('0').rstrip('.')}e{int(power)}"
