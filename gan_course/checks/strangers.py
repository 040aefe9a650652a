"""The three strangers of lesson 01, exercise 01.5: who learned the data, who copies it, and who makes noise?

Reading this file is cheating, but not against the rules. L. Theis, A. van den Oord, M. Bethge (2016), "A note on the
evaluation of generative models", section 3, has the models for A and B.
"""

import math

import torch
from sklearn.mixture import GaussianMixture
from torch import Tensor


class Learned:
    """One Gaussian a class, as in the lesson."""

    def __init__(self, x: Tensor, y: Tensor):
        self.parts = [GaussianMixture(1, reg_covar=0.005, random_state=0).fit(x[y == c]) for c in y.unique()]
        self.log_share = (torch.bincount(y) / len(y)).double().log()

    def log_prob(self, x: Tensor) -> Tensor:
        parts = torch.stack([torch.tensor(part.score_samples(x)) for part in self.parts], 1)
        return (parts + self.log_share).logsumexp(1)

    def sample(self, n: int, seed: int) -> Tensor:
        rng = torch.Generator().manual_seed(seed)
        which = torch.multinomial(self.log_share.exp(), n, replacement=True, generator=rng)
        means = torch.stack([torch.tensor(part.means_[0]) for part in self.parts])
        roots = torch.stack([torch.linalg.cholesky(torch.tensor(part.covariances_[0])) for part in self.parts])
        noise = torch.randn(n, means.shape[1], generator=rng, dtype=torch.float64)
        return means[which] + torch.einsum("nij,nj->ni", roots[which], noise)


class Copies:
    """A narrow Gaussian on each training image."""

    def __init__(self, x: Tensor, width: float):
        self.x, self.width = x, width

    def log_prob(self, x: Tensor) -> Tensor:
        # Plain differences: by way of |a|^2 - 2ab + |b|^2 a copy would not be at distance 0 from itself.
        squared = torch.cdist(x, self.x, compute_mode="donot_use_mm_for_euclid_dist").square()
        norm = math.log(len(self.x)) + self.x.shape[1] * math.log(self.width * math.sqrt(2 * math.pi))
        return (-squared / (2 * self.width**2)).logsumexp(1) - norm

    def sample(self, n: int, seed: int) -> Tensor:
        rng = torch.Generator().manual_seed(seed)
        rows = torch.randint(len(self.x), (n,), generator=rng)
        return self.x[rows] + self.width * torch.randn(n, self.x.shape[1], generator=rng, dtype=self.x.dtype)


class Noise:
    """One image in a hundred from a good model, the others grey noise."""

    def __init__(self, good: Learned):
        self.good = good

    def log_prob(self, x: Tensor) -> Tensor:
        edge = 1 + 1 / 16  # half a grey level beyond black and white, where the spread grey levels end
        grey = torch.where((x.abs() <= edge).all(1), -x.shape[1] * math.log(2 * edge), -torch.inf)
        return torch.logaddexp(self.good.log_prob(x) + math.log(0.01), grey + math.log(0.99))

    def sample(self, n: int, seed: int) -> Tensor:
        rng = torch.Generator().manual_seed(seed)
        good = self.good.sample(n, seed)
        grey = 2 * torch.rand(good.shape, generator=rng, dtype=good.dtype) - 1
        return torch.where(torch.rand(n, 1, generator=rng) < 0.01, good, grey)


def meet(x: Tensor, y: Tensor) -> dict[str, Learned | Copies | Noise]:
    """The three, fitted to images x (n, d), float64, of classes y (n,), in a fixed order.

    Each has log_prob(x), in nats, shape (n,), and sample(n, seed), shape (n, d).
    """
    good = Learned(x, y)
    return {"A": Noise(good), "B": Copies(x, width=0.1), "C": good}
