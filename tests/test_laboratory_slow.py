"""Slow motion: the turn is the one that `play` plays, and every number told was really there."""

import copy
import re

import numpy as np
import pytest
import torch

import gan_course as gc
from gan_course.laboratory.catalogue import Catalogue
from gan_course.laboratory.run import Change, Run
from gan_course.laboratory.setup import Setup
from gan_course.laboratory.slow import moments

SMALL = Setup(g_width=8, d_width=8, batch=32)
NODES = {"noise", "generator", "fakes", "reals", "discriminator", "predictions", "d_loss", "g_loss", "d_gradient",
         "g_gradient"}  # fmt: skip
SETUPS = [
    SMALL,
    SMALL.but(loss="relativistic", penalties={"gradient penalty": 1.0, "R1": 0.1}, average=0.9, d_steps=3, g_steps=2),
    SMALL.but(loss="Wasserstein", clip=0.1, noise="uniform", noise_dim=1, d_steps=5),
    SMALL.but(loss="hinge", spectral=True, opt_d="SGD"),
    SMALL.but(d_steps=0, loss="least squares"),
    SMALL.but(g_steps=0, loss="minimax", d_steps=2),
]


def played(setup, turns=5, catalogue=None):
    run = Run(setup, catalogue or Catalogue())
    for _ in range(turns):
        run.play()
    return run


def same(a, b):
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return len(a) == len(b) and all(map(same, a, b)) if isinstance(a, (list, tuple)) else a == b


def same_frames(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def figures(text):
    return [float(x) for x in re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e[-+]?\d+)?", text)]


def told(moments, title, after=""):
    """The first number after these words in the caption of the sub-step with this title."""
    (caption,) = (moment.caption for moment in moments if moment.title == title)
    return figures(caption[caption.index(after) + len(after) :])[0]


def close(value):
    return pytest.approx(float(value), rel=6e-3, abs=1e-6)  # three figures


def flat(net):
    return torch.cat([p.detach().flatten() for p in net.parameters()])


@pytest.mark.parametrize("setup", SETUPS, ids=lambda setup: setup.loss)
def test_the_turn_is_the_one_that_play_plays(setup):
    slow, plain = played(setup), played(setup)
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    for _ in range(3):
        before = slow.turn
        moments(slow)
        plain.play()
        assert slow.turn == before + 1
        assert same(slow.game.state_dict(), plain.game.state_dict())
    assert slow.log == [] and slow.curves.items == plain.curves.items
    assert not slow.game.G._forward_hooks and not slow.game.D._forward_hooks
    assert torch.equal(torch.rand(2), expected)


@pytest.mark.parametrize("setup", SETUPS, ids=lambda setup: setup.loss)
def test_numbered_sub_steps_with_captions_and_lights(setup):
    steps = moments(played(setup))
    players = "d" * 6 * (setup.d_steps > 0) + "g" * 5 * (setup.g_steps > 0)
    assert "".join(step.player for step in steps) == players
    assert [step.index for step in steps] == list(range(1, len(players) + 1))
    assert {step.of for step in steps} == {len(players)}
    assert all(step.lit and set(step.lit) <= NODES for step in steps)
    for step in steps:
        assert step.caption.endswith(".") and ". " not in step.caption  # one sentence
        assert figures(step.caption) and "nan" not in step.caption and "tensor" not in step.caption
        assert len(step.caption) < 330
    assert len({step.title for step in steps}) == len(steps)


def test_every_part_of_the_graph_has_its_moment():
    lit = [set(step.lit) for step in moments(played(SMALL))]
    assert set.union(*lit) == NODES
    assert "reals" in lit[1] and "d_loss" in lit[3] and "d_gradient" in lit[4] and "g_gradient" in lit[10]
    paired = moments(played(SMALL.but(loss="relativistic")))
    assert "reals" in paired[7].lit and "reals" not in lit[7]


@pytest.mark.parametrize("setup", SETUPS[:4], ids=lambda setup: setup.loss)
def test_first_d_moves_then_g(setup):
    run = played(setup)
    before = run.look()
    pictures = [step.frame for step in moments(run)]
    assert all(same_frames(picture, before) for picture in pictures[:5])
    assert same_frames(pictures[-1], run.look())
    assert all(same_frames(picture, pictures[5]) for picture in pictures[5:10])
    assert np.array_equal(pictures[5].fakes, before.fakes)  # G has not moved yet
    if setup is SMALL:  # D has, and does not move again; other losses set its verdict against G's fakes
        assert np.array_equal(pictures[5].verdict, pictures[-1].verdict)
    assert not np.array_equal(pictures[5].verdict, before.verdict)
    assert not np.array_equal(pictures[-1].fakes, before.fakes)


@pytest.mark.parametrize(
    "setup",
    [
        SMALL,
        SMALL.but(loss="relativistic", penalties={"R1": 1.0, "gradient penalty": 2.0}),
        SMALL.but(loss="least squares", opt_d="SGD", lr_d=0.3),
        SMALL.but(loss="Wasserstein", clip=0.2),
        SMALL.but(loss="hinge", noise="uniform"),
    ],
    ids=lambda setup: setup.loss,
)
def test_the_numbers_are_those_of_the_turn(setup):
    run, twin = played(setup), played(setup)
    was = flat(twin.game.D), flat(twin.game.G)
    steps, turn = moments(run), next(twin.game)
    D, G = twin.game.D, twin.game.G
    assert told(steps, "The discriminator's loss", "scores is ") == close(turn.d_loss)
    assert told(steps, "The generator's loss", "scores is ") == close(turn.g_loss)
    of_d, of_g = (torch.cat([p.grad.flatten() for p in net.parameters()]).norm() for net in (D, G))
    assert told(steps, "The discriminator's gradient", "norm of ") == close(of_d)
    assert told(steps, "The gradient reaches the fakes", "norm ") == close(of_g)
    assert told(steps, "The discriminator moves", "distance of ") == close((flat(D) - was[0]).norm())
    assert told(steps, "The generator moves", "distance of ") == close((flat(G) - was[1]).norm())
    assert told(steps, "The discriminator moves", "rate ") == close(setup.lr_d)
    assert told(steps, "The discriminator's gradient", "each of its ") == len(was[0])
    for name in setup.penalties:
        assert name in steps[4].caption
    assert str(setup.clip or "rate") in steps[5].caption


def test_the_numbers_worked_out_by_hand():
    """The hinge game: G's loss is minus the mean score, so the pull on a fake is the slope of D there."""
    run = played(SMALL.but(loss="hinge"), 30)
    G, D, rng, batches = (copy.deepcopy(x) for x in (run.game.G, run.game.D, run.game.rng, run.game.batches))
    steps = moments(run)
    with torch.no_grad():
        fake, real = G(torch.randn(32, 2, generator=rng)), next(batches)
        real_scores, fake_scores = D(real), D(fake)
        after = run.game.D
        loss = (1 - after(real)).relu().mean() + (1 + after(fake)).relu().mean()
    centre = fake.mean(0)
    assert told(steps, "Noise becomes fakes", "(") == close(centre[0])
    assert told(steps, "Noise becomes fakes", "spread ") == close((fake - centre).square().sum(1).mean().sqrt())
    assert told(steps, "A batch of real points", "(") == close(real.mean(0)[0])
    assert told(steps, "The discriminator scores both", "score of ") == close(real_scores.mean())
    assert told(steps, "The discriminator scores both", "one of ") == close(fake_scores.mean())
    right = ((real_scores > 0).float().mean() + (fake_scores < 0).float().mean()) / 2
    assert told(steps, "The discriminator scores both", "right on ") == round(100 * right.item())
    assert told(steps, "The discriminator's loss", "it would be ") == 2
    assert told(steps, "The discriminator moves", " to ") == close(loss)
    z = torch.randn(32, 2, generator=rng)
    fake = G(z).detach().requires_grad_()
    scores = after(fake)
    (slope,) = torch.autograd.grad(scores.sum(), fake)
    assert told(steps, "The discriminator scores them", "score of ") == close(scores.detach().mean())
    assert told(steps, "The discriminator scores them", "takes ") == round(100 * (scores > 0).float().mean().item())
    assert told(steps, "The generator's loss", "scores is ") == close(-scores.detach().mean())
    assert told(steps, "The generator's loss", "it would be ") == 0
    assert told(steps, "The gradient reaches the fakes", "strength of ") == close(slope.norm(dim=1).mean())
    assert told(steps, "The generator moves", "these fakes by ") == close(
        (run.game.G(z) - fake).detach().norm(dim=1).mean()
    )


@pytest.mark.parametrize(
    ("loss", "d", "g"),
    [("non-saturating", 1.39, 0.693), ("minimax", 1.39, -0.693), ("least squares", 0.25, 0.125), ("hinge", 2, 0),
     ("relativistic", 0.693, 0.693), ("Wasserstein", 0, None)],
)  # fmt: skip
def test_what_a_loss_is_where_nobody_can_tell(loss, d, g):
    steps = moments(played(SMALL.but(loss=loss)))
    assert told(steps, "The discriminator's loss", "it would be ") == d
    if g is None:  # any number: only differences of scores mean something
        assert "it would be" not in steps[8].caption
    else:
        assert told(steps, "The generator's loss", "it would be ") == g


def test_several_updates_in_a_turn():
    run = played(SMALL.but(d_steps=5, g_steps=3))
    was = flat(run.game.D)
    steps = moments(run)
    assert "the next 4 of its 5 updates" in steps[5].caption
    assert told(steps, "The discriminator moves", "take it to ") == close((flat(run.game.D) - was).norm())
    assert "first of its 3 updates" in steps[10].caption
    once = moments(played(SMALL))
    assert "updates" not in once[5].caption and "updates" not in once[10].caption


def test_a_log_that_is_played_again_is_obeyed():
    log = [Change(5, {"d_steps": 0, "loss": "hinge"})]
    slow, plain = (Run(SMALL, Catalogue(), log) for _ in range(2))
    for run in (slow, plain):
        for _ in run.catch_up(4):
            pass
        run.play()
    steps = moments(slow)
    plain.play()
    assert len(steps) == 5 and "hinge" in steps[2].caption
    assert slow.log == log and same(slow.game.state_dict(), plain.game.state_dict())


def test_the_learners_own_code_in_slow_motion():
    catalogue = Catalogue()
    chosen = catalogue.add(
        loss=gc.Loss(gc.hinge.d, gc.hinge.g), penalty={"flat": lambda D, real, fake: D(real).square().mean()}
    )
    steps = moments(played(SMALL.but(**chosen), catalogue=catalogue))
    assert "yours loss" in steps[3].caption and "the loss and flat" in steps[4].caption


def test_a_turn_that_fails_is_not_played():
    catalogue = Catalogue()
    dead = gc.Loss(d=gc.hinge.d, g=lambda real, fake: fake.mean() * (float("nan") if len(fake) == 32 else 1.0))
    catalogue.add(loss={"dead": dead})
    run, quiet = played(SMALL, catalogue=catalogue), played(SMALL)
    run.change(loss="dead")
    with pytest.raises(FloatingPointError, match="not finite at turn 6"):
        moments(run)
    assert run.turn == 5 and same(run.game.state_dict(), quiet.game.state_dict())
    run.change(loss=SMALL.loss)
    quiet.play()
    moments(run)
    assert same(run.game.state_dict(), quiet.game.state_dict())
