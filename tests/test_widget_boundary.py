"""The two borders of lesson 01's widget: their exact errors against many points, the crossing, and the controls."""

import numpy as np
import pytest

from gan_course.widgets import boundary


@pytest.mark.parametrize("tilt", boundary.TILTS)
def test_the_exact_error_is_the_share_of_many_points_on_the_wrong_side(tilt):
    x, y = boundary.points(200_000, tilt, seed=5)
    for w, b in boundary.borders(*boundary.points(20, tilt, seed=1)).values():
        wrong = ((x @ w + b > 0) != (y == 1)).mean()
        assert boundary.error(w, b, tilt) == pytest.approx(wrong, abs=0.004)  # 4 standard errors


@pytest.mark.parametrize("tilt", boundary.TILTS)
def test_no_border_beats_the_best_one_and_logistic_regression_reaches_it(tilt):
    found = boundary.errors(tilt)
    for errors in found.values():
        assert errors.min() >= boundary.best(tilt) - 1e-9
    assert found[boundary.DISCRIMINATIVE][:, -1].mean() < boundary.best(tilt) + 0.003


def test_a_true_assumption_helps_at_first_and_a_wrong_one_costs_in_the_end():
    lead = {
        tilt: boundary.errors(tilt)[boundary.DISCRIMINATIVE] - boundary.errors(tilt)[boundary.GENERATIVE]
        for tilt in (0.0, 0.4)
    }
    small, large = boundary.SIZES.index(10), len(boundary.SIZES) - 1
    error = {tilt: found.std(0, ddof=1) / np.sqrt(boundary.REPEATS) for tilt, found in lead.items()}
    assert lead[0.0].mean(0)[small] > 2 * error[0.0][small]
    assert abs(lead[0.0].mean(0)[large]) < 0.003
    assert lead[0.4].mean(0)[small] > 0 > lead[0.4].mean(0)[large] + 0.01


def test_the_generative_border_lies_midway_between_the_centres():
    x, y = boundary.points(40, 0.4, seed=0)
    w, b = boundary.borders(x, y)[boundary.GENERATIVE]
    low, high = x[y == 0].mean(0), x[y == 1].mean(0)
    assert (low + high) / 2 @ w + b == pytest.approx(0, abs=1e-9)
    assert np.allclose(w, high - low)


def test_each_control_changes_the_picture():
    widget = boundary.explorer()
    controls, screen = widget.children
    size, tilt, again = controls.children
    assert "wrap" in controls.layout.flex_flow and size.layout.width == tilt.layout.width == "340px"
    seen = [bytes(screen.value)]
    size.value = 100
    seen.append(bytes(screen.value))
    tilt.value = 0.0
    seen.append(bytes(screen.value))
    again.click()
    seen.append(bytes(screen.value))
    assert all(picture.startswith(b"\x89PNG") for picture in seen)
    assert len(set(seen)) == 4
