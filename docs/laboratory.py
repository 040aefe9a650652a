"""Makes docs/laboratory.png, the README's picture of the laboratory: python docs/laboratory.py (needs Chromium)."""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))
import lab_server  # noqa: E402
from browsing import launch, open_notebook, write_notebook  # noqa: E402

CELL = 'from gan_course.widgets.laboratory import Laboratory\n\nlab = Laboratory(data="ring")\nlab.play(200)\nlab'


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        sync_playwright() as play,
        lab_server.running(Path(folder), "--LabApp.expose_app_in_browser=True") as server,
    ):
        write_notebook(Path(server["root_dir"]) / "laboratory.ipynb", CELL)
        page = launch(play.chromium).new_page(viewport={"width": 1280, "height": 1640})
        open_notebook(page, server, "laboratory.ipynb")
        page.evaluate("() => window.jupyterapp.commands.execute('application:toggle-left-area')")
        page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
        lab = page.locator(".lab")
        lab.get_by_label("learning rate of D, exact").fill("0.01")
        lab.get_by_label("learning rate of D, exact").press("Enter")
        lab.get_by_role("button", name="Play").first.click()
        page.wait_for_timeout(5000)
        lab.get_by_role("button", name="Pause").first.click()
        page.wait_for_timeout(1500)
        lab.screenshot(path=HERE / "laboratory.png")


if __name__ == "__main__":
    main()
