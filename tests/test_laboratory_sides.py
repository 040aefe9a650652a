"""The two sides that a learner plays: fair points, an honest clock, a discriminator that learns as in any game."""

import copy
import json
import math
import re
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.optimize import linprog
from sklearn.metrics import roc_auc_score
from torch import nn

from gan_course import NonFinite, toy, widgets
from gan_course.laboratory import setup as setups
from gan_course.laboratory.catalogue import Catalogue
from gan_course.laboratory.judges import area, luck, roc
from gan_course.laboratory.run import Run
from gan_course.laboratory.setup import Setup
from gan_course.laboratory.sides import OURS, TRIALS, Counterfeiter, Detective
from gan_course.losses import Loss, non_saturating

LAB = Path(widgets.__file__).with_name("lab")


def played(turns, catalogue=None, **rules):
    run = Run(Setup(**rules), catalogue or Catalogue())
    for _ in range(turns):
        run.play()
    return run


@pytest.fixture(scope="module")
def ring():
    return played(300)


def judge(detective, sure):
    """Answer all points: sure is a function of the truth."""
    for real in detective.real:
        detective.answer(sure(real))
    return detective.result()


def floats(data, width=2):
    return np.frombuffer(data, "<f4").reshape(-1, width)


def plain(state):
    """As the page gets it; raises if there is a NaN or anything that JSON does not know."""
    bare = {name: value.hex() if isinstance(value, bytes) else value for name, value in state.items()}
    return json.loads(json.dumps(bare, allow_nan=False))


# ---- the detective ----


class Elsewhere(nn.Module):
    """Fakes at (1.5, 1.5) and closer than 0.01 to it: no one can mistake them."""

    z_dim = 2

    def __init__(self):
        super().__init__()
        self.place = nn.Parameter(torch.tensor([1.5, 1.5]))

    def forward(self, z):
        return self.place + 0.002 * z.clamp(-3, 3)


class Same(nn.Module):
    """Noise as it is: the standard normal itself."""

    z_dim = 2

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, z):
        return self.scale * z


def test_half_of_the_points_are_real_and_the_others_are_the_generators():
    catalogue = Catalogue()
    catalogue.add(generator={"elsewhere": Elsewhere})
    run = Run(Setup(generator="elsewhere"), catalogue)
    detective = Detective(run, n=40, seed=1)
    assert detective.real.sum() == 20
    away = np.linalg.norm(detective.points - 1.5, axis=1)
    assert (away[~detective.real] < 0.01).all() and (away[detective.real] > 0.3).all()
    state = detective.state()
    assert len(floats(state["known_real"])) == len(floats(state["known_fake"])) == 60
    assert (np.linalg.norm(floats(state["known_fake"]) - 1.5, axis=1) < 0.01).all()
    assert run.toy.log_prob(torch.from_numpy(floats(state["known_real"]).copy())).min() > -9  # at most 4.9 sigma away
    result = judge(detective, lambda real: 3 * real)
    assert result["auc"]["best"] == 1 and result["long_run"]["best"] == 1 and result["right"]["best"] == 1


class Plain(toy.Toy):
    """A learner's own standard normal, drawn just as noise is."""

    dim, extent, device = 2, (-4.0, 4.0), torch.device("cpu")

    def log_prob(self, x):
        return -x.square().sum(1) / 2 - math.log(2 * math.pi)

    def _draw(self, n, generator):
        return torch.randn(n, 2, generator=generator)


def test_real_points_and_fakes_do_not_come_from_the_same_random_numbers():
    catalogue = Catalogue()
    catalogue.add(data={"plain": Plain()}, generator={"same": Same})
    state = Detective(Run(Setup(data="plain", generator="same"), catalogue), seed=0).state()
    assert not (floats(state["known_real"])[:, None] == floats(state["known_fake"])).all(2).any()


def test_against_a_perfect_generator_nobody_can_do_better_than_guess():
    catalogue = Catalogue()
    catalogue.add(data={"normal": toy.gaussian((0.0, 0.0), 1.0)}, generator={"same": Same})
    for seed in range(3):
        result = judge(Detective(Run(Setup(data="normal", generator="same"), catalogue), seed=seed), lambda real: 3)
        for who in ("network", "best"):
            assert result["long_run"][who] == pytest.approx(0.5, abs=4 * luck(TRIALS, TRIALS))


@pytest.mark.parametrize(
    "rules", [{}, {"loss": "Wasserstein", "clip": 0.1}, {"loss": "relativistic", "data": "grid"}, {"noise_dim": 1}]
)
def test_no_network_is_better_in_the_long_run_than_the_best_possible(rules):
    result = judge(Detective(played(100, **rules), seed=0), lambda real: 0)
    assert result["long_run"]["best"] > result["long_run"]["network"] - 0.01
    assert result["long_run"]["best"] > 0.6  # after 100 turns every one of these generators can be told


@pytest.mark.parametrize("seed", range(3))
def test_the_best_possible_is_that_of_the_exact_densities_where_g_is_a_gaussian(seed):
    run = played(100, g_layers=0, data="two Gaussians", seed=seed)
    (layer,) = run.game.G
    cover = torch.distributions.MultivariateNormal(layer.bias.detach(), scale_tril=torch.linalg.cholesky(
        layer.weight.detach() @ layer.weight.detach().T))  # fmt: skip
    x = torch.cat([run.toy.sample(5000, 7), run.game.sample(5000, seed=8)])
    exact = (run.toy.log_prob(x) - cover.log_prob(x)).numpy()
    known = area(roc(exact, np.repeat([True, False], 5000)))
    found = judge(Detective(run, seed=seed), lambda real: 3)["long_run"]["best"]
    assert found == pytest.approx(known, abs=0.03)  # each is known to 0.009 at most: Hanley and McNeil 1982


def test_the_network_is_the_discriminator_as_it_stood_on_the_points_that_were_answered(ring):
    detective = Detective(ring, seed=2)
    D = copy.deepcopy(ring.game.D)
    for real in detective.real[:17]:
        detective.answer(2 if real else 1)
    detective.answer(None)
    with torch.no_grad():
        logits = D(torch.from_numpy(detective.points[:17]))[:, 0].numpy()
    result, real = detective.result(), detective.real[:17]
    assert result["auc"]["network"] == pytest.approx(roc_auc_score(real, logits))
    assert result["right"]["network"] == pytest.approx(((logits > 0) == real).mean())
    assert result["right"]["you"] == 1 and result["luck"] == pytest.approx(luck(real.sum(), 17 - real.sum()))


@pytest.mark.parametrize(
    ("sure", "auc", "right"),
    [
        (lambda real: 3 * real, 1, 1),
        (lambda real: 2 + real, 1, 0.5),  # too trustful, yet in the right order
        (lambda real: 3 - 3 * real, 0, 0),
        (lambda real: 3, 0.5, 0.5),
    ],
)
def test_a_confidence_makes_a_curve_of_its_own(ring, sure, auc, right):
    result = judge(Detective(ring, seed=0), sure)
    assert result["auc"]["you"] == auc and result["right"]["you"] == right
    assert f"Your AUC is {auc:.2f}" in result["said"]
    for curve in result["roc"].values():
        assert curve[0] == [0, 0] and curve[-1] == [1, 1] and (np.diff(curve, axis=0) >= 0).all()


def test_a_round_leaves_the_run_as_it_is():
    run, twin = played(40, spectral=True), played(40, spectral=True)  # a look in training mode would turn its vectors
    before = torch.get_rng_state()
    detective = Detective(run, seed=5)
    detective.answer(1)
    detective.state()
    assert torch.equal(before, torch.get_rng_state())
    for _ in range(20):
        run.play()
        twin.play()
    for a, b in zip(run.game.state_dict()["D"].values(), twin.game.state_dict()["D"].values(), strict=True):
        assert torch.equal(a, b)


def test_a_seed_gives_the_same_round_and_none_a_new_one(ring):
    first, again, other = Detective(ring, seed=4), Detective(ring, seed=4), Detective(ring)
    np.testing.assert_array_equal(first.points, again.points)
    np.testing.assert_array_equal(first.real, again.real)
    assert not (first.points[:, None] == other.points).all(2).any()
    assert not (floats(first.state()["known_real"])[:, None] == first.points).all(2).any()  # examples are not questions


def test_a_round_goes_on_to_its_last_point(ring):
    detective = Detective(ring, n=5, seed=0)
    for done in range(5):
        state = detective.state()
        assert state["done"] == done and state["result"] is None and 0 < state["left"] <= 60
        assert tuple(state["point"]) == detective.point() == tuple(detective.points[done].tolist())
        detective.answer(3 if detective.real[done] else 2)
    state = plain(detective.state())
    assert state["point"] is None and detective.point() is None
    assert state["right"] == detective.real.sum()
    assert [a[2:] for a in state["answers"]] == [[int(real), 3 if real else 2] for real in detective.real]
    assert set(state["result"]["roc"]) == {"you", "network", "best"}
    detective.answer(0)
    assert detective.state()["done"] == 5 and "round is over" in detective.state()["notice"]


def test_the_clock_ends_the_round_and_refuses_what_comes_after_it(ring):
    detective = Detective(ring, seconds=0.5, seed=0)
    detective.answer(3 * detective.real[0])
    detective.answer(3 * detective.real[1])
    time.sleep(0.55)
    detective.answer(0)
    state = detective.state()
    assert state["done"] == 2 and state["point"] is None and state["left"] == 0 and state["result"] is not None
    assert "too late" in state["notice"]


def test_no_clock_means_no_hurry(ring):
    detective = Detective(ring, seconds=0)
    assert detective.state()["left"] is None and detective.point() is not None


def test_without_both_kinds_there_is_no_curve_but_a_word(ring):
    detective = Detective(ring, seed=0)
    detective.answer(None)
    assert set(detective.result()) == {"said"} and detective.state()["notice"] == ""
    one_sided = Detective(ring, seed=0)
    one_sided.answer(3)
    one_sided.answer(None)
    assert "at least one real and one fake" in plain(one_sided.state())["result"]["said"]


def test_the_picture_holds_all_points_but_not_more_than_the_stage(ring):
    detective = Detective(ring, seed=0)
    lo, hi = detective.extent
    assert ring.view.extent[0] <= lo < detective.points.min() and detective.points.max() < hi <= ring.view.extent[1]


@pytest.mark.parametrize("bad", [4, -1, 1.5, "real", True])
def test_an_answer_that_is_none_is_refused(ring, bad):
    detective = Detective(ring, seed=0)
    with pytest.raises(ValueError, match="surely fake"):
        detective.answer(bad)
    assert detective.state()["done"] == 0


@pytest.mark.parametrize("wrong", [{"n": 1}, {"n": 2.5}, {"n": True}, {"seconds": -1}, {"seconds": math.nan}])
def test_a_round_of_no_sense_is_refused(ring, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Detective(ring, **wrong)


# ---- the counterfeiter ----


def put(side, places):
    for i, (x, y) in enumerate(places):
        side.move(i, float(x), float(y))


def test_the_discriminator_learns_as_one_written_out_by_hand():
    side = Counterfeiter(Setup(batch=64, lr_d=0.01, opt_d="SGD"), Catalogue(), k=8)
    D = copy.deepcopy(side.game.D)
    places = torch.linspace(-1, 1, 16).reshape(8, 2)
    put(side, places)
    side.tick(3)
    batches = Catalogue().toy(Setup()).batches(64, seed=0)
    for _ in range(3):
        loss = nn.functional.softplus(-D(next(batches))).mean() + nn.functional.softplus(D(places)).mean()
        D.zero_grad()
        loss.backward()
        with torch.no_grad():
            for p in D.parameters():
                p -= 0.01 * p.grad
    for mine, theirs in zip(D.parameters(), side.game.D.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(side.points, places)
    assert side.state()["updates"] == 3


@pytest.mark.parametrize("updates", [0, 50])  # at first it is undecided everywhere
def test_the_state_says_what_the_discriminator_thinks(updates):
    side = Counterfeiter(Setup(data="two moons"), Catalogue(), k=10)
    side.tick(updates)
    state, lo, hi = side.state(), *side.view.extent
    x = torch.from_numpy(floats(state["points"]).copy()).requires_grad_()
    logits = side.game.D(x)
    p = torch.sigmoid(logits)[:, 0]
    np.testing.assert_allclose(np.frombuffer(state["p"], np.uint8), 255 * p.detach().numpy(), atol=0.51)
    (slope,) = torch.autograd.grad(10 * non_saturating.g(logits, logits), x)
    np.testing.assert_allclose(floats(state["pull"]), -slope.numpy(), atol=1e-5, rtol=1e-3)
    middles = lo + (hi - lo) * (torch.arange(32) + 0.5) / 32
    field = torch.sigmoid(side.game.D(torch.cartesian_prod(middles, middles).flip(1)))  # rows upwards
    verdict = np.frombuffer(state["verdict"], np.uint8)
    np.testing.assert_allclose(verdict, 255 * field.detach().numpy()[:, 0], atol=0.51)
    assert state["fooled"] == int((p > 0.5).sum()) and state["mean"] == pytest.approx(p.mean().item(), abs=0.003)
    assert f"takes {state['fooled']} of your 10 points" in state["said"]


def test_the_distance_is_the_cheapest_way_to_carry_the_points():
    side = Counterfeiter(Setup(), Catalogue(), k=4)
    put(side, [(-1, 0), (0.2, 0.3), (1, 1), (0, -1.5)])
    reals = Catalogue().toy(Setup()).sample(24, seed=OURS)
    cost = torch.cdist(side.points, reals).double().numpy()
    rows = [np.kron(np.eye(4), np.ones(24)), np.kron(np.ones(4), np.eye(24))]
    plan = linprog(cost.ravel(), A_eq=np.concatenate(rows), b_eq=[1 / 4] * 4 + [1 / 24] * 24)
    assert side.state()["w1"] == pytest.approx(plan.fun, rel=1e-5)


def test_real_points_score_the_floor():
    side, data = Counterfeiter(Setup(data="grid"), Catalogue()), Catalogue().toy(Setup(data="grid"))
    scores = []
    for seed in range(12):
        put(side, data.sample(24, seed))
        scores.append(side.state()["w1"])
    assert len(set(scores)) == 12 and np.mean(scores) == pytest.approx(side.floor, rel=0.15)


def test_what_does_not_move_is_found_out_and_real_points_are_not():
    caught, passed = (Counterfeiter(Setup(seed=1), Catalogue()) for _ in range(2))
    put(passed, passed.view.real[:24])
    for side in (caught, passed):
        side.tick(300)
    assert caught.state()["fooled"] == 0 and caught.state()["mean"] < 0.15
    assert passed.state()["mean"] > 0.35 and caught.state()["right"] > passed.state()["right"] + 0.2


@pytest.mark.parametrize(("data", "seed"), [("ring", 0), ("two Gaussians", 0), ("spiral", 1)])
def test_who_follows_the_discriminator_reaches_the_data_without_ever_seeing_it(data, seed):
    """The worst point goes to a place that D likes, 70 times: G learns of the data from D alone."""
    side, rng = Counterfeiter(Setup(data=data, seed=seed), Catalogue()), np.random.default_rng(seed)
    first, (lo, hi), scores = side.state()["w1"], side.view.extent, []
    for _ in range(70):
        state = side.state()
        likes = (np.frombuffer(state["verdict"], np.uint8) / 255.0) ** 6
        row, column = divmod(rng.choice(1024, p=likes / likes.sum()), 32)
        x, y = (lo + (hi - lo) * (cell + 0.5) / 32 for cell in (column, row))
        side.move(int(np.frombuffer(state["p"], np.uint8).argmin()), x, y)
        side.tick(8)
        scores.append(side.state()["w1"])
    assert first > 1.5 * side.floor and np.mean(scores[-20:]) < 1.3 * side.floor


@pytest.mark.parametrize(
    "rules",
    [*({"loss": name} for name in Catalogue().losses), {"penalties": {"R1": 0.5, "gradient penalty": 1.0}},
     {"clip": 0.05, "spectral": True}, {"noise_dim": 1, "noise": "uniform", "d_steps": 5, "average": 0.9},
     {"data": "drawing", "points": ((0, 0), (1, 0.5), (0.3, 1))}],
)  # fmt: skip
def test_every_rule_that_can_be_set_can_be_played_against(rules):
    side = Counterfeiter(Setup(**rules), Catalogue())
    before = copy.deepcopy(side.game.D.state_dict())
    side.tick(3)
    assert any(not torch.equal(before[name], value) for name, value in side.game.D.state_dict().items())
    assert plain(side.state())["updates"] == 3


def test_the_state_is_small_enough_to_be_sent_twenty_times_a_second():
    side = Counterfeiter(Setup(), Catalogue())
    assert len(json.dumps(plain(side.state()))) < 6000  # of which half is the hexadecimal of this test


def test_a_point_stays_on_the_stage_and_the_others_where_they_are():
    side = Counterfeiter(Setup(), Catalogue(), k=3)
    before, (lo, hi) = side.points.clone(), side.view.extent
    side.move(1, 100, -100.5)
    torch.testing.assert_close(side.points[1], torch.tensor([hi, lo]))
    assert torch.equal(side.points[[0, 2]], before[[0, 2]])


@pytest.mark.parametrize(
    ("move", "word"), [((3, 0.0, 0.0), "0 to 2"), ((-1, 0.0, 0.0), "0 to 2"), ((0.0, 0.0, 0.0), "0 to 2"),
                       ((0, math.nan, 0.0), "finite"), ((0, 0.0, math.inf), "finite"), ((0, "1", 0.0), "finite")]
)  # fmt: skip
def test_a_move_to_nowhere_is_refused_in_words(move, word):
    side = Counterfeiter(Setup(), Catalogue(), k=3)
    before = side.points.clone()
    with pytest.raises(ValueError, match=word):
        side.move(*move)
    assert torch.equal(side.points, before)


@pytest.mark.parametrize("k", [0, 201, 2.0, True])
def test_a_number_of_points_that_is_none_is_refused(k):
    with pytest.raises(ValueError, match="k must be a whole number"):
        Counterfeiter(Setup(), Catalogue(), k=k)


def test_a_loss_that_breaks_says_so_and_the_state_can_still_be_told():
    catalogue = Catalogue()
    catalogue.add(loss={"broken": Loss(lambda r, f: (r - r.max() - 1).log().mean() + f.mean(), non_saturating.g)})
    side = Counterfeiter(Setup(loss="broken"), catalogue)
    with pytest.raises(NonFinite, match="discriminator's loss"):
        side.tick(1)
    plain(side.state())


# ---- the page ----


@pytest.mark.parametrize("name", ["detective", "counterfeiter"])
def test_the_page_asks_for_nothing_that_does_not_exist(name, ring):
    text = (LAB / f"{name}.js").read_text("utf-8")
    side = Detective(ring, seed=0) if name == "detective" else Counterfeiter(Setup(), Catalogue())
    asked = set(re.findall(r"\b(?:state|before|next)\.(\w+)", text))
    assert asked and asked <= set(side.state())


def test_the_drawing_board_and_the_setup_agree_on_the_most_points():
    assert f"SKETCH_MOST = {setups.MOST_POINTS};" in (LAB / "sketch.js").read_text("utf-8")
