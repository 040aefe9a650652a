"""Small convolutional networks for square images of 8, 16, 28 or 32 pixels, values in [-1, 1].

The shape follows DCGAN (Radford et al. 2016), with two changes. The generator enlarges by repeating pixels and then
convolving, not by transposed convolution, which leaves a checkerboard (Odena et al. 2016). The discriminator has no
batch normalisation, which ties samples together and does not mix with slope penalties (Gulrajani et al. 2017).
"""

from torch import Tensor, nn


def _halvings(size: int) -> int:
    """How often an image is halved until its side is 4 (or 7 for 28 pixels)."""
    try:
        return {8: 1, 16: 2, 28: 2, 32: 3}[size]
    except KeyError:
        raise ValueError(f"images must be 8, 16, 28 or 32 pixels wide, got {size}: resize or pad them.") from None


class Generator(nn.Module):
    """Noise (n, z_dim) to images (n, channels, size, size) in [-1, 1]."""

    def __init__(self, size: int, channels: int, z_dim: int, width: int):
        super().__init__()
        self.z_dim = z_dim
        times = _halvings(size)
        wide = width * 2**times
        self.start = nn.Sequential(
            nn.Linear(z_dim, wide * (size >> times) ** 2),
            nn.Unflatten(1, (wide, size >> times, size >> times)),
            nn.BatchNorm2d(wide),
            nn.ReLU(),
        )
        self.grow = nn.Sequential()
        for _ in range(times):
            self.grow.extend(
                [
                    nn.Upsample(scale_factor=2),
                    nn.Conv2d(wide, wide // 2, 3, padding=1, bias=False),
                    nn.BatchNorm2d(wide // 2),
                    nn.ReLU(),
                ]
            )
            wide //= 2
        self.paint = nn.Sequential(nn.Conv2d(wide, channels, 3, padding=1), nn.Tanh())

    def forward(self, z: Tensor) -> Tensor:
        return self.paint(self.grow(self.start(z)))


class Discriminator(nn.Module):
    """Images (n, channels, size, size) to logits (n, outputs); `features` gives the layer before, (n, d)."""

    def __init__(self, size: int, channels: int, width: int, outputs: int = 1):
        super().__init__()
        times = _halvings(size)
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 3, padding=1), nn.LeakyReLU(0.2)]
        for i in range(times):
            wide = width * 2**i
            layers += [nn.Conv2d(wide, 2 * wide, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        self.features = nn.Sequential(*layers, nn.Flatten())
        self.head = nn.Linear(width * 2**times * (size >> times) ** 2, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))


def generator(size: int = 8, channels: int = 1, z_dim: int = 32, width: int = 32) -> Generator:
    return Generator(size, channels, z_dim, width)


def discriminator(size: int = 8, channels: int = 1, width: int = 32) -> Discriminator:
    return Discriminator(size, channels, width)


class Classifier(nn.Module):
    """Images (n, channels, size, size) to one logit a class; `features` gives 64 numbers an image."""

    def __init__(self, size: int, channels: int, classes: int, width: int):
        super().__init__()
        body = Discriminator(size, channels, width, outputs=64)
        self.features = nn.Sequential(body, nn.LeakyReLU(0.2))
        self.head = nn.Linear(64, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))


def classifier(size: int = 8, channels: int = 1, classes: int = 10, width: int = 32) -> Classifier:
    return Classifier(size, channels, classes, width)
