"""Cures for mode collapse: what lets D see it, and what lets G avoid it.

D judges points one by one, so it cannot say "these are all alike". `Packed` shows it several points at once,
`MinibatchStd` and `MinibatchDiscrimination` tell it how alike a batch is. `Several` gives G one network for each
piece of the data. `unrolled` lets G look ahead at D's answer. All but `unrolled` are networks or layers of networks,
so they go wherever those go; all of them work in `ensemble.py`.

Where D looks at several points at once, the mean of its logits is no longer a sum over points, and a penalty on D's
slope at one point (`r1`) counts what that point does to every logit: `Packed` says how much more that is.
"""

import copy
import math
from collections.abc import Callable
from numbers import Integral, Real

import torch
from torch import Tensor, nn
from torch.func import functional_call

from .door import sees_real
from .ensemble import Ensemble
from .game import Game
from .penalties import Penalty
from .stack import Stack
from .together import Together


class Packed(nn.Module):
    """D on packs of m points: x (n, dim) is read as (n/m, m * dim), and each pack's logit is given m times: (n, 1).

    A pack of a collapsed G's points is a pack of twins, which real packs are not. Lin et al. 2018, "PacGAN: The power
    of two samples in generative adversarial networks". Make D for m * dim numbers; images (n, c, h, w) become
    (n/m, m * c, h, w). ValueError if m does not divide n. A slope at a point is m times that of its pack's logit, so
    r1(w) on a `Packed` holds the network inside as hard as r1(m * w) without the repetition would.
    """

    def __init__(self, D: nn.Module, m: int):
        super().__init__()
        _check_whole("Packed", "m", m)
        self.D, self.m = D, m

    def forward(self, x: Tensor) -> Tensor:
        n = x.shape[0]
        if n % self.m:
            raise ValueError(f"{n} points do not fill packs of {self.m}: give a batch size that {self.m} divides.")
        packs = x.reshape(n // self.m, self.m * x.shape[1], *x.shape[2:])
        return self.D(packs).repeat_interleave(self.m, 0)


class MinibatchStd(nn.Module):
    """A layer, (n, d) to (n, d + 1): the standard deviation of each feature over the batch, averaged over features,
    as one more number for every sample. It has no parameters. Karras et al. 2018, "Progressive Growing of GANs".

    D must see real and fake batches apart, as `train` shows them.
    """

    def forward(self, x: Tensor) -> Tensor:
        # Kept off zero: the derivative of a square root at zero is infinite, and a collapsed batch comes close to it.
        spread = (x.var(0, correction=0) + 1e-8).sqrt().mean()
        return torch.cat([x, spread.expand(x.shape[0], 1)], 1)


class MinibatchDiscrimination(nn.Module):
    """A layer, (n, d) to (n, d + kernels): how close each sample is to the others of its batch, under `kernels` learnt
    measures, each a map to `dims` numbers. Salimans et al. 2016, "Improved Techniques for Training GANs".

    Closeness is the mean over the other samples of exp(-L1 distance): near 0 where they differ, 1 where they agree.
    The paper takes the sum, which grows with the batch.
    """

    def __init__(self, d: int, kernels: int = 8, dims: int = 4):
        super().__init__()
        for name, value in (("d", d), ("kernels", kernels), ("dims", dims)):
            _check_whole("MinibatchDiscrimination", name, value)
        self.kernels, self.dims = kernels, dims
        self.map = nn.Linear(d, kernels * dims, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        places = self.map(x).view(-1, self.kernels, self.dims)
        away = (places[:, None] - places).abs().sum(-1)  # (n, n, kernels)
        others = (-away).exp().sum(1) - 1  # less the 1 that each sample is to itself
        return torch.cat([x, others / max(x.shape[0] - 1, 1)], 1)


class Several(nn.Module):
    """A generator of k generators: z[:, 0] says which makes the sample, with equal chances; the rest of z is its noise.

    `make` gives one generator; all k are called on the whole batch. A network is continuous and makes one piece of
    data; k of them make k. In the spirit of Ghosh et al. 2018 (MAD-GAN) and Hoang et al. 2018 (MGAN), but without
    their classifier, which pushes the k apart: here nothing but D keeps them from making the same.
    """

    def __init__(self, make: Callable[[], nn.Module], k: int):
        super().__init__()
        _check_whole("Several", "k", k)
        each = [make() for _ in range(k)]
        if not isinstance(getattr(each[0], "z_dim", None), int):
            raise ValueError("Several needs generators that say how much noise they want: set G.z_dim in `make`.")
        self.each, self.z_dim = Stack(each), each[0].z_dim + 1

    def which(self, z: Tensor) -> Tensor:
        """Which generator makes each sample: (n,) whole numbers from 0 to k - 1. z[:, 0] is standard normal."""
        k = len(self.each)
        return (torch.special.ndtr(z[:, 0]) * k).long().clamp(max=k - 1)

    def forward(self, z: Tensor) -> Tensor:
        made = self.each(z[:, 1:].expand(len(self.each), -1, -1))
        at = self.which(z).view(1, -1, *[1] * (made.dim() - 2))
        return made.take_along_dim(at, 0).squeeze(0)


def unrolled(game: Game | Ensemble, k: int, lr: float | None = None):
    """The game, with G's loss taken after k further steps of D, and differentiated through them.

    G then sees how D would answer, so leaving a mode for a better one no longer looks like a gain. D itself learns as
    before. Metz et al. 2017, "Unrolled Generative Adversarial Networks". The steps use the same real batch and noise
    as G's loss, and D's loss with its penalties. A step goes as D's optimiser goes: Adam's divisors are held fixed and
    its momentum is left out; any other is taken as plain descent. lr: the steps' rate, by default D's own.

    game: fresh from `train` or `ensemble.train`; the result shares all it has, so play the result only. k = 0 changes
    nothing. ValueError for a `constrain`, which writes into weights and so cannot be differentiated. In the paper G
    wants all of D's loss, also its part at real points: `Loss(minimax.d, lambda real, fake: -minimax.d(real, fake))`.
    """
    _check_whole("unrolled", "k", k, least=0)
    if lr is not None and not (isinstance(lr, Real) and 0 < lr < math.inf):
        raise ValueError(f"unrolled needs a positive lr such as 1e-3, or None for D's own; got {lr!r}.")
    if not isinstance(game, Game | Ensemble):
        raise TypeError(f"unrolled needs a game, as `train` gives it, not {type(game).__name__}.")
    if k == 0:
        return game
    if isinstance(game, Ensemble):
        games = copy.copy(game)
        games._groups = [_UnrolledTogether(group, k, lr) for group in game._groups]
        return games
    return _UnrolledGame(game, k, lr)


class _Later:
    """D with other weights than its own; all else (`before`) is asked of D. A penalty draws from `rng`."""

    def __init__(self, D: nn.Module, weights: dict[str, Tensor], rng):
        self.D, self.weights, self.rng = D, weights, rng

    def __call__(self, x: Tensor, *cond: Tensor) -> Tensor:
        return functional_call(self.D, self.weights, (x, *cond))

    def __getattr__(self, name):
        return getattr(self.D, name)


class _Unrolled:
    """What unrolling changes in a game: G's step."""

    def __init__(self, game: Game, k: int, lr: float | None):
        if game.constrain:
            raise ValueError(
                "unrolled cannot differentiate a constrain such as clip_weights: use gradient_penalty in its place."
            )
        self.__dict__.update(game.__dict__)  # the same networks, optimisers, batches and randomness
        self._k, self._lr = k, lr

    def _improve_g(self, real: Tensor, *cond: Tensor) -> Tensor:
        fake = self.G(self.noise(len(real)), *cond)
        D = self._later(real, fake, *cond)
        fake_logits = D(fake, *cond)
        # The later D depends on G, and so do its logits at real points.
        real_logits = D(real, *cond) if sees_real(self.loss.g) else fake_logits.detach()
        loss = self.loss.g(real_logits, fake_logits)
        self._update("generator", loss, self.opt_g)
        if self._average:
            self._average.update_parameters(self.G)
        return loss

    def _later(self, real: Tensor, fake: Tensor, *cond: Tensor) -> _Later:
        """D after k more steps against these points, as a function of G's weights."""
        weights = {name: p for name, p in self.D.named_parameters() if p.requires_grad}
        paces = {name: self._pace(p) for name, p in weights.items()}
        kept = {name: b.clone() for name, b in self.D.named_buffers()}  # a layer may write into them
        for _ in range(self._k):
            D = _Later(self.D, {**weights, **kept}, self.rng)
            loss = self.loss.d(D(real, *cond), D(fake, *cond)) + sum(p(D, real, fake, *cond) for p in self.penalties)
            slopes = torch.autograd.grad(loss.sum(), list(weights.values()), create_graph=True)
            steps = zip(weights.items(), slopes, strict=True)
            weights = {name: w - paces[name] * slope for (name, w), slope in steps}
        return _Later(self.D, {**weights, **kept}, self.rng)

    def _pace(self, p: nn.Parameter) -> Tensor | float:
        """What a gradient is multiplied with in D's steps: its rate, over Adam's root mean square if it has one."""
        group = next(g for g in self.opt_d.param_groups if any(p is q for q in g["params"]))
        rate, state = self._rate_d(group, p), self.opt_d.state.get(p, {})
        if "exp_avg_sq" not in state:
            return rate
        mean_square = state["exp_avg_sq"] / (1 - group["betas"][1] ** state["step"].item())
        return rate / (mean_square.sqrt() + group["eps"])


class _UnrolledGame(_Unrolled, Game):
    def _rate_d(self, group: dict, p: Tensor) -> float:
        return group["lr"] if self._lr is None else self._lr


class _UnrolledTogether(_Unrolled, Together):
    def __init__(self, group: Together, k: int, lr: float | None):
        if not all(isinstance(p, Penalty) for p in group._solos[0].penalties):
            raise ValueError("Many unrolled games take the penalties r1, r2 and gradient_penalty; play others alone.")
        super().__init__(group, k, lr)
        self._noise = self._noises  # of this group, not of the one that it was made from

    def _rate_d(self, group: dict, p: Tensor) -> Tensor:
        own = [solo.opt_d.param_groups[0]["lr"] if self._lr is None else self._lr for solo in self._solos]
        rates = torch.tensor(own, dtype=p.dtype, device=p.device) * (self.rate if self._lr is None else 1)
        return rates.view(-1, *[1] * (p.dim() - 1))


def _check_whole(who: str, name: str, value: int, least: int = 1) -> None:
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise ValueError(f"{who} needs a whole number of {least} or more for {name}, got {value!r}.")
