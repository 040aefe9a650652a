"""What `train` refuses at its door: each bad argument gets one sentence that names the fix.

A mistake found here costs a second; found at step 3000, or never, it costs an evening.
"""

import itertools
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from numbers import Integral, Real

import torch
from torch import Tensor, nn

from .adam import Adam


@contextmanager
def evaluating(*modules: nn.Module):
    """Run modules in eval mode, and put each submodule's own mode back: no statistics move, no dropout is drawn."""
    was = [(m, m.training) for module in modules for m in module.modules()]
    for module in modules:
        module.eval()
    try:
        yield
    finally:
        for m, training in was:
            m.training = training


@contextmanager
def forked(device: torch.device, seed: int):
    """Torch's global stream begins at `seed` in here, and goes on after it as if nothing had been drawn."""
    gpus = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(gpus):
        torch.random.default_generator.manual_seed(seed)
        if gpus:
            torch.cuda.manual_seed(seed)
        yield


def check_numbers(*, steps, d_steps, g_steps, average, lr_g, lr_d) -> None:
    for name, count in (("steps", steps), ("d_steps", d_steps), ("g_steps", g_steps)):
        whole = isinstance(count, Integral) and not isinstance(count, bool)
        if not (whole and count >= 0) and not (name == "steps" and count is None):
            raise ValueError(f"{name} must be a whole number of 0 or more, got {count!r}.")
    if d_steps == g_steps == 0:
        raise ValueError("d_steps and g_steps are both 0, so nobody would learn: set one of them to 1.")
    if average is not None and not (isinstance(average, Real) and 0 < average < 1):
        raise ValueError(
            f"average must lie between 0 and 1 (0.999, say), or be None for no averaging; got {average!r}."
        )
    for name, rate in (("lr_g", lr_g), ("lr_d", lr_d)):
        if rate is not None and not (isinstance(rate, Real) and 0 < rate < math.inf):
            raise ValueError(f"{name} must be a positive number such as 1e-3, got {rate!r}.")


def check_loss(loss) -> None:
    """A loss must have two functions, each giving one number that depends on the logits its player can move."""
    if not (callable(getattr(loss, "d", None)) and callable(getattr(loss, "g", None))):
        raise TypeError(
            f"loss must be a Loss such as non_saturating, or Loss(d=..., g=...) with two functions of "
            f"(real, fake) logits; got {loss!r}."
        )
    for player, function, moves in (("d", loss.d, "real or fake"), ("g", loss.g, "fake")):
        real, fake = (torch.linspace(-1, 1, 4).view(4, 1).requires_grad_() for _ in range(2))
        value = function(real, fake)
        if not isinstance(value, Tensor) or value.dim() != 0:
            got = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else repr(value)
            raise ValueError(f"loss.{player} must give one number: end it with .mean(); it gave {got}.")
        grads = torch.autograd.grad(value, (real, fake), allow_unused=True) if value.requires_grad else (None, None)
        if (grads[1] if player == "g" else grads[0] if grads[0] is not None else grads[1]) is None:
            raise ValueError(
                f"loss.{player} does not depend on the {moves} logits, so its player would learn nothing: "
                "use them in it, without .detach() or .item()."
            )


@lru_cache(maxsize=64)
def sees_real(g_loss: Callable) -> bool:
    """Whether G's loss looks at the real logits; if not, they need not be computed.

    It is asked for values, not for gradients: a loss may look at `real.detach()`.
    """
    fake = torch.linspace(-1, 1, 4).view(4, 1)
    reals = ([-1.0, -0.5, 0.5, 1.0], [3.0, 1.0, -2.0, -7.0], [0.2, 9.0, 0.1, 4.0])
    return len({g_loss(torch.tensor(real).view(4, 1), fake).item() for real in reals}) > 1


def check_functions(penalties, constrain) -> tuple[Callable, ...]:
    if callable(penalties) or isinstance(penalties, str) or not hasattr(penalties, "__iter__"):
        raise TypeError("penalties must be a list: write penalties=[r1(1.0)].")
    penalties = tuple(penalties)
    for p in penalties:
        if not callable(p):
            raise TypeError(f"each penalty must be a function of (D, real, fake), such as r1(1.0); got {p!r}.")
    if constrain is not None and not callable(constrain):
        raise TypeError(f"constrain must be a function of D, such as clip_weights(0.01); got {constrain!r}.")
    return penalties


def check_optimiser(player: str, opt, lr, own: nn.Module, other: nn.Module) -> torch.optim.Optimizer:
    for name, net in (("G", own), ("D", other)) if player == "g" else (("D", own), ("G", other)):
        if not isinstance(net, nn.Module):
            raise TypeError(f"{name} must be a torch.nn.Module, got {type(net).__name__}.")
        if not any(p.requires_grad for p in net.parameters()):
            raise ValueError(f"{name} has no parameters that can learn.")
    if opt is None:
        rate = 1e-3 if lr is None else lr
        return Adam([p for p in own.parameters() if p.requires_grad], rate)
    if lr is not None:
        raise ValueError(f"give opt_{player} or lr_{player}, not both: the optimiser has its own learning rate.")
    if not isinstance(opt, torch.optim.Optimizer):
        raise TypeError(f"opt_{player} must be an optimiser such as torch.optim.Adam({player.upper()}.parameters()).")
    held = {id(p) for group in opt.param_groups for p in group["params"]}
    if held & {id(p) for p in other.parameters()}:
        raise ValueError(
            f"opt_{player} holds parameters of the other player: build it from {player.upper()}.parameters()."
        )
    if not held & {id(p) for p in own.parameters()}:
        raise ValueError(
            f"opt_{player} holds no parameter of {player.upper()}: build it from {player.upper()}.parameters()."
        )
    return opt


def check_players(G, D, batches, noise, penalties, draws) -> Iterator:
    """Play one turn's forwards without learning; gives back the batches, not one of them lost."""
    device = next(G.parameters()).device
    if next(D.parameters()).device != device:
        raise ValueError(f"G is on {device} and D on {next(D.parameters()).device}: move both to one with .to(device).")
    if noise is None and not isinstance(getattr(G, "z_dim", None), int):
        raise ValueError(
            "G does not say how much noise it wants: set G.z_dim = 2, or pass noise=lambda n: torch.randn(n, 2)."
        )
    if isinstance(batches, Tensor) or not hasattr(batches, "__iter__"):
        raise TypeError("batches must be an iterator of minibatches: wrap your tensor as Batches(x, 64).")
    if draws is not None and hasattr(batches, "__len__") and len(batches) < draws:
        raise ValueError(
            f"batches ends after {len(batches)} minibatches and this run needs {draws}: give Batches(x, size), which "
            "never ends, or steps=None to stop where the data ends."
        )
    batches = iter(batches)
    place = batches.state_dict() if hasattr(batches, "state_dict") else None
    batch = next(batches, None)
    if batch is None:
        raise ValueError("batches is empty: it gave no minibatch.")
    parts = batch if isinstance(batch, (tuple, list)) else (batch,)
    if not all(isinstance(part, Tensor) for part in parts):
        kinds = ", ".join(type(part).__name__ for part in parts)
        raise TypeError(f"batches must give tensors, not {kinds}: convert the data with torch.as_tensor.")
    if place is None:
        batches = itertools.chain([batch], batches)
    else:
        batches.load_state_dict(place)
    real, *cond = (part.to(device) for part in parts)
    if not real.is_floating_point() or not torch.isfinite(real).all():
        raise ValueError(
            "the first batch of real data must be finite floating-point numbers: clean and convert it first."
        )
    _probe(G, D, real, cond, noise)
    check_penalised(D, penalties)
    return batches


def check_penalised(D: nn.Module, penalties) -> None:
    if penalties and any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in D.modules()):
        raise ValueError(
            "D has batch normalisation, which ties each sample's logit to the others; a penalty on the slope at "
            "one sample then measures the wrong thing (Gulrajani et al. 2017, section 4): take it out or use GroupNorm."
        )


def _probe(G, D, real, cond, noise) -> None:
    n = len(real)
    with torch.no_grad(), forked(real.device, 0), evaluating(G, D):
        z = noise(n) if noise else torch.randn(n, G.z_dim, device=real.device)
        if not isinstance(z, Tensor) or len(z) != n:
            raise ValueError(f"noise({n}) must give a tensor of {n} rows.")
        fake = _forward("G", G, z, cond)
        if fake.shape != real.shape:
            raise ValueError(
                f"G makes samples of shape {tuple(fake.shape[1:])} but the data has {tuple(real.shape[1:])}: "
                "change G's last layer."
            )
        for name, x in (("real", real), ("fake", fake)):
            logits = _forward("D", D, x, cond)
            if logits.shape[:2] != (n, 1):  # a patch discriminator gives (n, 1, rows, columns)
                raise ValueError(
                    f"D must give one logit a sample, shape ({n}, 1); for {name} samples it gave {tuple(logits.shape)}."
                )
            if not torch.isfinite(logits).all():
                raise ValueError(
                    f"D's logits for {name} samples are not finite before any training: check its weights."
                )


def _forward(name: str, net: nn.Module, x: Tensor, cond) -> Tensor:
    try:
        return net(x, *cond)
    except (RuntimeError, TypeError) as error:
        shapes = ", ".join(str(tuple(t.shape)) for t in (x, *cond))
        raise ValueError(f"{name} does not accept its input of shape {shapes}: {error}") from error
