"""What one game of many is given: its settings, their checks, and that game alone.

`ensemble.py` takes a dict of settings for each game; what stands in none is `SETTINGS`.
"""

import inspect
from collections.abc import Callable, Sequence
from numbers import Integral

import torch
from torch import Tensor, nn

from . import door, game
from .game import Game
from .losses import non_saturating
from .penalties import Penalty

SETTINGS = {
    "G": None, "D": None, "batches": None, "seed": 0, "loss": non_saturating, "penalties": (), "constrain": None,
    "opt": None, "lr_g": 1e-3, "lr_d": 1e-3, "d_steps": 1, "g_steps": 1, "average": None,
}  # fmt: skip
MAKERS = {  # what each setting that is a function takes, and what it should look like
    "G": ((), "a function that makes a network: G=lambda: nets.mlp.generator(2, 2, (32, 32))"),
    "D": ((), "a function that makes a network: D=lambda: nets.mlp.discriminator(2, (32, 32))"),
    "batches": ((0,), "a function from a seed to batches: batches=lambda seed: ring().batches(64, seed)"),
    "opt": (
        ([], 1e-3),
        "a function from parameters and rate to an optimiser: opt=lambda p, lr: torch.optim.SGD(p, lr)",
    ),
}


def check_names(settings: Sequence[dict]) -> None:
    for given in settings:
        if unknown := set(given) - set(SETTINGS) - {"name"}:
            raise ValueError(f"{sorted(unknown)[0]!r} is no setting of a game; they are: name, {', '.join(SETTINGS)}.")


def kind(setting: dict) -> tuple:
    """Games of one kind fit into one stack: they differ in seeds, rates and weights of penalties alone."""
    terms = tuple(p.term if isinstance(p, Penalty) else p for p in setting["penalties"])
    own = ("G", "D", "batches", "loss", "constrain", "opt", "d_steps", "g_steps", "average")
    return (terms, *(setting[name] for name in own))


def alone(setting: dict, steps: int | None) -> Game:
    """One game as `game.train` plays it, its networks made from its seed."""
    s = setting
    for name, (takes, looks) in MAKERS.items():
        _check_maker(name, s[name], takes, looks)
    if not isinstance(s["seed"], Integral):
        raise ValueError(f"seed must be a whole number, got {s['seed']!r}.")
    with door.forked(torch.device("cpu"), s["seed"]):
        G, D = s["G"](), s["D"]()
    ready = {"lr_g": s["lr_g"], "lr_d": s["lr_d"]}
    if s["opt"]:
        ready = {
            f"opt_{player}": s["opt"]([p for p in net.parameters() if p.requires_grad], s[f"lr_{player}"])
            for player, net in (("g", G), ("d", D))
        }
    same = {name: s[name] for name in ("loss", "penalties", "constrain", "d_steps", "g_steps", "average", "seed")}
    return game.train(G, D, s["batches"](s["seed"]), steps=steps, **same, **ready)


def _check_maker(name: str, maker: Callable, takes: tuple, looks: str) -> None:
    if name == "opt" and maker is None:
        return
    what = type(maker).__name__
    if isinstance(maker, nn.Module | torch.optim.Optimizer | Tensor) or not callable(maker):
        raise TypeError(f"{name} must be {looks}; got {what}, which all games would have to share.")
    try:
        inspect.signature(maker).bind(*takes)
    except ValueError:  # a function of C does not say what it takes
        return
    except TypeError as error:
        raise TypeError(f"{name} must be {looks}; this one cannot be called so: {error}.") from error


def check_own(solos: list[Game]) -> None:
    for name, parts in (("G", "network"), ("D", "network"), ("batches", "iterator")):
        if len({id(getattr(solo, name)) for solo in solos}) < len(solos):
            raise ValueError(f"{name} gave the same {parts} to several games: it must make a new one at each call.")
