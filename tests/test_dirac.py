"""Closed forms are the oracle: every rate that a path shows must be the one that the eigenvalues promise."""

import math

import pytest
import torch
from torch import nn
from torch.nn.functional import softplus

from gan_course import dirac
from gan_course.dirac import CLOSED_FORM, Dirac, alternating, extragradient, optimistic, play, rate, simultaneous
from gan_course.game import train
from gan_course.losses import (
    Loss,
    hinge,
    least_squares,
    minimax,
    non_saturating,
    relativistic,
    wasserstein,
)
from gan_course.penalties import gradient_penalty, r1, r2

POINTS = torch.tensor([[0.7, -1.2], [-0.3, 0.4], [1.5, 2.0]], dtype=torch.float64)


def spectral_radius(game, method, *lr):
    return dirac.spectrum(game, method, *lr).abs().max().item()


# ---- the field


def test_minimax_and_non_saturating_fields_by_hand():
    theta, psi = POINTS.T
    pull = torch.sigmoid(theta * psi)
    torch.testing.assert_close(Dirac(minimax).field(POINTS), torch.stack([pull * psi, -pull * theta], 1))
    lazy = torch.sigmoid(-theta * psi)
    torch.testing.assert_close(Dirac(non_saturating).field(POINTS), torch.stack([lazy * psi, -pull * theta], 1))


def test_wasserstein_and_least_squares_fields_by_hand():
    theta, psi = POINTS.T
    torch.testing.assert_close(Dirac(wasserstein).field(POINTS), torch.stack([psi, -theta], 1))
    by_hand = torch.stack([(1 - theta * psi) * psi, -theta * psi * theta], 1)
    torch.testing.assert_close(Dirac(least_squares).field(POINTS), by_hand)


def test_penalties_are_those_of_train():
    _, psi = POINTS.T
    for penalty, pull in ((r1(0.6), 0.6 * psi), (r2(0.6), 0.6 * psi)):
        change = Dirac(minimax, (penalty,)).field(POINTS) - Dirac(minimax).field(POINTS)
        torch.testing.assert_close(change, torch.stack([torch.zeros(3).double(), -pull], 1))
    change = Dirac(minimax, (gradient_penalty(2.0),)).field(POINTS) - Dirac(minimax).field(POINTS)
    torch.testing.assert_close(change[:, 1], -2 * 2.0 * (psi.abs() - 1) * psi.sign())


def test_instance_noise_is_the_expectation_of_the_noisy_field():
    theta, psi, sigma = 0.8, -0.5, 0.9
    z = torch.randn(2, 400_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * sigma
    real, fake = z[0], theta + z[1]
    slope_g = torch.sigmoid(psi * fake) * psi
    slope_d = torch.sigmoid(-psi * real) * real - torch.sigmoid(psi * fake) * fake
    sampled = torch.stack([slope_g, slope_d])
    error = sampled.std(dim=1) / math.sqrt(sampled.shape[1])
    exact = Dirac(minimax, noise=sigma).field(torch.tensor([theta, psi], dtype=torch.float64))
    assert ((exact - sampled.mean(1)).abs() < 4 * error).all()


@pytest.mark.parametrize(
    "game", [Dirac(relativistic, (r1(0.3),)), Dirac(non_saturating, (r2(1.0),), 0.6), Dirac(hinge)]
)
def test_jacobian_is_the_derivative_of_the_field(game):
    step = 1e-5 * torch.eye(2, dtype=torch.float64)
    difference = (game.field(step) - game.field(-step)) / 2e-5
    torch.testing.assert_close(game.jacobian(), difference.T, atol=1e-8, rtol=1e-6)


def test_a_loss_of_your_own_drops_in_and_equals_ours():
    mine = Loss(
        lambda real, fake: torch.log1p(torch.exp(-real)).mean() + torch.log1p(torch.exp(fake)).mean(),
        lambda real, fake: -softplus(fake).mean(),
    )
    torch.testing.assert_close(Dirac(mine).field(POINTS), Dirac(minimax).field(POINTS))


# ---- eigenvalues of the flow


@pytest.mark.parametrize(
    "loss, slope", [(minimax, 0.5), (non_saturating, 0.5), (relativistic, 0.5), (hinge, 1), (wasserstein, 1)]
)
def test_undamped_games_turn_at_their_slope(loss, slope):
    values = sorted(Dirac(loss).eigenvalues().tolist(), key=lambda v: v.imag)
    assert values == pytest.approx([-1j * slope, 1j * slope], abs=1e-12)


@pytest.mark.parametrize("weight", [0.2, 0.99, 1.5, 4.0])  # spirals, nearly critical, overdamped
def test_r1_has_the_papers_eigenvalues(weight):
    found = sorted(Dirac(minimax, (r1(weight),)).eigenvalues().tolist(), key=lambda v: (v.real, v.imag))
    formula = sorted(dirac.r1_eigenvalues(weight, 0.5).tolist(), key=lambda v: (v.real, v.imag))
    assert found == pytest.approx(formula, abs=1e-9)


@pytest.mark.parametrize("sigma", [0.3, 1.0, 1.9])
def test_instance_noise_damps_like_r1_of_half_the_variance(sigma):
    noisy, damped = Dirac(minimax, noise=sigma).jacobian(), Dirac(minimax, (r1(sigma**2 / 2),)).jacobian()
    torch.testing.assert_close(noisy, damped, atol=1e-10, rtol=0)


def test_instance_noise_does_nothing_to_a_linear_loss():
    torch.testing.assert_close(Dirac(wasserstein, noise=1.0).field(POINTS), Dirac(wasserstein).field(POINTS))


# ---- measured rates against closed forms


@pytest.mark.parametrize("loss, slope, h", [(minimax, 0.5, 0.2), (wasserstein, 1.0, 0.4)])
@pytest.mark.parametrize("method", list(CLOSED_FORM))
def test_measured_rate_is_the_closed_form(method, h, loss, slope):
    exact = CLOSED_FORM[method](slope * h)
    assert spectral_radius(Dirac(loss), method, h) == pytest.approx(exact, abs=1e-12)
    start = 1e-100 if exact > 1 else 1e-3  # a linear game has no scale; minimax must stay close to the centre
    start = start if loss is wasserstein else 1e-30 if exact > 1 else 1e-9
    assert rate(play(Dirac(loss), method, (3 * start, start), 800, h)) == pytest.approx(exact, abs=1e-9)


@pytest.mark.parametrize("method, a", [(alternating, 2.5), (optimistic, 0.55), (optimistic, 0.7), (extragradient, 1.2)])
def test_closed_form_beyond_the_small_step(method, a):
    assert spectral_radius(Dirac(wasserstein), method, a) == pytest.approx(CLOSED_FORM[method](a), abs=1e-12)


def test_where_each_method_stops_converging():
    assert CLOSED_FORM[alternating](1.99) == 1 < CLOSED_FORM[alternating](2.01)
    assert CLOSED_FORM[extragradient](0.99) < 1 < CLOSED_FORM[extragradient](1.01)
    assert CLOSED_FORM[optimistic](0.57) < 1 < CLOSED_FORM[optimistic](0.58)  # 1 / sqrt(3)


def test_simultaneous_minimax_grows_by_an_exact_factor_at_every_distance():
    path, h = play(Dirac(), simultaneous, (1.0, 1.0), 50, 0.3), 0.3
    pull = torch.sigmoid(path[:-1].prod(1))
    torch.testing.assert_close(dirac.radius(path[1:]), dirac.radius(path[:-1]) * torch.sqrt(1 + (h * pull) ** 2))


def test_simultaneous_non_saturating_settles_on_a_ring_of_radius_root_2h():
    ends = play(Dirac(non_saturating), simultaneous, [[0.1, 0.0], [1.0, 0.5]], 3500, 0.1)[-200:]
    torch.testing.assert_close(dirac.radius(ends).mean(0), torch.full((2,), math.sqrt(0.2)).double(), rtol=0.03, atol=0)


def test_taking_turns_with_the_same_eigenvalues_has_three_fates():
    def mean_radii(loss):
        path = dirac.radius(play(Dirac(loss), alternating, (1.0, 1.0), 1000, 1.0))
        return path[1:61].mean().item(), path[-60:].mean().item()

    for loss in (wasserstein, minimax, non_saturating):
        assert spectral_radius(Dirac(loss), alternating, 1.0) == pytest.approx(1.0, abs=1e-12)
    assert mean_radii(wasserstein)[1] == pytest.approx(mean_radii(wasserstein)[0], rel=1e-3)  # circles
    assert mean_radii(minimax)[1] > 2 * mean_radii(minimax)[0]  # creeps outwards
    assert mean_radii(non_saturating)[1] == pytest.approx(math.sqrt(8 / 1000), rel=0.03)  # home, like 1 / sqrt(t)


@pytest.mark.parametrize("weight, h", [(0.2, 0.2), (0.6, 0.2), (3.0, 0.1)])
def test_r1_rate(weight, h):
    exact = (1 + h * dirac.r1_eigenvalues(weight)).abs().max().item()
    game = Dirac(minimax, (r1(weight),))
    assert spectral_radius(game, simultaneous, h) == pytest.approx(exact, abs=1e-12)
    assert rate(play(game, simultaneous, (3e-9, 1e-9), 600, h)) == pytest.approx(exact, abs=1e-9)


@pytest.mark.parametrize(
    "game, method",
    [
        (Dirac(minimax, (r1(0.3),)), alternating),
        (Dirac(relativistic, (r1(0.1), r2(0.1))), dirac.momentum(0.2)),
        (Dirac(minimax, noise=0.8), extragradient),
        (Dirac(non_saturating, noise=0.8), optimistic),
    ],
)
def test_every_method_moves_at_its_spectral_radius_in_damped_games_with_unequal_rates(game, method):
    path = play(game, method, (3e-5, 1e-5), 400, 0.1, 0.25)
    assert rate(path) == pytest.approx(spectral_radius(game, method, 0.1, 0.25), abs=1e-8)


def test_only_the_product_of_the_rates_counts_without_damping():
    for method, closed in CLOSED_FORM.items():
        assert spectral_radius(Dirac(), method, 0.05, 0.8) == pytest.approx(closed(0.5 * 0.2), abs=1e-12)


def test_momentum_solves_its_quartic_and_only_negative_momentum_converges():
    beta, h, slope = -0.5, 0.2, 0.5
    for z in dirac.spectrum(Dirac(), dirac.momentum(beta), h).tolist():
        assert abs((z - 1) ** 2 * (z - beta) ** 2 + (h * slope) ** 2 * z**3) < 1e-12
    assert spectral_radius(Dirac(), dirac.momentum(-0.5), h) < 1 < spectral_radius(Dirac(), dirac.momentum(0.5), h)
    same = play(Dirac(), dirac.momentum(0.0), (1.0, 1.0), 20)
    torch.testing.assert_close(same, play(Dirac(), alternating, (1.0, 1.0), 20))


def test_a_method_of_your_own_is_judged_like_ours():
    def leapfrog(v, h, now, before):
        return before + 2 * h * v(now)

    spectrum = dirac.spectrum(Dirac(wasserstein), leapfrog, 0.1)
    assert spectrum.shape == (4,) and spectrum.abs().max().item() == pytest.approx(1.0, abs=1e-12)


def test_a_method_may_index_its_points():
    def by_index(v, h, now, before):
        half = torch.stack([now[0], now[1] + h[1] * v(now)[1]])
        return torch.stack([half[0] + h[0] * v(half)[0], half[1]])

    ours = dirac.spectrum(Dirac(), alternating, 0.1, 0.3)
    torch.testing.assert_close(dirac.spectrum(Dirac(), by_index, 0.1, 0.3), ours)


# ---- the same game as `train`


class Point(nn.Module):
    z_dim = 1

    def __init__(self, theta):
        super().__init__()
        self.theta = nn.Parameter(torch.tensor([[theta]], dtype=torch.float64))

    def forward(self, z):
        return self.theta.expand(len(z), 1)


@pytest.mark.parametrize("loss", [minimax, relativistic])
def test_alternating_is_what_train_does(loss):
    G, D = Point(1.0), nn.Linear(1, 1, bias=False).double()
    nn.init.constant_(D.weight, 0.5)
    opt_g, opt_d = torch.optim.SGD(G.parameters(), 0.1), torch.optim.SGD(D.parameters(), 0.3)
    zeros = iter(lambda: torch.zeros(4, 1, dtype=torch.float64), None)
    seen = [(1.0, 0.5)]
    for _ in train(G, D, zeros, loss=loss, penalties=[r1(0.2)], opt_g=opt_g, opt_d=opt_d, steps=20):
        seen.append((G.theta.item(), D.weight.item()))
    by_name = play(Dirac(loss, (r1(0.2),)), alternating, (1.0, 0.5), 20, 0.1, 0.3)
    torch.testing.assert_close(by_name, torch.tensor(seen, dtype=torch.float64), atol=1e-12, rtol=0)


# ---- small things


def test_many_starts_at_once_are_the_single_paths():
    game = Dirac(non_saturating, (r1(0.4),), noise=0.5)
    together = play(game, optimistic, POINTS, 10)
    assert together.shape == (11, 3, 2)
    for i, start in enumerate(POINTS):
        torch.testing.assert_close(together[:, i], play(game, optimistic, start, 10))


@pytest.mark.parametrize(
    "size, words",
    [
        (1.01, "spirals out: close to the centre the radius doubles every 70 steps"),
        (0.5, "converges: close to the centre the radius shrinks fast (x 0.50000 a step)"),
        (3.085, "spirals out: close to the centre the radius grows fast (x 3.08500 a step)"),
        (1.0, "circles"),
        (0.0, "converges"),
    ],
)
def test_verdict(size, words):
    assert words in dirac.verdict(torch.tensor([size, -size / 2], dtype=torch.complex128))


@pytest.mark.parametrize(
    "call, names",
    [
        (lambda: Dirac(noise=-1.0), "standard deviation"),
        (lambda: play(Dirac(), simultaneous, (1.0, 1.0), 3, lr_g=0.0), "learning rates"),
        (lambda: play(Dirac(), simultaneous, (1.0, 1.0), 3, lr_g=0.1, lr_d=-1.0), "lr_d=-1.0"),
        (lambda: play(Dirac(), simultaneous, 1.0, 3), "theta, psi"),
    ],
)
def test_bad_input_is_refused(call, names):
    with pytest.raises(ValueError, match=names):
        call()


@pytest.mark.parametrize("returned", [..., None, torch.zeros(3)])
def test_a_method_that_returns_no_point_is_told_so(returned):
    with pytest.raises(TypeError, match="must return the next point"):
        play(Dirac(), lambda v, h, now, before: returned, (1.0, 1.0), 3)
