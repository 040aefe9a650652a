"""A run on paper: what stands in for the laboratory where there is no kernel."""

import numpy as np
from matplotlib.figure import Figure

from gan_course import plot
from gan_course.laboratory import truth
from gan_course.laboratory.run import Run


def picture(run: Run) -> Figure:
    """What stands in for the widget where there is no kernel: the steered run, and its curves."""
    fig, (left, middle, right) = plot.figure(1, 3, width=11, height=3.4)
    plot.verdict(left, run.game.D, run.view.extent)
    plot.scatter(left, run.view.real, run.look().fakes, run.view.extent)
    left.set_title(f"turn {run.turn}", fontsize=10)
    d_loss, g_loss = np.asarray(run.curves.items, float).reshape(-1, 2).T
    losses = {"D's loss": d_loss, "G's loss": g_loss}
    plot.curves(middle, run.curves.turns, losses, ylabel="loss", colours={"D's loss": plot.DIS, "G's loss": plot.GEN})
    js = np.array([measured.js for measured in run.measures.items])
    plot.curves(right, run.measures.turns, {"JS to the data": js}, ylabel="nats", colours={"JS to the data": plot.GEN})
    plot.floor(right, truth.floor(run.toy, run.view.extent).js, "real data")
    return fig
