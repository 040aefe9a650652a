"""The replay widget without a browser: what a tape records, what the widget holds, what it refuses."""

import numpy as np
import pytest
import torch
import traitlets
from torch import nn

from gan_course import minimax, nets, non_saturating
from gan_course.widgets import replay


class Wish(nn.Module):
    """A D whose logit is a known function: slope * x_1."""

    def __init__(self, slope: float):
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(slope))

    def forward(self, x):
        return self.slope * x[:, :1]


def tape_of(dim: int, turns=(0, 5, 10), loss=non_saturating) -> replay.Tape:
    torch.manual_seed(0)
    tape = replay.Tape(torch.randn(30, dim), torch.randn(20, 2), (-2, 2), loss)
    for turn in turns:
        tape.add(turn, nets.mlp.generator(dim, 2, (8,)), nets.mlp.discriminator(dim, (8,)))
    return tape


def sent(widget, name, dtype, *shape) -> np.ndarray:
    return np.frombuffer(getattr(widget, name), dtype).reshape(shape)


@pytest.mark.parametrize("dim", [1, 2])
def test_the_widget_holds_every_frame_of_the_tape(dim):
    tape = tape_of(dim)
    widget = replay.replay(tape)
    assert (widget.turns, widget.dim, widget.extent) == ([0, 5, 10], dim, [-2.0, 2.0])
    fakes, arrows = (sent(widget, name, np.float32, 3, 20, dim) for name in ("fakes", "arrows"))
    verdicts = sent(widget, "verdicts", np.uint8, 3, *[widget.cells] * dim)
    for i, frame in enumerate(tape.frames):
        np.testing.assert_array_equal(fakes[i], frame.fake)
        np.testing.assert_array_equal(arrows[i], frame.arrows)
        np.testing.assert_allclose(verdicts[i] / 255, frame.verdict, atol=0.5 / 255 + 1e-6)
    np.testing.assert_array_equal(sent(widget, "real", np.float32, 30, dim), tape.real.numpy())


@pytest.mark.parametrize("loss, factor", [(non_saturating, lambda p: 1 - p), (minimax, lambda p: p)])
def test_an_arrow_is_the_closed_form_of_minus_the_gradient_per_fake(loss, factor):
    # At logit t = slope * x: softplus(-t) pulls by (1 - sigmoid(t)) * slope, minus softplus(t) by sigmoid(t) * slope.
    tape = replay.Tape(torch.zeros(4, 2), torch.randn(6, 2), (-2, 2), loss)
    tape.add(1, nn.Linear(2, 2), Wish(3.0))
    (frame,) = tape.frames
    p = 1 / (1 + np.exp(-3.0 * frame.fake[:, 0]))
    np.testing.assert_allclose(frame.arrows[:, 0], 3.0 * factor(p), rtol=1e-4)
    np.testing.assert_array_equal(frame.arrows[:, 1], 0)
    assert frame.said == pytest.approx((0.5, p.mean()), abs=1e-5)


def test_the_verdict_has_its_rows_from_low_to_high_x2_and_its_columns_along_x1():
    tape = replay.Tape(torch.zeros(4, 2), torch.randn(6, 2), (-2, 2))
    tape.add(1, nn.Linear(2, 2), Wish(3.0))
    verdict = tape.frames[0].verdict
    assert (np.diff(verdict, axis=1) > 0).all()
    assert (np.diff(verdict, axis=0) == 0).all()


def test_recording_changes_neither_the_players_nor_any_random_state():
    G = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.Dropout(), nn.Linear(8, 1))
    D = nets.mlp.discriminator(1, (8,))
    before, state = [v.clone() for v in (*G.state_dict().values(), *D.state_dict().values())], torch.get_rng_state()
    tape = replay.Tape(torch.randn(5, 1, generator=torch.Generator()), torch.ones(5, 2), (-2, 2))
    tape.add(1, G, D)
    tape.add(2, G, D)
    after = (*G.state_dict().values(), *D.state_dict().values())
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert torch.equal(state, torch.get_rng_state())
    assert all(p.grad is None for p in (*G.parameters(), *D.parameters()))
    assert G.training and D.training
    np.testing.assert_array_equal(tape.frames[0].fake, tape.frames[1].fake)


def test_the_position_stays_on_the_tape_and_the_last_value_wins():
    widget = replay.replay(tape_of(2), position=99)
    assert widget.position == 2
    for wish in (-5, 1, 7, 0, 1):
        widget.position = wish
    assert widget.position == 1


def test_a_view_must_be_one_of_the_three():
    widget = replay.replay(tape_of(1), view="generator")
    with pytest.raises(traitlets.TraitError):
        widget.view = "judge"
    assert widget.view == "generator"


@pytest.mark.parametrize("dim", [1, 2])
def test_the_picture_shows_the_asked_frames(dim):
    tape = tape_of(dim)
    assert [ax.get_title() for ax in replay.picture(tape, [0, 2]).axes] == ["after turn 0", "after turn 10"]
    assert [ax.get_title() for ax in replay.picture(tape_of(dim, turns=[3])).axes] == ["after turn 3"]


def test_bad_input_is_refused_with_the_fix():
    with pytest.raises(ValueError, match="line or in a plane"):
        replay.Tape(torch.zeros(3, 3), torch.zeros(3, 2), (-1, 1))
    empty = replay.Tape(torch.zeros(3, 1), torch.zeros(3, 2), (-1, 1))
    for use in (replay.replay, replay.picture):
        with pytest.raises(ValueError, match=r"tape\.add"):
            use(empty)
    with pytest.raises(ValueError, match="new Tape"):
        tape_of(1, turns=(4, 4))
