"""Sources to notebooks: the same bytes each time, nothing but what is needed, and no work thrown away."""

import json
import os
import re
import subprocess
import sys

import nbformat
import pytest

from gan_course import build
from gan_course.markers import SOURCES, sources, split

LESSON = """# %% [markdown]
# # Über √x

# %%
# exercise 07.1
def double(x):
    #: solution
    return 2 * x
    #: stub
    # return ...
    #: end


# %%
double(1)
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "07_x.py").write_text(LESSON, "utf-8")
    return tmp_path


def test_both_notebooks_are_written(folder):
    assert build.build(folder) == []
    learner, solved = (json.loads((folder / place / "07_x.ipynb").read_text("utf-8")) for place in (".", "solutions"))
    assert "".join(learner["cells"][1]["source"]).endswith("    return ...")
    assert "".join(solved["cells"][1]["source"]).endswith("    return 2 * x")
    assert [cell["cell_type"] for cell in learner["cells"]] == ["markdown", "code", "code"]
    assert learner["cells"][0]["source"] == ["# Über √x"]


def test_a_notebook_holds_nothing_that_changes(folder):
    build.build(folder)
    book = json.loads((folder / "07_x.ipynb").read_text("utf-8"))
    assert book["metadata"] == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    assert [cell["id"] for cell in book["cells"]] == ["07-000", "07-001", "07-002"]
    code = [cell for cell in book["cells"] if cell["cell_type"] == "code"]
    assert all(c["outputs"] == [] and c["execution_count"] is None and c["metadata"] == {} for c in code)
    nbformat.validate(nbformat.read(folder / "07_x.ipynb", as_version=4))


def test_the_same_source_gives_the_same_bytes_in_another_process(folder):
    build.build(folder)
    code = "import sys, pathlib; from gan_course import build; build.build(pathlib.Path(sys.argv[1]))"
    before = {path: path.read_bytes() for path in folder.rglob("*.ipynb")}
    for path in before:
        path.unlink()
    env = {**os.environ, "PYTHONHASHSEED": "7", "LC_ALL": "C", "PYTHONUTF8": "0"}
    subprocess.run([sys.executable, "-c", code, folder], check=True, env=env, capture_output=True)
    assert {path: path.read_bytes() for path in before} == before


def test_check_names_what_differs_and_writes_nothing(folder):
    missing = build.build(folder, check=True)
    assert len(missing) == 2 and all("is missing" in problem for problem in missing)
    assert not list(folder.rglob("*.ipynb"))
    build.build(folder)
    assert build.build(folder, check=True) == []
    changed = folder / "solutions" / "07_x.ipynb"
    changed.write_text(changed.read_text("utf-8").replace("2 * x", "3 * x"), "utf-8")
    (problem,) = build.build(folder, check=True)
    assert str(changed) in problem and "differs" in problem


def test_a_notebook_without_source_is_reported_and_kept(folder):
    build.build(folder)
    old = folder / "06_old.ipynb"
    old.write_text("{}")
    (folder / "my_notes.ipynb").write_text("{}")  # not named like a lesson: the learner's own
    for check in (True, False):
        (problem,) = build.build(folder, check=check)
        assert str(old) in problem and "no source" in problem
    assert old.exists()


def test_a_malformed_source_is_reported_and_the_others_are_built(folder):
    (folder / "src" / "08_bad.py").write_text("# %%\n#: solution\nx = 1\n", "utf-8")
    (problem,) = build.build(folder)
    assert re.search(r"08_bad\.py:2: ", problem)
    assert (folder / "07_x.ipynb").exists() and not (folder / "08_bad.ipynb").exists()


def test_a_build_that_changes_nothing_touches_nothing(folder, capsys):
    build.build(folder)
    capsys.readouterr()
    build.build(folder)
    assert capsys.readouterr().out == ""


# --- the lessons' own sources ----------------------------------------------------------------------------------------

each_source = pytest.mark.parametrize("source", sources(), ids=lambda path: path.stem)


def cells(source):
    book = nbformat.reads(build.notebook(split(source.read_text("utf-8")).solution, "00"), as_version=4)
    return book.cells


@each_source
def test_a_code_cell_has_at_most_25_lines(source):
    for cell in cells(source):
        lines = [line for line in cell.source.splitlines() if line.strip() and not line.strip().startswith("#")]
        assert cell.cell_type != "code" or len(lines) <= 25, cell.source


@each_source
def test_each_exercise_is_followed_by_its_check_hint_and_solution(source):
    code = [cell.source for cell in cells(source) if cell.cell_type == "code"]
    for place, text in enumerate(code):
        named = re.match(r"# exercise (\S+)", text)
        if named:
            after = "\n".join(code[place + 1 : place + 4])
            for call in (f'check("{named[1]}"', f'hint("{named[1]}")', f'# solution("{named[1]}")'):
                assert call in after, f"{source.name}: {call} is missing after the exercise"


@each_source
def test_links_to_other_lessons_lead_somewhere(source):
    for cell in cells(source):
        for target in re.findall(r"\]\(([^)#]+\.ipynb)\)", cell.source):
            assert (SOURCES.parent / target).is_file(), f"{source.name} links to {target}"
