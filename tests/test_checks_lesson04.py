"""Each exercise of lesson 04 accepts right answers, however written, and names the mistakes that learners make."""

import math

import pytest
import torch
from torch.nn.functional import softplus

from gan_course import dirac
from gan_course.checks.engine import judge

G_MOVES, D_MOVES = torch.eye(2, dtype=torch.float64)


def sig(t):
    return 1 / (1 + math.exp(-t))


# ---- 04.1


def by_autograd(theta, psi):
    theta, psi = theta.clone().requires_grad_(), psi.clone().requires_grad_()
    (g,) = torch.autograd.grad(softplus(-psi * theta), theta)
    (d,) = torch.autograd.grad(softplus(psi * theta), psi)
    return -g, -d


def test_04_1_accepts_autograd_and_plain_floats():
    assert judge("04.1", by_autograd).ok
    assert judge("04.1", lambda t, p: (sig(-t * p) * p, -sig(t * p) * t)).ok


@pytest.mark.parametrize(
    "answer, reason",
    [
        (lambda t, p: (sig(t * p) * p, -sig(t * p) * t), "minimax"),
        (lambda t, p: (-sig(-t * p) * p, sig(t * p) * t), "ascent"),
        (lambda t, p: (-sig(-t * p) * p, -sig(t * p) * t), "g_sign"),
        (lambda t, p: (sig(-t * p) * p, sig(t * p) * t), "d_sign"),
        (lambda t, p: (-sig(t * p) * t, sig(-t * p) * p), "swapped"),
        (lambda t, p: (p / 2, -t / 2), "linear"),
        (lambda t, p: (sig(-t * p), -sig(t * p)), "value"),  # the chain rule forgotten
        (lambda t, p: ..., "unsolved"),
    ],
)
def test_04_1_names_the_mistake(answer, reason):
    assert judge("04.1", answer).reason == reason


# ---- 04.2


def turns_by_index(v, h, now, before):
    half = torch.stack([now[0], now[1] + h[1] * v(now)[1]])
    return torch.stack([half[0] + h[0] * v(half)[0], half[1]])


def in_place(v, h, now, before):
    now += h * D_MOVES * v(now)
    now += h * G_MOVES * v(now)
    return now


def g_first(v, h, now, before):
    now = now + h * G_MOVES * v(now)
    return now + h * D_MOVES * v(now)


def both_twice(v, h, now, before):
    now = now + h * v(now)
    return now + h * v(now)


def test_04_2_accepts_another_right_way():
    assert judge("04.2", turns_by_index).ok
    assert judge("04.2", dirac.momentum(0.0)).ok


@pytest.mark.parametrize(
    "answer, reason",
    [
        (lambda v, h, now, before: now + h * v(now), "stale"),
        (g_first, "order"),
        (both_twice, "twice"),
        (lambda v, h, now, before: dirac.alternating(v, h[0], now, before), "rates"),
        (lambda v, h, now, before: now + h * D_MOVES * v(now), "d_only"),
        (in_place, "in_place"),
        (lambda v, h, now, before: dirac.alternating(v, -h, now, before), "value"),
    ],
)
def test_04_2_names_the_mistake(answer, reason):
    assert judge("04.2", answer).reason == reason


# ---- 04.3


def ahead_in_one_line(v, h, now, before):
    return now + v(now + v(now) * h) * h


def changes_now(v, h, now, before):
    now += h * v(now + h * v(now))
    return now


def test_04_3_accepts_another_right_way():
    assert judge("04.3", ahead_in_one_line).ok


@pytest.mark.parametrize(
    "answer, reason",
    [
        (dirac.simultaneous, "no_look"),
        (both_twice, "from_ahead"),
        (lambda v, h, now, before: now + h * (v(now) + v(now + h * v(now))) / 2, "average"),
        (lambda v, h, now, before: now + h * v(now + h / 2 * v(now)), "half"),
        (lambda v, h, now, before: now + h * v(now - h * v(now)), "backwards"),
        (changes_now, "in_place"),
        (dirac.optimistic, "value"),
    ],
)
def test_04_3_names_the_mistake(answer, reason):
    assert judge("04.3", answer).reason == reason


# ---- 04.4


def by_search(slope):
    weights = torch.linspace(0, 4, 2001)
    slowest = torch.tensor([dirac.r1_eigenvalues(w.item(), slope).real.max() for w in weights])
    return weights[slowest.argmin()]


def test_04_4_accepts_a_numerical_search():
    assert judge("04.4", by_search).ok


@pytest.mark.parametrize(
    "answer, reason",
    [
        (lambda slope: 1.0, "constant"),
        (lambda slope: slope, "too_small"),
        (lambda slope: 4 * slope**2, "square"),
        (lambda slope: 100 * slope, "too_large"),
        (lambda slope: 0.0, "constant"),
        (lambda slope: math.sqrt(slope), "too_small"),
        (lambda slope: "2 * slope", "unusable"),
    ],
)
def test_04_4_names_the_mistake(answer, reason):
    assert judge("04.4", answer).reason == reason


# ---- 04.5


def d_step(penalty, keep_graph=True):
    """The lesson's function, with its penalty to be put in: `penalty(slope, weight)`."""

    def step(theta, psi, h, weight):
        psi = psi.detach().requires_grad_()
        x = torch.zeros(1, dtype=psi.dtype, requires_grad=True)
        loss = softplus(-psi * x).sum() + softplus(psi * theta)
        (slope,) = torch.autograd.grad((psi * x).sum(), x, create_graph=keep_graph)
        (gradient,) = torch.autograd.grad(loss + penalty(slope, weight), psi)
        return (psi - h * gradient).detach()

    return step


def halved(slope, weight):
    return weight / 2 * slope.square().sum()


def test_04_5_accepts_the_graph_kept_and_the_closed_form():
    assert judge("04.5", d_step(halved)).ok
    assert judge("04.5", lambda t, p, h, w: (1 - h * w) * p - h * torch.sigmoid(t * p) * t).ok


@pytest.mark.parametrize(
    "answer, reason",
    [
        (d_step(halved, keep_graph=False), "no_effect"),
        (d_step(lambda slope, w: halved(slope.detach(), w)), "no_effect"),
        (d_step(lambda slope, w: -halved(slope, w)), "sign"),
        (d_step(lambda slope, w: w * slope.square().sum()), "double"),
        (d_step(lambda slope, w: w / 2 * slope.abs().sum()), "not_squared"),
        (d_step(lambda slope, w: w / 4 * slope.square().sum()), "half_weight"),
        (lambda t, p, h, w: p - h * w * p, "loss"),
    ],
)
def test_04_5_names_the_mistake(answer, reason):
    assert judge("04.5", answer).reason == reason


# ---- 04.6


def look_far(v, h, now, before):
    return now + h * v(now + 10 * h * v(now))


def double_optimism(v, h, now, before):
    here = v(now)
    return now + h * here + 3 * h * (here - v(before))


def extragradient_twice(v, h, now, before):
    return dirac.extragradient(v, h, dirac.extragradient(v, h, now, before), before)


@pytest.mark.parametrize("answer", [look_far, double_optimism])
def test_04_6_accepts_different_ideas(answer):
    verdict = judge("04.6", answer)
    assert verdict.ok, verdict.message


@pytest.mark.parametrize(
    "answer, reason",
    [
        (dirac.extragradient, "slow"),
        (dirac.momentum(-0.3), "slow"),
        (dirac.simultaneous, "diverges"),
        (dirac.alternating, "slow"),
        (extragradient_twice, "calls"),
        (lambda v, h, now, before: now * 0.5, "blind"),
        (lambda v, h, now, before: 0.5 * now + 0 * v(now), "diverges"),  # shrinks towards 0, where the centre is not
        (lambda v, h, now, before: now + h * v(now + 60 * h * v(now)), "diverges"),
    ],
)
def test_04_6_names_the_mistake(answer, reason):
    assert judge("04.6", answer).reason == reason
