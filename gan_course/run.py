"""Larger experiments as commands: ``python -m gan_course.run dcgan-mnist``; ``--list`` names them all.

The same command again goes on where an interrupted run was saved. docs/training.md explains the rest.
"""

import argparse
import os
import shlex
import sys
from pathlib import Path

import torch

from . import device
from .game import NonFinite
from .images import DataError
from .parts import out_of_memory
from .recipes import ALL
from .running import data
from .running.experiment import Options
from .running.folder import Folder
from .running.play import GaveUp, Plan, Run
from .running.signals import Signals, Stopped
from .savefile import StoreError


def parse(arguments: list[str]) -> argparse.Namespace:
    what = __doc__.splitlines()[0]
    parser = argparse.ArgumentParser("python -m gan_course.run", description=what, allow_abbrev=False)
    parser.add_argument("name", nargs="?", choices=tuple(ALL), metavar="NAME", help="a recipe; --list shows them")
    parser.add_argument("--list", action="store_true", help="show the recipes")
    parser.add_argument("--data", metavar="FOLDER", help="a folder with the set's official .gz files, or 'digits' for "
                        "scikit-learn's 8x8 digits, which need no download; else they are downloaded once")  # fmt: skip
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="where the run is kept (default: runs/NAME)")
    parser.add_argument("--fresh", action="store_true", help="begin anew; an earlier run there is moved aside")
    parser.add_argument("--steps", type=_whole, help="turns in all")
    parser.add_argument("--batch", type=_whole, help="real images a turn")
    parser.add_argument("--width", type=_whole, help="channels of the narrowest layers")
    parser.add_argument("--lr", type=float, help="learning rate of both players")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", type=torch.device, help="cpu, cuda, cuda:1, mps (default: the fastest at hand)")
    parser.add_argument("--save-every", type=_whole, default=500, metavar="TURNS", help="(default: %(default)s)")
    parser.add_argument("--measure-every", type=_whole, default=0, metavar="TURNS", help="(default: at the end)")
    parser.add_argument("--log-every", type=_whole, default=50, metavar="TURNS", help="(default: %(default)s)")
    given = parser.parse_args(arguments)
    if not given.list and given.name is None:
        parser.error(f"name a recipe: {', '.join(ALL)}")
    return given


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return int(text)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; gives the code to exit with: 0, 1 for a failure that was explained, 128 + signal if stopped."""
    arguments = sys.argv[1:] if arguments is None else arguments
    given = parse(arguments)
    if given.list:
        for name, recipe in ALL.items():
            print(f"{name:22} {recipe.what} ({recipe.data}, {recipe.size} pixels, {recipe.steps} turns)")
        return 0
    try:
        with Signals() as signals:
            _run(given, arguments, signals)
    except Stopped as stop:
        print(f"Stopped by {stop.name}.", file=sys.stderr)
        return stop.code
    except KeyboardInterrupt:
        print("Stopped at once: the last save is what stays.", file=sys.stderr)
        return 130
    except (DataError, GaveUp, NonFinite, StoreError, ValueError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        print(f"Error: memory ran out ({str(error).splitlines()[0]}) The last save stays: give the same command again, "
              "with other programs closed or on a machine with more memory.", file=sys.stderr)  # fmt: skip
        return 1
    return 0


def _run(given: argparse.Namespace, arguments: list[str], signals: Signals) -> None:
    recipe = ALL[given.name]
    where = given.device or device.pick()
    folder = Folder(given.out or Path("runs") / given.name, writes=_first())
    with folder.lock():
        if given.fresh and (aside := folder.set_aside()):
            print(f"The earlier run is kept in {aside}.")
        found = data.find(recipe.data, recipe.size, given.data, where)
        options = Options(given.steps or recipe.steps, given.batch or recipe.batch, given.width or recipe.width,
                          given.seed, where, given.lr)  # fmt: skip
        plan = Plan(_command(arguments), _command(_without_places(arguments)), given.save_every, given.measure_every,
                    given.log_every)  # fmt: skip
        run = Run(recipe, given.name, found, options, plan, folder, signals)
        print(f"{given.name}: {recipe.what}. {len(found.x)} images of {found.name}, on {where}; kept in {folder.path}.")
        run.play()
        print(f"Done. In a notebook: G = gan_course.load_generator({str(folder.generator)!r})")


def _command(arguments: list[str]) -> str:
    return shlex.join(["python", "-m", "gan_course.run", *arguments])


def _without_places(arguments: list[str]) -> list[str]:
    """The arguments for a card that others will read: folders of this machine are none of their business."""
    pairs = [part for argument in arguments for part in argument.split("=", 1)]
    kept = []
    for part in pairs:
        if kept[-1:] == ["--out"]:
            kept.pop()  # the option goes with its value
        elif kept[-1:] == ["--data"] and part != "digits":
            kept.append("FOLDER")
        else:
            kept.append(part)
    return kept


def _first() -> bool:
    """Whether this process writes: of several that train together, only the first does."""
    return os.environ.get("RANK", "0") == "0"


if __name__ == "__main__":
    sys.exit(main())
