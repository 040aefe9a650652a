"""The trial as the page gets it, what comes back from it, and the interval that its score is shown with."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
import traitlets
from matplotlib.figure import Figure
from scipy.stats import binomtest

from gan_course.widgets import judge as module
from gan_course.widgets.judge import Judge, picture, wilson

JS = Path(module.__file__).with_suffix(".js").read_text("utf-8")


def lot(n, level, size=3):
    """n pictures, all of them told apart by their level: level, level + 0.01, ..."""
    return level + 0.01 * torch.arange(float(n)).view(n, 1, 1, 1).expand(n, 1, size, size)


def shown(judge):
    """The pairs that the page draws, (rounds, 2, h, w), back in [-1, 1]."""
    high, wide = judge.size
    grey = np.frombuffer(judge.pixels, np.uint8).reshape(-1, 2, high, wide)
    return grey / 127.5 - 1


def test_each_round_shows_a_real_and_a_made_picture_once_and_says_which_is_real():
    judge = Judge(lot(30, 0.4), lot(25, -0.9), rounds=20, seed=3)
    pairs, real_is = shown(judge), np.array(judge.real_is)
    assert pairs.shape == (20, 2, 3, 3)
    rows = np.arange(20)
    real, made = pairs[rows, real_is], pairs[rows, 1 - real_is]
    assert (real > 0.3).all() and (made < -0.5).all()
    assert len(np.unique(real[:, 0, 0])) == len(np.unique(made[:, 0, 0])) == 20
    assert set(real_is) == {0, 1}


def test_the_real_one_is_on_either_side_by_chance_and_the_seed_says_where():
    sides = [Judge(lot(30, 0.4), lot(30, -0.9), seed=seed).real_is for seed in range(40)]
    assert 400 - 5 * 200**0.5 < sum(map(sum, sides)) < 400 + 5 * 200**0.5
    assert len({tuple(side) for side in sides}) > 35
    assert Judge(lot(30, 0.4), lot(30, -0.9), seed=7).real_is == sides[7]


def test_a_pixel_is_a_byte_from_black_to_white_row_by_row():
    real = torch.tensor([-1.0, 0.0, 1.0, 2.0, -5.0, 0.5]).view(1, 1, 2, 3)
    judge = Judge(real, -torch.ones(1, 1, 2, 3), rounds=1)
    pixels = np.frombuffer(judge.pixels, np.uint8).reshape(2, 2, 3)
    assert judge.size == [2, 3]
    assert pixels[judge.real_is[0]].tolist() == [[0, 128, 255], [255, 0, 191]]
    assert (pixels[1 - judge.real_is[0]] == 0).all()


def test_the_answers_come_back():
    judge = Judge(lot(9, 0.4), lot(9, -0.9), rounds=5)
    assert judge.answers == [] and judge.score == 0 and judge.interval == (0.0, 1.0)
    right = judge.real_is
    judge.chosen = [right[0], 1 - right[1], right[2]]
    assert judge.answers == [True, False, True] and judge.score == 2
    assert judge.interval == wilson(2, 3)


def test_answers_that_are_none_are_refused():
    judge = Judge(lot(9, 0.4), lot(9, -0.9), rounds=2)
    for chosen in ([2], [0, 1, 0]):
        with pytest.raises(traitlets.TraitError, match="at most 2 rounds"):
            judge.chosen = chosen
    assert judge.answers == []


@pytest.mark.parametrize("rounds", [1, 6, 20, 200])
def test_the_interval_is_scipys_wilson(rounds):
    for right in range(0, rounds + 1, max(1, rounds // 7)):
        wanted = binomtest(right, rounds).proportion_ci(method="wilson")
        assert wilson(right, rounds) == pytest.approx((wanted.low, wanted.high), abs=1e-7)


def test_no_interval_leaves_out_the_share_itself():
    for rounds in range(1, 300):
        assert wilson(0, rounds)[0] == 0 and wilson(rounds, rounds)[1] == 1  # error bars must not be negative


def test_it_has_words_for_every_score_and_calls_no_luck_a_skill():
    judge = Judge(lot(30, 0.4), lot(30, -0.9))
    assert len(judge.verdicts) == len(judge.intervals) == 21
    for right, words in enumerate(judge.verdicts):
        chance = binomtest(right, 20).pvalue  # of a score as far from half as this one, if it were luck
        assert f"You found {right} of 20" in words and "A coin gets 50 %" in words
        assert ("have not shown" in words) == (chance > 0.05)
        assert ("You can tell these pictures from real ones." in words) == (chance < 0.05 and right > 10)
        assert ("took the made ones for real" in words) == (chance < 0.05 and right < 10)


def test_bad_pictures_are_refused_by_name():
    good = lot(30, 0.4)
    for real, made, rounds, words in [
        (good[0], good, 20, r"real must be grey pictures of shape \(n, 1, h, w\)"),
        (good, good.expand(-1, 3, -1, -1), 20, "fake must be grey pictures"),
        (good, lot(30, 0, size=4), 20, "pictures of one size"),
        (good, good[:19], 20, "20 rounds need as many fake pictures, but there are 19"),
        (good, good * float("nan"), 20, "fake holds numbers that are not finite"),
        (good, good, 0, "rounds must be a whole number"),
    ]:
        with pytest.raises(ValueError, match=words):
            Judge(real, made, rounds)


def test_the_notebooks_randomness_is_left_alone():
    torch.manual_seed(3)
    wanted = torch.rand(1)
    torch.manual_seed(3)
    Judge(lot(30, 0.4), lot(30, -0.9))
    assert torch.rand(1) == wanted


def test_the_picture_for_viewers_without_a_kernel_names_the_real_ones():
    judge = Judge(lot(9, 0.4), lot(9, -0.9), rounds=4)
    figure = picture(judge)
    assert isinstance(figure, Figure)
    (ax,) = figure.axes
    sides = ", ".join(f"{i} {'right' if side else 'left'}" for i, side in enumerate(judge.real_is, 1))
    assert ax.texts[0].get_text() == f"Real: {sides}."
    assert ax.images[0].get_array().shape == (7, 15)  # two rows of four pictures of 3 x 3, a pixel between them


def test_the_page_gets_all_it_reads_in_plain_json_and_asks_no_other_machine():
    judge = Judge(lot(9, 0.4), lot(9, -0.9), rounds=4)
    state = judge.get_state()
    json.dumps({name: value for name, value in state.items() if not isinstance(value, bytes | memoryview)})
    read = set(re.findall(r'model\.get\("(\w+)"\)', JS))
    assert read == {"size", "pixels", "real_is", "intervals", "verdicts", "chosen"} <= set(state)
    assert not re.search(r"https?:|\bimport\b|fetch\(|XMLHttp|innerHTML", JS)
