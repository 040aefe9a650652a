"""Larger experiments as commands: ``python -m gan_course.run dcgan-mnist``; ``--list`` names them all.

The same command again goes on where an interrupted run was saved. docs/training.md explains the rest.
"""

import argparse
import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import torch

from . import device
from .health import NonFinite
from .images import DataError
from .parts import out_of_memory
from .recipes import ALL
from .running import data
from .running.experiment import Options
from .running.folder import Folder
from .running.play import GaveUp, Plan, Run
from .running.signals import Signals, Stopped
from .savefile import StoreError
from .team import Lost, Team, join


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
    parser.add_argument("--bf16", action="store_true", help="products in bfloat16: faster on a GPU and with AMX")
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
    with Signals() as signals:
        try:
            with join() as us:
                return _explained(us, signals, lambda: _run(given, arguments, us, signals))
        except Lost as error:
            print(f"Error: {error}", file=sys.stderr)
            return 1
        except Stopped as stop:
            return stop.code


def _explained(us: Team, signals: Signals, work: Callable[[], None]) -> int:
    """Do the work; where it fails, one of the processes says why. The code to exit with."""
    try:
        work()
        return 0
    except Stopped as stop:
        words, code = f"Stopped by {stop.name}.", stop.code
    except KeyboardInterrupt:
        words, code = "Stopped at once: the last save is what stays.", 130
    except (DataError, GaveUp, NonFinite, StoreError, ValueError, Lost) as error:
        words, code = f"Error: {error}", 1
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            us.speaks()  # the traceback says it
            raise
        why = str(error).splitlines()[0]
        words = (
            f"Error: memory ran out ({why}) The last save stays: give the same command again, with other programs "
            "closed or on a machine with more memory."
        )
        code = 1
    signals.end()
    if us.speaks():
        print(words, file=sys.stderr)
    return code


def _run(given: argparse.Namespace, arguments: list[str], us: Team, signals: Signals) -> None:
    recipe = ALL[given.name]
    where = _place(given.device, us)
    options = Options(given.steps or recipe.steps, given.batch or recipe.batch, given.width or recipe.width,
                      given.seed, where, given.lr, given.bf16)  # fmt: skip
    us.rows(options.batch)  # refuses a batch that is too small for this many
    say = print if us.first else lambda words: None
    folder = Folder(given.out or Path("runs") / given.name, us)
    with folder.lock():
        if us.first and given.fresh and (aside := folder.set_aside()):
            say(f"The earlier run is kept in {aside}.")
        with us.one_a_machine_first():
            found = data.find(recipe.data, recipe.size, given.data, where)
        plan = Plan(_command(arguments, us), _command(_without_places(arguments), us), given.save_every,
                    given.measure_every, given.log_every)  # fmt: skip
        run = Run(recipe, given.name, found, options, plan, folder, signals)
        together = f", {us.size} processes together" if us.size > 1 else ""
        say(f"{given.name}: {recipe.what}. {len(found.x)} images of {found.name}, on {where}{together}; kept in "
            f"{folder.path}.")  # fmt: skip
        run.play()
        say(f"Done. In a notebook: G = gan_course.load_generator({str(folder.generator)!r})")


def _place(asked: torch.device | None, us: Team) -> torch.device:
    """The device of this process. Of several on a machine with NVIDIA GPUs, each has its own."""
    where = asked or device.pick()
    if us.size == 1:
        return where
    if where.type == "mps" and asked is None:
        return torch.device("cpu")
    if where.type == "mps" or where.index is not None:
        raise ValueError(f"Several processes cannot share {where}: give --device cuda or cpu, and each takes its own.")
    if where.type != "cuda":
        return where
    if us.local >= torch.cuda.device_count():
        raise ValueError(
            f"This machine has {torch.cuda.device_count()} GPUs, and torchrun started more processes than that: give "
            "it as many with --nproc-per-node, or give this command --device cpu."
        )
    torch.cuda.set_device(us.local)
    return torch.device("cuda", us.local)


def _command(arguments: list[str], us: Team) -> str:
    """The command that goes on with this run: as it was given, or by torchrun in as many processes as now."""
    begin = ["python"]
    if us.size > 1:
        here = int(os.environ["LOCAL_WORLD_SIZE"])
        machines = ["--nnodes", str(us.size // here)] if us.size > here else ["--standalone"]
        begin = ["torchrun", *machines, "--nproc-per-node", str(here)]
    return shlex.join([*begin, "-m", "gan_course.run", *arguments])


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


if __name__ == "__main__":
    sys.exit(main())
