"""What each cure for mode collapse lets a player see, that all of them play many games at once, and that a look ahead
is the derivative it claims to be."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import softplus

from gan_course import ensemble, nets, toy, train
from gan_course.cures import MinibatchDiscrimination, MinibatchStd, Packed, Several, unrolled
from gan_course.losses import Loss, minimax, non_saturating, relativistic
from gan_course.penalties import clip_weights, gradient_penalty, r1, r2, spectral_norm
from gan_course.stack import Stack

RING = toy.ring()


def generator():
    return nets.mlp.generator(2, 2, (8,))


def discriminator():
    return nets.mlp.discriminator(2, (16, 16))


def packed():
    return Packed(nets.mlp.discriminator(4, (16, 16)), 2)


def before_the_last(layer, more):
    return nn.Sequential(*list(discriminator())[:-1], layer, nn.Linear(16 + more, 1))


def with_spread():
    return before_the_last(MinibatchStd(), 1)


def with_closeness():
    return before_the_last(MinibatchDiscrimination(16, 4, 2), 4)


def several():
    return Several(generator, 3)


def batches(seed):
    return RING.batches(16, seed)


def weights(net):
    return torch.cat([p.detach().flatten() for p in net.parameters()])


def score_of_best_d(D, turns=400):
    """D's loss on 40 fresh batches after learning to tell batches of the ring from batches of one mode, drawn anew
    for each batch. Point by point the two are the same, and a D that sees points gets 2 log 2 = 1.39 at best."""
    rng = torch.Generator().manual_seed(1)
    real = RING.batches(16, seed=2)
    opt = torch.optim.Adam(D.parameters(), 3e-3)
    losses = []
    for turn in range(turns + 40):
        mode = RING.modes[torch.randint(8, (1,), generator=rng)].float()
        fake = mode + 0.01 * torch.randn(16, 2, generator=rng)
        loss = softplus(-D(next(real))).mean() + softplus(D(fake)).mean()
        losses.append(loss.item())
        if turn < turns:
            opt.zero_grad()
            loss.backward()
            opt.step()
    return np.mean(losses[turns:])


@pytest.mark.parametrize("make", [packed, with_spread, with_closeness])
def test_d_sees_a_collapse_that_point_by_point_cannot_be_seen(make):
    torch.manual_seed(0)
    assert score_of_best_d(make()) < 1.0


def test_without_them_d_is_blind_to_it():
    torch.manual_seed(0)
    assert score_of_best_d(discriminator()) > 2 * math.log(2) - 0.1


def test_a_pack_is_judged_as_one_and_its_logit_given_to_each_of_its_points():
    torch.manual_seed(0)
    inside, x = nets.mlp.discriminator(6, (8,)), torch.randn(12, 2)
    logits = Packed(inside, 3)(x)
    assert logits.shape == (12, 1)
    for i in range(0, 12, 3):
        wanted = inside(torch.cat([x[i], x[i + 1], x[i + 2]])[None]).item()
        assert logits[i : i + 3].flatten().tolist() == pytest.approx([wanted] * 3)
    seen = []
    Packed(lambda packs: seen.append(packs) or packs.flatten(1)[:, :1], 2)(torch.zeros(4, 1, 8, 8))
    assert seen[0].shape == (2, 2, 8, 8)


def test_one_point_of_a_pack_has_m_times_the_slope_of_the_packs_logit():
    torch.manual_seed(0)
    inside, x = nn.Linear(6, 1).double(), torch.randn(12, 2, dtype=torch.double)
    penalty = r1(2.0)(Packed(inside, 3), x, x).item()
    assert penalty == pytest.approx(3 * inside.weight.square().sum().item())  # a mean over points of 3^2, a third each


def test_packs_must_come_out_even():
    with pytest.raises(ValueError, match="packs of 3: give a batch size that 3 divides"):
        Packed(nets.mlp.discriminator(6), 3)(torch.zeros(10, 2))
    with pytest.raises(ValueError, match="whole number of 1 or more for m"):
        Packed(nets.mlp.discriminator(2), 0)
    with pytest.raises(ValueError, match="D does not accept"):  # made for one point, not for two
        train(generator(), Packed(discriminator(), 2), batches(0))


def test_the_spread_of_a_batch_is_what_numpy_says_and_a_batch_of_twins_has_a_slope():
    torch.manual_seed(0)
    x = torch.randn(7, 5)
    out = MinibatchStd()(x)
    assert torch.equal(out[:, :5], x) and out.shape == (7, 6)
    assert out[:, 5].tolist() == pytest.approx([x.numpy().std(0).mean()] * 7, rel=1e-5)
    twins = torch.ones(7, 5, requires_grad=True)
    (slope,) = torch.autograd.grad(MinibatchStd()(twins)[:, 5].sum(), twins)
    assert slope.isfinite().all()


def test_closeness_is_the_mean_over_the_others_written_as_loops():
    torch.manual_seed(0)
    layer, x = MinibatchDiscrimination(5, kernels=3, dims=2), torch.randn(6, 5)
    out = layer(x).detach().numpy()
    places = (x @ layer.map.weight.T).detach().numpy().reshape(6, 3, 2)
    for i in range(6):
        for b in range(3):
            others = [np.exp(-np.abs(places[i, b] - places[j, b]).sum()) for j in range(6) if j != i]
            assert out[i, 5 + b] == pytest.approx(np.mean(others), rel=1e-4)
    assert torch.equal(layer(x)[:, :5], x)
    assert layer(torch.ones(6, 5))[:, 5:].tolist() == [[pytest.approx(1.0)] * 3] * 6
    far = layer(torch.arange(6.0)[:, None].expand(6, 5) * 1e4)
    assert far[:, 5:].abs().max() < 1e-6
    assert layer(x[:1])[:, 5:].tolist() == [[0, 0, 0]]  # nobody else is there


def test_several_generators_share_the_samples_equally_and_each_makes_its_own():
    torch.manual_seed(0)
    G = Several(lambda: nets.mlp.generator(2, 3, (8,)), 5)
    assert G.z_dim == 4
    z = torch.randn(20_000, 4)
    which, x = G.which(z), G(z)
    counts = which.bincount(minlength=5)
    assert (counts - 4000).abs().max() < 5 * math.sqrt(20_000 * 0.2 * 0.8)
    for k in range(5):
        torch.testing.assert_close(x[which == k], G.each.take(k)(z[which == k, 1:]))
    assert G.which(torch.tensor([[-40.0], [40.0]])).tolist() == [0, 4]


def test_several_needs_generators_that_say_their_noise():
    with pytest.raises(ValueError, match=r"set G\.z_dim"):
        Several(lambda: nn.Linear(2, 2), 3)
    with pytest.raises(ValueError, match="for k, got 0"):
        Several(generator, 0)


@pytest.mark.parametrize("make", [packed, with_spread, with_closeness])
def test_a_stack_of_them_is_each_of_them(make):
    torch.manual_seed(0)
    own = [make() for _ in range(3)]
    x = torch.randn(3, 6, 2)
    torch.testing.assert_close(Stack(own)(x), torch.stack([net(part) for net, part in zip(own, x, strict=True)]))


def test_a_stack_of_several_is_each_of_them():
    torch.manual_seed(0)
    own, z = [several() for _ in range(3)], torch.randn(3, 50, 3)
    torch.testing.assert_close(Stack(own)(z), torch.stack([net(part) for net, part in zip(own, z, strict=True)]))


@pytest.mark.parametrize(
    "G, D, k, settings",
    [
        (generator, packed, 0, {}),
        (generator, packed, 0, {"penalties": [r1(0.1), r2(0.1)]}),
        (generator, with_spread, 0, {"penalties": [r1(0.1)]}),
        (generator, with_closeness, 0, {}),
        (several, discriminator, 0, {"average": 0.9}),
        (generator, discriminator, 0, {}),
        (generator, discriminator, 2, {}),
        (generator, discriminator, 2, {"loss": relativistic, "penalties": [r1(0.1), gradient_penalty(1.0)]}),
        (generator, discriminator, 2, {"opt": lambda own, lr: torch.optim.SGD(own, lr), "average": 0.9}),
        (several, with_spread, 1, {}),
    ],
)
def test_each_of_many_games_goes_as_it_would_alone(G, D, k, settings):
    variants = [{"seed": 0}, {"seed": 1, "lr_d": 3e-3}, {"seed": 2, "lr_g": 3e-4}]
    plain = ensemble.train(G, D, batches, variants, steps=8, **settings)
    together, alone = unrolled(plain, k), unrolled(plain.solo(1), k)
    pairs = list(zip(together, alone, strict=True))
    for many, one in pairs:
        assert many.d_loss[1].item() == pytest.approx(one.d_loss.item(), abs=1e-4)
        assert many.g_loss[1].item() == pytest.approx(one.g_loss.item(), abs=1e-4)
    g, d = together.players(1)
    torch.testing.assert_close(weights(g), weights(alone.averaged or alone.G), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(weights(d), weights(alone.D), atol=1e-5, rtol=1e-4)


def game(k=None, *, lr=None, steps=6, **settings):
    torch.manual_seed(0)
    plain = train(generator(), discriminator(), batches(0), steps=steps, **settings)
    return plain if k is None else unrolled(plain, k, lr)


def test_unrolled_by_no_step_is_the_plain_game_to_the_bit():
    for settings in ({}, {"loss": relativistic, "penalties": [r1(0.1)], "average": 0.9}):
        plain, ahead = game(**settings), game(0, **settings)
        for one, other in zip(plain, ahead, strict=True):
            assert one.d_loss == other.d_loss and one.g_loss == other.g_loss
        assert torch.equal(weights(plain.G), weights(ahead.G)) and torch.equal(weights(plain.D), weights(ahead.D))


def test_looking_ahead_changes_g_and_leaves_d_alone():
    plain, ahead = game(), game(5)
    next(plain), next(ahead)
    assert torch.equal(weights(plain.D), weights(ahead.D))
    assert not torch.allclose(weights(plain.G), weights(ahead.G), atol=1e-4)
    assert ahead.opt_d.state_dict()["state"][0]["step"] == 1


def test_looking_ahead_does_not_move_what_d_keeps_for_itself():
    kept = []
    for g_steps in (1, 4):  # spectral normalisation keeps vectors that each call of D in training would move
        torch.manual_seed(0)
        ahead = unrolled(train(generator(), spectral_norm(discriminator()), batches(0), g_steps=g_steps), 3)
        next(ahead)
        kept.append(torch.cat([b.flatten() for b in ahead.D.buffers()]))
    assert torch.equal(*kept)


class Shift(nn.Module):
    """G(z) = z + theta, so that its gradient is a number for each coordinate."""

    z_dim = 2

    def __init__(self):
        super().__init__()
        self.theta = nn.Parameter(torch.tensor([0.3, -0.4], dtype=torch.double))

    def forward(self, z):
        return z + self.theta


REAL = np.random.default_rng(0).normal(size=(16, 2)) + [1.0, 0.5]
NOISE = np.random.default_rng(1).normal(size=(16, 2))
START = np.array([0.5, -0.2, 0.1])  # D(x) = 0.5 x - 0.2 y + 0.1


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def d_slope(v, fake, paired, weight):
    """By hand: the gradient of D's loss, with an R1 of this weight, in D's three numbers."""
    real1, fake1 = (np.c_[x, np.ones(16)] for x in (REAL, fake))
    if paired:
        slope = (sigmoid(fake1 @ v - real1 @ v)[:, None] * (fake1 - real1)).mean(0)
    else:
        slope = (sigmoid(fake1 @ v)[:, None] * fake1 - sigmoid(-real1 @ v)[:, None] * real1).mean(0)
    return slope + weight * v * [1, 1, 0]


def g_loss_ahead(theta, v, k, paces, kind, weight):
    """G's loss at theta, after k steps of D from v in plain NumPy."""
    fake = NOISE + theta
    for _ in range(k):
        v = v - paces * d_slope(v, fake, kind == "paired", weight)
    real, made = (np.c_[x, np.ones(16)] @ v for x in (REAL, fake))
    if kind == "paired":
        return np.logaddexp(0, real - made).mean()
    if kind == "zero-sum":
        return -(np.logaddexp(0, -real) + np.logaddexp(0, made)).mean()
    return np.logaddexp(0, -made).mean()


LOSSES = {
    "fake only": non_saturating,
    "paired": relativistic,
    "zero-sum": Loss(minimax.d, lambda real, fake: -minimax.d(real, fake)),
}


@pytest.mark.parametrize("adam", [False, True])
@pytest.mark.parametrize("weight", [0.0, 0.7])
@pytest.mark.parametrize("kind", LOSSES)
@pytest.mark.parametrize("k, lr", [(1, None), (3, None), (2, 0.5)])
def test_gs_gradient_is_the_finite_difference_of_a_look_ahead_in_numpy(k, lr, kind, weight, adam):
    G, D = Shift(), nn.Linear(2, 1).double()
    D.weight.data[:], D.bias.data[:] = torch.from_numpy(START[:2]), START[2]
    opt_d = torch.optim.Adam(D.parameters(), 0.2, betas=(0.0, 0.99)) if adam else torch.optim.SGD(D.parameters(), 0.2)
    plain = train(
        G, D, iter(lambda: torch.from_numpy(REAL), None), loss=LOSSES[kind], penalties=[r1(weight)] if weight else [],
        noise=lambda n: torch.from_numpy(NOISE), opt_g=torch.optim.SGD(G.parameters(), 1e-9), opt_d=opt_d,
    )  # fmt: skip
    theta = G.theta.detach().numpy().copy()
    step = next(unrolled(plain, k, lr))

    slope = d_slope(START, NOISE + theta, kind == "paired", weight)
    v = START - 0.2 * (
        np.sign(slope) if adam else slope
    )  # D's own step; Adam's first goes its rate, whatever the slope
    paces = (lr or 0.2) / (np.abs(slope) + 1e-8 if adam else 1)
    ahead = [g_loss_ahead(theta + h, v, k, paces, kind, weight) for h in 1e-5 * np.r_[np.eye(2), -np.eye(2)]]
    wanted = (np.array(ahead[:2]) - ahead[2:]) / 2e-5
    assert step.g_loss.item() == pytest.approx(g_loss_ahead(theta, v, k, paces, kind, weight), rel=1e-6)
    assert G.theta.grad.tolist() == pytest.approx(wanted.tolist(), rel=1e-5, abs=1e-8)


class Place(nn.Module):
    """Dirac's generator (Mescheder et al. 2018): one point, whatever the noise."""

    z_dim = 1

    def __init__(self):
        super().__init__()
        self.theta = nn.Parameter(torch.ones(1))

    def forward(self, z):
        return self.theta.expand(z.shape[0], 1)


def test_looking_ahead_ends_the_circling_of_diracs_game():
    far = {}
    for k in (0, 1):
        G, D = Place(), nn.Linear(1, 1, bias=False)
        nn.init.ones_(D.weight)
        ahead = unrolled(
            train(G, D, iter(lambda: torch.zeros(4, 1), None), steps=400, loss=minimax,
                  opt_g=torch.optim.SGD(G.parameters(), 0.2), opt_d=torch.optim.SGD(D.parameters(), 0.2)), k, lr=1.0,
        )  # fmt: skip
        for _ in ahead:
            pass
        far[k] = math.hypot(G.theta.item(), D.weight.item())
    assert far[0] > 1.0 and far[1] < 0.01


def test_bad_wishes_are_refused_by_name():
    with pytest.raises(ValueError, match="whole number of 0 or more for k"):
        game(-1)
    with pytest.raises(ValueError, match="positive lr"):
        game(1, lr=0.0)
    with pytest.raises(TypeError, match="a game, as `train` gives it, not Sequential"):
        unrolled(nn.Sequential(), 2)
    with pytest.raises(ValueError, match="use gradient_penalty"):
        game(1, constrain=clip_weights(0.01))
    mine = ensemble.train(generator, discriminator, batches, [{}, {"seed": 1}], penalties=[lambda D, r, f: D(r).mean()])
    with pytest.raises(ValueError, match="r1, r2 and gradient_penalty"):
        unrolled(mine, 1)
