"""Fully connected networks for points on a line or in a plane."""

from torch import nn


class Generator(nn.Sequential):
    """Noise (n, z_dim) to points (n, x_dim). `z_dim` tells `train` how much noise to draw."""

    def __init__(self, x_dim: int, z_dim: int, hidden: tuple[int, ...]):
        super().__init__(*_layers(z_dim, hidden, x_dim, nn.ReLU()))
        self.z_dim = z_dim


class Discriminator(nn.Sequential):
    """Points (n, x_dim) to logits (n, 1)."""

    def __init__(self, x_dim: int, hidden: tuple[int, ...]):
        # A leaky unit passes some gradient everywhere: G learns only through D's slope (Radford et al. 2016).
        super().__init__(*_layers(x_dim, hidden, 1, nn.LeakyReLU(0.2)))


def _layers(wide_in: int, hidden: tuple[int, ...], wide_out: int, unit: nn.Module) -> list[nn.Module]:
    widths = (wide_in, *hidden)
    if min((*widths, wide_out)) < 1:
        raise ValueError(f"every layer needs at least one unit, got widths {(*widths, wide_out)}.")
    layers = [part for a, b in zip(widths, widths[1:], strict=False) for part in (nn.Linear(a, b), unit)]
    return [*layers, nn.Linear(widths[-1], wide_out)]


def generator(x_dim: int = 2, z_dim: int = 2, hidden: tuple[int, ...] = (64, 64)) -> Generator:
    return Generator(x_dim, z_dim, hidden)


def discriminator(x_dim: int = 2, hidden: tuple[int, ...] = (64, 64)) -> Discriminator:
    return Discriminator(x_dim, hidden)
