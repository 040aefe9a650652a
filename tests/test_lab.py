"""JupyterLab as the course opens it: quiet, behind a token, on this machine only."""

import json
import re
import urllib.error
import urllib.request
from pathlib import Path

import lab_server
import psutil
import pytest

from gan_course.__main__ import FIRST, NOTEBOOKS, arguments


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> dict:
    with lab_server.running(tmp_path_factory.mktemp("lab")) as facts:
        yield facts


def get(server: dict, path: str, token: str) -> tuple[int, str]:
    """Status and body of a page, redirections followed."""
    try:
        with urllib.request.urlopen(f"{server['url']}{path}?token={token}") as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, ""


def test_it_opens_at_the_first_lesson_for_the_token_only(server):
    assert len(server["token"]) >= 32
    status, page = get(server, f"lab/tree/{FIRST}", server["token"])
    assert status == 200 and "jupyter-config-data" in page
    assert "jupyter-config-data" not in get(server, f"lab/tree/{FIRST}", "wrong")[1]
    assert get(server, f"api/contents/{FIRST}", "wrong")[0] == 403
    assert json.loads(get(server, f"api/contents/{FIRST}", server["token"])[1])["type"] == "notebook"


def test_it_listens_on_this_machine_only(server):
    listening = [c.laddr for c in psutil.Process(server["pid"]).net_connections() if c.status == psutil.CONN_LISTEN]
    assert server["port"] in {address.port for address in listening}
    assert {address.ip for address in listening} == {"127.0.0.1"}


def test_it_asks_for_no_news_and_offers_no_pairing(server):
    page = get(server, "lab", server["token"])[1]
    config = json.loads(re.search(r'id="jupyter-config-data"[^>]*>(.*?)</script>', page, re.DOTALL)[1])
    assert config["news"] == {"disabled": True}
    assert "jupyterlab-jupytext" in config["disabledExtensions"]
    assert config["extensionManager"]["can_install"] is False
    plugin = "lab/api/settings/@jupyterlab/apputils-extension:notification"
    settings = json.loads(get(server, plugin, server["token"])[1])
    defaults = {name: entry["default"] for name, entry in settings["schema"]["properties"].items()}
    assert defaults["fetchNews"] == "false" and defaults["checkForUpdates"] is False
    assert get(server, "jupytext/sync", server["token"])[0] == 404


def test_widgets_are_saved_with_the_notebook(server):
    """Else JupyterLab shows "Error displaying widget: model not found" on the next day, and not even the picture."""
    plugin = "lab/api/settings/@jupyter-widgets/jupyterlab-manager:plugin"
    settings = json.loads(get(server, plugin, server["token"])[1])
    assert settings["schema"]["properties"]["saveState"]["default"] is True


def test_it_runs_on_its_own_lessons_and_leaves_the_users_settings_alone(server):
    assert f"--ServerApp.root_dir={NOTEBOOKS}" in arguments([])
    assert f"--LabApp.default_url=/lab/tree/{FIRST}" in arguments([])
    home = Path(server["root_dir"]).parent / "home"
    written = {path.name for path in (home / ".jupyter").rglob("*") if path.is_file()}
    assert written <= {"migrated"}, "Jupyter's own note that it looked for settings of long ago"


def test_without_lessons_it_says_where_to_start(tmp_path, monkeypatch):
    monkeypatch.setattr("gan_course.__main__.NOTEBOOKS", tmp_path)
    with pytest.raises(SystemExit, match="Start the course from its clone"):
        arguments([])


def test_an_argument_of_the_users_takes_the_place_of_ours():
    assert [text for text in arguments(["--ServerApp.ip=::1"]) if ".ip=" in text] == ["--ServerApp.ip=::1"]
    assert arguments(["--port=9000"])[-1] == "--port=9000"
