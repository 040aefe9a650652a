"""Seconds that each lesson takes on this machine, from kernel start to last cell: python benchmarks/lessons.py [NN ...]

One thread, the way the tests run them. The README's minutes to run come from here.
"""

import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
VERSIONS = {"as given": ROOT / "notebooks", "solved": ROOT / "notebooks" / "solutions"}


def measure(notebook: Path) -> tuple[float, float, bool]:
    """Wall seconds and processor seconds of one run, and whether every cell passed."""
    with tempfile.TemporaryDirectory() as home:
        report = Path(home) / "report.json"
        environment = {**os.environ, "GAN_COURSE_HOME": home, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
        command = [sys.executable, str(ROOT / "tests" / "run_notebook.py"), str(notebook), str(report)]
        used = -cpu_of_children()
        start = time.perf_counter()
        subprocess.run(command, env=environment, check=True, capture_output=True)
        wall, used = time.perf_counter() - start, used + cpu_of_children()
        cells = json.loads(report.read_text("utf-8"))["cells"]
    return wall, used, all(cell["outcome"] == "passed" for cell in cells)


def cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main(wanted: list[str]) -> None:
    names = sorted(path.name for path in VERSIONS["as given"].glob("[0-9][0-9]_*.ipynb"))
    print(f"{platform.system()}, {os.cpu_count()} cores, Python {platform.python_version()}, one thread")
    print(f"{'lesson':40} {'version':10} {'wall s':>8} {'cpu s':>8}")
    for name in names:
        if wanted and name[:2] not in wanted:
            continue
        for version, folder in VERSIONS.items():
            wall, used, passed = measure(folder / name)
            print(f"{name:40} {version:10} {wall:8.1f} {used:8.1f}{'' if passed else '  FAILED'}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
