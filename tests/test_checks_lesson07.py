"""Lesson 07's exercises: named wrong answers are rejected for their own reason, other right answers are accepted."""

import numpy as np
import pytest
import torch
from torch.nn.functional import softplus

from gan_course import hinge, metrics, r1, wasserstein
from gan_course.checks import patients07
from gan_course.checks.engine import judge

# --- 07.1 ---


def by_backward(G, D, loss, z):
    fake = D(G(z))
    loss.g(fake, fake).backward()
    total = sum(p.grad.square().sum() for p in G.parameters()).sqrt().item()
    for net in (G, D):
        net.zero_grad()
    return total


def parts(G, D, loss, z, net=None):
    fake = D(G(z))
    return torch.autograd.grad(loss.g(fake, fake), list((net or G).parameters()))


def long(slopes):
    return torch.cat([slope.flatten() for slope in slopes]).norm().item()


def never_cleared(G, D, loss, z):
    fake = D(G(z))
    loss.g(fake, fake).backward()
    return long([p.grad for p in G.parameters()])


def left_in_d(G, D, loss, z):
    G.zero_grad()
    value = never_cleared(G, D, loss, z)
    G.zero_grad()
    return value


def of_d_loss(G, D, loss, z):
    fake = D(G(z))
    return long(torch.autograd.grad(loss.d(fake.detach(), fake), list(G.parameters())))


def test_07_1_accepts_backward_with_its_traces_removed():
    assert judge("07.1", by_backward).ok


@pytest.mark.parametrize(
    "answer, reason",
    [
        (lambda G, D, loss, z: sum(p.norm().item() for p in parts(G, D, loss, z)), "sum_of_norms"),
        (lambda G, D, loss, z: long(parts(G, D, loss, z)) ** 2, "squared"),
        (lambda G, D, loss, z: long(parts(G, D, loss, z, D)), "wrong_player"),
        (lambda G, D, loss, z: parts(G, D, loss, z)[0].norm().item(), "one_layer"),
        (of_d_loss, "d_loss"),
        (never_cleared, "accumulates"),
        (left_in_d, "trace"),
        (lambda G, D, loss, z: 1.0, "value"),
        (lambda G, D, loss, z: ..., "unsolved"),
    ],
)
def test_07_1_names_the_mistake(answer, reason):
    assert judge("07.1", answer).reason == reason


# --- 07.2 ---


def mixed(logit, label):
    return label * softplus(-logit) + (1 - label) * softplus(logit)


def right_way(real, fake, target):
    return softplus(-real).mean() + (1 - target) * real.mean() + softplus(fake).mean()


def overflowing(real, fake, target):
    p, q = torch.sigmoid(real), torch.sigmoid(fake)
    return -(target * p.log() + (1 - target) * (1 - p).log()).mean() - (1 - q).log().mean()


def test_07_2_accepts_a_shorter_form():
    assert judge("07.2", right_way).ok


@pytest.mark.parametrize(
    "answer, reason",
    [
        (lambda r, f, t: mixed(r, t).mean() + mixed(f, 1 - t).mean(), "two_sided"),
        (lambda r, f, t: softplus(-r).mean() + mixed(f, 1 - t).mean(), "wrong_side"),
        (lambda r, f, t: t * softplus(-r).mean() + softplus(f).mean(), "missing_half"),
        (lambda r, f, t: mixed(r, 1 - t).mean() + softplus(f).mean(), "flipped"),
        (lambda r, f, t: softplus(-r).mean() + softplus(f).mean(), "hard"),
        (lambda r, f, t: -right_way(r, f, t), "sign"),
        (lambda r, f, t: mixed(r, t).sum() + softplus(f).sum(), "sum"),
        (lambda r, f, t: mixed(r, t) + softplus(f), "shape"),
        (lambda r, f, t: right_way(r, f, t).detach(), "detached"),
        (overflowing, "overflow"),
        (lambda r, f, t: r.mean() * t + f.mean(), "value"),
        (lambda r, f, t: ..., "unsolved"),
    ],
)
def test_07_2_names_the_mistake(answer, reason):
    assert judge("07.2", answer).reason == reason


# --- 07.3 ---


def loop(before_d=(), after_d=(), before_g=(), order="dg", d_moves=True):
    """A turn whose calls of zero_grad stand in the places named: "d" and "g" for the optimisers."""

    def turn(G, D, opt_g, opt_d, real, z):
        opts = {"d": opt_d, "g": opt_g}
        for who in order:
            if who == "d":
                for name in before_d:
                    opts[name].zero_grad()
                (softplus(-D(real)).mean() + softplus(D(G(z).detach())).mean()).backward()
                if d_moves:
                    opt_d.step()
                for name in after_d:
                    opts[name].zero_grad()
            else:
                for name in before_g:
                    opts[name].zero_grad()
                softplus(-D(G(z))).mean().backward()
                opt_g.step()

    return turn


@pytest.mark.parametrize(
    "answer", [loop(before_d="d", before_g="g"), loop(before_d="dg"), loop(before_d="d", after_d="dg")]
)
def test_07_3_accepts_every_place_that_is_right(answer):
    verdict = judge("07.3", answer)
    assert verdict.ok, verdict.message


@pytest.mark.parametrize(
    "answer, reason",
    [
        (loop(after_d="d", before_g="g"), "leak"),
        (loop(before_g="g"), "never_d"),
        (loop(before_d="d"), "never_g"),
        (loop(), "never"),
        (loop(before_d="d", before_g="g", order="gd"), "order"),
        (loop(before_d="d", before_g="g", d_moves=False), "still"),
        (loop(before_d="d", before_g="g", order="dgg"), "value"),
        (lambda G, D, opt_g, opt_d, real, z: ..., "unsolved"),
    ],
)
def test_07_3_names_the_mistake(answer, reason):
    assert judge("07.3", answer).reason == reason


# --- 07.4 ---


def exact(v):
    return -2 * v.real / v.abs().square()


def by_search(v):
    rates = np.linspace(0, 20, 2_000_001)
    if max(v.real.tolist()) >= 0:
        return 0
    grown = np.zeros(len(rates), bool)
    for value in v.tolist():
        grown |= (rates > 0) & (abs(1 + rates * value) >= 1)
    low, high = 0.0, rates[grown.argmax()]
    low = high - 1e-5
    for _ in range(60):
        middle = (low + high) / 2
        inside = all(abs(1 + middle * value) < 1 for value in v.tolist())
        low, high = (middle, high) if inside else (low, middle)
    return low


def test_07_4_accepts_a_search():
    assert judge("07.4", by_search).ok


@pytest.mark.parametrize(
    "answer, reason",
    [
        (lambda v: (-2 / v.real).min(), "real_only"),
        (lambda v: 2 / v.abs().max(), "modulus"),
        (lambda v: exact(v).max(), "best"),
        (lambda v: exact(v).min() / 2, "half"),
        (lambda v: (-2 * v.real / v.abs()).min(), "not_squared"),
        (lambda v: exact(v).min(), "negative"),
        (lambda v: 7.0, "value"),
        (lambda v: ..., "unsolved"),
    ],
)
def test_07_4_names_the_mistake(answer, reason):
    assert judge("07.4", answer).reason == reason


# --- 07.5 ---

RIGHT = {"A": "oscillating", "B": "vanishing gradient", "C": "healthy", "D": "diverged"}


def test_07_5_accepts_the_diagnosis_in_any_order():
    assert judge("07.5", dict(reversed(RIGHT.items()))).ok


@pytest.mark.parametrize(
    "slip, reason",
    [
        ({"A": "healthy"}, "swing_for_healthy"),
        ({"A": "diverged"}, "swing_for_diverged"),
        ({"B": "healthy"}, "still_for_healthy"),
        ({"B": "diverged"}, "still_for_diverged"),
        ({"C": "vanishing gradient"}, "small_for_gone"),
        ({"D": "oscillating"}, "gone_for_swing"),
        ({"D": "vanishing gradient"}, "gone_for_vanished"),
        ({"C": "oscillating"}, "other"),
        ({"C": "collapsed"}, "words"),
        ({"E": "healthy"}, "keys"),
        ({"A": ...}, "unsolved"),
    ],
)
def test_07_5_names_the_mistake(slip, reason):
    assert judge("07.5", RIGHT | slip).reason == reason


def test_07_5_the_signs_that_the_lesson_names_are_there():
    """What the lesson prints must tell the four apart, by far."""
    charts = {name: patients07.admit(name) for name in RIGHT}
    far = {name: chart.fakes.norm(dim=1).mean().item() for name, chart in charts.items()}
    assert far["D"] > 5 > 2 * max(far[name] for name in "ABC")
    assert charts["B"].pull[-3:].max() < 0.02 < 0.5 * min(charts[name].pull[-5:].max() for name in "AC")
    assert charts["B"].way < 0.01 and charts["B"].right > 0.98
    assert charts["A"].way > 0.4 > 0.25 > charts["C"].way
    assert metrics.modes_covered(charts["C"].fakes, patients07.RING) >= 7


# --- 07.6 ---


@pytest.mark.parametrize("answer", [{"d_steps": 3}, {"penalties": [r1(1.0)]}])
def test_07_6_accepts_other_cures(answer):
    verdict = judge("07.6", answer)
    assert verdict.ok, verdict.message


@pytest.mark.parametrize(
    "answer, reason",
    [
        ({"loss": hinge}, "still_ill"),
        ({"average": 0.99}, "still_ill"),
        ({"opt": torch.optim.SGD}, "optimiser"),
        ({"lr_d": 8e-3, "lr_g": 1e-3}, "dose"),
        ({}, "dose"),
        ({"rate": 1e-3}, "unknown"),
        ({"lr_d": -1}, "refused"),
        ({"penalties": r1(1.0)}, "refused"),
        ([wasserstein], "keys"),
        (..., "unsolved"),
    ],
)
def test_07_6_names_the_mistake(answer, reason):
    assert judge("07.6", answer).reason == reason
