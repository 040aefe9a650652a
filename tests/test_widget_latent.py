"""The widgets of lesson 00 as the browser uses them: values come in, pixels and a reading go out."""

import pytest
import torch
import traitlets

from gan_course import plot
from gan_course.features import digits_classifier
from gan_course.recipes import first_generator
from gan_course.widgets import latent


@pytest.fixture(scope="module")
def nets():
    return first_generator.load(), digits_classifier()


def grey(x):
    return ((x.flatten().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).tolist()


def test_the_picture_is_what_the_generator_makes_of_the_numbers(nets):
    G, classifier = nets
    widget = latent.explorer(G, classifier)
    assert widget.names == ["Number 1", "Number 2", "Number 3", "Number 4"]
    for values in ([0.0] * 4, [1.0, -2.0, 0.5, 0.0]):
        widget.values = values
        x = G(torch.tensor([values]))
        assert list(widget.pixels) == grey(x)
        assert f"reads: {classifier(x).argmax()} (" in widget.reading


def test_values_stay_within_the_sliders_and_keep_their_number(nets):
    widget = latent.explorer(*nets)
    widget.values = [9.0, -9.0, 0.0, 0.0]
    assert widget.values == [3.0, -3.0, 0.0, 0.0]
    with pytest.raises(traitlets.TraitError, match="4 sliders"):
        widget.values = [0.0]


def test_a_walk_begins_at_a_ends_at_b_and_is_straight(nets):
    G, classifier = nets
    ends = torch.randn(2, 4, generator=torch.Generator().manual_seed(0))
    widget = latent.walk(G, classifier, ends)
    for t in (0.0, 1.0, 0.25):
        widget.values = [t]
        z = (1 - t) * ends[0] + t * ends[1]
        wanted = torch.tensor(grey(G(z[None]))).int()
        assert (torch.tensor(list(widget.pixels)).int() - wanted).abs().max() <= 1


def test_playing_leaves_the_notebooks_randomness_alone(nets):
    torch.manual_seed(3)
    wanted = torch.rand(1)
    torch.manual_seed(3)
    latent.explorer(*nets).values = [1.0] * 4
    assert torch.rand(1) == wanted and torch.is_grad_enabled()


def test_the_rows_are_labelled(nets):
    G, _ = nets
    _, ax = plot.figure()
    latent.moves(ax, G, torch.zeros(4), steps=5)
    assert [label.get_text() for label in ax.get_yticklabels()] == [f"number {k}" for k in (1, 2, 3, 4)]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["-2", "-1", "0", "1", "2"]
    _, ax = plot.figure()
    latent.rows(ax, {"walk": G(torch.zeros(3, 4)), "fade": G(torch.zeros(3, 4))})
    assert [label.get_text() for label in ax.get_xticklabels()] == ["A", "", "B"]
