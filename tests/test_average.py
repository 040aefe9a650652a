"""The running average against PyTorch's own, which it replaces."""

import copy

import pytest
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from gan_course.average import Average
from gan_course.nets import conv


@pytest.mark.parametrize("decay", [0.2, 0.5, 0.999])
def test_it_is_pytorchs_exponential_average(decay):
    """Weights, and the statistics of a batch normalisation, of which one is a whole number."""
    torch.manual_seed(0)
    net = conv.generator(8, width=4)
    ours, theirs = Average(net, decay), AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(decay))
    for _ in range(5):
        with torch.no_grad():
            for p in net.parameters():
                p.add_(torch.randn_like(p))
        net(torch.randn(4, net.z_dim))
        ours.update_parameters(net)
        theirs.update_parameters(net)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for a, b in zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b)
    assert not any(torch.equal(a, b) for a, b in zip(ours.module.parameters(), net.parameters(), strict=True))


def test_a_state_goes_on_where_it_was_taken():
    torch.manual_seed(0)
    nets = [torch.nn.Linear(2, 2) for _ in range(4)]
    through, first = Average(nets[0], 0.9), Average(nets[0], 0.9)
    for net in nets:
        through.update_parameters(net)
    for net in nets[:2]:
        first.update_parameters(net)
    second = Average(nets[3], 0.9)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    for net in nets[2:]:
        second.update_parameters(net)
    assert torch.equal(through.module.weight, second.module.weight)
