"""One thread a process, the long jobs first, and nothing written into the user's own progress."""

import os
import re

# Set before torch or NumPy is first imported: with two workers on two cores, more threads only get in the way.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import pytest  # noqa: E402

BROWSER = ("test_browser.py", "test_browser_laboratory.py")
LONG = ("test_notebooks.py", *BROWSER)
NO_BROWSER = os.environ.get("GAN_COURSE_NO_BROWSER") == "1"


def pytest_terminal_summary(terminalreporter) -> None:
    if NO_BROWSER:
        terminalreporter.write_line("GAN_COURSE_NO_BROWSER=1: the browser tests were LEFT OUT of this run")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The long files first, so that no worker is left with one at the end."""
    if NO_BROWSER:
        left_out = [item for item in items if item.path.name in BROWSER]
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)
    items.sort(key=lambda item: LONG.index(item.path.name) if item.path.name in LONG else len(LONG))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log):
    """One worker has all tests of a lesson (it runs each version once), or of a file (it makes fixtures once)."""
    from xdist.scheduler import LoadScopeScheduling

    class Together(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            lesson = re.search(r"test_notebooks\.py::.*\[(?:.*-)?(\d\d_\w+)\]", nodeid)
            return lesson[1] if lesson else nodeid.split("::")[0]

    config.option.loadscopereorder = False  # keep the order made above
    return Together(config, log)


@pytest.fixture(autouse=True, scope="session")
def course_home(tmp_path_factory: pytest.TempPathFactory):
    """GAN_COURSE_HOME in a folder of this session, so that no test touches the user's progress."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GAN_COURSE_HOME", str(tmp_path_factory.mktemp("course_home")))
        yield
