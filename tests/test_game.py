"""The game: losses against other libraries and closed forms, the loop against a loop written out by hand."""

import copy
import itertools
import math

import pytest
import torch
from torch.nn import functional as F

import gan_course as gc
from gan_course import game as game_module
from gan_course.nets import mlp

LOSSES = [gc.minimax, gc.non_saturating, gc.least_squares, gc.hinge, gc.wasserstein, gc.relativistic]


def ring(n=4000, k=8, std=0.05, seed=0):
    rng = torch.Generator().manual_seed(seed)
    angle = torch.randint(k, (n,), generator=rng) * (2 * math.pi / k)
    return torch.stack([angle.cos(), angle.sin()], 1) + std * torch.randn(n, 2, generator=rng)


def pair(seed=0, hidden=(32, 32)):
    torch.manual_seed(seed)
    return mlp.generator(hidden=hidden), mlp.discriminator(hidden=hidden)


def start(seed=0, **kwargs):
    G, D = pair(seed)
    return gc.train(G, D, gc.Batches(ring(), 64, seed=seed), **kwargs)


def weights(module):
    return [p.detach().clone() for p in module.parameters()]


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


# ---- losses ----

R, FK = (
    torch.randn(64, 1, generator=torch.Generator().manual_seed(1)) * 5,
    torch.linspace(-9, 9, 64).view(64, 1),
)
ONE, ZERO = torch.ones(64, 1), torch.zeros(64, 1)


@pytest.mark.parametrize(
    ("loss", "d", "g"),
    [
        (
            gc.minimax,
            F.binary_cross_entropy_with_logits(R, ONE) + F.binary_cross_entropy_with_logits(FK, ZERO),
            -F.binary_cross_entropy_with_logits(FK, ZERO),
        ),
        (
            gc.non_saturating,
            F.binary_cross_entropy_with_logits(R, ONE) + F.binary_cross_entropy_with_logits(FK, ZERO),
            F.binary_cross_entropy_with_logits(FK, ONE),
        ),
        (gc.least_squares, (F.mse_loss(R, ONE) + F.mse_loss(FK, ZERO)) / 2, F.mse_loss(FK, ONE) / 2),
        (
            gc.hinge,
            F.hinge_embedding_loss(R, ZERO - 1, margin=1.0) + F.hinge_embedding_loss(-FK, ZERO - 1, margin=1.0),
            -FK.mean(),
        ),
        (gc.wasserstein, FK.mean() - R.mean(), -FK.mean()),
        (gc.relativistic, F.soft_margin_loss(R - FK, ONE), F.soft_margin_loss(FK - R, ONE)),
    ],
    ids=lambda v: v.name if isinstance(v, gc.Loss) else "",
)
def test_losses_agree_with_torchs_own(loss, d, g):
    torch.testing.assert_close(loss.d(R, FK), d)
    torch.testing.assert_close(loss.g(R, FK), g)


def test_generator_gradient_where_the_detective_is_sure():
    """Misconception 2: minimax saturates where D is sure of a fake, the non-saturating loss does not."""
    logit = torch.tensor([[-10.0]], requires_grad=True)
    (dead,) = torch.autograd.grad(gc.minimax.g(logit, logit), logit)
    (alive,) = torch.autograd.grad(gc.non_saturating.g(logit, logit), logit)
    assert dead.item() == pytest.approx(-1 / (1 + math.exp(10)), rel=1e-5)
    assert alive.item() == pytest.approx(-1 / (1 + math.exp(-10)), rel=1e-5)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_losses_are_finite_for_extreme_logits(loss):
    far = torch.tensor([[1e4], [-1e4]])
    assert torch.isfinite(loss.d(far, -far)) and torch.isfinite(loss.g(far, -far))


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_each_player_wants_the_right_thing(loss):
    """D gains from a higher real or a lower fake logit; G gains from a higher fake logit."""
    real, fake = torch.zeros(4, 1, requires_grad=True), torch.zeros(4, 1, requires_grad=True)
    of_real, of_fake = torch.autograd.grad(loss.d(real, fake), (real, fake))
    assert (of_real < 0).all() and (of_fake >= 0).all()
    (of_fake,) = torch.autograd.grad(loss.g(real, fake), fake)
    assert (of_fake < 0).all()


# ---- the loop ----


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_a_turn_equals_the_turn_written_out(loss):
    """The oracle: plain PyTorch, with both players' gradients computed in full and thrown away."""
    G, D = pair()
    G2, D2 = copy.deepcopy((G, D))
    data = gc.Batches(ring(), 64, seed=3)
    for _ in gc.train(G, D, data, loss=loss, steps=5, d_steps=2, lr_d=2e-3, seed=7):
        pass
    data, rng = gc.Batches(ring(), 64, seed=3), torch.Generator().manual_seed(7)
    opt_g = torch.optim.Adam(G2.parameters(), 1e-3, betas=(0.0, 0.99), fused=True)
    opt_d = torch.optim.Adam(D2.parameters(), 2e-3, betas=(0.0, 0.99), fused=True)
    for _ in range(5):
        for _ in range(2):
            real, z = next(data), torch.randn(64, 2, generator=rng)
            opt_d.zero_grad()
            loss.d(D2(real), D2(G2(z).detach())).backward()
            opt_d.step()
        z = torch.randn(64, 2, generator=rng)
        opt_g.zero_grad()
        loss.g(D2(real), D2(G2(z))).backward()
        opt_g.step()
    for a, b in zip(weights(G) + weights(D), weights(G2) + weights(D2), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


def test_penalties_enter_ds_loss_only_and_share_its_forward():
    calls = []

    class Counting(mlp.Discriminator):
        def forward(self, x):
            calls.append(len(x))
            return super().forward(x)

    torch.manual_seed(0)
    G, D = mlp.generator(), Counting(2, (16,))
    game = gc.train(G, D, gc.Batches(ring(), 32), penalties=[gc.r1(1.0), gc.r2(1.0)])
    calls.clear()
    next(game)
    assert calls == [32, 32, 32]  # real and fake once each for loss and both penalties; fake once for G


def test_steps_per_turn_and_who_moves():
    for d_steps, g_steps in [(1, 0), (0, 1), (3, 2)]:
        game = start(d_steps=d_steps, g_steps=g_steps)
        G, D = weights(game.G), weights(game.D)
        step = next(game)
        assert same(G, weights(game.G)) == (g_steps == 0)
        assert same(D, weights(game.D)) == (d_steps == 0)
        assert torch.isfinite(step.d_loss) and torch.isfinite(step.g_loss)
        assert all(s["step"] == d_steps for s in game.opt_d.state.values())
        assert all(s["step"] == g_steps for s in game.opt_g.state.values())


def test_no_gradient_is_left_in_the_other_player():
    game = start(g_steps=0, penalties=[gc.r1(1.0), gc.gradient_penalty(1.0)])
    next(game)
    assert all(p.grad is None for p in game.G.parameters())
    game = start(d_steps=0)
    next(game)
    assert all(p.grad is None for p in game.D.parameters())


def test_losses_come_detached_and_numbered():
    steps = list(start(steps=3))
    assert [s.index for s in steps] == [1, 2, 3]
    assert not any(s.d_loss.requires_grad or s.g_loss.requires_grad for s in steps)
    assert steps[0].d_loss.item() == pytest.approx(2 * math.log(2), abs=0.3)  # an untrained D is about unsure


def test_same_seed_same_run_and_sampling_does_not_disturb_it():
    a, b, c = start(steps=20), start(steps=20), start(steps=20, seed=1)
    for _ in a:
        a.sample(10)
        torch.randn(5)
    for _ in itertools.chain(b, c):
        pass
    assert same(weights(a.G), weights(b.G)) and not same(weights(a.G), weights(c.G))
    assert torch.equal(a.sample(5), b.sample(5)) and not torch.equal(a.sample(5), a.sample(5, seed=1))


def test_a_forked_game_goes_on_by_itself_and_alike():
    game = start(penalties=[gc.r1(0.5)], average=0.9)
    next(game)
    fork = copy.deepcopy(game)
    for _ in range(3):  # first one, then the other: neither may draw from the other's noise or data
        next(fork)
    for _ in range(3):
        next(game)
    assert same(weights(game.G) + weights(game.D), weights(fork.G) + weights(fork.D))
    assert same(weights(game.averaged), weights(fork.averaged))


def test_samples_come_from_the_noise_that_the_game_was_given():
    G, D = pair()
    seen = []
    G.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    game = gc.train(G, D, gc.Batches(ring(), 16), noise=lambda n: 5 + torch.rand(n, 2))
    before = torch.get_rng_state()
    a, b, c = game.sample(8), game.sample(8), game.sample(8, seed=1)
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(a, b) and not torch.equal(a, c)
    assert all((z >= 5).all() for z in seen[-3:])


def test_a_generators_loss_may_look_at_the_real_logits_without_their_gradient():
    given = []

    def g_loss(real, fake):
        given.append(real)
        return F.softplus(real.detach().mean() - fake).mean()

    game = start(loss=gc.Loss(gc.relativistic.d, g_loss), d_steps=0)
    next(game)
    with torch.no_grad():  # D has not moved; the batch is the first of an equal stream
        want = game.D(next(gc.Batches(ring(), 64, seed=0)))
    torch.testing.assert_close(given[-1], want)


def test_average_is_the_exponential_average():
    game = start(average=0.9)
    expected = None
    for _ in range(6):
        next(game)
        now = weights(game.G)
        expected = now if expected is None else [0.9 * e + 0.1 * w for e, w in zip(expected, now, strict=True)]
    for a, b in zip(weights(game.averaged), expected, strict=True):
        torch.testing.assert_close(a, b)
    assert start().averaged is None


def test_conditions_reach_both_players():
    class Labelled(torch.nn.Module):
        z_dim = 2

        def __init__(self, wide):
            super().__init__()
            self.net = torch.nn.Linear(3, wide)

        def forward(self, x, y):
            return self.net(torch.cat([x, y], 1))

    torch.manual_seed(0)
    x = ring()
    y = (x[:, :1] > 0).float()
    game = gc.train(Labelled(2), Labelled(1), gc.Batches(x, 16, y), penalties=[gc.r1(1.0), gc.gradient_penalty(1.0)])
    next(game)
    assert game.sample(6, torch.zeros(6, 1)).shape == (6, 2)
    assert not torch.equal(game.sample(6, torch.zeros(6, 1)), game.sample(6, torch.ones(6, 1)))


@pytest.mark.parametrize(
    "recipe",
    [
        dict(loss=gc.non_saturating, penalties=[gc.r1(0.1)]),
        dict(loss=gc.relativistic, penalties=[gc.r1(0.1), gc.r2(0.1)]),
        dict(loss=gc.wasserstein, penalties=[gc.gradient_penalty(1.0)], d_steps=2),
    ],
    ids=["non-saturating", "relativistic", "wasserstein"],
)
def test_a_game_learns(recipe):
    """A wide ring, three seeds. Untrained: at most 3 of 8 modes within .15; a game of 400 turns must reach 6 of 8."""
    centres = ring(1, std=0)[:0].new_tensor([[math.cos(t), math.sin(t)] for t in torch.arange(8) * math.pi / 4])
    for seed in range(3):
        game = start(seed, steps=400, average=0.99, lr_d=2e-3, **recipe)
        modes = []
        for _ in (0, 1):
            near = torch.cdist(game.sample(1000), centres).min(1)
            modes.append(near.indices[near.values < 0.15].unique().numel())
            for _ in game:
                pass
        assert modes[0] <= 3 and modes[1] >= 6, (seed, modes)


def test_resuming_from_a_state_is_exact():
    recipe = dict(penalties=[gc.r1(0.5)], average=0.95, d_steps=2)
    straight, first = start(**recipe), start(**recipe)
    for _ in range(12):
        next(straight)
    for _ in range(5):
        next(first)
    state = copy.deepcopy(first.state_dict())
    resumed = start(9, **recipe)
    resumed.load_state_dict(state)
    for _ in range(7):
        next(resumed)
    assert resumed.index == 12
    assert same(weights(straight.G) + weights(straight.D), weights(resumed.G) + weights(resumed.D))
    assert torch.equal(straight.sample(3), resumed.sample(3))


def test_steps_counts_from_the_games_first_turn():
    game = start(steps=10)
    list(itertools.islice(game, 4))
    resumed = start(steps=10)
    resumed.load_state_dict(game.state_dict())
    assert [s.index for s in resumed] == [5, 6, 7, 8, 9, 10]


def test_a_finite_data_set_ends_the_game():
    loader = torch.utils.data.DataLoader(ring(100), batch_size=20)
    assert len(list(gc.train(*pair(), loader))) == 5  # and the door's probe has not eaten a batch


# ---- when it goes wrong ----


@pytest.mark.parametrize("player", ["discriminator", "generator"])
@pytest.mark.parametrize("kind", ["loss", "gradient"])
def test_a_nan_stops_the_run_and_spoils_nothing(player, kind):
    ill = []

    def sick(x):
        if not ill:
            return x
        # sqrt(0) is finite, its derivative is not: the classic NaN of a penalty
        return x + ((x - x.detach()).square().sum().sqrt() if kind == "gradient" else math.nan)

    healthy = gc.non_saturating
    loss = gc.Loss(
        d=lambda r, f: sick(healthy.d(r, f)) if player == "discriminator" else healthy.d(r, f),
        g=lambda r, f: sick(healthy.g(r, f)) if player == "generator" else healthy.g(r, f),
    )
    game = start(loss=loss)
    for _ in range(4):
        next(game)
    before = weights(game.G) + weights(game.D)
    ill.append(True)
    with pytest.raises(gc.NonFinite, match=rf"{player}'s {kind} is not finite at turn 5.*store\.load") as caught:
        next(game)
    assert "turn 4" in str(caught.value) and game.index == 4
    after = weights(game.G) + weights(game.D)
    assert all(torch.isfinite(w).all() for w in after)
    if player == "discriminator":
        assert same(before, after)
    else:  # D had its move of turn 5 before G fell ill; G has not moved
        assert same(before[:6], after[:6])
    ill.clear()
    assert next(game).index == 5  # as the message says: iterate on over the same game


def test_on_a_gpu_the_check_comes_later_but_comes():
    """There is no GPU here: the interval that `Game` would choose there is set by hand."""
    game = start(loss=gc.Loss(gc.non_saturating.d, lambda r, f: gc.non_saturating.g(r, f) * math.nan))
    game.health.every = 10
    with pytest.raises(gc.NonFinite, match="turn 10.*spoilt"):
        for _ in game:
            pass
    assert game.index == 9


def test_on_a_gpu_the_last_turn_is_checked_too():
    spoil = [1.0]
    game = start(steps=13, loss=gc.Loss(gc.non_saturating.d, lambda r, f: gc.non_saturating.g(r, f) * spoil[0]))
    game.health.every = 10
    for _ in range(11):
        next(game)
    spoil[0] = math.nan
    with pytest.raises(gc.NonFinite, match="turn 13.*last at turn 10"):
        for _ in game:
            pass


def test_one_state_may_be_gone_back_to_again_and_again():
    """The optimisers must not take over the very tensors of the state, and change them."""
    game = start()
    for _ in range(5):
        next(game)
    state = copy.deepcopy(game.state_dict())
    ends = []
    for _ in range(3):
        game.load_state_dict(state)
        ends.append(torch.stack([next(game).d_loss for _ in range(20)]))
    assert torch.equal(ends[0], ends[1]) and torch.equal(ends[0], ends[2])


def test_the_method_fits_one_screen():
    """The promise of the design: the loop that the lessons show is short enough to read at once."""
    import inspect

    lines = sum(len(inspect.getsource(f).splitlines()) for f in (
        game_module.Game._turn, game_module.Game._improve_d, game_module.Game._improve_g))  # fmt: skip
    assert lines <= 60


def test_noise_and_data_of_one_seed_have_nothing_in_common():
    """From one stream, G's noise would be the very deviation of the real points from their modes."""
    G, D = pair()
    game = gc.train(G, D, gc.toy.gaussian((0.0, 0.0), 1.0).batches(256, seed=5), seed=5)
    real = gc.toy.gaussian((0.0, 0.0), 1.0).batches(256, seed=5)
    turns = [(next(real), game.noise(256), game.noise(256)) for _ in range(20)]  # for D's update, and for G's
    for player in (1, 2):
        pairs = torch.cat([torch.cat([turn[0], turn[player]], dim=1) for turn in turns])
        assert torch.corrcoef(pairs.T)[:2, 2:].abs().max() < 0.06  # four standard deviations at 5120 pairs
