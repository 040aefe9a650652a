"""A real browser for the tests and benchmarks that need one: Chromium or Chrome, and JupyterLab as it shows it."""

import io
import shutil
from pathlib import Path
from urllib.parse import urlsplit

import matplotlib.image
import nbformat
import numpy as np
import pytest
from playwright.sync_api import Browser, BrowserType, Locator, Page

BROWSERS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge"]
BROWSERS += ["/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"]
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
QUIET += ["--disable-component-update", "--disable-sync", "--no-first-run"]
MINUTE = 60_000  # Playwright counts milliseconds

# Of the notebook that JupyterLab shows: what its kernel does, how many code cells have not run to their end, and
# every output. JupyterLab keeps cells out of the page while they are out of sight; its own model has them all.
KERNEL = "() => window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel?.status"
CELLS = "Array.from(window.jupyterapp.shell.currentWidget.content.model.cells).filter(cell => cell.type === 'code')"
UNFINISHED = f"() => {CELLS}.filter(c => c.executionCount === null || c.executionState !== 'idle').length"
ERRORS = f"() => {CELLS}.flatMap(cell => cell.toJSON().outputs).filter(out => out.output_type === 'error')"

ASK = """async (code) => {
  const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const reply = await kernel.requestExecute({code: '', user_expressions: {asked: code}, store_history: false}).done;
  const told = reply.content.user_expressions.asked;
  if (told.status !== 'ok') throw new Error(told.evalue);
  return told.data['text/plain'];
}"""


def find_chromium() -> str:
    """Its path. A test that needs one and finds none fails with the way out."""
    found = [path for path in map(shutil.which, BROWSERS) if path]
    if not found:
        pytest.fail(
            "The browser test needs Chromium: install it ('apt install chromium' on Debian, or any Chrome), or set "
            "GAN_COURSE_NO_BROWSER=1 to leave the browser tests out.",
            pytrace=False,
        )
    return found[0]


def launch(chromium: BrowserType, *options: str) -> Browser:
    return chromium.launch(executable_path=find_chromium(), args=[*QUIET, *options])


def note_strangers(page: Page, strangers: list[str]) -> None:
    """Write down each address outside this machine that the page asks for."""

    def note(request):
        address = urlsplit(request.url)
        if address.scheme in ("http", "https", "ws", "wss") and address.hostname != "127.0.0.1":
            strangers.append(request.url)

    page.on("request", note)


def write_notebook(path: Path, *cells: str) -> None:
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    book.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}  # else JupyterLab asks for one
    nbformat.write(book, path)


def open_notebook(page: Page, server: dict, name: str) -> None:
    """Open a notebook of the server's folder, and wait for its kernel."""
    page.goto(f"{server['url']}lab/tree/{name}?token={server['token']}")
    page.wait_for_function(
        """(name) => { const book = window.jupyterapp?.shell?.currentWidget;
          return book?.context?.path === name && book.sessionContext?.session?.kernel?.status === 'idle'; }""",
        arg=name,
    )


def run_all(page: Page) -> None:
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    done = f"() => ({KERNEL})() === 'idle' && (({UNFINISHED})() === 0 || ({ERRORS})().length > 0)"
    page.wait_for_function(done, timeout=5 * MINUTE)


def ask_kernel(page: Page, expression: str) -> str:
    """The repr of a Python expression in the notebook's kernel, as a cell that runs now would see it."""
    return page.evaluate(ASK, expression)


def pixels(what: Locator) -> np.ndarray:
    return matplotlib.image.imread(io.BytesIO(what.screenshot(animations="disabled")), format="png")


def settled(what: Locator) -> np.ndarray:
    """The picture once two looks at it are alike."""
    before = pixels(what)
    for _ in range(60):
        what.page.wait_for_timeout(500)
        now = pixels(what)
        if now.shape == before.shape and (now == before).all():
            return now
        before = now
    raise AssertionError("the picture does not come to rest")


def changed(before: np.ndarray, after: np.ndarray) -> float:
    """The share of the pixels that look different."""
    return float((np.abs(after - before).max(axis=-1) > 0.1).mean())
