"""What the Dirac widget answers to each wish, and that its drawing half asks for nothing that does not exist."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
import traitlets
from matplotlib.figure import Figure

from gan_course import dirac
from gan_course.dirac import Dirac
from gan_course.losses import wasserstein
from gan_course.penalties import r1
from gan_course.widgets import dirac_field as module
from gan_course.widgets.dirac_field import METHODS, dirac_field, picture

JS = Path(module.__file__).with_suffix(".js").read_text("utf-8")


def points(data: bytes, width: int) -> torch.Tensor:
    return torch.from_numpy(np.frombuffer(data, np.float32).copy()).reshape(-1, width)


def shown(widget) -> torch.Tensor:
    return points(widget.path, 2)


def test_it_shows_the_path_and_the_field_that_the_package_computes():
    widget = dirac_field(loss=wasserstein, steps=40, start=[0.5, -1.0], lr_g=0.1, lr_d=0.3, gamma=0.4)
    game = Dirac(wasserstein, (r1(0.4),))
    path = dirac.play(game, dirac.simultaneous, (0.5, -1.0), 40, 0.1, 0.3)
    torch.testing.assert_close(shown(widget), path.float())
    arrows = points(widget.arrows, 4)
    assert arrows[:, :2].abs().max() < widget.extent
    torch.testing.assert_close(game.field(arrows[:, :2].double()).float(), arrows[:, 2:], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    "name, word",
    [("simultaneous", "Spirals out"), ("alternating", "Circles"), ("extragradient", "Converges"),
     ("optimistic", "Converges"), ("alternating, momentum +0.5", "Spirals out"),
     ("alternating, momentum -0.5", "Converges")],
)  # fmt: skip
def test_each_method_gets_its_verdict_in_words(name, word):
    widget = dirac_field(method=name, steps=3)
    assert widget.names == list(METHODS) and widget.verdict.startswith(word)
    assert "Eigenvalues of one step: " in widget.details and "after 3 steps" in widget.details


@pytest.mark.parametrize(
    "wish", [{"method": "alternating"}, {"start": [0.3, 0.2]}, {"lr_g": 0.5}, {"lr_d": 0.05}, {"gamma": 1.0}]
)
def test_every_wish_changes_the_path(wish):
    widget = dirac_field(steps=10)
    before, said = widget.path, widget.verdict + widget.details
    widget.set_trait(*wish.popitem())
    assert widget.path != before and widget.verdict + widget.details != said


def test_the_start_stays_on_the_picture():
    widget = dirac_field(steps=2)
    widget.start = [9.0, -9.0]
    assert widget.start == [2.0, -2.0] and shown(widget)[0].tolist() == [2.0, -2.0]
    widget.start = [float("nan"), 1]
    assert widget.start == [0.0, 1.0]


def test_an_unknown_method_is_refused_by_name():
    widget = dirac_field(steps=2)
    with pytest.raises(traitlets.TraitError, match="simultaneous, alternating"):
        widget.method = "newton"
    assert widget.method == "simultaneous"


def test_a_method_of_your_own_joins_in_and_its_error_is_shown_where_you_look():
    halving = {
        "mine": lambda v, h, now, before: now / 2,
        "open": lambda v, h, now, before: ...,
        "bad": lambda v, h: 1 / 0,
    }
    widget = dirac_field({**METHODS, **halving}, steps=4, method="mine")
    torch.testing.assert_close(shown(widget)[-1], torch.tensor([1 / 16, 1 / 16]))
    assert "x 0.50000 a step" in widget.verdict
    for name, error in (("open", "must return the next point"), ("bad", "TypeError")):
        widget.method = name
        assert widget.verdict.startswith("The method stopped") and error in widget.verdict
        assert shown(widget).tolist() == [[1.0, 1.0]]
    widget.method = "mine"
    assert widget.verdict.startswith("Converges")


def test_a_path_that_leaves_all_bounds_is_still_shown():
    widget = dirac_field(loss=wasserstein, steps=250, lr_g=1.0, lr_d=1.0, gamma=4.0)
    assert shown(widget).abs().max() > 1e6 and shown(widget).isfinite().all()
    assert widget.verdict.startswith("Spirals out")


def test_the_picture_for_viewers_without_a_kernel():
    figure = picture(dirac_field(steps=5))
    assert isinstance(figure, Figure)
    (ax,) = figure.axes
    assert "generator" in ax.get_xlabel() and "discriminator" in ax.get_ylabel()
    assert ax.get_title().startswith("Spirals out")
    assert len(ax.get_lines()[0].get_xdata()) == 6


def test_the_drawing_half_reads_only_what_python_sends_and_asks_no_other_machine():
    sent = set(dirac_field(steps=1).keys)
    read = set(re.findall(r'model\.get\("(\w+)"\)', JS)) | set(re.findall(r'floats\(model, "(\w+)"\)', JS))
    assert {"path", "arrows", "start", "extent", "verdict", "details", "names", "method"} <= read <= sent
    assert not re.search(r"https?:|\bimport\b|fetch\(|XMLHttp", JS)
