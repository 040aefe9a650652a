"""A run: played again, rewound, forked or stopped by a NaN, it is to the last bit what it was."""

import copy
import json
import random

import numpy as np
import pytest
import torch
from torch import nn

import gan_course as gc
from gan_course.laboratory.catalogue import Catalogue
from gan_course.laboratory.run import CHECKPOINT_BYTES, Change, Run
from gan_course.laboratory.setup import Setup

SMALL = Setup(g_width=6, d_width=6, batch=8)
NAMES = Catalogue().names()


@pytest.fixture(autouse=True, scope="module")
def checkpoints_often():
    """Every 20 turns instead of every 100, so that short runs have many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gan_course.laboratory.run.CHECKPOINT_EVERY", 20)
        yield


def state(run):
    """All that the next turn depends on, to keep."""
    return copy.deepcopy(run.game.state_dict()), run.setup


def same(a, b):
    """Whether two states are equal to the last bit."""
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


def same_frames(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def play(run, turns):
    for _ in range(turns):
        run.play()
    return run


def to(run, turn):
    for _ in run.catch_up(turn):
        pass
    return run


def again(run):
    """The same run from its first setup and its log, by way of JSON."""
    start, log = json.loads(json.dumps([run.start.to_json(), [change._asdict() for change in run.log]]))
    return to(Run(Setup.from_json(start), Catalogue(), [Change(**change) for change in log]), run.turn)


def live_change(rng):
    """Any change that a learner can make while a run goes on."""
    rate = 10 ** rng.uniform(-4, -2)
    return rng.choice(
        (
            {"loss": rng.choice(NAMES["loss"])},
            {f"penalties.{rng.choice(NAMES['penalties'])}": rng.choice((0.0, 0.3, 2.0))},
            {"penalties": {name: 0.5 for name in NAMES["penalties"] if rng.random() < 0.3}},
            {"clip": rng.choice((0.0, 0.3, 1.0))},
            {f"opt_{rng.choice('gd')}": rng.choice(NAMES["opt"])},
            {f"lr_{rng.choice('gd')}": rate},
            {"d_steps": rng.randint(1, 3), "g_steps": rng.randint(0, 2)},
            {"lr_g": rate, "opt_d": "RMSprop", "penalties.gradient penalty": 1.0},
        )
    )


def meddle(run, rng, turns):
    """Turns with many changes between them: several at one turn, undone at once, and turns of one side only."""
    goal = run.turn + turns
    while run.turn < goal:
        if rng.random() < 0.3:
            before = run.setup
            for _ in range(rng.randint(1, 4)):
                run.change(**live_change(rng))
            if rng.random() < 0.3:
                run.change(**before.differs(run.setup))
        if rng.random() < 0.2:
            run.step(rng.choice(("d", "g", "both")))
        else:
            run.play()
    return run


# ---- replay ----


@pytest.mark.parametrize(
    ("seed", "start"),
    [
        (0, {}),
        (1, {}),
        (2, {"spectral": True, "average": 0.9}),
        (3, {"noise": "uniform", "noise_dim": 1, "data": "two moons"}),
        (4, {"penalties": {"gradient penalty": 1.0}, "loss": "Wasserstein", "opt_g": "SGD, momentum 0.9"}),
    ],
)
def test_a_run_with_many_changes_replays_exactly(seed, start):
    run = meddle(Run(SMALL.but(seed=seed, **start), Catalogue()), random.Random(seed), 55)
    assert len(run.log) > 8
    copied = again(run)
    assert same(state(run), state(copied))
    assert copied.log == run.log
    for one, other in ((run.frames, copied.frames), (run.curves, copied.curves), (run.measures, copied.measures)):
        assert one.turns == other.turns
    assert all(map(same_frames, run.frames.items, copied.frames.items))
    assert run.curves.items == copied.curves.items and run.measures.items == copied.measures.items
    assert same(state(play(run, 5)), state(play(copied, 5)))


def test_the_seed_matters_and_what_others_draw_does_not():
    one = play(Run(SMALL, Catalogue()), 10)
    torch.manual_seed(99)
    other = Run(SMALL, Catalogue())
    for _ in range(10):
        torch.rand(3)
        other.play()
    assert same(state(one), state(other))
    third = play(Run(SMALL.but(seed=1), Catalogue()), 10)
    assert not same(one.game.G.state_dict(), third.game.G.state_dict())


def test_a_run_leaves_torchs_own_stream_alone():
    torch.manual_seed(5)
    expected = torch.rand(4)
    torch.manual_seed(5)
    run = play(Run(SMALL.but(penalties={"gradient penalty": 1.0}), Catalogue()), 60)
    to(run.rewound(30), 30)
    assert torch.equal(torch.rand(4), expected)


@pytest.mark.parametrize("seed", [0, 7, 2**31 - 1])
def test_the_noise_is_not_the_datas_noise(seed):
    """From one seed, both generators would give the same numbers, turn after turn."""
    run = Run(Setup(batch=64, seed=seed), Catalogue())
    noise = torch.cat([run.game.noise(64) for _ in range(8)])
    points = torch.cat([next(run.game.batches) for _ in range(4)])
    nearest = run.toy.means[torch.cdist(points, run.toy.means).argmin(1)]
    deviation = ((points - nearest) / run.toy.std).flatten()
    gaps = torch.cdist(deviation[:, None], noise.flatten()[:, None]).min(1).values
    assert (gaps < 1e-5).float().mean() < 0.1


# ---- changes ----


def test_changes_at_one_turn_are_one():
    run = play(Run(SMALL, Catalogue()), 4)
    run.change(lr_g=0.1)
    run.change(lr_g=0.2, lr_d=0.3)
    run.change(**{"penalties.R1": 1.0})
    run.change(penalties={"R2": 2.0})
    assert run.log == [Change(4, {"lr_g": 0.2, "lr_d": 0.3, "penalties.R2": 2.0})]
    run.play()
    run.change(lr_g=0.01)
    assert [change.turn for change in run.log] == [4, 5]
    assert run.game.opt_g.param_groups[0]["lr"] == 0.01 and run.game.opt_d.param_groups[0]["lr"] == 0.3


def test_what_is_undone_at_once_was_never_done():
    """An optimiser that is put back has its memory still: the log, which says nothing, must give the same run."""
    run, quiet = (play(Run(SMALL.but(opt_g="SGD, momentum 0.9"), Catalogue()), 20) for _ in range(2))
    for value in ("SGD", "RMSprop", "SGD, momentum 0.9"):
        run.change(opt_g=value, opt_d="SGD")
    run.change(opt_d="Adam", lr_g=0.5)
    run.change(lr_g=SMALL.lr_g)
    assert run.log == []
    assert same(state(play(run, 20)), state(play(quiet, 20)))


def test_a_new_optimiser_begins_without_memory():
    run = play(Run(SMALL, Catalogue()), 20)
    kept = run.game.opt_d
    run.change(opt_g="RMSprop")
    assert not run.game.opt_g.state and run.game.opt_d is kept and kept.state
    play(run, 1).change(opt_g="Adam")
    assert not run.game.opt_g.state
    assert same(state(play(run, 10)), state(again(run)))


@pytest.mark.parametrize(
    "values",
    [{"lr_g": 5.0}, {"loss": "mine"}, {"opt_d": "Adan"}, {"penalties.R3": 1.0}, {"d_steps": 0, "g_steps": 0},
     {"seed": 1}, {"g_width": 8, "lr_g": 0.1}, {"lr": 1}, {"opt_g": "SGD", "opt_d": "Adan"}, {"clip": -1}],
)  # fmt: skip
def test_a_change_that_cannot_be_made_changes_nothing(values):
    run, quiet = (play(Run(SMALL, Catalogue()), 5) for _ in range(2))
    with pytest.raises(ValueError, match=r"\.$"):
        run.change(**values)
    assert run.log == [] and run.setup == quiet.setup
    assert same(state(play(run, 5)), state(play(quiet, 5)))


def test_a_penalty_that_a_network_does_not_allow_is_refused_while_it_plays_too():
    """Else the run could not be begun again with it, and so not rewound."""
    catalogue = Catalogue()
    catalogue.add(discriminator=lambda: nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)))
    run = play(Run(SMALL.but(discriminator="yours"), catalogue), 5)
    with pytest.raises(ValueError, match="batch normalisation"):
        run.change(**{"penalties.R1": 1.0})
    before = state(play(run, 30))
    assert run.log == [] and same(state(to(run.rewound(35), 35)), before)


def test_a_refused_restart_names_the_setting():
    with pytest.raises(ValueError, match=r"^g_width can only change where a run begins\.$"):
        Run(SMALL, Catalogue()).change(lr_g=0.1, g_width=8)


def test_no_change_is_no_entry():
    run = Run(SMALL, Catalogue())
    run.change(lr_g=SMALL.lr_g, **{"penalties.R1": 0})
    run.change()
    assert run.log == []


def test_who_changes_a_run_that_is_played_again_takes_another_path():
    first = play(Run(SMALL, Catalogue()), 5)
    first.change(lr_g=0.1)
    play(first, 5).change(lr_d=0.1)
    run = to(Run(SMALL, Catalogue(), first.log), 7)
    run.change(loss="hinge")
    assert run.log == [Change(5, {"lr_g": 0.1}), Change(7, {"loss": "hinge"})]
    assert same(state(play(run, 10)), state(again(run)))
    assert len(first.log) == 2


# ---- one side ----


def weights(run):
    return [torch.cat([p.detach().flatten() for p in net.parameters()]) for net in (run.game.G, run.game.D)]


@pytest.mark.parametrize(("who", "moves"), [("d", (False, True)), ("g", (True, False)), ("both", (True, True))])
@pytest.mark.parametrize("steps", [(1, 1), (0, 2), (3, 0)])
def test_one_side_moves(who, moves, steps):
    run = play(Run(SMALL.but(d_steps=steps[0], g_steps=steps[1]), Catalogue()), 3)
    setup, before = run.setup, weights(run)
    run.step(who)
    if who == "both":
        moves = steps[1] > 0, steps[0] > 0
    assert tuple(not torch.equal(a, b) for a, b in zip(before, weights(run), strict=True)) == moves
    assert run.turn == 4 and run.setup == setup
    assert same(state(play(run, 3)), state(again(run)))


def test_steps_of_one_side_leave_a_short_log():
    run = Run(SMALL, Catalogue())
    for _ in range(10):
        run.step("d")
    assert run.log == [Change(0, {"g_steps": 0}), Change(10, {"g_steps": 1})]
    with pytest.raises(ValueError, match='"d", "g" or "both"'):
        run.step("nobody")


# ---- time travel ----


@pytest.fixture(scope="module")
def travelled():
    """A long run with many changes, and what it was after the changes at some of its turns."""
    rng = random.Random(4)
    run = Run(SMALL.but(average=0.9), Catalogue())
    stops = sorted({0, 1, 19, 20, 21, *rng.sample(range(22, 90), 4)})
    was = {}
    for stop in stops:
        meddle(run, rng, stop - run.turn)
        run.change(**live_change(rng))
        was[run.turn] = state(run), run.look(), list(run.log)
        run.play()
    return meddle(run, rng, 10), was


def test_back_at_any_turn_it_is_as_it_was(travelled):
    run, was = travelled
    now = state(run)
    for turn, (old, picture, log) in was.items():
        back = to(run.rewound(turn), turn)
        assert back.turn == turn and same(state(back), old) and back.log == log
        assert same_frames(back.look(), picture)
        for kept in (back.frames, back.curves, back.measures):
            assert not kept.turns or kept.turns[-1] <= turn
        assert back.frames.turns[:2] == run.frames.turns[:2] or turn < 10
    assert same(state(run), now)


def test_forward_again_with_its_log_it_is_as_it_is(travelled):
    run, _ = travelled
    assert same(state(again(run)), state(run))


def test_a_turn_out_of_range_is_the_nearest(travelled):
    run, _ = travelled
    assert to(run.rewound(-5), 0).turn == 0
    assert same(state(to(run.rewound(10**9), run.turn)), state(run))


def test_a_rewound_run_says_how_far_it_has_come_back(travelled):
    run, _ = travelled
    shares = list(run.rewound(50).catch_up(50))
    assert shares == sorted(shares) and shares[-1] == 1.0 and len(shares) == 10


def test_forks_do_not_disturb_their_parent(travelled):
    run, _ = travelled
    run = to(run.rewound(50), 50)
    twin = to(run.rewound(50), 50)
    before = state(run), list(run.log), list(run.frames.turns), list(run.curves.items), list(run.measures.turns)
    rng = random.Random(0)
    children = [to(run.rewound(turn), turn) for turn in (0, 50)]
    for child in children:
        meddle(child, rng, 30)
    after = state(run), list(run.log), list(run.frames.turns), list(run.curves.items), list(run.measures.turns)
    assert same(before, after)
    assert same(state(meddle(run, random.Random(1), 20)), state(meddle(twin, random.Random(1), 20)))
    for child in children:  # and they are runs like any other
        assert same(state(again(child)), state(child))


def test_two_forks_from_one_turn_agree_until_one_is_changed():
    run = play(Run(SMALL, Catalogue()), 50)
    one, other = (to(run.rewound(30), 30) for _ in range(2))
    assert same(state(play(one, 20)), state(run))
    other.change(lr_g=0.001)
    assert not same(state(play(other, 20)), state(run))


def test_kept_pictures():
    run = play(Run(SMALL, Catalogue()), 57)
    assert run.moment(57)[0] == 57 and run.moment(99)[0] == 57
    assert same_frames(run.moment(57)[1], run.look())
    turn, picture = run.moment(34)
    assert turn == 30 and same_frames(picture, to(run.rewound(30), 30).look())
    assert run.moment(-3)[0] == 0


# ---- what goes wrong ----


def own(loss, **changes):
    catalogue = Catalogue()
    return Run(SMALL.but(**catalogue.add(loss=loss), **changes), catalogue)


def bounded(most=20.0):
    """G's loss is no number once D's scores are large."""

    def g(real, fake):
        return gc.hinge.g(real, fake) * (1.0 if fake.abs().max() < most else float("nan"))

    return gc.Loss(d=gc.hinge.d, g=g)


def broken(run, turns, error=FloatingPointError):
    """Play until it breaks, and check that it then stands where it stood."""
    for _ in range(turns):
        before, log, frames = state(run), list(run.log), list(run.frames.turns)
        curves = list(run.curves.items)
        try:
            run.play()
        except error as caught:
            assert same(state(run), before)
            assert (run.log, run.frames.turns, run.curves.items) == (log, frames, curves)
            return str(caught)
    raise AssertionError("it did not break")


@pytest.mark.parametrize("turns", [0, 3, 45])
def test_a_nan_leaves_the_run_where_it_stood_and_a_lower_rate_lets_it_go_on(turns):
    """G's loss fails after D has moved, so half of the turn must be undone. Then the log alone gives the same run."""
    run = own(bounded(), lr_d=0.001)
    play(run, turns).change(opt_d="SGD", lr_d=1.0, d_steps=3, penalties={"gradient penalty": 5.0})
    words = broken(run, 50)
    assert f"not finite at turn {run.turn + 1}" in words
    assert broken(run, 1) == words  # again, and again nothing has moved
    run.change(lr_d=0.001)
    play(run, 30)
    copied = to(Run(run.start, run.catalogue, run.log), run.turn)
    assert same(state(copied), state(run))


@pytest.mark.parametrize("loss", ["least squares", "hinge", "Wasserstein"])
def test_a_learning_rate_of_one(loss):
    run = Run(
        SMALL.but(loss=loss, lr_g=1.0, lr_d=1.0, opt_g="SGD, momentum 0.9", opt_d="SGD, momentum 0.9"), Catalogue()
    )
    broken(run, 100)
    assert same(state(run), state(again(run)))
    back = to(run.rewound(0), 0)
    back.change(lr_g=0.001, lr_d=0.001)
    assert all(p.isfinite().all() for p in play(back, 20).game.G.parameters())
    assert same(state(back), state(again(back)))


def test_a_step_of_one_side_that_fails_leaves_no_trace():
    run = own(bounded(0.0))
    before = state(run)
    with pytest.raises(FloatingPointError):
        run.step("g")
    assert same(state(run), before) and run.log == []
    run.step("d")  # G's loss is of no concern here
    assert run.turn == 1 and run.setup == run.start


class Counting:
    """A loss that fails at one call: code of the learner's own with a memory."""

    def __init__(self, error, ever_after=False):
        self.calls, self.limit, self.error, self.ever_after = 0, 10**9, error, ever_after

    def __call__(self, real, fake):
        self.calls += 1
        if self.calls == self.limit or (self.ever_after and self.calls > self.limit):
            if self.error is None:
                return gc.hinge.g(real, fake) * float("nan")
            raise self.error
        return gc.hinge.g(real, fake)


@pytest.mark.parametrize(
    ("error", "caught"),
    [
        (None, FloatingPointError),
        (ZeroDivisionError("no"), ZeroDivisionError),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
)
def test_whatever_breaks_a_turn_it_is_undone(error, caught):
    """The learner's stop button too."""
    loss = Counting(error)
    run, whole = own(gc.Loss(d=gc.hinge.d, g=loss)), Run(SMALL.but(loss="hinge"), Catalogue())
    play(run, 30).change(d_steps=2)
    loss.limit = loss.calls + 1
    broken(run, 1, caught)
    play(whole, 30).change(d_steps=2)
    assert same(play(run, 10).game.state_dict(), play(whole, 10).game.state_dict())


def test_code_that_does_not_do_again_what_it_did_goes_back_to_the_last_checkpoint():
    loss = Counting(None, ever_after=True)
    run, whole = own(gc.Loss(d=gc.hinge.d, g=loss)), Run(SMALL.but(loss="hinge"), Catalogue())
    play(run, 30).change(lr_g=0.001)
    play(run, 25)
    loss.limit = loss.calls + 1
    with pytest.raises(FloatingPointError):
        run.play()
    assert run.turn == 40 and max(run.frames.turns[-1], run.curves.turns[-1], run.measures.turns[-1]) <= 40
    play(whole, 30).change(lr_g=0.001)
    play(whole, 10)
    assert same(run.game.state_dict(), whole.game.state_dict()) and run.setup.lr_g == 0.001
    loss.limit = 10**9
    assert same(play(run, 40).game.state_dict(), play(whole, 40).game.state_dict())
    assert run.frames.turns == sorted(set(run.frames.turns)) == whole.frames.turns


def test_a_network_that_fails_now_and_then():
    class Fragile(nn.Sequential):
        def forward(self, x):
            if self.training and Fragile.fails:
                raise RuntimeError("a hole in the network")
            return super().forward(x)

    Fragile.fails = False
    catalogue = Catalogue()
    run = Run(SMALL.but(**catalogue.add(discriminator=lambda: Fragile(nn.Linear(2, 1)))), catalogue)
    play(run, 20)
    before = state(run)
    Fragile.fails = True
    with pytest.raises(RuntimeError, match="a hole"):
        run.play()
    Fragile.fails = False
    if run.turn < 20:  # the code failed while the turns were played again, too
        to(run, 20)
    assert same(state(run), before)


# ---- long runs ----


def size(kept):
    if isinstance(kept, torch.Tensor):
        return kept.nbytes + 500
    if isinstance(kept, np.ndarray):
        return kept.nbytes
    if isinstance(kept, dict):
        return sum(map(size, kept.values()))
    return sum(map(size, kept)) if isinstance(kept, (list, tuple)) else 50


def test_the_memory_of_a_long_run_is_bounded_and_it_still_travels(monkeypatch):
    """Room for 32 checkpoints of so small a game, and for few pictures: these turns overfill both, twice."""
    monkeypatch.setattr("gan_course.laboratory.run.CHECKPOINT_EVERY", 10)
    monkeypatch.setattr("gan_course.laboratory.run.CHECKPOINT_BYTES", 300_000)
    run = Run(SMALL, Catalogue())
    run.frames.most, run.curves.most, run.measures.most = 9, 30, 3
    records, was = (run.frames, run.curves, run.measures, run._checkpoints), {}
    while run.turn < 660:
        play(run, 20)
        if run.turn in (40, 240, 500):
            run.change(lr_g=1e-5 * run.turn)
            play(run, 17)
            was[run.turn] = state(run)
            play(run, 3)
        assert sum(size(kept.items) for kept in records) < 33 * 40_000 + 20 * 12_000
    for kept in records:
        assert kept.turns[0] in (0, kept.every) and run.turn - kept.turns[-1] < kept.every
        assert len(kept.turns) <= kept.most <= 2 * len(kept.turns) + 2
    assert run._checkpoints.every == 40
    for turn, old in was.items():
        back = run.rewound(turn)
        assert turn - back.turn < 40
        assert same(state(to(back, turn)), old)


def test_checkpoints_of_the_default_game_fit_their_room():
    """Adam's memory, which begins at its first step, is two thirds of it: the room must reckon with that."""
    run = play(Run(Setup(), Catalogue()), 41)
    assert run._checkpoints.most * size(run._checkpoints.items[-1].state) <= 1.05 * CHECKPOINT_BYTES
