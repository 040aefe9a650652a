"""Curves and areas against scikit-learn, luck against a simulation, the best judge against densities known exactly."""

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score, roc_curve
from torch import nn

from gan_course import toy
from gan_course.laboratory.catalogue import Catalogue
from gan_course.laboratory.judges import area, best, finite, luck, network, right, roc
from gan_course.laboratory.run import Run
from gan_course.laboratory.setup import Setup


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("levels", [2, 4, 1000])
def test_curve_and_area_are_scikit_learns_ties_included(seed, levels):
    rng = np.random.default_rng(seed)
    real = rng.permutation(np.arange(40) % 3 == 0)
    score = rng.integers(levels, size=40) + real * rng.random()
    curve = roc(score, real)
    theirs = np.stack(roc_curve(real, score, drop_intermediate=False)[:2], 1)
    np.testing.assert_allclose(curve, theirs)
    assert area(curve) == pytest.approx(roc_auc_score(real, score))


def test_the_area_of_a_sure_judge_of_a_liar_and_of_one_who_always_says_the_same():
    real = np.array([True, False, True, False, False])
    assert area(roc(real * 1.0, real)) == 1 and right(real - 0.5, real) == 1
    assert area(roc(1.0 - real, real)) == 0 and right(0.5 - real, real) == 0
    assert area(roc(np.ones(5), real)) == 0.5 and right(np.ones(5), real) == pytest.approx(0.4)


def test_luck_is_the_spread_of_a_guessers_area():
    rng = np.random.default_rng(0)
    for reals, fakes in ((15, 15), (4, 20)):
        real = np.arange(reals + fakes) < reals
        areas = [area(roc(rng.random(reals + fakes), real)) for _ in range(3000)]
        assert np.std(areas) == pytest.approx(luck(reals, fakes), rel=0.06)  # the s.d. of 3000 is within 1.3 %


def test_the_best_judge_finds_the_known_ratio_of_two_gaussians():
    near, far = toy.gaussian((0.0, 0.0), 0.5), toy.gaussian((0.4, 0.2), 0.7)
    x = torch.cat([near.sample(1000, 1), far.sample(1000, 2)])
    exact = (near.log_prob(x) - far.log_prob(x)).numpy()
    found = best(x, near.sample(20_000, 3), far.sample(20_000, 4))
    inside = (torch.stack([near.log_prob(x), far.log_prob(x)]).amin(0) > math.log(0.05)).numpy()  # not in a far tail
    assert inside.mean() > 0.6
    assert np.abs(found - exact)[inside].mean() < 0.3  # each distance has a relative s.d. of 1 / sqrt(32)
    kinds = np.repeat([True, False], 1000)
    assert area(roc(found, kinds)) == pytest.approx(area(roc(exact, kinds)), abs=0.012)


def test_the_best_judge_of_equal_distributions_guesses_and_of_a_collapsed_one_is_sure():
    p = toy.ring(8, 1.0, 0.08)
    kinds = np.repeat([True, False], 1000)
    real, same = p.sample(1000, 1), p.sample(1000, 2)
    alike = area(roc(best(torch.cat([real, same]), p.sample(20_000, 3), p.sample(20_000, 4)), kinds))
    assert alike == pytest.approx(0.5, abs=4 * luck(1000, 1000))
    line = torch.linspace(-1, 1, 21_000)[:, None].repeat(1, 2)[
        torch.randperm(21_000, generator=torch.Generator().manual_seed(5))
    ]
    seen = area(roc(best(torch.cat([real, line[:1000]]), p.sample(20_000, 3), line[1000:]), kinds))
    assert seen > 0.98
    one_point = torch.zeros(20_000, 2)
    assert area(roc(best(torch.cat([real, one_point[:1000]]), p.sample(20_000, 3), one_point), kinds)) == 1


class Ramp(nn.Module):
    """A discriminator whose logit is x_1 + b."""

    def __init__(self):
        super().__init__()
        self.b = nn.Parameter(torch.tensor(0.25))

    def forward(self, x):
        return x[:, :1] + self.b


@pytest.mark.parametrize(
    ("loss", "zero"), [("non-saturating", -0.25), ("least squares", 0.25), ("hinge", -0.25), ("Wasserstein", 0.0)]
)
def test_the_network_says_real_above_what_its_loss_wants_of_an_unknown_point(loss, zero):
    catalogue = Catalogue()
    catalogue.add(discriminator={"ramp": Ramp})
    run = Run(Setup(discriminator="ramp", loss=loss), catalogue)
    x = torch.tensor([[-1.0, 5.0], [-0.4, 3.0], [0.0, 0.0], [0.4, 9.0], [1.0, 1.0]])  # of mean x_1 0
    np.testing.assert_allclose(network(run, x), x[:, 0].numpy() - zero, atol=1e-5)


def test_numbers_are_finite_whatever_comes():
    x = torch.tensor([1.5, math.nan, math.inf, -math.inf, 1e9])
    np.testing.assert_array_equal(finite(x), np.array([1.5, 0, 0, 0, 1e6], np.float32))
