"""Open the course: ``python -m gan_course`` starts JupyterLab at lesson 00, on every system alike.

Further arguments go to JupyterLab as they are: ``--no-browser``, ``--port=9000``, ... One written like those below
(``--ServerApp.ip=...``) takes that one's place.
"""

import os
import sys
from pathlib import Path

from jupyterlab.labapp import LabApp

from gan_course.checks.record import home

HERE = Path(__file__).resolve().parent
NOTEBOOKS = HERE.parent / "notebooks"
FIRST = "00_start_here.ipynb"


def arguments(own: list[str]) -> list[str]:
    """JupyterLab's arguments for the course, then ``own``. Nothing is written into the user's Jupyter settings."""
    if not (NOTEBOOKS / FIRST).is_file():
        raise SystemExit(
            f"No lessons in {NOTEBOOKS}. Start the course from its clone, with the package installed by "
            "'pip install -e .' there; if a notebook was deleted, 'make notebooks' writes it again."
        )
    given = [
        "--ServerApp.ip=127.0.0.1",  # this machine only; JupyterLab makes a token for each start
        f"--ServerApp.root_dir={NOTEBOOKS}",
        f"--LabApp.default_url=/lab/tree/{FIRST}",
        # A layout of the course's own: tabs of the user's other work would be looked for here, in vain.
        f"--LabApp.workspaces_dir={home() / 'lab'}",
        # No question about news and no look for updates: the course makes no connection of its own.
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.extension_manager=readonly",
        f"--LabApp.app_settings_dir={HERE / 'lab'}",
        # Jupytext comes with the test tools; here it would offer to pair each notebook with a script.
        "--ServerApp.jpserver_extensions=jupyterlab_jupytext=False",
        "--LanguageServerManager.autodetect=False",  # it would start npm to look for servers that no lesson needs
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        given.append("--ServerApp.allow_root=True")  # in a container the only user is often root
    replaced = {argument.partition("=")[0] for argument in own}
    return [argument for argument in given if argument.partition("=")[0] not in replaced] + own


if __name__ == "__main__":
    LabApp.launch_instance(argv=arguments(sys.argv[1:]))
