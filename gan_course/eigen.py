"""The arrow field of two real networks, and its eigenvalues: what lesson 04 does with two numbers, for hundreds.

All weights of both players are one point, G's first. The *field* says where each player's own loss falls fastest, for
one fixed set of real points and of noise. Close to a rest point the field is J times the way from it, and one step of
gradient descent with rate h multiplies the way by I + hJ. Mescheder, Nowozin & Geiger 2017, "The Numerics of GANs";
Nagarajan & Kolter 2017, "Gradient descent GAN optimization is locally stable".

J sees one point only. Where a unit has a kink (ReLU), it misses what happens when a sample crosses it: take smooth
units (tanh) where the numbers matter.
"""

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.autograd import grad

from .losses import Loss

MOST_WEIGHTS = 3000  # J then has nine million entries, and its eigenvalues take a minute


def field(
    G: nn.Module, D: nn.Module, loss: Loss, real: Tensor, z: Tensor, penalties: tuple[Callable, ...] = ()
) -> Tensor:
    """v = (-dL_G/d(G's weights), -dL_D/d(D's weights)), shape (P,), float64: both players look at the same moment.

    real: (n, x_dim); z: (n, z_dim). Penalties are added to D's loss, as in `train`. The networks are left alone.
    """
    return _field(*_doubles(G, D, real, z), loss, penalties)[0].detach()


def jacobian(
    G: nn.Module, D: nn.Module, loss: Loss, real: Tensor, z: Tensor, penalties: tuple[Callable, ...] = ()
) -> Tensor:
    """J = dv/d(weights), shape (P, P), float64; row i is how v_i changes. The arguments of `field`.

    By automatic differentiation, so without rounding to speak of. Raises ValueError above 3000 weights.
    """
    v, weights = _field(*_doubles(G, D, real, z), loss, penalties)
    if len(v) > MOST_WEIGHTS:
        raise ValueError(f"{len(v)} weights would give a matrix of {len(v)} x {len(v)}: use networks of at most 3000.")
    rows = [grad(v_i, weights, retain_graph=True, materialize_grads=True) for v_i in v]
    return torch.stack([torch.cat([part.flatten() for part in row]) for row in rows])


def eigenvalues(
    G: nn.Module, D: nn.Module, loss: Loss, real: Tensor, z: Tensor, penalties: tuple[Callable, ...] = ()
) -> Tensor:
    """Of J, complex, shape (P,), the largest real part first: above 0, the smooth flow leaves the rest point."""
    found = torch.linalg.eigvals(jacobian(G, D, loss, real, z, penalties))
    return found[found.real.argsort(descending=True)]


def turn(J: Tensor, g_weights: int, lr_g: float, lr_d: float) -> Tensor:
    """One alternating turn of plain gradient descent, D first, near the rest point: (P, P).

    Its eigenvalue of largest modulus is the factor by which the way from the rest point grows a turn.
    """
    eye, mine = torch.eye(len(J), dtype=J.dtype), (torch.arange(len(J)) < g_weights).to(J.dtype)[:, None]
    return (eye + lr_g * mine * J) @ (eye + lr_d * (1 - mine) * J)


def _doubles(G: nn.Module, D: nn.Module, real: Tensor, z: Tensor):
    return copy.deepcopy(G).cpu().double(), copy.deepcopy(D).cpu().double(), real.cpu().double(), z.cpu().double()


def _field(G, D, real, z, loss, penalties) -> tuple[Tensor, list[nn.Parameter]]:
    """v, with its graph, and the weights that it is of."""
    own_g, own_d = ([p for p in net.parameters() if p.requires_grad] for net in (G, D))
    fake = G(z)
    r, f = D(real), D(fake)
    d_loss = loss.d(r, f) + sum(penalty(D, real, fake) for penalty in penalties)
    slopes = [
        *grad(loss.g(r, f), own_g, create_graph=True, materialize_grads=True),
        *grad(d_loss, own_d, create_graph=True, materialize_grads=True),
    ]
    return -torch.cat([slope.flatten() for slope in slopes]), [*own_g, *own_d]
