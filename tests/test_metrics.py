"""Scores against closed forms and the oracles SciPy and torchmetrics; floors against the statistics of real draws."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from scipy.spatial.distance import jensenshannon
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

from gan_course import metrics, toy

RING, GRID = toy.ring(), toy.grid()
SEEDS = range(8)


def features(n, d, seed, scale=1.0, shift=0.0):
    """Correlated features of unequal widths."""
    rng = torch.Generator().manual_seed(seed)
    mix = torch.randn(d, d, generator=torch.Generator().manual_seed(99), dtype=torch.float64) / math.sqrt(d)
    return scale * torch.randn(n, d, generator=rng, dtype=torch.float64) @ mix + shift


# --- samples of a toy ---


def test_planted_samples_are_counted_exactly():
    at = torch.cat([RING.modes[[0, 0, 0, 2]], RING.modes[[5]] + torch.tensor([0.0299, 0.0])])
    outside = torch.cat([RING.modes[[6]] + torch.tensor([0.0, 0.0301]), torch.zeros(4, 2)])
    x = torch.cat([at, outside])
    assert metrics.mode_counts(x, RING).tolist() == [3, 0, 1, 0, 0, 1, 0, 0]
    assert metrics.modes_covered(x, RING) == 3, "one high-quality sample is enough for a mode"
    assert metrics.high_quality_share(x, RING) == 0.5


def test_each_mode_is_measured_in_its_own_width():
    t = toy.mixture([[0.0, 0.0], [1.0, 0.0]], [0.1, 0.02])
    x = torch.tensor([[0.29, 0.0], [0.31, 0.0], [0.95, 0.0], [0.93, 0.0]])
    assert metrics.mode_counts(x, t).tolist() == [1, 1]
    # Nearer to the second mode in metres, but within 3 widths of the first only.
    wide = toy.mixture([[0.0, 0.0], [1.0, 0.0]], [0.3, 0.02])
    assert metrics.mode_counts(torch.tensor([[0.7, 0.0]]), wide).tolist() == [1, 0]


@pytest.mark.parametrize("t", [RING, GRID, toy.mixture([-1.0, 1.0], 0.05)], ids=["ring", "grid", "1-D"])
def test_real_draws_reach_the_ideal_and_no_more(t):
    ideal = metrics.high_quality_ideal(t.dim)
    shares = [metrics.high_quality_share(t.sample(2500, seed=s), t) for s in SEEDS]
    assert abs(np.mean(shares) - ideal) < 4 * math.sqrt(ideal * (1 - ideal) / 2500 / len(shares))
    assert all(metrics.modes_covered(t.sample(2500, seed=s), t) == len(t.modes) for s in SEEDS)


def test_ideal_share():
    assert metrics.high_quality_ideal() == pytest.approx(1 - math.exp(-4.5), abs=1e-12)
    assert metrics.high_quality_ideal(1) == pytest.approx(math.erf(3 / math.sqrt(2)), abs=1e-12)


def test_reverse_kl_of_known_histograms():
    for counts in ([5, 1, 1, 0, 0, 3, 0, 0], [4] * 8, [1, 2, 3, 4, 5, 6, 7, 8]):
        x = RING.modes.repeat_interleave(torch.tensor(counts), dim=0)
        x = torch.cat([x, torch.zeros(7, 2)])  # low quality: not part of the histogram
        assert metrics.reverse_kl(x, RING) == pytest.approx(stats.entropy(counts, [1] * 8), abs=1e-6)
    assert metrics.reverse_kl(RING.modes[:1], RING) == pytest.approx(math.log(8), abs=1e-6)
    assert metrics.reverse_kl(torch.zeros(9, 2), RING) == math.inf
    uneven = toy.mixture([-1.0, 0.0, 1.0], 0.01, [0.5, 0.3, 0.2])
    x = uneven.modes.repeat_interleave(torch.tensor([1, 1, 2]), dim=0)
    assert metrics.reverse_kl(x, uneven) == pytest.approx(stats.entropy([1, 1, 2], [0.5, 0.3, 0.2]), abs=1e-6)


@pytest.mark.parametrize("t", [RING, GRID], ids=["ring", "grid"])
def test_reverse_kl_floor_is_what_real_draws_score(t):
    k = len(t.modes)
    n = round(2500 * metrics.high_quality_ideal())
    floor = metrics.reverse_kl_floor(n, k)
    # 2 n KL is close to chi-squared: mean k - 1, variance 2 (k - 1).
    assert floor.mean == pytest.approx((k - 1) / (2 * n), rel=4 * math.sqrt(2 / (k - 1) / 1000))
    assert floor.sd == pytest.approx(math.sqrt(2 * (k - 1)) / (2 * n), rel=0.15)
    scores = [metrics.reverse_kl(t.sample(2500, seed=s), t) for s in range(30)]
    assert abs(np.mean(scores) - floor.mean) < 4 * floor.sd / math.sqrt(30)
    assert floor == metrics.reverse_kl_floor(n, k), "the same seed, the same floor"


def test_one_missing_mode_stands_far_above_the_floor():
    x = RING.sample(2500, seed=0)
    seven = x[torch.cdist(x, RING.modes).argmin(1) != 3]
    floor = metrics.reverse_kl_floor(len(seven), 8)
    assert metrics.reverse_kl(seven, RING) > floor.mean + 20 * floor.sd
    assert metrics.modes_covered(seven, RING) == 7


# --- known densities ---


class Apple(torch.Tensor):
    """As on an Apple GPU: no float64 before the tensor is on the processor."""

    def double(self):
        raise TypeError("Cannot convert a MPS Tensor to float64 dtype.")

    def cpu(self):
        return self.as_subclass(torch.Tensor)


def test_metrics_take_what_lies_on_an_apple_gpu():
    t = toy.ring()
    x = t.sample(500, seed=0)
    for name in ("means", "modes", "stds", "weights"):
        setattr(t, name, getattr(t, name).as_subclass(Apple))
    plain = toy.ring()
    assert metrics.reverse_kl(x.as_subclass(Apple), t) == metrics.reverse_kl(x, plain)
    mu, cov = torch.zeros(2), torch.eye(2)
    assert metrics.frechet_gaussian(mu.as_subclass(Apple), cov.as_subclass(Apple), mu + 1, cov) == pytest.approx(2)
    assert metrics.frechet_distance(x.as_subclass(Apple), x) == pytest.approx(0, abs=1e-9)


def grid_1d(lo, hi, n=4000):
    return toy.gaussian().mesh(n, extent=(lo, hi))[0]


@pytest.mark.parametrize("m1, s1, m2, s2", [(0, 1, 0, 1), (0, 1, 2, 1), (0, 1, 0, 2), (-1, 0.5, 1, 1.5), (0, 1, 60, 1)])
def test_kl_of_gaussians(m1, s1, m2, s2):
    """The last pair has a KL of 1800: as densities, q would underflow to 0 and KL would come out infinite."""
    want = math.log(s2 / s1) + (s1**2 + (m1 - m2) ** 2) / (2 * s2**2) - 0.5
    got = metrics.kl(toy.gaussian(m1, s1), toy.gaussian(m2, s2), grid_1d(-20, 80))
    assert got == pytest.approx(want, rel=1e-6, abs=1e-9)


def test_kl_and_js_of_gaussians_in_the_plane():
    p, q = toy.gaussian([0.0, 0.0], 1.0), toy.gaussian([1.0, -1.0], 2.0)
    x, cell = p.mesh(120, extent=(-12, 12))
    want = 2 * math.log(2) + (2 + 2) / 8 - 1
    assert metrics.kl(p, q, x) == pytest.approx(want, abs=1e-5)
    assert metrics.kl(p.pdf(x), q.pdf(x), cell) == pytest.approx(want, abs=1e-4)
    mid = jensenshannon(p.pdf(x).numpy(), q.pdf(x).numpy()) ** 2
    assert metrics.js(p, q, x) == pytest.approx(mid, abs=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_mixtures_against_scipy_on_the_same_grid_and_by_quadrature(seed):
    rng = np.random.default_rng(seed)
    p, q = (toy.mixture(rng.normal(0, 2, 3), rng.uniform(0.5, 1, 3), rng.dirichlet([5, 5, 5])) for _ in range(2))
    x = grid_1d(-15, 15)
    pv, qv = (t.pdf(x.double()).numpy() for t in (p, q))
    assert metrics.kl(p, q, x) == pytest.approx(stats.entropy(pv, qv), rel=1e-5)
    assert metrics.js(p, q, x) == pytest.approx(jensenshannon(pv, qv) ** 2, rel=1e-5)
    assert metrics.wasserstein1(p, q, x) == pytest.approx(
        stats.wasserstein_distance(x[:, 0], x[:, 0], pv, qv), rel=1e-5
    )

    def integrand(v):
        log_p, log_q = (t.log_prob(torch.tensor([v], dtype=torch.float64)).item() for t in (p, q))
        return math.exp(log_p) * (log_p - log_q)

    assert metrics.kl(p, q, x) == pytest.approx(integrate.quad(integrand, -15, 15, limit=200)[0], rel=1e-5)
    as_function = metrics.js(lambda v: p.pdf(v), q.pdf, x)
    as_values = metrics.js(p.pdf(x), q.pdf(x), (x[1] - x[0]).item())
    assert as_function == pytest.approx(as_values, rel=1e-5) == pytest.approx(metrics.js(p, q, x), rel=1e-5)


@pytest.mark.parametrize("gap", [0.01, 0.5, 3.0])
def test_disjoint_segments(gap):
    """JS does not see the distance, W1 is the distance (Arjovsky, Chintala and Bottou 2017)."""
    p, q = toy.segments(gap)
    x = grid_1d(-1, 6, 7000)
    assert metrics.js(p, q, x) == pytest.approx(math.log(2), abs=1e-12)
    assert metrics.kl(p, q, x) == metrics.kl(q, p, x) == math.inf
    assert metrics.wasserstein1(p, q, x) == pytest.approx(1 + gap, abs=2e-3)
    p, q = toy.segments(gap, dim=2)
    away = p.sample(500, seed=0)[:, None] - q.sample(500, seed=0)
    assert (away[..., 0] == -torch.tensor(gap)).all(), "each grain moves by the gap, straight across: W1 = gap"


def test_overlapping_segments_and_shifts():
    x = grid_1d(-1, 4, 5000)
    for shift in (0.0, 0.25, 0.5):
        p, q = toy.segment(0.0), toy.segment(shift)
        assert metrics.js(p, q, x) == pytest.approx(shift * math.log(2), abs=3e-3)
        assert metrics.wasserstein1(p, q, x) == pytest.approx(shift, abs=3e-3)
    # A Gaussian has mass, be it ever so little, where a segment has none.
    assert metrics.kl(toy.gaussian(0.5, 0.3), toy.segment(), x=grid_1d(-40, 40)) == math.inf


def test_w1_of_samples():
    rng = np.random.default_rng(0)
    for n, m in ((1, 1), (5, 5), (300, 300), (300, 17)):
        a, b = rng.normal(0, 1, n).round(1), rng.normal(1, 2, m).round(1)  # rounded: with ties
        want = stats.wasserstein_distance(a, b)
        assert metrics.w1_samples(torch.tensor(a), torch.tensor(b)[:, None]) == pytest.approx(want, abs=1e-12)
    p, q = toy.gaussian(0, 1), toy.gaussian(3, 1)
    got = [metrics.w1_samples(p.sample(4000, seed=s), q.sample(4000, seed=100 + s)) for s in SEEDS]
    assert np.mean(got) == pytest.approx(3, abs=4 * math.sqrt(2 / 4000 / len(got)))


# --- sets of features ---


def test_frechet_of_known_gaussians():
    one = torch.ones(1)
    assert metrics.frechet_gaussian(one, one[:, None] * 4, one * 3, one[:, None] * 9) == pytest.approx(4 + 1)
    d1, d2 = torch.tensor([1.0, 4.0, 0.0]), torch.tensor([9.0, 0.25, 2.0])
    turn = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)).Q
    cov1, cov2 = (turn @ torch.diag(d.double()) @ turn.T for d in (d1, d2))
    mu = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    want = mu.square().sum() + (d1.sqrt() - d2.sqrt()).square().sum()
    assert metrics.frechet_gaussian(mu, cov1, torch.zeros(3), cov2) == pytest.approx(want.item(), rel=1e-9)
    assert metrics.frechet_gaussian(mu, cov1, mu, cov1) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("n, m", [(400, 400), (400, 90), (20, 30)])  # the last: fewer samples than features
@pytest.mark.parametrize("seed", range(3))
def test_frechet_against_torchmetrics(n, m, seed):
    a, b = features(n, 32, seed), features(m, 32, 50 + seed, scale=1.3, shift=0.2)
    oracle = FrechetInceptionDistance(feature=Rows(32)).set_dtype(torch.float64)
    oracle.update(a, real=True), oracle.update(b, real=False)
    got = metrics.frechet_distance(a, b)
    # Where covariances are singular it is the oracle that loses digits, to square roots of rounding errors.
    assert got == pytest.approx(oracle.compute().item(), rel=1e-9 if m > 32 else 1e-5)
    assert got == pytest.approx(metrics.frechet_distance(b, a), rel=1e-12)
    moments = [v for s in (a, b) for v in (s.mean(0), torch.cov(s.T))]
    assert got == pytest.approx(metrics.frechet_gaussian(*moments), rel=1e-6)


class Rows(torch.nn.Module):
    """A feature extractor for torchmetrics that takes features as they are."""

    def __init__(self, d):
        super().__init__()
        self.num_features = d

    def forward(self, x):
        return x


def test_frechet_bears_singular_covariances():
    a, b = features(12, 5, 0), features(9, 5, 1, shift=0.4)
    want = metrics.frechet_distance(a, b)
    padded = [torch.nn.functional.pad(s, (0, 200)) for s in (a, b)]  # 205 features of 12 and 9 samples
    assert metrics.frechet_distance(*padded) == pytest.approx(want, rel=1e-10)
    assert metrics.frechet_distance(padded[0], padded[0]) == pytest.approx(0, abs=1e-12)
    constant = torch.ones(10, 3)
    assert metrics.frechet_distance(constant, 3 * constant) == pytest.approx(12, rel=1e-12)
    far = 1e4 + features(500, 8, 0).float(), 1e4 + features(500, 8, 1).float()
    assert metrics.frechet_distance(*far) < 1, "a large common mean must not drown the covariance"


def test_frechet_bias_falls_as_one_over_n():
    """Identical 64-d Gaussians (Chong and Forsyth 2020): never compare scores of different n."""
    rng = torch.Generator().manual_seed(0)

    def score(n):
        return metrics.frechet_distance(*torch.randn(2, n, 64, generator=rng))

    mean = {n: np.mean([score(n) for _ in range(6)]) for n in (250, 1000, 4000)}
    assert mean[250] / mean[1000] == pytest.approx(4, rel=0.25)
    assert mean[1000] / mean[4000] == pytest.approx(4, rel=0.25)


@pytest.mark.filterwarnings("ignore:Metric `Kernel Inception Distance` will save")
@pytest.mark.parametrize("seed", range(3))
def test_kernel_distance_against_torchmetrics(seed):
    a, b = features(150, 32, seed), features(150, 32, 50 + seed, scale=1.3, shift=0.2)
    oracle = KernelInceptionDistance(feature=Rows(32), subsets=1, subset_size=150)  # one subset: all of them
    oracle.update(a, real=True), oracle.update(b, real=False)
    assert metrics.kernel_distance(a, b) == pytest.approx(oracle.compute()[0].item(), rel=1e-9)


def test_kernel_distance_by_hand_with_unequal_sizes():
    a, b = features(1003, 4, 0), features(7, 4, 1, shift=1.0)  # more rows than are multiplied at once

    def k(s, t):
        return (s @ t.T / 4 + 1) ** 3

    off = [(k(s, s).sum() - k(s, s).diagonal().sum()) / (len(s) * (len(s) - 1)) for s in (a, b)]
    want = (off[0] + off[1] - 2 * k(a, b).mean()).item()
    assert metrics.kernel_distance(a, b) == pytest.approx(want, rel=1e-9) == metrics.kernel_distance(b, a)


def test_kernel_distance_is_unbiased_and_sees_a_shift():
    same = [metrics.kernel_distance(features(40, 8, s), features(40, 8, 500 + s)) for s in range(300)]
    assert abs(np.mean(same)) < 4 * np.std(same) / math.sqrt(300)
    assert min(same) < 0, "an unbiased estimate of 0 must be negative now and then"
    shifted = [metrics.kernel_distance(features(40, 8, s), features(40, 8, 500 + s, shift=1)) for s in range(50)]
    assert np.mean(shifted) > np.mean(same) + 4 * np.std(shifted) / math.sqrt(50)


# --- floors ---


def test_real_floor_uses_no_row_twice_and_is_repeatable():
    seen = []

    def metric(a, b):
        seen.append((a, b))
        return float(len(seen))

    floor = metrics.real_floor(metric, torch.arange(101), trials=4)
    assert floor == (2.5, pytest.approx(np.std([1, 2, 3, 4])))
    for a, b in seen:
        assert len(a) == len(b) == 50 and len(torch.cat([a, b]).unique()) == 100
    assert not torch.equal(seen[0][0], seen[1][0])
    real = features(200, 4, 0)
    assert metrics.real_floor(metrics.frechet_distance, real, 60) == metrics.real_floor(
        metrics.frechet_distance, real, 60
    )


def test_real_floor_is_what_fresh_real_data_scores():
    real = features(4000, 8, 0)
    floor = metrics.real_floor(metrics.frechet_distance, real, 300, trials=30)
    fresh = [metrics.frechet_distance(features(300, 8, s), features(300, 8, 100 + s)) for s in range(30)]
    assert abs(floor.mean - np.mean(fresh)) < 4 * math.hypot(floor.sd, np.std(fresh)) / math.sqrt(30)
    assert metrics.frechet_distance(features(300, 8, 1), features(300, 8, 2, scale=1.3)) > floor.mean + 5 * floor.sd


# --- the door ---

X2, X1 = torch.zeros(5, 2), grid_1d(-9, 9, 500)
NORMAL = toy.gaussian()
NAN = torch.tensor([[0.0, math.nan]])


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: metrics.modes_covered(X2, toy.two_moons()), "no modes to count"),
        (lambda: metrics.modes_covered(torch.zeros(5, 3), RING), r"shape \(n, 2\)"),
        (lambda: metrics.modes_covered(torch.zeros(0, 2), RING), "at least one row"),
        (lambda: metrics.high_quality_share(NAN, RING), "x holds a NaN or an infinity"),
        (lambda: metrics.reverse_kl_floor(0, 8), "n must be a whole number"),
        (lambda: metrics.kl(NORMAL, toy.gaussian(0, 5), X1), "q sums to 0.928 on this grid, not 1"),
        (lambda: metrics.js(NORMAL.log_prob(X1), NORMAL.pdf(X1), X1), "give densities, not their logarithms"),
        (lambda: metrics.js(NORMAL.pdf(X1), torch.full((6,), 1 / 6), 18 / 500), "q sums to 0.036"),
        (lambda: metrics.js(torch.full((5,), 0.2), torch.full((4,), 0.25), 1.0), "p has 5 values and q 4"),
        (lambda: metrics.kl(RING, RING, torch.zeros(7, 2)), "points of a uniform grid"),
        (lambda: metrics.kl(NORMAL, NORMAL, torch.zeros(1)), "points of a uniform grid"),
        (lambda: metrics.wasserstein1(GRID, GRID, GRID.mesh(200)[0]), "works on a line"),
        (lambda: metrics.w1_samples(X2, X2), r"a must have shape \(n,\) or \(n, 1\)"),
        (lambda: metrics.frechet_distance(X2, torch.zeros(5, 3)), "a has 2 features and b has 3"),
        (lambda: metrics.kernel_distance(X2, X2[:1]), "at least 2 rows; they have 5 and 1"),
        (lambda: metrics.frechet_distance(X2, NAN), "b holds a NaN"),
        (lambda: metrics.frechet_distance(torch.zeros(5, 1, 8, 8), X2), r"a must have shape \(n, d\)"),
        (lambda: metrics.frechet_gaussian(X2[0], torch.ones(2, 3), X2[0], torch.eye(2)), r"symmetric \(2, 2\)"),
        (lambda: metrics.frechet_gaussian(X2[0], -torch.eye(2), X2[0], torch.eye(2)), "no negative eigenvalue"),
        (lambda: metrics.frechet_gaussian(X2[0], torch.eye(2), X1[0], torch.eye(2)), r"one shape \(d,\)"),
        (lambda: metrics.real_floor(metrics.frechet_distance, X2, 3), "n must be 2 to 2, not 3"),
    ],
)
def test_bad_input_gets_one_sentence(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_a_function_needs_the_points():
    with pytest.raises(TypeError, match="x must be the grid's points"):
        metrics.kl(NORMAL, NORMAL, 0.01)
