"""What each player wants: losses as values, pairs of functions of raw logits."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import relu, softplus


@dataclass(frozen=True)
class Loss:
    """What each player wants less of: two functions of `(real, fake)` logits, in that order, each giving one number.

    `real` and `fake` have shape (n, 1). G's loss sees the real logits too, so that the relativistic game is no
    special case. A loss of your own drops in wherever ours fit: `Loss(d=my_d_loss, g=my_g_loss)`.
    """

    d: Callable[[Tensor, Tensor], Tensor]
    g: Callable[[Tensor, Tensor], Tensor]
    name: str = "custom"


def _cross_entropy(real: Tensor, fake: Tensor) -> Tensor:
    # -log sigmoid(r) = softplus(-r) and -log(1 - sigmoid(f)) = softplus(f): exact, and finite for every logit.
    return softplus(-real).mean() + softplus(fake).mean()


# Goodfellow et al. 2014, equation 1: G minimises log(1 - D(G(z))). Its gradient dies where D is sure of a fake.
minimax = Loss(_cross_entropy, lambda real, fake: -softplus(fake).mean(), "minimax")
# The same paper, section 3: G maximises log D(G(z)) instead.
non_saturating = Loss(_cross_entropy, lambda real, fake: softplus(-fake).mean(), "non-saturating")
# Mao et al. 2017, "Least Squares Generative Adversarial Networks" (targets: fake 0, real 1, G's wish 1).
least_squares = Loss(
    lambda real, fake: 0.5 * (real - 1).square().mean() + 0.5 * fake.square().mean(),
    lambda real, fake: 0.5 * (fake - 1).square().mean(),
    "least squares",
)
# Lim & Ye 2017, "Geometric GAN"; Miyato et al. 2018, "Spectral Normalization for GANs", equations 16 and 17.
hinge = Loss(lambda real, fake: relu(1 - real).mean() + relu(1 + fake).mean(), lambda real, fake: -fake.mean(), "hinge")
# Arjovsky, Chintala & Bottou 2017, "Wasserstein GAN". Means something only with a critic of bounded slope.
wasserstein = Loss(lambda real, fake: fake.mean() - real.mean(), lambda real, fake: -fake.mean(), "Wasserstein")
# Jolicoeur-Martineau 2018, "The relativistic discriminator"; the paired form of Huang et al. 2024 (R3GAN).
relativistic = Loss(
    lambda real, fake: softplus(fake - real).mean(),
    lambda real, fake: softplus(real - fake).mean(),
    "relativistic",
)
