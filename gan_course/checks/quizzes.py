"""The quiz at the end of a lesson: five questions from ``quizNN.json``, feedback on every option.

The file is a list of ``{"question": text, "type": "multiple_choice", "answers": [{"answer": text, "correct":
bool, "feedback": text}, ...]}``, the format of the jupyterquiz package. It is shown with the course's own widget:
jupyterquiz fetches a script from the network when it finds JupyterLab's MathJax, and it cannot tell the
kernel what was answered.
"""

import json
from pathlib import Path

from ipywidgets import Output, VBox

from gan_course.checks import record as store
from gan_course.checks.say import RIGHT, WRONG, markdown, say, say_with
from gan_course.widgets.choice import Choice

FOLDER = Path(__file__).parent


def load_quiz(lesson: str) -> list[dict]:
    """The questions of lesson "02". Raises ValueError when there is no such quiz, or saying what it lacks."""
    path = FOLDER / f"quiz{lesson}.json"
    if not path.is_file():
        raise ValueError(f"There is no quiz for lesson {lesson!r}.")
    questions = json.loads(path.read_text("utf-8"))
    problems = quiz_problems(questions)
    if problems:
        raise ValueError(f"{path.name}: " + "; ".join(problems))
    return questions


def quiz_problems(questions: list[dict]) -> list[str]:
    """What a quiz lacks: five questions; three or more options, all with feedback, one of them right."""
    problems = [] if len(questions) == 5 else [f"it has {len(questions)} questions, not 5"]
    for number, entry in enumerate(questions, start=1):
        answers = entry.get("answers", [])
        if not entry.get("question", "").strip():
            problems.append(f"question {number} has no text")
        if entry.get("type") != "multiple_choice":
            problems.append(f"question {number} is not of type multiple_choice")
        if len(answers) < 3:
            problems.append(f"question {number} has fewer than three options")
        if len({answer.get("answer") for answer in answers}) < len(answers):
            problems.append(f"question {number} has the same option twice")
        if [answer.get("correct") for answer in answers].count(True) != 1:
            problems.append(f"question {number} must have exactly one right option")
        if not all(answer.get("answer", "").strip() and answer.get("feedback", "").strip() for answer in answers):
            problems.append(f"question {number} has an option without text or feedback")
    return problems


def quiz(lesson: str) -> None:
    """Show the five questions of lesson "02". Each click is answered at once, and you may try again."""
    for number, entry in enumerate(load_quiz(lesson), start=1):
        _ask(lesson, number, entry["question"], entry["answers"])


def _ask(lesson: str, number: int, question: str, answers: list[dict]) -> None:
    options = [answer["answer"] for answer in answers]
    choice, reply = Choice(question=f"Question {number}. {question}", options=options), Output()

    def answered(change: dict) -> None:
        chosen = answers[change["new"]]
        right = chosen["correct"]
        text = f"{RIGHT if right else WRONG} **{'Right.' if right else 'Not this one.'}** {chosen['feedback']}"
        reply.outputs = ({"output_type": "display_data", "metadata": {}, "data": markdown(text)},)
        store.update(lambda record: record["quiz"].setdefault(lesson, {}).setdefault(str(number), right))

    choice.observe(answered, "chosen")
    say(f"**Question {number}.** {question}")
    say_with(VBox([choice, reply]), options)
