"""Lesson 01: a generative and a discriminative classifier learn from the same few points. Which comes nearer the truth?

Two classes, each a cloud of points in a plane. The generative model takes both clouds to be round and equally wide; it
has only to find their centres. Logistic regression assumes nothing about the clouds: it fits the border itself. Both
borders are straight lines, and the clouds are Gaussian, so that each border's error is known exactly.
"""

import math
import threading
from functools import cache

import ipywidgets as widgets
import numpy as np
from matplotlib.figure import Figure
from scipy.special import ndtr
from sklearn.linear_model import LogisticRegression

from gan_course import plot

SIZES = (4, 6, 10, 20, 40, 100, 300, 1000)  # points in both classes together
TILTS = (0.0, 0.2, 0.4, 0.6)  # correlation of the two coordinates; at 0 the clouds are round
REPEATS = 40
CENTRES = np.array([[-1.0, 0.0], [1.0, 0.0]])
GENERATIVE, DISCRIMINATIVE = "generative: two round clouds", "discriminative: logistic regression"
_COLOURS = {GENERATIVE: plot.GEN, DISCRIMINATIVE: plot.DIS}


def points(n: int, tilt: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """n labelled points, as many of each class: x (n, 2), y (n,) of 0 and 1."""
    y = np.arange(n) % 2
    root = np.linalg.cholesky([[1, tilt], [tilt, 1]])
    return CENTRES[y] + np.random.default_rng(seed).normal(size=(n, 2)) @ root.T, y


def borders(x: np.ndarray, y: np.ndarray) -> dict[str, tuple[np.ndarray, float]]:
    """Each classifier's border, the line w.x + b = 0 (class 1 where it is positive): {name: (w, b)}."""
    low, high = x[y == 0].mean(0), x[y == 1].mean(0)
    # Bayes' rule for two round clouds of one width: the width cancels, and the nearer centre wins.
    generative = (high - low, (low @ low - high @ high) / 2)
    # Hardly any penalty: enough to keep the fit finite where a line parts the points without a mistake.
    fit = LogisticRegression(C=1e3).fit(x, y)
    return {GENERATIVE: generative, DISCRIMINATIVE: (fit.coef_[0], fit.intercept_[0])}


def error(w: np.ndarray, b: float, tilt: float) -> float:
    """The exact share of fresh points on the wrong side of a line: w.x is Gaussian in each class."""
    width = math.sqrt(w @ np.array([[1, tilt], [tilt, 1]]) @ w)
    low, high = (CENTRES @ w + b) / width
    return float(ndtr(low) + ndtr(-high)) / 2


def best(tilt: float) -> float:
    """The error of the best border there is: w = C^-1 (m_1 - m_0)."""
    return error(np.linalg.solve([[1, tilt], [tilt, 1]], CENTRES[1] - CENTRES[0]), 0.0, tilt)


@cache
def errors(tilt: float) -> dict[str, np.ndarray]:
    """Each classifier's error over REPEATS fresh sets of points of each of SIZES: {name: (REPEATS, sizes)}."""
    found = {name: np.empty((REPEATS, len(SIZES))) for name in (GENERATIVE, DISCRIMINATIVE)}
    for i in range(REPEATS):
        for j, n in enumerate(SIZES):
            for name, (w, b) in borders(*points(n, tilt, seed=1000 + i)).items():
                found[name][i, j] = error(w, b, tilt)
    return found


def picture(n: int = 10, tilt: float = 0.4, seed: int = 0) -> Figure:
    """Left: n points and both borders. Right: both errors against n, with a band of one standard error."""
    fig, (left, right) = plot.figure(1, 2, width=9.5, height=3.6)
    x, y = points(n, tilt, seed)
    for c, marker, colour in ((0, "o", plot.MUTED), (1, "^", plot.THEORY)):
        shown = x[y == c][:150]
        left.scatter(*shown.T, s=22, marker=marker, color=colour, alpha=0.7, linewidths=0, label=f"class {c}")
    for name, (w, b) in borders(x, y).items():
        middle, along = -b * w / (w @ w), np.array([-w[1], w[0]]) / np.linalg.norm(w)
        ends = middle + np.array([[-12.0], [12.0]]) * along
        left.plot(*ends.T, color=_COLOURS[name], linestyle="-" if name == GENERATIVE else "--", linewidth=2)
    left.set(xlim=(-4, 4), ylim=(-3.5, 3.5), xlabel="$x_1$", ylabel="$x_2$", title=f"{n} labelled points")
    left.legend(loc="upper left", fontsize=8)
    for name, found in errors(tilt).items():
        mean, se = found.mean(0), found.std(0, ddof=1) / math.sqrt(REPEATS)
        right.plot(SIZES, mean, color=_COLOURS[name], linestyle="-" if name == GENERATIVE else "--", label=name)
        right.fill_between(SIZES, mean - se, mean + se, color=_COLOURS[name], alpha=0.2, linewidth=0)
    right.axhline(best(tilt), color=plot.MUTED, linestyle=":", label="best possible")
    right.axvline(n, color=plot.MUTED, linewidth=1)
    right.set(xscale="log", ylim=(0.08, 0.28), xlabel="labelled points", ylabel="error on new points")
    right.set_title("round clouds, as assumed" if tilt == 0 else f"clouds tilted by {tilt:g}, assumed to be round")
    right.legend(fontsize=8)
    return fig


def explorer(n: int = 10, tilt: float = 0.4) -> widgets.Widget:
    """Choose how many points there are, and how wrong the generative model's assumption is; or draw other points."""
    wide = {"style": {"description_width": "initial"}, "layout": widgets.Layout(width="340px")}
    size = widgets.SelectionSlider(options=SIZES, value=n, description="Labelled points", **wide)
    lean = widgets.SelectionSlider(options=TILTS, value=tilt, description="Tilt of the clouds", **wide)
    again = widgets.Button(description="Other points", layout=widgets.Layout(width="auto"))
    screen, lock, seed = widgets.Image(format="png", width=950), threading.Lock(), [0]

    def draw(_: dict | None = None) -> None:
        with lock:  # callbacks may run on another thread; the last to enter reads the newest values
            screen.value = plot.png(picture(size.value, lean.value, seed[0]))

    def other(_: widgets.Button) -> None:
        seed[0] += 1
        draw()

    size.observe(draw, "value")
    lean.observe(draw, "value")
    again.on_click(other)
    draw()
    return widgets.VBox([widgets.HBox([size, lean, again], layout=widgets.Layout(flex_flow="row wrap")), screen])
