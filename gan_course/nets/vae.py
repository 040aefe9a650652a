"""A small variational autoencoder (VAE) for images of few grey levels, with or without conditions.

Kingma & Welling 2014, "Auto-Encoding Variational Bayes". Noise z is drawn from N(0, 1), and a network (the decoder)
turns it into a distribution over images, p(x | z). A second network (the encoder) learns q(z | x): from which z an
image may have come. Both learn by raising a lower bound on log p(x).
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid


class VAE(nn.Module):
    """Images (n, x_dim) in [-1, 1] with `levels` equally spaced grey levels, so that log p is a true probability's.

    Every method takes `*cond` after its first argument: tensors (n, c) of `cond_dim` columns in all, such as one-hot
    labels, and then models p(x | cond).
    """

    def __init__(self, x_dim: int = 64, z_dim: int = 8, hidden: int = 128, cond_dim: int = 0, levels: int = 17):
        super().__init__()
        if min(x_dim, z_dim, hidden) < 1 or cond_dim < 0 or levels < 2:
            raise ValueError("a VAE needs x_dim, z_dim, hidden >= 1, cond_dim >= 0 and at least two grey levels.")
        self.z_dim, self.step = z_dim, 2 / (levels - 1)
        self.encoder = nn.Sequential(nn.Linear(x_dim + cond_dim, hidden), nn.ReLU(), nn.Linear(hidden, 2 * z_dim))
        self.decoder = nn.Sequential(
            nn.Linear(z_dim + cond_dim, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(),
            nn.Linear(hidden, 2 * x_dim),
        )  # fmt: skip

    def encode(self, x: Tensor, *cond: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log standard deviation of q(z | x): (n, z_dim) each."""
        return self.encoder(torch.cat([x, *cond], -1)).chunk(2, -1)

    def decode(self, z: Tensor, *cond: Tensor) -> tuple[Tensor, Tensor]:
        """Centre and log width of each pixel's distribution p(x | z): (..., x_dim) each."""
        centre, log_width = self.decoder(torch.cat([z, *cond], -1)).chunk(2, -1)
        return centre, log_width.clamp(-4, 2)  # a narrower pixel gains almost nothing, and its gradient explodes

    def log_pixels(self, x: Tensor, centre: Tensor, log_width: Tensor) -> Tensor:
        """log P(grey level x | z) of each pixel, in nats.

        A logistic distribution's mass within half a level of x; the lowest and highest level take the tails. Salimans
        et al. 2017, "PixelCNN++", section 2.1.
        """
        upper = (x + self.step / 2 - centre) * torch.exp(-log_width)
        lower = (x - self.step / 2 - centre) * torch.exp(-log_width)
        # log(sigmoid(u) - sigmoid(l)) without cancellation; u - l does not depend on x.
        between = logsigmoid(upper) + logsigmoid(-lower) + (-torch.expm1(-self.step * torch.exp(-log_width))).log()
        ends = torch.where(x < 0, logsigmoid(upper), logsigmoid(-lower))
        return torch.where(x.abs() > 1 - self.step / 2, ends, between)

    def log_weights(self, x: Tensor, *cond: Tensor, samples: int = 1) -> Tensor:
        """log of p(x | z) p(z) / q(z | x) at `samples` draws z from q(z | x): (samples, n), in nats.

        Their mean is the lower bound that Kingma & Welling train on (the ELBO): minus it is the training loss.
        """
        mean, log_sd = self.encode(x, *cond)
        noise = torch.randn(samples, *mean.shape, device=x.device)
        z = mean + log_sd.exp() * noise  # "reparametrised": the gradient reaches mean and log_sd through z
        pixels = self.log_pixels(x, *self.decode(z, *[c.expand(samples, *c.shape) for c in cond]))
        # The normal densities' constants cancel between p(z) and q(z | x).
        return pixels.sum(-1) - 0.5 * z.square().sum(-1) + (0.5 * noise.square() + log_sd).sum(-1)

    @torch.no_grad()
    def log_prob(self, x: Tensor, *cond: Tensor, samples: int = 16) -> Tensor:
        """log p(x | cond) from importance weights: (n,). On average a little low, and exact as `samples` grows.

        Burda, Grosse & Salakhutdinov 2016, "Importance Weighted Autoencoders", section 3.
        """
        return self.log_weights(x, *cond, samples=samples).logsumexp(0) - math.log(samples)

    @torch.no_grad()
    def sample(self, n: int, *cond: Tensor, seed: int = 0) -> Tensor:
        """n images (n, x_dim) on the grey levels. The same seed gives the same images."""
        device = self.decoder[0].weight.device
        rng = torch.Generator(device).manual_seed(seed)
        centre, log_width = self.decode(torch.randn(n, self.z_dim, generator=rng, device=device), *cond)
        u = torch.rand(centre.shape, generator=rng, device=device).clamp(1e-6, 1 - 1e-6)
        x = (centre + log_width.exp() * u.logit()).clamp(-1, 1)  # a logistic variable, by inverting its CDF
        return ((x + 1) / self.step).round() * self.step - 1
