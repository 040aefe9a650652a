"""The JavaScript of a widget: its own file, after what all widgets that talk to the kernel share."""

from pathlib import Path


def script(name: str) -> str:
    """``lost.js`` and the file ``name`` of this folder as one text. JupyterLab loads a widget's script alone: it
    cannot import another file."""
    return "\n".join(Path(__file__).with_name(part).read_text("utf-8") for part in ("lost.js", name))
