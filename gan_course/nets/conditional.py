"""Convolutional networks that are told a label: G(z, y) draws a picture of class y, D(x, y) judges it as one.

G is given the label beside the noise, as in Mirza and Osindero 2014, "Conditional Generative Adversarial Nets". D uses
it through a product with its features: Miyato and Koyama 2018, "cGANs with Projection Discriminator", equation 3.
"""

import torch
from torch import Tensor, nn

from . import conv


class Generator(nn.Module):
    """Noise (n, z_dim) and labels (n,) to images (n, channels, size, size) in [-1, 1]."""

    def __init__(self, size: int, channels: int, classes: int, z_dim: int, width: int):
        super().__init__()
        self.z_dim = z_dim
        self.label = nn.Embedding(classes, z_dim)
        self.paint = conv.generator(size, channels, 2 * z_dim, width)

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        return self.paint(torch.cat([z, self.label(y)], 1))


class Discriminator(nn.Module):
    """Images (n, channels, size, size) and labels (n,) to logits (n, 1)."""

    def __init__(self, size: int, channels: int, classes: int, width: int):
        super().__init__()
        self.judge = conv.discriminator(size, channels, width)
        self.label = nn.Embedding(classes, self.judge.head.in_features)
        nn.init.zeros_(self.label.weight)  # at first D judges the picture alone, and learns what a label adds

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        seen = self.judge.features(x)
        return self.judge.head(seen) + (self.label(y) * seen).sum(1, keepdim=True)


def generator(size: int = 8, channels: int = 1, classes: int = 10, z_dim: int = 32, width: int = 32) -> Generator:
    return Generator(size, channels, classes, z_dim, width)


def discriminator(size: int = 8, channels: int = 1, classes: int = 10, width: int = 32) -> Discriminator:
    return Discriminator(size, channels, classes, width)
