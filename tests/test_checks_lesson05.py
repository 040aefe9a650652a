"""Lesson 05's exercises: named wrong answers are rejected for their own reason, other right answers are accepted."""

import functools

import pytest
import torch
from torch.nn.functional import softplus

from gan_course.checks import judges05
from gan_course.checks.engine import judge
from gan_course.laboratory.catalogue import Catalogue
from gan_course.laboratory.run import Run
from gan_course.laboratory.setup import Setup

CATALOGUE = Catalogue()


def played(run, *plan):
    """The run after (turns, changes), (turns, changes), ..."""
    for turns, changes in plan:
        if changes:
            run.change(**changes)
        for _ in range(turns):
            run.play()
    return run


def branch(run, turn, turns, **changes):
    child = run.rewound(turn)
    for _ in child.catch_up(turn):
        pass
    return played(child, (0, changes), (turns, {}))


# --- 05.1 ---


@functools.cache
def collapsed(seed=0):
    """Every test takes a branch of it: it is never changed itself."""
    return played(Run(Setup(g_steps=5, seed=seed), CATALOGUE), (200, {}))


@pytest.mark.parametrize("seed, changes", [(0, {"g_steps": 1, "d_steps": 4}), (1, {"g_steps": 1, "lr_g": 0.002})])
def test_05_1_accepts_different_cures_and_other_seeds(seed, changes):
    run = collapsed(seed)
    verdict = judge("05.1", branch(run, 200, 400, **changes))
    assert verdict.ok, verdict.message
    assert "turn 200" in verdict.message and "g_steps = 1" in verdict.message


@pytest.mark.parametrize(
    "answer, reason",
    [
        (lambda: ..., "unsolved"),
        (lambda: "clinic.run", "not_a_run"),
        (lambda: {"g_steps": 1}, "not_a_run"),
        (lambda: collapsed(), "untouched"),
        (lambda: played(Run(Setup(d_steps=3), CATALOGUE), (60, {}), (20, {"lr_g": 0.001})), "other_start"),
        (lambda: branch(collapsed(), 200, 0, g_steps=1, d_steps=3), "not_played"),
        (lambda: branch(collapsed(), 200, 30, g_steps=1, d_steps=3), "modes"),  # not long enough
        (lambda: branch(collapsed(), 200, 150, lr_d=0.006), "modes"),  # G still runs ahead
    ],
)
def test_05_1_names_the_mistake(answer, reason):
    assert judge("05.1", answer()).reason == reason


# --- 05.2 ---


def pair_d(real, fake):
    return -torch.nn.functional.logsigmoid(real - fake).mean()


def pair_g(real, fake):
    return pair_d(fake, real)


def exact_d(real, fake):
    return softplus(fake - real).mean()


def exact_g(real, fake):
    return softplus(real - fake).mean()


def alone(real, fake):
    return softplus(-real).mean() + softplus(fake).mean()


def overflowing(real, fake):
    return -torch.log(torch.sigmoid(real - fake)).mean()


def test_05_2_accepts_log_sigmoids():
    assert judge("05.2", (pair_d, pair_g)).ok


@pytest.mark.parametrize(
    "d, g, reason",
    [
        (exact_g, exact_d, "swapped"),
        (exact_d, lambda r, f: -exact_d(r, f), "minimax"),
        (alone, exact_g, "alone"),
        (exact_d, lambda r, f: softplus(-f).mean(), "g_alone"),
        (lambda r, f: softplus((f - r).mean()), exact_g, "means"),
        (lambda r, f: softplus(f - r.T).mean(), exact_g, "all_pairs"),
        (lambda r, f: softplus(f - r), exact_g, "shape"),
        (lambda r, f: softplus(f - r).sum(), exact_g, "value"),
        (lambda r, f: (f - r).mean(), exact_g, "value"),
        (overflowing, lambda r, f: overflowing(f, r), "overflow"),
        (exact_d, lambda r, f: softplus(r - f).mean().detach(), "detached"),
        (exact_d, lambda r, f: softplus(r - f).mean().item(), "detached"),
        (exact_d, lambda r, f: ..., "unsolved"),
    ],
)
def test_05_2_names_the_mistake(d, g, reason):
    assert judge("05.2", (d, g)).reason == reason


# --- 05.3 ---


def effect(run, turn, turns, **changes):
    with_it, without = (branch(run, turn, turns, **values).measure().js for values in (changes, {}))
    return with_it - without


def played_on(run, turn, turns, **changes):
    while run.turn < turn + turns:
        run.play()
    return branch(run, turn, turns, **changes).measure().js - run.measure().js


def test_05_3_accepts_a_twin_made_in_one_line():
    assert judge("05.3", effect).ok


@pytest.mark.parametrize(
    "answer, reason",
    [
        (lambda run, turn, turns, **c: branch(run, turn, turns, **c).measure().js - run.measure().js, "parent"),
        (lambda run, turn, turns, **c: effect(run, turn, turns, **c) * -1, "sign"),
        (
            lambda run, turn, turns, **c: (
                branch(run, turn, turns, **c).measure().js - branch(run, turn, 0).measure().js
            ),
            "fork_turn",
        ),
        (lambda run, turn, turns, **c: branch(run, turn, turns, **c).measure().js, "level"),
        (lambda run, turn, turns, **c: effect(run, turn, turns), "both_changed"),
        (played_on, "run_changed"),
        (lambda run, turn, turns, **c: effect(run, turn + turns, turns, **c), "value"),
        (lambda run, turn, turns, **c: ..., "unsolved"),
    ],
)
def test_05_3_names_the_mistake(answer, reason):
    assert judge("05.3", answer).reason == reason


# --- 05.4 ---


def test_05_4_accepts_another_way_and_looks_no_further_than_turn_1000():
    plan = (250, {"d_steps": 3}), (550, {"lr_g": 0.001}), (250, {"lr_g": 0.0003})
    run = played(Run(Setup(seed=1), CATALOGUE), *plan)
    verdict = judge("05.4", run)
    assert verdict.ok, verdict.message
    assert run.turn == 1050


@pytest.mark.parametrize(
    "setup, plan, reason",
    [
        ({}, [(60, {})], "untouched"),
        ({"d_steps": 5}, [(60, {}), (20, {"lr_g": 0.001})], "other_start"),
        ({"data": "two moons"}, [(60, {}), (20, {"lr_g": 0.001})], "other_start"),
        ({}, [(60, {}), (0, {"lr_g": 0.001})], "not_played"),
        ({}, [(200, {}), (200, {"lr_d": 0.001})], "far"),
        ({"average": 0.99}, [(10, {}), (10, {"lr_g": 0.001})], "other_start"),
    ],
)
def test_05_4_names_the_mistake(setup, plan, reason):
    assert judge("05.4", played(Run(Setup(**setup), CATALOGUE), *plan)).reason == reason


def test_05_4_wants_the_change_before_the_end(monkeypatch):
    monkeypatch.setattr(judges05, "LAST_TURN", 50)
    assert judge("05.4", played(Run(Setup(), CATALOGUE), (60, {}), (10, {"lr_g": 0.001}))).reason == "late"
