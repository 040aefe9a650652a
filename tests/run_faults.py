"""A process that forks runs of `python -m gan_course.run` and does them harm; test_run.py talks to it in lines of JSON.

Each run is a process of its own. It is forked, so that PyTorch is imported once and not for each life of a run.
"""

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
import traceback
from contextlib import contextmanager
from pathlib import Path

import psutil
import torch
from asking import answer

from gan_course import Batches, Loss, relativistic, run, savefile, train
from gan_course.generators import make
from gan_course.images import digits
from gan_course.nets import conv, mlp
from gan_course.recipes import ALL
from gan_course.running.experiment import Experiment, Recipe
from gan_course.running.logs import Logs

SMALL = ["dcgan-mnist", "--data", "digits", "--width", "4", "--batch", "8", "--log-every", "1"]
PATIENCE = 120  # seconds; a loaded machine is slow


class Child:
    """A run in a process of its own, with its output in a file beside the run's folder.

    It tells its parent of each turn that it logs. torn: it kills itself with SIGKILL within its third write of a save.
    """

    def __init__(self, out: Path, *arguments: str, words: Path | None = None, torn: bool = False):
        self.words = words or out.with_name(out.name + ".txt")
        self.before = self.words.stat().st_size if self.words.exists() else 0
        self.beat, beat = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            code = 99
            try:
                words = os.open(self.words, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
                os.dup2(words, 1), os.dup2(words, 2)
                report(beat)
                if torn:
                    die_in_a_write(3)
                code = run.main([*arguments, "--out", str(out)])
                sys.stdout.flush(), sys.stderr.flush()
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        os.close(beat)

    def said(self) -> str:
        return self.words.read_bytes()[self.before :].decode() if self.words.exists() else ""

    def wait_for(self, condition) -> None:
        end = time.monotonic() + PATIENCE
        while not condition():
            if os.waitpid(self.pid, os.WNOHANG)[0] or time.monotonic() > end:
                raise AssertionError(f"it ended, or went on, without what was waited for: {self.said()}")
            time.sleep(0.02)

    def logged(self) -> None:
        """Wait until it has logged a turn."""
        assert os.read(self.beat, 1), f"it ended without a turn: {self.said()}"

    def end(self, number: int | None = None) -> int:
        """Send a signal, if any, and give the code: negative if the signal ended it, as in `subprocess`."""
        if number is not None:
            os.kill(self.pid, number)
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.beat)
        return code

    @contextmanager
    def stopped(self):
        os.kill(self.pid, signal.SIGSTOP)
        yield
        os.kill(self.pid, signal.SIGCONT)


def report(beat: int) -> None:
    scalars = Logs.scalars

    def reporting(logs, *arguments) -> None:
        scalars(logs, *arguments)
        os.write(beat, b".")

    Logs.scalars = reporting


def die_in_a_write(nth: int) -> None:
    """The bytes are in the partial file, which has not taken its name yet."""
    replace, count = os.replace, [0]

    def deadly(source, target) -> None:
        count[0] += Path(target).name == "run.save"
        if count[0] == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        replace(source, target)

    os.replace = deadly


def play(out: Path, *arguments: str) -> tuple[int, str]:
    child = Child(out, *arguments)
    return child.end(), child.said()


def turn(out: Path) -> int:
    """The last whole line of the log."""
    log = out / "log.jsonl"
    lines = log.read_text().split("\n")[:-1] if log.exists() else []
    return json.loads(lines[-1])["turn"] if lines else 0


def logged(out: Path) -> list[int]:
    lines = (out / "log.jsonl").read_text().splitlines()
    return [json.loads(line)["turn"] for line in lines if "d_loss" in line]


def state(out: Path) -> dict:
    content = savefile.read(out / "run.save", "a game")
    return {**content["game"], "random": content["random"]}


def notes(out: Path) -> dict:
    return json.loads(state(out)["notes"])


def same(a, b) -> bool:
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a if key != "notes")
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


def lives(folder: Path, seed: int = 0) -> dict:
    """One run of 100 turns through 9 deaths by three signals at random moments, beside the same run unharmed."""
    arguments = [*SMALL, "--steps", "100", "--save-every", "4"]
    code, said = play(folder / "straight", *arguments)
    assert code == 0, said
    out, rng = folder / "run", random.Random(seed)
    found = {"codes": [], "lost": [], "torn": 0, "words": []}
    deaths = ["torn"] * 2 + [signal.SIGKILL] * 3 + [signal.SIGINT] * 2 + [signal.SIGTERM] * 2
    rng.shuffle(deaths)
    for death in deaths:
        child = Child(out, *arguments, torn=death == "torn")
        number = None if death == "torn" else death
        if number:
            child.logged()
            time.sleep(rng.uniform(0, 0.1))
        code = child.end(number)
        found["torn"] += any(out.glob(".run.save.*.partial"))
        found["codes"].append((int(number or signal.SIGKILL), code))
        found["words"].append(child.said())
        found["lost"].append((int(number or signal.SIGKILL), turn(out) - state(out)["index"]))
        if state(out)["index"] > 90:
            break
    found["end"], _ = play(out, *arguments)
    found["same"] = same(state(out), state(folder / "straight"))
    found["log"] = logged(out)
    found["last"] = state(out)["index"]
    return found


@contextmanager
def small_disk(folder: Path, size: str):
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    mounted = os.geteuid() == 0 and subprocess.run(mount, capture_output=True).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", str(folder)], check=True)


def full_disk(folder: Path, seed: int = 1) -> dict:
    """The disk is filled, and freed, three times while a run goes on. Where no small disk can be mounted, the kernel
    limits the size of the run's files in place of that."""
    arguments = [*SMALL, "--steps", "120", "--save-every", "3"]
    disk, rng = folder / "disk", random.Random(seed)
    disk.mkdir()
    found = {"whole": [], "left": []}
    with small_disk(disk, "4m") as mounted:
        out = disk / "run"
        child = Child(out, *arguments, words=folder / "words.txt")
        for _ in range(4):
            child.logged()
        for _ in range(3):
            with child.stopped():
                fill(disk) if mounted else limit_files(child.pid, 1000)
                at, size = state(out)["index"], len(child.said())
            child.wait_for(lambda size=size: "Training goes on, and the next save tries again" in child.said()[size:])
            with child.stopped():
                found["whole"].append(state(out)["index"] >= at)
                found["left"].append(len(list(out.glob(".*.partial"))))
                (disk / "filler").unlink(missing_ok=True) if mounted else limit_files(child.pid, resource.RLIM_INFINITY)
                at = state(out)["index"]
            child.wait_for(lambda at=at: state(out)["index"] > at)
            time.sleep(rng.uniform(0, 0.1))
        found["code"], found["words"], found["mounted"] = child.end(), child.said(), mounted
        found["card"] = json.loads((out / "generator.json").read_text())
        found["last"] = state(out)["index"]
    return found


def fill(disk: Path) -> None:
    with open(disk / "filler", "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            pass


def limit_files(pid: int, size: int) -> None:
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def poisoned(cure: float):
    """A recipe whose D gets a NaN at turn 13, as long as its learning rate is above `cure`."""

    def build(data, o):
        seen = []

        def d(real, fake):
            ill = seen and seen[0].index == 12 and seen[0].opt_d.param_groups[0]["lr"] > cure
            return relativistic.d(real, fake) * (float("nan") if ill else 1.0)

        G, D, loss = make("conv", size=8, width=4, z_dim=8), conv.discriminator(8, width=4), Loss(d, relativistic.g)
        play = train(G, D, Batches(data.x, o.batch), steps=o.steps, loss=loss, average=0.9)
        seen.append(play)
        return Experiment(play, lambda: play.sample(10), lambda judge: judge.distances(play.sample))

    return Recipe("for a test", "mnist", 8, 20, 8, 4, build)


def nan(folder: Path, cure: float = 3e-4) -> dict:
    ALL["poisoned"] = poisoned(cure)
    arguments = ["poisoned", "--data", "digits", "--steps", "20", "--save-every", "5", "--log-every", "1"]
    code, words = play(folder / "run", *arguments)
    end = state(folder / "run")
    found = {"code": code, "words": words, "log": logged(folder / "run"), "notes": notes(folder / "run"),
             "at": end["index"], "rate": end["opt_d"]["param_groups"][0]["lr"]}  # fmt: skip
    if code == 0:
        found["card"] = json.loads((folder / "run" / "generator.json").read_text())
    else:
        found["again"] = play(folder / "run", *arguments)
    return found


def hungry(folder: Path) -> dict:
    """The kernel leaves this run little memory while it trains. (No convolutions: short of memory, PyTorch's for the
    processor sometimes crash where they should raise an error. A run then resumes as after any other death.)"""

    def build(data, o):
        G, D = make("mlp", x_dim=64, z_dim=8, hidden=(8,)), mlp.discriminator(64, (4096,))
        play = train(G, D, Batches(data.x.flatten(1), o.batch), steps=o.steps, average=0.9)
        limit = psutil.Process().memory_info().vms + 110 * 2**20

        def draw(n):
            return play.sample(n).view(-1, 1, 8, 8)

        def allow(most):
            resource.setrlimit(resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))

        def fed(look):
            def enough(*arguments):
                allow(resource.RLIM_INFINITY)
                try:
                    return look(*arguments)
                finally:
                    allow(limit)

            return enough

        allow(limit)
        return Experiment(play, fed(lambda: draw(10)), fed(lambda judge: judge.distances(draw)))

    ALL["hungry"] = Recipe("for a test", "mnist", 8, 6, 2048, 4, build)
    arguments = ["hungry", "--data", "digits", "--save-every", "2"]
    code, words = play(folder / "run", *arguments, "--steps", "4")
    card = json.loads((folder / "run" / "generator.json").read_text())
    again = play(folder / "run", *arguments, "--steps", "5")
    return {"code": code, "words": words, "notes": notes(folder / "run"), "card": card, "again": again}


def commands(folder: Path, runs: list[list[str]]) -> list:
    return [play(folder / out, *arguments) for out, *arguments in runs]


if __name__ == "__main__":
    torch.set_num_threads(1)
    digits(split="train")  # imports scikit-learn, once
    answer(globals())
