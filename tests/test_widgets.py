"""`show`: the widget and its picture go out in one output, so that a viewer without a kernel shows the picture."""

import io

import matplotlib.image
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from gan_course import plot
from gan_course.widgets import show
from gan_course.widgets.choice import Choice


@pytest.fixture
def shell():
    yield InteractiveShell.instance()
    InteractiveShell.clear_instance()


def test_one_output_holds_widget_picture_and_words(shell):
    fig, ax = plot.figure(width=3, height=2)
    ax.plot([1, 2])
    widget = Choice(question="?", options=["a", "b"])
    with capture_output() as captured:
        show(widget, fig, "A rising line.")
    (out,) = captured.outputs
    assert out.data["application/vnd.jupyter.widget-view+json"]["model_id"] == widget.model_id
    assert out.data["text/plain"] == "A rising line." == out.metadata["image/png"]["alt"]
    picture = out.data["image/png"]
    assert matplotlib.image.imread(io.BytesIO(picture), format="png").shape[:2] == (200, 300)


def test_a_terminal_gets_the_words(capsys):
    show(Choice(question="?", options=["a", "b"]), plot.figure()[0], "A rising line.")
    assert capsys.readouterr().out == "A rising line.\n"


def test_words_are_required():
    with pytest.raises(ValueError, match="alt"):
        show(Choice(question="?", options=["a", "b"]), plot.figure()[0], " ")
