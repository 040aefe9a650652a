"""Checks: no answer can raise, disturb the notebook or be judged in two ways; each lesson has what it owes."""

import functools
import json
import random
import re
import sys
import types

import numpy as np
import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell

from gan_course import checks, markers
from gan_course.checks import engine, overview, prediction, quizzes, record
from gan_course.checks.engine import Exercise, Wrong, judge

HINTS = ("Think.", "Add.", "`x + x`")


def judge_double(answer):
    x = torch.tensor([1.0, 2.0])
    got = answer(x)
    if torch.equal(got, x):
        raise Wrong("It is unchanged.", "unchanged")
    if got.shape != (2,) or not torch.allclose(got, 2 * x):
        raise Wrong(f"Twice {x.tolist()} is not {got.tolist()}.", "value")
    return "Twice 1 is 2."


def judge_random(answer):
    return f"{torch.rand(1).item():.6f} {np.random.rand():.6f} {random.random():.6f} {answer() or 0:.6f}"


def judge_step(answer):
    x = torch.zeros(1)
    answer(x)
    if x.item() == 0:
        raise Wrong("x did not move.", "still")
    return "x moved."


def judge_pair(answer):
    first, second = answer
    return f"{first()} {second()}"


DOUBLE = Exercise("97.1", "Twice", "easy", "core", 1, judge_double, HINTS)
RANDOM = Exercise("97.2", "Chance", "hard", "extra", 1, judge_random, HINTS, kind="bug")
STEP = Exercise("97.3", "In place", "medium", "useful", 1, judge_step, HINTS, in_place=True)
PAIR = Exercise("97.4", "Two functions", "easy", "core", 1, judge_pair, HINTS, kind="diagnose")


@pytest.fixture(autouse=True)
def lesson97(monkeypatch, tmp_path):
    """A lesson of the tests' own, and a home of its own for progress."""
    module = types.ModuleType("gan_course.checks.lesson97")
    module.EXERCISES = [DOUBLE, RANDOM, STEP, PAIR]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setenv("GAN_COURSE_HOME", str(tmp_path))
    monkeypatch.setenv("GAN_COURSE_STRICT", "0")
    monkeypatch.setattr(checks, "_hints_given", {})
    monkeypatch.setattr(prediction, "_asked", {})


# --- judging ---------------------------------------------------------------------------------------------------------


def loops(x):
    total = 0
    for row in x:
        for value in row:  # x has one dimension: iterating over a 0-d tensor raises
            total += value
    return total


ANSWERS = {
    "right": (lambda x: x + x, "right"),
    "right, differently": (functools.partial(torch.mul, 2), "right"),
    "ellipsis": (..., "unsolved"),
    "none": (None, "unsolved"),
    "returns ellipsis": (lambda x: ..., "unsolved"),
    "returns none": (lambda x: None, "unsolved"),
    "returns a half-solved pair": (lambda x: (x, ...), "unsolved"),
    "unchanged": (lambda x: x, "unchanged"),
    "thrice": (lambda x: 3 * x, "value"),
    "raises": (lambda x: 1 / 0, "error"),
    "asks a missing name": (lambda x: nowhere + x, "error"),  # noqa: F821
    "loops over a wrong shape": (loops, "error"),
    "recurses for ever": (lambda x: ANSWERS["recurses for ever"][0](x), "error"),
    "leaves": (lambda x: sys.exit(1), "error"),
    "wants two arguments": (lambda x, y: x, "unusable"),
    "is a number": (3, "unusable"),
    "is a string": ("x + x", "unusable"),
    "returns a string": (lambda x: "x", "unusable"),
    "is a class": (torch.nn.Linear, "unusable"),
}


@pytest.mark.parametrize("answer, reason", ANSWERS.values(), ids=ANSWERS)
def test_every_answer_gets_a_verdict_and_none_raises(answer, reason):
    verdict = judge(DOUBLE, answer)
    assert (verdict.reason, verdict.ok) == (reason, reason == "right")
    assert isinstance(verdict.message, str) and verdict.message


def test_an_error_names_the_learners_line():
    def mine(x):
        y = x.reshape(7)
        return y

    message = judge(DOUBLE, mine).message
    assert "y = x.reshape(7)" in message and "RuntimeError" in message and "`mine`" in message


def test_an_error_in_a_notebook_cell_names_its_line():
    shell = InteractiveShell.instance()
    try:
        shell.run_cell("def mine(x):\n    a = x\n    return a.nonsense\n")
        verdict = judge(DOUBLE, shell.user_ns["mine"])
    finally:
        InteractiveShell.clear_instance()
    assert verdict.reason == "error"
    assert "line 3" in verdict.message and "return a.nonsense" in verdict.message


def test_a_function_that_prints_in_place_of_returning_hears_so():
    def double(x):
        print(2 * x)

    verdict = judge(DOUBLE, double)
    assert verdict.reason == "unsolved"
    assert "`double` gave nothing back" in verdict.message and "`return`" in verdict.message


def test_functions_inside_a_tuple_a_list_or_a_dict_may_be_unsolved_too():
    assert judge(PAIR, (lambda: 1, lambda: ...)).reason == "unsolved"
    assert judge(PAIR, [lambda: 1, ...]).reason == "unsolved"
    assert judge(PAIR, (lambda: 1, lambda: 2)).message == "1 2"
    by_name = Exercise("97.5", "Dict", "easy", "core", 1, lambda a: f"{a['f']()}", HINTS)
    assert judge(by_name, {"f": lambda: ...}).reason == "unsolved"
    assert judge(by_name, {"f": lambda: 3}).message == "3"


def test_a_function_that_works_in_place_may_return_none():
    assert judge(STEP, lambda x: x.add_(1)).ok
    assert judge(STEP, lambda x: None).reason == "still"
    assert judge(STEP, lambda x: ...).reason == "unsolved"


def test_the_learners_randomness_stays_untouched_and_the_verdict_the_same():
    def careless():
        torch.manual_seed(99)
        np.random.seed(99)
        random.seed(99)
        torch.set_grad_enabled(False)
        torch.set_default_dtype(torch.float64)
        return torch.rand(1).item()

    torch.manual_seed(1), np.random.seed(1), random.seed(1)
    wanted = torch.rand(1), np.random.rand(), random.random()
    torch.manual_seed(1), np.random.seed(1), random.seed(1)
    first = judge(RANDOM, careless)
    assert (torch.rand(1), np.random.rand(), random.random()) == wanted
    assert torch.is_grad_enabled() and torch.get_default_dtype() == torch.float32
    assert judge(RANDOM, careless) == first and first.ok


def test_a_judge_can_differentiate_though_the_notebook_has_switched_gradients_off():
    grad = Exercise(
        "97.6", "Slope", "easy", "core", 1, lambda f: f"{torch.autograd.grad(f(x := leaf()), x)[0]:g}", HINTS
    )

    def leaf():
        return torch.tensor(3.0, requires_grad=True)

    with torch.no_grad():
        assert judge(grad, lambda x: x * x).message == "6"


@pytest.mark.parametrize("wrong", [{"difficulty": "so-so"}, {"importance": "?"}, {"kind": "?"}, {"hints": ("a", "b")},
                                   {"id": "2.1"}, {"hints": ("a", "b", " ")}])  # fmt: skip
def test_a_malformed_exercise_is_refused(wrong):
    good = {"id": "97.1", "title": "t", "difficulty": "easy", "importance": "core", "minutes": 1, "judge": len}
    with pytest.raises(ValueError):
        Exercise(**{**good, "hints": HINTS, **wrong})


# --- check, hint, solution -------------------------------------------------------------------------------------------


def said(capsys):
    return capsys.readouterr().out


def test_check_says_what_came_out_and_keeps_only_successes(capsys):
    checks.check("97.1", lambda x: x)
    assert said(capsys) == "✘ **Exercise 97.1 is not right yet.** It is unchanged.\n"
    assert record.load()["solved"] == {}
    checks.check("97.1", ...)
    assert said(capsys).startswith("○ **Exercise 97.1: Twice** – Still open")
    checks.check("97.1", lambda x: 2 * x)
    first = said(capsys)
    assert first == "✔ **Exercise 97.1 is solved.** Twice 1 is 2.\n"
    assert record.load()["solved"] == {"97.1": True}
    checks.check("97.1", lambda x: x)  # a later mistake takes nothing away
    assert record.load()["solved"] == {"97.1": True}
    said(capsys)
    checks.check("97.1", lambda x: 2 * x)
    assert said(capsys) == first


@pytest.mark.parametrize("answer", [..., lambda x: x, lambda x: 1 / 0])
def test_strict_mode_raises_on_anything_but_right(monkeypatch, answer):
    monkeypatch.setenv("GAN_COURSE_STRICT", "1")
    checks.check("97.1", lambda x: 2 * x)
    with pytest.raises(checks.CheckFailed, match=r"97\.1 \["):
        checks.check("97.1", answer)


@pytest.mark.parametrize("name", ["97.9", "2.1", 97.1, None])
def test_an_unknown_id_is_refused_with_the_known_ones(name):
    with pytest.raises(ValueError, match=r"97\.1, 97\.2|like '02\.3'"):
        checks.check(name, 1)


def test_hints_come_one_by_one(capsys):
    for level in (1, 2, 3, 3):
        checks.hint("97.1")
        assert f"Hint {level} of 3 for exercise 97.1.** {HINTS[level - 1]}" in said(capsys)
    checks.hint("97.1", level=2)
    assert "Hint 2 of 3" in said(capsys)
    with pytest.raises(ValueError, match="levels 1 to 3"):
        checks.hint("97.1", level=4)


def test_the_solution_comes_from_the_lessons_source(capsys, monkeypatch, tmp_path):
    body = "    #: solution\n    return x + x\n    #: stub\n    # return ...\n    #: end\n"
    (tmp_path / "97_x.py").write_text(f"# %%\n# exercise 97.1\ndef f(x):\n{body}")
    monkeypatch.setattr(markers, "sources", functools.partial(markers.sources, tmp_path))
    checks.solution("97.1")
    assert "```python\ndef f(x):\n    return x + x\n```" in said(capsys)
    checks.solution("97.2")
    assert "was not found" in said(capsys)


# --- predictions -----------------------------------------------------------------------------------------------------


def click(prediction_id, index):
    prediction._keep(prediction_id, index)  # what the button's observer calls


def test_no_guess_is_no_harm(capsys):
    checks.predict("97.a", "Which?", ["one", "two"])
    assert "Which?" in said(capsys)
    checks.reveal("97.a", truth=1, because="It was 2.")
    assert said(capsys) == "You made no guess.\n\n**Answer: two.** It was 2.\n"
    assert record.load()["predictions"] == {}


@pytest.mark.parametrize("guess, mark, right", [(1, "✔", True), (0, "✘", False)])
def test_a_guess_is_kept_and_shown_beside_the_answer(capsys, guess, mark, right):
    checks.predict("97.a", "Which?", ["one", "two"])
    click("97.a", guess)
    checks.predict("97.a", "Which?", ["one", "two"])  # the cell is run again: the guess is still there
    said(capsys)
    checks.reveal("97.a", 1, "It was 2.")
    text = said(capsys)
    assert text.startswith(f"{mark} You guessed *{['one', 'two'][guess]}*") and "**Answer: two.** It was 2." in text
    assert record.load()["predictions"]["97.a"]["right"] is right


def test_a_guess_after_the_answer_does_not_count(capsys):
    checks.predict("97.a", "Which?", ["one", "two"])
    click("97.a", 0)
    checks.reveal("97.a", 1, "It was 2.")
    click("97.a", 1)
    checks.reveal("97.a", 1, "It was 2.")
    assert record.load()["predictions"]["97.a"] == {"option": "two", "right": False}


def test_bad_predictions_are_refused(capsys):
    with pytest.raises(ValueError, match="two or more different"):
        checks.predict("97.a", "Which?", ["one", "one"])
    checks.predict("97.a", "Which?", ["one", "two"])
    with pytest.raises(ValueError, match="truth=2"):
        checks.reveal("97.a", truth=2, because="")
    said(capsys)
    checks.reveal("97.z", truth=0, because="It was 2.")
    assert "Run the cell with the question first" in said(capsys)


# --- the record ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"solved": 3}', b"\xff\xfe", b"null",
                                     b'{"solved": {}, "quiz": {}, "predictions": {"a": 1}}'])  # fmt: skip
def test_a_broken_record_is_set_aside_with_a_warning(tmp_path, content):
    (tmp_path / "progress.json").write_bytes(content)
    with pytest.warns(UserWarning, match="was broken"):
        checks.check("97.1", lambda x: 2 * x)
    assert record.load()["solved"] == {"97.1": True}
    assert (tmp_path / "progress.broken.json").read_bytes() == content


def test_a_place_that_cannot_be_written_costs_the_record_only(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GAN_COURSE_HOME", str(tmp_path / "file" / "below"))
    with pytest.warns(UserWarning, match="could not be kept"):
        checks.check("97.1", lambda x: 2 * x)
    assert "is solved" in said(capsys)
    checks.progress()


def test_what_cannot_be_written_lasts_until_the_kernel_stops_and_is_tried_again(tmp_path, monkeypatch, capsys):
    home = tmp_path / "home"
    home.write_text("a file where the folder should be")
    monkeypatch.setenv("GAN_COURSE_HOME", str(home))
    checks.predict("97.a", "?", ["one", "two"])
    with pytest.warns(UserWarning, match="lasts until the kernel stops"):
        click("97.a", 1)
        checks.reveal("97.a", 1, "because")
    assert "You guessed *two*, and so it is." in said(capsys)
    assert record.load()["predictions"]["97.a"] == {"option": "two", "right": True}
    home.unlink()
    checks.check("97.1", lambda x: 2 * x)
    kept = json.loads((home / "progress.json").read_text("utf-8"))
    assert kept["predictions"]["97.a"]["right"] is True and kept["solved"] == {"97.1": True}
    assert home not in record._unwritten


def test_values_of_another_kind_in_the_record_do_not_stop_the_overview(tmp_path):
    text = '{"solved": {}, "predictions": {"97.a": {"right": "no"}}, "quiz": {"97": {"1": "yes", "2": null}}}'
    (tmp_path / "progress.json").write_text(text)
    checks.progress()


def test_the_record_is_whole_at_every_moment(tmp_path, monkeypatch):
    """A crash while writing leaves the old record: nothing is written into the file itself."""
    checks.check("97.1", lambda x: 2 * x)
    before = (tmp_path / "progress.json").read_bytes()

    def crash(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(record.os, "replace", crash)
        with pytest.raises(KeyboardInterrupt):
            record.update(lambda kept: kept["solved"].update({"97.2": True}))
    assert (tmp_path / "progress.json").read_bytes() == before
    record.update(lambda kept: kept["solved"].update({"97.2": True}))
    assert set(record.load()["solved"]) == {"97.1", "97.2"}


def test_progress_shows_every_lesson(capsys, monkeypatch):
    monkeypatch.setattr(overview, "lessons", lambda: ["97"])
    checks.progress()
    assert "| 97 | □□□□□□□□□□ 0 of 4 | – | – |" in said(capsys)
    for kept in ("97.1", "97.3"):
        record.update(lambda all_, kept=kept: all_["solved"].update({kept: True}))
    record.update(lambda all_: all_["quiz"].update({"97": {"1": True, "2": False}}))
    checks.predict("97.a", "Which?", ["one", "two"])
    click("97.a", 1)
    checks.reveal("97.a", 1, "")
    said(capsys)
    checks.progress()
    assert "| 97 | ■■■■■□□□□□ 2 of 4 | 1 of 1 | 1 of 2 |" in said(capsys)


# --- quizzes ---------------------------------------------------------------------------------------------------------

GOOD = {
    "question": "Which?",
    "type": "multiple_choice",
    "answers": [{"answer": a, "correct": a == "b", "feedback": f"Because {a}."} for a in "abc"],
}
BAD = {
    "no text": ({**GOOD, "question": " "}, "no text"),
    "other type": ({**GOOD, "type": "numeric"}, "type"),
    "two options": ({**GOOD, "answers": GOOD["answers"][:2]}, "fewer than three"),
    "two right": ({**GOOD, "answers": [{**a, "correct": a["answer"] != "a"} for a in GOOD["answers"]]}, "exactly one"),
    "none right": ({**GOOD, "answers": [{**a, "correct": False} for a in GOOD["answers"]]}, "exactly one"),
    "truthy": ({**GOOD, "answers": [{**a, "correct": "yes"} for a in GOOD["answers"]]}, "exactly one"),
    "no feedback": ({**GOOD, "answers": [{**a, "feedback": ""} for a in GOOD["answers"]]}, "without text or feedback"),
    "same option": ({**GOOD, "answers": [*GOOD["answers"], {**GOOD["answers"][0]}]}, "twice"),
}


def test_a_good_quiz_has_no_problems_and_a_short_one_has():
    assert quizzes.quiz_problems([GOOD] * 5) == []
    assert quizzes.quiz_problems([GOOD] * 4) == ["it has 4 questions, not 5"]


@pytest.mark.parametrize("question, problem", BAD.values(), ids=BAD)
def test_each_flaw_of_a_quiz_is_found(question, problem):
    (found,) = quizzes.quiz_problems([GOOD] * 4 + [question])
    assert found.startswith("question 5") and problem in found


def test_a_missing_quiz_is_a_clear_error():
    with pytest.raises(ValueError, match="no quiz for lesson '98'"):
        checks.quiz("98")


def test_a_click_gets_its_reply_and_the_first_one_counts(monkeypatch):
    """The widgets that `quiz` makes, as the browser would use them."""
    shown = []
    monkeypatch.setattr(quizzes, "say", lambda text: None)
    monkeypatch.setattr(quizzes, "say_with", lambda box, options: shown.append(box))
    quizzes._ask("97", 1, "Which?", GOOD["answers"])
    choice, reply = shown[0].children
    for chosen, text in ((0, "✘ **Not this one.** Because a."), (1, "✔ **Right.** Because b.")):
        choice.chosen = chosen
        assert reply.outputs[0]["data"]["text/markdown"] == text
    assert record.load()["quiz"] == {"97": {"1": False}}


# --- what every lesson owes ------------------------------------------------------------------------------------------

LESSONS = [path.stem[:2] for path in markers.sources()]


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_lesson_has_its_exercises(lesson):
    exercises = engine.lesson_exercises(lesson)
    assert [exercise.id for exercise in exercises] == [f"{lesson}.{k + 1}" for k in range(len(exercises))]
    if lesson != "00":  # it has one, to show how exercises work
        assert 3 <= len(exercises) <= 6
        assert any(exercise.kind in ("diagnose", "bug") for exercise in exercises)
    for exercise in exercises:
        assert len(set(exercise.hints)) == 3 and exercise.minutes > 0
        assert engine.judge(exercise, ...).reason == "unsolved"


@pytest.mark.parametrize("lesson", LESSONS)
def test_the_source_and_the_registry_name_the_same_exercises(lesson):
    (source,) = (path for path in markers.sources() if path.stem.startswith(lesson))
    assert list(markers.solutions(source)) == [exercise.id for exercise in engine.lesson_exercises(lesson)]


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_lesson_has_its_quiz(lesson):
    questions = quizzes.load_quiz(lesson)
    places = [[answer["correct"] for answer in entry["answers"]].index(True) for entry in questions]
    assert len(set(places)) > 1, "the right option always stands in the same place"


def test_quiz_files_belong_to_lessons_and_are_readable_json():
    for path in quizzes.FOLDER.glob("*.json"):
        assert re.fullmatch(r"quiz\d\d", path.stem)
        json.loads(path.read_text("utf-8"))
