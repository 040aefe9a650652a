import random
import subprocess
import sys

import numpy as np
import torch

from gan_course import device


def test_seed_repeats_every_source():
    def draw():
        return random.random(), np.random.rand(), torch.rand(1).item()

    device.seed(3)
    a = draw()
    device.seed(3)
    assert a == draw()
    device.seed(4)
    assert all(x != y for x, y in zip(a, draw(), strict=True))


def test_pick_and_describe_agree():
    assert device.pick().type in ("cuda", "mps", "cpu")
    text = device.describe()
    assert max(map(len, text.splitlines())) < 80  # JupyterLab would break a longer one in the middle of a word
    assert torch.__version__ in text and "GiB" in text and "chosen because" in text


def test_the_users_thread_count_has_the_last_word():
    code = "import torch; torch.set_num_threads(2); from gan_course import device; print(device.tune_threads())"
    for setting, expected in (("2", "2"), (None, "1" if device.pick().type == "cpu" else None)):
        env = {k: v for k, v in __import__("os").environ.items() if k != "OMP_NUM_THREADS"}
        env |= {"OMP_NUM_THREADS": setting} if setting else {}
        out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=True).stdout
        assert expected is None or out.strip() == expected


def test_import_touches_neither_gpu_nor_network():
    code = (
        "import socket, sys\n"
        "def refuse(*a, **k): raise AssertionError('network at import')\n"
        "socket.socket.connect = refuse\n"
        "import gan_course, torch\n"
        "assert not torch.cuda.is_initialized()\n"
        "assert 'matplotlib.pyplot' not in sys.modules, 'pyplot at import'\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
