"""Whether a game's turns are computed from scratch, or repeated from a record of one: the same numbers, sooner.

On a processor the record is a `Tape`, on an NVIDIA GPU a CUDA graph (`graph.py`). Either is right only where every turn
does the same operations. So `obstacle` asks what a game is made of, and `_key` notices what was changed between turns.
"""

import warnings
from types import SimpleNamespace

import torch
from torch import Tensor, nn

from . import losses, penalties
from .graph import Graph, places
from .penalties import Penalty
from .tape import Tape

MODES = ("auto", "graph", "eager")
WARM_UP = 10  # turns from scratch before one is recorded: making a record costs about as much as they do
OURS = ("torch.nn.", "gan_course.nets.")  # layers that do the same operations each time


class Replay:
    """Plays a game's turns: `turn(game)` gives D's and G's loss. See `train` on the modes and on bf16."""

    def __init__(self, mode: str, bf16: bool = False):
        if mode not in MODES:
            raise ValueError(f"compile must be one of {', '.join(map(repr, MODES))}; got {mode!r}.")
        self.mode, self.bf16 = mode, bf16
        self.forget()

    def forget(self) -> None:
        """Something was changed that `_key` does not see."""
        self._key, self._record, self._waited = None, None, 0

    def __deepcopy__(self, memo) -> "Replay":
        return Replay(self.mode, self.bf16)  # a record is of one game's tensors: its copy makes its own

    def turn(self, game) -> tuple[Tensor, Tensor]:
        device = game.device.type
        if not (self.bf16 or torch.is_autocast_enabled(device)):
            return self._turn(game)
        # Autocast's own copies of weights would be those from before the last update.
        dtype = torch.bfloat16 if self.bf16 else torch.get_autocast_dtype(device)
        with torch.autocast(device, dtype, cache_enabled=False):
            return self._turn(game)

    def _turn(self, game) -> tuple[Tensor, Tensor]:
        if self.mode == "eager":
            return game._turn()
        if (key := _key(game)) != self._key:
            self._key, self._record, self._waited = key, None, 0
            if problem := obstacle(game, trusting=self.mode == "graph"):
                self._give_up(game, problem)
        if self._record is not None:
            return self._record()
        if self.mode == "eager" or self._waited < WARM_UP:
            self._waited += 1
            return game._turn()
        return self._first(game)

    def _first(self, game) -> tuple[Tensor, Tensor]:
        tape, results = _watch(game)
        if tape.obstacle:
            self._give_up(game, tape.obstacle)
        elif game.device.type == "cpu":
            self._record = tape.function(results)
        else:
            try:
                self._record = Graph(game)
            except (RuntimeError, AssertionError) as error:
                self._give_up(game, str(error.__context__ or error).splitlines()[0])
        return results

    def _give_up(self, game, problem: str) -> None:
        if self.mode == "graph" or game.device.type == "cuda":
            warnings.warn(f"Each turn of this game is computed from scratch: {problem}.", stacklevel=4)
        self.mode, self._record = "eager", None


def obstacle(game, trusting: bool = False) -> str | None:
    """Why a game's turns cannot be repeated from a record, or None if they can. `trusting`: its networks, loss and
    penalties are taken to do the same operations each time; else that must be known."""
    if (one := game.pattern()) is None:
        return f"{type(game).__name__} changes what a turn is"
    if game.device.type not in ("cpu", "cuda"):
        return f"there are no records on {game.device.type}"
    rng = getattr(one.batches, "rng", None)
    drawn = isinstance(rng, torch.Generator) and rng.device.type == game.device.type
    if game.device.type == "cuda" and (found := _keeps_to_the_gpu(game, one, drawn)):
        return found
    if trusting:
        return None
    for layer in _layers(one.G, one.D):
        if _hooks(layer) or "forward" in vars(layer) or not type(layer).__module__.startswith(OURS):
            return f"a layer ({type(layer).__name__}) may do something else in each turn"
    if {one.loss.d.__module__, one.loss.g.__module__} != {losses.__name__}:
        return f"its loss ({one.loss.name}) may do something else in each turn"
    if not all(isinstance(p, Penalty) and p.term.__module__ == penalties.__name__ for p in one.penalties):
        return "a penalty may do something else in each turn"
    if not (drawn and type(one.batches).__module__.startswith("gan_course.")):
        return "its batches may differ in size, which those of `Batches` do not"
    return None


def _keeps_to_the_gpu(game, one, drawn: bool) -> str | None:
    if one._noise or not drawn:
        return "its noise or its batches are not drawn on the GPU by a generator of their own, as with `Batches`"
    if game.constrain and getattr(one.constrain, "__module__", None) != penalties.__name__:
        return "its constrain may do something else in each turn"
    for name, opt in (("opt_g", game.opt_g), ("opt_d", game.opt_d)):
        states = [value for state in opt.state.values() for value in state.values() if isinstance(value, Tensor)]
        if "capturable" not in opt.defaults or any(value.device.type == "cpu" for value in states):
            return f"{name} keeps numbers on the processor: give torch.optim.Adam(..., fused=True)"
    return None


def _layers(*nets: nn.Module) -> list[nn.Module]:
    """As `modules` gives them, in a third of the time: this is asked in each turn."""
    found = list(nets)
    for layer in found:
        found += [part for part in layer._modules.values() if part is not None]
    return found


def _key(game) -> tuple:
    """What a record holds for: if this is another, it is not to be used."""
    layers = [_traits(layer) for layer in _layers(game.G, game.D)]
    learning = [p.requires_grad for opt in (game.opt_d, game.opt_g) for g in opt.param_groups for p in g["params"]]
    return (
        id(game), id(game.pattern()), game.loss, tuple(game.penalties), game.constrain, game.d_steps, game.g_steps,
        id(game.opt_d), id(game.opt_g), id(game.batches), getattr(game.batches, "size", None), layers, learning,
        torch.is_autocast_enabled(game.device.type), torch.get_autocast_dtype(game.device.type),
        places(game) if game.device.type == "cuda" else None,
    )  # fmt: skip


def _traits(layer: nn.Module) -> tuple:
    own = vars(layer)
    numbers = [value for value in own.values() if type(value) is float]  # a slope, a share of dropout
    weights = map(id, own["_parameters"].values())
    return type(layer), id(layer), own["training"], _hooks(layer), "forward" in own, numbers, *weights


def _hooks(layer: nn.Module) -> int:
    """How many functions are to be called when the layer computes, or when a gradient reaches its weights."""
    own = vars(layer)
    found = [own["_forward_hooks"], own["_forward_pre_hooks"], own["_backward_hooks"], own["_backward_pre_hooks"]]
    for p in own["_parameters"].values():
        if p is not None:
            found += (p._backward_hooks or (), p._post_accumulate_grad_hooks or ())
    return sum(map(len, found))


def _watch(game) -> tuple[Tape, tuple[Tensor, Tensor]]:
    """Play one turn, and note what it computes. What may be another thing in each turn is called anew in each: the
    draws, the optimisers (whose rates may change), the check for NaN, what comes after an update."""
    tape, average = Tape(keep=game.device.type == "cpu"), game._average
    draw, noise, step, constrain = game._draw, game.noise, game._step, game.constrain
    shapes = []

    def same_shapes() -> tuple[Tensor, ...]:
        batch = draw()
        found = [part.shape for part in batch]
        if shapes and found != shapes:
            raise ValueError(
                f"A batch came whose shapes are {found}, not {shapes} as before, so it does not fit the recorded turn: "
                'let all be alike (DataLoader(..., drop_last=True)), or train(..., compile="eager").'
            )
        shapes[:] = found
        return batch

    def backward(loss: Tensor, own: list[nn.Parameter]) -> None:
        one = loss.sum() if loss.dim() else loss  # many games at once have a loss each
        tape.call(_hand_over, own, torch.autograd.grad(one, own, allow_unused=True))

    stand_ins = {
        "_draw": lambda: tape.call(same_shapes),
        "noise": lambda n: tape.call(noise, n),
        "_backward": backward,
        "_step": lambda *of_player: tape.call(step, *of_player),
        "constrain": constrain and (lambda D: tape.call(constrain, D)),
        "_average": average and SimpleNamespace(update_parameters=lambda G: tape.call(average.update_parameters, G)),
    }
    before = {name: vars(game)[name] for name in stand_ins if name in vars(game)}
    vars(game).update(stand_ins)
    try:
        with tape:
            return tape, game._turn()
    finally:
        for name in stand_ins:
            del vars(game)[name]
        vars(game).update(before)


def _hand_over(own: list[nn.Parameter], grads: tuple[Tensor | None, ...]) -> None:
    """As `backward` does: each weight gets a gradient that lies in memory as it does, which fused kernels need."""
    for p, grad in zip(own, grads, strict=True):
        p.grad = grad if grad is None or grad.stride() == p.stride() else torch.empty_like(p).copy_(grad)
