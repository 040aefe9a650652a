"""The lessons' widgets, one file each. `show` displays one with a picture for viewers without a kernel."""

from IPython import get_ipython
from IPython.display import display
from ipywidgets import Widget
from matplotlib.figure import Figure

from gan_course.plot import png


def view(widget: Widget) -> dict[str, dict]:
    """The part of a mime bundle that shows the widget itself, to be joined with what stands in for it."""
    model = {"model_id": widget.model_id, "version_major": 2, "version_minor": 0}
    return {"application/vnd.jupyter.widget-view+json": model}


def show(widget: Widget, fig: Figure, alt: str) -> None:
    """Display a widget and, in the same output, ``fig`` as a picture for viewers that cannot run the widget.

    ``alt`` says in one sentence what the picture shows. Raises ValueError when it is empty.
    """
    if not alt.strip():
        raise ValueError("Say in `alt` what the picture shows, for readers who cannot see it.")
    if get_ipython() is None:
        print(alt)
        return
    display({**view(widget), "image/png": png(fig), "text/plain": alt}, raw=True, metadata={"image/png": {"alt": alt}})
