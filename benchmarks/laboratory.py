"""How the laboratory feels, measured in a real Chromium: python benchmarks/laboratory.py [--minutes 30] [--json FILE]

While a game with the networks that GAN Lab begins with is played: turns and drawn frames a second, the time from a
control to the frame that shows it, a slider flooded with events, and what minutes of play do to the memory.
Needs the test tools and Chromium, as tests/test_browser.py does. Each time is from the event to the frame after the
change, seen by the page itself.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path

import psutil
from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import lab_server  # noqa: E402
from browsing import launch, open_notebook, write_notebook  # noqa: E402

# GAN Lab's page (github.com/poloclub/ganlab, demo/ganlab.html and .ts): its first choices. It has no seed to set.
GAN_LAB = (
    'data="two Gaussians", noise="uniform", noise_dim=2, g_layers=1, g_width=8, d_layers=1, d_width=8, batch=150, '
    'opt_g="SGD", opt_d="SGD", lr_g=0.1, lr_d=0.1, d_steps=2, g_steps=1'
)
CELL = f"from gan_course.widgets.laboratory import Laboratory\n\nlab = Laboratory({GAN_LAB})\nlab"
# In the page: how many ms after `act` began (or ended) was the frame drawn in which `seen` was first true?
TIMED = """async ([act, seen, fromEnd]) => {
  const isSeen = new Function('return ' + seen);
  let begin = performance.now();
  new Function(act)();
  if (fromEnd) begin = performance.now();
  while (!isSeen()) {
    if (performance.now() - begin > 10000) throw new Error('not seen within 10 s: ' + seen);
    await new Promise(requestAnimationFrame);
  }
  await new Promise(requestAnimationFrame);
  return performance.now() - begin;
}"""
SLIDER = "document.querySelector(`.lab input[type=range][aria-label='learning rate of D']`)"
MOVE = (
    f"const s = {SLIDER};"
    "const to = (place) => { s.value = place; s.dispatchEvent(new Event('input', {bubbles: true})); };"
)
LAST = "[...document.querySelectorAll('.lab .log li')].at(-1)?.textContent"
CORNER = "document.querySelector('.lab canvas').getContext('2d').getImageData(9, 9, 1, 1).data.join()"
COUNT = """() => { window.drawn = 0;
  new MutationObserver(() => (window.drawn += 1)).observe(
    document.querySelector('.lab .turn'), {childList: true, characterData: true, subtree: true}); }"""


def turns(page: Page) -> int:
    return int(page.locator(".lab .turn").inner_text().split()[1])


def pace(page: Page, seconds: float) -> tuple[float, float]:
    """Turns and drawn frames a second: each frame shows another turn."""
    page.evaluate(COUNT)
    before, began = turns(page), time.perf_counter()
    page.wait_for_timeout(1000 * seconds)
    played, drawn, took = turns(page) - before, page.evaluate("window.drawn"), time.perf_counter() - began
    return played / took, drawn / took


def times(page: Page, tries: list[tuple[str, str]], from_end: bool = False) -> list[float]:
    found = []
    for i, (act, seen) in enumerate(tries):
        found.append(page.evaluate(TIMED, [act, seen, from_end]))
        page.wait_for_timeout(150 + 37 * (i % 5))  # at no fixed place in the rhythm of the frames
    return found


def p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[18]


def memory(page: Page, server: psutil.Process) -> dict[str, float]:
    """MB of the kernel, and of the page's JavaScript after a collection."""
    page.evaluate("window.gc()")
    kernels = [p for p in server.children(recursive=True) if "ipykernel" in " ".join(p.cmdline())]
    held = sum(p.memory_info().rss for p in kernels)
    return {"kernel": held / 2**20, "page": page.evaluate("performance.memory.usedJSHeapSize") / 2**20}


def open_laboratory(page: Page, server: dict) -> None:
    write_notebook(Path(server["root_dir"]) / "laboratory.ipynb", CELL)
    open_notebook(page, server, "laboratory.ipynb")
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
    page.get_by_role("button", name="Play").first.wait_for()
    page.wait_for_timeout(3000)


def measure(page: Page, server: psutil.Process, minutes: float) -> dict[str, float]:
    page.get_by_role("button", name="Play").first.click()
    page.wait_for_timeout(5000)
    found = dict(zip(("turns a second", "frames a second"), pace(page, 20), strict=True))

    # The page alone: the background of the stage comes and goes.
    click = f"window.before = {CORNER}; document.querySelectorAll('.lab .layers input')[3].click()"
    found["layer, p95, ms"] = p95(times(page, 40 * [(click, f"{CORNER} !== window.before")]))
    # There and back: Python makes the change between two turns, and the list of changes shows it.
    tries = []
    for place in range(-60, -20):
        rate = float(f"{10 ** (place / 20):.2g}")
        tries.append((f"{MOVE} to({place})", f"({LAST} || '').includes('{rate:g}')"))
    found["learning rate, p95, ms"] = p95(times(page, tries))
    flood = f"{MOVE} for (let k = 0; k < 10000; k++) to(-99 + (k % 60)); to(-37);"
    found["flood of 10,000, ms"] = max(times(page, 5 * [(flood, f"({LAST} || '').includes('0.014')")], from_end=True))

    page.wait_for_timeout(20_000)
    first, began = memory(page, server), time.perf_counter()
    while time.perf_counter() - began < 60 * minutes:
        page.wait_for_timeout(5000)
        assert turns(page) > 0
    last = memory(page, server)
    found |= {f"{name} grew in {minutes:g} min, MB": last[name] - first[name] for name in first}
    found["turns in all"] = turns(page)

    page.get_by_role("button", name="Pause").first.click()
    page.wait_for_timeout(1000)
    scrub = (
        "const s = document.querySelector(`.lab input[aria-label='Turn to look at']`);"
        "s.value = {0} * s.max / 50; s.dispatchEvent(new Event('input', {{bubbles: true}}));"
    )
    words = "document.querySelector('.lab .turn').textContent"
    seen = f"{words} !== window.shown && ((window.shown = {words}), true)"
    found["looking back, p95, ms"] = p95(times(page, [(scrub.format(i), seen) for i in range(3, 43)]))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=1.0, help="of play between the two looks at the memory")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    wishes = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        sync_playwright() as play,
        lab_server.running(Path(folder), "--LabApp.expose_app_in_browser=True") as facts,
    ):
        browser = launch(play.chromium, "--enable-precise-memory-info", "--js-flags=--expose-gc")
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(120_000)
        open_laboratory(page, facts)
        found = measure(page, psutil.Process(facts["pid"]), wishes.minutes)
        browser.close()
    for name, value in found.items():
        print(f"{name:32} {value:10.1f}")
    if wishes.json:
        machine = {"cores": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}
        wishes.json.write_text(json.dumps({"machine": machine, **found}, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
