"""Networks of one make as one: each weight of K networks lies in one tensor, the network first.

A product of K small matrices is one call (`bmm`) instead of K, and on small networks the calls are what costs. What
comes out is ordinary autograd: penalties may differentiate it twice.
"""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call


class Stack(nn.Module):
    """K networks of one make on K inputs: x (K, n, ...) gives (K, n, ...). `before` is 2: the dimensions K and n.

    Its parameters and buffers are those of the networks, stacked: (K, *shape). Raises ValueError for networks of
    different makes, and for layers that tie samples together or draw numbers of their own.
    """

    before = 2

    def __init__(self, nets: Sequence[nn.Module]):
        super().__init__()
        _check(nets)
        self._make = [copy.deepcopy(nets[0])]  # in a list, so that its weights are not taken for ours
        self._names = [name for name, _ in _state(nets[0])]
        for i, parts in enumerate(zip(*[[t for _, t in _state(net)] for net in nets], strict=True)):
            stacked = torch.stack([part.detach() for part in parts])
            if isinstance(parts[0], nn.Parameter):
                self.register_parameter(str(i), nn.Parameter(stacked, requires_grad=parts[0].requires_grad))
            else:
                self.register_buffer(str(i), stacked)
        # Spectral normalisation writes into its buffers in a way that cannot be batched: those run one by one.
        self._together = not any(True for _ in self.buffers())

    def __len__(self) -> int:
        return len(getattr(self, "0"))

    def _values(self) -> list[Tensor]:
        return [getattr(self, str(i)) for i in range(len(self._names))]

    def forward(self, x: Tensor, *cond: Tensor) -> Tensor:
        if self._together:
            return torch.vmap(self._call)(self._values(), x, *cond)
        return torch.stack([self.one(k, x[k], *[c[k] for c in cond]) for k in range(len(self))])

    def one(self, k: int, x: Tensor, *cond: Tensor) -> Tensor:
        """Network k alone, on x (n, ...). Gradients reach the stacked weights."""
        return self._call([value[k] for value in self._values()], x, *cond)

    def _call(self, values: list[Tensor], x: Tensor, *cond: Tensor) -> Tensor:
        make = self._make[0]
        if make.training != self.training:
            make.train(self.training)
        return functional_call(make, dict(zip(self._names, values, strict=True)), (x, *cond))

    def view(self, k: int) -> nn.Module:
        """Network k as a module of its own that shares memory with the stack: what is written there is written here."""
        net = copy.deepcopy(self._make[0])
        for (_, its), mine in zip(_state(net), self._values(), strict=True):
            its.data = mine.data[k]
        return net

    def take(self, k: int) -> nn.Module:
        """A copy of network k."""
        net = self.view(k)
        for _, its in _state(net):
            its.data = its.data.clone()
        return net

    def keep(self, rows: Tensor) -> None:
        """Drop the networks that `rows` (an index tensor) does not name. Parameters stay the same objects."""
        for value in self._values():
            value.data, value.grad = value.data[rows], None


def _state(net: nn.Module) -> list[tuple[str, Tensor]]:
    return [*net.named_parameters(), *net.named_buffers()]


def _check(nets: Sequence[nn.Module]) -> None:
    shapes = [[(name, t.shape) for name, t in _state(net)] for net in nets]
    if any(type(net) is not type(nets[0]) or s != shapes[0] for net, s in zip(nets, shapes, strict=True)):
        raise ValueError(
            "These networks are not of one make: the function that makes them must build the same layers each time."
        )
    for m in nets[0].modules():
        if isinstance(m, nn.modules.batchnorm._BatchNorm | nn.modules.dropout._DropoutNd):
            raise ValueError(
                f"Many games at once cannot have {type(m).__name__}, which ties samples together or draws numbers of "
                "its own: take it out, use GroupNorm or LayerNorm, or play the games one by one with train."
            )
