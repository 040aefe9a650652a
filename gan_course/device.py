"""Where the course computes: the device, the seed, and how many threads pay."""

import os
import platform
import random

import numpy as np
import psutil
import torch


def pick() -> torch.device:
    """The fastest device at hand: an NVIDIA GPU, else an Apple GPU, else the processor."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def seed(n: int) -> None:
    """Seed every source of randomness that a lesson may use: Python's, NumPy's and PyTorch's on each device."""
    random.seed(n)
    np.random.seed(n % 2**32)
    torch.manual_seed(n)


def tune_threads() -> int:
    """Set the number of threads that suits small networks, and give it back.

    A layer of 64 units is done before a second thread has woken up, so one thread is often faster than two.
    OMP_NUM_THREADS, where the user sets it, has the last word.
    """
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(1 if pick().type == "cpu" else min(4, os.cpu_count() or 1))
    return torch.get_num_threads()


def describe() -> str:
    """In plain words: what this machine has and what the course will use of it."""
    device = pick()
    memory = psutil.virtual_memory()
    names = {"cuda": "an NVIDIA GPU", "mps": "an Apple GPU", "cpu": "the processor"}
    chosen = names[device.type]
    if device.type == "cuda":
        _, total = torch.cuda.mem_get_info()
        chosen += f" ({torch.cuda.get_device_name()}, {total / 2**30:.0f} GiB)"
    why = {
        "cuda": "It was chosen because it is there, and it is the fastest.",
        "mps": "It was chosen because no NVIDIA GPU was found.",
        "cpu": "It was chosen because no GPU was found. That is all these lessons need.",
    }[device.type]
    return "\n".join(
        [
            f"The lessons will run on {chosen}.",
            why,
            f"Processor cores: {os.cpu_count()}, of which small networks use {torch.get_num_threads()}.",
            f"Memory: {memory.total / 2**30:.0f} GiB.",
            f"Python {platform.python_version()}, PyTorch {torch.__version__}, {platform.system()}.",
        ]
    )
