"""The GPU's benchmark, small and on the processor: that each part runs, finds the turns equal, and keeps its rows."""

import json
import math
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import bench  # noqa: E402
import gpu  # noqa: E402
import gpu_images  # noqa: E402
import gpu_parts  # noqa: E402


def rows_of(part, tmp_path, size=gpu_parts.TINY):
    gpu.measure(part, size, 600, tmp_path / "rows.json")
    rows = json.loads((tmp_path / "rows.json").read_text("utf-8"))
    assert rows and all(math.isfinite(row["value"]) and row["value"] >= 0 for row in rows)
    return rows


def test_every_case_of_equality_is_recorded_and_equal(tmp_path):
    rows = rows_of("equality", tmp_path)
    assert len(rows) == len(gpu_parts.CASES) + 1
    assert all(row["passed"] for row in rows) and all(row["recorded"] for row in rows[:-1])
    assert rows[-1]["value"] == 1  # every turn had new noise and a new batch


def test_a_difference_is_seen(tmp_path, monkeypatch):
    usual = gpu_parts._losses

    def spoilt(case, compile, turns):
        losses, game = usual(case, compile, turns)
        return losses * (1.01 if compile == "auto" else 1), game

    monkeypatch.setattr(gpu_parts, "CASES", {"hinge": {"loss": gpu_parts.hinge}})
    monkeypatch.setattr(gpu_parts, "_losses", spoilt)
    first = rows_of("equality", tmp_path)[0]
    assert not first["passed"] and "NOT" in first["name"] and first["value"] == pytest.approx(0.01, rel=0.1)


@pytest.mark.parametrize("part", ["toys", "rates", "dcgan", "kernels", "games"])
def test_every_part_runs_small(part, tmp_path):
    rows = rows_of(part, tmp_path)
    goals = {row["goal"] for row in rows if row["goal"]}
    assert goals == {"toys": {15, 10}, "rates": set(), "dcgan": {40_000}, "kernels": set(), "games": {60}}[part]
    if part == "dcgan":
        assert all(row["recorded"] == ("from scratch" not in row["name"]) for row in rows)
        assert all(row["tflops_per_s"] > 0 for row in rows)


@pytest.mark.parametrize("form", gpu_images.FORMS)
def test_every_form_of_the_pair_plays(form):
    game = gpu_images.pictures(gpu_parts.TINY, 4, 4, "eager", form)
    assert all(math.isfinite(loss) for loss in next(game)[1:])


def test_games_are_played_whole_only_if_time_is_left(tmp_path):
    gpu.measure("games", gpu_parts.TINY, 0, tmp_path / "rows.json")
    rows = json.loads((tmp_path / "rows.json").read_text("utf-8"))
    assert not any("all played" in row["name"] for row in rows)


KERNELS = {
    "void at::native::multi_tensor_apply_kernel<FusedAdamMathFunctor>": "optimisers",
    "distribution_elementwise_grid_stride_kernel<float>": "noise and batches",
    "sm90_xmma_fprop_implicit_gemm_bf16bf16_nhwc": "convolutions and matrix products",
    "void cudnn::bn_fw_tr_1C11_kernel_NCHW": "batch norm",
    "void cudnn::ops::nchwToNhwcKernel": "copies and other layouts",
    "vectorized_elementwise_kernel<4, leaky_relu>": "activations and sums of two",
    "void at::native::reduce_kernel<512, 1, MeanOps>": "sums",
    "something else": "others",
}


@pytest.mark.parametrize("kernel", KERNELS)
def test_kernels_are_told_apart(kernel):
    assert gpu_images.kind_of(kernel) == KERNELS[kernel]


def test_the_command_keeps_what_was_measured(tmp_path, capfd, monkeypatch):
    """Each part is a process of its own; one that fails, or has no time, costs the others nothing."""
    usual = gpu.measure_apart
    monkeypatch.setattr(gpu, "measure_apart", lambda part, *more: (
        ([], "it ended with code 1") if part == "rates" else usual(part, *more)))  # fmt: skip
    gpu.main(["--tiny", "--parts", "rates", "games", "--out", str(tmp_path / "gpu.json")])
    found = json.loads((tmp_path / "gpu.json").read_text("utf-8"))
    assert {"date", "machine", "device", "seeds", "size"} <= set(found)
    assert {row["part"] for row in found["rows"]} == {"games"} and found["problems"] == {
        "rates": "it ended with code 1"
    }
    printed = capfd.readouterr().out
    assert "FAILED" in printed and "pytest tests/test_replay.py" in printed and "3 games" in printed
    monkeypatch.setattr(gpu, "measure_apart", usual)
    gpu.main(["--tiny", "--parts", "games", "--seconds", "1", "--out", str(tmp_path / "gpu.json")])
    assert json.loads((tmp_path / "gpu.json").read_text("utf-8"))["problems"] == {"games": "no time was left"}


def test_without_a_gpu_the_command_says_so(tmp_path, capsys):
    if bench.WHERE.type != "cuda":
        with pytest.raises(SystemExit):
            gpu.main(["--out", str(tmp_path / "gpu.json")])
        assert "needs an NVIDIA GPU; --tiny" in capsys.readouterr().err
