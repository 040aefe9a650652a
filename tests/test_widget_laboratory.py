"""The laboratory's widget without a page: what it tells the front end, and what a lesson can do with it."""

import _thread
import json
import threading
import time

import numpy as np
import pytest
import torch
from torch import nn

from gan_course import Loss, losses, nets, toy
from gan_course.laboratory.picture import picture
from gan_course.widgets.laboratory import LAYERS, PANELS, Laboratory

SMALL = {"g_layers": 1, "g_width": 8, "d_layers": 1, "d_width": 8, "batch": 32}


def laboratory(*args, **wishes) -> Laboratory:
    return Laboratory(*args, **{"trained": False, **SMALL, **wishes})


def tell(lab: Laboratory, **message) -> None:
    """As the page does."""
    lab._hear(lab, message, [])


def wait_for(condition) -> None:
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until, "it did not happen within 30 s"
        time.sleep(0.005)


def numbers(packed: bytes) -> np.ndarray:
    return np.frombuffer(packed, "<f4")


def test_all_that_the_page_needs_is_there_before_anything_is_played():
    lab = laboratory("ring")
    (scene,), (shown,) = lab.stage["runs"], lab.frame["runs"]
    assert numbers(scene["real"]).shape == (800,) and len(scene["density"]) == 1024
    assert numbers(shown["fakes"]).shape == (400,) and len(shown["verdict"]) == 1024
    assert scene["setup"]["data"] == "ring" and shown["turn"] == 0
    assert lab.truth["modes_total"] == 8 and lab.said and lab.notice == ""
    assert set(lab.names["penalties"]) == {"R1", "R2", "gradient penalty"} and len(lab.names["loss"]) == 6
    plain = {name: getattr(lab, name) for name in ("names", "truth", "slow", "side")}
    assert "NaN" not in json.dumps(plain, default=lambda b: len(b))


def test_it_plays_by_thread_while_the_page_draws_and_pauses_when_the_page_is_gone():
    lab = laboratory()
    tell(lab, here=True)
    tell(lab, ops=[{"op": "play"}], n=1)
    assert lab.playing
    first = lab.frame["n"]
    for _ in range(5):  # one frame in flight: the next one comes only after this was drawn
        n = lab.frame["n"]
        tell(lab, drawn=n)
        wait_for(lambda n=n: lab.frame["n"] > n)
    assert lab.frame["n"] >= first + 5 and lab.run.turn > 0
    time.sleep(0.2)
    assert lab.frame["n"] <= n + 2
    tell(lab, gone=True)
    lab._clock.join()
    assert not lab.playing and "gan_course laboratory" not in {t.name for t in threading.enumerate()}


def test_a_page_that_cannot_be_heard_still_gets_a_frame_now_and_then():
    lab = laboratory()
    tell(lab, here=True)
    tell(lab, ops=[{"op": "play"}], n=1)
    wait_for(lambda: lab.frame["n"] > 3)  # while a cell runs, no word comes that a frame was drawn
    tell(lab, gone=True)


def test_a_cell_that_plays_and_is_interrupted_shows_the_present():
    lab = laboratory()
    lab.play(30)
    lab.do({"op": "look", "turn": 10})
    threading.Timer(0.3, _thread.interrupt_main).start()  # as the kernel's stop button does
    with pytest.raises(KeyboardInterrupt):
        lab.play(1_000_000)
    lab._clock.join()
    assert lab.looking == -1 and lab.frame["runs"][0]["shown"] == lab.run.turn > 30
    lab.play(3)


def test_of_two_views_one_may_go():
    lab = laboratory()
    tell(lab, here=True)
    tell(lab, here=True)
    tell(lab, ops=[{"op": "play"}])
    tell(lab, gone=True)
    assert lab.playing
    tell(lab, gone=True)
    lab._clock.join()
    assert not lab.playing


def test_close_ends_the_thread():
    lab = laboratory()
    tell(lab, here=True, ops=[{"op": "play"}])
    wait_for(lambda: lab.run.turn > 5)
    lab.close()
    assert "gan_course laboratory" not in {t.name for t in threading.enumerate()}


def test_a_flood_of_wishes_ends_on_the_last():
    lab = laboratory()
    tell(lab, here=True, ops=[{"op": "play"}])
    for i in range(300):
        tell(lab, ops=[{"op": "set", "name": "lr_d", "value": 1e-3 * (1 + i / 100)}], n=i)
    tell(lab, ops=[{"op": "pause"}])
    lab._clock.join()
    assert lab.run.setup.lr_d == pytest.approx(3.99e-3) and lab.stage["runs"][0]["setup"]["lr_d"] == lab.run.setup.lr_d
    assert lab.run.game.opt_d.param_groups[0]["lr"] == lab.run.setup.lr_d


def test_bad_wishes_of_the_page_become_a_notice():
    lab = laboratory()
    tell(lab, ops=[{"op": "draw", "points": [[0, 0], [1, 1]]}])
    assert "at least three" in lab.notice
    tell(lab, ops=[{"op": "step"}])
    assert lab.notice == "" and lab.run.turn == 1


def test_the_lessons_methods():
    lab = laboratory()
    lab.play(60)
    lab.change(d_steps=5, loss="hinge")
    lab.play(10)
    assert lab.run.turn == 70 and lab.run.log == [(60, {"d_steps": 5, "loss": "hinge"})]
    lab.fork(60, lr_g=0.1)
    assert lab.run.turn == 60 and lab.run.setup.loss == "hinge" and len(lab.runs) == 2
    lab.play(20)
    assert [run.turn for run in lab.runs] == [90, 90]
    assert lab.frame["runs"][1]["turn"] == 90
    lab.arena([{}, {"loss": "minimax"}])
    lab.play(5)
    assert [run.turn for run in lab.runs] == [5, 5]
    with pytest.raises(ValueError, match="lr_d must be"):
        lab.change(lr_d=7.0)


def test_the_learners_own_things_appear_and_play():
    class Bent(nn.Module):
        z_dim = 2

        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(2, 2)

        def forward(self, z):
            return torch.tanh(self.layer(z))

    calls = []

    def stay_small(D, real, fake):
        calls.append(len(real))
        return D(real).square().mean()

    mine = Loss(d=losses.hinge.d, g=losses.hinge.g, name="my hinge")
    lab = Laboratory(
        toy.two_moons(0.1), mine, stay_small, Bent, nets.mlp.discriminator(2, (6,)), trained=False, batch=16
    )
    lab.play(5)
    names = lab.names
    assert names["loss"][0] == "my hinge" and names["data"][0] == names["penalties"][0] == "yours"
    assert names["generator"][0] == names["discriminator"][0] == "yours" and calls == [16] * 5
    assert isinstance(lab.run.game.G, Bent) and lab.run.game.loss is mine
    lab.change(**{"penalties.yours": 0})
    lab.play(3)
    assert calls == [16] * 5
    lab.change(generator="layers")
    lab.play(3)


def test_points_of_the_learners_own_are_data():
    lab = laboratory(torch.rand(50, 2))
    lab.play(3)
    assert lab.names["data"][0] == lab.run.setup.data == "yours"


class OneNumber(nn.Linear):
    z_dim = 2

    def __init__(self):
        super().__init__(2, 1)


@pytest.mark.parametrize(
    "wishes, error, words",
    [
        ({"generator": OneNumber}, ValueError, "change G's last layer"),
        ({"generator": nn.Linear(2, 2)}, ValueError, "z_dim"),
        ({"generator": nn.Linear(2, 2), "noise": "uniform"}, ValueError, "z_dim"),
        ({"generator": 7}, TypeError, "torch.nn.Module"),
        ({"discriminator": nn.Linear(2, 2)}, ValueError, "one logit"),
        ({"loss": 3}, TypeError, "Loss"),
        ({"loss": "mine"}, ValueError, "no loss 'mine'"),
        ({"loss": Loss(d=lambda r, f: r, g=lambda r, f: f.mean())}, ValueError, "one number"),
        ({"data": torch.rand(50, 3)}, ValueError, "shape"),
        ({"data": toy.gaussian()}, ValueError, "2 coordinates"),
        ({"data": "circle"}, ValueError, "no data 'circle'"),
        ({"penalty": 3}, TypeError, "function"),
        ({"lr_d": 0}, ValueError, "lr_d"),
        ({"temper": 1}, ValueError, "no setting"),
        ({"panels": ["kitchen"]}, Exception, "kitchen"),
    ],
)
def test_what_no_game_can_be_made_of_is_refused_in_one_sentence(wishes, error, words):
    with pytest.raises(error, match=words):
        laboratory(**wishes)


def test_slow_motion_tells_its_sub_step():
    lab = laboratory()
    tell(lab, ops=[{"op": "slow", "on": True}, {"op": "next"}])
    assert lab.slow["index"] == 1 and lab.slow["of"] == 11 and lab.slow["caption"] and lab.slow["player"] == "d"
    tell(lab, ops=[{"op": "next"}])
    assert lab.slow["index"] == 2
    tell(lab, ops=[{"op": "slow", "on": False}])
    assert lab.slow == {}


def test_looking_back_sends_the_kept_picture():
    lab = laboratory()
    lab.play(40)
    then = lab.frame["runs"][0]["fakes"]
    lab.play(40)
    tell(lab, ops=[{"op": "look", "turn": 40}])
    (shown,) = lab.frame["runs"]
    assert shown["shown"] == lab.looking == 40 and shown["turn"] == 80 and shown["fakes"] == then


def test_the_best_discriminator_is_sent_when_its_layer_is_shown():
    lab = laboratory()
    assert "optimal" not in lab.truth
    lab.layers = [*lab.layers, "optimal"]
    assert len(lab.truth["optimal"]) == len(lab.truth["known"]) == 1024
    assert set(lab.layers) < set(LAYERS) and list(lab.panels) == list(PANELS)


def test_both_sides_can_be_played():
    lab = laboratory()
    tell(lab, here=True, ops=[{"op": "side", "what": "detective"}])
    tell(lab, ops=[{"op": "answer", "sure": 3}])
    assert lab.side
    tell(lab, ops=[{"op": "side", "what": "counterfeiter"}])
    tell(lab, ops=[{"op": "drag", "i": 0, "x": 0.5, "y": 0.5}])
    for _ in range(3):  # its D goes on learning
        n = lab.frame["n"]
        tell(lab, drawn=n)
        wait_for(lambda n=n: lab.frame["n"] > n)
    tell(lab, gone=True)
    lab._clock.join()
    assert lab.side == {}


def test_where_there_is_no_kernel_a_picture_stands_in():
    lab = laboratory()
    lab.play(30)
    data, metadata = lab._repr_mimebundle_()
    assert data["image/png"][:8] == b"\x89PNG\r\n\x1a\n" and "turn 30" in data["text/plain"]
    assert metadata["image/png"]["alt"] == data["text/plain"]
    assert "application/vnd.jupyter.widget-view+json" in data
    assert len(picture(lab.run).axes) >= 3
