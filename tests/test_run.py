"""Larger experiments as commands: what they leave, how they resume, and that nothing that happens loses a run.

The runs are real processes (run_faults.py forks them, and does them harm), small and on the 8x8 digits.
"""

import json
import os
import subprocess
import sys

import pytest
import torch
from asking import asking

import gan_course
from gan_course import run
from gan_course.recipes import ALL
from gan_course.running.logs import Logs, sheet

SMALL = ["--data", "digits", "--width", "4", "--batch", "8"]


@pytest.fixture(scope="module")
def ask():
    """Ask run_faults.py for a scenario by name, and get what it found."""
    with asking("run_faults.py") as ask:
        yield ask


def test_killed_at_random_moments_a_run_ends_as_if_never_harmed(ask, tmp_path):
    found = ask("lives", tmp_path)
    assert found["end"] == 0 and found["last"] == 100
    assert found["same"], "the resumed run differs from the unharmed one"
    codes = found["codes"]
    assert len(codes) >= 8
    assert all(code == (-9 if number == 9 else 128 + number) for number, code in codes), codes
    assert {number for number, _ in codes} == {2, 9, 15} and found["torn"] > 0
    # At most one save interval is lost to kill -9, and nothing to a signal that can be heard.
    assert all(lost <= (4 if number == 9 else 0) for number, lost in found["lost"]), found["lost"]
    assert found["log"] == sorted(set(found["log"])) and len(found["log"]) >= 100 - len(codes)
    for (number, _), words in zip(codes, found["words"], strict=True):
        if number != 9:
            assert ("Ctrl-C: saved at turn" if number == 2 else "SIGTERM: saved at turn") in words
            assert "give the same command again:\n  python -m gan_course.run dcgan-mnist --data digits" in words
    assert all("Going on from turn" in words for words in found["words"][1:])


def test_a_full_disk_costs_nothing_but_saves(ask, tmp_path):
    found = ask("full_disk", tmp_path)
    assert found["code"] == 0 and found["last"] == 120
    assert found["whole"] == [True] * 3 and found["left"] == [0] * 3
    assert "an earlier save there is intact: free some space" in found["words"]
    assert sum("could not save (" in event for event in found["card"]["events"]) >= 3
    assert found["card"]["steps"] == 120 and str(tmp_path) not in json.dumps(found["card"])


def test_a_nan_goes_back_to_the_last_save_with_halved_rates(ask, tmp_path):
    found = ask("nan", tmp_path)
    assert found["code"] == 0, found["words"]
    assert found["words"].count("loss is not finite at turn 13: back to turn 10, with halved learning rates") == 2
    assert found["notes"]["rescues"] == 2 and found["rate"] == pytest.approx(1e-3 / 4)
    assert found["log"] == list(range(1, 21))
    events = found["card"]["events"]
    assert len(events) == 2 and "(G and D: 0.0005 and 0.0005)" in events[0] and "0.00025" in events[1]


def test_a_nan_without_cure_ends_with_advice_and_the_last_good_state(ask, tmp_path):
    found = ask("nan", tmp_path, cure=0.0)
    assert found["code"] == 1 and found["at"] == 10 and found["notes"]["rescues"] == 3
    for words in (found["words"], found["again"][1]):
        assert "halved 3 times (now 0.000125)" in words and "The state of turn 10 is in" in words
        assert "begin anew with --fresh and a smaller --lr" in words and "Traceback" not in words
    assert found["again"][0] == 1


def test_a_lack_of_memory_halves_what_is_computed_at_once(ask, tmp_path):
    found = ask("hungry", tmp_path)
    assert found["code"] == 0, found["words"]
    assert "Memory ran out at turn 1: from now on each batch of 2048 is computed in" in found["words"]
    assert found["notes"]["parts"] > 1 and found["card"]["images seen"] == 4 * 2048
    assert any("Memory ran out" in event for event in found["card"]["events"])
    code, words = found["again"]  # goes on in parts, so that memory does not run out once more
    assert code == 0 and "Going on from turn 4" in words and "in 2 parts" not in words


@pytest.fixture(scope="module")
def finished(ask, tmp_path_factory):
    """A short run of each recipe: folder, by name."""
    folder = tmp_path_factory.mktemp("runs")
    runs = [[name, name, *SMALL, "--steps", "6", "--save-every", "3", "--log-every", "2"] for name in ALL]
    for code, words in ask("commands", folder, runs=runs):
        assert code == 0, words
    return folder


@pytest.mark.parametrize("name", list(ALL))
def test_each_recipe_runs_and_its_generator_loads_with_its_card(finished, name):
    G = gan_course.generators.load_generator(finished / name)
    label = [torch.tensor([3, 4])] if name == "conditional-fashion" else []
    assert G(torch.randn(2, G.z_dim), *label).shape == (2, 3 if name == "stacked-mnist" else 1, 8, 8)
    card = G.card
    assert (
        card["command"] == f"python -m gan_course.run {name} {' '.join(SMALL)} --steps 6 --save-every 3 --log-every 2"
    )
    assert card["steps"] == 6 and str(finished) not in json.dumps(card)
    assert card["data"] == {"name": "scikit-learn's 8x8 digits (Alpaydin and Kaynak 1998)", "images": 1437,
                            "held out": 360, "licence": "CC BY 4.0"}  # fmt: skip
    metrics = {name: score for name, score in card["metrics"].items() if isinstance(score, dict)}
    wanted = {"stacked-mnist": {"modes_of_1000", "kl"}, "conditional-fashion": {"frechet_distance", "kernel_distance",
              "obeys_label"}}.get(name, {"frechet_distance", "kernel_distance"})  # fmt: skip
    assert set(metrics) == wanted and all({"value", "floor", "floor_sd", "n"} == set(m) for m in metrics.values())
    assert card["machine"]["device"] == "cpu" and os.uname().nodename not in json.dumps(card["machine"]).split('"')
    beside = json.loads((finished / name / "generator.json").read_text())
    digest = subprocess.run(["sha256sum", finished / name / "generator.safetensors"], capture_output=True, text=True)
    assert beside.pop("sha256") == digest.stdout.split()[0]
    assert beside == json.loads(json.dumps({key: value for key, value in card.items() if key != "generator"}))


def test_the_logs_hold_losses_metrics_and_samples(finished):
    folder = finished / "dcgan-mnist"
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert [line["turn"] for line in lines if "d_loss" in line] == [2, 4, 6]
    assert "frechet_distance" in lines[-1]
    assert sorted(os.listdir(folder / "samples")) == ["00000003.png", "00000006.png"]
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    board = EventAccumulator(str(folder / "tensorboard")).Reload()
    assert [event.step for event in board.Scalars("d_loss")] == [2, 4, 6]
    assert [event.value for event in board.Scalars("g_loss")] == pytest.approx([x["g_loss"] for x in lines[:3]])
    assert [event.step for event in board.Images("samples")] == [3, 6]


def test_the_same_command_again_another_run_and_a_fresh_start(ask, tmp_path):
    base = ["dcgan-mnist", *SMALL, "--save-every", "3"]
    answers = ask("commands", tmp_path, runs=[
        ["a", *base, "--steps", "3"],
        ["a", *base, "--steps", "3"],
        ["a", *base, "--steps", "5"],
        ["a", *base, "--steps", "5", "--seed", "1"],
        ["a", *base, "--steps", "4", "--seed", "1", "--fresh"],
        ["b", *base, "--steps", "5"],
    ])  # fmt: skip
    assert [code for code, _ in answers] == [0, 0, 0, 1, 0, 0]
    done, more, other, fresh = (words for _, words in answers[1:5])
    assert "Going on from turn 3" in done and "Going on from turn 3" in more
    assert "holds another run (seed was 0 and is 1)" in other and "--fresh to begin anew" in other
    assert "The earlier run is kept in" in fresh and "Going on" not in fresh
    # The earlier run is whole, and being prolonged has changed nothing in it.
    old, new, straight = (gan_course.generators.load_generator(tmp_path / name) for name in ("a.old1", "a", "b"))
    assert old.card["steps"] == 5 and new.card["steps"] == 4
    assert all(torch.equal(a, b) for a, b in zip(old.parameters(), straight.parameters(), strict=True))


def test_mistakes_get_a_sentence_and_no_traceback(tmp_path, capsys, monkeypatch):
    def answer(*arguments):
        code = run.main(list(arguments))
        return code, capsys.readouterr().err

    out = tmp_path / "out"
    code, said = answer("dcgan-mnist", "--data", str(tmp_path), "--out", str(out))
    assert code == 1 and "has no complete split of MNIST" in said and "--data digits" in said
    (tmp_path / "file").write_text("")
    code, said = answer("dcgan-mnist", *SMALL, "--out", str(tmp_path / "file" / "x"))
    assert code == 1 and "Could not use" in said and "--out" in said
    out.mkdir(exist_ok=True)
    (out / "run.save").write_bytes(b"damaged")
    code, said = answer("dcgan-mnist", *SMALL, "--out", str(out))
    assert code == 1 and "is damaged" in said and "start again" in said
    with run.Folder(tmp_path / "busy").lock():
        code, said = answer("dcgan-mnist", *SMALL, "--out", str(tmp_path / "busy"))
    assert code == 1 and "Another process is training in" in said
    for bad in (["no-such"], [], ["dcgan-mnist", "--steps", "0"], ["dcgan-mnist", "--steps", "1e3"]):
        with pytest.raises(SystemExit) as stop:
            run.main(bad)
        assert stop.value.code == 2
    assert "name a recipe: dcgan-mnist" in capsys.readouterr().err


def test_the_command_lists_its_recipes():
    done = subprocess.run([sys.executable, "-m", "gan_course.run", "--list"], capture_output=True, text=True)
    assert done.returncode == 0 and all(name in done.stdout for name in ALL)


def test_without_tensorboard_and_without_a_disk_logs_go_on(tmp_path, monkeypatch):
    monkeypatch.setattr("gan_course.running.logs.SummaryWriter", None)
    said = []
    (tmp_path / "log.jsonl").write_text('{"turn": 1, "a": 0.5}\n{"turn": 2, "a": 0.5}\n{"turn": 3, "a": 0.5}\n{"tu')
    logs = Logs(tmp_path, 2, True, said.append)
    logs.scalars(3, {"a": 0.25})
    assert [json.loads(x)["turn"] for x in (tmp_path / "log.jsonl").read_text().splitlines()] == [1, 2, 3]
    (tmp_path / "samples").write_text("in the way")
    for _ in range(2):
        logs.sheet(3, lambda: torch.zeros(4, 1, 8, 8))
    assert len(said) == 1 and "Could not write the log" in said[0] and "training goes on" in said[0]
    (tmp_path / "samples").unlink()

    def greedy():
        raise MemoryError

    logs.sheet(4, lambda: torch.zeros(4, 1, 8, 8))
    assert len(said) == 1 and (tmp_path / "samples" / "00000004.png").exists()
    logs.sheet(5, greedy)
    assert len(said) == 2
    with pytest.raises(ValueError, match="axes"):  # a mistake is not taken for a full disk
        logs.sheet(6, lambda: torch.zeros(4))
    logs.close()
    quiet = Logs(tmp_path / "absent", 0, False, said.append)
    quiet.scalars(1, {"a": 1.0}), quiet.sheet(1, lambda: torch.zeros(1, 1, 8, 8)), quiet.close()
    assert not (tmp_path / "absent").exists()


def test_a_sheet_is_rows_of_images_with_a_border():
    x = torch.linspace(-1, 1, 12).view(12, 1, 1, 1).expand(12, 3, 8, 8)
    picture = sheet(x, columns=10)
    times = -(-320 // 89)
    assert picture.shape == (17 * times, 89 * times, 3) and picture.dtype.name == "uint8"
    assert picture[0, 0, 0] == 0 and picture[9 * times, 9 * times, 0] == 255 and picture[0, 8 * times, 0] == 255
    assert (picture[: 8 * times, 9 * times : 17 * times] == round((x[1, 0, 0, 0].item() + 1) * 127.5)).all()
