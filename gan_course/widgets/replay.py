"""Play a recorded game again: scrub over its turns, and see it with the eyes of either player.

A `Tape` records what the two networks did after chosen turns of any loop, hand-written or `train`. `replay(tape)` is
the widget, `picture(tape)` the same on paper. Everything is recorded before it is shown, so a moving slider asks the
kernel for nothing: `replay.js` draws the newest position and skips those that it had no time for.
"""

from typing import NamedTuple

import anywidget
import numpy as np
import torch
import traitlets
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

from gan_course import door, plot
from gan_course.losses import Loss, non_saturating
from gan_course.widgets.script import script

VIEWS = ("everything", "discriminator", "generator")
_CELLS = {1: 161, 2: 48}  # per side of the grid on which D's verdict is kept


class Frame(NamedTuple):
    """The game after one turn. `fake`, `arrows`: (m, dim), an arrow where G's loss would move the fake. `verdict`: D's
    probability of real on a grid, (161,) or (48, 48), rows from low x_2 to high. `said`: its mean on real and fake."""

    turn: int
    fake: np.ndarray
    arrows: np.ndarray
    verdict: np.ndarray
    said: tuple[float, float]


class Tape:
    """A record of one game on a line or in a plane.

    real: points to show, (n, 1) or (n, 2). z: the noise behind every frame's fakes, (m, z_dim), always the same, so
    that each fake can be followed. extent: (low, high) of the picture. loss: whose wish the arrows on the fakes show.
    """

    def __init__(self, real: Tensor, z: Tensor, extent: tuple[float, float], loss: Loss = non_saturating):
        if real.dim() != 2 or real.shape[1] not in _CELLS:
            raise ValueError(f"A tape shows points on a line or in a plane, (n, 1) or (n, 2), not {tuple(real.shape)}.")
        self.real, self.z, self.extent, self.loss = real, z, (float(extent[0]), float(extent[1])), loss
        self.frames: list[Frame] = []

    def add(self, turn: int, G: nn.Module, D: nn.Module) -> None:
        """Record both players as they stand after `turn`. Neither is changed, nor is any random state."""
        if self.frames and turn <= self.frames[-1].turn:
            raise ValueError(
                f"The tape already stands at turn {self.frames[-1].turn}: start a new Tape for a new game."
            )
        with door.evaluating(G, D):
            with torch.no_grad():
                fake, real_logits = G(self.z), D(self.real)
                verdict = torch.sigmoid(D(self._grid()))
            fake.requires_grad_()
            fake_logits = D(fake)
            # The loss is a mean: times n it is each fake's own share. G descends, so the arrow is minus the gradient.
            (slope,) = torch.autograd.grad(self.loss.g(real_logits, fake_logits), fake)
        said = tuple(torch.sigmoid(logits).mean().item() for logits in (real_logits, fake_logits))
        arrows = plot.array(-len(fake) * slope)
        self.frames.append(Frame(turn, plot.array(fake), arrows, plot.array(verdict).reshape(self._shape), said))

    @property
    def _shape(self) -> tuple[int, ...]:
        return (_CELLS[self.real.shape[1]],) * self.real.shape[1]

    def _grid(self) -> Tensor:
        cells = self._shape[0]
        on_line = torch.linspace(*self.extent, cells)[:, None]
        return (on_line if len(self._shape) == 1 else plot.mesh(self.extent, cells)).to(self.real)


class Replay(anywidget.AnyWidget):
    """Made by `replay`. `position`, `view` and `labels` are the learner's; the rest is the record."""

    _esm = script("replay_draw.js", "replay.js")

    position = traitlets.Int(0).tag(sync=True)
    view = traitlets.Enum(VIEWS, "everything").tag(sync=True)
    labels = traitlets.Bool(False).tag(sync=True)

    turns = traitlets.List(traitlets.Int()).tag(sync=True)
    dim = traitlets.Int().tag(sync=True)
    extent = traitlets.List(traitlets.Float()).tag(sync=True)
    cells = traitlets.Int().tag(sync=True)
    said = traitlets.List().tag(sync=True)  # for each frame, D's mean probability on real and on fake points
    real = traitlets.Bytes().tag(sync=True)  # float32, (n, dim)
    fakes = traitlets.Bytes().tag(sync=True)  # float32, (frames, m, dim)
    arrows = traitlets.Bytes().tag(sync=True)  # float32, (frames, m, dim)
    verdicts = traitlets.Bytes().tag(sync=True)  # probabilities as 0..255, (frames, cells) or (frames, cells, cells)

    @traitlets.validate("position")
    def _on_the_tape(self, proposal) -> int:
        return min(max(proposal["value"], 0), len(self.turns) - 1)


def replay(tape: Tape, **wishes) -> Replay:
    """The widget. wishes: first values of position, view ("everything", "discriminator", "generator") and labels."""
    _check_has_frames(tape)
    frames = tape.frames
    return Replay(
        turns=[f.turn for f in frames],
        dim=tape.real.shape[1],
        extent=list(tape.extent),
        cells=frames[0].verdict.shape[0],
        said=[list(f.said) for f in frames],
        real=plot.array(tape.real).astype(np.float32).tobytes(),
        fakes=np.stack([f.fake for f in frames]).astype(np.float32).tobytes(),
        arrows=np.stack([f.arrows for f in frames]).astype(np.float32).tobytes(),
        verdicts=np.stack([(255 * f.verdict).round() for f in frames]).astype(np.uint8).tobytes(),
        **wishes,
    )


def picture(tape: Tape, positions: list[int] | None = None) -> Figure:
    """Some frames side by side, by default four from the first to the last, with everything in view."""
    _check_has_frames(tape)
    last = len(tape.frames) - 1
    positions = sorted({round(last * share) for share in (0, 0.1, 0.4, 1)}) if positions is None else positions
    fig, axes = plot.figure(1, len(positions), width=11, height=3.1 if tape.real.shape[1] == 1 else 3.4)
    axes = np.atleast_1d(axes)
    for ax, position in zip(axes, positions, strict=True):
        draw(ax, tape, position)
    for ax in axes[1:]:
        ax.set_ylabel("")
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=9)
    return fig


def draw(ax: Axes, tape: Tape, position: int) -> None:
    """One frame: D's verdict, the real and the fake points, and some of the arrows. Labelled, without a legend."""
    frame = tape.frames[position]
    low, high = tape.extent
    if tape.real.shape[1] == 1:
        bins = {"bins": 50, "range": (low, high), "density": True}
        ax.hist(plot.array(tape.real)[:, 0], color=plot.REAL, alpha=0.4, label="real", **bins)
        ax.hist(frame.fake[:, 0], color=plot.FAKE, histtype="step", linewidth=1.8, label="fake", **bins)
        xs = np.linspace(low, high, len(frame.verdict))
        ax.plot(xs, frame.verdict, color=plot.DIS, linestyle="--", label="D's probability of real")
        ax.set(xlim=(low, high), ylim=(-0.16, 1.05), xlabel="$x$", ylabel="density, probability")
        some = np.argsort(frame.fake[:, 0])[8::16]  # every 16th from left to right, in two rows below the axis
        points = np.stack([frame.fake[some, 0], np.where(np.arange(len(some)) % 2, -0.05, -0.11)], 1)
        pulls = np.stack([frame.arrows[some, 0], np.zeros(len(some))], 1)
    else:
        shade = {"origin": "lower", "extent": (low, high, low, high), "cmap": plot.VERDICT, "vmin": 0, "vmax": 1}
        ax.imshow(frame.verdict, alpha=0.6, **shade)
        plot.scatter(ax, tape.real, frame.fake, tape.extent)
        ax.legend().remove()
        points, pulls = frame.fake[::3], frame.arrows[::3]
    scale = _longest(tape) / (0.12 * (high - low))
    plot.arrows(ax, points, pulls, scale=scale, scale_units="x", label="arrow on a fake")
    ax.set_title(f"after turn {frame.turn}", fontsize=10)


def _longest(tape: Tape) -> float:
    """A long arrow of this tape: one in fifty is longer. All frames share the scale, so their arrows compare."""
    sizes = np.concatenate([np.linalg.norm(f.arrows, axis=1) for f in tape.frames])
    return float(np.quantile(sizes, 0.98)) or 1.0


def _check_has_frames(tape: Tape) -> None:
    if not tape.frames:
        raise ValueError("The tape is empty: call tape.add(turn, G, D) during the game.")
