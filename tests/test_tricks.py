"""Noise has the width asked for and is gone in eval mode; softer labels move the best D as the paper says."""

import itertools

import pytest
import torch
from torch import nn
from torch.nn.functional import softplus

from gan_course import ensemble, hinge, minimax, nets, non_saturating, toy, train
from gan_course.losses import Loss
from gan_course.tricks import Blurred, InstanceNoise, blurred, smooth


def test_instance_noise_has_its_width_and_rests_in_eval_mode():
    torch.manual_seed(0)
    D, x = InstanceNoise(nn.Identity(), 0.3), torch.zeros(20_000, 2)
    seen = D(x)
    assert seen.std(0) == pytest.approx([0.3, 0.3], rel=0.03) and seen.mean().abs() < 0.01
    assert not torch.equal(D(x), seen)  # fresh each time
    D.sd = 0.0
    assert torch.equal(D(x), x)
    D.sd = 0.3
    assert torch.equal(D.eval()(x), x)


def test_instance_noise_plays_in_a_game_and_its_weights_learn():
    torch.manual_seed(0)
    D = InstanceNoise(nets.mlp.discriminator(2, (8,)), 0.2)
    before = [p.clone() for p in D.parameters()]
    for _ in train(nets.mlp.generator(2, 2, (8,)), D, toy.ring().batches(16), steps=3):
        pass
    assert all(not torch.equal(old, new) for old, new in zip(before, D.parameters(), strict=True))


def test_blurred_fakes_and_batches_are_what_instance_noise_lets_d_see():
    """Same distribution: mean and covariance of what reaches D, on both sides."""
    torch.manual_seed(0)
    G = nets.mlp.generator(2, 3, (8,))
    clean = G(torch.randn(20_000, 3))
    noisy = Blurred(G, 0.5)
    assert noisy.z_dim == 5
    through = InstanceNoise(nn.Identity(), 0.5)(clean)
    direct = noisy(torch.randn(20_000, 5))
    assert torch.allclose(through.T.cov(), direct.T.cov(), atol=0.02)
    assert torch.allclose(direct.T.cov() - clean.T.cov(), 0.25 * torch.eye(2), atol=0.02)
    z = torch.randn(7, 5)
    assert torch.equal(noisy.eval()(z), G(z[:, :3]))

    real = torch.cat(list(itertools.islice(blurred(toy.gaussian([0.0, 0.0], 0.3).batches(2000), 0.4), 10)))
    assert real.std(0) == pytest.approx([0.5, 0.5], rel=0.03)


def test_blurred_is_reproducible_and_every_seed_differs():
    def first(seed):
        return next(blurred(iter([torch.zeros(4, 2)]), 1.0, seed))

    assert torch.equal(first(1), first(1)) and not torch.equal(first(1), first(2))


def test_blurred_games_play_many_at_once_as_alone():
    games = ensemble.train(
        lambda: Blurred(nets.mlp.generator(2, 2, (8,)), 0.3),
        lambda: nets.mlp.discriminator(2, (8,)),
        lambda seed: blurred(toy.ring().batches(16, seed), 0.3, seed),
        [{"seed": seed} for seed in range(3)],
        steps=20,
    )
    for _ in games:
        pass
    for k in range(3):
        alone = games.solo(k)
        for _ in alone:
            pass
        assert torch.allclose(alone.sample(50), games.sample(50)[k], atol=1e-4)


@pytest.mark.parametrize("loss", [minimax, non_saturating])
def test_smooth_is_the_cross_entropy_with_a_softer_label(loss):
    torch.manual_seed(0)
    real, fake = torch.randn(9, 1) * 3, torch.randn(9, 1) * 3
    wanted = 0.9 * softplus(-real).mean() + 0.1 * softplus(real).mean() + softplus(fake).mean()
    assert torch.allclose(smooth(loss, 0.9).d(real, fake), wanted)
    assert torch.equal(smooth(loss, 0.9).g(real, fake), loss.g(real, fake))
    assert torch.allclose(smooth(loss, 1.0).d(real, fake), loss.d(real, fake))
    assert torch.isfinite(smooth(loss).d(real * 1000, fake * 1000))


def test_smooth_moves_the_best_d_to_target_p_over_p_plus_q():
    """D's loss at a place with densities p and q, minimised over its logit: 0.9 p/(p+q)."""
    d = smooth(non_saturating, 0.9).d
    for p, q in ((1, 1), (3, 1), (1, 4), (1, 0)):
        logit = torch.zeros(1, 1, requires_grad=True)
        opt = torch.optim.LBFGS([logit], max_iter=100)

        def closure(logit=logit, opt=opt, p=p, q=q):
            opt.zero_grad()
            both = p * d(logit, torch.full((1, 1), -50.0)) + q * d(torch.full((1, 1), 50.0), logit)
            (both - 5 * q).backward()
            return both

        opt.step(closure)
        assert torch.sigmoid(logit).item() == pytest.approx(0.9 * p / (p + q), abs=1e-3)


def test_bad_input_is_refused_with_the_fix():
    with pytest.raises(ValueError, match="zero or more"):
        InstanceNoise(nn.Identity(), -1)
    with pytest.raises(ValueError, match="zero or more"):
        Blurred(nets.mlp.generator(), float("nan"))
    with pytest.raises(ValueError, match="zero or more"):
        next(blurred(iter([torch.zeros(1, 2)]), -0.1))
    with pytest.raises(ValueError, match="above 0.5"):
        smooth(minimax, 0.5)
    for loss in (hinge, Loss(d=lambda real, fake: fake.mean() - real.mean(), g=lambda real, fake: -fake.mean())):
        with pytest.raises(ValueError, match="minimax, non_saturating"):
            smooth(loss)
