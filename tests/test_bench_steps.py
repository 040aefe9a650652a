"""Where a turn's time goes: that the clock changes no number, that all of a turn is accounted for, and the page."""

import json
import math
import re
import shutil
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))
import bench  # noqa: E402
import page  # noqa: E402
import race  # noqa: E402
import steps  # noqa: E402

TURNS = race.WARM_UP + 4


@pytest.mark.parametrize("name", steps.GAMES)
def test_the_clock_changes_no_number(name):
    what, compile, _ = steps.GAMES[name]
    usual, timed = (steps.start(what, compile, bench.TINY) for _ in range(2))
    clock = steps.Clock()
    for kind, owner, method in ((steps.DRAWS, timed, "_draw"), (steps.ADAM, timed.opt_d, "step")):
        clock.label(kind, owner, method)
    for _ in range(TURNS):
        a = next(usual)
        with clock:
            b = next(timed)
        # The clock computes a convolution's two backward products one by one, which may round otherwise.
        torch.testing.assert_close(b.d_loss, a.d_loss, rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(b.g_loss, a.g_loss, rtol=1e-4, atol=1e-6)
    assert clock.took[steps.DRAWS] > 0 and clock.took[steps.ADAM] > 0
    assert (clock.took["convolutions, backward: data"] > 0) == (what == "images")


def test_each_kind_of_operation_has_a_name():
    assert all(hasattr(torch.ops.aten, name) for name in steps.KIND_OF)


def test_one_command_accounts_for_the_whole_turn_and_fills_the_page(tmp_path):
    before = (ROOT / "docs" / "speed.md").read_text("utf-8")
    shutil.copy(ROOT / "docs" / "speed.md", tmp_path / "speed.md")
    steps.main(["--tiny", "--clock", "cpu", "--out", str(tmp_path), "--write", "--page", str(tmp_path / "speed.md")])
    found = json.loads((tmp_path / "steps.json").read_text("utf-8"))
    assert {"date", "command", "machine", "seeds", "size", "clock"} <= set(found)
    for game in steps.GAMES:
        rows = {row["kind"]: row for row in found["rows"] if row["game"] == game}
        assert steps.CALLS in rows and {"a turn", "a bare turn"} <= set(rows)
        assert all(math.isfinite(row["us"]) and row["us"] >= 0 for row in rows.values())
        parts = sum(row["us"] for kind, row in rows.items() if kind not in ("a turn", "a bare turn"))
        assert parts >= 0.999 * rows["a turn"]["us"]
    after = (tmp_path / "speed.md").read_text("utf-8")
    assert after != before and steps.CALLS in after
    # Prose and the tables without new figures are as they were.
    outside = lambda text: text.split("<!-- steps -->")[0]  # noqa: E731
    assert outside(after) == outside(before)


def test_the_page_says_what_is_missing(tmp_path):
    (tmp_path / "steps.json").write_text(json.dumps({"rows": [], "clock": "wall", "command": "c", "date": "d",
                                                     "machine": "m"}), "utf-8")  # fmt: skip
    (tmp_path / "speed.md").write_text("No marks here.\n", "utf-8")
    with pytest.raises(ValueError, match="must hold the marks of the table 'steps' once, not 0 times"):
        page.fill(tmp_path / "speed.md", tmp_path)


def test_all_tables_of_the_page_are_made_from_the_results(tmp_path):
    text = (ROOT / "docs" / "speed.md").read_text("utf-8")
    bare = re.sub(r"(<!-- (\S[^>]*?) -->\n).*?(<!-- end of \2 -->)", r"\1\3", text, flags=re.DOTALL)
    (tmp_path / "speed.md").write_text(bare, "utf-8")
    for _ in range(2):  # twice is as once
        page.fill(tmp_path / "speed.md", ROOT / "docs" / "results")
        filled = (tmp_path / "speed.md").read_text("utf-8")
        assert filled.count("\n|") == text.count("\n|") > bare.count("\n|")
        for words in ("toy: ... and a recorded turn", steps.CALLS, "cost of a penalty: toy: R1"):
            assert words in filled and words not in bare
