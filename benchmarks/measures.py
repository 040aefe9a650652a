"""The plain loop of `plain.py` with one measure or another taken: what `bench.py` shows of each, also where it gives
nothing. The games stay the same: only `bf16` computes other numbers, with 8 bits of each instead of 24.
"""

from collections.abc import Iterable, Iterator

import plain
import torch
from torch import Tensor, nn

from gan_course.nets.conv import Enlarge, ToFew


def play(
    G: nn.Module,
    D: nn.Module,
    batches: Iterable,
    z_dim: int,
    penalty: str = "none",
    rate: float = 1e-3,
    one_forward: bool = False,
    shared: bool = False,
    bf16: bool = False,
    unread: bool = False,
    **adam,
) -> Iterator[tuple[float, float] | tuple[Tensor, Tensor]]:
    """As `plain.play`, and:

    one_forward: D looks at real and fake in one batch. It must have no batch normalisation.
    shared:      R1 takes its slope from the logits that the loss has computed, instead of asking D once more.
    bf16:        the forward passes compute their products in bfloat16 (and so do the backward passes after them).
    unread:      the losses are not read out with `.item()`, for which a GPU has to finish first.
    """
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
            with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
                fake = G(torch.randn(n, z_dim, device=device)).detach()
                if shared:
                    real.requires_grad_()
                if one_forward:
                    of_real, of_fake = D(torch.cat([real, fake])).chunk(2)
                else:
                    of_real, of_fake = D(real), D(fake)
            total = d_loss = criterion(of_real, ones) + criterion(of_fake, zeros)
            if penalty == "R1":
                slope = torch.autograd.grad(of_real.sum(), real, create_graph=True)[0].flatten(1) if shared else (
                    plain.slope(D, real))  # fmt: skip
                total = total + 0.05 * slope.pow(2).sum(1).mean()
            total.backward()
            opt_d.step()

            opt_g.zero_grad()
            with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
                of_fake = D(G(torch.randn(n, z_dim, device=device)))
            g_loss = criterion(of_fake, ones)
            g_loss.backward()
            opt_g.step()
            yield (d_loss.detach(), g_loss.detach()) if unread else (d_loss.item(), g_loss.item())


def channels_last(G: nn.Module, D: nn.Module) -> tuple[nn.Module, nn.Module]:
    """With weights whose channels lie side by side in memory: what is convolved with them is then laid out so too."""
    return G.to(memory_format=torch.channels_last), D.to(memory_format=torch.channels_last)


def enlarging(G: nn.Sequential, D: nn.Module) -> tuple[nn.Module, nn.Module]:
    """With each `Upsample` and the convolution after it in one: the `Enlarge` of `gan_course.nets.conv`."""
    layers = []
    for layer in G:
        if layers and isinstance(layers[-1], nn.Upsample):
            layers[-1] = _with_weights(Enlarge(layer.in_channels, layer.out_channels), layer)
        else:
            layers.append(layer)
    return nn.Sequential(*layers), D


def to_few(G: nn.Sequential, D: nn.Module) -> tuple[nn.Module, nn.Module]:
    """With the last convolution, to one channel, as a product of matrices: the `ToFew` of `gan_course.nets.conv`."""
    return nn.Sequential(*[
        _with_weights(ToFew(layer.in_channels, 1), layer) if getattr(layer, "out_channels", 0) == 1 else layer
        for layer in G
    ]), D  # fmt: skip


def _with_weights(new: nn.Conv2d, old: nn.Conv2d) -> nn.Conv2d:
    new.weight, new.bias = old.weight, old.bias
    return new.to(old.weight.device)
