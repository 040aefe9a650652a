"""Balls and neighbours against scikit-learn and SciPy, by closed forms, and on sets whose failure is known."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.neighbors import NearestNeighbors

from gan_course.manifold import density_coverage, memorised, nearest, precision_recall


def cloud(n, d=8, seed=0, shift=0.0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + shift


def radii(x, k):
    return NearestNeighbors(n_neighbors=k + 1).fit(x).kneighbors(x)[0][:, k]  # the first of them is the row itself


def by_sklearn(real, fake, k):
    """Which fake (column) lies in which real ball (row), and the other way round."""
    real, fake = real.numpy(), fake.numpy()
    apart = np.linalg.norm(real[:, None] - fake[None], axis=2)
    return apart <= radii(real, k)[:, None], apart <= radii(fake, k)[None]


@pytest.mark.parametrize("n, m, k, shift", [(60, 60, 3, 0.0), (700, 550, 5, 0.5), (40, 90, 1, 1.0)])
def test_all_four_against_scikit_learn(n, m, k, shift):
    real, fake = cloud(n, seed=1), cloud(m, seed=2, shift=shift)
    in_real, in_fake = by_sklearn(real, fake, k)
    assert precision_recall(real, fake, k) == pytest.approx((in_real.any(0).mean(), in_fake.any(1).mean()))
    assert density_coverage(real, fake, k) == pytest.approx((in_real.sum() / (k * m), in_real.any(1).mean()))


def test_points_on_a_line_counted_by_hand():
    real, fake = torch.tensor([0.0, 1.0, 3.0, 10.0]), torch.tensor([2.0, 2.5, 11.0, 40.0, 60.0])
    # With k = 1 the real balls are [-1, 1], [0, 2], [1, 5], [3, 17]; the fakes' [1.5, 2.5], [2, 3], [2.5, 19.5], ...
    assert precision_recall(real, fake, 1) == pytest.approx((3 / 5, 2 / 4))
    assert density_coverage(real, fake, 1) == pytest.approx(((2 + 1 + 1) / 5, 3 / 4))


def test_the_border_counts_and_copies_lie_inside():
    real = cloud(50)
    assert precision_recall(real, real.clone()) == (1.0, 1.0)
    assert density_coverage(real, real.clone()).coverage == 1.0
    doubled = real.repeat(6, 1)  # every radius is 0
    assert precision_recall(doubled, doubled.clone()) == (1.0, 1.0)


@pytest.mark.parametrize("k", [3, 5])
def test_coverage_and_density_of_equal_distributions(k):
    found = [density_coverage(cloud(800, 4, seed), cloud(800, 4, seed + 50), k) for seed in range(8)]
    density, coverage = np.mean(found, axis=0)
    assert density == pytest.approx(1, abs=0.05) and coverage == pytest.approx(1 - 2**-k, abs=0.015)


def test_each_failure_lowers_its_own_number():
    real, other = cloud(400, 4), cloud(400, 4, 1)
    floor, cover = precision_recall(real, other), density_coverage(real, other)
    lost = precision_recall(real, other[other[:, 0] > 0])
    assert lost.recall < floor.recall - 0.25 and lost.precision > floor.precision - 0.1
    wild = torch.cat([other[:200], other[200:] * 6])
    assert precision_recall(real, wild).precision < floor.precision - 0.3
    assert density_coverage(real, other[other[:, 0] > 0]).coverage < cover.coverage - 0.25


def test_wild_fakes_buy_recall_but_no_coverage():
    """The weakness that the docstring names, and Naeem et al.'s reason for coverage."""
    real, wild = cloud(300, 4), 30 * cloud(300, 4, 1)
    assert precision_recall(real, wild, 3).recall > 0.9 and precision_recall(real, wild, 3).precision < 0.02
    assert density_coverage(real, wild).coverage < 0.1


def test_nearest_against_scikit_learn():
    x, among = cloud(700, 5), cloud(90, 5, 1)
    far, which = nearest(x, among)
    want, rows = NearestNeighbors(n_neighbors=1).fit(among).kneighbors(x)
    assert np.allclose(far, want[:, 0]) and (which.numpy() == rows[:, 0]).all()
    assert nearest(among[[7, 3]], among)[1].tolist() == [7, 3] and nearest(among, among)[0].max() == 0


def test_memorised_without_memory_is_a_fair_test():
    """Under the null the p-values are uniform: about one in ten below 0.1, and the share is one half."""
    p, share = [], []
    for seed in range(200):
        found = memorised(cloud(60, 3, 3 * seed), cloud(60, 3, 3 * seed + 1), cloud(60, 3, 3 * seed + 2))
        p.append(found.p_value), share.append(found.share)
    assert stats.kstest(p, "uniform").pvalue > 1e-3
    assert abs(np.mean(share) - 0.5) < 4 * np.std(share) / math.sqrt(len(share))


def test_memorised_sees_copies_and_even_a_few():
    train, held_out = cloud(200, 6), cloud(200, 6, 1)
    copies = memorised(train, held_out, train[:150] + 1e-3)
    assert copies.share == 1.0 and copies.p_value < 1e-20 and copies.fake.max() < 0.01
    some = memorised(train, held_out, torch.cat([cloud(140, 6, 2), train[:60]]))
    assert 0.55 < some.share < 0.75 and some.p_value < 1e-3
    far = memorised(train, held_out, cloud(150, 6, 2, shift=3.0))
    assert far.share < 0.1 and far.p_value > 0.99


def test_share_is_the_chance_that_a_fake_is_nearer():
    found = memorised(cloud(50, 3), cloud(40, 3, 1), cloud(30, 3, 2))
    pairs = found.fake[:, None] < found.held_out[None]
    assert found.share == pytest.approx(pairs.double().mean().item())


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: precision_recall(cloud(5), cloud(5), 5), "k is 5"),
        (lambda: density_coverage(cloud(5), cloud(9), 0), "k is 0"),
        (lambda: precision_recall(cloud(9, 3), cloud(9, 4)), "same features"),
        (lambda: nearest(cloud(9, 3), cloud(9, 4)), "same features"),
        (lambda: precision_recall(cloud(9), cloud(9) / 0), "NaN or an infinity"),
        (lambda: memorised(cloud(9), torch.zeros(0, 8), cloud(9)), "at least one row"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(call, words):
    with pytest.raises(ValueError, match=words):
        call()
