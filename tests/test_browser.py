"""A learner's first minutes, in a real browser: open lesson 00, run it all, move a slider, see the picture change.

Needs Chromium or Chrome. GAN_COURSE_NO_BROWSER=1 leaves this file out on a machine that can have neither.
"""

import ast
from pathlib import Path

import lab_server
import nbformat
import numpy as np
import pytest
from browsing import (
    ERRORS,
    KERNEL,
    ask_kernel,
    changed,
    launch,
    note_strangers,
    open_notebook,
    run_all,
    settled,
    write_notebook,
)
from playwright.sync_api import Page, expect, sync_playwright

LESSON = "00_start_here.ipynb"
MINUTE = 60_000  # Playwright counts milliseconds
PLACE = "slider => Number(slider.ariaValueNow ?? slider.value)"  # of a slider


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> dict:
    folder = tmp_path_factory.mktemp("lab")
    with lab_server.running(folder, "--LabApp.expose_app_in_browser=True") as facts:
        yield {**facts, "pictures": folder}


@pytest.fixture(scope="module")
def strangers() -> list[str]:
    """The addresses outside the server that the page asked for."""
    return []


@pytest.fixture(scope="module")
def page(server, strangers) -> Page:
    """JupyterLab with lesson 00, just opened by its link."""
    with sync_playwright() as play:
        browser = launch(play.chromium)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(2 * MINUTE)
        note_strangers(page, strangers)
        page.goto(f"{server['url']}lab/tree/{LESSON}?token={server['token']}")
        page.wait_for_function(f"() => ({KERNEL})() === 'idle'")
        yield page
        browser.close()


def assert_no_popup(page: Page) -> None:
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator(".Toastify__toast")).to_have_count(0)


def test_lesson_00_opens_without_a_popup(page, server):
    expect(page.get_by_role("tab", name=LESSON)).to_be_visible()
    expect(page.get_by_role("heading", level=1).first).to_be_visible()
    page.wait_for_timeout(2000)  # JupyterLab's question about news would stand there by now
    page.screenshot(path=server["pictures"] / "opened.png")
    assert_no_popup(page)


def test_lesson_00_runs_from_top_to_bottom(page, server):
    run_all(page)
    page.screenshot(path=server["pictures"] / "finished.png")
    assert page.evaluate(ERRORS) == []
    assert_no_popup(page)


def test_a_slider_moved_by_keys_changes_the_picture_beside_it(page, server):
    """JupyterLab takes arrow keys for itself wherever a widget does not tell it to leave them alone."""
    slider = page.get_by_role("slider").first
    picture = page.locator(".jp-OutputArea", has=slider).locator("canvas, img, svg:visible").first
    picture.scroll_into_view_if_needed()
    slider.focus()
    before, place = settled(picture), slider.evaluate(PLACE)
    page.screenshot(path=server["pictures"] / "slider_before.png")
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    page.screenshot(path=server["pictures"] / "slider_keys.png")
    assert slider.evaluate(PLACE) > place, "the arrow keys did not reach the slider"
    for _ in range(20):
        after = settled(picture)
        if (after != before).any():
            break
    page.screenshot(path=server["pictures"] / "slider_after.png")
    assert changed(before, after) > 0.02


def test_nothing_was_asked_of_another_machine(page, strangers):
    assert strangers == []


def test_each_question_has_its_own_radio_group(page):
    """Radio buttons of one name are one group in the whole page: one answer would wipe out another's."""
    groups = page.eval_on_selector_all(".choice", "boxes => boxes.map(box => box.querySelector('input').name)")
    assert len(groups) >= 2 and len(set(groups)) == len(groups)


def test_the_dirac_field_follows_the_pointer_the_keys_and_the_list(page, server):
    code = "from gan_course.widgets.dirac_field import dirac_field\n\ndirac_field()"
    write_notebook(Path(server["root_dir"]) / "dirac.ipynb", code)
    open_notebook(page, server, "dirac.ipynb")
    run_all(page)
    field = page.get_by_role("application", name="Arrow field of the game")
    before, box = settled(field), field.bounding_box()
    words = page.locator(".dirac .verdict")
    expect(words).to_contain_text("Spirals out")

    page.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + 0.25 * box["height"])  # the dot at (1, 1)
    page.mouse.down()
    for step in range(30):
        page.mouse.move(box["x"] + (0.75 - 0.01 * step) * box["width"], box["y"] + 0.25 * box["height"])
    page.mouse.up()
    expect(page.locator(".dirac .details")).to_contain_text("radius 1.01 at the start")  # (-0.16, 1): the last place
    dragged = settled(field)
    assert (np.abs(dragged - before).max(axis=-1) > 0.1).sum() > 500

    field.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.locator(".dirac .details")).to_contain_text("radius 0.82 at the start")
    page.get_by_role("combobox", name="Method").select_option("extragradient")
    expect(words).to_contain_text("Converges")
    page.screenshot(path=server["pictures"] / "dirac.png")
    assert (np.abs(settled(field) - dragged).max(axis=-1) > 0.1).sum() > 500

    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    expect(page.get_by_text("The kernel was restarted")).to_be_visible()


JUDGED = """
import torch
from gan_course import toy
from gan_course.table import Table
from gan_course.widgets.judge import Judge
from gan_course.widgets.outcomes import Outcomes

judge = Judge(torch.ones(4, 1, 8, 8), -torch.ones(4, 1, 8, 8), rounds=2)
rows = [{"lr_g": g, "lr_d": d, "modes": g + d} for g in (1, 2, 3) for d in (1, 2)]
outcomes = Outcomes(Table(rows), "modes", "lr_g", "lr_d", torch.zeros(6, 30, 2), toy.ring())
display(judge, outcomes)
"""


def test_the_judge_and_the_map_of_outcomes_work_by_keys_and_are_saved(page, server):
    path = Path(server["root_dir"]) / "judged.ipynb"
    write_notebook(path, JUDGED)
    open_notebook(page, server, "judged.ipynb")
    run_all(page)
    real_is = ast.literal_eval(ask_kernel(page, "judge.real_is"))
    box = page.get_by_role("group", name="You are the judge")
    box.get_by_role("button").first.focus()
    for side, said in ((real_is[0], "✔ Right"), (1 - real_is[1], "✘ Wrong")):
        page.keyboard.press(("ArrowLeft", "ArrowRight")[side])
        expect(box.get_by_role("status")).to_contain_text(said)
        page.keyboard.press("Enter")  # the focus is on "Next pair", and then on "See your score"
    expect(box.get_by_role("status")).to_contain_text("You found 1 of 2")
    expect(box.get_by_role("listitem")).to_have_count(1)  # the sheet of mistakes
    assert ask_kernel(page, "judge.answers") == "[True, False]"

    chosen = page.get_by_role("button", pressed=True)
    expect(chosen).to_have_accessible_name("lr_g 3, lr_d 2: modes 5")
    chosen.focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowDown")
    expect(chosen).to_have_accessible_name("lr_g 2, lr_d 1: modes 3")
    expect(chosen).to_be_focused()
    expect(page.get_by_role("img", name="Points of")).to_have_count(2)
    assert ask_kernel(page, "outcomes.cell") == "[1, 0]"
    page.screenshot(path=server["pictures"] / "judged.png")

    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
    states = nbformat.read(path, 4).metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"].values()
    kept = [state["state"] for state in states]
    assert [1 - real_is[1]] == [state["chosen"][1] for state in kept if "chosen" in state]
    assert [state["cell"] for state in kept if "cell" in state] == [[1, 0]]
