"""A turn written down as a list of operations, so that it can be done again without asking what comes next.

Most of the time of a small game goes into finding out what to compute: Python reads the networks layer by layer, and
autograd notes each operation, to read its notes backwards. But every turn computes the same. So one turn is watched,
each operation on tensors noted with what goes in and what comes out, and the notes are made into one function without
branches. It is to a processor what a CUDA graph (`graph.py`) is to a GPU: no compiler, and the same numbers to the bit.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

aten = torch.ops.aten
# What reads a number out of a tensor: what follows may depend on it, and would be noted for this one number.
_READS = {aten._local_scalar_dense.default, aten.is_nonzero.default, aten.equal.default, aten.nonzero.default}
# What may bring a tensor from elsewhere, and which of its arguments that is: a GPU would have to wait for it.
_MOVES = {aten._to_copy.default: 0, aten.copy_.default: 1}
# The usual operations by PyTorch's public functions: the same kernels, but a third of the time of such a small sum goes
# into the call, and these calls are shorter.
_QUICK = {getattr(aten, name): getattr(torch, name) for name in (
    "add", "addmm", "baddbmm", "bmm", "cat", "div", "exp", "lerp", "log", "mean", "mm", "mul", "neg", "ones_like",
    "pow", "rand", "randn", "relu", "sigmoid", "sqrt", "sub", "sum", "t", "tanh", "transpose", "unsqueeze",
    "zeros_like")}  # fmt: skip
_QUICK |= {aten.view: Tensor.view, aten.expand: Tensor.expand, aten.leaky_relu: torch.nn.functional.leaky_relu,
           aten.softplus: torch.nn.functional.softplus}  # fmt: skip


class Tape(TorchDispatchMode):
    """Within this context operations are done as usual, and noted. `function` then makes them a function.

    `obstacle` says why they cannot be repeated (None: they can). `keep=False`: only this is found out.
    """

    def __init__(self, keep: bool = True):
        super().__init__()
        self.obstacle: str | None = None
        self._keep = keep
        self._notes: list[tuple[Callable, tuple, dict, object]] = []
        self._awake = True

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        if self._awake:
            if func in _READS:
                self.obstacle = "it reads a number out of a tensor, on which what follows may depend"
            if func in _MOVES and getattr(args[_MOVES[func]], "device", out.device) != out.device:
                self.obstacle = "it moves a tensor from one device to another"
            self._note(func, args, kwargs, out)
        return out

    def _note(self, *note) -> None:
        if self._keep:
            self._notes.append(note)

    def call(self, function: Callable, *args):
        """Call a function now, and anew in each repetition: what it does inside is not noted. Gives what it gives:
        a tensor, a tuple of tensors, or None."""
        self._awake = False
        try:
            out = function(*args)
        finally:
            self._awake = True
        self._note(function, args, {}, out)
        return out

    def function(self, results: tuple[Tensor, ...]) -> Callable[[], tuple[Tensor, ...]]:
        """All that was noted, as a function of nothing that gives `results` anew."""
        return _Source(self._notes, results).function()


class _Source:
    """Notes as the text of a Python function, one line an operation: Python runs nothing faster than that."""

    def __init__(self, notes: list, results: tuple[Tensor, ...]):
        self.lines, self.names, self.outside = [], {}, {}
        self.turned: dict[str, str] = {}  # a matrix and its transpose, by name: each is taken once
        self.last: dict[str, int] = {}  # the line that uses a tensor last, after which it is let go
        self.made: set[str] = set()
        for func, args, kwargs, out in notes:
            self._add(func, args, kwargs, out)
        self.results = [self._name(one) for one in results]

    def _add(self, func: Callable, args: tuple, kwargs: dict, out) -> None:
        if func is aten.detach.default:  # without autograd it is the same tensor
            self.names[id(out)] = self._name(args[0])
            return
        if func is aten.t.default and (known := self.turned.get(self._name(args[0]))):
            self.names[id(out)] = known
            return
        if not isinstance(func, torch._ops.OpOverload):
            self.turned = {}  # a function may give a weight other memory (`p.data = ...`): its transpose is old then
        given = [self._name(a) for a in args] + [f"{key}={self._name(a)}" for key, a in kwargs.items()]
        call = f"{self._foreign(_QUICK.get(getattr(func, 'overloadpacket', None), func))}({', '.join(given)})"
        new = [self._new(one) for one in (out if isinstance(out, (tuple, list)) else [out])]
        if func is aten.t.default:
            before = self._name(args[0])
            self.turned |= {before: new[0], new[0]: before}
        names = ", ".join(new) + ("," if isinstance(out, (tuple, list)) else "")
        self.lines.append(call if set(new) <= {"_"} else f"{names} = {call}")

    def _new(self, one) -> str:
        """The name of a result: `_` for what needs none, such as a tensor that was changed in place."""
        if not isinstance(one, Tensor) or id(one) in self.names:
            return "_"
        name = f"t{len(self.made)}"
        self.made.add(name)
        self.names[id(one)], self.last[name] = name, len(self.lines)
        return name

    def _name(self, a) -> str:
        if isinstance(a, Tensor):
            if id(a) not in self.names:
                self.names[id(a)] = self._foreign(a)
            name = self.names[id(a)]
            if name in self.made:
                self.last[name] = len(self.lines)
            return name
        if type(a) in (list, tuple):
            inside = "".join(f"{self._name(part)}, " for part in a)
            return f"[{inside}]" if type(a) is list else f"({inside})"
        if a is None or type(a) in (bool, int, str) or (type(a) is float and math.isfinite(a)):
            return repr(a)
        return self._foreign(a)

    def _foreign(self, thing) -> str:
        """The name of something that the function finds as it is: a weight, an operation, a device."""
        name = f"x{id(thing)}"
        self.outside[name] = thing  # held there, so that no other thing can get its id
        return name

    def function(self) -> Callable[[], tuple[Tensor, ...]]:
        body = []
        for i, line in enumerate(self.lines):
            body.append(line)
            free = [name for name, last in self.last.items() if last == i and name not in self.results]
            if free:
                body.append(f"del {', '.join(free)}")
        text = "\n    ".join(["def play():", *body, f"return {', '.join(self.results)},"])
        exec(text, self.outside)  # the text is ours: names and numbers alone
        return torch.no_grad()(self.outside["play"])
