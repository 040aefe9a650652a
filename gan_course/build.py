"""Make the notebooks from their sources: ``python -m gan_course.build`` (``--check`` only compares).

``notebooks/src/NN_name.py`` becomes ``notebooks/NN_name.ipynb`` (stubs, for the learner) and
``notebooks/solutions/NN_name.ipynb``. Neither has outputs. The same source always gives the same bytes, so
that ``--check`` is an exact comparison. A build overwrites what was typed into a notebook: edit the sources.
"""

import argparse
import sys
from pathlib import Path

import jupytext
import nbformat

from gan_course.markers import LESSON_FILE, SOURCES, MarkerError, sources, split

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def notebook(text: str, lesson: str) -> str:
    """A lesson (py:percent) as the text of an .ipynb file. Cell ids begin with ``lesson`` ("02")."""
    book = jupytext.reads(text, fmt="py:percent")
    book.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": {"name": "python"}})
    book.nbformat, book.nbformat_minor = 4, 5
    for index, cell in enumerate(book.cells):
        cell.id = f"{lesson}-{index:03d}"
        cell.metadata.pop("lines_to_next_cell", None)  # blank lines of the source mean nothing in a notebook
    nbformat.validate(book)
    return nbformat.writes(book) + "\n"


def wanted(folder: Path) -> tuple[dict[Path, str], list[str]]:
    """What should stand in ``folder`` (the parent of ``src``): texts by path, and the sources' errors."""
    texts, errors = {}, []
    for source in sources(folder / "src"):
        try:
            versions = split(source.read_text("utf-8"), str(source))
        except MarkerError as error:
            errors.append(str(error))
            continue
        lesson = source.stem[:2]
        texts[folder / f"{source.stem}.ipynb"] = notebook(versions.learner, lesson)
        texts[folder / "solutions" / f"{source.stem}.ipynb"] = notebook(versions.solution, lesson)
    return texts, errors


def stale(folder: Path) -> list[Path]:
    """Notebooks named like a lesson whose source is gone. A build reports them; it deletes nobody's work."""
    kept = {source.stem for source in sources(folder / "src")}
    found = [*folder.glob("*.ipynb"), *(folder / "solutions").glob("*.ipynb")]
    return sorted(path for path in found if LESSON_FILE.fullmatch(path.stem) and path.stem not in kept)


def build(folder: Path, check: bool = False) -> list[str]:
    """Write the notebooks of ``folder``, or with ``check`` only compare. Returns the problems."""
    texts, problems = wanted(folder)
    for path, text in texts.items():
        new = text.encode("utf-8")
        if path.is_file() and path.read_bytes() == new:
            continue
        if check:
            what = "differs from its source" if path.exists() else "is missing"
            problems.append(f"{path}: {what}; run 'python -m gan_course.build'.")
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(new)
            print(f"wrote {path}")
    problems += [f"{path}: has no source in {folder / 'src'}; delete it." for path in stale(folder)]
    return problems


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m gan_course.build", description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only compare; fail on any difference")
    problems = build(SOURCES.parent, parser.parse_args().check)
    print("\n".join(problems), file=sys.stderr) if problems else None
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
