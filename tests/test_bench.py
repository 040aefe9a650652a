"""The benchmark: that both sides play the same game, and that one command writes all its figures. Never the time."""

import json
import math
import sys
from itertools import islice
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import bench  # noqa: E402
import lines  # noqa: E402
import measures  # noqa: E402
import plain  # noqa: E402

TURNS = 12


def both_sides(pairs, x, penalty, z_dim):
    """The losses of `TURNS` turns, from the same batches and the same stream of noise."""
    rng = torch.Generator().manual_seed(1)
    batches = [x[torch.randint(len(x), (bench.BATCH,), generator=rng)] for _ in range(TURNS)]
    torch.manual_seed(5)
    theirs = list(islice(plain.play(*pairs[0], batches, z_dim, penalty), TURNS))
    game = bench.train(*pairs[1], iter(batches), penalties=bench.PENALTIES[penalty])
    game.rng = torch.default_generator.manual_seed(5)
    ours = [(step.d_loss.item(), step.g_loss.item()) for step in game]
    return torch.tensor(theirs), torch.tensor(ours)


@pytest.mark.parametrize("penalty", bench.PENALTIES)
def test_both_sides_play_the_same_toy_game(penalty):
    hidden = bench.TINY.hidden
    theirs, ours = both_sides([bench.toy_pair(hidden), bench.toy_pair(hidden)], bench.points(), penalty, bench.Z_DIM)
    assert theirs.shape == ours.shape == (TURNS, 2)
    torch.testing.assert_close(theirs, ours, rtol=1e-4, atol=1e-5)
    assert (theirs[0] - theirs[-1]).abs().min() > 1e-3  # it is a game in which something happens


@pytest.mark.parametrize("penalty", ["none", "R1"])
def test_both_sides_play_the_same_game_of_images(penalty):
    size = bench.TINY
    pairs = [bench.conv_pair(size, own=False), bench.conv_pair(size)]
    theirs, ours = both_sides(pairs, bench.images(size), penalty, 32)
    torch.testing.assert_close(theirs, ours, rtol=1e-3, atol=1e-4)


def test_the_plain_networks_are_the_courses_at_the_full_size():
    usual, own = bench.conv_pair(bench.FULL, own=False), bench.conv_pair(bench.FULL)
    z = torch.randn(3, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(usual[0](z), own[0](z), rtol=1e-3, atol=1e-4)
        x = usual[0](z)
        torch.testing.assert_close(usual[1](x), own[1](x), rtol=1e-3, atol=1e-4)


def test_a_line_compares_within_each_round():
    row = lines.line("toy", "x", [2.0, 30.0, 4.0], [1.0, 10.0, 1.0], "turns/s", 8)
    assert (row["before"], row["now"]) == (2.0, 8.0)  # 8 in the median of 4 seconds, and of 1
    assert (row["least"], row["times"], row["most"]) == (2.0, 3.0, 4.0)
    row = lines.cost("toy", "R1", [1.0, 2.0], [2.0, 4.0])
    assert row["times"] == 2 and row["before"] > row["now"]


def test_one_command_writes_all_figures(tmp_path, capsys):
    threads = torch.get_num_threads()
    bench.main(["--tiny", "--clock", "cpu", "--out", str(tmp_path)])
    assert torch.get_num_threads() == threads
    found = json.loads((tmp_path / "bench.json").read_text("utf-8"))
    assert {"date", "command", "machine", "seeds", "size", "clock", "device"} <= set(found)
    assert {row["part"] for row in found["rows"]} == {"toy", "images", "ensemble", bench.GIVES, "cost of a penalty"}
    numbers = [row[key] for row in found["rows"] for key in ("before", "now", "times", "least", "most")]
    numbers += [found["matrix_gflops_per_s"], *found["share_of_matrix_rate"].values()]
    assert all(math.isfinite(number) and number > 0 for number in numbers)
    # Enlarging in one go, and no gradient that is thrown away: fewer operations for the same game.
    assert found["gflop_per_turn"]["ours"] < found["gflop_per_turn"]["plain"]
    goals = {row["part"]: row["goal"] for row in found["rows"] if row["goal"]}
    gives = {row["name"] for row in found["rows"] if row["part"] == bench.GIVES}
    assert {"toy: ... and a recorded turn", "images: bf16 in the forward passes", "images: channels_last"} <= gives
    assert goals == {"toy": 1.5, "images": 1.8, "cost of a penalty": 2.2, "ensemble": 5}
    assert (tmp_path / "bench.png").read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr().out
    assert all(row["name"] in printed for row in found["rows"])


LOOPS = {
    "one forward": {"one_forward": True},
    "shared": {"shared": True, "penalty": "R1"},
    "R1": {"penalty": "R1"},
    "unread": {"unread": True},
    "fused": {"fused": True},
}


@pytest.mark.parametrize("name", LOOPS)
def test_each_measure_leaves_the_plain_game_as_it_is(name):
    more, x = dict(LOOPS[name]), bench.points()
    penalty = more.pop("penalty", "none")
    batches = [x[i * bench.BATCH : (i + 1) * bench.BATCH] for i in range(TURNS)]
    torch.manual_seed(5)
    usual = list(islice(plain.play(*bench.toy_pair((8, 8)), batches, bench.Z_DIM, penalty), TURNS))
    torch.manual_seed(5)
    found = islice(measures.play(*bench.toy_pair((8, 8)), batches, bench.Z_DIM, penalty, **more), TURNS)
    found = [tuple(map(float, pair)) for pair in found]
    torch.testing.assert_close(torch.tensor(found), torch.tensor(usual), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("change", [measures.channels_last, measures.enlarging, measures.to_few])
def test_changed_networks_are_the_same_functions(change):
    usual, pair = bench.conv_pair(bench.TINY, own=False), change(*bench.conv_pair(bench.TINY, own=False))
    assert (change is measures.channels_last) == (str(pair[0]) == str(usual[0]))
    z = torch.randn(5, 32, generator=torch.Generator().manual_seed(0))
    assert pair[0](z).shape == (5, 1, bench.TINY.side, bench.TINY.side)
    torch.testing.assert_close(pair[0](z), usual[0](z), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(pair[1](usual[0](z)), usual[1](usual[0](z)), rtol=1e-3, atol=1e-4)


def test_bf16_computes_nearly_the_same():
    x = bench.images(bench.TINY)[: bench.BATCH]
    first = []
    for bf16 in (False, True):
        torch.manual_seed(5)
        first.append(next(measures.play(*bench.conv_pair(bench.TINY, own=False), [x], 32, bf16=bf16)))
    torch.testing.assert_close(torch.tensor(first[1]), torch.tensor(first[0]), rtol=0.05, atol=0.05)
    assert first[0] != first[1]
