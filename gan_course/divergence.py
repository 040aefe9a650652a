"""Kullback-Leibler, Jensen-Shannon and Wasserstein-1 between known densities, exact on a grid.

All in float64 on the processor. Divergences are in nats; Wasserstein-1 is in the units of x.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from .distribution import Toy

Density = Tensor | Callable[[Tensor], Tensor] | Toy


def kl(p: Density, q: Density, x: Tensor | float) -> float:
    """KL(p || q). `p`, `q`: toys, functions of points, or tensors of densities. `x`: a uniform grid.

    `x` holds points, (n,), (n, 1) or (n * n, 2), as `Toy.mesh` gives them; for two tensors, the size of
    one cell will do. Each density must sum to 1 on the grid within 1 %, and is then taken to be exactly 1,
    so that KL >= 0. It is inf where p has mass and q none. Toys are compared by their log densities, so
    that no tail underflows.
    """
    log_p, log_q = log_masses(p, q, x)
    return _expected(log_p, log_p - log_q)


def js(p: Density, q: Density, x: Tensor | float) -> float:
    """Jensen-Shannon divergence, from 0 to log 2 (no overlap). Arguments as for `kl`."""
    log_p, log_q = log_masses(p, q, x)
    log_mean = torch.logaddexp(log_p, log_q) - math.log(2)
    return (_expected(log_p, log_p - log_mean) + _expected(log_q, log_q - log_mean)) / 2


def wasserstein1(p: Density, q: Density, x: Tensor | float) -> float:
    """Wasserstein-1 distance on the line: the area between the two CDFs. Arguments as for `kl`, in 1-D."""
    x = torch.as_tensor(x)
    if x.ndim == 2 and x.shape[1] != 1:
        raise ValueError("wasserstein1 works on a line: give a 1-D grid of shape (n,) or (n, 1).")
    log_p, log_q = log_masses(p, q, x)
    return (log_p.exp() - log_q.exp()).cumsum(0)[:-1].abs().sum().item() * _cell(x)


def w1_samples(a: Tensor, b: Tensor) -> float:
    """Wasserstein-1 distance between two sets of numbers, n and m of them, of shape (n,) or (n, 1)."""
    a, b = (_sorted(name, s) for name, s in (("a", a), ("b", b)))
    both = torch.cat([a, b]).sort().values
    below = [torch.searchsorted(s, both[:-1], right=True).double() / len(s) for s in (a, b)]
    return ((below[0] - below[1]).abs() * both.diff()).sum().item()


def samples(name: str, x: Tensor) -> Tensor:
    """`x` as (n, d) in float64 on the processor; ValueError if it is empty, not finite or of another shape."""
    x = torch.as_tensor(x).detach().cpu().double()
    x = x[:, None] if x.ndim == 1 else x
    if x.ndim != 2 or len(x) == 0:
        raise ValueError(f"{name} must have shape (n, d) with at least one row, not {tuple(x.shape)}.")
    if not bool(x.isfinite().all()):
        raise ValueError(f"{name} holds a NaN or an infinity: the generator diverged, so no score has a meaning.")
    return x


def _sorted(name: str, x: Tensor) -> Tensor:
    x = samples(name, x)
    if x.shape[1] != 1:
        raise ValueError(f"w1_samples compares numbers: {name} must have shape (n,) or (n, 1).")
    return x.flatten().sort().values


def _expected(log_p: Tensor, values: Tensor) -> float:
    """The mean of `values` under p. A term with p = 0 is 0; an infinite value with any mass makes it inf."""
    here = log_p > -torch.inf
    log_p, values = log_p[here], values[here]
    return math.inf if bool(values.isinf().any()) else (log_p.exp() * values).sum().item()


def log_masses(p: Density, q: Density, x: Tensor | float) -> tuple[Tensor, Tensor]:
    """Natural logarithms of the mass of each cell of the grid under p and under q, (n,) each; the masses sum to 1.
    Arguments as for `kl`."""
    x = torch.as_tensor(x)
    logs = []
    for name, density in (("p", p), ("q", q)):
        log = _log_density(name, density, x) + math.log(_cell(x))
        mass = log.logsumexp(0)
        if not abs(mass.exp().item() - 1) < 0.01:
            raise ValueError(f"{name} sums to {mass.exp():.3g} on this grid, not 1: widen or refine the grid.")
        logs.append(log - mass)
    if logs[0].shape != logs[1].shape:
        raise ValueError(f"p has {len(logs[0])} values and q {len(logs[1])}: take both on the same grid.")
    return logs[0], logs[1]


def _log_density(name: str, density: Density, x: Tensor) -> Tensor:
    if not isinstance(density, Tensor) and x.ndim == 0:
        raise TypeError(f"{name} is a function, so x must be the grid's points, not the size of a cell.")
    if isinstance(density, Toy):
        return density.to("cpu").log_prob(x.detach().cpu().double())
    values = density if isinstance(density, Tensor) else density(x)
    values = values.detach().cpu().double().flatten()
    if not bool((values >= 0).all()) or not bool(values.isfinite().all()):
        raise ValueError(f"{name} must be finite and nowhere negative: give densities, not their logarithms.")
    return values.log()


def _cell(x: Tensor) -> float:
    if x.ndim == 0:
        return x.item()
    x = x.detach().cpu().double().reshape(len(x), -1)
    side = round(len(x) ** (1 / x.shape[1]))
    steps = (x.amax(0) - x.amin(0)) / max(side - 1, 1)
    if side ** x.shape[1] != len(x) or not bool((steps > 0).all()):
        raise ValueError("x must be the points of a uniform grid, (n,), (n, 1) or (n * n, 2): use Toy.mesh.")
    return steps.prod().item()
