"""The arrow field of the Dirac game, to play with: choose a method, drag the start, turn the rates.

Python computes (so that a method of the learner's own works too), `dirac_field.js` draws. While a path is being
computed, the front end holds back all but the newest wish, so that a fast drag never queues up work.
"""

import anywidget
import numpy as np
import torch
import traitlets
from matplotlib.figure import Figure
from torch import Tensor

from gan_course import dirac, plot
from gan_course.dirac import Dirac, Method
from gan_course.losses import Loss, minimax
from gan_course.penalties import r1
from gan_course.widgets.script import script

METHODS: dict[str, Method] = {
    "simultaneous": dirac.simultaneous,
    "alternating": dirac.alternating,
    "extragradient": dirac.extragradient,
    "optimistic": dirac.optimistic,
    "alternating, momentum +0.5": dirac.momentum(0.5),
    "alternating, momentum -0.5": dirac.momentum(-0.5),
}


class DiracField(anywidget.AnyWidget):
    """Made by `dirac_field`. The first five traits are the learner's; the others are what Python answers."""

    _esm = script("dirac_field.js")

    method = traitlets.Unicode().tag(sync=True)
    start = traitlets.List(traitlets.Float(), [1.0, 1.0], minlen=2, maxlen=2).tag(sync=True)
    lr_g = traitlets.Float(0.2).tag(sync=True)
    lr_d = traitlets.Float(0.2).tag(sync=True)
    gamma = traitlets.Float(0.0).tag(sync=True)

    names = traitlets.List(traitlets.Unicode()).tag(sync=True)
    extent = traitlets.Float(2.0).tag(sync=True)
    path = traitlets.Bytes().tag(sync=True)  # float32, (steps + 1, 2)
    arrows = traitlets.Bytes().tag(sync=True)  # float32, (n * n, 4): theta, psi, and the field there
    verdict = traitlets.Unicode().tag(sync=True)
    details = traitlets.Unicode().tag(sync=True)

    def __init__(self, methods: dict[str, Method], loss: Loss, steps: int, **wishes):
        self.methods, self.loss, self.steps = methods, loss, steps
        super().__init__(names=list(methods), **{"method": next(iter(methods)), **wishes})
        self._answer()
        self.observe(self._answer, ["method", "start", "lr_g", "lr_d", "gamma"])

    @traitlets.validate("start")
    def _inside(self, proposal) -> list[float]:
        return np.nan_to_num(np.clip(proposal["value"], -self.extent, self.extent)).tolist()

    @traitlets.validate("method")
    def _known(self, proposal) -> str:
        if proposal["value"] not in self.methods:
            raise traitlets.TraitError(f"method must be one of {', '.join(self.methods)}; got {proposal['value']!r}.")
        return proposal["value"]

    def game(self) -> Dirac:
        """The game as the sliders have it."""
        return Dirac(self.loss, (r1(self.gamma),) if self.gamma else ())

    def trajectory(self) -> Tensor:
        """The path that is shown, shape (steps + 1, 2)."""
        method = self.methods[self.method]
        return dirac.play(self.game(), method, self.start, self.steps, self.lr_g, self.lr_d)

    def _answer(self, change=None) -> None:
        game = self.game()
        side = torch.linspace(-0.93, 0.93, 13, dtype=torch.float64) * self.extent
        points = torch.cartesian_prod(side, side)
        arrows = torch.cat([points, game.field(points)], dim=1)
        path = torch.tensor([self.start], dtype=torch.float64)
        try:
            path = self.trajectory()
            z = dirac.spectrum(game, self.methods[self.method], self.lr_g, self.lr_d)
            verdict, details = dirac.verdict(z), _details(z, path)
        except Exception as error:  # a method of the learner's own may raise anything: say so where they look
            verdict, details = f"The method stopped: {type(error).__name__}: {error}", ""
        with self.hold_sync():  # one message, so that the picture and the words never disagree
            self.arrows, self.path = (_packed(x) for x in (arrows, path))
            self.verdict, self.details = verdict[0].upper() + verdict[1:] + ".", details


def _packed(x: Tensor) -> bytes:
    return x.clamp(-1e9, 1e9).numpy().astype(np.float32).tobytes()  # a path that flies out stays a float32


def _details(z: Tensor, path: Tensor) -> str:
    z = [v for v in z.tolist() if abs(v) > 1e-9]  # a method with memory has idle directions, too
    pairs = [f"{v.real:.3f} ± {v.imag:.3f}i" if v.imag > 5e-4 else f"{v.real:.3f}" for v in z if v.imag > -5e-4]
    sizes = dirac.radius(path)
    return (
        f"Eigenvalues of one step: {', '.join(pairs) or '0'}. "
        f"This path: radius {sizes[0]:.2f} at the start, {sizes[-1]:.3g} after {len(path) - 1} steps."
    )


def dirac_field(
    methods: dict[str, Method] | None = None, loss: Loss = minimax, steps: int = 250, **wishes
) -> DiracField:
    """The widget. methods: by name, yours among them (`{**METHODS, "mine": my_step}`); loss: any `Loss`;
    wishes: first values of method, start, lr_g, lr_d, gamma."""
    return DiracField(methods or METHODS, loss, steps, **wishes)


def picture(widget: DiracField) -> Figure:
    """What the widget shows now, as a figure: for viewers without a kernel."""
    fig, ax = plot.figure(width=5, height=4.6)
    dirac.portrait(ax, widget.game(), {widget.method: widget.trajectory()}, widget.extent)
    ax.set_title(widget.verdict.replace(": ", ":\n").replace(" (x", "\n(x"), fontsize=9)
    return fig
