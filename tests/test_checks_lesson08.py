"""Lesson 08's exercises: named wrong answers are rejected for their own reason, other right answers are accepted."""

import math

import pytest
import torch
from torch import nn
from torch.nn.functional import relu

from gan_course.checks import patients08
from gan_course.checks.engine import judge
from gan_course.losses import hinge

# --- 08.1 ---


def d_right(real, fake):
    return (1 - real).clamp(min=0).mean() + (1 + fake).clamp(min=0).mean()


def g_right(real, fake):
    return fake.neg().mean()


def test_08_1_accepts_clamps_and_the_package():
    assert judge("08.1", (d_right, g_right)).ok
    assert judge("08.1", (hinge.d, hinge.g)).ok


@pytest.mark.parametrize(
    "d, g, reason",
    [
        (lambda r, f: relu(1 + r).mean() + relu(1 - f).mean(), g_right, "swapped"),
        (lambda r, f: relu(-r).mean() + relu(f).mean(), g_right, "no_margin"),
        (lambda r, f: relu((1 - r).mean()) + relu((1 + f).mean()), g_right, "means"),
        (lambda r, f: relu(1 - r).square().mean() + relu(1 + f).square().mean(), g_right, "squared"),
        (lambda r, f: (1 - r).mean() + (1 + f).mean(), g_right, "no_hinge"),
        (lambda r, f: relu(1 - r).sum() + relu(1 + f).sum(), g_right, "sum"),
        (lambda r, f: relu(1 - r) + relu(1 + f), g_right, "shape"),
        (lambda r, f: d_right(r, f) / 2, g_right, "value"),
        (d_right, lambda r, f: relu(1 - f).mean(), "g_margin"),
        (d_right, lambda r, f: -d_right(r, f), "g_minus_d"),
        (d_right, lambda r, f: f.mean(), "g_sign"),
        (d_right, lambda r, f: -r.mean(), "g_value"),
        (d_right, lambda r, f: -f.mean().detach(), "detached"),
        (d_right, lambda r, f: ..., "unsolved"),
    ],
)
def test_08_1_names_the_mistake(d, g, reason):
    assert judge("08.1", (d, g)).reason == reason


# --- 08.2 ---


def star(t):
    return 2 * (1 - torch.sqrt(1 - t))


def below_one(v):
    return 1 - torch.nn.functional.softplus(-v)  # increasing, onto (-inf, 1): another one than the lesson's


def test_08_2_accepts_another_activation():
    assert judge("08.2", (star, below_one)).ok


def test_08_2_the_conjugate_is_the_highest_line():
    u = torch.logspace(-3, 3, 200_001, dtype=torch.float64)
    for t in (-3.0, 0.0, 0.5):
        assert (u * t - (1 - u).square() / u).max().item() == pytest.approx(2 - 2 * math.sqrt(1 - t), abs=1e-5)


@pytest.mark.parametrize(
    "f_star, activation, reason",
    [
        (lambda t: (1 - t) ** -0.5, below_one, "not_put_in"),
        (lambda t: -star(t), below_one, "sign"),
        (lambda t: t * (1 - t) ** -0.5, below_one, "no_f"),
        (lambda t: (1 - t).sqrt() - 2 + (1 - t) ** -0.5, below_one, "f_itself"),
        (lambda t: t**2 / 4 + t, below_one, "pearson"),
        (lambda t: star(t) + 1, below_one, "value"),
        (lambda t: star(t).mean(), below_one, "shape"),
        (star, lambda v: v, "domain"),
        (star, lambda v: 1 - v.log(), "domain"),
        (star, lambda v: 1 - v.exp(), "falling"),
        (star, torch.sigmoid, "narrow"),
        (star, lambda v: ..., "unsolved"),
    ],
)
def test_08_2_names_the_mistake(f_star, activation, reason):
    assert judge("08.2", (f_star, activation)).reason == reason


# --- 08.3 ---


def made(size_of, points="line", graph=True, last=torch.mean):
    """A penalty from how it measures slopes and where it looks."""

    def penalty(D, real, fake):
        t = torch.rand_like(real) if points == "box" else torch.rand(len(real), 1)
        t = torch.full_like(t, 0.4) if points == "same" else t
        x = (t * real + (1 - t) * fake).detach().requires_grad_()
        if points == "both":
            x = torch.cat([real, fake]).detach().requires_grad_()
        (slope,) = torch.autograd.grad(D(x).sum(), x, create_graph=graph)
        return last((size_of(slope) - 1).square())

    return penalty


def sizes(slope):
    return (slope.square().sum(1) + 1e-9).sqrt()


def test_08_3_accepts_a_clamp_below_the_root():
    assert judge("08.3", made(lambda s: s.square().sum(1).clamp(min=1e-10).sqrt())).ok


@pytest.mark.parametrize(
    "answer, reason",
    [
        (made(lambda s: s.norm(2)), "whole_batch"),
        (made(lambda s: s.norm(dim=0)), "columns"),
        (made(lambda s: s.abs()), "no_norm"),
        (made(lambda s: s.square().sum(1)), "no_root"),
        (made(lambda s: sizes(s).mean()), "mean_first"),
        (made(lambda s: relu(sizes(s) - 1) + 1), "one_sided"),
        (made(lambda s: sizes(s) + 1), "r1"),
        (made(sizes, last=torch.sum), "sum"),
        (made(sizes, last=lambda x: 10 * x.mean()), "weight"),
        (made(sizes, last=lambda x: x), "shape"),
        (made(sizes, last=lambda x: x.mean() / 3), "value"),
        (made(sizes, "box"), "box"),
        (made(sizes, "same"), "one_t"),
        (made(sizes, "both"), "points"),
        (made(sizes, graph=False), "detached"),
        (made(lambda s: s.square().sum(1).sqrt()), "nan"),
        (lambda D, real, fake: ..., "unsolved"),
    ],
)
def test_08_3_names_the_mistake(answer, reason):
    assert judge("08.3", answer).reason == reason


# --- 08.4 ---


def product(measure, layers=slice(None)):
    return lambda D: math.prod([float(measure(m.weight.detach())) for m in D if isinstance(m, nn.Linear)][layers])


def spectral(w):
    return torch.linalg.svdvals(w)[0]


def test_08_4_accepts_singular_values():
    assert judge("08.4", product(spectral)).ok


@pytest.mark.parametrize(
    "answer, reason",
    [
        (product(torch.Tensor.norm), "frobenius"),
        (lambda D: sum(spectral(m.weight) for m in D if isinstance(m, nn.Linear)), "sum"),
        (lambda D: max(spectral(m.weight) for m in D if isinstance(m, nn.Linear)), "largest"),
        (product(lambda w: w.abs().max()), "entries"),
        (lambda D: product(spectral)(D) * 0.2 ** (len(D) // 2), "leak"),
        (product(spectral, slice(None, -1)), "last"),
        (product(spectral, slice(1, None)), "first"),
        (lambda D: 0.5 * product(spectral)(D), "too_low"),
        (lambda D: 2 * product(spectral)(D), "value"),
        (lambda D: ..., "unsolved"),
    ],
)
def test_08_4_names_the_mistake(answer, reason):
    assert judge("08.4", answer).reason == reason


# --- 08.5 and 08.6 ---

RIGHT = {"A": "healthy", "B": "clip too loose", "C": "clip too tight", "D": "penalty without weight"}


def test_08_5_accepts_the_diagnosis_in_any_order():
    assert judge("08.5", dict(reversed(RIGHT.items()))).ok


@pytest.mark.parametrize(
    "slip, reason",
    [
        ({"C": "healthy"}, "small_is_healthy"),
        ({"C": "clip too loose", "B": "clip too tight"}, "swapped_clips"),
        ({"B": "penalty without weight"}, "limit_overlooked"),
        ({"D": "clip too loose"}, "no_limit"),
        ({"A": "penalty without weight"}, "penalty_overlooked"),
        ({"D": "healthy"}, "large_is_healthy"),
        ({"A": "clip too loose"}, "other"),
        ({"A": "well"}, "words"),
        ({"E": "healthy"}, "keys"),
        ({"A": ...}, "unsolved"),
    ],
)
def test_08_5_names_the_mistake(slip, reason):
    assert judge("08.5", RIGHT | slip).reason == reason


def test_08_5_the_signs_that_the_lesson_names_are_there():
    charts = {name: patients08.admit(name) for name in RIGHT}
    slope = {name: sum(chart.slope[-10:]) / 10 for name, chart in charts.items()}
    limit = {name: chart.weights.abs().max().item() for name, chart in charts.items()}
    assert slope["C"] < 1e-3 and 0.4 < slope["A"] < 1.6 and min(slope["B"], slope["D"]) > 2
    assert limit["C"] == pytest.approx(1e-3) and limit["B"] == pytest.approx(0.6)
    assert charts["B"].pinned > 3 / len(charts["B"].weights) and charts["D"].pinned < 2 / len(charts["D"].weights)


CURES = {"B": ("penalty", 0.1), "C": ("penalty", 0.3), "D": ("penalty", 0.3)}


def test_08_6_accepts_other_doses():
    verdict = judge("08.6", CURES)
    assert verdict.ok, verdict.message


@pytest.mark.parametrize(
    "answer, reason",
    [
        ({"B": ("clip", 0.2)}, "keys"),
        (CURES | {"A": ("clip", 0.2)}, "keys"),
        ([CURES], "keys"),
        (CURES | {"C": 0.2}, "words"),
        (CURES | {"C": ("r1", 0.2)}, "words"),
        ({"B": ("clip", -1.0), "C": ("clip", 0.2), "D": ("clip", 0.2)}, "refused"),
        ({"B": ("clip", 0.001), "C": ("clip", 0.2), "D": ("clip", 0.2)}, "still_ill_B"),
        ({"B": ..., "C": ("clip", 0.2), "D": ("clip", 0.2)}, "unsolved"),
    ],
)
def test_08_6_names_the_mistake(answer, reason):
    assert judge("08.6", answer).reason == reason
