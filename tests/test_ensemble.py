"""Many games at once: each equals the same game alone (in float64, so that the bound is tight), and none another."""

import itertools
import random

import numpy as np
import pytest
import torch
from torch import nn

import gan_course as gc
from gan_course import cures, ensemble, together
from gan_course.nets import conv, mlp
from gan_course.penalties import Penalty

LOSSES = [gc.minimax, gc.non_saturating, gc.least_squares, gc.hinge, gc.wasserstein, gc.relativistic]
OWN = gc.Loss(  # both players' losses look at both kinds of logits
    d=lambda real, fake: (fake - real + 1).square().mean() + 0.1 * torch.logsumexp(fake, 0).mean(),
    g=lambda real, fake: (real.detach().mean() - fake).abs().mean(),
    name="my own",
)


@pytest.fixture(autouse=True)
def double():
    """Float64 for all networks made in a test: what is left of rounding is then far below any mistake."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def points(seed, n=500, dim=2):
    return torch.randn(n, dim, generator=torch.Generator().manual_seed(seed)) + 1.5


def generator():
    return mlp.generator(2, 3, (12, 12))


def discriminator():
    return mlp.discriminator(2, (12, 12))


def batches(seed):
    return gc.Batches(points(seed), 16, seed=seed)


def make(variants, G=generator, D=discriminator, data=batches, steps=20, **common):
    return ensemble.train(G, D, data, variants, steps=steps, **common)


def weights(*nets):
    return torch.cat([p.detach().flatten() for net in nets for p in net.parameters()])


def assert_equals_solo(games, which=None, tolerance=1e-9):
    """Play to the end; losses at each turn and all weights equal those of each game alone."""
    rows = []
    for step in games:
        rows.append(torch.stack([step.d_loss, step.g_loss]))
    for k in range(len(games)) if which is None else which:
        solo = games.solo(k)
        start = weights(solo.G, solo.D)
        for turn in range(games.turns[k]):
            step = next(solo)
            losses = torch.stack([step.d_loss, step.g_loss])
            torch.testing.assert_close(rows[turn][:, k], losses, rtol=tolerance, atol=tolerance, msg=f"{k}, {turn}")
        G, D = games.players(k)
        mine, its = weights(G, D), weights(solo.averaged or solo.G, solo.D)
        torch.testing.assert_close(mine, its, rtol=tolerance, atol=tolerance)
        assert (its - start).abs().max() > 1e-3  # it did move
    return games


# ---- each game equals its solo run ----


@pytest.mark.parametrize("loss", [*LOSSES, OWN], ids=lambda loss: loss.name)
@pytest.mark.parametrize("penalties", [[], [gc.r1(0.3), gc.r2(0.2)]], ids=["plain", "r1+r2"])
def test_every_loss(loss, penalties):
    assert_equals_solo(make(ensemble.product(seed=range(2)), loss=loss, penalties=penalties))


def my_penalty(D, real, fake):
    """What a learner may write: one number, of logits at points of its own and of a slope."""
    x = real.detach().requires_grad_()
    (slope,) = torch.autograd.grad(D(x).sum(), x, create_graph=True)
    return 0.1 * slope.square().sum(1).mean() + 0.01 * D(fake).square().mean()


def my_term(D, real, fake):
    return D(real).squeeze(-1).square()


@pytest.mark.parametrize(
    "penalties",
    [
        [gc.r1(1.0)],
        [gc.r2(1.0)],
        [gc.gradient_penalty(2.0)],
        [my_penalty],
        [Penalty(0.1, my_term)],
        [gc.gradient_penalty(1.0), gc.r1(0.5), my_penalty, gc.r2(0.2), gc.gradient_penalty(0.3)],
    ],
    ids=["r1", "r2", "gradient_penalty", "function", "term", "several"],
)
def test_every_penalty(penalties):
    assert_equals_solo(make(ensemble.product(seed=range(2)), loss=gc.wasserstein, penalties=penalties))


def test_weights_of_penalties_may_differ_within_one_kind():
    variants = [{"penalties": [gc.r1(w), gc.gradient_penalty(v)]} for w, v in ((0, 1), (0.1, 0), (3, 10))]
    games = assert_equals_solo(make(variants))
    assert "3 games of 1 kinds" in repr(games)
    ends = [weights(*games.players(k)) for k in range(3)]
    assert all((a - b).abs().max() > 1e-3 for a, b in itertools.combinations(ends, 2))


def replace_by_smaller(D):
    """A constrain of a learner's own that exchanges the tensors instead of changing them."""
    for p in D.parameters():
        p.data = 0.98 * p.data


@pytest.mark.parametrize("constrain", [gc.clip_weights(0.05), replace_by_smaller], ids=["clip", "own"])
def test_constrain(constrain):
    games = make(
        ensemble.product(lr_d=[1e-3, 5e-3], seed=range(2)), loss=gc.wasserstein, constrain=constrain, d_steps=2
    )
    next(games)
    games.stop([True, False, False, False])  # the stacks are made anew
    assert_equals_solo_from(games, 1)


def assert_equals_solo_from(games, played):
    for _ in games:
        pass
    for k in range(len(games)):
        solo = games.solo(k)
        for _ in range(games.turns[k]):
            next(solo)
        torch.testing.assert_close(weights(*games.players(k)), weights(solo.averaged or solo.G, solo.D))
    assert max(games.turns) > played


@pytest.mark.parametrize("penalties", [[], [gc.r1(0.5), gc.gradient_penalty(1.0)]], ids=["plain", "penalties"])
def test_spectral_norm(penalties):
    games = make(
        ensemble.product(seed=range(2)), D=lambda: gc.spectral_norm(discriminator()), loss=gc.hinge, penalties=penalties
    )
    assert_equals_solo(games)


@pytest.mark.parametrize(("d_steps", "g_steps"), [(0, 1), (1, 0), (5, 1), (1, 5), (2, 3)])
def test_steps_a_turn(d_steps, g_steps):
    penalties = [gc.gradient_penalty(0.5)]
    assert_equals_solo(make([{}, {"seed": 1}], d_steps=d_steps, g_steps=g_steps, penalties=penalties, steps=20))


OPTIMISERS = {
    "adam": lambda p, lr: torch.optim.Adam(p, lr, betas=(0.5, 0.9)),
    "adamw": lambda p, lr: torch.optim.AdamW(p, lr, weight_decay=0.1),
    "sgd": lambda p, lr: torch.optim.SGD(p, lr, momentum=0.9, nesterov=True),
    "rmsprop": lambda p, lr: torch.optim.RMSprop(p, lr),
}


@pytest.mark.parametrize("opt", [None, *OPTIMISERS.values()], ids=["default", *OPTIMISERS])
def test_rates_of_each_game(opt):
    variants = ensemble.product(lr_g=[1e-4, 3e-3], lr_d=[2e-3, 1e-2], seed=[0, 5])
    games = assert_equals_solo(make(variants, opt=opt, average=0.9))
    assert "8 games of 1 kinds" in repr(games)


def test_averaging():
    games = assert_equals_solo(make([{"average": 0.9}, {"average": None}, {"average": 0.9, "seed": 3}], g_steps=2))
    for k in range(3):
        solo = games.solo(k)
        for _ in solo:
            pass
        torch.testing.assert_close(games.sample(50, seed=4)[k], solo.sample(50, seed=4))


def test_kinds_of_all_sorts_in_one_ensemble():
    """Capacity, batch size, loss, data and steps differ: groups of their own, with the rows in the order given."""
    wide = lambda: mlp.generator(2, 5, (24,))  # noqa: E731
    sharp = lambda: mlp.discriminator(2, (30, 8, 6))  # noqa: E731
    large = lambda seed: gc.Batches(points(seed), 40, seed=seed)  # noqa: E731
    variants = [
        {"seed": 4}, {"G": wide}, {"D": sharp, "seed": 1}, {"G": wide, "seed": 2, "lr_g": 5e-3}, {"batches": large},
        {"loss": gc.hinge, "penalties": [gc.r2(1.0)]}, {"seed": 5}, {"d_steps": 3}, {"constrain": gc.clip_weights(0.1)},
    ]  # fmt: skip
    games = assert_equals_solo(make(variants))
    assert "9 games of 7 kinds" in repr(games)
    assert games.sample(6).shape == (9, 6, 2)


class OfClass(nn.Module):
    """A conditional network: its input, and a one-hot label."""

    def __init__(self, wide_in, wide_out):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(wide_in + 3, 16), nn.LeakyReLU(0.2), nn.Linear(16, wide_out))
        self.z_dim = wide_in

    def forward(self, x, y):
        return self.body(torch.cat([x, y], -1))


def test_conditions():
    def labelled(seed):
        label = torch.eye(3)[torch.arange(500) % 3]
        return gc.Batches(points(seed), 16, label, seed=seed)

    games = make(
        ensemble.product(seed=range(3)), lambda: OfClass(4, 2), lambda: OfClass(2, 1), labelled,
        penalties=[gc.r1(0.5), gc.gradient_penalty(0.5), lambda D, real, fake, y: 0.1 * D(fake, y).square().mean()],
    )  # fmt: skip
    assert_equals_solo(games)
    label = torch.eye(3)[torch.arange(12) % 3]
    solo = games.solo(1)
    for _ in solo:
        pass
    torch.testing.assert_close(games.sample(12, label, seed=7)[1], solo.sample(12, label, seed=7))
    assert len(games.table(12, label, mean=lambda x: x.mean())) == 3


def test_points_on_a_line():
    games = make(
        [{}, {"seed": 1}], lambda: mlp.generator(1, 1, (8,)), lambda: mlp.discriminator(1, (8,)),
        lambda seed: gc.Batches(points(seed, dim=1), 20, seed=seed), penalties=[gc.r1(0.1)],
    )  # fmt: skip
    assert assert_equals_solo(games).sample(5).shape == (2, 5, 1)


def test_images():
    def paint():
        G = nn.Sequential(nn.Linear(4, 8 * 16), nn.Unflatten(1, (8, 4, 4)), nn.GroupNorm(2, 8), nn.ReLU(),
                          nn.Upsample(scale_factor=2), nn.Conv2d(8, 1, 3, padding=1), nn.Tanh())  # fmt: skip
        G.z_dim = 4
        return G

    def pictures(seed):
        rng = torch.Generator().manual_seed(seed)
        return gc.Batches(torch.randn(60, 1, 8, 8, generator=rng).tanh(), 6, seed=seed)

    games = make(
        [{}, {"seed": 1, "lr_d": 2e-3}], paint, lambda: conv.discriminator(8, 1, 4), pictures, steps=20,
        penalties=[gc.r1(0.1), gc.r2(0.1), gc.gradient_penalty(0.1)],
    )  # fmt: skip
    assert assert_equals_solo(games).sample(5).shape == (2, 5, 1, 8, 8)


def test_layers_that_see_the_batch_and_noise_in_pieces():
    games = make(
        ensemble.product(seed=range(2)), lambda: mlp.generator(2, 4, (12,), coins=2),
        lambda: nn.Sequential(nn.Linear(2, 8), nn.LeakyReLU(0.2), cures.MinibatchStd(), nn.Linear(9, 1)),
        penalties=[gc.r1(0.1)],
    )  # fmt: skip
    assert_equals_solo(games)


def test_a_part_of_a_network_may_be_frozen():
    def frozen():
        D = discriminator()
        D[0].weight.requires_grad_(False)
        return D

    games = assert_equals_solo(make(ensemble.product(lr_d=[1e-3, 1e-2]), D=frozen))
    assert torch.equal(games.players(0)[1][0].weight, games.solo(0).D[0].weight)


def test_in_single_precision_too():
    torch.set_default_dtype(torch.float32)
    games = make(ensemble.product(seed=range(3), lr_g=[1e-3, 2e-4]), penalties=[gc.r1(0.5)], steps=20)
    assert_equals_solo(games, tolerance=2e-4)
    assert next(make([{}])).d_loss.dtype == torch.float32


def test_schedules_of_rate_and_weight():
    variants = ensemble.product(lr_d=[1e-3, 4e-3], seed=range(2))
    games = make(variants, penalties=[gc.r1(2.0), my_penalty], opt=OPTIMISERS["sgd"])
    plan = [(0.5 ** (turn / 10), 1 / (1 + turn)) for turn in range(20)]
    for games.rate, games.weight in plan:
        next(games)
    for k, variant in enumerate(variants):
        solo = games.solo(k)
        for rate, weight in plan:
            solo.opt_g.param_groups[0]["lr"] = 1e-3 * rate
            solo.opt_d.param_groups[0]["lr"] = variant["lr_d"] * rate
            solo.penalties = [gc.r1(2.0 * weight), lambda *args, by=weight: by * my_penalty(*args)]
            next(solo)
        torch.testing.assert_close(weights(*games.players(k)), weights(solo.G, solo.D), rtol=1e-9, atol=1e-9)


# ---- one game and the others ----


def test_a_diverging_game_is_retired_and_touches_no_other():
    variants = [{"seed": 0}, {"seed": 1, "lr_d": 1e160}, {"seed": 2}, {"seed": 3, "lr_g": 2e-3}]
    games = assert_equals_solo(make(variants, loss=gc.least_squares, penalties=[gc.r1(0.1)]), which=[0, 2, 3])
    assert games.status == ["played", "diverged", "played", "played"]
    solo = games.solo(1)
    with pytest.raises(gc.NonFinite):
        for _ in solo:
            pass
    assert games.turns[0] == 20 and 0 <= games.turns[1] - solo.index <= 2  # found where `train` finds it, or soon after
    table = games.table(100, mean=lambda x: x.mean())
    assert np.isnan(table["mean"]).tolist() == [False, True, False, False]
    assert table["status"].tolist() == games.status and table["turns"].tolist() == games.turns


def test_an_ensemble_of_which_every_game_diverged_ends():
    games = make([{"lr_g": 1e160}, {"lr_d": 1e160}], loss=gc.least_squares, steps=None)
    assert len(list(itertools.islice(games, 50))) < 50
    assert games.status == ["diverged", "diverged"] and games.sample(3).shape == (2, 3, 2)


def test_stopped_games_keep_their_weights_and_their_place():
    games = make(ensemble.product(loss=[gc.hinge, gc.relativistic], seed=range(3)), steps=20, average=0.9)
    steps = list(itertools.islice(games, 8))
    assert steps[-1].index == 8 and steps[-1].d_loss.isfinite().all()
    before = games.sample(10)
    games.stop([True, False, False, False, True, True])
    torch.testing.assert_close(games.sample(10), before)
    held = weights(*games.players(4))
    step = next(games)
    assert step.d_loss.isnan().tolist() == [True, False, False, False, True, True]
    assert torch.equal(step.g_loss.isnan(), step.d_loss.isnan())
    assert_equals_solo_from(games, 8)
    assert games.status == ["stopped", "played", "played", "played", "stopped", "stopped"]
    assert games.turns == [8, 20, 20, 20, 8, 8] and torch.equal(weights(*games.players(4)), held)
    games.stop([True] * 6)  # they have ended already: nothing changes
    assert games.status.count("played") == 3


def test_all_stopped_is_the_end():
    games = make([{}, {"seed": 1}], steps=None)
    next(games)
    games.stop(torch.ones(2, dtype=torch.bool))
    assert list(games) == [] and games.index == 1


def test_finite_data_ends_its_own_game():
    def finite(seed):
        return torch.utils.data.DataLoader(points(seed, 16 * (4 + 2 * seed)), 16)

    games = make([{"seed": 0}, {"seed": 1}, {"seed": 2}], data=finite, d_steps=2, steps=None)
    assert_equals_solo(games)
    assert games.turns == [2, 3, 4] and games.status == ["played"] * 3 and games.index == 4


def test_players_are_copies():
    games = make([{}])
    G, _ = games.players(0)
    before = games.sample(5)
    with torch.no_grad():
        G[0].weight.zero_()
    assert torch.equal(games.sample(5), before)
    assert isinstance(G, mlp.Generator) and G.z_dim == 3


def test_the_users_random_streams_go_on_as_if_nothing_had_been():
    def drawn(play):
        torch.manual_seed(5), np.random.seed(6), random.seed(7)
        if play:
            games = make([{}, {"seed": 1, "loss": gc.hinge}], penalties=[gc.gradient_penalty(1.0)], steps=3).play()
            games.table(20, mean=lambda x: x.mean()), games.solo(0), games.stop([True, True])
        return torch.rand(3).tolist(), np.random.rand(3).tolist(), random.random()

    assert drawn(True) == drawn(False)


def test_sampling_between_turns_changes_nothing():
    plain, looked = make([{}, {"seed": 1}], steps=6), make([{}, {"seed": 1}], steps=6)
    for _ in looked:
        looked.sample(7), looked.players(0), looked.table(5)
    for _ in plain:
        pass
    assert torch.equal(plain.sample(9), looked.sample(9))


# ---- playing ----


def test_play_shows_the_way_and_goes_on(capsys):
    games = make([{}, {"seed": 1}], steps=None)
    with pytest.raises(ValueError, match=r"games\.play\(1000\)"):
        games.play()
    assert games.play(4) is games and games.play(3).index == 7
    shown = capsys.readouterr().err
    assert "2 games" in shown and "4/4" in shown and "turn/s" in shown
    ended = make([{}], steps=5)
    assert ended.play(100).index == 5 and ended.play().index == 5 and ended.status == ["played"]
    assert repr(ended) == "1 games of 1 kinds, turn 5 of 5: 1 played"


def test_an_interrupted_ensemble_goes_on():
    calls = []

    def loss_d(real, fake):
        calls.append(0)
        if len(calls) == 30:
            raise KeyboardInterrupt
        return gc.hinge.d(real, fake)

    games = make([{}, {"seed": 1}, {"seed": 2, "loss": gc.minimax}], loss=gc.Loss(loss_d, gc.hinge.g), steps=40)
    with pytest.raises(KeyboardInterrupt):
        games.play()
    reached = games.index
    assert 0 < reached < 40 and games.sample(4).isfinite().all() and games.status == ["playing"] * 3
    assert games.play().index == 40 and games.status == ["played"] * 3
    assert len(games.table(10, mean=lambda x: x.mean())) == 3


def test_product():
    assert ensemble.product(a=[1, 2], b="xy") == [
        {"a": 1, "b": "x"}, {"a": 1, "b": "y"}, {"a": 2, "b": "x"}, {"a": 2, "b": "y"},
    ]  # fmt: skip
    assert ensemble.product(a=iter([1, 2]), b=range(2))[-1] == {"a": 2, "b": 1}  # also of what can be walked once


# ---- what is refused ----

NET, STREAM = mlp.generator(2, 3, (4,)).double(), gc.Batches(torch.zeros(4, 2, dtype=torch.float64), 2)


def of_changing_size(seed):
    return gc.Batches(points(seed), 16 + seed, seed=seed)


def of_changing_make():
    return mlp.discriminator(2, (4 + int(torch.rand(()) * 100),))


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"variants": []}, ValueError, "one dict for each game"),
        ({"variants": [{"rate": 1}]}, ValueError, "'rate' is no setting of a game; they are: name, G, D, batches"),
        ({"los": gc.hinge}, ValueError, "'los' is no setting"),
        ({"G": NET}, TypeError, "G=lambda: nets.mlp.generator"),
        ({"D": mlp.discriminator(2, (4,))}, TypeError, "D=lambda: nets.mlp.discriminator"),
        ({"G": mlp.Generator}, TypeError, "G must be a function.*missing a required argument"),
        ({"G": lambda: "net"}, TypeError, "must be a torch.nn.Module, got str"),
        ({"G": lambda: NET}, ValueError, "G gave the same network to several games"),
        ({"batches": STREAM}, TypeError, "batches=lambda seed: ring"),
        ({"batches": lambda: STREAM}, TypeError, "batches=lambda seed: ring.*cannot be called so"),
        ({"batches": lambda seed: STREAM}, ValueError, "same iterator to several games"),
        ({"batches": lambda seed: torch.zeros(4, 2)}, TypeError, "wrap your tensor"),
        ({"opt": torch.optim.SGD(NET.parameters(), 1)}, TypeError, "opt=lambda p, lr: torch.optim"),
        ({"opt": lambda p: None}, TypeError, "opt=lambda p, lr: torch.optim"),
        ({"seed": 0.5}, ValueError, "seed must be a whole number"),
        ({"lr_g": -1}, ValueError, "lr_g must be a positive number"),
        ({"d_steps": 0, "g_steps": 0}, ValueError, "nobody would learn"),
        ({"penalties": gc.r1(1.0)}, TypeError, r"penalties=\[r1\(1.0\)\]"),
        ({"loss": "hinge"}, TypeError, "loss must be a Loss"),
        ({"D": of_changing_make}, ValueError, "not of one make"),
        ({"D": lambda: nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))}, ValueError, "BatchNorm1d"),
        (
            {"D": lambda: nn.Sequential(nn.Linear(2, 3), nn.Dropout(), nn.Linear(3, 1))},
            ValueError,
            "Dropout.*GroupNorm",
        ),
    ],
)
def test_refused_with_the_way_out(change, error, says):
    given = {"G": generator, "D": discriminator, "batches": batches, "variants": [{}, {"seed": 1}], **change}
    G, D, data, variants = (given.pop(name) for name in ("G", "D", "batches", "variants"))
    with pytest.raises(error, match=f"(?s){says}"):
        ensemble.train(G, D, data, variants, **given)


class Noisy(nn.Module):
    def __init__(self):
        super().__init__()
        self.D = discriminator()

    def forward(self, x):
        return self.D(x + torch.randn_like(x))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"data": of_changing_size}, "batches of different shapes"),
        ({"D": Noisy}, "Noisy, which draws numbers of its own"),
        ({"D": lambda: gc.spectral_norm(discriminator()), "penalties": [my_penalty]}, r"Penalty\(weight, term\)"),
    ],
)
def test_refused_at_the_first_turn(change, says):
    with pytest.raises(ValueError, match=says):
        next(make([{"seed": 0}, {"seed": 1}], **change))


def test_a_refusal_names_the_game():
    with pytest.raises(ValueError) as caught:
        make([{}, {"lr_d": -1}])
    assert caught.value.__notes__ == ["This is game 1 of 2: {'lr_d': -1}"]


def test_stop_wants_a_truth_value_for_each():
    with pytest.raises(ValueError, match="each of 2 games"):
        make([{}, {}]).stop([True])


@pytest.fixture
def draws_for_all(monkeypatch):
    """As on a GPU, where one generator draws for all games."""
    monkeypatch.setattr(together, "DRAWS_FOR_ALL", ("cpu",))


def crowd(batches=None, **variants):
    ring = gc.toy.ring(8, 1.0, 0.05)
    players = lambda: gc.nets.mlp.generator(2, 3, (16,)), lambda: gc.nets.mlp.discriminator(2, (16,))
    variants = ensemble.product(seed=range(4), **variants)
    return ensemble.train(*players, batches or (lambda seed: ring.batches(32, seed)), variants)


@pytest.mark.parametrize("source", ["stream", "batches", "with conditions"])
def test_one_draw_for_all_gives_each_game_its_own_numbers_of_the_same_kind(draws_for_all, source):
    x = gc.toy.ring(8, 1.0, 0.05).sample(1000, 0)
    makes = {
        "stream": None,
        "batches": lambda seed: gc.Batches(x, 32, seed=seed),
        "with conditions": lambda seed: gc.Batches(x, 32, x, seed=seed),
    }
    if source == "with conditions":
        group = crowd(makes["batches"])._groups[0]
        for solo in group._solos:
            solo.batches = makes[source](0)
    else:
        group = crowd(makes[source])._groups[0]
    drawn, noise = [], []
    for _ in range(300):
        assert group.fetch() == []
        drawn.append(group._draw())
        noise.append(group.noise(32))
    real, z = torch.stack([batch[0] for batch in drawn]), torch.stack(noise)
    assert real.shape == (300, 4, 32, 2) and z.shape == (300, 4, 32, 3)
    if source == "with conditions":
        assert all(torch.equal(*batch) for batch in drawn)
    flat = real.transpose(0, 1).flatten(1, 2)
    assert (flat.mean(1)).abs().max() < 6 * 0.71 / 9600**0.5 and (flat.std(1) - 0.709).abs().max() < 0.02
    zs = z.transpose(0, 1).flatten(1)
    assert zs.mean(1).abs().max() < 6 / 28800**0.5 and (zs.std(1) - 1).abs().max() < 0.02
    assert (torch.corrcoef(zs) - torch.eye(4)).abs().max() < 0.04  # no game has another's numbers
    assert len(torch.unique(zs)) > 0.99 * zs.numel()


def test_with_one_draw_for_all_games_learn_differ_and_leave(draws_for_all):
    games = crowd(penalties=[[gc.gradient_penalty(0.1)]], lr_g=[2e-3, 5e-3])
    eager = crowd(penalties=[[gc.gradient_penalty(0.1)]], lr_g=[2e-3, 5e-3])
    eager._groups[0]._replay.mode = "eager"
    for turn in range(60):
        if turn == 30:
            for one in (games, eager):
                one.stop([k < 3 for k in range(8)])
        a, b = next(games), next(eager)
        assert torch.equal(a.d_loss.nan_to_num(), b.d_loss.nan_to_num())
    assert games._groups[0]._replay._record is not None
    ends = [weights(*games.players(k)) for k in range(8)]
    assert all((a - b).abs().max() > 1e-4 for a, b in itertools.combinations(ends, 2))
    assert games.turns == [30] * 3 + [60] * 5


def test_games_of_different_data_draw_each_their_own(draws_for_all):
    rings = [gc.toy.ring(8, 1.0, 0.05), gc.toy.ring(4, 1.0, 0.05)]
    games = crowd(lambda seed: rings[seed % 2].batches(32, seed))
    solo = games.solo(1)
    for _ in range(5):
        next(games), next(solo)
    torch.testing.assert_close(weights(*games.players(1)), weights(solo.G, solo.D))
