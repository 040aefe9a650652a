"""Lesson 05's exercises: named wrong answers are rejected for their own reason, other right answers are accepted."""

import functools

import pytest
import torch
from torch.nn.functional import softplus

from gan_course.checks import judges05, patients05
from gan_course.checks.engine import judge
from gan_course.laboratory.catalogue import Catalogue
from gan_course.laboratory.run import Run
from gan_course.laboratory.setup import Setup
from gan_course.widgets.laboratory import Laboratory

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
    verdict = judge("05.1", branch(run, 200, 300, **changes))
    assert verdict.ok, verdict.message
    assert "turn 200" in verdict.message and "g_steps = 1" in verdict.message


@pytest.mark.parametrize(
    "answer, reason",
    [
        (lambda: ..., "unsolved"),
        (lambda: "clinic.run", "not_a_run"),
        (lambda: {"g_steps": 1}, "not_a_run"),
        (lambda: collapsed(), "untouched"),
        (lambda: Laboratory(g_steps=5, trained=False), "untouched"),  # the laboratory itself will do, too
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


def test_05_4_accepts_another_way_and_an_earlier_end():
    plan = (200, {"d_steps": 3}), (250, {"lr_g": 0.001}), (200, {"lr_g": 0.0003})
    run = played(Run(Setup(seed=2), CATALOGUE), *plan)
    verdict = judge("05.4", run)
    assert verdict.ok, verdict.message


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


# --- 05.5 ---

RIGHT = {"A": "mode collapse", "B": "vanishing gradient", "C": "healthy", "D": "D too weak"}


def test_05_5_accepts_the_diagnosis_in_any_order():
    assert judge("05.5", dict(reversed(RIGHT.items()))).ok


@pytest.mark.parametrize(
    "slip, reason",
    [
        ({"B": "D too weak"}, "weak_for_strong"),
        ({"A": "vanishing gradient", "B": "mode collapse"}, "still_for_moving"),
        ({"A": "oscillation"}, "swing_for_collapse"),
        ({"D": "mode collapse"}, "collapse_for_weak"),
        ({"D": "oscillation"}, "swing_for_weak"),
        ({"C": "D too weak"}, "weak_for_healthy"),
        ({"C": "oscillation"}, "other"),
        ({"B": "vanished"}, "words"),
        ({"E": "healthy"}, "keys"),
        ({"A": ...}, "unsolved"),
    ],
)
def test_05_5_names_the_mistake(slip, reason):
    assert judge("05.5", RIGHT | slip).reason == reason


def test_05_5_the_signs_that_the_lesson_names_are_there():
    """What the lesson prints must tell the four apart, by far."""
    runs = {name: patients05.admit(name) for name in RIGHT}
    fakes = {name: (run.frames.items[-1].fakes, run.frames.items[-6].fakes) for name, run in runs.items()}
    spread = {name: float(now.std(0).max()) for name, (now, _) in fakes.items()}
    way = {name: float(abs(now - before).max(1).mean()) for name, (now, before) in fakes.items()}
    last = {name: run.measures.items[-1] for name, run in runs.items()}
    assert runs["B"].look().right > 0.95 and way["B"] < 0.05 < 5 * way["B"] + min(way["A"], way["D"])
    assert last["A"].modes <= 3 and spread["A"] < 0.4 and way["A"] > 0.5
    assert last["D"].w1 > 1.8 and last["D"].w1 > 1.5 * max(last[name].w1 for name in "ABC")
    assert last["C"].modes == 8 and last["C"].w1 < 0.4 and 0.5 < spread["C"] < 1


# --- 05.6 ---

CURES = {"A": {"lr_g": 0.003, "lr_d": 0.01}, "B": {"opt_g": "Adam", "lr_d": 0.005}, "D": {"lr_d": 0.02}}


def test_05_6_accepts_other_cures():
    verdict = judge("05.6", CURES)
    assert verdict.ok, verdict.message


@pytest.mark.parametrize(
    "answer, reason",
    [
        ({"A": {"lr_d": 0.01}}, "missing"),
        (CURES | {"C": {"d_steps": 1}}, "healthy_treated"),
        (CURES | {"A": {"lr_g": 0.002, "lr_d": 0.01, "d_steps": 3}}, "dose"),
        (CURES | {"A": {}}, "dose"),
        (CURES | {"A": {"seed": 1}}, "anew"),
        (CURES | {"A": {"lr": 0.01}}, "refused"),
        (CURES | {"A": {"lr_g": -1}}, "refused"),
        (CURES | {"A": {"lr_g": 0.05}}, "still_ill_A"),
        (CURES | {"A": 3}, "keys"),
        ([CURES], "keys"),
        (..., "unsolved"),
    ],
)
def test_05_6_names_the_mistake(answer, reason):
    assert judge("05.6", answer).reason == reason


@pytest.mark.parametrize("change", [{"loss": "non-saturating"}, {"penalties.R1": 1.0}, {"d_steps": 1}])
def test_05_6_the_single_changes_that_failed_in_the_lesson_fail_here(change):
    assert judge("05.6", {"B": change, "A": CURES["A"], "D": CURES["D"]}).reason == "still_ill_B"
