"""f-divergences as games: conjugates against brute force, bounds against integrals, games against known ones."""

import math

import pytest
import torch
from torch.nn.functional import softplus

from gan_course import divergence, ensemble, fgan, minimax, nets, non_saturating, toy, train

ALL = (fgan.kl, fgan.reverse_kl, fgan.pearson, fgan.squared_hellinger, fgan.jensen_shannon)
every = pytest.mark.parametrize("loss", ALL, ids=lambda loss: loss.name)
# q is wider than p, so that every one of the five is finite.
P, Q = toy.mixture([-1.0, 1.0], [0.4, 0.5], [0.3, 0.7]), toy.gaussian(0.3, 1.5)
X = P.mesh(4000, extent=(-6, 6))[0].ravel().double()


def raw(n=41, top=3.0):
    return torch.linspace(-top, top, n, dtype=torch.float64)


@every
def test_the_conjugate_is_the_highest_of_all_lines(loss):
    t = loss.activation(raw(13, 1.5))
    u = torch.logspace(-5, 5, 400_001, dtype=torch.float64)
    highest = torch.stack([(u * one - loss.f(u)).max() for one in t])
    assert torch.allclose(loss.conjugate(t), highest, atol=1e-4)


@every
def test_the_price_is_the_conjugate_of_the_activation(loss):
    v = raw()
    assert torch.allclose(loss.price(v), loss.conjugate(loss.activation(v)), atol=1e-10)
    assert bool((loss.activation(v).diff() > 0).all())


@every
def test_the_best_output_makes_t_the_slope_of_f(loss):
    log_u = raw()
    u = log_u.exp().requires_grad_()
    (slope,) = torch.autograd.grad(loss.f(u).sum(), u)
    assert torch.allclose(loss.activation(loss.best(log_u)), slope, atol=1e-9)


@every
def test_f_is_convex_and_zero_at_one(loss):
    u = torch.linspace(0.01, 5, 500, dtype=torch.float64)
    assert loss.f(torch.ones(1, dtype=torch.float64)).abs().item() < 1e-12
    assert bool((loss.f(u).diff().diff() > 0).all())


def on_the_grid(loss, v):
    """The bound as an integral: E_p[T] - E_q[f*(T)] of raw outputs v (n,) on the grid."""
    log_p, log_q = divergence.log_masses(P, Q, X)
    return (log_p.exp() * loss.activation(v) - log_q.exp() * loss.price(v)).sum().item()


@every
def test_the_bound_is_tight_at_the_best_t_and_below_elsewhere(loss):
    exact = loss.exact(P, Q, X)
    log_p, log_q = divergence.log_masses(P, Q, X)
    best = loss.best(log_p - log_q)
    assert exact > 0.1
    assert on_the_grid(loss, best) == pytest.approx(exact, abs=1e-12)
    for wrong in (best + 0.3, best - 0.3, best + 0.3 * torch.sin(3 * X), 0 * X):
        assert on_the_grid(loss, wrong) < exact - 1e-3


@every
def test_the_bound_from_samples_is_the_integral_and_minus_ds_loss(loss):
    real, fake = P.sample(100_000, seed=1).double(), Q.sample(100_000, seed=2).double()

    def best(x):
        # Clamped: the tails, where few samples fall, weigh much in some of the five.
        return loss.best((P.log_prob(x) - Q.log_prob(x)).clamp(-2, 2))[:, None]

    got = loss.bound(best(real), best(fake))
    clamped = loss.best((P.log_prob(X) - Q.log_prob(X)).clamp(-2, 2))
    assert got.item() == pytest.approx(on_the_grid(loss, clamped), abs=0.05)
    assert loss.d(best(real), best(fake)).item() == pytest.approx(-got.item(), abs=1e-12)


def test_exact_agrees_with_the_divergences_that_the_package_has():
    assert fgan.kl.exact(P, Q, X) == pytest.approx(divergence.kl(P, Q, X), abs=1e-9)
    assert fgan.reverse_kl.exact(P, Q, X) == pytest.approx(divergence.kl(Q, P, X), abs=1e-9)
    assert fgan.jensen_shannon.exact(P, Q, X) == pytest.approx(2 * divergence.js(P, Q, X), abs=1e-9)


def test_exact_agrees_with_closed_forms_of_gaussians():
    a, b = toy.gaussian(0.0, 1.0), toy.gaussian(0.8, 1.0)
    x = a.mesh(8000, extent=(-12, 12))[0].ravel().double()
    assert fgan.pearson.exact(a, b, x) == pytest.approx(math.exp(0.8**2) - 1, rel=1e-6)
    assert fgan.squared_hellinger.exact(a, b, x) == pytest.approx(2 - 2 * math.exp(-(0.8**2) / 8), rel=1e-6)


def test_exact_says_so_where_the_ratio_is_no_number():
    a, b = toy.gaussian(0.0, 1.0), toy.gaussian(0.0, 0.05)
    x = a.mesh(2000, extent=(-6, 6))[0].ravel().double()
    with pytest.raises(ValueError, match="Pearson.*narrower"):
        fgan.pearson.exact(a, b, x)
    near, far = toy.segments(gap=1.0)
    with pytest.raises(ValueError, match="reverse KL"):
        fgan.reverse_kl.exact(near, far, torch.linspace(0.005, 2.995, 300))


def test_jensen_shannon_is_the_game_of_goodfellow():
    real, fake = torch.randn(2, 64, 1, generator=torch.Generator().manual_seed(0))
    assert fgan.jensen_shannon.d(real, fake).item() == pytest.approx(
        (minimax.d(real, fake) - math.log(4)).item(), abs=1e-6
    )
    assert fgan.jensen_shannon.g(real, fake).item() == pytest.approx(
        (non_saturating.g(real, fake) - math.log(2)).item(), abs=1e-6
    )
    lowering = fgan.jensen_shannon.lowering
    assert lowering.g(real, fake).item() == pytest.approx((math.log(2) - softplus(fake).mean()).item(), abs=1e-6)
    assert lowering.d(real, fake) == fgan.jensen_shannon.d(real, fake) and "lowering" in lowering.name


@every
def test_lowering_moves_g_down_the_bound(loss):
    real, fake = torch.randn(2, 64, 1, generator=torch.Generator().manual_seed(1)).unbind()
    fake = fake.clone().requires_grad_()
    (down,) = torch.autograd.grad(loss.lowering.g(real, fake), fake)
    (bound,) = torch.autograd.grad(loss.bound(real, fake), fake)
    assert torch.allclose(down, bound)


@every
def test_large_outputs_stay_finite_where_the_value_is(loss):
    v = torch.tensor([[-30.0], [30.0]])
    assert bool(loss.price(v).isfinite().all()) and bool(loss.activation(v).isfinite().all())


@every
def test_a_game_learns_a_gaussian(loss):
    torch.manual_seed(0)
    data = toy.gaussian(1.5, 0.5)
    G, D = nets.mlp.generator(1, 1, (16,)), nets.mlp.discriminator(1, (16,))
    before = divergence.w1_samples(G(torch.randn(2000, 1)), data.sample(2000, seed=1))
    game = train(G, D, data.batches(64), loss=loss, lr_g=2e-3, lr_d=4e-3, steps=600)
    for _ in game:
        pass
    assert divergence.w1_samples(game.sample(2000), data.sample(2000, seed=1)) < before / 3


def test_it_plays_in_an_ensemble_as_it_does_alone():
    ring = toy.ring(8, 1.0, 0.1)
    variants = ensemble.product(seed=range(2))
    games = ensemble.train(
        lambda: nets.mlp.generator(2, 2, (8,)), lambda: nets.mlp.discriminator(2, (8,)),
        lambda seed: ring.batches(16, seed), variants, steps=5, loss=fgan.squared_hellinger,
    )  # fmt: skip
    for _ in games:
        pass
    alone = games.solo(1)
    for _ in alone:
        pass
    assert torch.allclose(games.sample(8)[1], alone.sample(8), atol=1e-5)
