"""Measures of generators that make exactly a Gaussian, so that the truth has a closed form; SciPy for the rest."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal, norm, wasserstein_distance
from torch import nn

from gan_course import toy
from gan_course.distribution import Toy
from gan_course.game import train
from gan_course.laboratory import truth
from gan_course.laboratory.truth import Measured
from gan_course.nets import mlp

EXTENT = (-5.0, 5.0)
GAUSS = toy.gaussian((0.0, 0.0), 1.0)
RING = toy.ring(8, 1.0, 0.08)
RING_EXTENT = (-1.65, 1.65)
CEILING = math.log(1000)


def affine(weight, bias) -> nn.Sequential:
    """z -> weight z + bias, exactly."""
    weight, bias = torch.tensor(weight), torch.tensor(bias)
    layer = nn.Linear(weight.shape[1], 2)
    layer.weight.data, layer.bias.data = weight, bias
    net = nn.Sequential(layer)
    net.z_dim = weight.shape[1]
    return net


def round_gaussian(mean, std, turned=0.0) -> nn.Sequential:
    """A generator of N(mean, std^2 I). `turned`: another angle gives other samples of the same distribution."""
    c, s = std * math.cos(turned), std * math.sin(turned)
    return affine([[c, -s], [s, c]], list(mean))


def game(G, data=GAUSS, **options):
    return train(G, mlp.discriminator(2, (8,)), data.batches(64), **options)


def densities(mean, std, q_mean, q_std, n=900, reach=9.0):
    """Two round Gaussians on a fine grid, and the area of a cell."""
    side = np.linspace(-reach, reach, n)
    points = np.stack(np.meshgrid(side, side), -1)
    p, q = (multivariate_normal(m, s**2 * np.eye(2)).pdf(points) for m, s in ((mean, std), (q_mean, q_std)))
    return p, q, (side[1] - side[0]) ** 2


ANGLES = [0.5 * i for i in range(8)]


@pytest.mark.parametrize("mean, std", [((1.0, 0.0), 1.0), ((0.0, 0.5), 1.5), ((-0.7, 0.7), 0.7), ((0.0, 0.0), 1.0)])
def test_divergences_of_known_gaussians(mean, std):
    """Cells lose at most 5 %. Counting adds the floor, and to KL some more: where p has a tail, cells are empty."""
    found = np.array([truth.measure(game(round_gaussian(mean, std, a)), GAUSS, EXTENT)[:3] for a in ANGLES]).mean(0)
    square = mean[0] ** 2 + mean[1] ** 2
    p, g, cell = densities((0, 0), 1.0, mean, std)
    m = (p + g) / 2
    js = cell / 2 * (p * np.log(p / m) + g * np.log(g / m)).sum()
    kl = (2 + square) / (2 * std**2) - 1 + math.log(std**2)  # KL(N(0, I) || N(mean, std^2 I))
    reverse = (2 * std**2 + square) / 2 - 1 - math.log(std**2)
    floor = truth.floor(GAUSS, EXTENT)
    for value, exact, least in zip(found, (js, kl, reverse), floor[:3], strict=True):
        assert exact * 0.95 < value < exact * 1.05 + 2 * least + 0.002


def test_a_perfect_generator_scores_the_floor_and_a_worse_one_does_not():
    floor = truth.floor(GAUSS, EXTENT)
    perfect = np.array([truth.measure(game(round_gaussian((0.0, 0.0), 1.0, a)), GAUSS, EXTENT) for a in ANGLES])
    # Two means of 8 draws each: their difference has a variance of 2/8 of one draw's.
    apart = np.abs(perfect.mean(0) - floor)[:4]
    assert (apart < 5 * perfect.std(0, ddof=1)[:4] / 2).all()
    assert abs(perfect[0, 5] - floor.quality) < 5 * math.sqrt(0.011 / truth.MODE_SAMPLES)
    worse = truth.measure(game(round_gaussian((0.3, 0.0), 1.0)), GAUSS, EXTENT)
    assert worse.js > floor.js + 0.005 and worse.kl > floor.kl and worse.reverse_kl > floor.reverse_kl
    assert worse.w1 > floor.w1


def test_a_generator_that_makes_one_point():
    at = RING.modes[3]
    found = truth.measure(game(affine([[0.0, 0.0], [0.0, 0.0]], at.tolist()), RING), RING, RING_EXTENT)
    assert (found.modes, found.quality) == (1.0, 1.0)
    assert 0.9 * math.log(2) < found.js < math.log(2)
    assert CEILING - 0.2 < found.kl <= CEILING, "it misses nearly all the data"
    assert math.log(8) < found.reverse_kl < CEILING - 0.5, "but what it makes is in the data: a share of one mode in 8"
    away = (RING.sample(20000, seed=1) - at).norm(dim=1)
    assert found.w1 == pytest.approx(away.mean().item(), abs=4 * away.std().item() / math.sqrt(200))


@pytest.mark.parametrize("place", [50.0, 1e12, math.inf, math.nan])
def test_a_generator_that_has_run_away_has_finite_measures(place):
    G = affine([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0])
    found = game(G, RING)
    G[0].bias.data.fill_(place)
    found = truth.measure(found, RING, RING_EXTENT)
    assert found.js == pytest.approx(math.log(2), abs=1e-6)
    assert found.kl == pytest.approx(CEILING, abs=1e-3) == found.reverse_kl
    assert (found.modes, found.quality) == (0.0, 0.0) and 40 < found.w1 < 2e6


def test_js_lies_between_nothing_and_log_2_as_a_gaussian_comes_nearer():
    """The shift runs from no overlap to none at all; the exact values fall, and the measured ones with them."""
    js = [truth.measure(game(round_gaussian((s, 0.0), 1.0)), GAUSS, EXTENT).js for s in (8.0, 3.0, 2.0, 1.0, 0.5, 0.0)]
    assert js == sorted(js, reverse=True) and js[0] == pytest.approx(math.log(2), abs=2e-4)
    assert js[-1] < 0.02


class Line(Toy):
    """Uniform on the segment from (-1, 0) to (1, 0), which has no area; it remembers what it drew."""

    dim, extent, device = 2, (-1.5, 1.5), torch.device("cpu")

    def __init__(self):
        self.drawn = {}

    def log_prob(self, x):
        return torch.where((x[:, 1] == 0) & (x[:, 0].abs() <= 1), -math.log(2), -math.inf)

    def _draw(self, n, generator):
        x = 2 * torch.rand(n, generator=generator) - 1
        self.drawn[n] = torch.stack([x, torch.zeros(n)], 1)
        return self.drawn[n]


def test_w1_is_the_best_pairing_as_scipy_finds_it_on_a_line():
    data, seen = Line(), []
    G = affine([[0.3], [0.0]], [0.4, 0.0])
    played = game(G, data)
    G.register_forward_hook(lambda _, __, made: seen.append(made[:, 0]))
    found = truth.measure(played, data, (-2.0, 2.0))
    expected = wasserstein_distance(seen[-1][:200].numpy(), data.drawn[200][:, 0].numpy())
    assert found.w1 == pytest.approx(expected, rel=1e-6)
    assert math.isnan(found.modes) and math.isnan(found.quality)


class Sided(nn.Module):
    """Exactly uniform on the segment of `Line`."""

    z_dim = 1

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, z):
        return torch.cat([torch.erf(z / math.sqrt(2)), 0 * z], 1) * self.scale


def test_a_toy_that_is_no_mixture_has_its_mass_counted():
    data = Line()
    perfect, floor = truth.measure(game(Sided(), data), data, (-1.5, 1.5)), truth.floor(data, (-1.5, 1.5))
    assert perfect.js < 3 * floor.js < 0.05
    off = truth.measure(game(affine([[0.3], [0.0]], [0.0, 0.7]), data), data, (-1.5, 1.5))
    assert off.js == pytest.approx(math.log(2), abs=1e-6), "a parallel line has nothing in common with it"


def test_the_floor_is_what_real_samples_score():
    floor = truth.floor(RING, RING_EXTENT)
    assert isinstance(floor, Measured) and floor.modes == 8.0
    assert floor.quality == pytest.approx(1 - math.exp(-4.5), abs=0.002)
    assert 0 < floor.js < 0.03 and 0 < floor.reverse_kl < floor.kl < 0.3
    assert truth.floor(RING, RING_EXTENT) is floor, "kept"


class Replay(nn.Module):
    """The data itself, in the place of a generator."""

    z_dim = 2

    def __init__(self, data, seed):
        super().__init__()
        self.data, self.seed, self.scale = data, seed, nn.Parameter(torch.ones(()))

    def forward(self, z):
        return self.data.sample(len(z), seed=self.seed) * self.scale


@pytest.mark.parametrize(
    "data", [RING, toy.grid(5, 0.5, 0.04), toy.two_moons(0.08), toy.ring(), toy.from_points(torch.rand(40, 2))]
)
def test_real_data_in_the_place_of_a_generator_scores_the_floor(data):
    lo, hi = data.extent
    found = np.array([truth.measure(game(Replay(data, seed), data), data, (lo, hi)) for seed in range(100, 106)])
    floor = np.array(truth.floor(data, (lo, hi)))
    assert (np.abs(found[:, :3].mean(0) - floor[:3]) < 0.15 * floor[:3]).all()
    assert 0.5 * floor[3] < found[:, 3].mean() < 1.6 * floor[3]
    assert floor[0] < 0.05, "the cells suit the data"


def expected_optimal(mean, std, g_mean, g_std, extent, cells):
    """p / (p + g) of the exact masses of two round Gaussians; rows from low x_2 to high."""
    edges = np.linspace(*extent, cells + 1)

    def masses(m, s):
        along = [np.diff(norm.cdf(edges, centre, s)) for centre in m]
        return along[1][:, None] * along[0][None, :]

    p, g = masses(mean, std), masses(g_mean, g_std)
    return p, g, p / (p + g)


def test_the_optimal_discriminator_is_the_closed_form():
    mean, std = (1.0, -0.5), 1.2
    p, g, best = expected_optimal((0, 0), 1.0, mean, std, EXTENT, 32)
    found, known = truth.optimal(game(round_gaussian(mean, std)), GAUSS, EXTENT)
    assert found.dtype == np.uint8 and known.dtype == bool and found.shape == known.shape == (32, 32)
    n = truth.SAMPLES
    many = n * g > 20
    error = best * (1 - best) / np.sqrt(n * g)  # of p / (p + g), where g is counted
    assert many.sum() > 100
    z = (found / 255 - best)[many] / (error[many] + 0.002)
    assert np.abs(z).max() < 5 and abs(z.mean()) < 0.3 and z.std() < 1.3
    assert known[n * (p + g) > 30].all() and not known[n * (p + g) < 0.01].any()


def test_the_optimal_discriminator_faces_the_player_and_not_its_average():
    played = game(round_gaussian((0.0, 1.0), 1.0), average=0.9)
    before = truth.optimal(played, GAUSS, EXTENT)[0]
    score = truth.measure(played, GAUSS, EXTENT)
    with torch.no_grad():
        played.averaged[0].bias += 3.0
    assert np.array_equal(truth.optimal(played, GAUSS, EXTENT)[0], before)
    assert truth.measure(played, GAUSS, EXTENT).js > score.js + 0.2, "the measures are of what is shown"
    assert before[8:16, 16].mean() > before[20:28, 16].mean() + 50, "the fakes are above: low rows are real"


def test_measuring_changes_nothing():
    class Restless(nn.Module):
        z_dim = 2

        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 2))

        def forward(self, z):
            return self.layers(z)

    played = game(Restless(), average=0.9)
    next(played)
    state = [v.clone() for v in (*played.G.state_dict().values(), played.rng.get_state(), torch.get_rng_state())]
    first = truth.measure(played, GAUSS, EXTENT), truth.optimal(played, GAUSS, EXTENT)[0]
    assert truth.measure(played, GAUSS, EXTENT)[:4] == first[0][:4]
    assert np.array_equal(truth.optimal(played, GAUSS, EXTENT)[0], first[1])
    after = [*played.G.state_dict().values(), played.rng.get_state(), torch.get_rng_state()]
    assert all(torch.equal(a, b) for a, b in zip(state, after, strict=True))
    assert all(m.training for m in played.G.modules())


def test_mass_outside_the_stage_counts_too():
    """Data and generator agree inside; a tenth of g lies far outside, where the data has nothing."""
    half = toy.mixture([(0.0, 0.0), (0.0, 40.0)], 1.0, [0.9, 0.1])
    inside = toy.gaussian((0.0, 0.0), 1.0)
    found = truth.measure(game(Replay(half, 5), inside), inside, EXTENT)
    # JS of (1, 0) and (0.9, 0.1), by hand.
    js = (math.log(1 / 0.95) + 0.9 * math.log(0.9 / 0.95) + 0.1 * math.log(2)) / 2
    assert found.js == pytest.approx(js, abs=0.01 + truth.floor(inside, EXTENT).js)


@pytest.mark.parametrize("extent", [(-1.0, 1.0), (0.0, 2.5)])
def test_a_stage_that_is_too_narrow_still_compares_all_of_the_mass(extent):
    found = np.array([truth.measure(game(round_gaussian((0.0, 0.0), 1.0, a)), GAUSS, extent) for a in ANGLES[:4]])
    assert found[:, 0].max() < 0.01, "the same mass lies outside on both sides"
    thinner = truth.measure(game(round_gaussian((0.0, 0.0), 0.5)), GAUSS, extent)
    assert thinner.js > 0.03
