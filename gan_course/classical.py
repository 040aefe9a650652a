"""Two classical pieces of lesson 01 that no library here gives: a hidden Markov model, and filling gaps in a Gaussian.

The model has Gaussian observations. A hidden state z_t moves from step to step by itself; x_t depends on z_t alone:

    p(x, z) = p(z_1) p(x_1 | z_1) * product over t > 1 of p(z_t | z_{t-1}) p(x_t | z_t),   x_t | z_t = k ~ N(m_k, v_k).

Rabiner 1989, "A Tutorial on Hidden Markov Models and Selected Applications in Speech Recognition". All recursions
run on logarithms, so that no length of sequence underflows. Sequences are tensors (n, T, d), computed in float64; NaN
marks a missing value, which is integrated out exactly: each v_k is diagonal, so that its factor simply drops out.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

PSEUDO_COUNT = 0.01  # added to each start and move, so that a move never seen is unlikely and not impossible


@dataclass(frozen=True)
class GaussianHMM:
    """log_start (k,), log_move (k, k) from row to column, mean (k, d), var (k, d). Made by `fit_hmm`."""

    log_start: Tensor
    log_move: Tensor
    mean: Tensor
    var: Tensor

    def log_prob(self, x: Tensor) -> Tensor:
        """log p of the seen values of each sequence, in nats: (n,)."""
        return self._forward(self._emission(x))[:, -1].logsumexp(1)

    def posterior(self, x: Tensor) -> Tensor:
        """p(z_t = k | the whole sequence): (n, T, k)."""
        emission = self._emission(x)
        return (self._forward(emission) + self._backward(emission)).softmax(2)

    def fill(self, x: Tensor) -> Tensor:
        """x with each missing value replaced by its mean, given all that was seen: (n, T, d)."""
        x = _sequences(x)
        return torch.where(x.isnan(), self.posterior(x) @ self.mean, x)

    def sample(self, n: int, length: int, seed: int = 0) -> Tensor:
        """n sequences of `length` steps: (n, length, d). The same seed gives the same sequences."""
        if n < 1 or length < 1:
            raise ValueError(f"n and length must be 1 or more, got n={n} and length={length}.")
        rng = torch.Generator().manual_seed(seed)
        state = torch.multinomial(self.log_start.exp().expand(n, -1), 1, generator=rng).squeeze(1)
        steps = []
        for _ in range(length):
            noise = torch.randn(n, self.mean.shape[1], generator=rng, dtype=torch.float64)
            steps.append(self.mean[state] + self.var[state].sqrt() * noise)
            state = torch.multinomial(self.log_move[state].exp(), 1, generator=rng).squeeze(1)
        return torch.stack(steps, 1)

    def _emission(self, x: Tensor) -> Tensor:
        """log p(x_t | z_t = k) of the seen values: (n, T, k)."""
        x = _sequences(x, self.mean.shape[1])[:, :, None]
        log_normal = -0.5 * ((x - self.mean).square() / self.var + (2 * math.pi * self.var).log())
        return torch.where(x.isnan(), 0.0, log_normal).sum(3)

    def _forward(self, emission: Tensor) -> Tensor:
        """log p(x_1 .. x_t, z_t = k): (n, T, k)."""
        alpha = [self.log_start + emission[:, 0]]
        for now in emission[:, 1:].unbind(1):
            alpha.append((alpha[-1][:, :, None] + self.log_move).logsumexp(1) + now)
        return torch.stack(alpha, 1)

    def _backward(self, emission: Tensor) -> Tensor:
        """log p(x_{t+1} .. x_T | z_t = k): (n, T, k)."""
        beta = [torch.zeros_like(emission[:, 0])]
        for later in emission[:, 1:].flip(1).unbind(1):
            beta.append((self.log_move + (later + beta[-1])[:, None]).logsumexp(2))
        return torch.stack(beta[::-1], 1)


def fit_hmm(x: Tensor, states: int, steps: int = 15, least_var: float = 1e-3, seed: int = 0) -> GaussianHMM:
    """Fit by expectation-maximisation (Baum-Welch): each step raises log p(x) + PSEUDO_COUNT * all log chances.

    x: (n, T, d), NaN where missing; least_var keeps a state from shrinking onto one value, where the density would
    be infinite. State k starts on a random sequence's value at step k modulo T.
    Raises ValueError for bad numbers, an infinity, or a column that was never seen.
    """
    x = _sequences(x)
    n, length, _ = x.shape
    if states < 1 or steps < 0 or not least_var > 0:
        raise ValueError(f"give states >= 1, steps >= 0, least_var > 0; got {states}, {steps}, {least_var}.")
    seen = ~x.isnan()
    if not seen.any(0).any(0).all():
        raise ValueError("a column of x has no value at all, so nothing can be learnt about it: drop it.")
    known = torch.where(seen, x, 0.0)
    centre = known.sum((0, 1)) / seen.sum((0, 1))
    spread = (torch.where(seen, x - centre, 0.0).square().sum((0, 1)) / seen.sum((0, 1))).clamp(min=least_var)
    who = torch.randint(n, (states,), generator=torch.Generator().manual_seed(seed))
    first = x[who, torch.arange(states) % length]
    even = torch.full((states, states), -math.log(states), dtype=torch.float64)
    hmm = GaussianHMM(even[0], even, torch.where(first.isnan(), centre, first), spread.expand(states, -1))
    for _ in range(steps):
        hmm = _improve(hmm, known, seen, least_var)
    return hmm


def _improve(hmm: GaussianHMM, known: Tensor, seen: Tensor, least_var: float) -> GaussianHMM:
    """One step of expectation-maximisation. known: (n, T, d) with any number where `seen` is False."""
    emission = hmm._emission(torch.where(seen, known, torch.nan))
    alpha, beta = hmm._forward(emission), hmm._backward(emission)
    total = alpha[:, -1].logsumexp(1)
    # How likely each state was at each step, and each move between two steps, given the whole sequence.
    at = (alpha + beta - total[:, None, None]).exp()
    later = (emission + beta)[:, 1:, None, :]
    moves = (alpha[:, :-1, :, None] + hmm.log_move + later - total[:, None, None, None]).exp().sum((0, 1))
    weight = torch.einsum("ntk,ntd->kd", at, seen.double())
    share = weight.clamp(min=1e-12)
    mean = torch.einsum("ntk,ntd->kd", at, known) / share
    # About the new mean, not E[x^2] - m^2, which cancels where a state is narrow.
    square = torch.where(seen[:, :, None], known[:, :, None] - mean, 0.0).square()
    var = (torch.einsum("ntk,ntkd->kd", at, square) / share).clamp(min=least_var)
    used = weight > 1e-9  # a state that explains nothing keeps what it had
    start, moves = at[:, 0].sum(0) + PSEUDO_COUNT, moves + PSEUDO_COUNT
    return GaussianHMM(
        (start / start.sum()).log(),
        (moves / moves.sum(1, keepdim=True)).log(),
        torch.where(used, mean, hmm.mean),
        torch.where(used, var, hmm.var),
    )


def fill_gaussian(x: Tensor, mean: Tensor, cov: Tensor) -> tuple[Tensor, Tensor]:
    """Under N(mean, cov): x (n, d), each NaN replaced by its mean given the row's seen values; and log p(seen), (n,).

    Bishop 2006, "Pattern Recognition and Machine Learning", section 2.3.1: E[b | a] = m_b + C_ba C_aa^-1 (a - m_a).
    """
    x, mean, cov = (torch.as_tensor(part).detach().cpu().double() for part in (x, mean, cov))
    d = len(mean)
    if x.ndim != 2 or x.shape[1] != d or cov.shape != (d, d):
        raise ValueError(f"x must be (n, {d}) and cov ({d}, {d}), not {tuple(x.shape)} and {tuple(cov.shape)}.")
    filled, log_prob = x.clone(), x.new_zeros(len(x))
    gaps, which = (~x.isnan()).unique(dim=0, return_inverse=True)  # rows with the same gaps share one factor
    for i, seen in enumerate(gaps):
        rows = which == i
        away = x[rows][:, seen] - mean[seen]
        root = torch.linalg.cholesky(cov[seen][:, seen])
        white = torch.linalg.solve_triangular(root, away.T, upper=False)
        norm = root.diagonal().log().sum() + 0.5 * len(root) * math.log(2 * math.pi)
        log_prob[rows] = -0.5 * white.square().sum(0) - norm
        guess = mean[~seen] + away @ torch.cholesky_solve(cov[seen][:, ~seen], root)
        filled[rows.nonzero(), (~seen).nonzero().T] = guess
    return filled, log_prob


def _sequences(x: Tensor, d: int | None = None) -> Tensor:
    x = torch.as_tensor(x).detach().cpu().double()
    if x.ndim != 3 or 0 in x.shape or (d is not None and x.shape[2] != d):
        raise ValueError(f"x must have shape (n, steps, {d or 'd'}) with at least one of each, not {tuple(x.shape)}.")
    if bool(x.isinf().any()):
        raise ValueError("x holds an infinity: mark a missing value with NaN.")
    return x
