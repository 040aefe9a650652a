"""Saves: a whole training state, or one trained network, in one file (`savefile` says how it is made safe).

A save keeps all that the next turn depends on: both networks and optimisers, the average, the game's noise,
the place in the data, and the global random states. So a resumed run equals the unbroken one bit for bit.
"""

import copy
import os
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from . import savefile
from .savefile import StoreError as StoreError


def save(path: str | os.PathLike, game) -> None:
    """Write the whole state of a game (see `train`) to one file, replacing an earlier save there in one step.

    Raises ValueError if the place in the data cannot be kept, and StoreError if the file cannot be written (a
    full disk, a missing permission); the earlier save is then still there.
    """
    state = game.state_dict()
    if state["batches"] is None:
        raise ValueError(
            "This game's place in its data cannot be saved, because batches is a plain iterator: train on "
            "Batches(x, size), which keeps its place, or save only the network with store.save_weights."
        )
    savefile.write(Path(path), "a game", {"game": state, "random": _random_states()})


def load(path: str | os.PathLike, game) -> None:
    """Put a game into the state that `save` wrote, and the global random states with it.

    Build the game first as it was built for the saved run: networks, optimisers, data, loss, penalties.
    Learning rates come from the save. Raises StoreError for a damaged file, and ValueError for a save of
    another game, naming the tensors that differ; in both cases this game is left as it was.
    """
    restore(path, savefile.read(Path(path), "a game"), game)


def restore(path: str | os.PathLike, content: dict, game) -> None:
    """As `load`, from what `savefile.read` has read at this path."""
    before = copy.deepcopy(game.state_dict())
    fix = "build the networks, optimisers and data as for the saved run, on the same kind of device"
    _refuse_if_different(path, content["game"], before, fix)
    try:
        game.load_state_dict(content["game"])
    except Exception as error:
        game.load_state_dict(before)
        raise ValueError(f"{path} does not fit ({error}): {fix}.") from error
    _restore_random(content["random"])


def save_weights(path: str | os.PathLike, module: nn.Module, card: dict) -> None:
    """Write a network's weights, and a card of plain values that says what they are: data, seed, licence."""
    savefile.write(Path(path), "a network's weights", {"card": card, "weights": module.state_dict()})


def load_weights(path: str | os.PathLike, module: nn.Module) -> dict:
    """Put what `save_weights` wrote into a network of the same make; gives the card. Errors as for `load`."""
    content = savefile.read(Path(path), "a network's weights")
    _refuse_if_different(path, content["weights"], module.state_dict(), "build the network that was saved")
    module.load_state_dict(content["weights"])
    return content["card"]


def _random_states() -> dict:
    name, keys, *rest = np.random.get_state()
    return {
        "python": random.getstate(),
        "numpy": (name, keys.tolist(), *rest),
        "torch": torch.get_rng_state(),
        # A GPU that was not used has drawn nothing, and asking would wake it.
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else [],
        "mps": torch.mps.get_rng_state() if torch.backends.mps.is_available() else None,
    }


def _restore_random(states: dict) -> None:
    random.setstate(states["python"])
    np.random.set_state(states["numpy"])
    torch.set_rng_state(states["torch"])
    if states["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(states["cuda"][: torch.cuda.device_count()])
    if states["mps"] is not None and torch.backends.mps.is_available():
        torch.mps.set_rng_state(states["mps"])


def _refuse_if_different(path: str | os.PathLike, saved: dict, here: dict, fix: str) -> None:
    found = list(_differences(saved, here, ""))
    if found:
        more = f", and {len(found) - 3} more" if len(found) > 3 else ""
        raise ValueError(f"{path} does not fit: {', '.join(found[:3])}{more}; {fix}.")


def _differences(saved, here, at: str) -> Iterator[str]:
    """What differs in make: names, shapes, types. Differing values are what a load is for."""
    if isinstance(saved, Tensor) and isinstance(here, Tensor):
        if (saved.shape, saved.dtype) != (here.shape, here.dtype):
            yield f"{at} is {_describe(saved)} in the save and {_describe(here)} here"
    elif isinstance(saved, dict) and isinstance(here, dict):
        # An optimiser's own state is empty until its first step, so only its groups can be compared.
        keys = ["param_groups"] if "param_groups" in here else dict.fromkeys([*saved, *here])
        for key in keys:
            name = f"{at}.{key}".lstrip(".")
            if key in saved and key in here:
                yield from _differences(saved[key], here[key], name)
            else:
                yield f"{name} is only {'in the save' if key in saved else 'here'}"
    elif isinstance(saved, (list, tuple)) and isinstance(here, (list, tuple)):
        if len(saved) != len(here):
            yield f"{at} has {len(saved)} parts in the save and {len(here)} here"
        for i, pair in enumerate(zip(saved, here, strict=False)):
            yield from _differences(*pair, f"{at}.{i}")
    elif any(isinstance(side, (Tensor, dict, list, tuple)) for side in (saved, here)):
        yield f"{at} is {_describe(saved)} in the save and {_describe(here)} here"


def _describe(value) -> str:
    if isinstance(value, Tensor):
        return f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"
    return "absent" if value is None else f"a {type(value).__name__}"
