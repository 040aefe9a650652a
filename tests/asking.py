"""Ask a script of this folder for a scenario by name, and get what it found: a line of JSON there, a line back."""

import json
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def asking(script: str) -> Iterator[Callable]:
    command = [sys.executable, str(Path(__file__).with_name(script))]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(scenario: str, folder: Path, /, **more):
        print(json.dumps([scenario, str(folder), more]), file=process.stdin, flush=True)
        answer = json.loads(process.stdout.readline())
        assert "error" not in answer, answer["error"]
        return answer["found"]

    yield ask
    process.stdin.close()
    assert process.wait(timeout=60) == 0


def answer(scenarios: dict[str, Callable]) -> None:
    """The script's side: answer until nothing more is asked."""
    for line in sys.stdin:
        name, folder, more = json.loads(line)
        try:
            found = {"found": scenarios[name](Path(folder), **more)}
        except BaseException:
            found = {"error": traceback.format_exc()}
        print(json.dumps(found), flush=True)
