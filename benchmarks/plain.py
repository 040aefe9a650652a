"""The loop that people write, and the networks that they write it for: what `bench.py` measures the course against.

After the DCGAN tutorial of PyTorch (pytorch.org/tutorials, "DCGAN Tutorial"): a DataLoader, cross entropy with tensors
of ones and zeros, `.item()` on each loss, optimisers as they come. Unlike there, G's step draws fresh noise, as
Algorithm 1 of Goodfellow et al. (2014) does and as `train` does, so that both loops play the same game.
"""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset


def generator(size: int, z_dim: int, width: int) -> nn.Sequential:
    """The function that `nets.conv.generator(size, 1, z_dim, width)` is, for 28 pixels (or 16)."""
    wide, side = 4 * width, size // 4
    return nn.Sequential(
        nn.Linear(z_dim, wide * side**2),
        nn.Unflatten(1, (wide, side, side)),
        nn.BatchNorm2d(wide),
        nn.ReLU(),
        nn.Upsample(scale_factor=2),
        nn.Conv2d(wide, wide // 2, 3, padding=1, bias=False),
        nn.BatchNorm2d(wide // 2),
        nn.ReLU(),
        nn.Upsample(scale_factor=2),
        nn.Conv2d(wide // 2, width, 3, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.Conv2d(width, 1, 3, padding=1),
        nn.Tanh(),
    )


def discriminator(size: int, width: int) -> nn.Sequential:
    """The function that `nets.conv.discriminator(size, 1, width)` is, for 28 pixels (or 16)."""
    return nn.Sequential(
        nn.Conv2d(1, width, 3, padding=1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(width, 2 * width, 4, stride=2, padding=1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(2 * width, 4 * width, 4, stride=2, padding=1),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(4 * width * (size // 4) ** 2, 1),
    )


def with_weights_of(net: nn.Module, other: nn.Module) -> nn.Module:
    """`net` with the weights of a network of the same layers under other names."""
    net.load_state_dict(dict(zip(net.state_dict(), other.state_dict().values(), strict=True)))
    return net


def loader(x: Tensor, size: int) -> DataLoader:
    return DataLoader(TensorDataset(x), batch_size=size, shuffle=True, drop_last=True)


def slope(D: nn.Module, x: Tensor) -> Tensor:
    x = x.detach().requires_grad_(True)
    out = D(x)
    return torch.autograd.grad(out, x, torch.ones_like(out), create_graph=True)[0].flatten(1)


def play(
    G: nn.Module, D: nn.Module, batches: Iterable, z_dim: int, penalty: str = "none", rate: float = 1e-3, **adam
) -> Iterator[tuple[float, float]]:
    """Turn after turn, epoch after epoch: D's and G's loss, without the penalty. adam: more of Adam's settings."""
    device = next(G.parameters()).device
    criterion = nn.BCEWithLogitsLoss()
    opt_g = torch.optim.Adam(G.parameters(), lr=rate, betas=(0.0, 0.99), **adam)
    opt_d = torch.optim.Adam(D.parameters(), lr=rate, betas=(0.0, 0.99), **adam)
    while True:
        for batch in batches:
            real = (batch[0] if isinstance(batch, (list, tuple)) else batch).to(device)
            n = real.size(0)
            ones, zeros = torch.ones(n, 1, device=device), torch.zeros(n, 1, device=device)

            opt_d.zero_grad()
            fake = G(torch.randn(n, z_dim, device=device)).detach()
            d_loss = criterion(D(real), ones) + criterion(D(fake), zeros)
            total = d_loss
            if penalty in ("R1", "R1 + R2"):
                total = total + 0.05 * slope(D, real).pow(2).sum(1).mean()
            if penalty == "R1 + R2":
                total = total + 0.05 * slope(D, fake).pow(2).sum(1).mean()
            if penalty == "gradient penalty":
                t = torch.rand(n, *[1] * (real.dim() - 1), device=device)
                total = total + (slope(D, (1 - t) * real + t * fake).norm(2, dim=1) - 1).pow(2).mean()
            total.backward()
            opt_d.step()

            opt_g.zero_grad()
            g_loss = criterion(D(G(torch.randn(n, z_dim, device=device))), ones)
            g_loss.backward()
            opt_g.step()
            yield d_loss.item(), g_loss.item()
