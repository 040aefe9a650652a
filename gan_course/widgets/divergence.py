"""Two densities to play with: move and widen q, and see D*, the divergences, and G's pull under both losses.

Python computes, exactly and on a grid; `divergence.js` draws. While an answer is on its way, the front end holds back
all but the newest wish, so that a fast drag never queues up work.
"""

import anywidget
import numpy as np
import torch
import traitlets
from matplotlib.figure import Figure
from torch.nn.functional import logsigmoid

from gan_course import plot, toy
from gan_course.distribution import Mixture
from gan_course.divergence import js, kl, wasserstein1
from gan_course.widgets.script import script

DATA = {"two bumps": toy.mixture([-1.0, 2.0], 0.5), "one bump": toy.gaussian(1.0, 0.5)}
MEANS, STDS = (-4.5, 4.5), (0.4, 2.5)
WINDOW = (-6.0, 6.0)  # what is drawn; the integrals go on to where every density here is below 1e-12
_X = torch.linspace(-24, 24, 4801, dtype=torch.float64)
_SHOWN = torch.linspace(*WINDOW, 241, dtype=torch.float64)


def divergences(p: Mixture, mean: float, std: float) -> dict[str, float]:
    """Exact distances between p and q = Normal(mean, std): JS, KL both ways (nats) and Wasserstein-1 (units of x)."""
    q = toy.gaussian(mean, std)
    return {
        "JS(p, q)": js(p, q, _X),
        "KL(p‖q)": kl(p, q, _X),
        "KL(q‖p)": kl(q, p, _X),
        "Wasserstein-1": wasserstein1(p, q, _X),
    }


def pulls(p: Mixture, mean: float, std: float) -> dict[str, tuple[float, float]]:
    """Minus the gradient of each generator loss at the optimal D*, held still: (to the mean, to the std).

    Minimax: minus the gradient of 2 JS. Non-saturating: minus that of KL(q‖p) - 2 JS. Arjovsky & Bottou 2017,
    "Towards Principled Methods for Training Generative Adversarial Networks", section 2 and Theorem 2.5.
    """
    log_q = toy.gaussian(mean, std).log_prob(_X)
    logit = p.log_prob(_X) - log_q
    away = (_X - mean) / std
    q = log_q.exp() * (_X[1] - _X[0])
    slopes = q * away / std, q * (away.square() - 1) / std  # dq/dmean and dq/dstd
    return {
        "minimax": tuple(-(slope * logsigmoid(-logit)).sum().item() for slope in slopes),
        "non-saturating": tuple((slope * logsigmoid(logit)).sum().item() for slope in slopes),
    }


class DivergenceExplorer(anywidget.AnyWidget):
    """Made by `divergence_explorer`. The first three traits are the learner's; the others are what Python answers."""

    _esm = script("divergence.js")

    data = traitlets.Enum(list(DATA), default_value="two bumps").tag(sync=True)
    mean = traitlets.Float(-2.0).tag(sync=True)
    std = traitlets.Float(1.0).tag(sync=True)

    names = traitlets.List(traitlets.Unicode(), list(DATA)).tag(sync=True)
    ranges = traitlets.Dict({"mean": [*MEANS, 0.1], "std": [*STDS, 0.05], "x": [*WINDOW]}).tag(sync=True)
    curves = traitlets.Bytes().tag(sync=True)  # float32, (241, 4): x, p, q, D*
    numbers = traitlets.Dict().tag(sync=True)  # from `divergences`
    pulls = traitlets.Dict().tag(sync=True)  # from `pulls`

    def __init__(self, **wishes):
        super().__init__(**wishes)
        self._answer()
        self.observe(self._answer, ["data", "mean", "std"])

    @traitlets.validate("mean", "std")
    def _inside(self, proposal) -> float:
        low, high = MEANS if proposal["trait"].name == "mean" else STDS
        return min(max(proposal["value"], low), high)

    def densities(self) -> torch.Tensor:
        """The curves that are shown: columns x, p(x), q(x) and D*(x)."""
        log_p = DATA[self.data].log_prob(_SHOWN)
        log_q = toy.gaussian(self.mean, self.std).log_prob(_SHOWN)
        return torch.stack([_SHOWN, log_p.exp(), log_q.exp(), torch.sigmoid(log_p - log_q)], dim=1)

    def _answer(self, change=None) -> None:
        p = DATA[self.data]
        with self.hold_sync():  # one message, so that the picture and the numbers never disagree
            self.curves = self.densities().numpy().astype(np.float32).tobytes()
            self.numbers = divergences(p, self.mean, self.std)
            self.pulls = pulls(p, self.mean, self.std)


def divergence_explorer(**wishes) -> DivergenceExplorer:
    """The widget. wishes: first values of data ("two bumps" or "one bump"), mean and std (both of q)."""
    return DivergenceExplorer(**wishes)


def picture(widget: DivergenceExplorer) -> Figure:
    """What the widget shows now, as a figure: for viewers without a kernel."""
    fig, axes = plot.figure(cols=2, width=9, height=3.2)
    x, p, q, best = widget.densities().T
    colours = {"p: data": plot.REAL, "q: generator": plot.FAKE, "D* = p / (p + q)": plot.DIS}
    plot.curves(axes[0], x, {"p: data": p, "q: generator": q}, "$x$", "density", colours)
    plot.curves(axes[1], x, {"D* = p / (p + q)": best}, "$x$", "probability of real", colours, linewidth=2)
    axes[1].set_ylim(0, 1.05)
    distances = [f"{name} = {value:.3f}" for name, value in widget.numbers.items()]
    axes[0].set_title(f"{'   '.join(distances[:2])}\n{'   '.join(distances[2:])}", fontsize=9)
    said = [f"{name}: {m:+.3f} on its mean, {s:+.3f} on its width" for name, (m, s) in widget.pulls.items()]
    axes[1].set_title("\n".join(["pull on q, with D* held still", *said]), fontsize=9)
    return fig
