"""The two commands hold: one list of versions, agreed on by every way in, and a JupyterLab that opens quietly."""

import ast
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import gan_course

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def lock() -> dict[str, Version]:
    """The pins that hold on this machine: canonical name -> version."""
    lines = (ROOT / "requirements.lock").read_text("utf-8").splitlines()
    pins = {}
    for requirement in (Requirement(line) for line in lines if line and not line.startswith("#")):
        if requirement.marker is None or requirement.marker.evaluate():
            (pin,) = requirement.specifier
            assert pin.operator == "==" and "*" not in pin.version, f"{requirement} is not an exact pin"
            assert canonicalize_name(requirement.name) not in pins, f"{requirement.name} is pinned twice"
            pins[canonicalize_name(requirement.name)] = Version(pin.version)
    return pins


def needed(requirements: list[str]) -> dict[str, importlib.metadata.Distribution]:
    """All that ``requirements`` bring in on this machine, theirs included: canonical name -> what is installed."""
    found, waiting = {}, [Requirement(text) for text in requirements]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name in found:
            continue
        found[name] = importlib.metadata.distribution(name)
        for text in found[name].requires or []:
            inner = Requirement(text)
            extras = requirement.extras or {""}
            if inner.marker is None or any(inner.marker.evaluate({"extra": extra}) for extra in extras):
                waiting.append(inner)
    return found


def everything() -> list[str]:
    return [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["test"]]


def test_the_project_names_no_versions_of_its_own():
    assert [text for text in everything() if not re.fullmatch(r"[A-Za-z0-9_.-]+", text)] == []


def test_what_is_installed_is_what_the_lock_says():
    pins = lock()
    installed = {name: Version(found.version) for name, found in needed(everything()).items()}
    gpu = re.compile(r"nvidia-|cuda-|triton$")  # torch pins its own
    loose = [name for name in installed if name not in pins and not gpu.match(name)]
    assert not loose, f"requirements.lock has no pin for {loose}; run 'make lock'"
    wrong = {
        name: (str(version), str(pins[name]))
        for name, version in installed.items()
        if name in pins and Version(version.public) != pins[name]  # 2.13.0+cpu is a build of 2.13.0
    }
    assert not wrong, f"installed against locked: {wrong}; run 'make env'"


def test_the_lock_repeats_no_build_of_one_platform():
    text = (ROOT / "requirements.lock").read_text("utf-8")
    assert not re.search(r"^[^#]*(\+cpu|nvidia|triton|://|file:)", text, re.MULTILINE)


def test_environment_yml_agrees_with_the_project():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
    assert set(environment) == {"name", "channels", "dependencies"} and environment["channels"] == ["conda-forge"]
    python, pip, shared = environment["dependencies"]
    assert pip == "pip"
    name, _, version = python.partition("=")
    assert name == "python" and Version(version) in Requirement(f"x{PROJECT['requires-python']}").specifier
    assert shared == {"pip": ["-c requirements.lock", "-e ."]}, "versions come from the lock, by reference"
    assert (ROOT / "requirements.lock").is_file()


def test_ci_runs_the_same_commands_in_both_places():
    script = (ROOT / ".ci" / "run").read_text("utf-8")
    assert "\nmake test\n" in script and "set -euo pipefail" in script
    subprocess.run(["bash", "-n", str(ROOT / ".ci" / "run")], check=True)
    (job,) = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8"))["jobs"].values()
    assert job["steps"][-1]["run"] == "bash .ci/run"
    assert all(
        Version(v) in Requirement(f"x{PROJECT['requires-python']}").specifier
        for v in job["strategy"]["matrix"]["python"]
    )


def imported(folder: Path) -> set[str]:
    """The top-level modules that the Python files below ``folder`` import."""
    found = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                found.add(node.module.split(".")[0])
    return found - set(sys.stdlib_module_names) - {"gan_course"}


def test_each_package_that_the_course_imports_is_a_dependency():
    providers = importlib.metadata.packages_distributions()
    declared = {canonicalize_name(text) for text in PROJECT["dependencies"]}
    tools = {"jupytext", "nbformat"}  # build.py is run with the test tools
    undeclared = {
        module
        for module in imported(ROOT / "gan_course") | imported(ROOT / "notebooks" / "src")
        if not declared & {canonicalize_name(name) for name in providers.get(module, [])}
    }
    assert undeclared - tools == set(), "name their packages in pyproject.toml, then run 'make lock'"


def test_the_package_in_use_is_this_clone():
    assert Path(gan_course.__file__).parent == ROOT / "gan_course"


def test_the_readme_points_at_what_is_there_and_lists_every_lesson():
    text = (ROOT / "README.md").read_text("utf-8")
    links = {link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link}
    assert [link for link in sorted(links) if not (ROOT / link).exists()] == []
    lessons = {f"notebooks/{path.name}" for path in (ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb")}
    assert lessons <= links, f"not in the README's table: {sorted(lessons - links)}"


STAND_IN = """#!/bin/sh
# Stands in for Python, so that what make asks of it can be read: installing for real takes minutes and a network.
echo "$*" >> calls
case "$*" in
  "-c import sys"*) exit "${OLD:-0}" ;;
  --version) echo "Python 3.9.1" ;;
  "-m venv --clear .venv") rm -rf .venv; mkdir -p .venv/bin; cp "$0" .venv/bin/python ;;
  "-m pip install"*) exit "${PIP:-0}" ;;
esac
"""


class Clone:
    """A folder with the Makefile and what it reads; each command runs on the stand-in and tells what it called."""

    def __init__(self, folder: Path):
        self.folder = folder
        for name in ("Makefile", "requirements.lock", "pyproject.toml"):
            shutil.copy(ROOT / name, folder)
            os.utime(folder / name, (1e9, 1e9))
        (folder / "python").write_text(STAND_IN)
        (folder / "python").chmod(0o755)

    def make(self, *arguments: str, **environment: str) -> tuple[subprocess.CompletedProcess, list[str]]:
        (self.folder / "calls").write_text("")
        done = subprocess.run(
            ["make", *arguments, "PYTHON=./python"],
            cwd=self.folder,
            env={**{k: v for k, v in os.environ.items() if not k.startswith("MAKE")}, **environment},
            capture_output=True,
            text=True,
        )
        return done, (self.folder / "calls").read_text().splitlines()


@pytest.fixture
def clone(tmp_path) -> Clone:
    return Clone(tmp_path)


INSTALL = "-m pip install --disable-pip-version-check -c requirements.lock -e "
LAB = "-m gan_course --no-browser"


def test_make_alone_lists_the_commands(clone):
    done, calls = clone.make()
    assert all(f"make {name} " in done.stdout for name in ("lab", "test", "env", "notebooks", "check", "lock"))
    assert calls == []


def test_the_first_start_installs_the_locked_set_and_the_second_only_starts(clone):
    done, calls = clone.make("lab", "LAB_ARGS=--no-browser")
    assert done.returncode == 0 and calls[1:] == ["-m venv --clear .venv", INSTALL + ".", LAB]
    assert clone.make("lab", "LAB_ARGS=--no-browser")[1] == [LAB]


def test_the_tests_add_their_tools_to_the_same_environment(clone):
    clone.make("lab")
    _, calls = clone.make("test")
    assert INSTALL + ".[test]" in calls and "-m venv --clear .venv" not in calls
    assert clone.make("lab", "LAB_ARGS=--no-browser")[1] == [LAB], "the lab needs nothing that the tests have not"


@pytest.mark.parametrize("changed", ["requirements.lock", "pyproject.toml"])
def test_a_change_of_the_lock_or_the_project_installs_again(clone, changed):
    clone.make("env")
    assert clone.make("env")[1] == []
    soon = time.time() + 5
    os.utime(clone.folder / changed, (soon, soon))
    assert INSTALL + ".[test]" in clone.make("env")[1]


def test_an_installation_cut_short_is_begun_afresh(clone):
    done, calls = clone.make("lab", PIP="1")
    assert done.returncode != 0 and "Python 3.11 to 3.14" in done.stderr
    assert not any(call.startswith("-m gan_course") for call in calls)
    _, calls = clone.make("lab")
    assert "-m venv --clear .venv" in calls and calls[-1].startswith("-m gan_course")


def test_an_old_python_is_told_what_to_do(clone):
    done, calls = clone.make("lab", OLD="1")
    assert done.returncode != 0 and not (clone.folder / ".venv").exists()
    assert "needs Python 3.11 or newer; ./python is Python 3.9.1." in done.stderr
    assert "make lab PYTHON=python3.12" in done.stderr
