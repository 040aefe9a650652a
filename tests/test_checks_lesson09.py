"""Lesson 09's exercises: named wrong answers are rejected for their own reason, other right answers are accepted."""

import functools

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from sklearn.neighbors import NearestNeighbors
from torch.nn.functional import cross_entropy

from gan_course import images, manifold, metrics
from gan_course.checks import patients09
from gan_course.checks.engine import judge
from gan_course.features import digits_classifier
from gan_course.scores import inception_score

# --- 09.1 ---


def pieces(mu1, cov1, mu2, cov2):
    return (mu1 - mu2).square().sum(), cov1.trace() + cov2.trace()


def with_trace(trace):
    """An answer whose last term is twice this function of the two covariances."""
    return lambda mu1, cov1, mu2, cov2: sum(pieces(mu1, cov1, mu2, cov2)) - 2 * trace(cov1, cov2)


def root(cov):
    values, vectors = torch.linalg.eigh(cov)
    return vectors @ torch.diag(values.clamp(min=0).sqrt()) @ vectors.T


def eigen(cov1, cov2):
    return torch.linalg.eigvals(cov1 @ cov2).real.clamp(min=0).sqrt().sum()


def by_scipy(cov1, cov2):
    return np.trace(sqrtm((cov1 @ cov2).numpy())).real


def symmetric(cov1, cov2):
    half = root(cov1)
    return root(half @ cov2 @ half).trace()


@pytest.mark.filterwarnings("ignore:Matrix is singular")
@pytest.mark.parametrize(
    "answer",
    [with_trace(symmetric), lambda *g: metrics.frechet_gaussian(*g), with_trace(by_scipy)],
)
def test_09_1_accepts_other_right_ways(answer):
    assert judge("09.1", answer).ok


@pytest.mark.parametrize(
    "answer, reason",
    [
        (lambda *g: with_trace(eigen)(*g).sqrt(), "root"),
        (lambda m, c, n, d: (m - n).norm() + c.trace() + d.trace() - 2 * eigen(c, d), "mean"),
        (lambda m, c, n, d: c.trace() + d.trace() - 2 * eigen(c, d), "no_mean"),
        (lambda *g: sum(pieces(*g)) - eigen(g[1], g[3]), "two"),
        (with_trace(lambda a, b: (a @ b).clamp(min=0).sqrt().trace()), "elementwise"),
        (with_trace(lambda a, b: (root(a) @ root(b)).trace()), "commute"),
        (with_trace(lambda a, b: torch.linalg.eigvalsh(a @ b).clamp(min=0).sqrt().sum()), "eigh"),
        (with_trace(lambda a, b: (torch.linalg.cholesky(a).mT @ torch.linalg.cholesky(b)).svd()[1].sum()), "error"),
        (lambda *g: sum(pieces(*g)), "value"),
        (lambda m, *g: m, "shape"),
        (lambda *g: ..., "unsolved"),
    ],
)
def test_09_1_names_the_mistake(answer, reason):
    assert judge("09.1", answer).reason == reason


def test_09_1_wants_singular_covariances_too():
    def brittle(cov1, cov2):
        values = torch.linalg.eigvals(cov1 @ cov2).real
        return torch.where(values > 1e-9, values, torch.nan).sqrt().sum()

    assert judge("09.1", with_trace(brittle)).reason == "singular"


# --- 09.2 ---


def fitted(x, y):
    slope, value = np.polyfit(x, y, 1)
    return value, slope


def test_09_2_accepts_least_squares_by_hand():
    def answer(sizes, scores):
        x, y = torch.tensor([[1.0, 1 / n] for n in sizes]), torch.tensor(scores)
        return torch.linalg.solve(x.T @ x, x.T @ y)[0]

    assert judge("09.2", answer).ok


@pytest.mark.parametrize(
    "answer, reason",
    [
        (lambda n, s: fitted(1 / np.array(n), s)[1], "slope"),
        (lambda n, s: fitted(np.array(n), s)[0], "in_n"),
        (lambda n, s: fitted(np.array(n), s)[1], "slope_n"),
        (lambda n, s: s[-1], "last"),
        (lambda n, s: sum(s) / len(s), "mean"),
        (lambda n, s: (s[-1] * n[-1] - s[0] * n[0]) / (n[-1] - n[0]), "two_points"),
        (lambda n, s: fitted(1 / np.sqrt(n), s)[0], "value"),
        (lambda n, s: torch.tensor(s), "shape"),
        (lambda n, s: None, "unsolved"),
    ],
)
def test_09_2_names_the_mistake(answer, reason):
    assert judge("09.2", answer).reason == reason


# --- 09.3 ---


def compared(choose):
    """An answer in which `choose(x, n, rng)` picks the rows and n is the smallest set's size."""

    def answer(real, fakes, metric, seed=0):
        rng, n = torch.Generator().manual_seed(seed), min(map(len, fakes.values()))
        return {name: metric(real, choose(x, n, rng)) for name, x in fakes.items()}

    return answer


def at_random(x, n, rng):
    return x[torch.randperm(len(x), generator=rng)[:n]]


def cut_both(real, fakes, metric, seed):
    scores = {}
    for name, x in fakes.items():
        rng, n = torch.Generator().manual_seed(seed), min(map(len, fakes.values()))
        scores[name] = metric(at_random(real, n, rng), at_random(x, n, rng))
    return scores


def varying_real(real, fakes, metric, seed):
    n = min(map(len, fakes.values()))
    rng = torch.Generator().manual_seed(seed)
    return {name: metric(real[: len(x)], at_random(x, n, rng)) for name, x in fakes.items()}


def smallest_as_it_is(real, fakes, metric, seed):
    """The smallest set need not be shuffled, nor be the first in turn."""
    rng, n = torch.Generator().manual_seed(seed), min(map(len, fakes.values()))
    cut = {name: x if len(x) == n else at_random(x, n, rng) for name, x in reversed(fakes.items())}
    return {name: metric(real, x) for name, x in cut.items()}


@pytest.mark.parametrize("answer", [cut_both, smallest_as_it_is])
def test_09_3_accepts_other_right_ways(answer):
    assert judge("09.3", answer).ok


@pytest.mark.parametrize(
    "answer, reason",
    [
        (lambda real, fakes, metric, seed: {name: metric(real, x) for name, x in fakes.items()}, "sizes"),
        (varying_real, "real_sizes"),
        (compared(lambda x, n, rng: x[:n]), "first_rows"),
        (compared(lambda x, n, rng: x[torch.randint(len(x), (400,), generator=rng)]), "repeated"),
        (compared(lambda x, n, rng: at_random(x, 50, rng)), "few"),
        (compared(lambda x, n, rng: at_random(x, n, None)), "seed"),
        (lambda real, fakes, metric, seed: [metric(real, x) for x in fakes.values()], "names"),
        (lambda real, fakes, metric, seed: {name: 0.0 for name in fakes}, "no_metric"),
        (lambda real, fakes, metric, seed: ..., "unsolved"),
    ],
)
def test_09_3_names_the_mistake(answer, reason):
    assert judge("09.3", answer).reason == reason


# --- 09.4 ---


def inside(x, centres, k):
    return (torch.cdist(x, centres) <= torch.cdist(centres, centres).sort().values[:, k]).any(1).double().mean()


def by_sklearn(real, fake, k):
    def share(x, centres):
        radii = NearestNeighbors(n_neighbors=k + 1).fit(centres).kneighbors(centres)[0][:, k]
        return (np.linalg.norm(x[:, None] - centres[None], axis=2) <= radii).any(1).mean()

    return share(fake.numpy(), real.numpy()), share(real.numpy(), fake.numpy())


def own_ball(real, fake, k):
    def share(x, others):
        return (torch.cdist(x, others) <= torch.cdist(x, x).sort().values[:, k, None]).any(1).double().mean()

    return share(fake, real), share(real, fake)


def nearest_only(real, fake, k):
    far, which = manifold.nearest(fake, real)
    radii = torch.cdist(real.double(), real.double()).sort().values[:, k]
    return (far <= radii[which]).double().mean(), inside(real, fake, k)


def one_radius(real, fake, k):
    radius = torch.cdist(real, real).sort().values[:, k].mean()
    return (torch.cdist(fake, real).amin(1) <= radius).double().mean(), inside(real, fake, k)


def pairs(real, fake, k):
    radii = torch.cdist(real, real).sort().values[:, k]
    return (torch.cdist(fake, real) <= radii).double().mean(), inside(real, fake, k)


def test_09_4_accepts_scikit_learn():
    assert judge("09.4", by_sklearn).ok


@pytest.mark.parametrize(
    "answer, reason",
    [
        (lambda real, fake, k: (inside(real, fake, k), inside(fake, real, k)), "swapped"),
        (lambda real, fake, k: (inside(fake, real, k - 1), inside(real, fake, k - 1)), "self"),
        (own_ball, "own_ball"),
        (nearest_only, "nearest_only"),
        (pairs, "pairs"),
        (one_radius, "one_radius"),
        (lambda real, fake, k: (inside(fake, real, k), inside(fake, real, k)), "recall"),
        (lambda real, fake, k: (inside(fake, real, k + 1), inside(real, fake, k + 1)), "value"),
        (lambda real, fake, k: inside(fake, real, k), "shape"),
        (lambda real, fake, k: ..., "unsolved"),
    ],
)
def test_09_4_names_the_mistake(answer, reason):
    assert judge("09.4", answer).reason == reason


# --- 09.5 ---

RIGHT = {"A": "collapsed", "B": "blurred", "C": "memorised", "D": "healthy"}


def test_09_5_accepts_the_diagnosis_in_any_order():
    assert judge("09.5", dict(reversed(RIGHT.items()))).ok


@pytest.mark.parametrize(
    "slip, reason",
    [
        ({"C": "healthy", "D": "memorised"}, "copies_for_healthy"),
        ({"D": "memorised"}, "healthy_for_copies"),
        ({"A": "blurred", "B": "collapsed"}, "blurred_for_collapsed"),
        ({"B": "collapsed"}, "collapsed_for_blurred"),
        ({"B": "healthy", "D": "blurred"}, "healthy_for_blurred"),
        ({"A": "healthy"}, "precise_for_healthy"),
        ({"D": "blurred"}, "other"),
        ({"D": "well"}, "words"),
        ({"E": "healthy"}, "keys"),
        ({"A": ...}, "unsolved"),
    ],
)
def test_09_5_names_the_mistake(slip, reason):
    assert judge("09.5", RIGHT | slip).reason == reason


def test_09_5_the_numbers_that_the_hints_name_tell_the_patients_apart():
    net = digits_classifier()
    made, train, held_out = patients09.admit()
    real = net.features(held_out)
    cover = {name: manifold.density_coverage(real, net.features(x)).coverage for name, x in made.items()}
    score = {name: inception_score(net(x).softmax(1)) for name, x in made.items()}
    nearer = {}
    for name, x in made.items():
        to_train, to_other = (manifold.nearest(x.flatten(1), pile.flatten(1))[0] for pile in (train, held_out))
        nearer[name] = (to_train < to_other).double().mean().item()
    assert nearer["C"] > 0.95 and all(0.4 < nearer[name] < 0.6 for name in "ABD")
    assert cover["A"] < 0.5 < 0.65 < min(cover[name] for name in "BCD")
    assert score["B"] < min(score[name] for name in "AC") - 1
    pr = {name: manifold.precision_recall(real, net.features(x)) for name, x in made.items()}
    assert pr["B"].precision > 0.8 > 0.4 > pr["B"].recall and min(pr["D"]) > 0.55 and pr["D"].precision < 0.75
    distance = {name: metrics.frechet_distance(real, net.features(x)) for name, x in made.items()}
    assert max(distance["C"], distance["D"]) < 2.5 < 5 < min(distance["A"], distance["B"])


# --- 09.6 ---

REAL, _ = images.digits()


@functools.cache
def descended(aim: str) -> torch.Tensor:
    """Noise that was made to look good to one number: by its class, or by its features."""
    net = digits_classifier()
    x = (2 * torch.rand(300, 1, 8, 8, generator=torch.Generator().manual_seed(1)) - 1).requires_grad_()
    some = torch.randperm(len(REAL), generator=torch.Generator().manual_seed(3))[:300]
    opt, wanted = torch.optim.Adam([x], 0.05), net.features(REAL[some])
    for _ in range(50 if aim == "class" else 120):
        opt.zero_grad()
        far = (net.features(x) - wanted).square().sum(1).mean()
        (cross_entropy(net(x), torch.arange(300) % 10) if aim == "class" else far).backward()
        opt.step()
        with torch.no_grad():
            x.clamp_(-1, 1)
    return x.detach()


@pytest.mark.parametrize("name, aim", [("classifier score", "class"), ("frechet distance", "features")])
def test_09_6_accepts_noise_that_was_descended(name, aim):
    verdict = judge("09.6", (name, descended(aim)))
    assert verdict.ok, verdict.message


def noise(n=300):
    return 2 * torch.rand(n, 1, 8, 8, generator=torch.Generator().manual_seed(2)) - 1


@pytest.mark.parametrize(
    "answer, reason",
    [
        (lambda: ("frechet distance", REAL[:300]), "still_digits"),
        (lambda: ("classifier score", (REAL[:300] + 0.05 * noise()).clamp(-1, 1)), "still_digits"),
        (lambda: ("classifier score", REAL[:10].repeat(30, 1, 1, 1)), "repeated"),
        (lambda: ("classifier score", noise()), "number"),
        (lambda: ("frechet distance", noise()), "number"),
        (lambda: ("frechet distance", descended("class")), "number"),
        (lambda: ("classifier score", 3 * descended("class")), "range"),
        (lambda: ("classifier score", noise(50)), "shape"),
        (lambda: ("classifier score", noise().flatten(1)), "shape"),
        (lambda: ("FID", noise()), "words"),
        (lambda: noise(), "words"),
        (lambda: ("classifier score", "noise"), "unusable"),
        (lambda: ..., "unsolved"),
    ],
)
def test_09_6_names_the_mistake(answer, reason):
    assert judge("09.6", answer()).reason == reason
