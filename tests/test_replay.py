"""Recorded turns against turns from scratch: the same numbers to the bit on a processor, within rounding on a GPU.

On a machine with a GPU all of this runs there too: the record is then a CUDA graph.
"""

import copy
import itertools
import math
import warnings

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

import gan_course as gc
from gan_course import cures, ensemble, nets, parts, replay, toy, tricks
from gan_course.replay import WARM_UP, Replay
from gan_course.tape import Tape

WHERE = [torch.device("cpu")] + ([torch.device("cuda", 0)] if torch.cuda.is_available() else [])
TURNS = WARM_UP + 15


@pytest.fixture(params=WHERE, ids=str)
def where(request):
    return request.param


def points(where, n=500):
    return toy.ring(8, 1.0, 0.05).sample(n, 0).to(where)


def pair(where, hidden=(16, 16), dtype=torch.float32):
    gc.device.seed(0)
    return [net.to(where, dtype) for net in (nets.mlp.generator(2, 3, hidden), nets.mlp.discriminator(2, hidden))]


def start(where, players=None, batches=None, compile="auto", **more):
    G, D = players or pair(where)
    settings = {"lr_g": 2e-3, "lr_d": 1e-3} if "opt_g" not in more else {}
    return gc.train(G, D, batches or gc.Batches(points(where), 32, seed=1), compile=compile, **settings, **more)


def twins(where, make=start, **more):
    return make(where, compile="eager", **more), make(where, **more)


def same(a, b):
    if a.device.type == "cpu":
        return torch.equal(a, b)
    return torch.allclose(a, b, rtol=1e-4, atol=1e-6)


def assert_twins(eager, game, turns=TURNS, recorded=True):
    """Both play the same, loss by loss and weight by weight, and only one of them from a record."""
    for _ in range(turns):
        a, b = next(eager), next(game)
        assert a.index == b.index and same(a.d_loss, b.d_loss) and same(a.g_loss, b.g_loss)
    nets_ = [("G", "G"), ("D", "D"), *([("averaged", "averaged")] if eager.averaged else [])]
    for name, _ in nets_:
        for x, y in zip(getattr(eager, name).state_dict().values(), getattr(game, name).state_dict().values(),
                        strict=True):  # fmt: skip
            assert same(x, y), name
    for p, q in zip(eager.D.parameters(), game.D.parameters(), strict=True):
        assert (p.grad is None) == (q.grad is None) and (p.grad is None or same(p.grad, q.grad))
    assert (game._replay._record is not None) == recorded
    assert eager._replay._record is None
    assert same(eager.sample(20), game.sample(20))


LOSSES = [gc.non_saturating, gc.minimax, gc.least_squares, gc.hinge, gc.wasserstein, gc.relativistic]


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_every_loss(where, loss):
    assert_twins(*twins(where, loss=loss))


PENALTIES = {
    "r1": [gc.r1(1.0)],
    "r2": [gc.r2(0.5)],
    "gradient_penalty": [gc.gradient_penalty(2.0)],
    "all": [gc.r1(1.0), gc.r2(0.5), gc.gradient_penalty(2.0)],
}


@pytest.mark.parametrize("name", PENALTIES)
def test_every_penalty(where, name):
    assert_twins(*twins(where, penalties=PENALTIES[name], loss=gc.relativistic))


@pytest.mark.parametrize("d_steps, g_steps", [(1, 2), (3, 1), (0, 1), (2, 0), (5, 2)])
def test_every_rhythm(where, d_steps, g_steps):
    assert_twins(*twins(where, d_steps=d_steps, g_steps=g_steps, average=0.9, penalties=[gc.r1(0.1)]))


@pytest.mark.parametrize(
    "make",
    [
        lambda p: torch.optim.SGD(p, 1e-2, momentum=0.5),
        lambda p: torch.optim.RMSprop(p, 1e-3),
        lambda p: torch.optim.Adam(p, 1e-3, betas=(0.5, 0.9)),
        lambda p: torch.optim.AdamW(p, 1e-3, fused=True),
    ],
    ids=["SGD", "RMSprop", "Adam", "AdamW fused"],
)
def test_any_optimiser_on_a_processor(make):
    """On a GPU those of them are recorded that keep their numbers there."""
    games = []
    for compile in ("eager", "auto"):
        G, D = pair("cpu")
        games.append(start("cpu", (G, D), opt_g=make(G.parameters()), opt_d=make(D.parameters()), compile=compile))
    assert_twins(*games)


def test_what_comes_after_an_update(where):
    assert_twins(*twins(where, constrain=gc.clip_weights(0.03), average=0.99, loss=gc.wasserstein))


def test_a_weight_may_be_given_other_memory(where):
    def smaller(D):
        for p in D.parameters():
            p.data = 0.99 * p.data

    if where.type == "cpu":  # a graph writes to the memory that it knows
        assert_twins(*twins(where, constrain=smaller, d_steps=2))


def conv(where, compile="auto", channels=1, penalties=(), **more):
    gc.device.seed(0)
    G = nets.conv.generator(8, channels, 8, 4).to(where)
    D = nets.conv.discriminator(8, channels, 4).to(where)
    x = torch.rand(100, channels, 8, 8, generator=torch.Generator().manual_seed(0)).to(where) * 2 - 1
    return gc.train(G, D, gc.Batches(x, 16), compile=compile, penalties=penalties, average=0.9, **more)


@pytest.mark.parametrize("penalties", [[], [gc.r1(0.1), gc.r2(0.1)]], ids=["plain", "penalised"])
@pytest.mark.parametrize("channels", [1, 3])
def test_images_with_batch_normalisation(where, penalties, channels):
    assert_twins(*twins(where, conv, penalties=penalties, channels=channels))


@pytest.mark.parametrize("penalties", [[], [gc.r1(0.1), gc.gradient_penalty(0.1)]], ids=["plain", "penalised"])
@pytest.mark.parametrize("make", [start, conv], ids=["points", "images"])
def test_bf16_is_recorded_too_and_comes_close_to_float32(where, make, penalties):
    assert_twins(*twins(where, make, penalties=penalties, bf16=True))
    rough, fine = make(where, penalties=penalties, bf16=True), make(where, penalties=penalties)
    a, b = next(rough), next(fine)
    assert a.d_loss.dtype == torch.float32 and a.d_loss != b.d_loss
    torch.testing.assert_close(a.d_loss, b.d_loss, rtol=0.02, atol=0.01)
    assert all(p.dtype == torch.float32 for net in (rough.G, rough.D) for p in net.parameters())
    assert rough.sample(4).dtype == torch.float32 and not torch.is_autocast_enabled(where.type)


@pytest.mark.parametrize("rests", ["d_steps", "g_steps"])
def test_with_bf16_the_loss_of_a_player_that_rests_is_precise_too(where, rests):
    rough, fine = next(start(where, bf16=True, **{rests: 0})), next(start(where, **{rests: 0}))
    for a, b in zip(rough[1:], fine[1:], strict=True):
        assert a.dtype == torch.float32
        torch.testing.assert_close(a, b, rtol=0.02, atol=0.01)


def test_autocast_around_a_whole_loop_sees_every_update(where):
    """With its cache it would go on with the weights of the first turn."""
    game, around = start(where, bf16=True), start(where)
    a = [next(game).d_loss for _ in range(TURNS)]
    with torch.autocast(where.type, torch.bfloat16):
        b = [next(around).d_loss for _ in range(TURNS)]
    assert all(same(x, y) for x, y in zip(a, b, strict=True))
    next(around)  # and without it, in full precision again
    assert around._replay._record is None


def test_layers_that_draw_and_layers_that_keep_books(where):
    """Dropout draws from torch's own stream; spectral normalisation writes into its buffers at each look."""

    def make(where, compile="auto"):
        gc.device.seed(3)
        G = nn.Sequential(nn.Linear(3, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 2)).to(where)
        G.z_dim = 3
        D = gc.spectral_norm(nn.Sequential(nn.Linear(2, 16), nn.LeakyReLU(0.2), nn.Dropout(0.3), nn.Linear(16, 1)))
        return start(where, (G, D.to(where)), compile=compile)

    def play(game):
        gc.device.seed(7)
        return [torch.stack(next(game)[1:]) for _ in range(TURNS)]

    eager, game = make(where, "eager"), make(where)
    assert all(same(a, b) for a, b in zip(play(eager), play(game), strict=True))
    assert game._replay._record is not None


def test_conditions_and_double_precision(where):
    class Both(nn.Module):
        def __init__(self, net, z_dim=None):
            super().__init__()
            self.net, self.z_dim = net, z_dim

        def forward(self, x, c):
            return self.net(torch.cat([x, c], 1))

    def make(where, compile="graph"):
        gc.device.seed(0)
        G = Both(nets.mlp.generator(2, 5, (8,)), 3).to(where).double()
        D = Both(nets.mlp.discriminator(4, (8,))).to(where).double()
        x = points(where).double()
        noise = (lambda n: torch.randn(n, 3).double()) if where.type == "cpu" else None
        if where.type == "cuda":
            G, D, x = G.float(), D.float(), x.float()
        return start(where, (G, D), gc.Batches(x, 16, x.roll(1, 0)), compile=compile, noise=noise)

    eager, game = make(where, "eager"), make(where)
    gc.device.seed(0)
    first = [next(eager) for _ in range(TURNS)]
    gc.device.seed(0)
    second = [next(game) for _ in range(TURNS)]
    assert all(same(a.g_loss, b.g_loss) for a, b in zip(first, second, strict=True))
    assert game._replay._record is not None


def test_noise_and_batches_are_new_in_each_repetition(where):
    """The networks stand still, so that only the draws can make two turns differ."""
    game = start(where, opt_g=None, opt_d=None)
    for opt in (game.opt_g, game.opt_d):
        opt.param_groups[0]["lr"] = 0.0
    found = {tuple(loss.item() for loss in next(game)[1:]) for _ in range(TURNS)}
    assert game._replay._record is not None and len(found) == TURNS


def test_what_a_step_reports_stays(where):
    """A list of steps is a curve: later turns must not write into earlier ones' losses."""
    eager, game = twins(where)
    a, b = ([next(one) for _ in range(TURNS)] for one in (eager, game))
    assert all(same(x.d_loss, y.d_loss) and same(x.g_loss, y.g_loss) for x, y in zip(a, b, strict=True))


def zero_grad(p):
    p.grad.zero_()


CHANGES = {
    "rate": lambda g: [group.update(lr=1e-2) for group in g.opt_d.param_groups],
    "loss": lambda g: setattr(g, "loss", gc.hinge),
    "penalties": lambda g: setattr(g, "penalties", [gc.r1(3.0)]),
    "weight": lambda g: setattr(g, "penalties", [gc.r2(1.0)]),
    "d_steps": lambda g: setattr(g, "d_steps", 2),
    "g_steps": lambda g: setattr(g, "g_steps", 3),
    "constrain": lambda g: setattr(g, "constrain", gc.clip_weights(0.02)),
    "batch": lambda g: setattr(g.batches, "size", 7),
    "data": lambda g: setattr(g.batches, "x", 3 * g.batches.x),
    "frozen": lambda g: next(g.D.parameters()).requires_grad_(False),
    "eval": lambda g: g.D.eval(),
    "layer": lambda g: g.D.__setitem__(1, nn.Tanh()),
    "slope": lambda g: setattr(g.D[1], "negative_slope", 0.7),
    "dropout": lambda g: setattr(g.D[2], "p", 0.6),
    "forward": lambda g: setattr(g.D[0], "forward", lambda x: 2 * nn.Linear.forward(g.D[0], x)),
    "hook": lambda g: g.D[0].register_forward_hook(lambda layer, x, out: 2 * out),
    "hook of a weight": lambda g: next(g.D.parameters()).register_hook(lambda grad: grad.clamp(-1e-4, 1e-4)),
    "hook after it": lambda g: next(g.D.parameters()).register_post_accumulate_grad_hook(zero_grad),
    "weights": lambda g: [p.data.mul_(0.5) for p in g.D.parameters()],
    "own loss": lambda g: setattr(g, "loss", gc.Loss(gc.hinge.d, lambda r, f: -f.mean() * 2)),
    "noise seed": lambda g: g.rng.manual_seed(9),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_is_changed_between_turns_counts(where, what):
    def make(where, compile="auto"):
        gc.device.seed(0)
        D = nn.Sequential(nn.Linear(2, 16), nn.LeakyReLU(0.2), nn.Dropout(0.1), nn.Linear(16, 1)).to(where)
        return start(where, (pair(where)[0], D), compile=compile, penalties=[gc.r2(0.1)])

    eager, game = make(where, "eager"), make(where)
    unchanged = make(where, "eager")
    ends = []
    for one, change in ((eager, CHANGES[what]), (game, CHANGES[what]), (unchanged, lambda g: None)):
        gc.device.seed(0)
        for _ in range(TURNS):
            next(one)
        change(one)
        ends.append([loss for _ in range(TURNS) for loss in next(one)[1:]])
    assert all(same(a, b) for a, b in zip(*ends[:2], strict=True))
    assert not all(same(a, b) for a, b in zip(ends[0], ends[2], strict=True)), "the change changed nothing"
    assert (game._replay._record is not None) == (what not in ("own loss", "forward") and "hook" not in what)


def test_a_game_that_changes_in_each_turn_is_never_recorded():
    eager, game = twins(torch.device("cpu"))
    for turn in range(40):
        for one in (eager, game):
            one.penalties = [gc.r1(1 / (turn + 1))]
        assert same(next(eager).d_loss, next(game).d_loss)
    assert game._replay._record is None and game._replay.mode == "auto"


def test_going_back_and_on(where):
    eager, game = twins(where, average=0.9)
    for _ in range(TURNS):
        next(eager), next(game)
    saved = [copy.deepcopy(one.state_dict()) for one in (eager, game)]
    for _ in range(5):
        next(game)
    eager.load_state_dict(saved[0]), game.load_state_dict(saved[1])
    assert_twins(eager, game)


def test_a_copy_makes_a_record_of_its_own():
    game = start(torch.device("cpu"))
    for _ in range(TURNS):
        next(game)
    other = copy.deepcopy(game)
    before = [p.clone() for p in game.D.parameters()]
    for _ in range(TURNS):
        next(other)
    assert all(map(torch.equal, before, game.D.parameters()))
    for _ in range(TURNS):
        next(game)
    assert all(map(torch.equal, other.D.parameters(), game.D.parameters()))
    assert other._replay._record is not game._replay._record is not None


def test_a_nan_is_found_and_said_in_the_same_words():
    errors = []
    for compile in ("eager", "auto"):
        game = start(torch.device("cpu"), compile=compile)
        for _ in range(TURNS):
            next(game)
        assert (game._replay._record is not None) == (compile == "auto")
        before = [p.clone() for p in game.G.parameters()]
        next(iter(game.D.parameters())).data[0, 0] = math.nan
        with pytest.raises(gc.NonFinite) as caught:
            next(game)
        errors.append(str(caught.value))
        assert game.index == TURNS and all(map(torch.equal, before, game.G.parameters()))
    assert errors[0] == errors[1] and f"turn {TURNS + 1}" in errors[0]


def test_the_end_of_the_steps(where):
    eager, game = twins(where, steps=TURNS)
    assert len(list(game)) == len(list(eager)) == TURNS
    assert list(game) == []


def own_loss(eager=False):
    return gc.Loss(gc.non_saturating.d, lambda real, fake: gc.non_saturating.g(real, fake) + fake.square().mean())


class Mine(nn.Sequential):
    pass


def hooked():
    D = pair("cpu")[1]
    D[0].register_forward_hook(lambda *_: None)
    return D


def other_forward():
    D = pair("cpu")[1]
    D.forward = lambda x: nets.mlp.Discriminator.forward(D, x)
    return D


UNKNOWN = {
    "loss": lambda: {"loss": own_loss()},
    "penalty": lambda: {"penalties": [lambda D, real, fake: D(fake).square().mean()]},
    "layer": lambda: {"players": (pair("cpu")[0], Mine(nn.Linear(2, 1)))},
    "noisy layer": lambda: {"players": (pair("cpu")[0], tricks.InstanceNoise(pair("cpu")[1], 0.1))},
    "hook": lambda: {"players": (pair("cpu")[0], hooked())},
    "forward": lambda: {"players": (pair("cpu")[0], other_forward())},
    "batches": lambda: {"batches": itertools.repeat(points("cpu")[:16])},
}


@pytest.mark.parametrize("what", UNKNOWN)
def test_what_is_not_known_is_computed_from_scratch_unless_you_vouch_for_it(what):
    def make(compile):
        gc.device.seed(0)
        game = start("cpu", compile=compile, **UNKNOWN[what]())
        gc.device.seed(0)
        return game, [next(game).d_loss for _ in range(TURNS)]

    with warnings.catch_warnings():
        warnings.simplefilter("error")  # "auto" does what is right, and needs no words on a processor
        (auto, a), (_, b), (vouched, c) = make("auto"), make("eager"), make("graph")
    assert auto._replay._record is None and auto._replay.mode == "eager"
    assert vouched._replay._record is not None
    assert all(map(torch.equal, a, b)) and all(map(torch.equal, c, b))


def test_numbers_that_are_read_out_forbid_a_record_even_so():
    """Clipping a loss by Python's own `if` cannot be repeated from a record of one case."""
    seen = gc.Loss(lambda r, f: gc.hinge.d(r, f) * (2 if f.mean() > 0 else 1), gc.hinge.g, "two-faced")
    eager, game = twins("cpu", loss=seen)
    game._replay.mode = "graph"
    with pytest.warns(UserWarning, match="computed from scratch: it reads a number out of a tensor") as caught:
        assert_twins(eager, game, recorded=False)
    assert len(caught) == 1


ENSEMBLES = {
    "rates": {"lr_g": [1e-3, 1e-2], "lr_d": [1e-3, 5e-3]},
    "weights": {"penalties": [[gc.r1(0.1), gc.gradient_penalty(1.0)], [gc.r1(2.0), gc.gradient_penalty(0.1)]]},
    "clipped": {"seed": range(2), "constrain": [gc.clip_weights(0.05)], "d_steps": [2], "average": [0.9]},
}


@pytest.mark.parametrize("kind", ENSEMBLES)
def test_many_games_at_once(kind):
    """Schedules of rates and of penalties go on, and games leave, while turns are repeated."""

    def make():
        players = lambda: nets.mlp.generator(2, 3, (8,)), lambda: nets.mlp.discriminator(2, (8,))
        variants = ensemble.product(**ENSEMBLES[kind])
        games = ensemble.train(*players, lambda seed: toy.ring().batches(16, seed), variants)
        assert len(games._groups) == 1
        return games

    eager, games = make(), make()
    eager._groups[0]._replay.mode = "eager"
    for turn in range(2 * TURNS):
        for one in (eager, games):
            one.rate, one.weight = 1 - turn / 100, 1 + turn / 50
            if turn == TURNS:
                assert (one._groups[0]._replay._record is not None) == (one is games)
                one.stop([k == 1 for k in range(len(one))])
        a, b = next(eager), next(games)
        assert torch.equal(a.d_loss.nan_to_num(), b.d_loss.nan_to_num())
        assert torch.equal(a.g_loss.nan_to_num(), b.g_loss.nan_to_num())
    assert games._groups[0]._replay._record is not None
    for k in range(len(games)):
        for x, y in zip(eager.players(k), games.players(k), strict=True):
            assert all(map(torch.equal, x.parameters(), y.parameters()))


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_many_games_with_every_loss(loss):
    def play(mode):
        players = lambda: nets.mlp.generator(2, 3, (8,)), lambda: nets.mlp.discriminator(2, (8,))
        games = ensemble.train(*players, lambda seed: toy.ring().batches(16, seed), ensemble.product(seed=range(3)),
                               loss=loss)  # fmt: skip
        games._groups[0]._replay.mode = mode
        losses = torch.stack([next(games).g_loss for _ in range(TURNS)])
        assert (games._groups[0]._replay._record is not None) == (mode == "auto")
        return losses

    assert torch.equal(play("auto"), play("eager"))


@pytest.mark.parametrize("change", [lambda g: cures.unrolled(g, 1), lambda g: parts.in_parts(g, 2)],
                         ids=["unrolled", "in_parts"])  # fmt: skip
def test_games_of_another_kind_are_left_alone(change):
    eager, game = (change(one) for one in twins("cpu"))
    for _ in range(TURNS):
        assert torch.equal(next(eager).d_loss, next(game).d_loss)
    assert game._replay._record is None


def test_a_smaller_last_batch():
    """A DataLoader's: "auto" copes; who asks for a record is told what to do."""
    x = points("cpu", 32 * (WARM_UP + 3) + 8)
    make = lambda: ((row,) for row in DataLoader(x, 32))  # noqa: E731
    sizes = list(start("cpu", batches=make()))
    assert len(sizes) == WARM_UP + 4
    game = start("cpu", batches=make(), compile="graph")
    with pytest.raises(ValueError, match=r"do not fit|does not fit.*drop_last=True.*eager"):
        list(game)
    assert game.index == WARM_UP + 3


def test_a_stranger_to_the_modes_is_told_them():
    with pytest.raises(ValueError, match="compile must be one of 'auto', 'graph', 'eager'; got 'fast'"):
        start("cpu", compile="fast")


def test_the_obstacle_on_other_devices():
    game = start("cpu")
    game.device = torch.device("mps")
    assert "no records on mps" in replay.obstacle(game)


def test_a_tape_repeats_views_changes_in_place_and_results_by_the_dozen():
    x, log = torch.arange(6.0), torch.zeros(6)

    def act():
        a, b = (2 * x).view(2, 3).split(1)
        log.add_(x)
        c = torch.cat([a, b], 1).t().squeeze(1)
        c[0] = 7
        return c + log, b.max(1).values

    tape = Tape()
    with tape:
        act()
    with tape:
        results = act()
    play = tape.function(results)
    log.zero_()
    twin_log = log.clone()
    first = play()
    assert torch.equal(log, 2 * x) and torch.equal(twin_log, torch.zeros(6))
    assert torch.equal(first[0], torch.tensor([7.0, 4, 8, 12, 16, 20])) and first[1].item() == 10
    x.add_(1)
    assert play()[1].item() == 12


def test_a_tape_lets_go_of_what_is_no_longer_needed():
    import weakref

    x = torch.ones(4)
    kept = []
    tape = Tape()
    with tape:
        a = x + 1
        tape.call(lambda t: kept.append(weakref.ref(t)), a)
        b = a * 2
        tape.call(lambda: kept.append(kept[-1]() is None))
        c = b.sum()
    play = tape.function((c,))
    del a, b, c, tape
    kept.clear()
    assert play()[0].item() == 16 and kept[1] is True


def test_a_copy_of_a_replay_starts_anew():
    one = Replay("auto")
    one._record = lambda: None
    assert copy.deepcopy(one)._record is None
