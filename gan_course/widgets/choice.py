"""One question's options, to be chosen with one click or one key: what predictions and quizzes are made of.

ipywidgets has radio buttons too, but a screen reader does not hear what they belong to, and JupyterLab takes their
arrow keys.
"""

import anywidget
import traitlets

from gan_course.widgets.script import script


class Choice(anywidget.AnyWidget):
    """``chosen`` is the number of the chosen option, from 0, or None. ``question`` is read out, not shown."""

    _esm = script("choice.js")

    question = traitlets.Unicode().tag(sync=True)
    options = traitlets.List(traitlets.Unicode()).tag(sync=True)
    chosen = traitlets.Int(None, allow_none=True).tag(sync=True)
