"""Tricks that soften the discriminator's task: noise on what it sees, and labels that are not quite sure.

Averaging G's weights is an argument of `train`; normalisation is part of a network.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from .losses import Loss


class InstanceNoise(nn.Module):
    """D, with normal noise of standard deviation `sd` added to all that it sees: points (n, ...) to logits (n, 1).

    In eval mode there is none. `sd` may be changed between turns, down to 0 at the end. Sonderby et al. 2017,
    "Amortised MAP Inference for Image Super-resolution"; Arjovsky & Bottou 2017, "Towards Principled Methods for
    Training Generative Adversarial Networks". The noise is drawn from torch's own stream, as dropout's is, and many
    games at once (`ensemble.py`) may not draw from it: there, give `Blurred` fakes and `blurred` batches to a plain D,
    which is the same game.
    """

    def __init__(self, D: nn.Module, sd: float):
        super().__init__()
        self.D, self.sd = D, _width(sd)

    def forward(self, x: Tensor, *cond: Tensor) -> Tensor:
        return self.D(x + self.sd * torch.randn_like(x) if self.training and self.sd else x, *cond)


class Blurred(nn.Module):
    """G, with normal noise of standard deviation `sd` added to what it makes, points (n, x_dim); none in eval mode.

    The noise is the last `x_dim` coordinates of z, so that it comes from the game's own seed.
    """

    def __init__(self, G: nn.Module, sd: float, x_dim: int = 2):
        super().__init__()
        self.G, self.sd, self.x_dim, self.z_dim = G, _width(sd), x_dim, G.z_dim + x_dim

    def forward(self, z: Tensor) -> Tensor:
        x = self.G(z[:, : -self.x_dim])
        return x + self.sd * z[:, -self.x_dim :] if self.training else x


def blurred(batches: Iterator[Tensor], sd: float, seed: int = 0) -> Iterator[Tensor]:
    """Batches of real points, each with fresh normal noise of standard deviation `sd`: the data's part of `Blurred`."""
    sd, rng = _width(sd), torch.Generator().manual_seed(seed)
    for x in batches:
        yield x + sd * torch.randn(x.shape, generator=rng).to(x)


def smooth(loss: Loss, target: float = 0.9) -> Loss:
    """The same game, but D shall answer `target` to real points in place of 1, and still 0 to fakes.

    One-sided label smoothing, for the cross-entropy losses (`minimax`, `non_saturating`): Salimans et al. 2016,
    "Improved Techniques for Training GANs". The best D becomes target * p / (p + q). Raises ValueError for a loss
    whose D is not a cross-entropy, and for a target outside of (0.5, 1].
    """
    if not 0.5 < target <= 1:
        raise ValueError(f"target is D's wanted answer to real points: above 0.5 and at most 1, got {target}.")
    real, fake = torch.linspace(-3, 3, 7).view(-1, 1), torch.linspace(2, -4, 7).view(-1, 1)
    if not torch.allclose(loss.d(real, fake), (softplus(-real) + softplus(fake)).mean()):
        raise ValueError(
            f"smooth needs a loss whose D answers with a probability (minimax, non_saturating): {loss.name!r} has none."
        )

    def d(real: Tensor, fake: Tensor) -> Tensor:
        # target * softplus(-r) + (1 - target) * softplus(r), because softplus(r) = softplus(-r) + r
        return loss.d(real, fake) + (1 - target) * real.mean()

    return Loss(d, loss.g, f"{loss.name}, real labels {target:g}")


def _width(sd: float) -> float:
    if not 0 <= sd < math.inf:
        raise ValueError(f"sd is a standard deviation: give a number of zero or more, got {sd}.")
    return sd
