"""The map as the page gets it: which runs a square holds, its colour, its points; and what the choice gives back."""

import json
import math
import re
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import torch
import traitlets
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from gan_course import toy
from gan_course.table import Table
from gan_course.widgets import outcomes as module
from gan_course.widgets.outcomes import OUTSIDE, POINTS, Outcomes, picture

JS = Path(module.__file__).with_suffix(".js").read_text("utf-8")
RING = toy.ring()


def table(score=lambda g, d, seed: 100 * g + seed, extra=()):
    """Two seeds at each of 3 x 2 rates, in an order of no meaning, and more rows if wanted."""
    rows = [
        {"lr_g": g, "lr_d": d, "seed": seed, "status": "played", "modes": score(g, d, seed)}
        for seed in range(2)
        for g in (1e-2, 1e-4, 1e-3)
        for d in (3e-3, 1e-4)
    ]
    return Table([*rows, *extra])


def made(n=12, points=50):
    return 0.01 * torch.arange(float(n)).view(n, 1, 1) + torch.zeros(n, points, 2)


def outcomes(score=lambda g, d, seed: 100 * g + seed):
    return Outcomes(table(score), "modes", "lr_g", "lr_d", made(), RING)


def test_the_squares_stand_in_order_and_hold_their_runs():
    widget = outcomes()
    assert widget.xs == ["1e-4", "1e-3", "0.01"] and widget.ys == ["1e-4", "3e-3"]
    assert [len(row) for row in widget.cells] == [3, 3]
    for j, d in enumerate((1e-4, 3e-3)):
        for i, g in enumerate((1e-4, 1e-3, 1e-2)):
            runs = [k for k, row in enumerate(table()) if (row["lr_g"], row["lr_d"]) == (g, d)]
            assert widget.cells[j][i]["runs"] == runs and len(runs) == 2
            assert float(widget.cells[j][i]["words"]) == pytest.approx(100 * g + 0.5, rel=0.01)


def test_the_numbers_of_a_run_stand_in_its_line():
    widget = outcomes()
    assert widget.columns == ["seed", "status", "modes"]
    assert len(widget.lines) == 12
    assert widget.lines[0] == ["0", "played", "1"] and widget.lines[8] == ["1", "played", "1.01"]


def luminance(colour):
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_lighter_is_more_and_every_number_reads_on_its_colour():
    widget = outcomes(lambda g, d, seed: math.log10(g) + 10 * d)
    squares = [cell for row in widget.cells for cell in row]
    squares.sort(key=lambda cell: float(cell["words"]))
    lights = [luminance(cell["colour"]) for cell in squares]
    assert lights == sorted(lights) and lights[-1] > 0.6 and lights[0] < 0.05
    for cell in squares:
        ink, paper = (0.0 if cell["light"] else 1.0), luminance(cell["colour"])
        assert (max(ink, paper) + 0.05) / (min(ink, paper) + 0.05) > 4.5  # WCAG's contrast for small text


def test_the_legend_runs_over_the_scores_in_the_colours_of_the_map():
    widget = outcomes(lambda g, d, seed: 8 * (g == 1e-2))
    assert [value for _, value in widget.legend] == ["0", "2", "4", "6", "8"]
    assert widget.legend[0][0] == widget.cells[0][0]["colour"] and widget.legend[-1][0] == widget.cells[0][2]["colour"]
    for (colour, _), share in zip(widget.legend, (0.0, 0.25, 0.5, 0.75, 1.0), strict=True):
        assert to_rgb(colour) == pytest.approx(matplotlib.colormaps["cividis"](share)[:3], abs=0.01)


def test_runs_without_a_score_are_left_out_and_a_square_of_them_has_no_colour():
    nan = float("nan")
    widget = outcomes(lambda g, d, seed: nan if g == 1e-4 or (g == 1e-3 and seed) else 5.0)
    assert widget.cells[0][0] == {"runs": [3, 9], "words": "no run has a score", "colour": None, "light": True}
    assert widget.cells[0][1]["words"] == "5"
    assert widget.lines[3] == ["0", "played", "nan"]
    endless = outcomes(lambda g, d, seed: math.inf if g == 1e-4 else g)
    assert endless.cells[0][0]["colour"] is None and "inf" in endless.cells[0][0]["words"]
    assert endless.legend[-1][1] == "0.01" and endless.cell[0] == 2
    nothing = outcomes(lambda g, d, seed: nan)
    assert {cell["colour"] for row in nothing.cells for cell in row} == {None} and nothing.cell == [0, 0]


def test_a_pair_of_values_that_was_not_played_is_a_hole():
    rows = [{"lr_g": g, "lr_d": d, "modes": 1.0} for g, d in ((1, 1), (2, 2))]
    widget = Outcomes(Table(rows), "modes", "lr_g", "lr_d", made(2), RING)
    assert widget.cells[0][1] == {"runs": [], "words": "not played", "colour": None, "light": True}
    widget.cell = [1, 0]
    assert widget.chosen is None and isinstance(picture(widget), Figure)


def test_the_points_arrive_where_they_are_and_strangers_are_marked():
    samples = made(points=400)
    samples[0, 0], samples[0, 1], samples[0, 2] = torch.tensor([9.0, 0]), torch.nan, torch.tensor([-0.5, 0.25])
    widget = Outcomes(table(), "modes", "lr_g", "lr_d", samples, RING)
    low, high = widget.frame
    assert low < RING.extent[0] < RING.extent[1] < high
    places = np.frombuffer(widget.points, "<u2").reshape(13, POINTS, 2)
    assert (places[0, :2] == OUTSIDE).all() and (places[0, 2:] < OUTSIDE).all() and (places[1:] < OUTSIDE).all()
    back = low + places.astype(float) / (OUTSIDE - 1) * (high - low)
    np.testing.assert_allclose(back[0, 2], [-0.5, 0.25], atol=1e-4)
    np.testing.assert_allclose(back[1:12], samples[1:, :POINTS], atol=1e-4)
    np.testing.assert_allclose(back[12], RING.sample(POINTS, seed=0), atol=1e-4)


def test_it_opens_at_the_highest_score_and_gives_the_chosen_runs_back():
    widget = outcomes(lambda g, d, seed: 8.0 if (g, d) == (1e-3, 3e-3) else 1.0)
    assert widget.cell == [1, 1]
    assert set(widget.chosen["lr_g"]) == {1e-3} and widget.chosen["seed"].tolist() == [0, 1]
    widget.cell = [2, 0]
    assert set(widget.chosen["lr_g"]) == {1e-2} and set(widget.chosen["lr_d"]) == {1e-4}
    with pytest.raises(traitlets.TraitError, match="a column from 0 to 2 and a row from 0 to 1"):
        widget.cell = [3, 0]
    assert widget.cell == [2, 0]


def test_what_does_not_fit_together_is_refused_by_name():
    with pytest.raises(ValueError, match="samples of 11 runs and 12 rows"):
        Outcomes(table(), "modes", "lr_g", "lr_d", made(11), RING)
    with pytest.raises(ValueError, match=r"points in the plane, \(runs, n, 2\), not \(12, 50\)"):
        Outcomes(table(), "modes", "lr_g", "lr_d", made()[:, :, 0], RING)
    with pytest.raises(ValueError, match="toy must be a distribution in the plane"):
        Outcomes(table(), "modes", "lr_g", "lr_d", made(), toy.gaussian())
    with pytest.raises(ValueError, match="'status' must hold numbers"):
        Outcomes(table(), "modes", "lr_g", "status", made(), RING)
    with pytest.raises(KeyError, match="no column 'lr'"):
        Outcomes(table(), "modes", "lr", "lr_d", made(), RING)


def test_the_picture_for_viewers_without_a_kernel_shows_map_and_chosen_runs():
    figure = picture(outcomes(lambda g, d, seed: 8.0 if (g, d) == (1e-3, 3e-3) else 1.0))
    left, right = figure.axes[:2]
    assert (left.get_xlabel(), left.get_ylabel()) == ("lr_g", "lr_d")
    assert right.get_title() == "lr_g 1e-3, lr_d 3e-3: modes 8"
    assert [t.get_text() for t in right.get_legend().get_texts()] == ["real", "fake"]


def test_the_page_gets_all_it_reads_in_plain_json_and_asks_no_other_machine():
    state = outcomes().get_state()
    json.dumps({name: value for name, value in state.items() if not isinstance(value, bytes | memoryview)})
    read = set(re.findall(r'model\.get\("(\w+)"\)', JS)) | {"xs", "ys", "cells"}
    assert read == {"names", "xs", "ys", "cells", "legend", "columns", "lines", "points", "cell"} <= set(state)
    assert f"OUTSIDE = {OUTSIDE}" in JS
    assert not re.search(r"https?:|\bimport\b|fetch\(|XMLHttp|innerHTML", JS)
