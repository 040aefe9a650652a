"""One function a kind of picture. Each takes the `ax` it draws on; `figure` makes one, `show` displays it.

The colours are Okabe and Ito's (2008), which colour-blind readers can tell apart, and they mean the same in every
lesson. Figures are made without pyplot: its hidden state breaks when a widget draws from another thread.
"""

from base64 import b64encode
from html import escape
from io import BytesIO

import numpy as np
import torch
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from torch import Tensor, nn

from .door import evaluating

REAL, FAKE = "#0072B2", "#E69F00"  # blue: real samples; orange: generated samples
GEN, DIS = "#D55E00", "#009E73"  # vermilion: the generator's own curves; green: the discriminator's
THEORY, MUTED = "#CC79A7", "#767676"  # pink: what a formula says; grey: floors and baselines
# Where D says fake (orange), unsure (white), real (blue).
VERDICT = LinearSegmentedColormap.from_list("verdict", [FAKE, "#FFFFFF", REAL])


def figure(rows: int = 1, cols: int = 1, width: float = 9.0, height: float = 3.2) -> tuple[Figure, Axes | np.ndarray]:
    """A figure of width x height inches, and its axes: one, or an array of them as in `plt.subplots`."""
    fig = Figure(figsize=(width, height), layout="constrained", dpi=100)
    axes = fig.subplots(rows, cols)
    for ax in np.atleast_1d(axes).flat:
        ax.spines[["top", "right"]].set_visible(False)
    return fig, axes


def png(fig: Figure) -> bytes:
    """The figure as the bytes of a PNG file, on white, so that it reads on a dark theme too."""
    buffer = BytesIO()
    fig.savefig(buffer, format="png", facecolor="white")
    return buffer.getvalue()


def show(fig: Figure, alt: str) -> None:
    """Display a figure with `alt`, a sentence for those who do not see it (screen readers, viewers of text).

    JupyterLab drops the alternative text of a plain image output, so the picture goes out as an `<img>` element.
    """
    image = f'<img alt="{escape(alt)}" src="data:image/png;base64,{b64encode(png(fig)).decode()}">'
    display({"text/html": image, "text/plain": alt}, raw=True)


def array(x: Tensor | np.ndarray) -> np.ndarray:
    return x.detach().cpu().numpy() if isinstance(x, Tensor) else np.asarray(x)


def scatter(ax: Axes, real=None, fake=None, extent: tuple[float, float] | None = None) -> None:
    """Points in a plane: real and fake, each (n, 2). extent: (low, high), the same for both axes."""
    for x, colour, marker, name in ((real, REAL, "o", "real"), (fake, FAKE, "^", "fake")):
        if x is not None:
            x = array(x)
            ax.scatter(x[:, 0], x[:, 1], s=9, c=colour, marker=marker, alpha=0.5, linewidths=0, label=name)
    if extent:
        ax.set(xlim=extent, ylim=extent)
    ax.set(aspect="equal", xlabel="$x_1$", ylabel="$x_2$")
    ax.legend(loc="upper right", markerscale=2)


def hist(ax: Axes, real=None, fake=None, extent: tuple[float, float] = (-4, 4), bins: int = 80) -> None:
    """Histograms of points on a line, each (n,) or (n, 1), as densities."""
    for x, colour, name in ((real, REAL, "real"), (fake, FAKE, "fake")):
        if x is not None:
            ax.hist(array(x).ravel(), bins, range=extent, density=True, color=colour, alpha=0.5, label=name)
    ax.set(xlabel="$x$", ylabel="density", xlim=extent)
    ax.legend()


def curves(
    ax: Axes, x, named: dict, xlabel: str = "turn", ylabel: str = "", colours: dict | None = None, **style
) -> None:
    """Lines of y against x, one for each name. y: (m,), or (seeds, m): then the mean, and a band of one s.d."""
    dashes = ("-", "--", "-.", ":")
    for i, (name, y) in enumerate(named.items()):
        y = array(y)
        colour = (colours or {}).get(name) or (REAL, GEN, DIS, THEORY, FAKE, MUTED)[i % 6]
        mean = y.mean(0) if y.ndim == 2 else y
        ax.plot(array(x), mean, color=colour, linestyle=dashes[i % 4], label=name, **style)
        if y.ndim == 2:
            ax.fill_between(array(x), mean - y.std(0), mean + y.std(0), color=colour, alpha=0.2, linewidth=0)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.legend()


def floor(ax: Axes, y: float, name: str = "floor") -> None:
    """A dotted line at the best value that can be reached (or at a baseline)."""
    ax.axhline(y, color=MUTED, linestyle=":", label=name)
    ax.legend()


def mesh(extent: tuple[float, float], n: int = 60) -> Tensor:
    """An n x n grid of points on a square: (n*n, 2), rows from low x_2 to high."""
    side = torch.linspace(*extent, n)
    return torch.stack(torch.meshgrid(side, side, indexing="xy"), -1).reshape(-1, 2)


@torch.no_grad()
def verdict(ax: Axes, D, extent: tuple[float, float], n: int = 80) -> None:
    """D's probability of "real" over a square, as a heat map: D takes points (m, 2) and gives logits (m, 1).

    A network is asked where it lies, and in eval mode: in training mode, a look would change batch statistics and the
    power iteration of a spectral norm.
    """
    points = mesh(extent, n)
    if isinstance(D, nn.Module):
        weight = next(D.parameters())
        with evaluating(D):
            logits = D(points.to(weight.device, weight.dtype))
    else:
        logits = D(points)
    p = array(torch.sigmoid(logits)).reshape(n, n)
    seen = ax.imshow(
        p, origin="lower", extent=(*extent, *extent), cmap=VERDICT, vmin=0, vmax=1, interpolation="bilinear"
    )
    ax.set(xlabel="$x_1$", ylabel="$x_2$")
    ax.figure.colorbar(seen, ax=ax, label="D's probability of real", shrink=0.8)


def arrows(ax: Axes, x, vectors, colour: str = GEN, **style) -> None:
    """An arrow at each point: x and vectors (n, 2)."""
    x, v = array(x), array(vectors)
    ax.quiver(x[:, 0], x[:, 1], v[:, 0], v[:, 1], color=colour, angles="xy", width=0.004, **style)


def images(ax: Axes, x: Tensor, cols: int = 8, pad: float = 1.0) -> None:
    """A sheet of images: x is (n, channels, height, width) in [-1, 1], 1 or 3 channels."""
    x = (array(x).clip(-1, 1) + 1) / 2
    n, channels, high, wide = x.shape
    cols = min(cols, n)
    rows = -(-n // cols)
    sheet = np.full((rows * (high + 1) - 1, cols * (wide + 1) - 1, channels), pad)
    for i, image in enumerate(x):
        top, left = i // cols * (high + 1), i % cols * (wide + 1)
        sheet[top : top + high, left : left + wide] = image.transpose(1, 2, 0)
    ax.imshow(sheet.squeeze(-1) if channels == 1 else sheet, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    ax.axis("off")


def bars(ax: Axes, means: dict, errors: dict | None = None, ylabel: str = "", colour: str = REAL) -> None:
    """A bar for each name, with its value written on it; errors: one s.d. each."""
    drawn = ax.bar(list(means), list(means.values()), yerr=[errors[k] for k in means] if errors else None,
                   color=colour, capsize=4)  # fmt: skip
    ax.bar_label(drawn, fmt="%.3g", padding=2)
    ax.set_ylabel(ylabel)
