"""What the course does on an NVIDIA GPU, in one command: python benchmarks/gpu.py

Equality of recorded turns (CUDA graphs) with turns from scratch, then the speed of small games, of many games at once
and of a DCGAN, each beside its goal, and which kernels a turn's time goes to. Each part runs in a process of its own,
since a capture that fails can leave CUDA unusable; what was measured stands in docs/results/gpu.json, also if a
part fails or time runs out (--seconds). With --tiny the same runs small, on a processor too, where no figure means
anything.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import bench
import gpu_images
import gpu_parts
import report
import torch
from gpu_parts import FULL, TINY, Size
from race import WHERE

ROOT = Path(__file__).parents[1] / "docs" / "results"
PARTS = {
    "equality": gpu_parts.equality,
    "toys": gpu_parts.toys,
    "rates": gpu_images.rates,
    "dcgan": gpu_images.dcgan,
    "kernels": gpu_images.kernels,
    "games": gpu_parts.games,
}


def measure(part: str, size: Size, seconds: float, out: Path) -> None:
    """One part, here: its rows are printed and written as they come."""
    rows = []
    for one in PARTS[part](size, time.monotonic() + seconds):
        rows.append(one)
        goal = "" if one["goal"] is None else f"goal {'<=' if one['at_most'] else '>='} {one['goal']:g}"
        print(f"{part:9} {one['name']:72} {one['value']:12.6g} {one['unit']:10} {goal}", flush=True)
        out.write_text(json.dumps(rows), "utf-8")


def measure_apart(part: str, tiny: bool, seconds: float) -> tuple[list[dict], str | None]:
    """One part in its own process: the rows that it came to, and what went wrong, if anything did."""
    with TemporaryDirectory() as folder:
        out = Path(folder) / "rows.json"
        command = [sys.executable, __file__, "--inside", part, "--seconds", str(seconds), "--out", str(out)]
        try:
            code = subprocess.run(command + ["--tiny"] * tiny, timeout=seconds).returncode
            problem = f"it ended with code {code}" if code else None
        except subprocess.TimeoutExpired:
            problem = "its time ran out"
        return json.loads(out.read_text("utf-8")) if out.exists() else [], problem


def main(wishes: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true", help="small sizes, on any machine: to see that it runs")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--seconds", type=float, default=510, help="for all parts together")
    parser.add_argument("--out", type=Path, default=ROOT / "gpu.json")
    parser.add_argument("--inside", choices=PARTS, help=argparse.SUPPRESS)
    given = parser.parse_args(wishes)
    size = TINY if given.tiny else FULL
    if WHERE.type != "cuda" and not given.tiny:
        parser.error("this needs an NVIDIA GPU; --tiny runs the same on a processor.")
    if given.inside:
        measure(given.inside, size, given.seconds, given.out)
        return
    print(report.machine(), flush=True)
    rows, problems, end = [], {}, time.monotonic() + given.seconds
    for part in given.parts:
        left = end - time.monotonic()
        found, problem = measure_apart(part, given.tiny, left) if left > 10 else ([], "no time was left")
        rows += [{"part": part, **one} for one in found]
        if problem:
            problems[part] = problem
            print(f"{part:9} FAILED: {problem}", flush=True)
        report.write(given.out, "python benchmarks/gpu.py", rows, seeds=[bench.SEED], size=size._asdict(),
                     device=WHERE.type, problems=problems,
                     memory_gb=torch.cuda.get_device_properties(0).total_memory / 1e9 if WHERE.type == "cuda" else None,
                     defaults={"tf32 in convolutions": torch.backends.cudnn.allow_tf32,
                               "tf32 in products": torch.backends.cuda.matmul.allow_tf32})  # fmt: skip
    print("\nThen, on the same machine: python -m pytest tests/test_replay.py")


if __name__ == "__main__":
    main()
