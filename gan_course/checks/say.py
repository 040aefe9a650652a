"""Show a few lines of Markdown in a notebook, or print them in a plain Python session."""

from collections.abc import Sequence

from IPython import get_ipython
from IPython.display import display
from ipywidgets import Widget

from gan_course.widgets import view

RIGHT, WRONG, OPEN = "✔", "✘", "○"


def markdown(text: str) -> dict[str, str]:
    """A mime bundle: Markdown, and for viewers that know none, and for terminals, the same as plain text."""
    return {"text/markdown": text, "text/plain": text}


def say(text: str) -> None:
    """Display Markdown."""
    if get_ipython() is None:
        print(text)
    else:
        display(markdown(text), raw=True)


def say_with(widget: Widget, options: Sequence[str]) -> None:
    """Display a widget that offers ``options``; viewers without a kernel show them as a list."""
    listed = "\n".join(f"- {option}" for option in options)
    if get_ipython() is None:
        print(listed)
    else:
        display({**view(widget), **markdown(listed)}, raw=True)
