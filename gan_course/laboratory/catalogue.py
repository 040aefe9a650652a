"""What the names in a `Setup` mean: data, losses, penalties, optimisers and networks, the learner's own among them."""

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from gan_course import door, losses, nets, penalties, toy
from gan_course.distribution import Toy
from gan_course.laboratory.setup import Setup
from gan_course.losses import Loss

PEN = 0.06  # the width of a drawn point: a tenth of a mode's distance in the other data
OWN = "yours"  # the name under which a thing of the learner's own appears, where they give it none

_DATA: dict[str, Callable[[], Toy]] = {
    "line": lambda: toy.line((-1.0, -0.6), (1.0, 0.6), noise=0.05),
    "two Gaussians": lambda: toy.mixture([(-0.7, 0.5), (0.7, -0.4)], [0.25, 0.25]),
    "ring": lambda: toy.ring(8, 1.0, 0.08),
    "disjoint regions": lambda: toy.mixture([(-0.9, 0.7), (0.9, 0.4), (-0.3, -0.9)], 0.1),
    "grid": lambda: toy.grid(5, 0.5, 0.04),
    "two moons": lambda: toy.two_moons(0.08),
    "spiral": lambda: toy.swiss_roll(0.05),
}
_LOSSES = (losses.non_saturating, losses.minimax, losses.least_squares, losses.hinge, losses.wasserstein,
           losses.relativistic)  # fmt: skip
_PENALTIES = {"R1": penalties.r1, "R2": penalties.r2, "gradient penalty": penalties.gradient_penalty}
_OPTIMISERS: dict[str, Callable] = {
    "Adam": lambda p, lr: torch.optim.Adam(p, lr, betas=(0.0, 0.99), fused=True),
    "Adam, momentum 0.5": lambda p, lr: torch.optim.Adam(p, lr, betas=(0.5, 0.99), fused=True),
    "Adam, momentum 0.9": lambda p, lr: torch.optim.Adam(p, lr, betas=(0.9, 0.99), fused=True),
    "RMSprop": lambda p, lr: torch.optim.RMSprop(p, lr),
    "SGD": lambda p, lr: torch.optim.SGD(p, lr),
    "SGD, momentum 0.9": lambda p, lr: torch.optim.SGD(p, lr, momentum=0.9),
}


class FromUniform(nn.Module):
    """G on uniform noise in [-1, 1]: erf(z / sqrt 2) of a standard normal z is just that, so a game keeps one source
    of noise, which its state holds."""

    def __init__(self, G: nn.Module):
        super().__init__()
        self.G, self.z_dim = G, G.z_dim

    def forward(self, z: Tensor) -> Tensor:
        return self.G(torch.erf(z / math.sqrt(2)))


@dataclass
class Catalogue:
    """All that can be chosen, by name. The learner's own come first in each list."""

    data: dict[str, Callable[[], Toy]] = field(default_factory=lambda: dict(_DATA))
    losses: dict[str, Loss] = field(default_factory=lambda: {loss.name: loss for loss in _LOSSES})
    penalties: dict[str, Callable[[float], Callable]] = field(default_factory=lambda: dict(_PENALTIES))
    optimisers: dict[str, Callable] = field(default_factory=lambda: dict(_OPTIMISERS))
    generators: dict[str, Callable[[], nn.Module]] = field(default_factory=dict)
    discriminators: dict[str, Callable[[], nn.Module]] = field(default_factory=dict)

    def names(self) -> dict[str, list[str]]:
        return {
            "data": [*self.data, "drawing"], "loss": list(self.losses), "penalties": list(self.penalties),
            "opt": list(self.optimisers), "generator": [*self.generators, "layers"],
            "discriminator": [*self.discriminators, "layers"], "noise": ["Gaussian", "uniform"],
        }  # fmt: skip

    def toy(self, setup: Setup) -> Toy:
        if setup.data == "drawing":
            return toy.from_points(setup.points, bandwidth=PEN)
        return _find("data", self.data, setup.data)()

    def loss(self, setup: Setup) -> Loss:
        return _find("loss", self.losses, setup.loss)

    def penalty_list(self, setup: Setup) -> tuple[Callable, ...]:
        return tuple(_find("penalty", self.penalties, name)(weight) for name, weight in setup.penalties.items())

    def constraint(self, setup: Setup) -> Callable | None:
        return penalties.clip_weights(setup.clip) if setup.clip else None

    def optimiser(self, setup: Setup, player: str, net: nn.Module) -> torch.optim.Optimizer:
        make = _find("optimiser", self.optimisers, getattr(setup, f"opt_{player}"))
        moving = [p for p in net.parameters() if p.requires_grad]
        if not moving:
            raise ValueError(f"{player.upper()} has no parameters that can learn.")
        return make(moving, getattr(setup, f"lr_{player}"))

    def players(self, setup: Setup) -> tuple[nn.Module, nn.Module]:
        """G and D as they begin: from torch's own stream, so seed it first."""
        if setup.generator == "layers":
            G = nets.mlp.generator(2, setup.noise_dim, (setup.g_width,) * setup.g_layers)
        else:
            G = _made("generator", _find("generator", self.generators, setup.generator))
        if not isinstance(getattr(G, "z_dim", None), int):
            raise ValueError("The generator does not say how much noise it wants: give it z_dim, as in G.z_dim = 2.")
        if setup.noise == "uniform":
            G = FromUniform(G)
        if setup.discriminator == "layers":
            D = nets.mlp.discriminator(2, (setup.d_width,) * setup.d_layers)
        else:
            D = _made("discriminator", _find("discriminator", self.discriminators, setup.discriminator))
        return G, penalties.spectral_norm(D) if setup.spectral else D

    def add(self, *, data=None, loss=None, penalty=None, generator=None, discriminator=None) -> dict[str, str]:
        """Put the learner's own things in, each alone or as {name: thing}. Gives back the setup that chooses them.

        data: a 2-D `Toy` or a tensor of points (n, 2). loss: a `Loss`. penalty: a function (D, real, fake); its
        weight multiplies it. generator, discriminator: a module, copied as it is now, or a function that makes one.
        What has the same name is replaced. Raises ValueError or TypeError with one sentence on what cannot be used.
        """
        chosen = {}
        for name, thing in _named(data):
            self.data = _first(name, _data_of(thing), self.data)
            chosen["data"] = name
        for name, thing in _named(loss):
            door.check_loss(thing)
            name = thing.name if name == OWN and getattr(thing, "name", "custom") != "custom" else name
            self.losses = _first(name, thing, self.losses)
            chosen["loss"] = name
        for name, thing in _named(penalty):
            if not callable(thing):
                raise TypeError(f"penalty must be a function of (D, real, fake), got {type(thing).__name__}.")
            self.penalties = _first(name, _weighted(thing), self.penalties)
            chosen[f"penalties.{name}"] = 1.0
        for name, thing in _named(generator):
            self.generators = _first(name, _maker("generator", thing), self.generators)
            chosen["generator"] = name
        for name, thing in _named(discriminator):
            self.discriminators = _first(name, _maker("discriminator", thing), self.discriminators)
            chosen["discriminator"] = name
        return chosen


def _named(things) -> list[tuple[str, object]]:
    if things is None:
        return []
    named = dict(things) if isinstance(things, Mapping) else {OWN: things}
    for name in named:
        if not isinstance(name, str) or name in ("", "drawing", "layers"):
            raise ValueError(f'{name!r} cannot be the name of a thing of your own: take a text such as "mine".')
    return list(named.items())


def _first(name: str, thing, shelf: dict) -> dict:
    return {name: thing, **{other: kept for other, kept in shelf.items() if other != name}}


def _data_of(thing) -> Callable[[], Toy]:
    made = thing if isinstance(thing, Toy) else toy.from_points(thing)
    if made.dim != 2:
        raise ValueError(f"The laboratory draws in a plane: its data must have 2 coordinates, not {made.dim}.")
    return lambda: made


def _weighted(penalty: Callable) -> Callable[[float], Callable]:
    def weigh(weight: float) -> Callable:
        def weighed(D, real: Tensor, fake: Tensor):
            value = penalty(D, real, fake)
            if isinstance(value, Tensor) and value.dim():
                raise ValueError(
                    f"A penalty must be one number, but its shape is {tuple(value.shape)}: end on .mean()."
                )
            return weight * value

        return weighed

    return weigh


def _maker(kind: str, thing) -> Callable[[], nn.Module]:
    if isinstance(thing, nn.Module):
        as_it_is = copy.deepcopy(thing)  # or a replay would begin with what the learner's cells make of it later
        return lambda: as_it_is
    if not callable(thing):
        raise TypeError(f"{kind} must be a torch.nn.Module or a function that makes one, got {type(thing).__name__}.")
    return thing


def _made(kind: str, make: Callable[[], nn.Module]) -> nn.Module:
    net = make()
    if not isinstance(net, nn.Module):
        raise TypeError(f"{kind} must be a function that makes a torch.nn.Module; it made {type(net).__name__}.")
    return copy.deepcopy(net)  # two runs must not train the same one


def _find(kind: str, shelf: Mapping, name: str):
    if name not in shelf:
        raise ValueError(f"There is no {kind} {name!r} here. There are: {', '.join(shelf)}.")
    return shelf[name]
