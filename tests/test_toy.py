"""Toys: the sampler and the exact density agree, and both are what their names say."""

import itertools
import math
from functools import cache

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.datasets import make_moons, make_swiss_roll

from gan_course import toy
from gan_course.distribution import Mixture

SEEDS = range(5)
UNEVEN = toy.mixture([-2.0, 0.0, 1.5], [0.3, 0.1, 0.5], [0.2, 0.5, 0.3])
ONE_D = {
    "gaussian": toy.gaussian(1.0, 0.5),
    "mixture": UNEVEN,
    "segment": toy.segment(-1.0, 2.0),
    "points": toy.from_points([-1.0, -0.8, 0.7, 0.9], 0.2),
}
TWO_D = {
    "ring": toy.ring(),
    "grid": toy.grid(),
    "line": toy.line(),
    "two_moons": toy.two_moons(),
    "swiss_roll": toy.swiss_roll(0.04),
    "points": toy.from_points([[0.0, 0.0], [1.0, 0.5], [0.5, 1.0]], 0.1),
    "uneven": toy.mixture([[0.0, 0.0], [1.0, 1.0]], [0.1, 0.3], [0.8, 0.2]),
}


def fine_mesh(t):
    """Cells no wider than the narrowest Gaussian, where the midpoint rule is exact to about 1e-8."""
    lo, hi = t.extent
    return t.mesh(math.ceil((hi - lo) / t.stds.min().item()) if isinstance(t, Mixture) else 1000)


@pytest.mark.parametrize("t", [*ONE_D.values(), *TWO_D.values()], ids=[*ONE_D, *TWO_D])
def test_density_integrates_to_one(t):
    x, cell = fine_mesh(t)
    # A uniform density may lose part of a cell at each end; 4 sigma of margin lose 6e-5 of a Gaussian.
    assert (t.pdf(x).double().sum() * cell).item() == pytest.approx(1, abs=2e-3 if t is ONE_D["segment"] else 2e-4)


def ks_p(t, x):
    """The chance of a misfit this large, were x (n, 1) drawn from t: Kolmogorov and Smirnov's test."""
    points, cell = t.mesh(20_000)
    cdf = torch.cumsum(t.pdf(points).double(), 0) * cell
    return stats.kstest(x[:, 0], lambda v: np.interp(v, points[:, 0] + cell / 2, cdf)).pvalue


SIDE = 8


@cache
def coarse_mass(t):
    """The mass of t in SIDE x SIDE cells over its extent, rows along the first coordinate.

    The fine cells are sigma / 3 wide: a coarse edge cuts through Gaussians, where sigma would be 4 % off.
    """
    per = math.ceil(3 * (t.extent[1] - t.extent[0]) / t.stds.min().item() / SIDE)
    points, cell = t.mesh(per * SIDE)
    return (t.pdf(points).double() * cell).view(SIDE, per, SIDE, per).sum((1, 3)).T.flatten()


def chi2_p(t, x):
    """The same in 2-D: the chi-squared test on those coarse cells that expect at least 5 points."""
    lo, hi = t.extent
    index = ((x - lo) / (hi - lo) * SIDE).long().clamp(0, SIDE - 1)
    found = torch.bincount(index[:, 0] * SIDE + index[:, 1], minlength=SIDE**2).double()
    keep = coarse_mass(t) * len(x) >= 5
    found, expected = found[keep], coarse_mass(t)[keep]
    return stats.chisquare(found, expected * (found.sum() / expected.sum())).pvalue


def combined(p_values):
    """One p-value for all the seeds, by Fisher's method. Under 1e-4: one false alarm in 10 000 runs."""
    return stats.combine_pvalues(list(p_values)).pvalue


@pytest.mark.parametrize("t", ONE_D.values(), ids=ONE_D)
def test_sampler_agrees_with_density_1d(t):
    assert combined(ks_p(t, t.sample(5000, seed=s)) for s in SEEDS) > 1e-4


@pytest.mark.parametrize("t", TWO_D.values(), ids=TWO_D)
def test_sampler_agrees_with_density_2d(t):
    assert combined(chi2_p(t, t.sample(5000, seed=s)) for s in SEEDS) > 1e-4


def test_those_tests_reject_a_sampler_that_is_slightly_wrong():
    wrong_weights = toy.mixture([-2.0, 0.0, 1.5], [0.3, 0.1, 0.5], [0.23, 0.47, 0.3])
    assert combined(ks_p(UNEVEN, wrong_weights.sample(5000, seed=s)) for s in SEEDS) < 1e-6
    shifted = toy.line((-1.0, -1.0), (1.04, 1.04))
    assert combined(chi2_p(TWO_D["line"], shifted.sample(5000, seed=s)) for s in SEEDS) < 1e-6


@cache
def log_density_moments(t):
    """Mean and standard deviation of log p(x) for x drawn from t, from a fine mesh."""
    points, cell = fine_mesh(t)
    log_p = t.log_prob(points).double()
    mass = log_p.exp() * cell
    log_p, mass = log_p[mass > 0], mass[mass > 0] / mass.sum()
    mean = (mass * log_p).sum()
    return mean, (mass * (log_p - mean).square()).sum().sqrt()


def surprise_z(t, x):
    """How many standard errors the mean log density of `x` is from what t's own density says."""
    mean, sd = log_density_moments(t)
    return abs((t.log_prob(x).double().mean() - mean) / sd * math.sqrt(len(x))).item()


@pytest.mark.parametrize("t", TWO_D.values(), ids=TWO_D)
def test_sampler_has_the_width_of_the_density(t):
    """Coarse cells cannot see a width of 0.01; the mean log density can."""
    assert max(surprise_z(t, t.sample(5000, seed=s)) for s in SEEDS) < 3.5


def test_that_test_rejects_a_width_that_is_slightly_wrong():
    assert min(surprise_z(toy.ring(), toy.ring(std=0.0105).sample(5000, seed=s)) for s in SEEDS) > 3.5


def test_protocol_of_pacgan():
    ring, grid = toy.ring(), toy.grid()
    assert ring.modes.shape == (8, 2) and ring.std == pytest.approx(0.01)
    assert ring.modes.norm(dim=1) == pytest.approx(torch.ones(8))
    assert (ring.modes - torch.tensor([1.0, 0.0])).norm(dim=1).min() == 0
    assert ring.modes.sum(0).abs().max() < 1e-6
    assert grid.std == pytest.approx(0.05)
    want = set(itertools.product([-4.0, -2.0, 0.0, 2.0, 4.0], repeat=2))
    assert {tuple(m) for m in grid.modes.tolist()} == want
    assert ring.dim == grid.dim == 2 and toy.gaussian().dim == 1


def test_log_prob_equals_scipy_near_and_far():
    x = torch.cat([torch.linspace(-5, 5, 200), torch.tensor([1e3, -1e6, 1e9])])
    parts = [stats.norm(m, s).logpdf(x.double()) for m, s in zip([-2, 0, 1.5], [0.3, 0.1, 0.5], strict=True)]
    want = np.logaddexp.reduce(np.array(parts) + np.log([[0.2], [0.5], [0.3]]))
    np.testing.assert_allclose(UNEVEN.log_prob(x), want, rtol=2e-6, atol=2e-5)
    np.testing.assert_allclose(UNEVEN.log_prob(x.double()), want, rtol=1e-6)

    ring = toy.ring()
    x = torch.cat([ring.sample(200, seed=0), 100 * torch.randn(100, 2, generator=torch.Generator().manual_seed(0))])
    parts = [stats.multivariate_normal(m, 1e-4 * np.eye(2)).logpdf(x.double()) for m in ring.modes.double()]
    want = np.logaddexp.reduce(np.array(parts)) - np.log(8)
    np.testing.assert_allclose(ring.log_prob(x.double()), want, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(ring.log_prob(x), want, rtol=1e-5, atol=2e-3)  # float32, at a width of 0.01


def test_log_prob_keeps_its_digits_far_from_the_origin():
    """|x|^2 - 2 x m + |m|^2 in float32 would be wrong by several nats here."""
    t = toy.gaussian([300.0, -400.0], 0.01)
    x = t.sample(200, seed=0)
    want = stats.norm(t.means.numpy().astype(float), 0.01).logpdf(x.double()).sum(1)
    np.testing.assert_allclose(t.log_prob(x), want, rtol=1e-5, atol=1e-4)


def test_moons_are_two_exact_half_circles():
    outer, inner = toy.two_moons().means.chunk(2)
    inner = inner - torch.tensor([1.0, 0.5])
    for half, side in ((outer, 1), (inner, -1)):
        torch.testing.assert_close(half.norm(dim=1), torch.ones(len(half)))
        assert (half[:, 1] * side > 0).all()


def test_log_prob_of_many_points_and_components_is_that_of_each_point():
    t = toy.two_moons(noise=0.007)
    x = t.sample(2500, seed=0)
    assert len(t.means) > 1700
    each = torch.cat([t.log_prob(row[None]) for row in x[::100]])
    torch.testing.assert_close(t.log_prob(x)[::100], each)


def test_log_prob_has_the_exact_slope():
    """d log p / dx of one Gaussian is (mean - x) / std^2: lessons draw it."""
    x = torch.tensor([[0.3, -2.0], [50.0, 4.0]], requires_grad=True)
    toy.gaussian([1.0, 2.0], 0.5).log_prob(x).sum().backward()
    torch.testing.assert_close(x.grad, (torch.tensor([1.0, 2.0]) - x.detach()) / 0.25)


def test_one_dimension_takes_plain_numbers():
    x = torch.linspace(-1, 1, 7)
    assert torch.equal(UNEVEN.pdf(x), UNEVEN.pdf(x[:, None])) and UNEVEN.pdf(x).shape == (7,)
    assert torch.equal(toy.gaussian().log_prob(torch.tensor([0, 1])), toy.gaussian().log_prob(torch.tensor([0.0, 1])))


@pytest.mark.parametrize("seed", range(3))
def test_curves_lie_where_scikit_learn_puts_them(seed):
    roll, _ = make_swiss_roll(3000, noise=0.3, random_state=seed)
    moons, _ = make_moons(3000, noise=0.1, random_state=seed)
    for ours, theirs in (
        (toy.two_moons(0.1), moons),
        (toy.swiss_roll(0.3 / (4.5 * np.pi)), roll[:, ::2] / (4.5 * np.pi)),
    ):
        x = ours.sample(3000, seed=seed).numpy()
        for view in (lambda p: p[:, 0], lambda p: p[:, 1], lambda p: p[:, 0] * p[:, 1], lambda p: p @ [1, -2]):
            assert stats.ks_2samp(view(x), view(theirs)).pvalue > 1e-3


def test_line_is_uniform_along_and_gaussian_across():
    x = toy.line((0.0, 0.0), (3.0, 4.0), noise=0.02).sample(5000, seed=0)
    along, across = x @ torch.tensor([0.6, 0.8]), x @ torch.tensor([-0.8, 0.6])
    assert stats.kstest(along, stats.uniform(0, 5).cdf).pvalue > 1e-3
    assert stats.kstest(across, stats.norm(0, 0.02).cdf).pvalue > 1e-3


def test_segments_on_the_line():
    p, q = toy.segments(gap=0.5)
    x = torch.tensor([-0.01, 0.0, 0.4, 1.0, 1.01, 1.49, 1.5, 2.5, 2.51])
    assert p.pdf(x).tolist() == [0, 1, 1, 1, 0, 0, 0, 0, 0]
    assert q.pdf(x).tolist() == [0, 0, 0, 0, 0, 0, 1, 1, 0]
    assert toy.segment(0.0, 4.0).log_prob(torch.tensor([1.0])).item() == pytest.approx(-math.log(4))
    for t in (p, q):
        assert t.log_prob(t.sample(10_000, seed=0)).unique().tolist() == [0.0]


def test_segments_as_parallel_lines():
    """Density per unit length of vertical lines; D* = p / (p + q) is then 1 on one line and 0 on the other."""
    p, q = toy.segments(gap=0.3, dim=2)
    x, y = p.sample(1000, seed=0), q.sample(1000, seed=1)
    assert (x[:, 0] == 0).all() and (y[:, 0] == torch.tensor(0.3)).all()
    assert stats.kstest(y[:, 1], stats.uniform().cdf).pvalue > 1e-3
    assert (p.pdf(x) / (p.pdf(x) + q.pdf(x)) == 1).all() and (p.pdf(y) / (p.pdf(y) + q.pdf(y)) == 0).all()
    assert q.log_prob(torch.tensor([[0.3, 1.1], [0.3, 0.5], [0.2, 0.5]])).tolist() == [-math.inf, 0, -math.inf]


def test_drawn_points_get_a_width_that_suits_them():
    rng = np.random.default_rng(0)
    # On a Gaussian, close to the best possible width, 1.06 sigma n^(-1/5) (Silverman 1986).
    widths = [toy.from_points(rng.normal(0, 2, 500)).stds[0].item() for _ in range(3)]
    assert np.mean(widths) == pytest.approx(1.06 * 2 * 500**-0.2, rel=0.4)
    # On a thin drawn circle, far below its size: a rule that knows only the overall spread would fill it in.
    angle = rng.uniform(0, 2 * np.pi, 300)
    drawn = np.stack([np.cos(angle), np.sin(angle)], 1) + rng.normal(0, 0.02, (300, 2))
    t = toy.from_points(drawn)
    assert t.stds[0] < 0.06 and t.pdf(torch.zeros(1, 2)) < 1e-6 and t.modes is None
    many = toy.from_points(rng.normal(0, 1, (2500, 2)))  # more than are compared with each other
    assert many.means.shape == (2500, 2) and many.stds[0] == pytest.approx(2500 ** (-1 / 6), rel=0.4)


def test_seeds_and_streams():
    t = toy.ring()
    assert torch.equal(t.sample(9, seed=3), t.sample(9, seed=np.int64(3)))
    assert not torch.equal(t.sample(9, seed=3), t.sample(9, seed=4))
    rng = torch.Generator().manual_seed(3)
    assert torch.equal(t.sample(9, rng), t.sample(9, seed=3)) and not torch.equal(t.sample(9, rng), t.sample(9, 3))
    torch.manual_seed(5)
    first = t.sample(9)
    torch.manual_seed(5)
    assert torch.equal(t.sample(9), first)
    before = torch.get_rng_state()
    t.sample(9, seed=0), next(t.batches(9))
    assert torch.equal(torch.get_rng_state(), before), "a seeded draw must leave torch's own stream alone"


@pytest.mark.parametrize("t", [toy.ring(), toy.two_moons(), toy.gaussian(), toy.segment()])
@pytest.mark.parametrize("size", [1, 7, 256])  # an odd count leaves half a pair of normals in the generator
def test_batches_resume_bit_for_bit(t, size):
    stream = t.batches(size, seed=11)
    for played in range(4):
        state = stream.state_dict()
        again = t.batches(size, seed=999)
        again.load_state_dict(state)
        want = next(stream)
        assert torch.equal(next(again), want) and want.shape == (size, t.dim), played
        assert torch.equal(next(again), next(stream))
    assert iter(stream) is stream


def test_batches_refuse_a_foreign_state():
    stream = toy.ring().batches(8)
    good = stream.state_dict()
    with pytest.raises(ValueError, match="batches of 9, not 8"):
        stream.load_state_dict(toy.ring().batches(9).state_dict())
    with pytest.raises(ValueError, match="exactly 'size' and 'rng'"):
        stream.load_state_dict({"rng": good["rng"]})
    with pytest.raises(ValueError, match="another kind of device"):
        stream.load_state_dict(good | {"rng": good["rng"][:16]})


def test_mesh():
    x, cell = toy.gaussian().mesh(4, extent=(-2, 2))
    assert x.tolist() == [[-1.5], [-0.5], [0.5], [1.5]] and cell == 1
    x, cell = toy.ring().mesh(3, extent=(0, 3))
    assert cell == 1 and x.shape == (9, 2)
    assert x[:, 0].reshape(3, 3)[0].tolist() == [0.5, 1.5, 2.5], "a row runs along the first coordinate"
    assert x[:, 1].reshape(3, 3)[:, 0].tolist() == [0.5, 1.5, 2.5], "and rows go upwards"


@pytest.mark.parametrize("t", [toy.ring(), toy.segment()])
def test_to_gives_a_copy(t):
    moved = t.to("meta")  # a device without memory: all that can be seen is where the tensors are
    assert moved.device.type == "meta" and t.device.type == "cpu"
    assert {v.device.type for v in vars(moved).values() if isinstance(v, torch.Tensor)} == {"meta"}
    assert torch.equal(t.to("cpu").sample(5, seed=0), t.sample(5, seed=0))


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: toy.gaussian(0.0, -1.0), "Every std must be greater than 0"),
        (lambda: toy.ring(std=0.0), "Every std must be greater than 0"),
        (lambda: toy.ring(k=0), "k must be a whole number of at least 1"),
        (lambda: toy.ring(k=2.5), "k must be a whole number"),
        (lambda: toy.ring(radius=-1), "radius must be one number greater than 0"),
        (lambda: toy.grid(side=True), "side must be a whole number"),
        (lambda: toy.mixture([0.0, 1.0], 1.0, [0.6, 0.6]), "their sum is 1.2"),
        (lambda: toy.mixture([0.0, 1.0], 1.0, [1.0, 0.0]), "weights must be greater than 0"),
        (lambda: toy.mixture([0.0, 1.0], [1.0, 1.0, 1.0]), "2 means need 2 stds"),
        (lambda: toy.mixture([0.0, 1.0], 1.0, [1.0]), "2 weights"),
        (lambda: toy.mixture([[0.0, 0.0, 0.0]]), "2 coordinates"),
        (lambda: toy.mixture([]), "k numbers or k points"),
        (lambda: toy.mixture([0.0, math.nan]), "means must be finite"),
        (lambda: toy.mixture([0.0], math.inf), "stds must be finite"),
        (lambda: toy.line((0, 0), (0, 0)), "two different points"),
        (lambda: toy.line((0, 0, 0), (1, 1, 1)), "2 coordinates each"),
        (lambda: toy.two_moons(noise=-0.1), "noise must be one number greater than 0"),
        (lambda: toy.two_moons(noise=1e-4), "noise must be at least 0.0063"),
        (lambda: toy.segments(gap=0.0), "gap must be one number greater than 0"),
        (lambda: toy.segment(dim=3), "dim must be 1 or 2"),
        (lambda: toy.from_points([[0.5, 0.5]]), "at least two different points"),
        (lambda: toy.from_points([[0.5, 0.5]] * 9), "at least two different points"),
        (lambda: toy.from_points([]), "n at least 1"),
        (lambda: toy.from_points([[0.0, math.nan], [1.0, 1.0]]), "points must be finite"),
        (lambda: toy.from_points([[0.0, 1.0, 2.0]] * 3), r"shape \(n, 2\)"),
        (lambda: toy.from_points([0.0, 1.0], bandwidth=0), "bandwidth must be one number"),
        (lambda: toy.ring().sample(0), "n must be a whole number"),
        (lambda: toy.ring().batches(-3), "size must be a whole number"),
        (lambda: toy.ring().log_prob(torch.zeros(5)), r"shape \(n, 2\) for this toy"),
        (lambda: toy.gaussian().pdf(torch.zeros(5, 2)), r"shape \(n, 1\) for this toy"),
        (lambda: toy.ring().mesh(10, extent=(1, 1)), "low < high"),
    ],
)
def test_bad_input_gets_one_sentence(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("bad", ["wide", [[0.0, 1.0], [2.0]], None])
def test_what_is_not_numbers_is_refused(bad):
    with pytest.raises(TypeError, match="points must be numbers"):
        toy.from_points(bad)


def test_one_point_with_a_bandwidth_is_a_gaussian():
    t, x = toy.from_points([[0.5, 0.5]], bandwidth=0.2), torch.rand(9, 2)
    torch.testing.assert_close(t.log_prob(x), toy.gaussian([0.5, 0.5], 0.2).log_prob(x))
