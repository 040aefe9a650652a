"""Scores against closed forms, torchmetrics and scikit-learn, and the faults that their docstrings name."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.special import logsumexp
from sklearn.neighbors import KernelDensity
from torch import nn
from torchmetrics.image.inception import InceptionScore

from gan_course import metrics
from gan_course.scores import frechet_infinity, inception_score, kde_log_likelihood


def normal(n, d, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# --- classifier score ---


def test_inception_score_in_closed_form():
    one_each = torch.eye(10).repeat(3, 1)
    assert inception_score(one_each) == pytest.approx(10)
    assert inception_score(torch.eye(10)[[0, 0, 3, 3]]) == pytest.approx(2)
    assert inception_score(torch.full((7, 10), 0.1)) == pytest.approx(1)
    p = torch.tensor([[0.9, 0.1], [0.1, 0.9]])
    assert inception_score(p) == pytest.approx(math.exp(0.9 * math.log(1.8) + 0.1 * math.log(0.2)), rel=1e-6)


class Flat(nn.Module):
    """Images that hold logits: torchmetrics asks for a network."""

    def forward(self, x):
        return x.flatten(1)


@pytest.mark.filterwarnings("ignore:Metric `InceptionScore`", "ignore:std")
@pytest.mark.parametrize("splits", [1, 4])
def test_inception_score_against_torchmetrics(splits):
    logits = 3 * normal(200, 10, 1).float()
    other = InceptionScore(feature=Flat(), splits=splits)
    torch.manual_seed(3)
    other.update(logits[:, :, None, None])
    want = other.compute()[0].item()
    torch.manual_seed(3)
    order = torch.randperm(200)  # torchmetrics shuffles before it divides
    assert inception_score(logits[order].softmax(1), splits) == pytest.approx(want, rel=1e-4)


def test_a_mean_over_splits_is_lower():
    """Each part's own mean stands in for the true one: Barratt & Sharma 2018."""
    p = (3 * normal(200, 10, 2)).softmax(1)
    assert inception_score(p, 20) < inception_score(p) - 0.1


# --- Parzen windows ---


@pytest.mark.parametrize("width", [0.05, 0.4, 3.0])
def test_kde_against_scipy_and_scikit_learn(width):
    drawn, x = normal(300, 5), normal(80, 5, 1)
    found = kde_log_likelihood(drawn, x, width)
    parts = stats.norm.logpdf(x.numpy()[:, None], drawn.numpy(), width).sum(2)
    assert np.allclose(found, logsumexp(parts, axis=1) - math.log(300), rtol=1e-9)
    if width > 0.3:  # scikit-learn's trees add up small densities wrongly where all terms underflow
        assert np.allclose(found, KernelDensity(bandwidth=width).fit(drawn).score_samples(x), rtol=1e-6)


def test_kde_in_one_block_and_in_many(monkeypatch):
    drawn, x = normal(30, 5), normal(80, 5, 1)
    whole = kde_log_likelihood(drawn, x, 0.3)
    monkeypatch.setattr("gan_course.scores.PAIRS", 100)
    assert torch.equal(whole, kde_log_likelihood(drawn, x, 0.3))


def test_kde_far_away_stays_finite():
    found = kde_log_likelihood(torch.zeros(4, 2), torch.tensor([[100.0, 0.0]]), 0.1)
    assert found.item() == pytest.approx(-0.5 * 1000**2 - math.log(2 * math.pi * 0.01))


# --- extrapolation ---


def test_frechet_infinity_removes_most_of_the_bias():
    """Equal Gaussians: the true distance is 0, and any sample's is far above."""
    d, n = 12, 800
    plain, beyond = [], []
    for seed in range(8):
        a, b = normal(n, d, 2 * seed), normal(n, d, 2 * seed + 1)
        plain.append(metrics.frechet_distance(a, b))
        beyond.append(frechet_infinity(a, b, seed=seed).value)
    assert abs(np.mean(beyond)) < 0.1 * np.mean(plain)


def test_frechet_infinity_finds_a_true_distance():
    d, shift = 10, 0.4
    found = [frechet_infinity(normal(900, d, 2 * s), normal(900, d, 2 * s + 1) + shift, seed=s).value for s in range(8)]
    want = d * shift**2
    assert abs(np.mean(found) - want) < 4 * np.std(found) / math.sqrt(8) + 0.02 * want


def test_the_line_goes_through_the_points():
    found = frechet_infinity(normal(640, 8), normal(700, 8, 1), points=5)
    assert found.sizes[0] == 160 and found.sizes[-1] == 640 and len(found.scores) == 5
    assert found.slope > 0 and found.sizes == sorted(found.sizes)
    slope, value = np.polyfit([1 / n for n in found.sizes], found.scores, 1)
    assert found.value == pytest.approx(value, abs=1e-9) and found.slope == pytest.approx(slope)
    assert found == frechet_infinity(normal(640, 8), normal(700, 8, 1), points=5), "the same seed, the same answer"


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: inception_score(normal(9, 10)), "not logits"),
        (lambda: inception_score(torch.full((9, 10), 0.2)), "rows of sum 1"),
        (lambda: inception_score(torch.eye(3), splits=4), "lower splits"),
        (lambda: inception_score(torch.eye(3), splits=0), "whole number"),
        (lambda: kde_log_likelihood(normal(5, 2), normal(5, 3), 1.0), "one space"),
        (lambda: kde_log_likelihood(normal(5, 2), normal(5, 2), 0.0), "greater than 0"),
        (lambda: frechet_infinity(normal(70, 10), normal(500, 10)), "80 rows or more"),
        (lambda: frechet_infinity(normal(500, 10), normal(500, 10), points=1), "2 points"),
        (lambda: frechet_infinity(normal(500, 10), normal(500, 9)), "same features"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(call, words):
    with pytest.raises(ValueError, match=words):
        call()
