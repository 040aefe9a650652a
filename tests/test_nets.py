"""Shapes for every size and channel count, independence of samples, and no checkerboard."""

import pytest
import torch

from gan_course.nets import conv, mlp


@pytest.mark.parametrize("size", [8, 16, 28, 32, 64])
@pytest.mark.parametrize("channels", [1, 3])
def test_conv_pair(size, channels):
    torch.manual_seed(0)
    G, D = conv.generator(size, channels, 16, 8), conv.discriminator(size, channels, 8)
    x = G(torch.randn(5, G.z_dim))
    assert x.shape == (5, channels, size, size) and x.abs().max() <= 1
    assert D(x).shape == (5, 1) and D.features(x).dim() == 2
    D(x).sum().backward()
    assert all(p.grad is not None for net in (G, D) for p in net.parameters())


def test_the_discriminator_judges_each_image_alone():
    """With batch normalisation in D, one image's logit would depend on the others (misconception 20)."""
    torch.manual_seed(0)
    D, x = conv.discriminator(8, 1, 8), torch.randn(6, 1, 8, 8)
    torch.testing.assert_close(D(x)[:2], D(x[:2]))


def test_enlarging_in_one_go_is_repeating_pixels_and_then_convolving():
    torch.manual_seed(0)
    x = torch.randn(3, 6, 5, 7, requires_grad=True)
    at_once = conv.Enlarge(6, 4)
    one_by_one = torch.nn.functional.conv2d(
        x.repeat_interleave(2, 2).repeat_interleave(2, 3), at_once.weight, padding=1
    )
    out = at_once(x)
    torch.testing.assert_close(out, one_by_one)
    weights = torch.randn_like(out)
    for a, b in zip(
        *[torch.autograd.grad((y * weights).sum(), (x, at_once.weight)) for y in (out, one_by_one)], strict=True
    ):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_convolution_to_few_channels_is_a_convolution(channels):
    torch.manual_seed(0)
    for layout in (torch.contiguous_format, torch.channels_last):
        x = torch.randn(3, 6, 5, 7).contiguous(memory_format=layout).requires_grad_()
        layer = conv.ToFew(6, channels)
        usual = torch.nn.functional.conv2d(x, layer.weight, layer.bias, padding=1)
        out = layer(x)
        torch.testing.assert_close(out, usual)
        weights = torch.randn_like(out)
        inputs = (x, layer.weight, layer.bias)
        for a, b in zip(*[torch.autograd.grad((y * weights).sum(), inputs) for y in (out, usual)], strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


def test_conv_refuses_other_sizes():
    for make in (conv.generator, conv.discriminator, conv.classifier):
        with pytest.raises(ValueError, match="8, 16, 28, 32 or 64"):
            make(size=12)


def test_classifier():
    C = conv.classifier(8, 1, 10, 8)
    assert C(torch.zeros(3, 1, 8, 8)).shape == (3, 10) and C.features(torch.zeros(3, 1, 8, 8)).shape == (
        3,
        64,
    )


def test_mlp_pair():
    G, D = mlp.generator(1, 5, (8, 9, 10)), mlp.discriminator(1, (8,))
    assert G.z_dim == 5 and D(G(torch.randn(7, 5))).shape == (7, 1)
    assert mlp.generator(2, 2, ())(torch.randn(3, 2)).shape == (3, 2)  # no hidden layer: a linear map
    with pytest.raises(ValueError, match="at least one unit"):
        mlp.generator(hidden=(0,))
