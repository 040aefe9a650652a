"""Several processes that train as one: the same as one process within rounding, and none of them lost alone.

The processes are real, and meet through gloo on the processor (shared_runs.py forks them, as torchrun starts them, and
does them harm; torchrun itself does where it matters). What NVIDIA GPUs do differently is not tested here.
"""

import pytest
import torch
from asking import asking

import gan_course as gc
from gan_course.nets import mlp
from gan_course.parts import in_parts
from gan_course.team import Team, join

LOST = "Error: another process of this training died, or can no longer be reached. The last save stays"


@pytest.fixture(scope="module")
def ask():
    with asking("shared_runs.py") as ask:
        yield ask


@pytest.mark.parametrize("size", [2, 3])
def test_shared_games_are_those_of_one_process(ask, tmp_path, size):
    """Losses, weights, optimisers, averages and random states after 20 turns, in double precision: with penalties of
    all kinds, several updates a turn, rows that do not divide evenly, and batch normalisation."""
    found = ask("equal", tmp_path, size=size)
    assert found.pop("codes") == [0] * size, found["words"]
    assert found.pop("words") == "" and len(found) == 6
    assert all(differ["apart"] < 1e-9 for differ in found.values()), found
    assert all(differ["among"] == 0 for differ in found.values()), found  # else the processes drift apart for good


def test_the_command_by_two_processes_is_that_by_one(ask, tmp_path):
    for found in ask("commands", tmp_path).values():
        one, two = found["runs"]
        assert one["codes"] == [0] and two["codes"] == [0, 0], two["words"]
        assert (found["cards"][0]["processes"], found["cards"][1]["processes"]) == (1, 2)
        assert "on cpu, 2 processes together" in two["words"] and two["words"].count("Done.") == 1
        # In single precision Adam makes whole steps out of slopes that are rounding alone; another seed is far away.
        assert found["apart"] < 1e-4 < 1e-2 < found["far"], found


def test_what_happens_to_one_ends_all_and_the_same_command_goes_on(ask, tmp_path):
    found = ask("deaths", tmp_path)
    assert len(found["deaths"]) == 4
    for death in found["deaths"]:
        words = death["words"]
        assert "Traceback" not in words and "RuntimeError" not in words, words
        if death["number"] == 9:
            assert [death["codes"][rank] for rank in death["ranks"]] == [-9]
            assert sorted(death["codes"]) == [-9, 1] and words.count(LOST) == 1, words
            assert death["lost"] <= 4
        else:  # all heard of it, wherever it came, and left at the same turn
            assert death["codes"] == [128 + death["number"]] * 2, words
            assert words.count(": saved at turn") == 1 and death["lost"] <= 0
            assert "\n  torchrun --standalone --nproc-per-node 2 -m gan_course.run dcgan-mnist --data" in words
    assert [run["codes"] for run in found["last"]] == [[0], [0, 0, 0]]
    assert all("Going on from turn" in run["words"] for run in [*found["deaths"][1:], *found["last"]])
    assert found["log"][-1] == found["end"] and found["log"] == sorted(set(found["log"]))
    assert found["straight"]["codes"] == [0, 0] and found["apart"] < 1e-5
    assert found["absent"], "a worker wrote into a folder that only the first should touch"


def test_a_signal_while_the_first_measures_stops_all(ask, tmp_path):
    found = ask("measuring", tmp_path)
    assert found["codes"] == [143, 143] and "SIGTERM: saved at turn 5 of 9" in found["words"]
    assert found["at"] == 5


def test_a_nan_in_one_takes_all_back(ask, tmp_path):
    found = ask("nan", tmp_path)
    assert found["codes"] == [0, 0], found["words"]
    assert found["words"].count("is not finite at turn 13: back to turn 10, with halved learning rates") == 2
    assert found["notes"]["rescues"] == 2 and found["rates"] == [pytest.approx(1e-3 / 4)]
    assert found["log"] == list(range(1, 21))


def test_where_memory_is_short_in_one_all_take_smaller_parts(ask, tmp_path):
    found = ask("hungry", tmp_path, name="r3gan-32")
    assert found["codes"] == [0, 0], found["words"]
    assert found["words"].count("Memory ran out in another process: from now on each computes its share in 2") == 1
    assert found["notes"]["parts"] == 2 and "Memory ran out" in found["notes"]["events"][0]
    assert found["apart"] < 1e-4


def test_where_batch_normalisation_forbids_smaller_parts_the_run_ends_with_advice(ask, tmp_path):
    found = ask("hungry", tmp_path, name="dcgan-mnist")
    assert found["codes"] == [1, 1] and found["words"].count("Error: ") == 1
    assert "Error: memory ran out" in found["words"] and "With more processes the shares are smaller" in found["words"]
    assert "Traceback" not in found["words"] and LOST not in found["words"]


def test_what_is_refused_is_refused_once_and_ends_all(ask, tmp_path):
    found = ask("doors", tmp_path)
    assert found.pop("left") == ["a", "a.old1", "b", "busy", "empty"]
    fresh = found.pop("fresh")
    assert fresh["codes"] == [0, 0] and fresh["words"].count("The earlier run is kept in") == 1
    says = {
        "other": "holds another run (seed was 0 and is 1)",
        "busy": "Another process is training in",
        "data": "has no complete split of MNIST",
        "small": "A batch of 1 cannot be shared among 2 processes",
        "device": "give --device cuda or cpu",
    }
    assert found.keys() == says.keys()
    for name, refused in found.items():
        assert refused["codes"] == [1, 1] and says[name] in refused["words"], refused
        assert refused["words"].count("Error: ") == 1 and "Traceback" not in refused["words"], refused


def test_torchrun_starts_anew_ends_and_stops(ask, tmp_path):
    found = ask("by_torchrun", tmp_path)
    killed, stopped, alone = found["killed"], found["stopped"], found["alone"]
    assert killed["code"] != 0 and killed["words"].count(LOST) == 2, killed["words"]
    assert killed["words"].count("Going on from turn") == 1  # the restart that --max-restarts 1 allows
    assert found["saved"] > 0 and stopped["code"] != 0
    assert f"Going on from turn {found['saved']}" in stopped["words"]
    assert stopped["words"].count("SIGTERM: saved at turn") == 1 and found["lost"] <= 0, stopped["words"]
    assert alone["codes"] == [0] and "Done." in alone["words"]


def test_a_process_by_itself_is_a_team_of_one(monkeypatch):
    for name in ("WORLD_SIZE", "RANK"):
        monkeypatch.delenv(name, raising=False)
    with join() as team:
        assert team == Team() and team.first and team.speaks() and team.speaks()
        assert not torch.distributed.is_initialized()
        x = torch.ones(3)
        assert team.add(x) is x and team.most(3, 1) == (3, 1) and team.share(lambda: "told") == "told"
        assert team.rows(7) == (0, 7)


def test_rows_are_divided_without_rest():
    for size in (1, 2, 3, 5):
        edges = [Team(rank, size).rows(7) for rank in range(size)]
        assert [low for low, _ in edges] == [0, *[high for _, high in edges[:-1]]] and edges[-1][1] == 7
        assert {high - low for low, high in edges} <= {7 // size, 7 // size + 1}
    with pytest.raises(ValueError, match="A batch of 7 cannot be shared among 8 processes"):
        Team(0, 8).rows(7)


def test_a_batch_with_too_few_rows_is_refused_in_a_game_too():
    game = gc.train(mlp.generator(hidden=(4,)), mlp.discriminator(hidden=(4,)), gc.Batches(torch.randn(9, 2), 3))
    with pytest.raises(ValueError, match="A batch of 3 cannot be shared among 4 processes"):
        next(in_parts(game, team=Team(0, 4)))
