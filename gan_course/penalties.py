"""What holds a discriminator back: penalties on its slope, a bound on its weights, a bound on its layers.

They have three proper places. A *penalty* is added to D's loss: `train(..., penalties=[r1(1.0)])`. *Clipping* comes
after each of D's updates: `train(..., constrain=clip_weights(0.01))`. *Spectral normalisation* is part of the
network: `D = spectral_norm(discriminator())`.

A penalty is a function `(D, real, fake, *cond)` that gives one number. Every norm here is squared before the mean,
or kept off zero: the derivative of a square root at zero is infinite, and one such point turns a run into NaN.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize


@dataclass(frozen=True, eq=False)  # equal if the same: of tensors, `==` would give many answers
class Penalty:
    """`weight` times the mean over samples of `term(D, real, fake, *cond)`, which gives one number a sample, (n,).

    A value, so that many games at once (`ensemble.py`) can share one term and differ in weight: `weight` is then a
    tensor (games,), D's inputs have a dimension for the games before that for the samples, and so has the result.
    A function of yours that gives one number, with the same arguments, drops in wherever ours fit.
    """

    weight: float | Tensor
    term: Callable

    def __call__(self, D: Callable, real: Tensor, fake: Tensor, *cond: Tensor) -> Tensor:
        return self.weight * self.term(D, real, fake, *cond).mean(-1)


def _squared_slope(D: Callable, x: Tensor, *cond: Tensor) -> Tensor:
    """|dD/dx|^2 at each point of x: shape (n,). Differentiable, so that D can learn from it."""
    if not x.requires_grad:
        x = x.detach().requires_grad_()
    (slope,) = torch.autograd.grad(D(x, *cond).sum(), x, create_graph=True)
    return slope.flatten(_before(D)).square().sum(-1)


def _before(D: Callable) -> int:
    """How many dimensions come before those of one sample: the samples' own, and in an ensemble the games'."""
    return getattr(D, "before", 1)


def _check_weight(name: str, weight: float) -> None:
    if not 0 <= weight < float("inf"):
        raise ValueError(f"{name} needs a weight of zero or more, got {weight}.")


def _at_real(D, real, fake, *cond):
    return _squared_slope(D, real, *cond)


def _at_fake(D, real, fake, *cond):
    return _squared_slope(D, fake, *cond)


def _between(D, real, fake, *cond):
    before = real.shape[: _before(D)]
    n, sample = before[-1], [1] * (real.dim() - len(before))
    like = {"device": real.device, "dtype": real.dtype}
    rng = getattr(D, "rng", None)  # a game's D brings its own, an ensemble's one for each game
    if uniform := getattr(D, "uniform", None):  # in a part of a batch (`parts.py`): its rows of the whole's
        t = uniform(n, *sample, **like)
    elif isinstance(rng, list):
        t = torch.stack([torch.rand(n, *sample, generator=one, **like) for one in rng])
    else:
        t = torch.rand(*before, *sample, generator=rng, **like)
    points = torch.lerp(real.detach(), fake.detach(), t)
    # A norm kept off zero: the derivative of a square root at zero is infinite.
    return ((_squared_slope(D, points, *cond) + 1e-12).sqrt() - 1).square()


def r1(weight: float) -> Penalty:
    """weight/2 * mean |dD/dx|^2 at real points. Mescheder et al. 2018, "Which Training Methods for GANs do actually
    Converge?", equation 9."""
    _check_weight("r1", weight)
    return Penalty(weight / 2, _at_real)


def r2(weight: float) -> Penalty:
    """weight/2 * mean |dD/dx|^2 at fake points. The same paper, equation 10."""
    _check_weight("r2", weight)
    return Penalty(weight / 2, _at_fake)


def gradient_penalty(weight: float) -> Penalty:
    """weight * mean (|dD/dx| - 1)^2 at random points between pairs of a real and a fake. Gulrajani et al. 2017,
    "Improved Training of Wasserstein GANs", equation 3 (the paper's weight is 10). The random points come from the
    game's own seed within a game, and from torch's stream elsewhere."""
    _check_weight("gradient_penalty", weight)
    return Penalty(weight, _between)


def clip_weights(c: float) -> Callable[[nn.Module], None]:
    """Clamp each weight of D to [-c, c] after its update. Arjovsky et al. 2017, Algorithm 1 (the paper's c is 0.01);
    its authors call it "a clearly terrible way to enforce a Lipschitz constraint"."""
    if not 0 < c < float("inf"):
        raise ValueError(f"clip_weights needs a bound above zero, got {c}.")

    @torch.no_grad()
    def constrain(D: nn.Module) -> None:
        for p in D.parameters():
            p.clamp_(-c, c)

    return constrain


def spectral_norm(D: nn.Module) -> nn.Module:
    """Divide the weight of each linear and convolution layer by its largest singular value (power iteration), in
    place; gives D back. Miyato et al. 2018, "Spectral Normalization for Generative Adversarial Networks"."""
    layers = [m for m in D.modules() if isinstance(m, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d))]
    layers = [m for m in layers if not parametrize.is_parametrized(m)]  # a second call changes nothing
    for layer in layers:
        parametrizations.spectral_norm(layer)
    return D
