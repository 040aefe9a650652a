"""The course's JupyterLab, started as a learner starts it, for the tests that need one."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"


@contextlib.contextmanager
def running(folder: Path, *arguments: str) -> Iterator[dict]:
    """Start `python -m gan_course` on a free port, with an empty home and a copy of the lessons (it saves them).

    Gives what Jupyter writes of the running server: url, token, root_dir, pid, ...
    """
    lessons = shutil.copytree(NOTEBOOKS, folder / "notebooks")
    home, runtime, log = folder / "home", folder / "runtime", folder / "lab.log"
    home.mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "XDG"))}
    environment |= {"HOME": str(home), "GAN_COURSE_HOME": str(home / "course"), "JUPYTER_RUNTIME_DIR": str(runtime)}
    command = [sys.executable, "-m", "gan_course", "--no-browser", "--port=0", f"--ServerApp.root_dir={lessons}"]
    with log.open("w") as out:
        server = subprocess.Popen([*command, *arguments], env=environment, stdout=out, stderr=out, cwd=folder)
    try:
        for _ in range(1200):
            said = log.read_text()
            if "is running at" in said:
                (facts,) = runtime.glob("jpserver-*.json")
                yield json.loads(facts.read_text())
                return
            assert server.poll() is None, f"JupyterLab stopped:\n{said}"
            time.sleep(0.1)
        raise AssertionError(f"JupyterLab did not start within two minutes:\n{log.read_text()}")
    finally:
        server.terminate()
        server.wait(timeout=60)
