"""Lesson 06's exercises: named wrong answers are rejected for their own reason, other right answers are accepted."""

import pytest
import torch
from torch import nn

from gan_course import metrics, nets, r1, toy
from gan_course.checks import patients06
from gan_course.checks.engine import judge
from gan_course.cures import MinibatchStd, Packed, Several

# --- 06.1 ---


def counted(x, centres, sigma, near=3.0):
    """Good samples at each mode, in a loop."""
    counts = torch.zeros(len(centres))
    for point in x:
        away = (centres - point).norm(dim=1)
        if away.min() < near * sigma:
            counts[away.argmin()] += 1
    return counts


def measured(x, centres, sigma):
    counts = counted(x, centres, sigma)
    q = counts / counts.sum()
    rkl = sum((p * (len(centres) * p).log()).item() for p in q if p > 0)
    return (counts > 0).sum(), counts.sum() / len(x), rkl


def slip(modes=lambda m: m, share=lambda s: s, rkl=lambda q, k: torch.xlogy(q, k * q).sum(), near=3.0):
    """The right answer but for one part."""

    def answer(x, centres, sigma):
        counts = counted(x, centres, sigma, near)
        q = counts / counts.sum()
        return modes((counts > 0).sum().item()), share((counts.sum() / len(x)).item()), rkl(q, len(centres)).item()

    return answer


def all_nearest(x, centres, sigma):
    counts = torch.bincount(torch.cdist(x, centres).argmin(1), minlength=len(centres))
    return (counts > 0).sum().item(), *measured(x, centres, sigma)[1:]


def all_in_kl(x, centres, sigma):
    q = counted(x, centres, sigma, 100.0) / len(x)
    return *measured(x, centres, sigma)[:2], torch.xlogy(q, len(centres) * q).sum()


def test_06_1_accepts_a_loop_and_tensors():
    assert judge("06.1", measured).ok


def test_06_1_agrees_with_the_package():
    def package(x, centres, sigma):
        data = toy.mixture(centres, sigma)
        return metrics.modes_covered(x, data), metrics.high_quality_share(x, data), metrics.reverse_kl(x, data)

    assert judge("06.1", package).ok


@pytest.mark.parametrize(
    "answer, reason",
    [
        (all_nearest, "nearest"),
        (slip(near=1.0), "narrow"),
        (slip(modes=lambda m: m / 4), "modes"),
        (slip(share=lambda s: s * 12), "count"),
        (slip(share=lambda s: 1.0), "share"),
        (slip(rkl=lambda q, k: torch.xlogy(q, q).sum().neg()), "entropy"),
        (slip(rkl=lambda q, k: (q * (k * q).log()).sum()), "nan"),
        (slip(rkl=lambda q, k: -(k * q).log().sum() / k), "forward"),
        (slip(rkl=lambda q, k: torch.xlogy(q, 3 * q).sum()), "covered"),
        (slip(rkl=lambda q, k: torch.xlogy(q, k * q).sum() / torch.tensor(2.0).log()), "bits"),
        (slip(rkl=lambda q, k: torch.xlogy(q * 8 / 12, k * q * 8 / 12).sum()), "unnormalised"),
        (all_in_kl, "all_samples"),
        (slip(rkl=lambda q, k: q.sum()), "value"),
        (lambda x, centres, sigma: 3, "three"),
        (lambda x, centres, sigma: ..., "unsolved"),
    ],
)
def test_06_1_names_the_mistake(answer, reason):
    assert judge("06.1", answer).reason == reason


# --- 06.2 ---


@pytest.mark.parametrize(
    "answer",
    [
        lambda D, x, m: D(torch.cat([x[i::m] for i in range(m)], 1)),
        lambda D, x, m: D(torch.cat(x.chunk(m), 1)),  # other packs, as good
        lambda D, x, m: D(x.view(-1, m, x.shape[1]).flatten(1)),
    ],
)
def test_06_2_accepts_other_packs(answer):
    verdict = judge("06.2", answer)
    assert verdict.ok, verdict.message


@pytest.mark.parametrize(
    "answer, reason",
    [
        (lambda D, x, m: D(x.T.reshape(len(x) // m, -1)), "mixed"),
        (lambda D, x, m: D(x.view(-1, m, x.shape[1])), "flat"),
        (lambda D, x, m: D(x.view(-1, m, x.shape[1]).mean(1)), "melted"),
        (lambda D, x, m: D(x.repeat(1, m)), "repeat"),
        (lambda D, x, m: D(x[: len(x) // m].repeat(1, m)), "repeat"),
        (lambda D, x, m: torch.cat([D(p.reshape(1, -1)) for p in x.split(m)]), "loop"),
        (lambda D, x, m: D(x), "shape"),
        (lambda D, x, m: D(x.reshape(len(x) // m, -1)).mean(), "logits"),
        (lambda D, x, m: D(x.detach().reshape(len(x) // m, -1)).requires_grad_(), "detached"),
        (lambda D, x, m: x.sum(), "not_asked"),
        (lambda D, x, m: ..., "unsolved"),
    ],
)
def test_06_2_names_the_mistake(answer, reason):
    assert judge("06.2", answer).reason == reason


# --- 06.3 ---


def column(of):
    """A layer whose new column is of(h), one number or one for each row."""
    return lambda h: torch.cat([h, of(h).expand(len(h)).unsqueeze(1)], 1)


def test_06_3_accepts_the_packages_layer_and_an_average_by_hand():
    assert judge("06.3", MinibatchStd()).ok
    assert judge("06.3", column(lambda h: ((h - h.mean(0)).square().mean(0) + 1e-6).sqrt().sum() / h.shape[1])).ok


@pytest.mark.parametrize(
    "answer, reason",
    [
        (column(lambda h: (h.var(1, correction=0) + 1e-8).sqrt()), "within"),  # the colleague's
        (column(lambda h: (h.var(1, correction=0) + 1e-8).sqrt().mean()), "within"),
        (column(lambda h: h.var(0, correction=0).mean()), "variance"),
        (column(lambda h: h.var(0, correction=0).mean().sqrt()), "root_last"),
        (column(lambda h: h.std(correction=0)), "everything"),
        (column(lambda h: h.var(0, correction=0).sqrt().sum()), "sum"),
        (column(lambda h: (h.var(0) + 1e-8).sqrt().mean()), "correction"),
        (column(lambda h: h.var(0, correction=0).sqrt().mean()), "nan"),
        (column(lambda h: (h.var(0, correction=0) + 1e-8).sqrt().mean().detach()), "detached"),
        (column(lambda h: (h - h.mean(0)).abs().mean(1)), "per_row"),
        (column(lambda h: torch.zeros(())), "value"),
        (lambda h: torch.cat([h, h.std(0).expand(len(h), -1)], 1), "shape"),
        (lambda h: MinibatchStd()(h * 2), "features"),
        (lambda h: ..., "unsolved"),
    ],
)
def test_06_3_names_the_mistake(answer, reason):
    assert judge("06.3", answer).reason == reason


# --- 06.4 ---

RIGHT = {"A": "oscillation", "B": "collapse", "C": "bridges"}


def test_06_4_accepts_the_diagnosis_in_any_order():
    assert judge("06.4", dict(reversed(RIGHT.items()))).ok


@pytest.mark.parametrize(
    "change, reason",
    [
        ({"A": "collapse"}, "collapse_for_swing"),
        ({"A": "bridges"}, "bridges_for_swing"),
        ({"B": "oscillation"}, "swing_for_collapse"),
        ({"B": "vanishing gradient"}, "vanishing_for_collapse"),
        ({"B": "healthy"}, "losses_for_samples"),
        ({"C": "healthy"}, "healthy_for_bridges"),
        ({"C": "collapse"}, "collapse_for_bridges"),
        ({"C": "oscillation"}, "other"),
        ({"C": "mode collapse"}, "words"),
        ({"D": "healthy"}, "keys"),
        ({"A": ...}, "unsolved"),
    ],
)
def test_06_4_names_the_mistake(change, reason):
    assert judge("06.4", RIGHT | change).reason == reason


def test_06_4_the_signs_that_the_lesson_names_are_there():
    """What the lesson prints must tell the three apart, by far."""
    ring = toy.ring(8, std=0.05)
    wide = ring.sample(2500, seed=1).std(0).norm().item()
    looks = {name: [x for _, x in patients06.admit(name).looks[-4:]] for name in RIGHT}
    spread = {name: sum(x.std(0).norm().item() for x in own) / 4 / wide for name, own in looks.items()}
    share = {name: sum(metrics.high_quality_share(x, ring) for x in own) / 4 for name, own in looks.items()}
    modes = {name: min(metrics.modes_covered(x, ring) for x in own) for name, own in looks.items()}
    assert spread["B"] < 0.5 and spread["A"] > 0.75 and spread["C"] > 0.75
    assert share["A"] < 0.15 and 0.2 < share["C"] < 0.7
    assert modes["C"] >= 7 and modes["A"] <= 3 and modes["B"] <= 3


# --- 06.5 ---


def generator():
    return nets.mlp.generator(2, 2, (32, 32))


def test_06_5_accepts_another_pair_of_cures():
    verdict = judge("06.5", {"lr_d": 3e-3, "G": lambda: Several(generator, 6)})
    assert verdict.ok, verdict.message


@pytest.mark.parametrize(
    "answer, reason",
    [
        ({"lr_g": 3e-3}, "modes"),  # the patient as it is
        ({"D": lambda: Packed(nets.mlp.discriminator(8, (32, 32)), 4)}, "share"),  # modes, but few good samples
        ({"G": generator()}, "not_made"),
        ({"D": lambda: Packed(nets.mlp.discriminator(2, (32, 32)), 2)}, "refused"),  # a D for single points
        ({"lr_d": -1}, "refused"),
        ({"lr_d": 3e-3, "d_steps": 3, "penalties": [r1(0.1)]}, "dose"),
        ({"seed": 3}, "forbidden"),
        ({"steps": 4000}, "forbidden"),
        ({}, "keys"),
        ("packing", "keys"),
        (..., "unsolved"),
    ],
)
def test_06_5_names_the_mistake(answer, reason):
    assert judge("06.5", answer).reason == reason


def test_06_5_a_batch_norm_is_refused_in_a_sentence():
    verdict = judge("06.5", {"D": lambda: nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.Linear(8, 1))})
    assert verdict.reason == "refused" and "BatchNorm1d" in verdict.message
