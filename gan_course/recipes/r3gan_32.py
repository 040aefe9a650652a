"""Handwritten digits at 32 pixels by a modern, minimal recipe: Huang et al. 2024 (R3GAN), in small.

The relativistic pairing loss, R1 and R2, residual networks without normalisation, Adam without momentum. The paper's
networks are some hundred times larger, and its rates and penalties follow schedules; here they are constant.
"""

from ..batches import Batches
from ..game import train
from ..generators import make
from ..losses import relativistic
from ..nets import residual
from ..penalties import r1, r2
from ..running.data import Data
from ..running.experiment import Experiment, Options, Recipe
from ..running.judge import in_portions


def build(data: Data, o: Options) -> Experiment:
    G = make("residual", size=data.size, channels=1, z_dim=64, width=o.width).to(o.device)
    D = residual.discriminator(data.size, 1, o.width).to(o.device)
    batches, lr = Batches(data.x, o.batch, seed=o.seed), o.rate(2e-4)
    game = train(G, D, batches, steps=o.steps, loss=relativistic, penalties=[r1(1.0), r2(1.0)], lr_g=lr, lr_d=lr,
                 average=o.average, seed=o.seed, bf16=o.bf16)  # fmt: skip
    return Experiment(
        game,
        sheet=lambda: game.sample(80),
        measure=lambda judge: judge.distances(lambda n: in_portions(game.sample, n)),
    )


RECIPE = Recipe("relativistic, R1 and R2, no normalisation: R3GAN in small", "mnist", size=32, steps=20_000, batch=64,
                width=16, build=build)  # fmt: skip
