"""Penalties against closed forms: D(x) = a |x|^2 / 2 has slope a x, so that every expectation is known."""

import math

import pytest
import torch
from torch import nn

import gan_course as gc
from gan_course.nets import conv, mlp


class Bowl(nn.Module):
    def __init__(self, a=3.0):
        super().__init__()
        self.a = nn.Parameter(torch.tensor(a))

    def forward(self, x):
        return self.a / 2 * x.flatten(1).square().sum(1, keepdim=True)


RNG = torch.Generator().manual_seed(0)
REAL, FAKE = torch.randn(500, 2, generator=RNG), 2 + torch.randn(500, 2, generator=RNG)


@pytest.mark.parametrize(("make", "at"), [(gc.r1, REAL), (gc.r2, FAKE)], ids=["r1", "r2"])
def test_r1_and_r2(make, at):
    D = Bowl()
    value = make(0.7)(D, REAL, FAKE)
    second_moment = at.square().sum(1).mean().item()
    assert value.item() == pytest.approx(0.35 * 9 * second_moment, rel=1e-5)
    value.backward()  # and D can learn from it: d/da (a^2) = 2a
    assert D.a.grad.item() == pytest.approx(0.35 * 6 * second_moment, rel=1e-5)


def test_gradient_penalty_lies_between_pairs():
    """At real = -c, fake = +c, the points between are uniform on the segment: the slope is 3 |u| sqrt(2) c."""
    n, c = 20_000, 0.5
    real = torch.full((n, 2), -c)
    torch.manual_seed(0)
    value = gc.gradient_penalty(10.0)(Bowl(), real, -real).item()
    top = 3 * math.sqrt(2) * c  # E (top |u| - 1)^2 for u uniform on [-1, 1]
    assert value == pytest.approx(10 * (top**2 / 3 - top + 1), rel=0.03)


def test_gradient_penalty_of_a_flat_critic_is_finite():
    """sqrt has an infinite slope at zero: a critic that is flat must not turn the run into NaN."""
    D = Bowl(0.0)
    value = gc.gradient_penalty(10.0)(D, REAL, FAKE)
    value.backward()
    assert value.item() == pytest.approx(10, rel=1e-4) and torch.isfinite(D.a.grad)


def test_penalties_take_images_and_conditions():
    torch.manual_seed(0)
    D, x = conv.discriminator(8, 3, 8), torch.randn(4, 3, 8, 8)
    for penalty in (gc.r1(1.0), gc.r2(1.0), gc.gradient_penalty(1.0)):
        penalty(D, x, -x).backward()
        assert all(p.grad is not None for n, p in D.named_parameters() if n != "head.bias")

    seen = []

    class Labelled(Bowl):
        def forward(self, x, y):
            seen.append(y)
            return super().forward(x)

    y = torch.arange(500)
    gc.r1(1.0)(Labelled(), REAL, FAKE, y)
    gc.gradient_penalty(1.0)(Labelled(), REAL, FAKE, y)
    assert all(s is y for s in seen) and len(seen) == 2


def test_clip_weights():
    D = mlp.discriminator()
    gc.clip_weights(0.01)(D)
    assert max(p.abs().max().item() for p in D.parameters()) == pytest.approx(0.01)


def test_training_keeps_the_clip():
    torch.manual_seed(0)
    G, D = mlp.generator(), mlp.discriminator()
    for _ in gc.train(G, D, gc.Batches(REAL, 32), loss=gc.wasserstein, constrain=gc.clip_weights(0.02), steps=5):
        assert max(p.abs().max() for p in D.parameters()) <= 0.02


def test_spectral_norm_bounds_every_layer():
    torch.manual_seed(0)
    D = mlp.discriminator(hidden=(64, 64))
    with torch.no_grad():
        for p in D.parameters():
            p.mul_(7)
    assert gc.spectral_norm(D) is D
    for _ in gc.train(mlp.generator(), D, gc.Batches(REAL, 32), loss=gc.hinge, steps=60):
        pass
    D.eval()
    for layer in D:
        if isinstance(layer, nn.Linear):
            top = torch.linalg.matrix_norm(layer.weight, 2).item()  # SVD is the oracle of power iteration
            assert top == pytest.approx(1, abs=0.03)
    a, b = 5 * torch.randn(2, 1000, 2)
    assert ((D(a) - D(b)).abs().squeeze() <= 1.05 * (a - b).norm(dim=1)).all()  # leaky ReLU does not stretch


def test_spectral_norm_twice_is_once():
    D = gc.spectral_norm(gc.spectral_norm(conv.discriminator(8, 1, 8)))
    assert not any("0.parametrizations" in k for k in D.state_dict() if k.count("parametrizations") > 1)


@pytest.mark.parametrize("make", [gc.r1, gc.r2, gc.gradient_penalty])
@pytest.mark.parametrize("weight", [-1.0, math.nan, math.inf])
def test_bad_weights(make, weight):
    with pytest.raises(ValueError, match="weight of zero or more"):
        make(weight)


def test_bad_clip():
    with pytest.raises(ValueError, match="above zero"):
        gc.clip_weights(0)
