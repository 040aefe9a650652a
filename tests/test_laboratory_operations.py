"""What the buttons of the laboratory do, said to it without a widget."""

import json

import pytest
import torch

from gan_course import Loss, losses
from gan_course.laboratory.catalogue import Catalogue
from gan_course.laboratory.lab import HEAD_START, Lab
from gan_course.laboratory.operations import MOST_RUNS, OPERATIONS, do
from gan_course.laboratory.setup import Setup

SMALL = Setup(g_layers=1, g_width=14, d_layers=1, d_width=14, batch=32)


def made(setup=SMALL, **wishes) -> Lab:
    lab = Lab(Catalogue(), setup, **wishes)
    lab.finish()
    return lab


def play(lab, turns):
    do(lab, {"op": "play"})
    for _ in range(turns):
        lab.work()
    do(lab, {"op": "pause"})


def weights(run):
    return torch.cat([p.detach().flatten() for net in (run.game.G, run.game.D) for p in net.parameters()])


def said(lab, **op):
    do(lab, op)
    lab.finish()
    assert lab.notice == "", lab.notice


def test_play_advances_and_pause_stops():
    lab = made()
    play(lab, 30)
    assert lab.turn == 30 and not lab.works()


def test_a_head_start_is_played_turn_for_turn():
    lab, other = made(trained=True), made()
    play(other, HEAD_START)
    assert lab.turn == HEAD_START and torch.equal(weights(lab.run), weights(other.run))


def test_reset_gives_the_same_run_again():
    lab = made()
    play(lab, 40)
    before = weights(lab.run)
    said(lab, op="reset")
    assert lab.turn == 0
    play(lab, 40)
    assert torch.equal(weights(lab.run), before)


def test_the_start_can_be_untrained_or_trained():
    lab = made()
    said(lab, op="start", trained=True)
    assert lab.turn == HEAD_START
    said(lab, op="start", trained=False)
    assert lab.turn == 0


@pytest.mark.parametrize("who, moved, still", [("d", "D", "G"), ("g", "G", "D")])
def test_one_side_steps_alone(who, moved, still):
    lab = made()
    before = {name: [p.clone() for p in getattr(lab.run.game, name).parameters()] for name in "GD"}
    said(lab, op="step", who=who)
    same = {name: all(map(torch.equal, before[name], getattr(lab.run.game, name).parameters())) for name in "GD"}
    assert same == {moved: False, still: True} and lab.turn == 1
    said(lab, op="step")
    same = all(map(torch.equal, before[still], getattr(lab.run.game, still).parameters()))
    assert not same and lab.run.setup == SMALL


@pytest.mark.parametrize(
    "name, value",
    [("loss", "hinge"), ("lr_d", 0.02), ("opt_g", "SGD"), ("d_steps", 5), ("penalties.R1", 0.5), ("clip", 0.1)],
)
def test_what_is_live_changes_without_a_reset(name, value):
    lab = made()
    play(lab, 20)
    said(lab, op="set", name=name, value=value)
    assert lab.turn == 20 and lab.run.log[-1] == (20, {name: value})
    play(lab, 5)
    assert lab.turn == 25


@pytest.mark.parametrize(
    "name, value",
    [("data", "grid"), ("g_width", 5), ("noise", "uniform"), ("noise_dim", 1), ("d_layers", 0), ("seed", 3),
     ("spectral", True), ("average", 0.9)],
)  # fmt: skip
def test_what_is_not_live_begins_anew(name, value):
    lab = made()
    play(lab, 20)
    said(lab, op="set", name=name, value=value)
    assert lab.turn == 0 and getattr(lab.run.setup, name) == value and lab.run.log == []
    play(lab, 5)


def test_a_drawing_becomes_the_data():
    lab = made()
    points = [[0, 0], [1, 0], [0, 1], [1, 1]]
    said(lab, op="draw", points=points)
    real = lab.run.view.real
    corners = torch.tensor(points, dtype=torch.float32)
    assert torch.cdist(real, corners).min(dim=1).values.max() < 0.4
    assert torch.cdist(real, corners).argmin(dim=1).bincount(minlength=4).min() > 50


@pytest.mark.parametrize(
    "op, words",
    [
        ({"op": "draw", "points": [[0, 0], [1, 1]]}, "at least three"),
        ({"op": "draw", "points": [[0, 0], [0, 0], [0, 0]]}, "at least three"),
        ({"op": "draw", "points": "scribble"}, "list of points"),
        ({"op": "draw", "points": [[0, float("nan")], [1, 1], [2, 2]]}, "numbers from"),
        ({"op": "set", "name": "lr_d", "value": -1}, "lr_d must be"),
        ({"op": "set", "name": "lr_d", "value": "fast"}, "lr_d must be"),
        ({"op": "set", "name": "loss", "value": "mine"}, "no loss 'mine'"),
        ({"op": "set", "name": "data", "value": "mine"}, "no data 'mine'"),
        ({"op": "set", "name": "penalties.R3", "value": 1}, "no penalty 'R3'"),
        ({"op": "set", "name": "penalties.R1", "value": -1}, "weight from 0"),
        ({"op": "set", "name": "temper", "value": 1}, "no setting 'temper'"),
        ({"op": "set", "name": "d_steps", "value": 11}, "from 0 to 10"),
        ({"op": "step", "who": "referee"}, "who must be"),
        ({"op": "dance"}, "no operation"),
        ({"op": "set"}, "missing"),
        ("play", "no operation"),
        ({"op": "focus", "run": 1}, "no run 1"),
        ({"op": "close", "run": 0}, "only run"),
        ({"op": "cure"}, "Nobody is ill"),
        ({"op": "ill", "key": "flu"}, "no illness"),
        ({"op": "fork", "turn": 3, "changes": {"g_width": 3}}, "use the arena"),
        ({"op": "fork", "turn": 3, "changes": {"lr_g": 7}}, "lr_g must be"),
        ({"op": "arena", "changes": []}, "1 to 6"),
        ({"op": "arena", "changes": [{}] * 7}, "1 to 6"),
        ({"op": "arena", "changes": [{"seed": 1}, {}]}, "same data and seed"),
        ({"op": "arena", "changes": [{}, {"loss": "mine"}]}, "no loss"),
        ({"op": "load", "text": "{"}, "not JSON"),
        ({"op": "load", "text": "{}"}, "format"),
        ({"op": "speed", "value": -1}, "speed"),
        ({"op": "side", "what": "judge"}, "side"),
    ],
)
def test_bad_input_becomes_one_sentence_and_changes_nothing(op, words):
    lab = made()
    play(lab, 12)
    run, before, log = lab.run, weights(lab.run), list(lab.run.log)
    do(lab, op)
    lab.finish()
    assert words in lab.notice and "\n" not in lab.notice
    assert lab.runs == [run] and run.log == log and torch.equal(weights(run), before)
    play(lab, 3)
    assert lab.turn == 15 and lab.notice == ""


def test_a_loss_that_breaks_pauses_with_a_sentence_and_the_laboratory_goes_on():
    def nothing(real, fake):
        return losses.non_saturating.d(real, fake) * float("nan")

    catalogue = Catalogue()
    catalogue.add(loss={"breaks": Loss(d=nothing, g=losses.non_saturating.g)})
    lab = Lab(catalogue, SMALL)
    play(lab, 137)
    before = weights(lab.run)
    said(lab, op="set", name="loss", value="breaks")
    do(lab, {"op": "play"})
    lab.work()
    assert "discriminator's loss is not finite" in lab.notice and not lab.playing
    assert lab.turn == 137 and torch.equal(weights(lab.run), before)
    said(lab, op="set", name="loss", value="hinge")
    play(lab, 10)
    assert lab.turn == 147


def test_looking_back_shows_the_past_and_changes_nothing():
    lab = made()
    play(lab, 100)
    before = weights(lab.run)
    said(lab, op="look", turn=40)
    assert lab.looking == 40
    turn, seen = lab.run.moment(40)
    again = made()
    play(again, 40)
    assert turn == 40 and (seen.fakes == again.run.look().fakes).all()
    said(lab, op="look", turn=None)
    assert lab.looking is None and torch.equal(weights(lab.run), before)


def test_a_fork_is_the_same_run_up_to_its_turn_and_catches_up():
    lab = made()
    play(lab, 130)
    said(lab, op="set", name="lr_d", value=0.02)
    play(lab, 130)
    parent = weights(lab.runs[0])
    said(lab, op="fork", turn=173, changes={"penalties.R1": 1.0})
    child = lab.run
    assert (child.name, child.parent, child.turn, lab.focus) == ("B", ("A", 173), 173, 1)
    alone = made()
    play(alone, 130)
    said(alone, op="set", name="lr_d", value=0.02)
    play(alone, 43)
    assert torch.equal(weights(alone.run), weights(child))
    play(lab, 87)
    assert [run.turn for run in lab.runs] == [260, 260]
    assert torch.equal(weights(lab.runs[0]), parent)  # it waited
    play(lab, 5)
    assert [run.turn for run in lab.runs] == [265, 265]


def test_a_fork_with_nothing_changed_ends_where_its_parent_did():
    lab = made()
    play(lab, 150)
    said(lab, op="fork", turn=77, changes={})
    play(lab, 150 - 77)
    assert torch.equal(weights(lab.runs[0]), weights(lab.runs[1]))


def test_the_arena_plays_in_step_on_the_same_data_and_seed():
    lab = made()
    said(lab, op="arena", changes=[{"loss": name} for name in lab.catalogue.losses])
    assert len(lab.runs) == MOST_RUNS
    first = [weights(run) for run in lab.runs]
    assert all(torch.equal(first[0], other) for other in first)
    play(lab, 10)
    assert {run.turn for run in lab.runs} == {10}
    alone = made(SMALL.but(loss="hinge"))
    play(alone, 10)
    hinge = next(run for run in lab.runs if run.setup.loss == "hinge")
    assert torch.equal(weights(hinge), weights(alone.run))
    do(lab, {"op": "fork", "turn": 5, "changes": {}})
    assert "close one first" in lab.notice


def test_new_data_reach_all_games_of_the_arena_and_a_width_only_the_steered_one():
    lab = made()
    said(lab, op="arena", changes=[{}, {"loss": "hinge"}])
    said(lab, op="focus", run=1)
    said(lab, op="set", name="data", value="line")
    assert [run.setup.data for run in lab.runs] == ["line", "line"]
    said(lab, op="set", name="g_width", value=5)
    assert [run.setup.g_width for run in lab.runs] == [14, 5]
    said(lab, op="close", run=0)
    assert lab.focus == 0 and lab.run.setup.loss == "hinge"


def test_a_sheet_plays_again_exactly():
    lab = made()
    play(lab, 60)
    said(lab, op="set", name="loss", value="relativistic")
    said(lab, op="set", name="penalties.gradient penalty", value=2.0)
    play(lab, 60)
    said(lab, op="step", who="d")
    said(lab, op="fork", turn=90, changes={"opt_d": "RMSprop"})
    play(lab, 20)
    said(lab, op="save")
    assert len(lab.saved) < 4000 and json.loads(lab.saved)["runs"][1]["parent"] == ["A", 90]
    other = made()
    said(other, op="load", text=lab.saved)
    assert [run.turn for run in other.runs] == [run.turn for run in lab.runs] and other.focus == lab.focus
    for one, two in zip(lab.runs, other.runs, strict=True):
        assert torch.equal(weights(one), weights(two)) and one.setup == two.setup and one.log == two.log


@pytest.mark.parametrize(
    "harm, words",
    [
        (lambda s: s["runs"][0].pop("start"), "damaged"),
        (lambda s: s["runs"][0].update(turn=10**9), "too long"),
        (lambda s: s["runs"][0].update(turn="soon"), "invalid literal"),
        (lambda s: s["runs"][0].update(turn=float("inf")), "damaged"),
        (lambda s: s["runs"][0].update(parent=["A"]), "damaged"),
        (lambda s: s["runs"][0]["start"].update(loss="theirs"), "no loss 'theirs'"),
        (lambda s: s["runs"][0]["start"].update(lr_d=9), "lr_d"),
        (lambda s: s["runs"][0]["changes"].append({"turn": 5, "set": {"g_width": 3}}), "cannot be made"),
        (lambda s: s["runs"][0]["changes"].append({"turn": 10**6, "set": {"lr_d": 0.1}}), "cannot be made"),
        (lambda s: s.update(runs=[]), "no run"),
        (lambda s: s.update(focus=3), "no run"),
        (lambda s: s.update(runs=7), "damaged"),
    ],
)
def test_a_damaged_sheet_is_refused(harm, words):
    lab = made()
    play(lab, 10)
    said(lab, op="save")
    sheet = json.loads(lab.saved)
    harm(sheet)
    run = lab.run
    do(lab, {"op": "load", "text": json.dumps(sheet)})
    lab.finish()
    assert words in lab.notice and lab.run is run


def test_a_text_that_never_closes_is_refused():
    lab = made()
    do(lab, {"op": "load", "text": "[" * 100_000})
    assert "not a sheet" in lab.notice


def test_what_was_looked_at_during_a_job_is_not_kept_for_another_run():
    lab = made()
    play(lab, 60)
    do(lab, {"op": "fork", "turn": 40})
    do(lab, {"op": "next"})
    do(lab, {"op": "look", "turn": 55})
    lab.finish()
    assert lab.run.name == "B" and lab.looking is None and not lab.moments


def test_slow_motion_plays_whole_turns():
    lab, plain = made(), made()
    said(lab, op="slow", on=True)
    do(lab, {"op": "next"})
    steps = len(lab.moments)
    for _ in range(2 * steps - 1):
        do(lab, {"op": "next"})
    play(plain, 2)
    assert lab.turn == 2 and torch.equal(weights(lab.run), weights(plain.run))
    said(lab, op="slow", on=False)
    assert lab.moment is None


def test_illness_and_cure_in_one_operation_each():
    lab = made()
    said(lab, op="ill", key="vanishing")
    assert lab.patient.ill(lab.run)
    said(lab, op="cure")
    assert not lab.patient.ill(lab.run)


def test_every_operation_survives_nonsense():
    lab = made()
    for name in OPERATIONS:
        for junk in (None, -1, "x", [], {}, 1e9):
            keys = OPERATIONS[name].__code__.co_varnames[1 : OPERATIONS[name].__code__.co_argcount]
            do(lab, {"op": name, **dict.fromkeys(keys, junk)})
            lab.rest()
            assert "\n" not in lab.notice
    said(lab, op="slow", on=False)
    play(lab, 2)
