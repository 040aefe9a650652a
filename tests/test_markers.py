"""The marks between solution and stub: both versions, and every way to write them wrong."""

import pytest

from gan_course.markers import MarkerError, solutions, sources, split

SOURCE = '''# %% [markdown]
# # A lesson
# #: solution is only text here
# %%
# exercise 07.1
def double(x):
    """Twice x."""
    #: solution
    # why: a sum is a product
    return x + x
    #: stub
    # y = x
    #
    # return ...
    #: end


# %%
# exercise 07.2
#: solution
answer = "b"
#: stub
# answer = ...
#: end
'''


def test_learner_gets_the_stub_uncommented_and_no_solution():
    text = split(SOURCE).learner
    assert '    """Twice x."""\n    y = x\n\n    return ...\n' in text
    assert "answer = ...\n" in text
    assert "x + x" not in text and '"b"' not in text and "why:" not in text


def test_solution_keeps_its_comments_and_loses_the_stub():
    text = split(SOURCE).solution
    assert '    """Twice x."""\n    # why: a sum is a product\n    return x + x\n' in text
    assert 'answer = "b"\n' in text and "..." not in text


@pytest.mark.parametrize("version", [0, 1])
def test_no_mark_is_left_and_markdown_is_untouched(version):
    text = split(SOURCE)[version]
    assert "# #: solution is only text here" in text
    assert not [line for line in text.splitlines() if line.strip().startswith("#:")]


def test_both_versions_run():
    for text, double, answer in zip(split(SOURCE), (..., 6), (..., "b"), strict=True):
        names = {}
        exec(text, names)
        assert names["double"](3) == double and names["answer"] == answer


MALFORMED = {
    "unknown": ("#: solutoin\nx = 1\n#: stub\n# x = ...\n#: end", 1, "is no mark"),
    "stub first": ("#: stub\n# x = ...\n#: end", 1, "'#: solution' must come"),
    "no stub": ("#: solution\nx = 1\n#: end", 3, "'#: stub' must come"),
    "nested": ("#: solution\nx = 1\n#: solution\nx = 1", 3, "'#: stub' must come"),
    "empty solution": ("#: solution\n\n#: stub\n# x = ...\n#: end", 3, "is empty"),
    "empty stub": ("#: solution\nx = 1\n#: stub\n#: end", 4, "is empty"),
    "stub is code": ("#: solution\nx = 1\n#: stub\nx = ...\n#: end", 4, "must be a comment"),
    "open at the next cell": ("#: solution\nx = 1\n# %%\ny = 2", 1, "not closed before the next cell (line 3)"),
    "open at the end": ("x = 0\n#: solution\nx = 1\n#: stub\n# x = ...", 4, "not closed before the end"),
}


@pytest.mark.parametrize("text, line, problem", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_mark_is_named_with_file_and_line(text, line, problem):
    with pytest.raises(MarkerError) as caught:
        split(text, "07_x.py")
    assert str(caught.value).startswith(f"07_x.py:{line}: ") and problem in str(caught.value)


def test_solutions_are_the_finished_cells_by_id(tmp_path):
    path = tmp_path / "07_x.py"
    path.write_text(SOURCE, "utf-8")
    found = solutions(path)
    assert list(found) == ["07.1", "07.2"]
    assert found["07.1"].startswith("def double(x):") and found["07.1"].endswith("return x + x")
    path.write_text(SOURCE + "# %%\n# exercise 07.1\nx = 1\n", "utf-8")
    with pytest.raises(MarkerError, match="07.1 is marked twice"):
        solutions(path)


def test_only_numbered_files_are_lessons(tmp_path):
    for name in ("02_b.py", "01_a.py", "helper.py", "1_short.py"):
        (tmp_path / name).touch()
    assert [path.name for path in sources(tmp_path)] == ["01_a.py", "02_b.py"]
