"""A setup: to JSON and back, what it refuses and how it says so, and what makes one setup of another."""

import json
import math
import random
from fractions import Fraction

import numpy as np
import pytest

from gan_course.laboratory.setup import FARTHEST, LIMITS, MOST_POINTS, RESTARTS, Setup, needs_restart

THREE = ((0.0, 0.0), (0.5, 0.25), (-1.0, 0.125))
WHOLE = [name for name, (least, _) in LIMITS.items() if isinstance(least, int)]


def some_setup(rng):
    """Any setup, all its fields drawn at random."""
    numbers = {
        name: rng.randint(least, most) if isinstance(least, int) else rng.uniform(least, most)
        for name, (least, most) in LIMITS.items()
    }
    numbers["d_steps"] = max(numbers["d_steps"], int(numbers["g_steps"] == 0))
    return Setup(
        data=rng.choice(("ring", "drawing", "yours")),
        points=tuple((rng.uniform(-2, 2), rng.uniform(-2, 2)) for _ in range(rng.randint(3, 20))),
        loss=rng.choice(("hinge", "Wasserstein")),
        noise=rng.choice(("Gaussian", "uniform")),
        spectral=rng.random() < 0.5,
        penalties={name: rng.uniform(0, 5) for name in ("R1", "R2", "gradient penalty") if rng.random() < 0.5},
        opt_g=rng.choice(("Adam", "SGD")),
        **numbers,
    )


def refused(**values):
    """The sentence with which they are refused."""
    with pytest.raises(ValueError) as caught:
        Setup().but(**values)
    words = str(caught.value)
    assert words[0].isupper() or words.split()[0] in (*values, "each")
    assert words.endswith(".") and len(words) < 400
    return words


@pytest.mark.parametrize("seed", range(30))
def test_to_json_and_back(seed):
    setup = some_setup(random.Random(seed))
    assert Setup.from_json(json.loads(json.dumps(setup.to_json()))) == setup


def test_json_of_the_default_is_plain():
    values = Setup().to_json()
    assert values["penalties"] == {} and values["points"] == [] and values["lr_g"] == 0.005
    assert set(RESTARTS) <= set(values) and Setup.from_json({}) == Setup()


@pytest.mark.parametrize("name", LIMITS)
def test_both_limits_are_in_and_what_is_beyond_is_out(name):
    least, most = LIMITS[name]
    other = {"g_steps": 1} if name == "d_steps" else {"d_steps": 1}
    for value in (least, most):
        assert getattr(Setup(**{name: value, **other}), name) == value
    step = 1 if name in WHOLE else 1e-7
    for value in (least - step, most + step, math.nan, math.inf, -math.inf, "1", None, True, [1]):
        words = refused(**{name: value})
        assert name in words and str(least) in words and str(most) in words and repr(value) in words


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_number_is_no_fraction(name):
    assert "whole" in refused(**{name: LIMITS[name][0] + 0.5})


def test_numbers_of_numpy_and_of_others_become_plain():
    setup = Setup(g_width=np.int64(8), lr_g=np.float32(0.25), lr_d=Fraction(1, 4), clip=1)
    assert json.loads(json.dumps(setup.to_json())) == Setup(g_width=8, lr_g=0.25, lr_d=0.25, clip=1.0).to_json()
    assert [type(value) for value in (setup.g_width, setup.lr_g, setup.lr_d, setup.clip)] == [int, float, float, float]


def test_somebody_must_learn():
    assert "nobody" in refused(d_steps=0, g_steps=0)
    assert Setup(d_steps=0).g_steps == Setup(g_steps=0).d_steps == 1


@pytest.mark.parametrize("name", ["data", "generator", "discriminator", "loss", "opt_g", "opt_d"])
def test_a_name_is_a_text(name):
    for value in (3, None, ["ring"], {"a": 1}):
        assert refused(**{name: value}).startswith(f"{name} must be a name")


def test_noise_and_spectral():
    assert "uniform" in refused(noise="pink") and "uniform" in refused(noise=["uniform"])
    assert "True or False" in refused(spectral=1) and "True or False" in refused(spectral="yes")


@pytest.mark.parametrize("weight", [-0.1, 1000.1, math.nan, "1", None, True, [1]])
def test_a_penalty_needs_a_weight(weight):
    assert "weight from 0 to 1000" in refused(penalties={"R1": weight})
    assert "weight from 0 to 1000" in refused(**{"penalties.R1": weight})


def test_penalties_are_names_with_weights():
    for value in (["R1"], "R1", None, {1: 0.5}):
        assert "R1" in refused(penalties=value)
    assert "R1" in refused(**{"penalties": 5, "penalties.R1": 1.0})


def test_a_weight_of_zero_is_no_penalty_and_their_order_is_no_matter():
    assert Setup(penalties={"R1": 0}) == Setup()
    one, other = Setup(penalties={"R1": 1, "R2": 2}), Setup(penalties={"R2": 2, "R1": 1})
    assert one == other and list(one.penalties) == list(other.penalties)


def test_one_penalty_at_a_time():
    setup = Setup().but(**{"penalties.R1": 1.0}).but(**{"penalties.R2": 2.0})
    assert setup.penalties == {"R1": 1.0, "R2": 2.0}
    assert setup.but(**{"penalties.R1": 0}).penalties == {"R2": 2.0}
    assert setup.but(penalties={}).penalties == {}
    assert setup.but(**{"penalties.R2": 5, "penalties": {"R1": 3}}).penalties == {"R1": 3.0, "R2": 5.0}
    assert setup.penalties == {"R1": 1.0, "R2": 2.0}  # as it was


def test_a_setup_does_not_share_the_callers_dictionary():
    weights = {"R1": 1.0}
    setup = Setup(penalties=weights)
    weights["R1"] = 9.0
    assert setup.penalties == {"R1": 1.0}


@pytest.mark.parametrize("points", [5, None, [1, 2], [(1, 2, 3)], [("a", 0)], "ab", [(10**400, 0)], [None]])
def test_a_drawing_is_made_of_pairs(points):
    assert "two numbers each" in refused(points=points)


def test_a_drawing_is_neither_too_large_nor_too_small():
    many = [(i / 1000, 0.0) for i in range(MOST_POINTS)]
    assert len(Setup(points=many).points) == MOST_POINTS
    assert str(MOST_POINTS) in refused(points=[*many, (0.9, 0.9)])
    for value in (math.nan, math.inf, -2.0 * FARTHEST):
        assert str(FARTHEST) in refused(points=[*THREE, (value, 0.0)])
    for points in [(), THREE[:2], (THREE[0],) * 10, (*THREE[:2], (0.0001, 0.0))]:
        assert "three different points" in refused(data="drawing", points=points)
    assert Setup(data="drawing", points=THREE).points == THREE


def test_what_there_is_not_is_named():
    words = refused(lr=0.1)
    assert "'lr'" in words and "lr_g" in words
    refused(self=1)


@pytest.mark.parametrize("values", [None, [], "{}", 3])
def test_json_that_is_no_object(values):
    with pytest.raises(ValueError, match="JSON object"):
        Setup.from_json(values)


def test_what_differs_makes_one_setup_of_the_other():
    rng = random.Random(0)
    for _ in range(50):
        one, other = some_setup(rng), some_setup(rng)
        assert other.but(**one.differs(other)) == one
    assert one.differs(one) == {}
    old = Setup(penalties={"R1": 1, "R2": 2}, lr_g=0.1)
    assert old.but(**{"penalties.R1": 0, "penalties.R2": 3, "lr_d": 0.1}).differs(old) == {
        "lr_d": 0.1,
        "penalties.R1": 0.0,
        "penalties.R2": 3.0,
    }


def test_what_needs_a_restart():
    live = set(Setup().to_json()) - RESTARTS
    assert live == {"loss", "penalties", "clip", "opt_g", "opt_d", "lr_g", "lr_d", "d_steps", "g_steps"}
    assert not needs_restart({**dict.fromkeys(live, 0), "penalties.R1": 1})
    assert all(needs_restart({name: 0, "lr_g": 0.1}) for name in RESTARTS)
