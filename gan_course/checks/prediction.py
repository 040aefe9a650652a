"""Predict first: one click before the experiment, and the answer beside the guess after it."""

from collections.abc import Sequence

from gan_course.checks import record as store
from gan_course.checks.say import RIGHT, WRONG, say, say_with
from gan_course.widgets.choice import Choice

_asked: dict[str, tuple[str, ...]] = {}


def predict(prediction_id: str, question: str, options: Sequence[str]) -> None:
    """Ask for a guess: one click, or one key. The guess is kept at once, and may be changed until `reveal`."""
    options = tuple(options)
    if len(options) < 2 or len(set(options)) != len(options):
        raise ValueError(f"Prediction {prediction_id} needs two or more different options, got {list(options)}.")
    _asked[prediction_id] = options
    choice = Choice(question=question, options=list(options), chosen=_guess(prediction_id))
    choice.observe(lambda change: _keep(prediction_id, change["new"]), "chosen")
    say(f"**Predict.** {question}")
    say_with(choice, options)


def reveal(prediction_id: str, truth: int, because: str) -> None:
    """Show the answer (option ``truth``, counted from 0) beside the guess, and what was measured (Markdown)."""
    options = _asked.get(prediction_id)
    if options is None:
        say(f"Run the cell with the question first. What was measured: {because}")
        return
    if not 0 <= truth < len(options):
        raise ValueError(f"Prediction {prediction_id}: truth={truth}; the options are 0 to {len(options) - 1}.")
    guess = _guess(prediction_id)
    if guess is None:
        first = "You made no guess."
    elif guess == truth:
        first = f"{RIGHT} You guessed *{options[guess]}*, and so it is."
    else:
        first = f"{WRONG} You guessed *{options[guess]}*. It came out otherwise."
    say(f"{first}\n\n**Answer: {options[truth]}.** {because}")
    if guess is not None:  # the first reveal counts: after it, everybody knows
        right = guess == truth
        store.update(lambda record: record["predictions"].setdefault(prediction_id, {}).setdefault("right", right))


def _guess(prediction_id: str) -> int | None:
    kept = store.load()["predictions"].get(prediction_id, {}).get("option")
    options = _asked[prediction_id]
    return options.index(kept) if kept in options else None


def _keep(prediction_id: str, index: int) -> None:
    option = _asked[prediction_id][index]
    store.update(lambda record: record["predictions"].setdefault(prediction_id, {}).update(option=option))
