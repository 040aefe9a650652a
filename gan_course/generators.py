"""A trained generator in one line: `G = load_generator("runs/dcgan-mnist/generator.safetensors")`.

The file says which of this project's networks it holds and how large it is; that network is built here, and given the
saved weights. Nothing in the file is ever executed.
"""

import os
from pathlib import Path

import torch
from torch import nn

from . import savefile, store
from .nets import conditional, conv, mlp, residual
from .savefile import StoreError

# The only networks that a file can ask for. A name, once given, keeps its meaning: old files must stay readable.
KINDS = {
    "mlp": mlp.generator,
    "conv": conv.generator,
    "conditional": conditional.generator,
    "residual": residual.generator,
}


def make(kind: str, **arguments: int | float | tuple) -> nn.Module:
    """A new generator that `save_generator` can save: `make("conv", size=28, width=32)` is `conv.generator(...)`."""
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(map(repr, KINDS))}; got {kind!r}.")
    G = KINDS[kind](**arguments)
    G.made = {"kind": kind, "arguments": arguments}
    return G


def save_generator(path: str | os.PathLike, G: nn.Module, card: dict) -> None:
    """Write a generator from `make` (or a copy of it), and a card of plain values that says what it is.

    Raises StoreError if the file cannot be written; an earlier one is then still whole.
    """
    if not hasattr(G, "made"):
        raise ValueError(
            "The file must say how to build this network: make it with generators.make('conv', size=28), say, or save "
            "its weights alone with store.save_weights."
        )
    store.save_weights(path, G, {**card, "generator": G.made})


def load_generator(path: str | os.PathLike, device: torch.device | str | None = None) -> nn.Module:
    """The generator that a run trained, in eval mode and frozen; `G.card` is its card, a dict, `G.z_dim` its noise.

    path: the file, or the run's folder. Raises StoreError for a file that is missing, damaged or foreign, ValueError
    for one that holds something else.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "generator.safetensors"
    content = savefile.read(path, "a network's weights")
    made = content["card"].get("generator") if isinstance(content["card"], dict) else None
    if not isinstance(made, dict) or made.get("kind") not in KINDS:
        raise ValueError(
            f"{path} does not say which generator it holds, or this version of the course does not know it: build the "
            "network yourself and open the file with store.load_weights(path, G)."
        )
    try:
        with torch.device("meta"):  # shapes only: a wrong size is noticed before it costs memory
            blank = KINDS[made["kind"]](**made["arguments"]).state_dict()
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise StoreError(
            f"{path} asks for a network that cannot be built ({error}): it is no generator of this course."
        ) from error
    if {name: t.shape for name, t in blank.items()} != {name: t.shape for name, t in content["weights"].items()}:
        raise StoreError(f"{path} holds other weights than the network it names: it is no generator of this course.")
    G = make(made["kind"], **made["arguments"])
    G.load_state_dict(content["weights"])
    G.card = content["card"]
    return G.eval().requires_grad_(False).to(device)
