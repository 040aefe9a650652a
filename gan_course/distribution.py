"""What a toy distribution is: a sampler and an exact density that agree. `toy.py` says which ones there are.

Points are float32 tensors of shape (n, dim); log densities are natural logarithms of shape (n,).
"""

import copy
import math
from abc import ABC, abstractmethod
from numbers import Integral

import torch
from torch import Generator, Tensor

PAIRS = 2**18  # pairs of point and Gaussian that log_prob holds at once: 1 MB, which a processor's cache keeps


class Toy(ABC):
    """A distribution with `dim`, `extent` (lo, hi) for plots, `modes` (k, dim) or None, and `std` or None.

    `std` is the one width that all modes share; it is None where there are no modes or their widths differ.
    """

    dim: int
    extent: tuple[float, float]
    modes: Tensor | None = None
    std: float | None = None
    device: torch.device

    @abstractmethod
    def log_prob(self, x: Tensor) -> Tensor:
        """Exact log density at `x` of shape (n, dim), or (n,) where dim is 1. Returns (n,)."""

    def pdf(self, x: Tensor) -> Tensor:
        """Exact density at `x`, as `log_prob` takes it. Returns (n,)."""
        return self.log_prob(x).exp()

    def sample(self, n: int, seed: int | Generator | None = None) -> Tensor:
        """`n` fresh points (n, dim). `seed`: None for torch's own stream, an int, or a Generator.

        The Generator must be on the toy's device. The same int gives the same points on the same kind of
        device; a GPU's stream is not a processor's.
        """
        count("n", n)
        if isinstance(seed, Integral):
            seed = Generator(self.device).manual_seed(int(seed))
        return self._draw(n, seed)

    def batches(self, size: int, seed: int = 0) -> "Stream":
        """An endless iterator of fresh batches (size, dim), whose place can be saved and restored."""
        return Stream(self, size, seed)

    def mesh(self, n: int = 200, extent: tuple[float, float] | None = None) -> tuple[Tensor, float]:
        """Midpoints of `n` equal cells per axis over `extent`, and one cell's length (1-D) or area (2-D).

        Returns ((n ** dim, dim), cell), so that `(toy.pdf(x) * cell).sum()` is close to 1 where the cells are
        no wider than the narrowest mode. In 2-D, `values.reshape(n, n)` has a row for each height, upwards.
        """
        count("n", n)
        lo, hi = self.extent if extent is None else extent
        if not hi > lo:
            raise ValueError(f"extent must be (low, high) with low < high, not ({lo}, {hi}).")
        step = (hi - lo) / n
        axis = (lo + step * (torch.arange(n, dtype=torch.float64) + 0.5)).float().to(self.device)
        axes = torch.meshgrid([axis] * self.dim, indexing="xy")
        return torch.stack([a.flatten() for a in axes], dim=1), step**self.dim

    def to(self, device: torch.device | str) -> "Toy":
        """The same distribution with its tensors on `device`; this one is left as it is."""
        moved = copy.copy(self)
        moved.device = torch.device(device)
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                setattr(moved, name, value.to(device))
        return moved

    @abstractmethod
    def _draw(self, n: int, generator: Generator | None) -> Tensor:
        """`n` points (n, dim) from `generator`, or from torch's own stream."""

    def _points(self, x: Tensor) -> Tensor:
        x = torch.as_tensor(x)
        if self.dim == 1 and x.ndim == 1:
            x = x[:, None]
        if x.ndim != 2 or x.shape[1] != self.dim:
            raise ValueError(f"x must have shape (n, {self.dim}) for this toy, not {tuple(x.shape)}.")
        return x if x.is_floating_point() else x.float()


class Mixture(Toy):
    """Round Gaussians: `means` (k, dim), `stds` (k,), `weights` (k,) of sum 1. If `modal`, each is a mode."""

    def __init__(self, means: Tensor, stds: Tensor, weights: Tensor, modal: bool = True) -> None:
        self.means, self.stds, self.weights = means.float(), stds.float(), weights.float()
        self.dim = means.shape[1]
        self.device = means.device
        self.extent = _extent(self.means.amin().item(), self.means.amax().item(), 4 * self.stds.amax().item())
        if modal:
            self.modes = self.means
            self.std = self.stds[0].item() if bool((self.stds == self.stds[0]).all()) else None

    def log_prob(self, x: Tensor) -> Tensor:
        rows = max(1, PAIRS // len(self.means))
        return torch.cat([self._log_prob(part) for part in self._points(x).split(rows)])

    def _log_prob(self, x: Tensor) -> Tensor:
        # Plain differences, not |x|^2 - 2xm + |m|^2: with a width of 0.01 the cancellation would show.
        squared = sum((x[:, j, None] - self.means[:, j]).square() for j in range(self.dim))
        weights, stds = self.weights.to(x.dtype), self.stds.to(x.dtype)
        log_scales = weights.log() - self.dim * (stds.log() + 0.5 * math.log(2 * math.pi))
        return torch.logsumexp(log_scales - 0.5 * squared / stds.square(), dim=1)

    def _draw(self, n: int, generator: Generator | None) -> Tensor:
        which = torch.multinomial(self.weights, n, replacement=True, generator=generator)
        noise = torch.randn(n, self.dim, generator=generator, device=self.device)
        return self.means[which] + self.stds[which, None] * noise


class Segment(Toy):
    """Uniform on [start, start + length] (1-D), or on the vertical line {start} x [0, length] (2-D).

    The measure matters. In 1-D the density is per unit length, as usual. In 2-D a line has no area and so no
    density per unit area: `log_prob` is then per unit length *along vertical lines*, -log(length) on the
    segment and -inf off it. Two such segments share this measure, so p / (p + q) is well defined.
    """

    def __init__(self, start: float, length: float, dim: int) -> None:
        self.dim, self.device = dim, torch.device("cpu")
        self.low = torch.tensor([start] if dim == 1 else [start, 0.0], dtype=torch.float32)
        self.high = self.low.clone()
        self.high[-1] += length
        self.extent = _extent(self.low.amin().item(), self.high.amax().item(), 0.0)

    def log_prob(self, x: Tensor) -> Tensor:
        x = self._points(x)
        inside = ((x >= self.low.to(x)) & (x <= self.high.to(x))).all(dim=1)
        height = -(self.high - self.low)[-1].log().to(x)
        return torch.where(inside, height, -torch.inf)

    def _draw(self, n: int, generator: Generator | None) -> Tensor:
        along = torch.rand(n, 1, generator=generator, device=self.device)
        return torch.lerp(self.low, self.high, along)


class Stream:
    """Endless fresh batches (size, dim) of a toy. With another's `state_dict` it goes on as that one would."""

    def __init__(self, toy: Toy, size: int, seed: int = 0) -> None:
        count("size", size)
        self.toy, self.size = toy, size
        # Not from `seed` itself: a game of that seed would feed G, turn by turn, the very numbers by which the real
        # points deviate from their modes.
        self.rng = Generator(toy.device).manual_seed((seed + 2**31) % 2**32)

    def __iter__(self) -> "Stream":
        return self

    def __next__(self) -> Tensor:
        return self.toy.sample(self.size, self.rng)

    def source(self) -> tuple:
        """Equal for two streams that draw alike, but for their seeds."""
        return self.size, id(self.toy)

    def many(self, k: int, rng: Generator) -> tuple[Tensor]:
        """k batches at once from another generator: one tensor (k, size, dim)."""
        return (self.toy.sample(k * self.size, rng).view(k, self.size, self.toy.dim),)

    def state_dict(self) -> dict:
        return {"size": self.size, "rng": self.rng.get_state()}

    def load_state_dict(self, state: dict) -> None:
        """Go on from `state`. Raises ValueError if that is of another batch size or kind of device."""
        if set(state) != {"size", "rng"}:
            raise ValueError("This is not the state of a toy's batches: it must hold exactly 'size' and 'rng'.")
        if state["size"] != self.size:
            raise ValueError(f"The state is of batches of {state['size']}, not {self.size}: use the same size.")
        rng = state["rng"].cpu()
        if rng.shape != self.rng.get_state().shape:
            raise ValueError("The random state was saved on another kind of device: resume on that kind.")
        self.rng.set_state(rng)


def _extent(lo: float, hi: float, reach: float) -> tuple[float, float]:
    margin = max(reach, 0.1 * (hi - lo))
    return lo - margin, hi + margin


def numbers(name: str, value) -> Tensor:
    """Finite numbers as a float64 tensor, or a TypeError or ValueError that says what is wrong with them."""
    try:
        out = torch.as_tensor(value, dtype=torch.float64, device="cpu").detach()
    except (TypeError, ValueError, RuntimeError) as err:
        raise TypeError(f"{name} must be numbers, in rows of the same length.") from err
    if not bool(out.isfinite().all()):
        raise ValueError(f"{name} must be finite: there is a NaN or an infinity among them.")
    return out


def positive(name: str, value: float) -> float:
    """One number greater than 0, or a ValueError that says so."""
    number = numbers(name, value)
    if number.ndim != 0 or not number.item() > 0:
        raise ValueError(f"{name} must be one number greater than 0, not {value}.")
    return number.item()


def count(name: str, value: int) -> int:
    """A whole number of at least 1, or a ValueError that says so."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, not {value!r}.")
    return int(value)
