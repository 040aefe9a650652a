"""Networks of one make as one: each weight of K networks lies in one tensor, the network first.

A product of K small matrices is one call (`baddbmm`) instead of K, and on small networks the calls are what costs.
What comes out is ordinary autograd: penalties may differentiate it twice.
"""

import copy
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call

# Layers that treat each number by itself: one more dimension in front changes nothing for them.
POINTWISE = (nn.Identity, nn.ReLU, nn.LeakyReLU, nn.ELU, nn.SELU, nn.GELU, nn.SiLU, nn.Softplus, nn.Tanh, nn.Sigmoid)


class Stack(nn.Module):
    """K networks of one make on K inputs: x (K, n, ...) gives (K, n, ...). `before` is 2: the dimensions K and n.

    Its parameters and buffers are those of the networks, stacked: (K, *shape). Raises ValueError for networks of
    different makes, and for layers that tie samples together or draw numbers of their own.
    """

    before = 2

    def __init__(self, nets: Sequence[nn.Module]):
        super().__init__()
        _check(nets)
        make = copy.deepcopy(nets[0])
        self._make = [make]  # in a list, so that its weights are not taken for ours
        for i, parts in enumerate(zip(*[[t for _, t in _state(net)] for net in nets], strict=True)):
            stacked = torch.stack([part.detach() for part in parts])
            if isinstance(parts[0], nn.Parameter):
                self.register_parameter(str(i), nn.Parameter(stacked, requires_grad=parts[0].requires_grad))
            else:
                self.register_buffer(str(i), stacked)
        place = {id(t): str(i) for i, (_, t) in enumerate(_state(make))}
        self._names = {name: place[id(t)] for name, t in _state(make)}
        self._chain = [(layer, {name: place[id(t)] for name, t in _state(layer)}) for layer in _layers(make)]
        # Spectral normalisation writes into its buffers in a way that cannot be batched: those run one by one.
        self.one_by_one = any(True for _ in make.buffers())

    def __len__(self) -> int:
        return len(getattr(self, "0"))

    def forward(self, x: Tensor, *cond: Tensor) -> Tensor:
        self._set_mode()
        if self.one_by_one:
            return torch.stack([self.one(k, x[k], *[c[k] for c in cond]) for k in range(len(self))])
        for layer, names in self._chain:
            x = _together(layer, {name: getattr(self, i) for name, i in names.items()}, x, *cond)
        return x

    def one(self, k: int, x: Tensor, *cond: Tensor) -> Tensor:
        """Network k alone, on x (n, ...). Gradients reach the stacked weights."""
        self._set_mode()
        return functional_call(
            self._make[0], {name: getattr(self, i)[k] for name, i in self._names.items()}, (x, *cond)
        )

    def _set_mode(self) -> None:
        if self._make[0].training != self.training:
            self._make[0].train(self.training)

    def view(self, k: int) -> nn.Module:
        """Network k as a module of its own that shares memory with the stack: what is written there is written here."""
        net = copy.deepcopy(self._make[0])
        for name, its in _state(net):
            its.data = getattr(self, self._names[name]).data[k]
        return net

    def take_over(self, k: int, net: nn.Module) -> None:
        """Make network k what its view has become, also where a weight's tensor was exchanged for another one."""
        for name, its in _state(net):
            mine = getattr(self, self._names[name]).data[k]
            if its.data_ptr() != mine.data_ptr():
                mine.copy_(its.data)
                its.data = mine

    def take(self, k: int) -> nn.Module:
        """A copy of network k."""
        net = self.view(k)
        for _, its in _state(net):
            its.data = its.data.clone()
        return net

    def keep(self, rows: Tensor) -> None:
        """Drop the networks that `rows` (an index tensor) does not name. Parameters stay the same objects."""
        for value in (*self.parameters(), *self.buffers()):
            value.data, value.grad = value.data[rows], None


def _layers(net: nn.Module) -> Iterator[nn.Module]:
    """The layers of a chain, each to be called once on what the last one gave; any other network as it is."""
    chain = isinstance(net, nn.Sequential) and type(net).forward is nn.Sequential.forward and not _hooked(net)
    if not chain:
        yield net
    else:
        for layer in net:
            yield from _layers(layer)


def _hooked(net: nn.Module) -> bool:
    return bool(net._forward_hooks or net._forward_pre_hooks)


def _together(layer: nn.Module, values: dict[str, Tensor], x: Tensor, *cond: Tensor) -> Tensor:
    """One layer of each network, with weights (K, ...), on x (K, n, ...)."""
    if type(layer) in POINTWISE:
        return layer(x)
    if type(layer) is nn.Linear and x.dim() == 3 and not _hooked(layer):
        weight = values["weight"].mT
        return torch.baddbmm(values["bias"].unsqueeze(1), x, weight) if "bias" in values else torch.bmm(x, weight)
    try:
        return torch.vmap(lambda own, *inputs: functional_call(layer, own, inputs))(values, x, *cond)
    except RuntimeError as error:
        if "random" not in str(error):
            raise
        raise ValueError(
            f"Many games at once cannot have {type(layer).__name__}, which draws numbers of its own: let the noise "
            "come with z or with the batches, or play the games one by one with train."
        ) from error


def _state(net: nn.Module) -> list[tuple[str, Tensor]]:
    return [*net.named_parameters(), *net.named_buffers()]


def _check(nets: Sequence[nn.Module]) -> None:
    # A network's text has each layer with its settings, such as an activation's slope; shapes alone do not tell.
    makes = [
        (type(net), str(net), [(name, t.shape, t.dtype, t.requires_grad) for name, t in _state(net)]) for net in nets
    ]
    if any(make != makes[0] for make in makes):
        raise ValueError(
            "These networks are not of one make: the function that makes them must build the same layers each time."
        )
    for m in nets[0].modules():
        if isinstance(m, nn.modules.batchnorm._BatchNorm | nn.modules.dropout._DropoutNd):
            raise ValueError(
                f"Many games at once cannot have {type(m).__name__}, which ties samples together or draws numbers of "
                "its own: take it out, use GroupNorm or LayerNorm, or play the games one by one with train."
            )
