"""Several processes that train as one: who is who, what they add up, and what they agree on.

`torchrun` starts them, on one machine or on many, and each calls `join`. They meet in PyTorch's process group: numbers
of the processor go through gloo, those of an NVIDIA GPU through NCCL. A process by itself is a team of one, which does
nothing of all this.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

T = TypeVar("T")

# How long one waits for the others. The first process measures while they wait, which may take many minutes; a process
# that died is noticed at once, because its connections close. So this is for a machine that vanished without a word.
PATIENCE = timedelta(hours=1)


class Lost(ConnectionError):
    """Another process of the team is gone, so this one cannot go on either."""


@dataclass(frozen=True)
class Team:
    """This process among `size` that train together: its `rank` from 0, and `local`, its number on its machine.

    Each method is a meeting: all processes call it, in the same order. Raises Lost where one of them is gone.
    """

    rank: int = 0
    size: int = 1
    local: int = 0
    store: "dist.Store | None" = None

    def __deepcopy__(self, memo) -> "Team":
        return self

    @property
    def first(self) -> bool:
        """Whether this is the process that writes, measures and speaks."""
        return self.rank == 0

    def rows(self, n: int) -> tuple[int, int]:
        """Which of the n rows of a batch are this process's: from, and up to. ValueError if there is none for each."""
        if n < self.size:
            raise ValueError(
                f"A batch of {n} cannot be shared among {self.size} processes: start fewer of them, or give a larger "
                "batch."
            )
        return n * self.rank // self.size, n * (self.rank + 1) // self.size

    def add(self, x: Tensor) -> Tensor:
        """Put into x the sum over the processes of their x; gives it back. The same to the bit in each of them."""
        if self.size > 1:
            with _meeting():
                dist.all_reduce(x)
        return x

    def most(self, *numbers: int) -> tuple[int, ...]:
        """The largest of each of these numbers that any process has."""
        if self.size == 1:
            return numbers
        # On the processor, so that a GPU is not waited for.
        found = torch.tensor(numbers, dtype=torch.int64)
        with _meeting():
            dist.all_reduce(found, dist.ReduceOp.MAX)
        return tuple(found.tolist())

    def share(self, make: Callable[[], T]) -> T:
        """What the first process makes, in each of them."""
        if self.size == 1:
            return make()
        box = [make() if self.first else None]
        with _meeting():
            dist.broadcast_object_list(box)
        return box[0]

    @contextmanager
    def one_a_machine_first(self) -> Iterator[None]:
        """What stands in here is done by one process a machine, then by the others: they find what it fetched."""
        if self.local:
            self.most(0)
        yield
        if not self.local:
            self.most(0)

    def speaks(self) -> bool:
        """Whether this process is the first to ask: of all who see that the run ends, one says why. No meeting."""
        if self.store is None:
            return True
        try:
            return self.store.add("told", 1) == 1
        except RuntimeError:  # the store was kept by a process, or on a machine, that is gone
            return True


@contextmanager
def join() -> Iterator[Team]:
    """While this context lasts, the team that `torchrun` started this process for; without it, a team of one.

    Raises Lost where the others cannot be reached.
    """
    rank, size, local = (int(os.environ.get(name, "0")) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
    if size < 2 or "LOCAL_RANK" not in os.environ:
        yield Team()
        return
    gpus = torch.cuda.is_available() and dist.is_nccl_available()
    with _meeting():
        store, *_ = next(dist.rendezvous("env://"))
        # Where torchrun starts all processes anew, the store is still that of their first life.
        store = dist.PrefixStore(f"gan_course/{os.environ.get('TORCHELASTIC_RESTART_COUNT', 0)}", store)
        backend = "cpu:gloo,cuda:nccl" if gpus else "gloo"
        dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=PATIENCE)
    try:
        yield Team(rank, size, local, store)
    finally:
        with suppress(RuntimeError):  # of the others, some may be gone already
            dist.destroy_process_group()


@contextmanager
def _meeting() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise Lost(
            "another process of this training died, or can no longer be reached. The last save stays: give the same "
            "command again to go on from there."
        ) from error
