"""The course's Adam against PyTorch's, to the bit."""

import copy

import torch

from gan_course.adam import Adam
from gan_course.nets import mlp


def pair():
    torch.manual_seed(0)
    net = mlp.discriminator(hidden=(8,))
    twin = copy.deepcopy(net)
    return net, twin, Adam(net.parameters(), 1e-2), torch.optim.Adam(twin.parameters(), 1e-2, (0.0, 0.99), fused=True)


def give_gradients(net, twin, but=None):
    for i, (p, q) in enumerate(zip(net.parameters(), twin.parameters(), strict=True)):
        p.grad = None if i == but else torch.randn_like(p)
        q.grad = None if i == but else p.grad.clone()


def assert_equal(net, twin):
    assert all(torch.equal(p, q) for p, q in zip(net.parameters(), twin.parameters(), strict=True))


def test_it_is_pytorchs_adam_to_the_bit():
    net, twin, ours, theirs = pair()
    for turn in range(6):
        if turn == 3:  # a schedule, and momentum switched on in the middle
            for opt in (ours, theirs):
                opt.param_groups[0] |= {"lr": 0.03, "betas": (0.5, 0.9), "weight_decay": 0.1}
        give_gradients(net, twin, but=turn)  # a weight without a gradient stays, and its count of steps too
        before = [p.detach().clone() for p in net.parameters()]
        ours.step()
        theirs.step()
        assert_equal(net, twin)
        assert sum(torch.equal(a, b) for a, b in zip(before, net.parameters(), strict=True)) == (turn < 4)
    counts = [[int(s["step"]) for s in opt.state_dict()["state"].values()] for opt in (ours, theirs)]
    assert counts[0] == counts[1]
    ours.zero_grad()
    ours.step()  # nothing to do
    assert_equal(net, twin)


def test_its_state_is_pytorchs():
    net, twin, ours, theirs = pair()
    give_gradients(net, twin)
    ours.step()
    theirs.load_state_dict(copy.deepcopy(ours.state_dict()))
    twin.load_state_dict(net.state_dict())
    for _ in range(3):
        give_gradients(net, twin)
        ours.step()
        theirs.step()
    assert_equal(net, twin)


def test_a_copy_goes_on_by_itself():
    net, twin, ours, _ = pair()
    give_gradients(net, twin)
    ours.step()
    net2, ours2 = copy.deepcopy((net, ours))
    give_gradients(net, net2)
    ours.step()
    ours2.step()
    assert_equal(net, net2)
