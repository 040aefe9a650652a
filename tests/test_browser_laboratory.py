"""The laboratory in a real browser: clicked, dragged, drawn in, rewound, forked, made ill and cured; the page and the
kernel must agree on what happened. Needs Chromium, as test_browser.py does."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import lab_server
import pytest
from browsing import (
    ask_kernel,
    changed,
    launch,
    note_strangers,
    open_notebook,
    pixels,
    run_all,
    settled,
    write_notebook,
)
from playwright.sync_api import Locator, Page, expect, sync_playwright

CELL = """import threading
from gan_course.laboratory import sheet
from gan_course.laboratory.catalogue import Catalogue
from gan_course.laboratory.run import Run
from gan_course.widgets.laboratory import Laboratory

lab = Laboratory(data="ring", g_width=16, d_width=16, batch=64)
FRESH = sheet.dumps([Run(lab.run.start, Catalogue(), name="A")], 0)
lab"""
THREADS = "[t.name for t in threading.enumerate() if t.name == 'gan_course laboratory']"


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> dict:
    folder = tmp_path_factory.mktemp("laboratory")
    with lab_server.running(folder, "--LabApp.expose_app_in_browser=True") as facts:
        write_notebook(Path(facts["root_dir"]) / "laboratory.ipynb", CELL)
        yield {**facts, "pictures": folder}


@pytest.fixture(scope="module")
def complaints() -> list[str]:
    """What the page's scripts complained of, and the addresses outside this machine that were asked for."""
    return []


@pytest.fixture(scope="module")
def page(server, complaints) -> Page:
    with sync_playwright() as play:
        browser = launch(play.chromium)
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        page.set_default_timeout(60_000)
        note_strangers(page, complaints)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        open_notebook(page, server, "laboratory.ipynb")
        run_all(page)
        expect(page.locator(".lab")).to_be_visible()
        yield page
        browser.close()


@pytest.fixture
def lab(page) -> Locator:
    """The widget, at rest, at the beginning of one untrained run."""
    ask_kernel(
        page, "lab.do({'op': 'pause'}) or lab.do({'op': 'slow', 'on': False}) or lab.do({'op': 'load', 'text': FRESH})"
    )
    ask_kernel(page, "lab.do({'op': 'start', 'trained': False})")
    widget = page.locator(".lab")
    expect(widget.locator(".turn")).to_have_text("turn 0")
    return widget


def press(lab: Locator, name: str) -> None:
    lab.get_by_role("button", name=name, exact=True).click()


def unfold(lab: Locator, title: str) -> None:
    panel = lab.locator("details", has=lab.page.locator("summary", has_text=title)).first
    if not panel.evaluate("panel => panel.open"):
        panel.locator("summary").first.click()


def pause(lab: Locator) -> int:
    """Press Pause, wait until the kernel has done so, and give the turn at which it stands."""
    press(lab, "❚❚ Pause")
    until = time.monotonic() + 30
    while ask_kernel(lab.page, "lab.playing") != "False":
        assert time.monotonic() < until, "it plays on"
    still = turn(lab.page)
    expect(lab.locator(".turn")).to_have_text(f"turn {still}")
    return still


def turn(page: Page) -> int:
    return int(ask_kernel(page, "lab.run.turn"))


def played(page: Page, turns: int) -> None:
    """Wait until the steered run has come that far."""
    until = time.monotonic() + 60
    while turn(page) < turns:
        assert time.monotonic() < until, f"it did not reach turn {turns} within a minute"
        page.wait_for_timeout(50)


def test_play_and_pause_and_other_cells_run_meanwhile(page, lab, server):
    stage = lab.locator(".one canvas").first
    before = settled(stage)
    press(lab, "▶ Play")
    played(page, 100)
    first = turn(page)
    assert ask_kernel(page, "sum(range(10))") == "45"  # as a cell would
    assert ask_kernel(page, THREADS) == "['gan_course laboratory']"
    played(page, first + 20)
    still = pause(lab)
    expect(lab.get_by_role("button", name="▶ Play")).to_be_visible()
    assert changed(before, settled(stage)) > 0.02
    page.wait_for_timeout(300)
    assert turn(page) == still and ask_kernel(page, THREADS) == "[]"
    page.screenshot(path=server["pictures"] / "played.png")


def test_the_keyboard_plays_and_pauses(page, lab):
    lab.focus()
    page.keyboard.press("k")
    played(page, 20)
    page.keyboard.press("k")
    expect(lab.get_by_role("button", name="▶ Play")).to_be_visible()


@pytest.mark.parametrize("who", ["D", "G"])
def test_one_side_steps(page, lab, who):
    weight = f"lab.run.game.{who}[0].weight.square().sum().item()"
    other = f"lab.run.game.{'G' if who == 'D' else 'D'}[0].weight.square().sum().item()"
    before = ask_kernel(page, f"({weight}, {other})")
    press(lab, f"Step {who}")
    expect(lab.locator(".turn")).to_have_text("turn 1")
    after = ask_kernel(page, f"({weight}, {other})")
    (mine, theirs), (mine_now, theirs_now) = json.loads(f"[{before[1:-1]}]"), json.loads(f"[{after[1:-1]}]")
    assert mine != mine_now and theirs == theirs_now


def test_slow_motion_goes_through_numbered_sub_steps(page, lab):
    press(lab, "Slow motion")
    moment = lab.locator(".moment")
    press(lab, "Next sub-step")
    expect(moment).to_contain_text("1 of 11")
    words = moment.inner_text()
    press(lab, "Next sub-step")
    expect(moment).to_contain_text("2 of 11")
    assert moment.inner_text() != words
    unfold(lab, "The two networks")
    lit = lab.locator(".lab-graph .lab-lit")
    expect(lit.first).to_be_visible()
    before = lit.evaluate_all("nodes => nodes.map(node => node.dataset.node)")
    press(lab, "Next sub-step")
    expect(moment).to_contain_text("3 of 11")
    page.wait_for_timeout(300)
    assert lit.evaluate_all("nodes => nodes.map(node => node.dataset.node)") != before
    assert turn(page) == 1  # one turn, in slow motion


def test_a_slider_moved_by_keys_reaches_the_kernel_and_the_list_of_changes(page, lab):
    press(lab, "▶ Play")
    played(page, 30)
    slider = lab.get_by_role("slider", name="learning rate of D", exact=True)
    slider.focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    expect(lab.locator(".log li").last).to_contain_text("learning rate of D")
    pause(lab)
    assert float(ask_kernel(page, "lab.run.setup.lr_d")) > 0.005
    assert float(ask_kernel(page, "lab.run.game.opt_d.param_groups[0]['lr']")) > 0.005


def test_a_flood_of_events_ends_on_the_last_value(page, lab):
    press(lab, "▶ Play")
    slider = lab.get_by_role("slider", name="learning rate of G", exact=True)
    slider.evaluate(
        """s => { for (let k = 0; k < 10000; k++) { s.value = -100 + (k % 90); s.dispatchEvent(new Event('input')); }
          s.value = -40; s.dispatchEvent(new Event('input')); }"""
    )
    expect(lab.locator(".log li").last).to_contain_text("0.01")
    pause(lab)
    assert ask_kernel(page, "lab.run.setup.lr_g") == "0.01" and int(ask_kernel(page, "len(lab.run.log)")) < 50


def test_a_layer_comes_and_goes(page, lab):
    stage = lab.locator(".one canvas").first
    before = settled(stage)
    lab.get_by_label("what D says").uncheck()
    assert changed(before, settled(stage)) > 0.2
    lab.get_by_label("what D says").check()
    assert changed(before, settled(stage)) < 0.01


def test_other_data_begin_anew_and_are_seen(page, lab):
    stage = lab.locator(".one canvas").first
    before = settled(stage)
    lab.get_by_label("data", exact=True).select_option("spiral")
    page.wait_for_timeout(300)
    assert ask_kernel(page, "lab.run.setup.data") == "'spiral'" and changed(before, settled(stage)) > 0.02


def test_data_are_drawn_with_the_pointer_and_with_keys(page, lab, server):
    press(lab, "Draw")
    pad = lab.get_by_role("application").filter(visible=True).first
    pad.scroll_into_view_if_needed()
    use = lab.get_by_role("button", name="Use these points")
    expect(use).to_be_disabled()
    box = pad.bounding_box()
    at = lambda x, y: (box["x"] + x * box["width"], box["y"] + y * box["height"])  # noqa: E731
    page.mouse.move(*at(0.2, 0.5))
    page.mouse.down()
    for i in range(40):
        page.mouse.move(*at(0.2 + 0.015 * i, 0.5 + 0.005 * (i % 8)))
    page.mouse.up()
    expect(use).to_be_enabled()
    pad.focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press(" ")
    page.screenshot(path=server["pictures"] / "drawn.png")
    use.click()
    expect(lab.locator(".turn")).to_have_text("turn 0")
    page.wait_for_timeout(300)
    assert ask_kernel(page, "lab.run.setup.data") == "'drawing'"
    assert int(ask_kernel(page, "len(lab.run.setup.points)")) >= 4
    press(lab, "▶ Play")
    played(page, 5)


def test_looking_back_and_forking(page, lab, server):
    press(lab, "▶ Play")
    played(page, 220)
    end = pause(lab)
    stage = lab.locator(".one canvas").first
    before = settled(stage)
    timeline = lab.get_by_role("slider", name="Turn to look at")
    timeline.evaluate("s => { s.value = 20; s.dispatchEvent(new Event('input', {bubbles: true})); }")
    expect(lab.locator(".turn")).to_have_text(f"turn 20 of {end}")
    assert changed(before, settled(stage)) > 0.02
    timeline.focus()
    page.keyboard.press("ArrowRight")
    expect(lab.get_by_role("button", name="Fork at turn 21")).to_be_visible()
    lab.get_by_label("with", exact=True).select_option(label="loss")
    lab.get_by_label("set to").select_option("hinge")
    lab.get_by_role("button", name="Fork at turn 21").click()
    expect(lab.locator(".one")).to_have_count(2)
    assert ask_kernel(page, "[(r.name, r.turn, r.setup.loss) for r in lab.runs]") == (
        f"[('A', {end}, 'non-saturating'), ('B', 21, 'hinge')]"
    )
    press(lab, "▶ Play")
    played(page, 60)
    pause(lab)
    page.screenshot(path=server["pictures"] / "forked.png")


def test_illness_and_cure(page, lab, server):
    unfold(lab, "Failure zoo")
    lab.get_by_role("button", name=re.compile("Fall ill.*[Vv]anish")).click()
    while ask_kernel(page, "lab._lab.patient is None or lab.run.turn < lab._lab.patient.turns") == "True":
        page.wait_for_timeout(50)
    assert ask_kernel(page, "lab._lab.patient.ill(lab.run)") == "True"
    expect(lab.locator(".said")).not_to_be_empty()
    ill = turn(page)
    press(lab, "Cure it")
    played(page, ill + int(ask_kernel(page, "lab._lab.patient.cure_turns")))
    assert ask_kernel(page, "lab._lab.patient.ill(lab.run)") == "False"
    page.screenshot(path=server["pictures"] / "cured.png")


def test_six_games_in_the_arena_play_in_step(page, lab, server):
    unfold(lab, "Arena")
    press(lab, "Six losses")
    expect(lab.locator(".one")).to_have_count(6)
    press(lab, "▶ Play")
    played(page, 20)
    pause(lab)
    assert ask_kernel(page, "len({r.turn for r in lab.runs}), len({r.setup.loss for r in lab.runs})") == "(1, 6)"
    page.screenshot(path=server["pictures"] / "arena.png")


def test_saved_and_loaded_it_is_the_same_run(page, lab, tmp_path):
    press(lab, "▶ Play")
    played(page, 60)
    lab.get_by_label("loss", exact=True).select_option("least squares")
    played(page, 120)
    pause(lab)
    weights = "[p.sum().item() for p in lab.run.game.G.parameters()], lab.run.turn"
    before = ask_kernel(page, weights)
    unfold(lab, "Save and load")
    with page.expect_download() as download:
        press(lab, "Save as a file")
    sheet = tmp_path / "sheet.json"
    download.value.save_as(sheet)
    press(lab, "Reset")
    expect(lab.locator(".turn")).to_have_text("turn 0")
    lab.locator("input[type=file]").set_input_files(sheet)
    played(page, json.loads(sheet.read_text())["runs"][0]["turn"])
    page.wait_for_timeout(300)
    assert ask_kernel(page, weights) == before


def test_be_the_discriminator_and_the_generator(page, lab, server):
    unfold(lab, "Play a side")
    press(lab, "Be the discriminator")
    for key in ("4", "1", "3"):
        lab.get_by_role("button", name="1 Surely fake").wait_for()
        lab.get_by_role("application").filter(visible=True).last.focus()
        page.keyboard.press(key)
        page.wait_for_timeout(200)
    press(lab, "End the round")
    expect(lab.get_by_role("button", name="Play again")).to_be_visible()
    page.screenshot(path=server["pictures"] / "detective.png")
    press(lab, "Be the generator")
    field = lab.get_by_role("application", name=re.compile("Your points"))
    field.scroll_into_view_if_needed()
    before = ask_kernel(page, "[round(v, 3) for p in lab._lab.side.points.tolist() for v in p]")
    field.focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    page.wait_for_timeout(400)
    assert ask_kernel(page, "[round(v, 3) for p in lab._lab.side.points.tolist() for v in p]") != before
    page.screenshot(path=server["pictures"] / "counterfeiter.png")


def test_a_refusal_is_one_sentence_and_the_laboratory_goes_on(page, lab):
    field = lab.get_by_label("learning rate of D, exact")
    field.fill("50")
    field.press("Enter")
    expect(lab.get_by_role("alert")).to_contain_text("lr_d must be a number from")
    press(lab, "Dismiss")
    press(lab, "Step both")
    expect(lab.locator(".turn")).to_have_text("turn 1")


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_at_both_widths_and_in_both_themes_nothing_is_cut_off(page, lab, server, theme):
    page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme)
    for width in (900, 1280):  # JupyterLab's own bars leave about 760 and 1140 of it
        page.set_viewport_size({"width": width, "height": 1000})
        page.wait_for_timeout(500)
        wide = lab.evaluate("lab => [lab.scrollWidth, lab.clientWidth]")
        assert wide[0] <= wide[1] + 1
        page.screenshot(path=server["pictures"] / f"{theme.split()[1]}_{width}.png")
    page.evaluate("() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Light'})")


def test_every_control_has_a_name(lab):
    nameless = lab.evaluate(
        """lab => [...lab.querySelectorAll('button, input, select, summary, [role=application], [role=slider]')]
          .filter(node => !(node.textContent.trim() || node.getAttribute('aria-label') || node.labels?.length))
          .map(node => node.outerHTML.slice(0, 80))"""
    )
    assert nameless == []


def test_no_complaints_and_nothing_asked_of_another_machine(complaints):
    assert complaints == []


def test_closing_the_notebook_pauses_and_leaves_no_thread(page, lab, server):
    press(lab, "▶ Play")
    played(page, 20)
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
    page.wait_for_timeout(1500)
    assert ask_kernel(page, f"{THREADS}, lab.playing") == "([], False)"
    run_all(page)  # back for the next test


def test_reopened_without_its_kernel_it_is_a_picture_of_the_last_state(page, lab, server):
    press(lab, "▶ Play")
    played(page, 30)
    still = pause(lab)
    page.wait_for_timeout(500)
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    open_notebook(page, server, "laboratory.ipynb")
    lab = page.locator(".lab")
    expect(lab.get_by_text("This is a picture of the last state")).to_be_visible()
    expect(lab.locator(".turn")).to_have_text(f"turn {still}")
    expect(lab.get_by_role("button", name="▶ Play")).to_be_disabled()
    assert pixels(lab.locator(".one canvas").first).std() > 0.02
    page.screenshot(path=server["pictures"] / "reopened.png")


def test_it_works_in_voila(page, server):
    """Voila shows a notebook's widgets as a page of their own, without JupyterLab."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    book = Path(server["root_dir"]) / "voila.ipynb"
    write_notebook(book, CELL)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JUPYTER")}
    command = [sys.executable, "-m", "voila", str(book), "--no-browser", f"--port={port}", "--Voila.ip=127.0.0.1"]
    log = server["pictures"] / "voila.log"
    with log.open("w") as out:
        voila = subprocess.Popen(command, stdout=out, stderr=out, env=environment)
    try:
        for _ in range(600):
            if found := re.search(r"http://127\.0\.0\.1:\d+/\S*", log.read_text()):
                break
            assert voila.poll() is None, log.read_text()
            time.sleep(0.1)
        other = page.context.browser.new_page(viewport={"width": 1000, "height": 1000})
        strangers: list[str] = []
        other.goto(found[0])
        lab = other.locator(".lab")
        expect(lab.locator(".turn")).to_contain_text("turn 400", timeout=60_000)
        press(lab, "▶ Play")
        expect(lab.locator(".rate")).to_contain_text("turns/s", timeout=30_000)
        press(lab, "❚❚ Pause")
        stage = lab.locator(".one canvas").first
        assert pixels(stage).std() > 0.02
        assert int(lab.locator(".turn").inner_text().split()[1]) > 400 and strangers == []
        other.screenshot(path=server["pictures"] / "voila.png")
        other.close()
    finally:
        voila.terminate()
        voila.wait(timeout=60)
