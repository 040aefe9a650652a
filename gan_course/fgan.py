"""f-GAN: any f-divergence as a game. Nowozin, Cseke & Tomioka 2016, "f-GAN: Training Generative Neural Samplers using
Variational Divergence Minimization".

For a convex f with f(1) = 0 the divergence of the data p and the fakes q is

    D_f(p || q) = E_q[f(p/q)] >= E_p[T] - E_q[f*(T)]        with f*(t) = max over u of u t - f(u),

for every function T with values in the domain of f*, and with equality at T = f'(p/q). D gives a raw output v, and
T = activation(v) brings it into that domain. Each divergence here is a `Loss` of raw outputs, so it drops into `train`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import softplus

from .divergence import Density, log_masses
from .losses import Loss

Function = Callable[[Tensor], Tensor]  # elementwise: any shape to the same shape


@dataclass(frozen=True, kw_only=True)
class FDivergence(Loss):
    """The game of one f-divergence, `Loss` and more. All functions are elementwise.

    d is minus the bound; g is the paper's section 3.2: G raises T on its fakes, as the non-saturating loss does, in
    place of lowering the bound itself, which is `lowering`.

    f(u):          convex, of the ratio u = p/q > 0, with f(1) = 0.
    activation(v): T from D's raw output, strictly increasing, into the domain of f*.
    conjugate(t):  f*(t).
    price(v):      f*(activation(v)) in one piece: the two in a row may overflow or take the log of a rounded 0.
    best(l):       the raw output at which T = f'(u), from the log ratio l = log u.
    """

    f: Function
    activation: Function
    conjugate: Function
    price: Function
    best: Function

    def bound(self, real: Tensor, fake: Tensor) -> Tensor:
        """E_p[T] - E_q[f*(T)], one number, from raw outputs (n, 1) and (m, 1): never above the divergence, but for
        the chance in the samples."""
        return self.activation(real).mean() - self.price(fake).mean()

    @property
    def lowering(self) -> Loss:
        """The same game, but for G, which lowers the bound: the min-max game that the theory is about."""
        return Loss(self.d, lambda real, fake: -self.price(fake).mean(), f"{self.name}, lowering the bound")

    def exact(self, p: Density, q: Density, x: Tensor | float) -> float:
        """D_f(p || q) as an integral on a grid; p, q and x as in `divergence.kl`.

        Raises ValueError where p / q is too large or too small for a float64.
        """
        log_p, log_q = log_masses(p, q, x)
        somewhere = (log_p > -torch.inf) | (log_q > -torch.inf)
        log_p, log_q = log_p[somewhere], log_q[somewhere]
        total = (log_q.exp() * self.f((log_p - log_q).exp())).sum().item()
        if not math.isfinite(total):
            raise ValueError(
                f"{self.name}: somewhere on this grid p / q is too large or too small for a number; take a narrower "
                "grid, or densities that overlap everywhere."
            )
        return total


def _divergence(name: str, f: Function, activation: Function, conjugate: Function, price: Function, best: Function):
    return FDivergence(
        d=lambda real, fake: price(fake).mean() - activation(real).mean(),
        g=lambda real, fake: -activation(fake).mean(),
        name=name, f=f, activation=activation, conjugate=conjugate, price=price, best=best,
    )  # fmt: skip


# Tables 1, 2 and 6 of the paper. `price` and `best` are worked out from them; the tests compare.
kl = _divergence(
    "KL",
    f=lambda u: torch.xlogy(u, u),
    activation=lambda v: v,
    conjugate=lambda t: torch.exp(t - 1),
    price=lambda v: torch.exp(v - 1),
    best=lambda log_u: 1 + log_u,
)
reverse_kl = _divergence(
    "reverse KL",
    f=lambda u: -torch.log(u),
    activation=lambda v: -torch.exp(-v),
    conjugate=lambda t: -1 - torch.log(-t),
    price=lambda v: v - 1,
    best=lambda log_u: log_u,
)
pearson = _divergence(
    "Pearson chi-squared",
    f=lambda u: (u - 1).square(),
    activation=lambda v: v,
    conjugate=lambda t: t.square() / 4 + t,
    price=lambda v: v.square() / 4 + v,
    best=lambda log_u: 2 * torch.expm1(log_u),
)
squared_hellinger = _divergence(
    "squared Hellinger",
    f=lambda u: (u.sqrt() - 1).square(),
    activation=lambda v: -torch.expm1(-v),
    conjugate=lambda t: t / (1 - t),
    price=torch.expm1,
    best=lambda log_u: log_u / 2,
)
# Twice the JS of `divergence.js`, as in the paper. Its d is the cross-entropy less log 4, its g the non-saturating loss
# less log 2, and `lowering` the minimax game.
jensen_shannon = _divergence(
    "Jensen-Shannon",
    f=lambda u: torch.xlogy(u, u) - (1 + u) * torch.log((1 + u) / 2),
    activation=lambda v: math.log(2) - softplus(-v),
    conjugate=lambda t: -torch.log(2 - torch.exp(t)),
    price=lambda v: softplus(v) - math.log(2),
    best=lambda log_u: log_u,
)
