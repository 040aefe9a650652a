"""Records that thin out: bounded, in order, with the first item, and evenly spread however long the run."""

import random

import pytest

from gan_course.laboratory.history import Thinned


def filled(every, most, last, first=0):
    record = Thinned(every, most)
    for turn in range(first, last + 1):
        if record.due(turn):
            record.add(turn, f"item {turn}")
        assert len(record.items) <= most
    return record


def check(record, last):
    assert record.turns == sorted(set(record.turns)) and record.turns[0] == 0
    assert record.items == [f"item {turn}" for turn in record.turns]
    assert all(turn % record.every == 0 for turn in record.turns)
    assert len(record.turns) == len(record.items) <= record.most
    assert last - record.turns[-1] < record.every


@pytest.mark.parametrize("seed", range(40))
def test_any_length_in_a_bounded_room_without_a_gap(seed):
    rng = random.Random(seed)
    every, most, last = rng.randint(1, 20), rng.randint(1, 50), rng.randint(0, 3000)
    record = filled(every, most, last)
    check(record, last)
    assert record.turns == list(range(0, last + 1, record.every))  # even: no gap, none twice
    assert record.every == every or 2 * len(record.turns) >= most - 1  # and no thinner than the room asks


def test_the_last_item_not_after_a_turn():
    rng = random.Random(1)
    record = filled(3, 20, 700)
    for _ in range(200):
        turn = rng.randint(0, 900)
        expected = max(t for t in record.turns if t <= turn)
        assert record.at(turn) == (expected, f"item {expected}")
    assert Thinned(3, 20).at(5) is None
    assert filled(5, 10, 30, first=1).at(4) is None


@pytest.mark.parametrize("seed", range(20))
def test_a_branch_goes_its_own_way_as_fine_as_at_first(seed):
    rng = random.Random(seed)
    every, most = rng.randint(1, 10), rng.randint(8, 40)
    last = rng.randint(10 * every, 200 * every)
    trunk = filled(every, most, last)
    was = list(trunk.turns), list(trunk.items), trunk.every
    cut = rng.randint(0, last)
    branch = trunk.until(cut)
    assert branch.turns == [turn for turn in trunk.turns if turn <= cut]
    assert all(a is b for a, b in zip(branch.items, trunk.items, strict=False))  # the items are shared
    assert branch.due((cut // every + 1) * every)
    for turn in range(cut + 1, cut + 50 * every):
        if branch.due(turn):
            branch.add(turn, f"item {turn}")
        assert len(branch.items) <= most
    check(branch, cut + 50 * every - 1)
    assert (trunk.turns, trunk.items, trunk.every) == was


def test_nothing_is_due_twice():
    record = filled(10, 5, 100)
    assert not record.due(record.turns[-1]) and not record.due(0)
    assert not record.due(record.turns[-1] + 1)
