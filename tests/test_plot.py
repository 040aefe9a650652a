"""Pictures are looked at by people; here only what a person would not see: the data behind them, and the colours."""

import base64
import itertools
import re

import numpy as np
import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from matplotlib.colors import to_rgb

from gan_course import plot, spectral_norm
from gan_course.nets import mlp


def test_show_carries_alternative_text_and_a_picture():
    InteractiveShell.instance()
    fig, ax = plot.figure()
    ax.plot([0, 1])
    with capture_output() as seen:
        plot.show(fig, 'A line, "rising" <fast>')
    data = seen.outputs[0].data
    assert data["text/plain"] == 'A line, "rising" <fast>'
    assert 'alt="A line, &quot;rising&quot; &lt;fast&gt;"' in data["text/html"]
    png = base64.b64decode(re.search(r'base64,([^"]+)"', data["text/html"]).group(1))
    assert png.startswith(b"\x89PNG")


def test_images_lays_out_rows_then_columns():
    x = torch.linspace(-1, 1, 5).view(5, 1, 1, 1).expand(5, 1, 2, 2)
    _, ax = plot.figure()
    plot.images(ax, x, cols=3)
    sheet = ax.images[0].get_array()
    assert sheet.shape == (5, 8)
    np.testing.assert_allclose(
        [sheet[0, 0], sheet[0, 3], sheet[0, 6], sheet[3, 0], sheet[3, 3]], [0, 0.25, 0.5, 0.75, 1]
    )
    _, ax = plot.figure()
    plot.images(ax, torch.zeros(2, 3, 4, 4))
    assert ax.images[0].get_array().shape == (4, 9, 3)


def test_curves_draw_mean_and_band():
    _, ax = plot.figure()
    y = np.array([[0.0, 2.0], [2.0, 4.0]])
    plot.curves(ax, [0, 1], {"a": y, "b": torch.ones(2)})
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [1, 3])
    assert len(ax.collections) == 1 and len(ax.lines) == 2


def test_verdict_puts_x1_across_and_x2_up():
    _, ax = plot.figure()
    plot.verdict(ax, lambda x: 20 * x[:, :1], (-1, 1), n=10)
    p = ax.images[0].get_array()
    assert (p[:, -1] > 0.99).all() and (p[:, 0] < 0.01).all()


def test_a_look_at_D_changes_nothing_in_it():
    D = spectral_norm(mlp.discriminator()).double()  # in training mode each forward is a step of power iteration
    before = {name: value.clone() for name, value in D.state_dict().items()}
    _, ax = plot.figure()
    plot.verdict(ax, D, (-1, 1), n=10)
    assert D.training and all(torch.equal(before[name], value) for name, value in D.state_dict().items())


def test_other_figures_draw():
    _, axes = plot.figure(1, 4)
    x = torch.randn(20, 2)
    plot.scatter(axes[0], x, x + 1, (-3, 3))
    plot.hist(axes[1], x[:, 0], x[:, 1])
    plot.arrows(axes[0], x, -x)
    plot.bars(axes[2], {"a": 1.0, "b": 2.0}, {"a": 0.1, "b": 0.2}, "score")
    plot.floor(axes[2], 0.5)
    assert axes[2].get_ylabel() == "score" and axes[0].get_xlim() == (-3, 3)


@pytest.mark.parametrize("kind", ["protanopia", "deuteranopia", "none"])
def test_players_differ_for_the_colour_blind(kind):
    """Vienot, Brettel & Mollon (1999): what a dichromat sees, in linear RGB; colours must stay apart in CIE Lab."""
    matrix = {
        "protanopia": [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],
        "deuteranopia": [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]],
        "none": np.eye(3).tolist(),
    }[kind]

    def lab(colour):
        rgb = np.array(to_rgb(colour))
        linear = np.array(matrix) @ np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ linear
        f = np.cbrt(np.clip(xyz / [0.9505, 1, 1.089], 0, None))
        return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])

    for a, b in itertools.combinations([plot.REAL, plot.FAKE, plot.GEN, plot.DIS], 2):
        assert np.linalg.norm(lab(a) - lab(b)) > 15, (a, b)
