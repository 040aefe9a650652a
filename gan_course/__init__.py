"""A course on generative adversarial networks: this page is the package's contents.

The method is on one screen in `game.py`. Nothing here touches a GPU or the network at import.
"""

from . import device, ensemble, images, metrics, nets, plot, store, toy
from .batches import Batches
from .game import Game, train
from .generators import load_generator
from .health import NonFinite
from .losses import Loss, hinge, least_squares, minimax, non_saturating, relativistic, wasserstein
from .penalties import clip_weights, gradient_penalty, r1, r2, spectral_norm

__all__ = [
    "Batches",
    "Game",
    "Loss",
    "NonFinite",
    "clip_weights",
    "device",
    "ensemble",
    "gradient_penalty",
    "hinge",
    "images",
    "least_squares",
    "load_generator",
    "metrics",
    "minimax",
    "nets",
    "non_saturating",
    "plot",
    "r1",
    "r2",
    "relativistic",
    "spectral_norm",
    "store",
    "toy",
    "train",
    "wasserstein",
]
