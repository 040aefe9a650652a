"""The state behind the divergence widget: what Python answers to each wish, without a browser."""

import math

import numpy as np
import pytest
import torch
import traitlets
from scipy.integrate import quad
from torch.autograd import grad

from gan_course import toy
from gan_course.losses import minimax, non_saturating
from gan_course.widgets.divergence import DATA, divergence_explorer, divergences, picture, pulls

PLACES = [(-2.0, 1.0), (0.5, 1.5), (1.8, 0.35), (-4.5, 2.5)]


def density(toy_, x: float) -> float:
    return toy_.pdf(torch.tensor([x], dtype=torch.float64)).item()


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("mean, std", PLACES)
def test_the_distances_are_those_of_an_adaptive_integral(data, mean, std):
    p, q = DATA[data], toy.gaussian(mean, std)

    def integral(f):
        return sum(quad(f, low, low + 2, epsabs=1e-10)[0] for low in range(-24, 24, 2))

    def kl(a, b):
        # Log densities, since the densities themselves underflow.
        def term(x):
            at = torch.tensor([x], dtype=torch.float64)
            log_a, log_b = a.log_prob(at).item(), b.log_prob(at).item()
            return math.exp(log_a) * (log_a - log_b)

        return integral(term)

    def js_term(x):
        a, b = density(p, x), density(q, x)
        return sum(c * math.log(2 * c / (a + b)) / 2 for c in (a, b) if c > 0)

    got = divergences(p, mean, std)
    assert got["JS(p, q)"] == pytest.approx(integral(js_term), abs=1e-6)
    assert got["KL(p‖q)"] == pytest.approx(kl(p, q), rel=1e-5)
    assert got["KL(q‖p)"] == pytest.approx(kl(q, p), rel=1e-5)


def test_wasserstein_of_one_bump_moved_is_how_far_it_was_moved():
    assert divergences(DATA["one bump"], -2.0, 0.5)["Wasserstein-1"] == pytest.approx(3.0, abs=1e-6)


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("mean, std", PLACES)
def test_the_pulls_are_minus_the_slopes_of_the_divergences(data, mean, std):
    """Minimax: of 2 JS. Non-saturating: of KL(q||p) - 2 JS (Arjovsky & Bottou 2017, Theorem 2.5)."""
    p, e = DATA[data], 1e-2
    for which, (dm, ds) in enumerate(((e, 0), (0, e))):
        up, down = divergences(p, mean + dm, std + ds), divergences(p, mean - dm, std - ds)
        js, kl = ((up[name] - down[name]) / (2 * e) for name in ("JS(p, q)", "KL(q‖p)"))
        got = {name: pair[which] for name, pair in pulls(p, mean, std).items()}
        assert got["minimax"] == pytest.approx(-2 * js, rel=5e-3, abs=1e-4)
        assert got["non-saturating"] == pytest.approx(-(kl - 2 * js), rel=5e-3, abs=1e-4)


@pytest.mark.parametrize("loss", [minimax, non_saturating])
def test_the_pulls_are_what_autograd_gives_through_the_optimal_discriminator(loss):
    p, q = DATA["two bumps"], toy.gaussian(-0.5, 1.2)
    theta = torch.tensor([-0.5, 1.2], requires_grad=True)
    z = torch.erfinv((torch.arange(20_001, dtype=torch.float64) * 2 - 20_000) / 20_001) * math.sqrt(
        2
    )  # a normal's quantiles
    x = theta[0] + theta[1] * z
    logit = p.log_prob(x) - q.log_prob(x)
    (slope,) = grad(loss.g(logit, logit), theta)
    assert pulls(p, -0.5, 1.2)[loss.name] == pytest.approx((-slope).tolist(), abs=2e-3)


def curves(widget) -> np.ndarray:
    return np.frombuffer(widget.curves, dtype=np.float32).reshape(-1, 4)


def test_on_top_of_the_data_the_optimal_discriminator_says_one_half_and_nothing_pulls():
    widget = divergence_explorer(data="one bump", mean=1.0, std=0.5)
    x, p, q, best = curves(widget).T
    np.testing.assert_allclose(best, 0.5, atol=1e-6)
    np.testing.assert_allclose(p, q, atol=1e-6)
    assert all(abs(value) < 1e-6 for value in widget.numbers.values())
    assert all(abs(value) < 1e-6 for both in widget.pulls.values() for value in both)


def test_a_wish_is_answered_in_full():
    widget = divergence_explorer()
    before = widget.curves, dict(widget.numbers), dict(widget.pulls)
    widget.mean = 3.0
    assert widget.numbers == divergences(DATA["two bumps"], 3.0, 1.0)
    assert {name: tuple(both) for name, both in widget.pulls.items()} == pulls(DATA["two bumps"], 3.0, 1.0)
    x, p, q, best = curves(widget).T
    assert x[q.argmax()] == pytest.approx(3.0, abs=0.03)
    np.testing.assert_allclose(best, p / (p + q), atol=1e-5)
    assert before[0] != widget.curves and before[1] != widget.numbers and before[2] != widget.pulls


def test_wishes_out_of_range_are_brought_back_and_unknown_data_refused():
    widget = divergence_explorer(mean=40.0, std=0.0)
    assert (widget.mean, widget.std) == (4.5, 0.4)
    with pytest.raises(traitlets.TraitError):
        widget.data = "three bumps"


def test_far_away_every_number_is_finite():
    widget = divergence_explorer(data="one bump", mean=-4.5, std=0.4)
    values = [*widget.numbers.values(), *(v for both in widget.pulls.values() for v in both)]
    assert np.isfinite(values).all() and np.isfinite(curves(widget)).all()
    assert widget.numbers["JS(p, q)"] == pytest.approx(math.log(2), abs=1e-6)


def test_the_picture_shows_what_the_widget_shows():
    widget = divergence_explorer(data="one bump", mean=0.0, std=1.0)
    drawn = picture(widget).axes
    _, p, q, best = curves(widget).T
    for line, wanted in zip([*drawn[0].lines, *drawn[1].lines], (p, q, best), strict=True):
        np.testing.assert_allclose(line.get_ydata(), wanted, atol=1e-6)
    assert f"{widget.numbers['JS(p, q)']:.3f}" in drawn[0].get_title()
