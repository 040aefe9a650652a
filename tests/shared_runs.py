"""A process that forks teams, as torchrun starts them, and does them harm; test_shared.py talks to it in lines of JSON.

Each worker is a process of its own, and they meet through gloo on 127.0.0.1. They are forked, so that PyTorch is
imported once and not for each worker. torchrun itself is started where it matters what it does.
"""

import dataclasses
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import psutil
import torch
import torch.distributed as dist
from asking import answer
from run_faults import PATIENCE, logged, notes, poisoned, state, turn

import gan_course as gc
from gan_course import run
from gan_course.images import digits
from gan_course.nets import conditional, conv, mlp, residual
from gan_course.parts import in_parts
from gan_course.recipes import ALL
from gan_course.running.folder import Folder
from gan_course.team import join


class Workers:
    """`size` processes, each of which calls `work` and exits with what it gives; one file for the words of all."""

    def __init__(self, size: int, words: Path, work: Callable[[], int]):
        # As with torchrun, the store is kept by who started them, and outlives each of them.
        self.store = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
        self.words, self.before = words, words.stat().st_size if words.exists() else 0
        self.pids = [self._start(rank, size, work) for rank in range(size)]

    def _start(self, rank: int, size: int, work: Callable[[], int]) -> int:
        if pid := os.fork():
            return pid
        code = 99
        try:
            words = os.open(self.words, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.dup2(words, 1), os.dup2(words, 2)
            here = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": size, "LOCAL_WORLD_SIZE": size,
                    "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": self.store.port,
                    "TORCHELASTIC_USE_AGENT_STORE": True}  # fmt: skip
            os.environ.update({name: str(value) for name, value in here.items()})
            code = work() or 0
            sys.stdout.flush(), sys.stderr.flush()
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)

    def said(self) -> str:
        return self.words.read_bytes()[self.before :].decode()

    def wait_for(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > end or any(os.waitpid(pid, os.WNOHANG)[0] for pid in self.pids):
                raise AssertionError(f"one ended, or went on, without what was waited for: {self.said()}")
            time.sleep(0.02)

    def end(self) -> list[int]:
        """Their exit codes. Those that still wait for each other when patience is over are killed: also a finding."""
        codes, end = {}, time.monotonic() + PATIENCE
        while len(codes) < len(self.pids):
            for pid in set(self.pids) - set(codes):
                gone, status = os.waitpid(pid, os.WNOHANG)
                if gone:
                    codes[pid] = os.waitstatus_to_exitcode(status)
                elif time.monotonic() > end:
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)
        return [codes[pid] for pid in self.pids]


def points():
    return mlp.generator(hidden=(8,)), mlp.discriminator(hidden=(8,)), torch.randn(40, 2)


def pictures():
    return residual.generator(8, 1, 4, 4), residual.discriminator(8, 1, 4), torch.rand(40, 1, 8, 8) * 2 - 1


def normalised():
    return conv.generator(8, 1, 4, 4), conv.discriminator(8, 1, 4), torch.rand(40, 1, 8, 8) * 2 - 1


def normalised_points():
    G, D = (torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.BatchNorm1d(8, momentum=None, affine=i == 0),
                                torch.nn.Tanh(), torch.nn.Linear(8, 2 - i)) for i in range(2))  # fmt: skip
    G.z_dim = 2
    return G, D, torch.randn(40, 2)


def labelled():
    y = torch.randint(10, (40,))
    return conditional.generator(8, 1, 10, 4, 4), conditional.discriminator(8, 1, 10, 4), torch.rand(40, 1, 8, 8), y


GAMES = {
    "penalised": (pictures, 12, 1, {"loss": gc.relativistic, "penalties": [gc.r1(1.0), gc.r2(0.5)], "average": 0.9}),
    "uneven": (points, 13, 1, {"loss": gc.wasserstein, "d_steps": 2, "penalties": [gc.gradient_penalty(10.0)]}),
    "in parts": (
        points,
        13,
        2,
        {
            "loss": gc.hinge,
            "g_steps": 2,
            "penalties": [gc.gradient_penalty(1.0), gc.r1(1.0)],
            "constrain": gc.clip_weights(0.3),
        },
    ),  # fmt: skip
    "normalised": (normalised, 7, 1, {"loss": gc.non_saturating, "average": 0.9}),
    "both normalised": (normalised_points, 9, 1, {"loss": gc.least_squares}),
    "labelled": (labelled, 8, 1, {"loss": gc.hinge, "penalties": [gc.r1(1.0)]}),
}
TURNS = 20


def play(name: str, team=None) -> dict:
    """Play a game at double precision, with all of its batch or as one of a team; what it came to."""
    make, batch, parts, options = GAMES[name]
    torch.manual_seed(0)
    G, D, x, *cond = make()
    noise = lambda n: torch.randn(n, G.z_dim, dtype=torch.float64)  # noqa: E731
    game = gc.train(G.double(), D.double(), gc.Batches(x.double(), batch, *cond), noise=noise, lr_g=1e-2, lr_d=1e-2,
                    compile="eager", **options)  # fmt: skip
    if team:
        game = in_parts(game, parts, team=team)
    losses = [[step.d_loss.item(), step.g_loss.item()] for step, _ in zip(game, range(TURNS), strict=False)]
    return {"losses": losses, "state": game.state_dict()}


def equal(folder: Path, size: int) -> dict:
    """Each game alone, and shared: the largest differences, and whether all of the team hold the same to the bit."""

    def work() -> None:
        with join() as team:
            with team.one_a_machine_first():
                assert team.local == 0 or (folder / "fetched").exists()
                time.sleep(0.2)
                (folder / "fetched").touch()
            torch.save({name: play(name, team) for name in GAMES}, folder / f"{team.rank}.pt")

    team = Workers(size, folder / "words.txt", work)
    found = {"codes": team.end(), "words": team.said()}
    if any(found["codes"]):
        return found
    ranks = [torch.load(folder / f"{rank}.pt") for rank in range(size)]
    for name in GAMES:
        alone = play(name)
        found[name] = {
            "apart": apart(alone, ranks[0][name]),
            "among": max(apart(ranks[0][name], other[name]) for other in ranks[1:]),
        }
    return found


def apart(a, b) -> float:
    """The largest difference between numbers that stand in the same place."""
    if isinstance(a, torch.Tensor):
        return (a.double() - b.double()).abs().max().item() if a.numel() else 0.0
    if isinstance(a, dict):
        assert a.keys() == b.keys()
        return max((apart(a[key], b[key]) for key in a), default=0.0)
    if isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        return max(map(apart, a, b), default=0.0)
    return abs(a - b) if isinstance(a, float) else float(a != b)


RUN = ["--data", "digits", "--width", "4", "--batch", "8", "--save-every", "4", "--log-every", "1"]


def workers(out: Path, size: int, *arguments: str, before: Callable[[int], None] = lambda rank: None) -> Workers:
    """A run by a team. Only the first worker is told the folder: the others may be on machines that do not have it.

    before: called in each worker, with its rank.
    """

    def work() -> int:
        rank = int(os.environ["RANK"])
        before(rank)
        return run.main([*arguments, "--out", str(out if rank == 0 else out.parent / "absent")])

    return Workers(size, out.with_name(out.name + ".txt"), work)


def played(out: Path, size: int, *arguments: str, before: Callable[[int], None] = lambda rank: None) -> dict:
    team = workers(out, size, *arguments, before=before)
    return {"codes": team.end(), "words": team.said()}


def commands(folder: Path) -> dict:
    """The recipes with and without batch normalisation, by one process and by two."""
    found = {}
    for name in ("r3gan-32", "dcgan-mnist"):
        arguments = [name, *RUN, "--steps", "20"]
        runs = [played(folder / f"{name}{size}", size, *arguments) for size in (1, 2)]
        played(folder / f"{name}-other", 1, *arguments, "--seed", "1")
        one, two, far = (state(folder / (name + end))["averaged"] for end in ("1", "2", "-other"))
        cards = [json.loads((folder / f"{name}{size}" / "generator.json").read_text())["machine"] for size in (1, 2)]
        found[name] = {"runs": runs, "apart": apart(one, two), "far": apart(one, far), "cards": cards}
    return found


def deaths(folder: Path) -> dict:
    """A run by two, through much that can happen to one of them or both; then on by one, and by three. Beside it, the
    same run unharmed."""
    arguments, out, found = ["dcgan-mnist", *RUN, "--steps"], folder / "run", []
    for number, ranks in [(signal.SIGKILL, [1]), (signal.SIGKILL, [0]), (signal.SIGTERM, [1]), (signal.SIGINT, [0, 1])]:
        at = turn(out)
        team = workers(out, 2, *arguments, "200")
        team.wait_for(lambda at=at: turn(out) > at + 2)
        for rank in ranks:
            os.kill(team.pids[rank], number)
        found.append({"number": int(number), "ranks": ranks, "codes": team.end(), "words": team.said(),
                      "lost": turn(out) - state(out)["index"]})  # fmt: skip
    end = state(out)["index"] + 8
    last = [played(out, 1, *arguments, str(end - 4)), played(out, 3, *arguments, str(end))]
    straight = played(folder / "straight", 2, *arguments, str(end))
    return {
        "deaths": found, "last": last, "straight": straight, "log": logged(out), "end": end,
        "apart": apart(state(folder / "straight")["averaged"], state(out)["averaged"]),
        "absent": not (folder / "absent").exists(),
    }  # fmt: skip


def measuring(folder: Path) -> dict:
    """A signal that comes while the first worker measures, for a long time, and the other waits for it."""
    begun = folder / "begun"

    def slowly(judge) -> dict:
        begun.touch()
        time.sleep(PATIENCE)
        raise AssertionError("nothing broke the measurement off")

    def slow(rank: int) -> None:
        healthy = poisoned(cure=float("inf"))
        ALL["slow"] = healthy._replace(
            build=lambda data, o: dataclasses.replace(healthy.build(data, o), measure=slowly)
        )

    team = workers(folder / "run", 2, "slow", *RUN, "--steps", "9", "--measure-every", "5", before=slow)
    team.wait_for(begun.exists)
    for pid in team.pids:
        os.kill(pid, signal.SIGTERM)
    return {"codes": team.end(), "words": team.said(), "at": state(folder / "run")["index"]}


def nan(folder: Path) -> dict:
    """A NaN in one worker alone."""

    def ill(rank: int) -> None:
        ALL["poisoned"] = poisoned(cure=3e-4 if rank else float("inf"))

    arguments = ["poisoned", "--data", "digits", "--steps", "20", "--save-every", "5", "--log-every", "1"]
    found = played(folder / "run", 2, *arguments, before=ill)
    end = state(folder / "run")
    rates = {end[opt]["param_groups"][0]["lr"] for opt in ("opt_g", "opt_d")}
    return {**found, "log": logged(folder / "run"), "rates": list(rates), "notes": notes(folder / "run")}


def hungry(folder: Path, name: str) -> dict:
    """A lack of memory in the second worker alone: D takes no more than two images at a time there."""
    family = {"dcgan-mnist": conv, "r3gan-32": residual}[name]
    forward = family.Discriminator.forward

    def frugal(net, x):
        if len(x) > 2 and net.training:
            raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB.")
        return forward(net, x)

    def starve(rank: int) -> None:
        if rank == 1:
            family.Discriminator.forward = frugal

    out, arguments = folder / "run", [name, *RUN, "--steps", "8"]
    found = played(out, 2, *arguments, before=starve)
    if not any(found["codes"]):
        played(folder / "fed", 1, *arguments)
        found["notes"] = notes(out)
        found["apart"] = apart(state(folder / "fed")["averaged"], state(out)["averaged"])
    return found


def doors(folder: Path) -> dict:
    """What is refused before the first turn."""
    base, found = ["dcgan-mnist", *RUN, "--steps", "3"], {}
    assert played(folder / "a", 1, *base)["codes"] == [0]
    found["other"] = played(folder / "a", 2, *base, "--seed", "1")
    with Folder(folder / "busy").lock():
        found["busy"] = played(folder / "busy", 2, *base)
    (folder / "empty").mkdir()
    found["data"] = played(folder / "b", 2, "dcgan-mnist", "--data", str(folder / "empty"))
    found["small"] = played(folder / "c", 2, *base, "--batch", "1")
    found["device"] = played(folder / "d", 2, *base, "--device", "cuda:0")
    found["fresh"] = played(folder / "a", 2, *base, "--seed", "1", "--fresh")
    found["left"] = sorted(path.name for path in folder.iterdir() if path.is_dir())
    return found


def by_torchrun(folder: Path) -> dict:
    """A worker is killed: torchrun starts all anew, once. It is killed again: the end. Then torchrun itself is told to
    stop; and one process alone ends the run."""
    out, found = folder / "run", {}
    arguments = ["dcgan-mnist", *RUN]

    def begin(words: str) -> psutil.Popen:
        torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
                    "--max-restarts", "1", "-m", "gan_course.run", *arguments, "--steps", "9999"]  # fmt: skip
        with open(folder / words, "w") as file:
            return psutil.Popen([*torchrun, "--out", str(out)], stdout=file, stderr=file, cwd=folder)

    def gone_on(by: int) -> None:
        at, end = turn(out), time.monotonic() + PATIENCE
        while turn(out) < at + by:
            assert time.monotonic() < end and torchrun.poll() is None
            time.sleep(0.05)

    torchrun = begin("killed.txt")
    for rank in (1, 0):
        gone_on(5)
        worker = [child for child in torchrun.children() if child.environ().get("RANK") == str(rank)]
        worker[0].kill()
        worker[0].wait()
    found["killed"] = {"code": torchrun.wait(PATIENCE), "words": (folder / "killed.txt").read_text()}
    found["saved"] = state(out)["index"]
    torchrun = begin("stopped.txt")
    gone_on(2)
    torchrun.send_signal(signal.SIGTERM)
    found["stopped"] = {"code": torchrun.wait(PATIENCE), "words": (folder / "stopped.txt").read_text()}
    found["lost"] = turn(out) - state(out)["index"]
    found["alone"] = played(out, 1, *arguments, "--steps", str(state(out)["index"] + 2))
    return found


if __name__ == "__main__":
    torch.set_num_threads(1)
    digits(split="train")  # imports scikit-learn, once
    answer(globals())
