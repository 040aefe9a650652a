"""Lesson 00: move through the space of a generator's input, one number at a time or on a line between two points.

`explorer` and `walk` make the widgets; `moves` and `rows` draw on paper. The page (latent.js) sends the
sliders' places, and the kernel sends back the pixels.
"""

import threading
from collections.abc import Callable

import anywidget
import torch
import traitlets
from matplotlib.axes import Axes
from torch import Tensor, nn

from gan_course import plot
from gan_course.widgets.script import script

SPAN = 3.0  # the sliders of `explorer` go from -SPAN to SPAN


class Latent(anywidget.AnyWidget):
    """Made by `explorer` and `walk`. `values` are the sliders' places; `pixels` and `reading` follow from them."""

    _esm = script("latent.js")

    names = traitlets.List(traitlets.Unicode()).tag(sync=True)
    values = traitlets.List(traitlets.Float()).tag(sync=True)
    low, high, step = (traitlets.Float().tag(sync=True) for _ in range(3))
    normal = traitlets.Bool().tag(sync=True)  # offer fresh numbers from a normal distribution, and zeros
    pixels = traitlets.Bytes().tag(sync=True)  # one grey picture, a byte a pixel, row by row
    reading = traitlets.Unicode().tag(sync=True)  # what the classifier makes of it

    def __init__(self, G: nn.Module, classifier: nn.Module, place: Callable[[Tensor], Tensor], **traits):
        super().__init__(**traits)
        self._nets, self._place = (G, classifier), place
        # Callbacks may come on another thread than the cells (kernel subshells): one drawing at a time, and each
        # reads the newest values, so that the last one drawn is the last one asked for.
        self._lock = threading.Lock()
        self.observe(self._draw, "values")
        self._draw()

    @traitlets.validate("values")
    def _within_the_sliders(self, proposal) -> list[float]:
        if len(proposal["value"]) != len(self.names):
            raise traitlets.TraitError(f"There are {len(self.names)} sliders, so give as many values.")
        return [min(max(value, self.low), self.high) for value in proposal["value"]]

    @torch.no_grad()
    def _draw(self, _: dict | None = None) -> None:
        G, classifier = self._nets
        with self._lock, self.hold_sync():
            x = G(self._place(torch.tensor(self.values))[None])
            chances = classifier(x).softmax(1)[0]
            self.pixels = bytes(((x.flatten().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).tolist())
            self.reading = f"The classifier reads: {chances.argmax()} ({chances.max():.0%} sure)"


def explorer(G: nn.Module, classifier: nn.Module) -> Latent:
    """A slider for each number that G takes, the picture that G makes of them, and what a classifier reads in it."""
    names = [f"Number {k + 1}" for k in range(G.z_dim)]
    zeros = [0.0] * G.z_dim
    return Latent(G, classifier, lambda z: z, names=names, low=-SPAN, high=SPAN, step=0.1, values=zeros, normal=True)


def walk(G: nn.Module, classifier: nn.Module, ends: Tensor) -> Latent:
    """One slider that walks on the straight line between the two rows of ``ends`` (2, z_dim)."""
    a, b = ends
    name = ["Walk from A to B"]
    return Latent(G, classifier, lambda t: torch.lerp(a, b, t.item()), names=name, low=0, high=1, step=0.01, values=[0])


@torch.no_grad()
def moves(ax: Axes, G: nn.Module, z: Tensor, steps: int = 9) -> None:
    """A row of pictures for each number of ``z`` (z_dim,): that number goes from -2 to 2, the others stay."""
    places = torch.linspace(-2, 2, steps)
    grid = z.repeat(len(z), steps, 1)
    for k in range(len(z)):
        grid[k, :, k] = places
    _sheet(ax, {f"number {k + 1}": G(row) for k, row in enumerate(grid)})
    ax.set_xticks(ax.get_xticks(), [f"{place:g}" for place in places.tolist()])


def rows(ax: Axes, named: dict[str, Tensor]) -> None:
    """Rows of pictures (n, 1, h, w), each with its name; the first picture of a row is A, the last is B."""
    n = _sheet(ax, named)
    ax.set_xticks(ax.get_xticks(), ["A", *[""] * (n - 2), "B"])


def _sheet(ax: Axes, named: dict[str, Tensor]) -> int:
    """Draw the rows, with a tick in the middle of each row and each column; gives the number of columns."""
    n, _, high, wide = next(iter(named.values())).shape
    plot.images(ax, torch.cat(list(named.values())), cols=n)
    ax.axis("on")
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    ax.set_xticks([(wide + 1) * i + (wide - 1) / 2 for i in range(n)])
    ax.set_yticks([(high + 1) * k + (high - 1) / 2 for k in range(len(named))], list(named))
    return n
