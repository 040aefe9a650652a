"""A residual pair without any normalisation, for images of 8, 16, 28, 32 or 64 pixels.

In the spirit of Huang et al. 2024, "The GAN is dead; long live the GAN! A Modern GAN Baseline" (R3GAN): blocks of
1x1, grouped 3x3 and 1x1 convolutions whose last layer starts at zero (Zhang et al. 2019, "Fixup Initialization"), sizes
changed by interpolation, D the mirror of G. Theirs has two such blocks at each size and up to 768 channels; this one
has one block and a few dozen channels, so that it trains on a laptop. It is no reproduction of their results.
"""

from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

from .conv import halvings

GROUP = 8  # channels that a 3x3 convolution looks at together


class _Block(nn.Module):
    """(n, wide, h, w) to the same: what comes in, and a correction that starts at zero."""

    def __init__(self, wide: int):
        super().__init__()
        inner = 2 * wide
        self.change = nn.Sequential(
            nn.Conv2d(wide, inner, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(inner, inner, 3, padding=1, groups=max(1, inner // GROUP)),
            nn.LeakyReLU(0.2),
            nn.Conv2d(inner, wide, 1, bias=False),
        )
        for layer in (self.change[0], self.change[2]):
            nn.init.kaiming_normal_(layer.weight, 0.2)
            nn.init.zeros_(layer.bias)
        nn.init.zeros_(self.change[4].weight)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.change(x)


class Generator(nn.Module):
    """Noise (n, z_dim) to images (n, channels, size, size), about -1 to 1: no layer bounds them, as in the paper."""

    def __init__(self, size: int, channels: int, z_dim: int, width: int):
        super().__init__()
        self.z_dim = z_dim
        times = halvings(size)
        wide, side = width * 2**times, size >> times
        self.start = nn.Sequential(nn.Linear(z_dim, wide * side**2), nn.Unflatten(1, (wide, side, side)), _Block(wide))
        self.grow = nn.ModuleList(
            nn.Sequential(nn.Conv2d(wide >> i, wide >> i + 1, 1), _Block(wide >> i + 1)) for i in range(times)
        )
        self.paint = nn.Conv2d(width, channels, 1)

    def forward(self, z: Tensor) -> Tensor:
        x = self.start(z)
        for stage in self.grow:
            x = stage(interpolate(x, scale_factor=2, mode="bilinear"))
        return self.paint(x)


class Discriminator(nn.Module):
    """Images (n, channels, size, size) to logits (n, 1)."""

    def __init__(self, size: int, channels: int, width: int):
        super().__init__()
        times = halvings(size)
        self.look = nn.Sequential(nn.Conv2d(channels, width, 1), _Block(width))
        self.shrink = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width << i, width << i + 1, 1), _Block(width << i + 1)) for i in range(times)
        )
        self.head = nn.Sequential(nn.Flatten(), nn.Linear((width << times) * (size >> times) ** 2, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.look(x)
        for stage in self.shrink:
            x = stage(avg_pool2d(x, 2))
        return self.head(x)


def generator(size: int = 32, channels: int = 1, z_dim: int = 64, width: int = 16) -> Generator:
    return Generator(size, channels, z_dim, width)


def discriminator(size: int = 32, channels: int = 1, width: int = 16) -> Discriminator:
    return Discriminator(size, channels, width)
