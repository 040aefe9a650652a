"""Handwritten digits by the recipe that made GANs on images work: Radford, Metz and Chintala 2016 (DCGAN).

Its loss and its Adam (beta1 0.5, and 2e-4 at width 32). The networks are this course's `nets.conv`: G enlarges by
repeating pixels, D has no batch normalisation. The first weights are PyTorch's own: those of the paper (normal, 0.02)
are for widths of 64 and more, and at width 8 G painted black. G's weights are averaged, as is usual since.
"""

import torch

from ..batches import Batches
from ..game import train
from ..generators import make
from ..losses import non_saturating
from ..nets import conv
from ..running.data import Data
from ..running.experiment import Experiment, Options, Recipe
from ..running.judge import in_portions


def build(data: Data, o: Options) -> Experiment:
    G = make("conv", size=data.size, channels=1, z_dim=64, width=o.width).to(o.device)
    D = conv.discriminator(data.size, 1, o.width).to(o.device)
    lr = o.rate(2e-4)
    opt_g, opt_d = (torch.optim.Adam(net.parameters(), lr, betas=(0.5, 0.999), fused=True) for net in (G, D))
    batches = Batches(data.x, o.batch, seed=o.seed)
    game = train(G, D, batches, steps=o.steps, loss=non_saturating, opt_g=opt_g, opt_d=opt_d, average=o.average,
                 seed=o.seed, bf16=o.bf16)  # fmt: skip
    return Experiment(
        game,
        sheet=lambda: game.sample(80),
        measure=lambda judge: judge.distances(lambda n: in_portions(game.sample, n)),
    )


RECIPE = Recipe("DCGAN on handwritten digits", "mnist", size=28, steps=20_000, batch=64, width=32, build=build)
