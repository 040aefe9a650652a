"""Batch normalisation over the batches of several processes: each sees the mean and variance of all of their images.

On NVIDIA GPUs that is PyTorch's own `SyncBatchNorm`. It refuses a processor; there, this says the same in plain sums.
"""

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.modules.batchnorm import _BatchNorm

from .team import Team


def has_batch_norm(net: nn.Module) -> bool:
    return any(isinstance(layer, _BatchNorm) for layer in net.modules())


def share_batch_norm(net: nn.Module, team: Team) -> None:
    """Let each batch normalisation of a network look at the whole team's batch, in place. Weights and names stay."""
    for name, layer in list(net.named_children()):
        if not isinstance(layer, _BatchNorm):
            share_batch_norm(layer, team)
        elif next(net.parameters()).is_cuda:
            setattr(net, name, nn.SyncBatchNorm.convert_sync_batchnorm(layer))
        else:
            layer.__class__, layer.team = SharedBatchNorm, team


class SharedBatchNorm(_BatchNorm):
    """`nn.BatchNorm1d` to `3d`, with the moments over all processes: (n, channels, ...), where n may differ."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        dims, c = [d for d in range(x.dim()) if d != 1], x.shape[1]
        own = torch.cat([*torch.var_mean(x, dims, correction=0), x.new_tensor([x.numel() / c])])
        # Each process fills its row of a table, and the sum over the processes is the whole table.
        rows = [own if rank == self.team.rank else torch.zeros_like(own) for rank in range(self.team.size)]
        var, mean, n = _Sum.apply(torch.stack(rows), self.team).split([c, c, 1], 1)
        total = n.sum()
        centre = (n * mean).sum(0) / total
        spread = (n * (var + (mean - centre).square())).sum(0) / total
        self._keep(centre.detach(), spread.detach() * total / (total - 1))
        scale = (spread + self.eps).rsqrt()
        shift = -centre * scale
        if self.affine:
            scale, shift = scale * self.weight, shift * self.weight + self.bias
        scale, shift = (v.view(-1, *[1] * (x.dim() - 2)) for v in (scale, shift))
        return torch.addcmul(shift, x, scale)

    def _keep(self, mean: Tensor, var: Tensor) -> None:
        if not self.track_running_stats:
            return
        self.num_batches_tracked += 1
        share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, share), self.running_var.lerp_(var, share)

    def _check_input_dim(self, x: Tensor) -> None:
        """The layer that this one replaces would ask for its own number of dimensions; here all will do."""


class _Sum(torch.autograd.Function):
    """The sum over the processes. Its slope is the same sum, for each process's own numbers reach all of the losses."""

    @staticmethod
    def forward(ctx, x: Tensor, team: Team) -> Tensor:
        ctx.team = team
        return team.add(x.clone())

    @staticmethod
    @once_differentiable
    def backward(ctx, slope: Tensor):
        return ctx.team.add(slope.clone(memory_format=torch.contiguous_format)), None
