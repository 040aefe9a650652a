"""Fully connected networks for points on a line or in a plane."""

import torch
from torch import Tensor, nn


class Coins(nn.Module):
    """The last `coins` coordinates of z (n, z_dim) become their signs, tosses of a coin: the noise falls into
    2**coins separate pieces. A network is continuous, so one piece of noise makes one piece of data: from a normal z,
    G can only reach separate modes by bridges between them (Khayatkhoei et al. 2018, "Disconnected Manifold Learning
    for Generative Adversarial Networks")."""

    def __init__(self, coins: int):
        super().__init__()
        self.coins = coins

    def forward(self, z: Tensor) -> Tensor:
        return torch.cat([z[:, : -self.coins], z[:, -self.coins :].sign()], 1)


class Generator(nn.Sequential):
    """Noise (n, z_dim) to points (n, x_dim). `z_dim` tells `train` how much noise to draw."""

    def __init__(self, x_dim: int, z_dim: int, hidden: tuple[int, ...], coins: int = 0):
        if not 0 <= coins <= z_dim:
            raise ValueError(f"coins must be 0 to z_dim = {z_dim}, the coordinates that there are; got {coins}.")
        super().__init__(*([Coins(coins)] if coins else []), *_layers(z_dim, hidden, x_dim, nn.ReLU()))
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


def generator(x_dim: int = 2, z_dim: int = 2, hidden: tuple[int, ...] = (64, 64), coins: int = 0) -> Generator:
    return Generator(x_dim, z_dim, hidden, coins)


def discriminator(x_dim: int = 2, hidden: tuple[int, ...] = (64, 64)) -> Discriminator:
    return Discriminator(x_dim, hidden)
