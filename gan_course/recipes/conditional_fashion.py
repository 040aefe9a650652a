"""Clothes on demand: both networks are told the label. Mirza and Osindero 2014; Miyato and Koyama 2018.

Hinge loss with R1, and the average of G's weights. `obeys_label` says how often a classifier names a picture as asked.
"""

import torch
from torch import Tensor

from ..batches import Batches
from ..game import train
from ..generators import make
from ..losses import hinge
from ..nets import conditional
from ..penalties import r1
from ..running.data import Data
from ..running.experiment import Experiment, Options, Recipe


def build(data: Data, o: Options) -> Experiment:
    G = make("conditional", size=data.size, channels=1, classes=10, z_dim=64, width=o.width).to(o.device)
    D = conditional.discriminator(data.size, 1, 10, o.width).to(o.device)
    batches, lr = Batches(data.x, o.batch, data.y, seed=o.seed), o.rate(2e-4)
    game = train(G, D, batches, steps=o.steps, loss=hinge, penalties=[r1(1.0)], lr_g=lr, lr_d=lr, average=o.average,
                 seed=o.seed, bf16=o.bf16)  # fmt: skip
    labels = torch.arange(10, device=o.device).repeat(8)  # a column a class

    def draw(y: Tensor) -> Tensor:
        return torch.cat([game.sample(len(part), part, seed=i) for i, part in enumerate(y.split(500))])

    def measure(judge) -> dict:
        return {**judge.distances(lambda n: draw(data.y_test[:n])), **judge.obedience(draw)}

    return Experiment(game, sheet=lambda: game.sample(len(labels), labels), measure=measure)


RECIPE = Recipe("clothes of a class that you name", "fashion_mnist", size=28, steps=20_000, batch=64, width=32,
                build=build)  # fmt: skip
