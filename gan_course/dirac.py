"""The smallest GAN that there is, and every way to play it: the Dirac-GAN.

The data is one point, 0. The generator makes one point, theta. The discriminator is a line through the origin,
D(x) = psi * x, a raw logit. Two numbers learn, so that a whole game is one arrow field in a plane.
Mescheder, Geiger & Nowozin 2018, "Which Training Methods for GANs do actually Converge?", section 2. (There D is
high on fakes; here, as everywhere in the course, it is high on real data: their psi is our -psi.)

A point p = (theta, psi) is a float64 tensor of shape (..., 2). A *method* is a function

    method(v, h, now, before) -> next point

of the field v (a function of points), the learning rates h = (lr_g, lr_d), and the last two points; all points have
shape (..., 2). It may call v as often as it likes. One of your own drops in wherever ours fit.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor
from torch.autograd import grad

from . import plot
from .losses import Loss, minimax

Field = Callable[[Tensor], Tensor]
Method = Callable[[Field, Tensor, Tensor, Tensor], Tensor]

_G, _D = torch.eye(2, dtype=torch.float64)  # which player moves: theta is G's number, psi is D's


@dataclass(frozen=True)
class Dirac:
    """The one-parameter game, with the same values that `train` takes.

    loss: a `Loss` whose parts are means over samples; penalties: `[r1(0.5)]` and the like; noise: the standard
    deviation of instance noise, added to real and fake points alike (Sonderby et al. 2017; Arjovsky & Bottou 2017).
    D has no bias, so a loss whose real and fake targets are not symmetric about 0 (`least_squares`) gives D nothing
    to hold on to at the equilibrium.
    """

    loss: Loss = minimax
    penalties: tuple[Callable, ...] = ()
    noise: float = 0.0

    def __post_init__(self):
        if not 0 <= self.noise < math.inf:
            raise ValueError(f"noise is a standard deviation: give a number of zero or more, got {self.noise}.")

    def field(self, p: Tensor) -> Tensor:
        """Where each player's own loss falls fastest: v = (-dL_g/dtheta, -dL_d/dpsi), shape (..., 2)."""
        wanted = p.requires_grad  # then the caller differentiates v itself
        p = p if wanted else p.detach().requires_grad_()
        theta, psi = p.reshape(-1, 2, 1).unbind(1)  # (n, 1) each
        z_real, z_fake, weight = _nodes() if self.noise else _no_noise()
        x_real, x_fake = 0 * theta + self.noise * z_real, theta + self.noise * z_fake  # (n, nodes) points
        real, fake = (psi * x_real).view(-1, 1), (psi * x_fake).view(-1, 1)  # their logits
        # A loss is a mean over samples; times their number, its gradient holds each sample's own slope.
        slopes = grad(len(real) * self.loss.d(real, fake), (real, fake), create_graph=wanted, materialize_grads=True)
        (g_slope,) = grad(len(fake) * self.loss.g(real, fake), fake, create_graph=wanted)
        d_real, d_fake, g_fake = (s.view(x_fake.shape) for s in (*slopes, g_slope))
        to_theta = -(weight * g_fake * psi).sum(1, keepdim=True)  # chain rule: d(psi x_fake)/dtheta = psi
        to_psi = -(weight * (d_real * x_real + d_fake * x_fake)).sum(1, keepdim=True)
        for penalty in self.penalties:
            cost = len(psi) * penalty(lambda x: psi * x, torch.zeros_like(theta), theta)
            to_psi = to_psi - grad(cost, psi, create_graph=wanted)[0]
        v = torch.stack([to_theta, to_psi], dim=1).view(p.shape)
        return v if wanted else v.detach()

    def jacobian(self) -> Tensor:
        """J at the equilibrium (0, 0), shape (2, 2): close to it, v(p) = J p. Exact derivatives, not differences."""
        return torch.autograd.functional.jacobian(self.field, torch.zeros(2, dtype=torch.float64))

    def eigenvalues(self) -> Tensor:
        """Of J, shape (2,), complex: of the smooth flow p' = v(p), which a real part below zero makes converge."""
        return torch.linalg.eigvals(self.jacobian())


@cache
def _nodes(n: int = 24) -> tuple[Tensor, Tensor, Tensor]:
    """Gauss-Hermite nodes and weights for two independent standard normals: shape (n * n,) each.

    Two, because a relativistic loss couples a real and a fake. Exact for polynomials up to degree 2n - 1.
    """
    z, w = np.polynomial.hermite_e.hermegauss(n)
    z, w = torch.from_numpy(z), torch.from_numpy(w / w.sum())
    return z.repeat_interleave(n), z.repeat(n), torch.outer(w, w).flatten()


@cache
def _no_noise() -> tuple[Tensor, Tensor, Tensor]:
    zero = torch.zeros(1, dtype=torch.float64)
    return zero, zero, zero + 1


# ---- methods -------------------------------------------------------------------------------------------------------


def simultaneous(v: Field, h: Tensor, now: Tensor, before: Tensor) -> Tensor:
    """Both players step at once, each from what it saw last."""
    return now + h * v(now)


def alternating(v: Field, h: Tensor, now: Tensor, before: Tensor) -> Tensor:
    """D steps, then G steps against the new D: what `train` does."""
    now = now + h * _D * v(now)
    return now + h * _G * v(now)


def extragradient(v: Field, h: Tensor, now: Tensor, before: Tensor) -> Tensor:
    """Look one step ahead, then go from here with the gradient found there. Korpelevich 1976; for GANs: Gidel et al.
    2019, "A Variational Inequality Perspective on Generative Adversarial Networks"."""
    ahead = now + h * v(now)
    return now + h * v(ahead)


def optimistic(v: Field, h: Tensor, now: Tensor, before: Tensor) -> Tensor:
    """Guess the coming gradient from the last two. Daskalakis et al. 2018, "Training GANs with Optimism"."""
    return now + 2 * h * v(now) - h * v(before)


def momentum(beta: float) -> Method:
    """Alternating updates with heavy-ball momentum; beta may be negative. Gidel et al. 2019, "Negative Momentum for
    Improved Game Dynamics"."""

    def method(v: Field, h: Tensor, now: Tensor, before: Tensor) -> Tensor:
        drift = beta * (now - before)
        now = now + _D * (h * v(now) + drift)
        return now + _G * (h * v(now) + drift)

    return method


# ---- playing and measuring -----------------------------------------------------------------------------------------


def rates(lr_g: float, lr_d: float | None = None) -> Tensor:
    """h = (lr_g, lr_d); without lr_d both players learn at lr_g."""
    lr_d = lr_g if lr_d is None else lr_d
    if not (0 < lr_g < math.inf and 0 < lr_d < math.inf):
        raise ValueError(f"learning rates must be positive numbers, got lr_g={lr_g} and lr_d={lr_d}.")
    return torch.tensor([lr_g, lr_d], dtype=torch.float64)


def play(game: Dirac, method: Method, start, steps: int, lr_g: float = 0.2, lr_d: float | None = None) -> Tensor:
    """The path from `start` (two numbers, or points of shape (..., 2)): shape (steps + 1, ..., 2), float64."""
    h = rates(lr_g, lr_d)
    path = [torch.as_tensor(start, dtype=torch.float64)]
    if path[0].shape[-1:] != (2,):
        raise ValueError(f"start must be (theta, psi), or points of shape (..., 2); got shape {tuple(path[0].shape)}.")
    for _ in range(steps):
        point = method(game.field, h, path[-1], path[-2] if len(path) > 1 else path[-1])
        if not isinstance(point, Tensor) or point.shape != path[-1].shape:
            got = tuple(point.shape) if isinstance(point, Tensor) else repr(point)
            raise TypeError(f"a method must return the next point, a tensor like `now`; it returned {got}.")
        path.append(point)
    return torch.stack(path)


def radius(path: Tensor) -> Tensor:
    """Distance from the equilibrium, shape (...)."""
    return path.norm(dim=-1)


def rate(path: Tensor) -> float:
    """The factor by which the radius grows a step, measured on a path of shape (steps + 1, 2).

    The geometric mean of all one-step factors, with weights that fall to zero at both ends (a Kaiser window): on an
    oval orbit the factors swing within each turn, and a turn cut in half would otherwise leave its mark. A path of
    ten turns gives eight digits.
    """
    growth = radius(path).log().diff().numpy()
    return math.exp(np.average(growth, weights=np.kaiser(len(growth), 24)))


def spectrum(game: Dirac, method: Method, lr_g: float = 0.2, lr_d: float | None = None) -> Tensor:
    """Eigenvalues of one step of `method` close to the equilibrium, complex, shape (2,), or (4,) with memory.

    The largest modulus is the factor by which the radius grows a step. Any method that is linear in v will do: it
    is given the field v(p) = J p, and the unit vectors to move.
    """
    J, h, unit = game.jacobian(), rates(lr_g, lr_d), torch.eye(4, dtype=torch.float64)
    after = torch.stack([method(lambda p: p @ J.T, h, e[:2], e[2:]) for e in unit])  # row i: where e_i went
    if not after[2:].any():  # the point before plays no part
        return torch.linalg.eigvals(after[:2])
    return torch.linalg.eigvals(torch.cat([after, unit[:, :2]], dim=1))


# The largest eigenvalue's modulus in closed form, for an undamped game with J = [[0, s], [-s, 0]] and
# a = s * sqrt(lr_g * lr_d): the angle that one small step turns. Lesson 04 derives them for small a.
CLOSED_FORM: dict[Method, Callable[[float], float]] = {
    simultaneous: lambda a: math.sqrt(1 + a**2),
    alternating: lambda a: 1.0 if a <= 2 else a**2 / 2 - 1 + math.sqrt((a**2 / 2 - 1) ** 2 - 1),
    extragradient: lambda a: math.sqrt(1 - a**2 + a**4),
    optimistic: lambda a: (
        math.sqrt((1 + math.sqrt(1 - 4 * a**2)) / 2)
        if a <= 0.5
        else math.sqrt(1 + (2 * a + math.sqrt(4 * a**2 - 1)) ** 2) / 2
    ),
}


def r1_eigenvalues(weight: float, slope: float = 0.5) -> Tensor:
    """Of J with the penalty r1(weight), complex, shape (2,): -w/2 +- sqrt(w^2/4 - s^2), section 3 of the paper.

    slope: s = f'(0), how hard the players pull at the equilibrium: 1/2 for the cross-entropy losses.
    """
    root = torch.sqrt(torch.tensor(weight**2 / 4 - slope**2, dtype=torch.complex128))
    return torch.stack([-weight / 2 + root, -weight / 2 - root])


def portrait(ax: Axes, game: Dirac, paths: dict[str, Tensor] | None = None, extent: float = 2.0) -> None:
    """The arrow field on a square of half-width `extent`, and named paths over it, each from its dot."""
    side = torch.linspace(-extent, extent, 15, dtype=torch.float64)
    points = torch.stack(torch.meshgrid(side, side, indexing="xy"), -1).reshape(-1, 2)
    v = game.field(points)
    # An arrow as long as the root of its speed: drawn to scale, the slow centre would vanish.
    plot.arrows(ax, points, v / v.norm(dim=1, keepdim=True).clamp(min=1e-9).sqrt(), colour=plot.MUTED, alpha=0.6)
    colours = (plot.REAL, plot.GEN, plot.DIS, plot.THEORY, plot.FAKE)
    for (name, path), colour in zip((paths or {}).items(), colours, strict=False):
        ax.plot(path[:, 0], path[:, 1], color=colour, linewidth=1, label=name)
        ax.plot(*path[0], "o", color=colour)
    ax.plot(0, 0, "+", color="black", markersize=12)
    ax.set(xlim=(-extent, extent), ylim=(-extent, extent), aspect="equal")
    ax.set(xlabel=r"$\theta$ (generator)", ylabel=r"$\psi$ (discriminator)")
    if paths:
        ax.legend(loc="upper right")


def verdict(eigenvalues: Tensor) -> str:
    """What a step's eigenvalues say, in words."""
    size = eigenvalues.abs().max().item()
    if abs(size - 1) < 1e-9:
        return "circles: close to the centre the radius neither grows nor shrinks"
    name, verb = ("spirals out", "doubles") if size > 1 else ("converges", "halves")
    steps = math.log(2) / abs(math.log(size)) if size > 0 else 0
    how = f"{verb} every {round(steps)} steps" if round(steps) > 1 else f"{'grows' if size > 1 else 'shrinks'} fast"
    return f"{name}: close to the centre the radius {how} (x {size:.5f} a step)"
