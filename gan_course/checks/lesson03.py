"""The exercises of lesson 03: the optimal discriminator, JS from densities and from logits, factors, four runs."""

import math

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from gan_course.checks import runs03
from gan_course.checks.engine import Exercise, Wrong
from gan_course.losses import minimax

Mistakes = list[tuple[str, Tensor, str]]  # (reason, the numbers that this mistake gives, what to tell the learner)


def _is(got: Tensor, wanted: Tensor, tol: float = 1e-4) -> bool:
    """Equal to within tol, relative where the numbers are large; False where one is NaN."""
    return bool(((got - wanted).abs() <= tol * wanted.abs().clamp(min=1)).all())


def _name_it(got: Tensor, wanted: Tensor, mistakes: Mistakes, else_say: str, tol: float = 1e-4) -> None:
    """Raise `Wrong` unless got is wanted: with the known mistake that gives the same numbers, if there is one."""
    if _is(got, wanted, tol):
        return
    for reason, made, message in mistakes:
        if _is(got, made):
            raise Wrong(message, reason)
    raise Wrong(else_say, "value")


def _numbers(answer, name: str, shape: torch.Size) -> Tensor:
    got = torch.as_tensor(answer, dtype=torch.float64).detach()
    if got.shape != shape:
        raise Wrong(
            f"{name} should have shape {tuple(shape)}, one value a place; yours has {tuple(got.shape)}. A `.mean()` or "
            "`.sum()` too many is the usual cause.",
            "shape",
        )
    return got


def _optimal_discriminator(answer) -> str:
    log_p, log_q = torch.tensor([[0.3, 0.05, 0.2], [0.1, 0.45, 0.2]], dtype=torch.float64).log()
    wanted = torch.sigmoid(log_p - log_q)
    got = _numbers(answer(log_p.clone(), log_q.clone()), "D*", log_p.shape)
    mistakes = [
        ("swapped", 1 - wanted, "You have q / (p + q), the probability of *fake*. D* is high where p is."),
        ("logit", log_p - log_q, "This is the logit, log(p / q). One sigmoid is missing: D* is a probability."),
        ("ratio", (log_p - log_q).exp(), "This is p / q, from 0 to infinity. D* = p / (p + q)."),
        (
            "logs",
            log_p / (log_p + log_q),
            "You put the *logarithms* into p / (p + q). Of densities 0.3 and 0.1 it must make 0.75.",
        ),
        ("hard", (wanted > 0.5).double(), "You decide, 0 or 1. The optimal discriminator says *how* sure it is."),
    ]
    else_say = f"With densities p = 0.3 and q = 0.1 the optimal discriminator says 0.75; yours says {got[0]:.4g}."
    _name_it(got, wanted, mistakes, else_say)

    log_p, log_q = torch.tensor([[-1e3, -2e3, -300, -1e4], [-1002, -1e3, -500, -1e4]], dtype=torch.float64)
    wanted = torch.sigmoid(log_p - log_q)
    got = _numbers(answer(log_p.clone(), log_q.clone()), "D*", log_p.shape)
    if bool(got.isnan().any()):
        raise Wrong(
            "Right near the bumps, but far out on a tail it is not a number: there `exp` gives 0 for both densities, "
            "and you divide 0 by 0. Do not go back to p and q: only the difference of the logs matters.",
            "underflow",
        )
    if not _is(got, wanted):
        raise Wrong(
            "It is a number on every tail, but not the right one: with log p = -1000 and log q = -1002 real points are "
            f"$e^2$ times as frequent, so D* is {wanted[0]:.3f}, and yours is {got[0]:.3f}. A small number added below "
            "the line, or NaN replaced, only hides the 0 / 0.",
            "patched",
        )
    return "Right near the bumps, and right at densities of $e^{-1000}$, where p and q themselves are zero as floats."


CELL = 0.01


def _pairs() -> list[tuple[Tensor, Tensor]]:
    """Pairs of densities on one grid: unequal widths, shifted, equal; last, two blocks with nothing in common."""
    x = (torch.arange(2400, dtype=torch.float64) + 0.5) * CELL - 12

    def gauss(mean: float, std: float) -> Tensor:
        return torch.exp(-0.5 * ((x - mean) / std) ** 2) / (std * math.sqrt(2 * math.pi))

    blocks = tuple(((x > low) & (x < low + 1)).double() for low in (-1.0, 2.0))
    return [
        (gauss(0.0, 2.0), gauss(1.0, 0.5)),
        (gauss(0.0, 1.0), gauss(1.0, 1.0)),
        (gauss(0.0, 2.0), gauss(0.0, 2.0)),
        blocks,
    ]


def _kl(p: Tensor, q: Tensor) -> float:
    return ((torch.xlogy(p, p) - torch.xlogy(p, q)).sum() * CELL).item()


def _jensen_shannon(answer) -> str:
    pairs = _pairs()
    got = torch.tensor([float(answer(p.clone(), q.clone(), CELL)) for p, q in pairs], dtype=torch.float64)
    kinds = [(_kl(p, (p + q) / 2), _kl(q, (p + q) / 2), _kl(p, q), _kl(q, p)) for p, q in pairs[:3]]
    p_m, q_m, p_q, q_p = torch.tensor(kinds, dtype=torch.float64).T
    wanted, m = (p_m + q_m) / 2, "JS compares p and q with their mixture m, not with each other."
    half = "Below zero: the mixture is m = (p + q) / 2, and you left out the half."
    alike = "JS treats p and q alike: average KL(p‖m) and KL(q‖m)."
    mistakes = [
        ("twice", 2 * wanted, "This is KL(p‖m) + KL(q‖m), twice too much: JS is the *average* of the two."),
        ("bits", wanted / math.log(2), "This is JS in bits. The lesson has natural logarithms: `log`, not `log2`."),
        ("cells", wanted / CELL, "100 times too large: an integral is the sum *times the width of a cell*, `dx`."),
        ("root", wanted.clamp(min=0).sqrt(), "This is the square root of JS, the Jensen-Shannon *distance*."),
        ("mixture", wanted - math.log(2), half),
        ("mixture", 2 * wanted - math.log(4), half),
        ("one_sided", p_m, f"This is KL(p‖m) alone. {alike}"),
        ("one_sided", q_m, f"This is KL(q‖m) alone. {alike}"),
        ("plain_kl", p_q, f"This is KL(p‖q). {m}"),
        ("plain_kl", q_p, f"This is KL(q‖p). {m}"),
        ("plain_kl", (p_q + q_p) / 2, f"This is the average of KL(p‖q) and KL(q‖p). {m}"),
    ]
    if bool(got[:3].isnan().any()):
        raise Wrong(
            "It is not a number even for Gaussians: 0 / 0 or 0 log 0 somewhere on the grid. A term whose density is 0 "
            "counts as 0 (see `torch.xlogy`).",
            "zeros",
        )
    else_say = f"Between Normal(0, 1) and Normal(1, 1) JS is {wanted[1]:.4f}; yours is {got[1]:.4g}."
    _name_it(got[:3], wanted, mistakes, else_say)
    if not _is(got[3:], torch.tensor([math.log(2)], dtype=torch.float64)):
        raise Wrong(
            "Right for Gaussians. For two blocks with nothing in common it should be log 2 = 0.6931, and yours is "
            f"{got[3]:.4g}. Where a density is 0 its term counts as 0: $0\\log 0 = 0$ (see `torch.xlogy`).",
            "zeros",
        )
    return "0 for equal densities, log 2 for two blocks with nothing in common, and 0.1114 for Gaussians one apart."


def _js_from_logits(answer) -> str:
    def estimate(real: Tensor, fake: Tensor) -> Tensor:
        return torch.tensor([float(answer(real.clone(), fake.clone()))], dtype=torch.float64)

    def v(real: Tensor, fake: Tensor) -> Tensor:
        return -minimax.d(real, fake).double().view(1)

    real, fake, log4 = torch.tensor([[2.0], [0.5], [1.0], [-0.3]]), torch.tensor([[-1.0], [0.4]]), math.log(4)
    wanted = (v(real, fake) + log4) / 2
    every = torch.cat([logsigmoid(real), logsigmoid(-fake)]).double().mean().view(1)
    pooled = "You averaged over all points at once. V is a mean over the real points *plus* a mean over the fakes."
    mistakes = [
        ("offset", v(real, fake) / 2, "This is V / 2. V = -log 4 + 2 JS: the log 4 must come back, and it is missing."),
        ("only_v", v(real, fake), "This is V itself. Solve V = -log 4 + 2 JS for JS."),
        ("half", v(real, fake) + log4, "Twice too much: V + log 4 is *2* JS."),
        ("sign", (log4 - v(real, fake)) / 2, "V has the wrong sign. It is *minus* D's loss: below zero."),
        ("swapped", (v(fake, real) + log4) / 2, "Real and fake have changed places: log D belongs to real points."),
        ("bits", wanted / math.log(2), "This is JS in bits: use natural logarithms."),
        ("pooled", (every + log4) / 2, pooled),
        ("pooled", (2 * every + log4) / 2, pooled),
    ]
    got = estimate(real, fake)
    if bool(got.isnan()):
        raise Wrong(
            "It is not a number. A logit may be negative: take D = sigmoid(logit) before the log.", "no_sigmoid"
        )
    _name_it(got, wanted, mistakes, f"Here the estimate is {wanted.item():.4f}; yours is {got.item():.4g}.")
    sure = torch.tensor([[200.0], [-200.0]]), torch.tensor([[-200.0], [-150.0]])
    if not _is(estimate(*sure), (v(*sure) + log4) / 2):
        raise Wrong(
            f"Right for small logits, but with -200 on a real point it gives {estimate(*sure).item():.4g}: as a float "
            "sigmoid(-200) is 0, and its log is minus infinity, or was cut off. Use `logsigmoid(l)`, and "
            "`logsigmoid(-l)` for log(1 - D): they never pass through D.",
            "overflow",
        )
    return "Also with logits of 200, and with more real points than fakes."


def _factors(answer) -> str:
    logit = torch.tensor([-10.0, -2.0, 0.0, 1.0, 6.0], dtype=torch.float64)
    pair = answer(logit.clone())
    if not (isinstance(pair, (tuple, list)) and len(pair) == 2):
        raise Wrong("Return two tensors: the factor of the minimax loss, then that of the non-saturating one.", "pair")
    got = torch.stack([_numbers(part, "Each factor", logit.shape) for part in pair])
    d = torch.sigmoid(logit)
    wanted = torch.stack([-d, -(1 - d)])
    losses = torch.stack([logsigmoid(-logit), -logsigmoid(logit)])
    mistakes = [
        ("swapped", wanted.flip(0), "Both are right, in the wrong order: minimax first."),
        (
            "sign",
            -wanted,
            "Right sizes, wrong sign: both losses *fall* when the logit rises, so both slopes are negative.",
        ),
        (
            "probability",
            torch.stack([-1 / (1 - d), -1 / d]),
            "These are derivatives by D. The factor is the one by the *logit*: times dD/dl = D (1 - D).",
        ),
        ("loss", losses, "These are the losses themselves. Asked for is their derivative by the logit."),
        ("mean", wanted / len(logit), "Too small by the number of logits: this is the gradient of a *mean*."),
        (
            "discriminator",
            torch.stack([1 - d, -d]),
            "These are the slopes of log D and log(1 - D), the *discriminator's* terms. G's are log(1 - D) and -log D.",
        ),
    ]
    ours, mine = ([f"{v:.4g}" for v in both[:, 1].tolist()] for both in (wanted, got))
    _name_it(got, wanted, mistakes, f"At logit -2 they are {' and '.join(ours)}; yours are {' and '.join(mine)}.", 1e-6)
    return "At logit -10: 0.000045 for minimax, 0.99995 for non-saturating. At 0 both are one half."


EXERCISES = [
    Exercise(
        "03.1", "The optimal discriminator, in logs", "medium", "core", 5, _optimal_discriminator,
        ("Divide the numerator and the denominator of p / (p + q) by p.",
         "$p/(p+q) = 1/(1 + q/p)$, and $q/p = e^{\\log q - \\log p}$. Which function of the logit is that?",
         "It is the sigmoid of `log_p - log_q`."),
    ),
    Exercise(
        "03.2", "Jensen-Shannon by hand", "medium", "core", 8, _jensen_shannon,
        ("Write m first. Then JS is the average of two sums that look alike.",
         "KL(a‖m) is the sum of (a log a - a log m) dx. `torch.xlogy(a, b)` is a log b, and 0 where a is 0.",
         "`kl = lambda a: (torch.xlogy(a, a) - torch.xlogy(a, m)).sum() * dx`, then half of `kl(p) + kl(q)`."),
    ),
    Exercise(
        "03.3", "JS from logits", "easy", "core", 5, _js_from_logits,
        ("First V from the logits, then solve V = -log 4 + 2 JS for JS.",
         "log D is `logsigmoid(l)`. Since 1 - sigmoid(l) = sigmoid(-l), log(1 - D) is `logsigmoid(-l)`.",
         "`V = logsigmoid(real).mean() + logsigmoid(-fake).mean()`, and half of `V + math.log(4)`."),
    ),
    Exercise(
        "03.4", "The factor that the loss decides", "easy", "core", 5, _factors,
        ("Differentiate $-\\log(1 + e^{\\ell})$ and $\\log(1 + e^{-\\ell})$. Both come out in terms of the sigmoid.",
         "Minimax: minus D. Non-saturating: minus (1 - D). And D is the sigmoid of the logit.",
         "`return -torch.sigmoid(logit), -torch.sigmoid(-logit)`"),
    ),
    Exercise(
        "03.5", "Diagnose these runs", "medium", "core", 8, runs03.diagnosis,
        ("For each run divide gradient by slope. What should the quotient be, for each loss, at that logit?",
         "At logit -8, D is about 0.0003: a quotient near 1 is non-saturating, a small one minimax. At 0 both are 1/2.",
         "Two runs do not give their loss away. Of those, one has a slope and one has none."),
        kind="diagnose",
    ),
]  # fmt: skip
