"""What is said of runs whose state is known: put there by hand, or reached by a seeded illness of the zoo."""

import copy
import math
import re

import pytest
import torch
from torch import nn

from gan_course import toy
from gan_course.laboratory.catalogue import Catalogue
from gan_course.laboratory.explain import explain
from gan_course.laboratory.run import Run
from gan_course.laboratory.setup import Setup
from gan_course.laboratory.zoo import ILLNESSES
from gan_course.losses import Loss, non_saturating

LINEAR = {"g_layers": 0, "d_layers": 0}


def played(turns=0, catalogue=None, **settings) -> Run:
    run = Run(Setup(**settings), catalogue or Catalogue())
    for _ in range(turns):
        run.play()
    return run


def put(net: nn.Module, weight, bias) -> None:
    """Make a network without hidden layers compute weight x + bias."""
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor(weight))
        net[0].bias.copy_(torch.tensor(bias))


def stood(run: Run) -> Run:
    """The run 100 turns later, had nothing moved since the players were put where they are: turn 0 is as it was."""
    run.game.index = 100
    run.frames, run.measures = run.frames.until(0), run.measures.until(0)
    seen, measured = run.look(), run.measure()
    for turn in range(10, 101, 10):
        run.frames.add(turn, seen)
    for turn in (50, 100):
        run.measures.add(turn, measured)
    return run


def sentences(said: str) -> int:
    return len(re.findall(r"[^.\d]\.(?: |$)|\d\.(?: |$)", said))


def test_nobody_has_learnt_at_the_beginning():
    run = played()
    assert explain(run).startswith("Nobody has learnt anything yet") and "JS is 0.69" in explain(run)
    assert f"right on {100 * run.look().right:.0f} %" in explain(run)
    run.play()
    assert explain(run).startswith("Just begun (turn 1)")


def test_the_first_turns_bring_g_nearer_and_the_numbers_are_the_measured_ones():
    run = played(200, lr_g=0.002, lr_d=0.002, penalties={"R1": 0.1}, seed=2)
    said = explain(run)
    assert "G gets nearer" in said and "over the last 200 turns" in said
    old, new = map(float, re.search(r"fell from (\d\.\d+) to (\d\.\d+)", said).groups())
    w1 = [measured.w1 for measured in run.measures.items]
    assert old == pytest.approx(sum(w1[:3]) / 3, abs=0.006) and new == pytest.approx(sum(w1[3:]) / 2, abs=0.006)


def test_a_generator_that_has_it_is_close_to_the_data():
    catalogue = Catalogue()
    catalogue.add(data=toy.gaussian((0.2, 0.1), 0.5))
    run = played(0, catalogue, data="yours", **LINEAR)
    put(run.game.G, [[0.5, 0.0], [0.0, 0.5]], [0.2, 0.1])
    put(run.game.D, [[0.0, 0.0]], [0.0])
    said = explain(stood(run))
    assert said.startswith("G is close to the data") and "1 of 1 modes" in said and "99 %" in said


def test_vanishing():
    run = played(0, **LINEAR, loss="minimax", lr_g=1e-5)
    put(run.game.G, [[0.01, 0.0], [0.0, 0.01]], [1.6, 0.0])
    put(run.game.D, [[-90.0, 0.0]], [126.0])  # all but sure, on both sides of x_1 = 1.4
    said = explain(stood(run))
    gradient = run.look().g_gradient
    assert 0 < gradient < 1e-3 and f"{gradient:.0e}" in said
    assert "vanishing gradient" in said and "right on 100 % of points" in said


def test_collapse_onto_one_mode_and_onto_a_spot_between_them():
    run = played(0, **LINEAR)
    mode = run.toy.modes[2].tolist()
    put(run.game.G, [[0.03, 0.0], [0.0, 0.03]], mode)
    put(run.game.D, [[0.0, -3.0]], [1.0])  # it takes sides, or the zoo calls this no collapse
    assert re.match(r"(99|100) % of G's fakes lie on a mode, but on only 1 of 8 modes \(mode coll", explain(stood(run)))
    put(run.game.G, [[0.03, 0.0], [0.0, 0.03]], [mode[0] / 2 + 0.3, mode[1] / 2])
    put(run.game.D, [[0.0, 3.0]], [-1.6])
    assert "one spot, 0.04 wide" in explain(stood(run)) and "mode collapse" in explain(run)


def test_a_generator_that_has_not_moved_has_not_collapsed():
    run = played(100, lr_g=1e-5, penalties={"R1": 1.0})
    assert "collapse" not in explain(run)


def test_data_without_modes_can_collapse_too():
    run = played(0, data="two moons", **LINEAR)
    put(run.game.G, [[0.03, 0.0], [0.0, 0.03]], [1.8, 0.2])
    put(run.game.D, [[-3.0, 0.0]], [3.6])
    said = explain(stood(run))
    assert "mode collapse" in said and "modes" not in said


def test_too_weak():
    run = played(0, **LINEAR)
    put(run.game.G, [[0.6, 0.0], [0.0, 0.6]], [0.9, 0.9])
    put(run.game.D, [[0.0, 0.0]], [0.0])
    said = explain(stood(run))
    assert "D is too weak" in said and "right on 50 % of points" in said
    least = int(re.search(r"at least (\d+) %", said)[1]) / 100
    assert 0.7 < least <= 1.0
    x, fake = run.toy.sample(4000, seed=1), torch.randn(4000, 2, generator=torch.Generator().manual_seed(0)) * 0.6 + 0.9
    g = torch.distributions.Normal(0.9, 0.6)
    truly = [run.toy.log_prob(s) > g.log_prob(s).sum(1) for s in (x, fake)]
    best = (truly[0].float().mean() + (~truly[1]).float().mean()) / 2
    assert least <= best + 0.02, "a bound from below, and true"


def test_a_start_that_swings_is_no_oscillation_as_long_as_g_gets_nearer():
    for seed in (0, 2):
        run = played(200, lr_g=0.002, lr_d=0.002, penalties={"R1": 0.1}, seed=seed)
        assert not re.search("oscillation|too weak|collapse", explain(run)), explain(run)


def test_a_generator_that_has_run_away():
    run = played(0, **LINEAR)
    put(run.game.G, [[0.3, 0.0], [0.0, 0.3]], [30.0, 0.0])
    put(run.game.D, [[0.1, 0.0]], [-1.5])  # neither sure enough to be called strong, nor unsure enough to be weak
    assert explain(stood(run)).startswith("G has run away: 100 % of its fakes lie outside the stage")


def test_a_change_is_named_while_it_is_news():
    run = played(60)
    run.change(lr_d=0.02, loss="hinge")
    assert explain(run).startswith("At turn 60, ")
    assert "D's learning rate became 0.02" in explain(run) and "the loss became hinge" in explain(run)
    run.play()
    assert "became hinge" in explain(run) and sentences(explain(run)) == 2
    run.change(**{"penalties.R1": 0.5})
    assert "R1" in explain(run) and "0.5" in explain(run)
    for _ in range(52):
        run.play()
    assert "became" not in explain(run)


def test_a_step_of_one_player_is_told_as_that():
    run = played(3)
    for who, told in (("d", "Only D moved"), ("d", "Only D moved"), ("g", "Only G moved"), ("d", "Only D moved")):
        run.step(who)
        assert explain(run).startswith(f"{told} in the last turn. "), run.log
    run.step("both")
    said = explain(run)
    assert "Only" not in said and "became" not in said, said  # nobody changed a setting


def test_a_change_at_the_very_beginning_is_no_news_and_later_changes_of_a_log_are_none_yet():
    run = played()
    run.change(lr_d=0.01)
    assert explain(run).startswith("Nobody")
    run = played(30)
    run.change(d_steps=3)
    again = Run(run.start, run.catalogue, run.log)
    for _ in range(10):
        again.play()
    assert "became" not in explain(again)


class Breaking(nn.Module):
    """A discriminator that works until it is told to fail."""

    broken = False

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 1)

    def forward(self, x):
        if self.broken:
            raise RuntimeError("this layer is of no use")
        return self.layer(x)


def test_it_never_raises():
    run = played(60)
    good = copy.deepcopy(run.game.state_dict())
    for spoilt in (math.nan, math.inf, -1e30):
        for player in "GD":
            with torch.no_grad():
                getattr(run.game, player)[0].weight.fill_(spoilt)
            for said in (explain(run), explain(stood(run))):
                assert said.endswith(".") and "nan" not in said
            run.game.load_state_dict(copy.deepcopy(good))
    catalogue = Catalogue()
    catalogue.add(discriminator=Breaking, loss=Loss(non_saturating.d, lambda real, fake: (real.detach() - fake).mean()))
    run = played(3, catalogue, discriminator="yours", loss="yours")
    assert "Just begun" in explain(run)
    run.game.D.broken = True
    assert explain(run) == "Turn 3 cannot be measured (RuntimeError: this layer is of no use)."


SAYS = {
    "collapse": "mode collapse", "oscillation": "oscillation", "vanishing": "vanishing gradient",
    "too_strong": "D is too strong", "too_weak": "D is too weak",
}  # fmt: skip


@pytest.mark.parametrize("key", ILLNESSES)
def test_an_illness_of_the_zoo_is_named_and_its_cure_is_seen(key):
    illness = ILLNESSES[key]
    run = Run(illness.setup.but(seed=7), Catalogue())
    for _ in range(illness.turns):
        run.play()
    said = explain(run)
    assert SAYS[key] in said and not any(other in said for name, other in SAYS.items() if name != key), said
    run.change(**illness.cure)
    assert explain(run).startswith(f"At turn {illness.turns}, ") and SAYS[key] in explain(run)
    for _ in range(illness.cure_turns):
        run.play()
    assert not any(sign in explain(run) for sign in SAYS.values()), explain(run)


def test_every_sentence_is_short_and_has_numbers():
    for settings in ({}, {"data": "spiral", "noise_dim": 1}, {"loss": "Wasserstein", "clip": 0.1}):
        run = played(0, **settings)
        for _ in range(4):
            said = explain(run)
            assert re.search(r"\d", said) and len(said) < 330 and sentences(said) in (1, 2), said
            for _ in range(30):
                run.play()
