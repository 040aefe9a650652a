"""The JavaScript of a widget: its own files, after what all widgets share."""

from pathlib import Path


def script(*names: str) -> str:
    """``shared.js`` and the files ``names`` of this folder as one text. JupyterLab loads a widget's script alone: it
    cannot import another file."""
    return "\n".join((Path(__file__).parent / part).read_text("utf-8") for part in ("shared.js", *names))
