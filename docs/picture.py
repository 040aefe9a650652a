"""Draw the picture of the README: python docs/picture.py (about half a minute on one core)."""

from pathlib import Path

import torch

from gan_course import device, plot, r1, toy, train
from gan_course.nets import mlp

TURNS = (0, 100, 400, 3000)

device.tune_threads()
device.seed(0)
ring = toy.ring(std=0.06)
G, D = mlp.generator(hidden=(64, 64)), mlp.discriminator(hidden=(64, 64))
game = train(G, D, ring.batches(256), penalties=[r1(0.1)])

fig, axes = plot.figure(1, len(TURNS), width=12, height=3.1)
for ax, turn in zip(axes, TURNS, strict=True):
    while game.index < turn:
        next(game)
    fake = game.sample(400).requires_grad_()
    (wish,) = torch.autograd.grad(game.loss.g(D(fake), D(fake)) * len(fake), fake)
    p = torch.sigmoid(D(plot.mesh((-1.6, 1.6), 80))).detach().reshape(80, 80)
    ax.imshow(p, origin="lower", extent=(-1.6, 1.6) * 2, cmap=plot.VERDICT, vmin=0, vmax=1, interpolation="bilinear")
    plot.scatter(ax, ring.sample(400, seed=1), fake, (-1.6, 1.6))
    arrows = -0.3 * wish / wish.norm(dim=1).max()  # in each panel the longest arrow is 0.3 long
    plot.arrows(ax, fake[:60], arrows[:60], scale=1, scale_units="xy", zorder=3)
    ax.get_legend().remove()
    ax.set(title=f"turn {turn}", xticks=[], yticks=[], xlabel="", ylabel="")
axes[0].legend(loc="upper left", markerscale=2)
fig.savefig(Path(__file__).with_name("picture.png"), facecolor="white")
