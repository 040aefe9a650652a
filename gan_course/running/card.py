"""What is known of a trained generator: how it was made, from what, how good it is, and how it may be used."""

import datetime
import hashlib
import json
import os
import platform
from pathlib import Path

import torch

from ..game import Game
from ..generators import save_generator
from ..savefile import StoreError
from .data import Data
from .folder import Folder, Notes


def machine(device: torch.device, processes: int) -> dict:
    """The class of machine, without its name; `processes` is how many trained together in the end."""
    kind = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    return {
        "processes": processes,
        "device": device.type,
        "kind": kind,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "system": platform.system(),
        "torch": torch.__version__,
    }


def describe(command: str, data: Data, game: Game, notes: Notes, processes: int) -> dict:
    G = game.averaged or game.G
    return {
        "command": command,
        "data": data.card(),
        "steps": game.index,
        "images seen": game.index * notes.identity["batch"],
        "parameters": sum(p.numel() for p in G.parameters()),
        "weights": "averaged over the run" if game.averaged else "the last turn's",
        "metrics": notes.metrics,
        "events": notes.events,
        "seconds": round(notes.seconds, 1),
        "machine": machine(game.device, processes),
        "date": datetime.date.today().isoformat(),
        "licence": "the weights: MIT, as the code that made them; the licence of the data stands with the data",
    }


def write(folder: Folder, game: Game, card: dict) -> None:
    """The generator with its card in one file, and the card with the file's SHA-256 beside it. Raises StoreError."""
    save_generator(folder.generator, game.averaged or game.G, card)
    digest = hashlib.sha256(folder.generator.read_bytes()).hexdigest()
    beside: Path = folder.generator.with_suffix(".json")
    try:
        new = beside.with_suffix(".json.new")
        new.write_text(json.dumps({**card, "sha256": digest}, indent=2, ensure_ascii=False) + "\n")
        new.replace(beside)
    except OSError as error:
        raise StoreError(f"Could not save {beside} ({error.strerror or error}): free some space there.") from error
