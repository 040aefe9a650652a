"""Small convolutional networks for square images of 8, 16, 28, 32 or 64 pixels, values in [-1, 1].

The shape follows DCGAN (Radford et al. 2016), with two changes. The generator enlarges by repeating pixels and then
convolving, not by a free transposed convolution, which leaves a checkerboard (Odena et al. 2016). The discriminator has
no batch normalisation, which ties samples together and does not mix with slope penalties (Gulrajani et al. 2017).

Inside, the channels of a pixel lie side by side in memory: processors convolve such images faster (`make bench`).
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import conv_transpose2d, fold, linear


def halvings(size: int) -> int:
    """How often an image is halved until its side is 4 (or 7 for 28 pixels)."""
    try:
        return {8: 1, 16: 2, 28: 2, 32: 3, 64: 4}[size]
    except KeyError:
        raise ValueError(f"images must be 8, 16, 28, 32 or 64 pixels wide, got {size}: resize or pad them.") from None


class Interleave(nn.Module):
    """The same images (n, channels, h, w), with the channels of a pixel side by side in memory."""

    def forward(self, x: Tensor) -> Tensor:
        return x.contiguous(memory_format=torch.channels_last)


class Enlarge(nn.Conv2d):
    """Each pixel repeated to 2 x 2, then a 3 x 3 convolution: (n, in, h, w) to (n, out, 2h, 2w).

    Repeated pixels need not be multiplied one by one: where several of a window's weights meet copies of one pixel, the
    weights are added first. That is a transposed convolution with 4 x 4 weights, each a sum of the nine, in 4/9 of the
    multiplications.
    """

    def __init__(self, channels_in: int, channels_out: int):
        super().__init__(channels_in, channels_out, 3, padding=1, bias=False)
        sums = torch.tensor([[0.0, 0.0, 1.0, 1.0], [0.0, 1.0, 1.0, 0.0], [1.0, 1.0, 0.0, 0.0]])  # along one side
        self.register_buffer("sums", torch.kron(sums, sums), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        weight = (self.weight.flatten(2) @ self.sums).unflatten(2, (4, 4))
        return conv_transpose2d(x, weight.transpose(0, 1), stride=2, padding=1)


class ToFew(nn.Conv2d):
    """A 3 x 3 convolution to few channels: (n, in, h, w) to (n, out, h, w).

    Processors convolve in blocks of 16 channels, and for grey images fill one of them. So here each pixel meets its
    nine weights in one product of matrices, and what falls on the same place is added up (`make bench`).
    """

    def __init__(self, channels_in: int, channels_out: int):
        super().__init__(channels_in, channels_out, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type != "cpu":  # on a GPU, `fold` goes back from image to image
            return super().forward(x)
        weight = self.weight.flip(2, 3).permute(0, 2, 3, 1).flatten(0, 2)
        products = linear(x.flatten(2).mT, weight).mT
        return fold(products, x.shape[2:], 3, padding=1) + self.bias.view(-1, 1, 1)


class Generator(nn.Module):
    """Noise (n, z_dim) to images (n, channels, size, size) in [-1, 1]."""

    def __init__(self, size: int, channels: int, z_dim: int, width: int):
        super().__init__()
        self.z_dim = z_dim
        times = halvings(size)
        wide = width * 2**times
        self.start = nn.Sequential(
            nn.Linear(z_dim, wide * (size >> times) ** 2),
            nn.Sequential(nn.Unflatten(1, (wide, size >> times, size >> times)), Interleave()),
            nn.BatchNorm2d(wide),
            nn.ReLU(inplace=True),
        )
        self.grow = nn.Sequential()
        for _ in range(times):
            self.grow.extend([Interleave(), Enlarge(wide, wide // 2), nn.BatchNorm2d(wide // 2), nn.ReLU(inplace=True)])
            wide //= 2
        self.paint = nn.Sequential(ToFew(wide, channels), nn.Tanh())

    def forward(self, z: Tensor) -> Tensor:
        return self.paint(self.grow(self.start(z)))


class Discriminator(nn.Module):
    """Images (n, channels, size, size) to logits (n, outputs); `features` gives the layer before, (n, d)."""

    def __init__(self, size: int, channels: int, width: int, outputs: int = 1):
        super().__init__()
        times = halvings(size)
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 3, padding=1)]
        # What a layer gives is laid out as its weights are. `contiguous` would leave weights for grey images alone.
        first = layers[0].weight
        first.data = torch.empty_like(first, memory_format=torch.channels_last).copy_(first.data)
        for i in range(times):
            wide = width * 2**i
            layers += [nn.LeakyReLU(0.2, inplace=True), nn.Conv2d(wide, 2 * wide, 4, stride=2, padding=1)]
        # Flattening comes first, so that the slope on its way back is laid out like what LeakyReLU has kept.
        self.features = nn.Sequential(*layers, nn.Flatten(), nn.LeakyReLU(0.2, inplace=True))
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
