"""Every lesson runs offline, from its first cell to its last, and says the same when it is run again.

The learner's version runs with its exercises unsolved; the solutions run with GAN_COURSE_STRICT=1, so that each
check must accept them. Both run under nbval without a network, where the system can take it away.
"""

import difflib
import functools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
import pytest

from gan_course import build

ROOT = Path(__file__).parents[1]
NOTEBOOKS = ROOT / "notebooks"
LESSONS = sorted(path.stem for path in NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
# Cells that are written to say something else once an exercise is solved.
DEPENDS_ON_ANSWERS = re.compile(r"\b(check|progress)\(")


def cut_off() -> list[str]:
    """The command that starts another without a network: as root, as a user, or [] where there is none."""
    if not sys.platform.startswith("linux") or shutil.which("unshare") is None:
        return []
    for flags in ("-n", "-rn"):
        if subprocess.run(["unshare", flags, "true"], capture_output=True).returncode == 0:
            return ["unshare", flags]
    return []


UNSHARE = cut_off()
NETWORK = "offline" if UNSHARE else "network_not_cut_off"
each_lesson = pytest.mark.parametrize("lesson", LESSONS)


@functools.cache
def run(notebook: Path, strict: bool) -> dict:
    """What tests/run_notebook.py writes of one notebook: its network interfaces, and each code cell's fate."""
    with tempfile.TemporaryDirectory() as home:
        report = Path(home) / "report.json"
        folders = {"GAN_COURSE_HOME": home, "IPYTHONDIR": f"{home}/ipython", "JUPYTER_CONFIG_DIR": f"{home}/jupyter"}
        done = subprocess.run(
            [*UNSHARE, sys.executable, str(ROOT / "tests" / "run_notebook.py"), str(notebook), str(report)],
            env={**os.environ, **folders, "GAN_COURSE_STRICT": "1" if strict else "0"},
            capture_output=True,
            text=True,
        )
        assert report.exists(), f"The notebook could not be run at all:\n{done.stdout}\n{done.stderr}"
        return json.loads(report.read_text("utf-8"))


def learner(lesson: str) -> Path:
    return NOTEBOOKS / f"{lesson}.ipynb"


def solved(lesson: str) -> Path:
    return NOTEBOOKS / "solutions" / f"{lesson}.ipynb"


def code(notebook: Path) -> list[str]:
    return [cell.source for cell in nbformat.read(notebook, as_version=4).cells if cell.cell_type == "code"]


def assert_ran(notebook: Path, strict: bool) -> None:
    report = run(notebook, strict)
    if UNSHARE:
        assert report["interfaces"] == ["lo"], "the notebook still had a network"
    failed = [f"{cell['source']}\n--> {cell['why']}" for cell in report["cells"] if cell["outcome"] != "passed"]
    assert not failed, f"{len(failed)} cells of {notebook.name} failed:\n\n" + "\n\n".join(failed)
    assert [cell["source"] for cell in report["cells"]] == code(notebook), "not every cell was run, in order"


def test_there_are_lessons_and_each_has_its_solutions():
    assert LESSONS, f"no lessons in {NOTEBOOKS}"
    assert sorted(path.stem for path in (NOTEBOOKS / "solutions").glob("*.ipynb")) == LESSONS


@each_lesson
@pytest.mark.parametrize("network", [NETWORK])
def test_solutions_run_and_every_check_accepts_them(lesson, network):
    assert_ran(solved(lesson), strict=True)


@each_lesson
@pytest.mark.parametrize("network", [NETWORK])
def test_learners_version_runs_with_nothing_solved(lesson, network):
    assert_ran(learner(lesson), strict=False)


@each_lesson
def test_a_second_run_prints_the_same_text(lesson):
    """The two versions are two runs: what they have in common must come out the same, letter for letter."""
    pairs = zip(run(solved(lesson), True)["cells"], run(learner(lesson), False)["cells"], strict=True)
    compared, differences = 0, []
    for one, two in pairs:
        if one["source"] != two["source"] or DEPENDS_ON_ANSWERS.search(one["source"]):
            continue
        compared += 1
        lines = [text for cell in (one, two) for text in ["\n".join(cell["texts"]).splitlines()]]
        differences += difflib.unified_diff(*lines, "solutions", "learner", n=0, lineterm="")
    assert compared, "the two versions have no cell in common"
    assert not differences, "\n".join(differences)


def test_committed_notebooks_are_what_the_sources_make():
    assert build.build(NOTEBOOKS, check=True) == []


@pytest.mark.parametrize("version", [learner, solved])
@each_lesson
def test_committed_notebooks_carry_no_outputs_and_have_fixed_ids(lesson, version):
    cells = json.loads(version(lesson).read_text("utf-8"))["cells"]
    assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in cells)
    assert [cell["id"] for cell in cells] == [f"{lesson[:2]}-{n:03d}" for n in range(len(cells))]


def test_a_notebook_that_fails_is_noticed(tmp_path):
    """A cell that raises, and the cells after it, are reported as they are."""
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in ("1 / 0", "print('on')")])
    nbformat.write(book, tmp_path / "bad.ipynb")
    cells = run(tmp_path / "bad.ipynb", False)["cells"]
    assert [cell["outcome"] for cell in cells] == ["failed", "passed"]
    assert "ZeroDivisionError" in cells[0]["why"] and cells[1]["texts"] == ["on\n"]
    with pytest.raises(AssertionError, match="1 cells of bad.ipynb failed"):
        assert_ran(tmp_path / "bad.ipynb", False)
