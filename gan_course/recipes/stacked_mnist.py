"""Stacked MNIST: three random digits in the three channels of a picture, and so 1000 modes, to see how many are lost.

From Metz et al. 2017 and Srivastava et al. 2017 (VEEGAN); scored as there and in Lin et al. 2018 (PacGAN): of 26,000
samples, how many of the 1000 triples a classifier of digits finds, and KL(generated || real) of their shares. Even
perfect samples score above 0, and the classifier errs: the floor is what held-out real digits score.

The game is relativistic with R1 and R2, which in Huang et al. 2024 lost no mode.
"""

import torch
from torch import Tensor
from torch.special import xlogy

from ..game import train
from ..generators import make
from ..losses import relativistic
from ..nets import conv
from ..penalties import r1, r2
from ..running.data import Data
from ..running.experiment import Experiment, Options, Recipe, Score
from ..running.judge import in_portions

SAMPLES = 26_000
DIGITS = 10


class Stacked:
    """Endless batches of pictures (n, 3, size, size): each channel a random digit; keeps its place like `Batches`."""

    def __init__(self, x: Tensor, size: int, seed: int = 0):
        self.x, self.size = x, size
        self.rng = torch.Generator(x.device).manual_seed(seed)

    def __iter__(self):
        return self

    def __next__(self) -> Tensor:
        rows = torch.randint(len(self.x), (self.size, 3), generator=self.rng, device=self.x.device)
        return self.x[rows, 0]

    def state_dict(self) -> dict:
        return {"rng": self.rng.get_state()}

    def load_state_dict(self, state: dict) -> None:
        self.rng.set_state(state["rng"].cpu())


def triples(digits: Tensor) -> Tensor:
    """The mode of each picture, 0 to 999, from its three digits: (n, 3) to (n,)."""
    return digits @ digits.new_tensor([DIGITS**2, DIGITS, 1])


def modes_and_kl(modes: Tensor, shares: Tensor) -> tuple[int, float]:
    """How many modes occur among `modes` (n,), and KL of their shares from the real `shares` (1000,), in nats."""
    counts = torch.bincount(modes.cpu(), minlength=len(shares)).double()
    found = counts / counts.sum()
    return int((counts > 0).sum()), (xlogy(found, found) - xlogy(found, shares)).sum().item()


def score(fake: Tensor, real_names: Tensor, y: Tensor, trials: int = 20) -> dict[str, Score]:
    """Modes and KL of the digits named in fakes, (n, 3); the floor from the names of held-out real digits, (m,).

    y: labels of the training digits, whose shares, taken three times, are those of the real modes.
    """
    one = torch.bincount(y.cpu(), minlength=DIGITS).double() / len(y)
    shares = torch.einsum("i,j,k->ijk", one, one, one).flatten()
    rng = torch.Generator().manual_seed(0)
    real_names = real_names.cpu()
    n = len(fake)
    floors = [modes_and_kl(triples(real_names[torch.randint(len(real_names), (n, 3), generator=rng)]), shares)
              for _ in range(trials)]  # fmt: skip
    floors = torch.tensor(floors, dtype=torch.float64)
    found = modes_and_kl(triples(fake), shares)
    mean, sd = floors.mean(0).tolist(), floors.std(0).tolist()
    return {name: Score(found[i], mean[i], sd[i], n) for i, name in enumerate(("modes_of_1000", "kl"))}


def build(data: Data, o: Options) -> Experiment:
    G = make("conv", size=data.size, channels=3, z_dim=64, width=o.width).to(o.device)
    D = conv.discriminator(data.size, 3, o.width).to(o.device)
    lr = o.lr or 5e-4
    game = train(G, D, Stacked(data.x, o.batch, seed=o.seed), steps=o.steps, loss=relativistic,
                 penalties=[r1(1.0), r2(1.0)], lr_g=lr, lr_d=lr, average=o.average, seed=o.seed,
                 bf16=o.bf16)  # fmt: skip

    def measure(judge) -> dict:
        x = in_portions(game.sample, SAMPLES)
        named = judge.classes(x.flatten(0, 1).unsqueeze(1)).view(-1, 3)
        return score(named, judge.classes(data.x_test), data.y)

    return Experiment(game, sheet=lambda: game.sample(80), measure=measure)


RECIPE = Recipe("three digits in three channels: how many of 1000 modes?", "mnist", size=28, steps=20_000, batch=64,
                width=32, build=build)  # fmt: skip
