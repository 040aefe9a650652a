"""Each exercise of lesson 03 takes a right answer written differently, and names the mistake in a wrong one."""

import math

import pytest
import torch
from torch import sigmoid
from torch.autograd import grad
from torch.nn.functional import logsigmoid, softplus

from gan_course.checks import runs03
from gan_course.checks.engine import judge
from gan_course.checks.runs03 import CURE


def name_of(exercise, answer) -> str:
    return judge(exercise, answer).reason


# --- 03.1


@pytest.mark.parametrize(
    "right",
    [
        lambda log_p, log_q: 1 / (1 + torch.exp(log_q - log_p)),
        lambda log_p, log_q: torch.exp(log_p - torch.logaddexp(log_p, log_q)),
        lambda log_p, log_q: torch.stack([log_p, log_q]).softmax(0)[0],
    ],
)
def test_03_1_accepts_other_right_ways(right):
    assert judge("03.1", right).ok


def naive(log_p, log_q):
    return log_p.exp() / (log_p.exp() + log_q.exp())


@pytest.mark.parametrize(
    "wrong, reason",
    [
        (lambda a, b: sigmoid(b - a), "swapped"),
        (lambda a, b: a - b, "logit"),
        (lambda a, b: (a - b).exp(), "ratio"),
        (lambda a, b: a / (a + b), "logs"),
        (lambda a, b: (a > b).float(), "hard"),
        (naive, "underflow"),
        (lambda a, b: a.exp() / (a.exp() + b.exp() + 1e-12), "patched"),
        (lambda a, b: naive(a, b).nan_to_num(0.5), "patched"),
        (lambda a, b: sigmoid(a - b).mean(), "shape"),
        (lambda a, b: sigmoid(a - b) ** 2, "value"),
        (lambda a, b: ..., "unsolved"),
    ],
)
def test_03_1_names_the_mistake(wrong, reason):
    assert name_of("03.1", wrong) == reason


# --- 03.2


def kl(p, q, dx):
    return (torch.xlogy(p, p) - torch.xlogy(p, q)).sum() * dx


def by_entropy(p, q, dx):
    def entropy(a):
        return -(torch.xlogy(a, a)).sum() * dx

    return entropy((p + q) / 2) - (entropy(p) + entropy(q)) / 2


def with_masks(p, q, dx):
    total = 0.0
    for a in (p, q):
        here = a > 0
        total += (a[here] * (2 * a[here] / (p + q)[here]).log()).sum().item() * dx / 2
    return total


@pytest.mark.parametrize("right", [by_entropy, with_masks])
def test_03_2_accepts_other_right_ways(right):
    assert judge("03.2", right).ok


def unguarded(p, q, dx):
    m = (p + q) / 2
    return ((p * (p / m).log()).sum() + (q * (q / m).log()).sum()) * dx / 2


def no_half_in_m(p, q, dx):
    return (kl(p, p + q, dx) + kl(q, p + q, dx)) / 2


@pytest.mark.parametrize(
    "wrong, reason",
    [
        (lambda p, q, dx: 2 * by_entropy(p, q, dx), "twice"),
        (lambda p, q, dx: by_entropy(p, q, dx) / math.log(2), "bits"),
        (lambda p, q, dx: by_entropy(p, q, 1.0), "cells"),
        (lambda p, q, dx: by_entropy(p, q, dx).clamp(min=0).sqrt(), "root"),
        (no_half_in_m, "mixture"),
        (lambda p, q, dx: 2 * no_half_in_m(p, q, dx), "mixture"),
        (lambda p, q, dx: kl(p, (p + q) / 2, dx), "one_sided"),
        (lambda p, q, dx: kl(q, (p + q) / 2, dx), "one_sided"),
        (kl, "plain_kl"),
        (lambda p, q, dx: (kl(p, q, dx) + kl(q, p, dx)) / 2, "plain_kl"),
        (unguarded, "zeros"),
        (lambda p, q, dx: by_entropy(p, q, dx) * 1.5, "value"),
        (lambda p, q, dx: ..., "unsolved"),
    ],
)
def test_03_2_names_the_mistake(wrong, reason):
    assert name_of("03.2", wrong) == reason


# --- 03.3


def test_03_3_accepts_another_right_way():
    def right(real, fake):
        return math.log(2) - (softplus(-real).mean() + softplus(fake).mean()).item() / 2

    assert judge("03.3", right).ok


def v(real, fake):
    return logsigmoid(real).mean() + logsigmoid(-fake).mean()


LOG4 = math.log(4)


@pytest.mark.parametrize(
    "wrong, reason",
    [
        (lambda r, f: v(r, f) / 2, "offset"),
        (v, "only_v"),
        (lambda r, f: v(r, f) + LOG4, "half"),
        (lambda r, f: (LOG4 - v(r, f)) / 2, "sign"),
        (lambda r, f: (v(f, r) + LOG4) / 2, "swapped"),
        (lambda r, f: (v(r, f) + LOG4) / 2 / math.log(2), "bits"),
        (lambda r, f: (torch.cat([logsigmoid(r), logsigmoid(-f)]).mean() + LOG4) / 2, "pooled"),
        (lambda r, f: torch.cat([logsigmoid(r), logsigmoid(-f)]).mean() + LOG4 / 2, "pooled"),
        (lambda r, f: (sigmoid(r).log().mean() + (1 - sigmoid(f)).log().mean() + LOG4) / 2, "overflow"),
        (lambda r, f: ((sigmoid(r) + 1e-8).log().mean() + (1 - sigmoid(f)).log().mean() + LOG4) / 2, "overflow"),
        (lambda r, f: (r.log().mean() + (1 - f).log().mean() + LOG4) / 2, "no_sigmoid"),
        (lambda r, f: (sigmoid(r).mean() + (1 - sigmoid(f)).mean() + LOG4) / 2, "value"),
        (lambda r, f: ..., "unsolved"),
    ],
)
def test_03_3_names_the_mistake(wrong, reason):
    assert name_of("03.3", wrong) == reason


# --- 03.4


def test_03_4_accepts_autograd():
    def right(logit):
        logit = logit.clone().requires_grad_()
        return tuple(grad(loss.sum(), logit)[0] for loss in (-softplus(logit), softplus(-logit)))

    assert judge("03.4", right).ok
    assert judge("03.4", lambda logit: [-sigmoid(logit), sigmoid(logit) - 1]).ok


def by_the_mean(logit):
    logit = logit.clone().requires_grad_()
    return tuple(grad(loss.mean(), logit)[0] for loss in (-softplus(logit), softplus(-logit)))


@pytest.mark.parametrize(
    "wrong, reason",
    [
        (lambda x: (-sigmoid(-x), -sigmoid(x)), "swapped"),
        (lambda x: (sigmoid(x), sigmoid(-x)), "sign"),
        (lambda x: (-1 / (1 - sigmoid(x)), -1 / sigmoid(x)), "probability"),
        (lambda x: (-softplus(x), softplus(-x)), "loss"),
        (by_the_mean, "mean"),
        (lambda x: (1 - sigmoid(x), -sigmoid(x)), "discriminator"),
        (lambda x: (-sigmoid(x), -sigmoid(x)), "value"),
        (lambda x: (-sigmoid(x).mean(), -sigmoid(-x).mean()), "shape"),
        (lambda x: -sigmoid(x), "pair"),
        (lambda x: ..., "unsolved"),
    ],
)
def test_03_4_names_the_mistake(wrong, reason):
    assert name_of("03.4", wrong) == reason


# --- 03.5


def test_03_5_accepts_lists_and_any_order():
    assert judge("03.5", {name: list(CURE[name]) for name in "DCBA"}).ok


@pytest.mark.parametrize(
    "change, reason",
    [
        ({"A": ("minimax", "starved")}, "logit_only"),
        ({"C": ("minimax", "pushed")}, "slope_only"),
        ({"B": ("cannot tell", "healthy")}, "one_half"),
        ({"D": ("cannot tell", "asleep")}, "near_zero"),
        ({"A": ("minimax", "pushed"), "C": ("non-saturating", "starved")}, "losses_swapped"),
        ({"A": ("cannot tell", "pushed")}, "can_tell"),
        ({"B": ("minimax", "asleep")}, "guessed"),
        ({"D": ("non-saturating", "healthy")}, "guessed"),
        ({"C": ("non-saturating", "starved")}, "other"),
        ({"A": ("hinge", "pushed")}, "words"),
        ({"A": "pushed"}, "words"),
        ({"E": ("minimax", "starved")}, "keys"),
        ({"A": ...}, "unsolved"),
    ],
)
def test_03_5_names_the_mistake(change, reason):
    assert name_of("03.5", {**CURE, **change}) == reason


def test_the_logs_tell_what_the_answer_claims():
    """By the rule of section 7 alone, gradient / slope = |dL/dl|, the logs lead to the answer."""
    state = torch.get_rng_state()
    logs = runs03.runs()
    assert torch.equal(torch.get_rng_state(), state)
    for name, log in logs.items():
        _, logit, slope, felt = log[-1]
        loss, illness = CURE[name]
        if illness == "asleep":
            assert (logit, slope, felt) == (0, 0, 0)
        elif illness == "healthy":
            assert abs(logit) < 0.2 and slope > 0.5 and abs(felt / slope - 0.5) < 0.05
        else:
            d = 1 / (1 + math.exp(-logit))
            assert d < 1e-3
            # A mean of slopes is not the slope at the mean, so minimax is held to an order of magnitude.
            assert (felt / slope > 0.99) if loss == "non-saturating" else d / 2 < felt / slope < 20 * d
            assert (felt > 1) == (illness == "pushed")
