"""The running average of a generator's weights: what a game shows and saves, while the weights themselves circle."""

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel


class Average(AveragedModel):
    """`module` is a copy of the network with averaged weights: decay * average + (1 - decay) * weights, after each
    update (Yazici et al. 2019, "The Unusual Effectiveness of Averaging in GAN Training"). Buffers are those of now.

    PyTorch's own update asks about devices and kinds of numbers each time, which costs more than the sums.
    """

    def __init__(self, net: nn.Module, decay: float):
        super().__init__(net)
        self._decay = decay

    @torch.no_grad()
    def update_parameters(self, net: nn.Module) -> None:
        share = 1 - self._decay if self.n_averaged else 1.0
        for mean, now in zip(self.module.parameters(), net.parameters(), strict=True):
            mean.lerp_(now, share)
        for kept, now in zip(self.module.buffers(), net.buffers(), strict=True):
            kept.copy_(now)
        self.n_averaged += 1
