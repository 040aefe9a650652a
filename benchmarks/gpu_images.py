"""What `gpu.py` measures on images: the machine's own rates, a DCGAN's turns, and the kernels that they are made of."""

import gc
import statistics
import time
from collections.abc import Callable, Iterator

import bench
import torch
from gpu_parts import FULL, Size, row
from race import WHERE, race, turns, wait
from torch import nn
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from gan_course import Batches, nets, train
from gan_course.nets.conv import Enlarge, Interleave
from gan_course.replay import WARM_UP

KERNELS = {  # the first kind of which a word stands in a kernel's name
    "optimisers": ("multi_tensor", "adam", "foreach"),
    "noise and batches": ("distribution", "random", "index_elementwise", "index_kernel", "gather"),
    "copies and other layouts": ("nchwto", "nhwcto", "copy", "memcpy", "memset", "transpose", "clone", "contiguous"),
    "batch norm": ("batch_norm", "bn_", "batchnorm"),
    "convolutions and matrix products": ("gemm", "conv", "xmma", "cutlass", "sm80", "sm90", "dgrad", "wgrad", "gemv",
                                         "addmm", "::mm", "splitk", "nvjet"),
    "sums": ("reduce", "sum", "mean"),
    "activations and sums of two": ("elementwise", "relu", "softplus", "tanh", "add", "mul"),
}  # fmt: skip


def rates(size: Size, until: float) -> Iterator[dict]:
    """What the machine does at best: the limits that the rest is to be read against."""
    a, b = torch.randn(2, size.square, size.square, device=WHERE)
    kinds = {"bf16": (a.bfloat16(), b.bfloat16()), "32 bits": (a, b)}
    took = race({name: lambda pair=pair: pair[0] @ pair[1] for name, pair in kinds.items()}, size.rounds, size.seconds)
    for name, seconds in took.items():
        yield row(f"matrix products, {name}", 2e-12 * size.square**3 / statistics.median(seconds), "TFLOP/s")
    source = torch.randn(16 * size.square**2, device=WHERE)
    target = torch.empty_like(source)
    (seconds,) = race({"copy": lambda: target.copy_(source)}, size.rounds, size.seconds).values()
    yield row("copies, read and written", 8e-12 * source.numel() / statistics.median(seconds), "TB/s")


FORMS = {
    "as it is": lambda G, D: (G, D),
    "no channels_last": lambda G, D: _form(G, D, torch.contiguous_format, Interleave, lambda layer: nn.Identity()),
    "all weights channels_last": lambda G, D: _form(G, D, torch.channels_last),
    # The layer of the paper: as many products as Enlarge, whose weights need not be added up first.
    "transposed convolutions": lambda G, D: _form(G, D, torch.channels_last, Enlarge, lambda layer: nn.ConvTranspose2d(
        layer.in_channels, layer.out_channels, 4, 2, 1, bias=False, device=WHERE)),
}  # fmt: skip


def _form(G, D, layout: torch.memory_format, kind: type | None = None, make: Callable | None = None):
    for parent in list(G.modules()):
        for name, layer in parent.named_children():
            if kind and isinstance(layer, kind):
                setattr(parent, name, make(layer))
    return G.to(memory_format=layout), D.to(memory_format=layout)


def pictures(size: Size, width: int, batch: int, compile: str, form: str = "as it is", bf16: bool = False):
    torch.manual_seed(bench.SEED)
    x = torch.rand(2_000, 3, size.side, size.side, device=WHERE) * 2 - 1
    G, D = nets.conv.generator(size.side, 3, 100, width), nets.conv.discriminator(size.side, 3, width)
    G, D = FORMS[form](G.to(WHERE), D.to(WHERE))
    return train(G, D, Batches(x, batch), lr_g=2e-4, lr_d=2e-4, compile=compile, bf16=bf16)


def dcgan(size: Size, until: float) -> Iterator[dict]:
    torch.backends.cudnn.benchmark = True  # cuDNN tries its ways to convolve, in the turns before the recording
    paper, first = size.widths[0], size.batches[0]
    plans = [(paper, first, "eager", "as it is", False), (paper, first, "eager", "as it is", True)]
    plans += [(paper, first, "auto", form, bf16) for form in FORMS for bf16 in (False, True)]
    plans += [(width, first, "auto", form, True) for width in size.widths[1:] for form in FORMS]
    plans += [(paper, batch, "auto", form, True) for batch in size.batches[1:] for form in FORMS if "no " not in form]
    for width, batch, compile, form, bf16 in plans:
        game = pictures(size, width, batch, compile, form, bf16)
        turn = turns(game)
        for _ in range(WARM_UP + 2):
            turn()
        (took,) = race({"": turn}, size.rounds, size.seconds).values()
        seconds = statistics.median(took)
        recorded = game._replay._record is not None
        name = f"width {width}, batch {batch}, {'bf16' if bf16 else '32 bits'}, {form}, "
        goal = 40_000 if (batch, compile) == (first, "auto") else None
        yield row(name + ("recorded" if recorded else "from scratch"), batch / seconds, "images/s", goal,
                  recorded=recorded, tflops_per_s=_flop(size, width, batch, form) / seconds / 1e12)  # fmt: skip
        del game, turn
        gc.collect()  # what knows itself in a circle frees the GPU's memory only so


def _flop(size: Size, width: int, batch: int, form: str) -> int:
    game = pictures(size, width, batch, "eager", form)
    with FlopCounterMode(display=False) as counter:
        next(game)
    return counter.get_total_flops()


def kernels(size: Size, until: float) -> Iterator[dict]:
    """Where the time of a recorded turn goes on the GPU, and how long it waits."""
    paper, first = size.widths[0], size.batches[0]
    small = train(*bench.toy_pair(size.hidden), Batches(bench.points().to(WHERE), bench.BATCH))
    large = pictures(size, paper, first, "auto", "all weights channels_last", bf16=True)
    players = {"toy": turns(small), f"DCGAN of width {paper}, batch {first}, bf16": turns(large)}
    many = 20 if size is FULL else 2
    for name, turn in players.items():
        for _ in range(WARM_UP + 5):
            turn()
        wait()
        start = time.perf_counter()
        for _ in range(many):
            turn()
        wait()
        wall = 1e6 * (time.perf_counter() - start) / many
        on_gpu = WHERE.type == "cuda"
        with profile(activities=[ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * on_gpu) as profiled:
            for _ in range(many):
                turn()
            wait()
        took = {}
        for event in profiled.key_averages():
            if not on_gpu:
                took[event.key] = event.self_cpu_time_total / many
            elif event.device_type == DeviceType.CUDA:
                took[event.key] = event.self_device_time_total / many
        kinds = dict.fromkeys([*KERNELS, "others"], 0.0)
        for kernel, us in took.items():
            kinds[kind_of(kernel)] += us
        for kind, us in kinds.items():
            yield row(f"{name}: {kind}", us, "us a turn")
        yield row(f"{name}: a turn by the clock", wall, "us a turn")
        yield row(f"{name}: share of it in which a kernel runs", sum(took.values()) / wall, "of 1",
                  longest={kernel[:120]: took[kernel] for kernel in sorted(took, key=took.get)[:-16:-1]})  # fmt: skip


def kind_of(kernel: str) -> str:
    name = kernel.lower()
    return next((kind for kind, words in KERNELS.items() if any(word in name for word in words)), "others")
