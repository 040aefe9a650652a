"""Stacked networks: each gives what it gives alone, with its gradients and its second derivatives."""

import copy

import pytest
import torch
from torch import nn
from torch.func import functional_call

import gan_course as gc
from gan_course.nets import conv, mlp
from gan_course.stack import Stack


@pytest.fixture(autouse=True)
def double():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


class Own(nn.Module):
    """Not a chain, and with a second input."""

    def __init__(self):
        super().__init__()
        self.body, self.gain = nn.Linear(5, 4), nn.Parameter(torch.randn(()))

    def forward(self, x, y):
        return self.gain * self.body(torch.cat([x, y], -1)).tanh()


def tied():
    """The same layer twice: its weights stand in the state once."""
    layer = nn.Linear(3, 3)
    return nn.Sequential(layer, nn.Tanh(), layer, nn.Linear(3, 1, bias=False))


def hooked():
    """A chain with a layer that something was hung upon: not to be passed over."""
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    net[2].register_forward_hook(lambda module, inputs, output: 2 * output)
    return net


def nested():
    inner = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.SiLU())
    return nn.Sequential(inner, nn.Sequential(nn.Linear(4, 4), nn.GELU()), nn.Linear(4, 1))


def many_axes():
    """A linear layer on more than one axis of samples."""
    return nn.Sequential(nn.Unflatten(1, (3, 2)), nn.Linear(2, 5), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(15, 1))


class Doubled(nn.Module):
    def forward(self, weight):
        return 2 * weight


def parametrized():
    layer = nn.utils.parametrize.register_parametrization(nn.Linear(3, 4), "weight", Doubled())
    return nn.Sequential(layer, nn.Softplus(), nn.Linear(4, 1))


MAKES = {
    "mlp": (lambda: mlp.discriminator(2, (8, 8)), (2,)),
    "coins": (lambda: mlp.generator(2, 4, (8,), coins=2), (4,)),
    "one layer": (lambda: nn.Sequential(nn.Linear(2, 1)), (2,)),
    "hooked": (hooked, (3,)),
    "nested": (nested, (3,)),
    "many axes": (many_axes, (6,)),
    "parametrized": (parametrized, (3,)),
    "images": (lambda: conv.discriminator(8, 1, 4), (1, 8, 8)),
    "spectral norm": (lambda: gc.spectral_norm(mlp.discriminator(2, (6,))), (2,)),
}


def nets_and_stack(make, k=3):
    torch.manual_seed(0)
    nets = [make() for _ in range(k)]
    return nets, Stack(copy.deepcopy(nets))


@pytest.mark.parametrize("name", MAKES)
def test_each_network_gives_what_it_gives_alone(name):
    make, shape = MAKES[name]
    nets, stack = nets_and_stack(make)
    x = torch.randn(3, 7, *shape)
    for _ in range(2):  # twice, for spectral normalisation moves on
        torch.testing.assert_close(stack(x), torch.stack([net(part) for net, part in zip(nets, x, strict=True)]))
    for k in range(3):
        assert [n for n, _ in stack.take(k).named_parameters()] == [n for n, _ in nets[k].named_parameters()]
        torch.testing.assert_close(stack.take(k).eval()(x[k]), nets[k].eval()(x[k]))
        torch.testing.assert_close(stack.eval().one(k, x[k]), nets[k](x[k]))


@pytest.mark.parametrize("name", [name for name in MAKES if name != "coins"])  # whose signs have no slope
def test_gradients_of_slopes(name):
    """What a penalty needs: the gradient of a squared slope, at the weights of each network."""
    make, shape = MAKES[name]
    nets, stack = nets_and_stack(make)
    x = torch.randn(3, 7, *shape).requires_grad_()
    (slope,) = torch.autograd.grad(stack(x).square().sum(), x, create_graph=True)
    slope.square().sum().backward(inputs=list(stack.parameters()))
    for k, net in enumerate(nets):
        own = x[k].detach().requires_grad_()
        (alone,) = torch.autograd.grad(net(own).square().sum(), own, create_graph=True)
        torch.testing.assert_close(slope[k], alone)
        for mine, its in zip(
            stack.parameters(), torch.autograd.grad(alone.square().sum(), list(net.parameters())), strict=True
        ):
            torch.testing.assert_close(mine.grad[k], its)


def test_a_layer_may_stand_in_a_chain_twice():
    nets, stack = nets_and_stack(tied)
    x = torch.randn(3, 5, 3)
    torch.testing.assert_close(stack(x), torch.stack([net(part) for net, part in zip(nets, x, strict=True)]))
    torch.testing.assert_close(stack.take(2)(x[2]), nets[2](x[2]))


def test_conditions():
    nets, stack = nets_and_stack(Own)
    x, y = torch.randn(3, 6, 3), torch.randn(3, 6, 2)
    torch.testing.assert_close(stack(x, y), torch.stack([net(*xy) for net, *xy in zip(nets, x, y, strict=True)]))
    torch.testing.assert_close(stack.one(1, x[1], y[1]), nets[1](x[1], y[1]))


def test_views_share_memory_and_copies_do_not():
    _, stack = nets_and_stack(lambda: mlp.generator(2, 3, (4,)))
    view, taken = stack.view(1), stack.take(1)
    assert isinstance(view, mlp.Generator) and view.z_dim == 3
    with torch.no_grad():
        view[0].weight.fill_(7)
    values = dict(stack.named_parameters())["0"]
    assert (values[1] == 7).all() and not (values[0] == 7).any() and not (taken[0].weight == 7).any()
    view[0].weight.data = torch.full_like(view[0].weight, 8)  # exchanged, not changed: the stack does not know
    stack.take_over(1, view)
    assert (values[1] == 8).all() and not (values[2] == 8).any()
    with torch.no_grad():
        view[0].weight.fill_(9)  # and it shares memory again
    assert (values[1] == 9).all()


def test_keep_drops_the_others():
    nets, stack = nets_and_stack(lambda: mlp.discriminator(2, (4,)), k=4)
    held, x = list(stack.parameters()), torch.randn(2, 5, 2)
    stack.keep(torch.tensor([3, 1]))
    assert len(stack) == 2 and all(a is b for a, b in zip(held, stack.parameters(), strict=True))
    torch.testing.assert_close(stack(x), torch.stack([nets[3](x[0]), nets[1](x[1])]))


def test_a_stack_can_be_copied_and_called_with_other_weights():
    """Averaging copies it; unrolling calls it with weights that are functions of others."""
    nets, stack = nets_and_stack(lambda: mlp.discriminator(2, (4,)))
    twin, x = copy.deepcopy(stack), torch.randn(3, 5, 2)
    with torch.no_grad():
        for p in stack.parameters():
            p.zero_()
    expected = torch.stack([net(part) for net, part in zip(nets, x, strict=True)])
    torch.testing.assert_close(twin(x), expected)
    torch.testing.assert_close(functional_call(stack, dict(twin.named_parameters()), (x,)), expected)


def test_its_mode_is_its_networks_mode():
    class Loud(nn.Linear):
        def forward(self, x):
            return super().forward(x) + (100 if self.training else 0)

    _, stack = nets_and_stack(lambda: nn.Sequential(Loud(2, 1)))
    x = torch.zeros(3, 1, 2)
    assert stack(x).min() > 50 and stack.eval()(x).max() < 50 and stack.train()(x).min() > 50


@pytest.mark.parametrize(
    ("nets", "says"),
    [
        ([nn.Linear(2, 3), nn.Linear(3, 2)], "must build the same layers each time"),
        ([nn.Linear(2, 3, dtype=kind) for kind in (torch.float32, torch.float64)], "not of one make"),
        ([nn.Sequential(nn.Linear(2, 2), unit) for unit in (nn.ReLU(), nn.Tanh())], "not of one make"),
        ([nn.Sequential(nn.Linear(2, 2), nn.LeakyReLU(s)) for s in (0.1, 0.2)], "not of one make"),
        ([nn.Linear(2, 3).requires_grad_(learns) for learns in (True, False)], "not of one make"),
        ([nn.BatchNorm2d(3)], "BatchNorm2d.*GroupNorm"),
        ([nn.Sequential(nn.Dropout1d())], "Dropout1d.*one by one with train"),
    ],
)
def test_refused(nets, says):
    with pytest.raises(ValueError, match=says):
        Stack(nets)


def test_a_layer_that_draws_is_refused_when_it_draws():
    class Blur(nn.Module):
        def forward(self, x):
            return x + torch.randn_like(x) if self.training else x

    _, stack = nets_and_stack(lambda: nn.Sequential(nn.Linear(2, 2), Blur()))
    with pytest.raises(ValueError, match="Blur, which draws numbers of its own"):
        stack(torch.zeros(3, 4, 2))
    assert stack.eval()(torch.zeros(3, 4, 2)).shape == (3, 4, 2)
    with pytest.raises(RuntimeError, match="size"):  # any other mistake keeps its own words
        stack(torch.zeros(3, 4, 5))
