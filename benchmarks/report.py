"""What every benchmark says beside its figures: on what class of machine, by which command, with which seeds."""

import datetime
import json
import os
import platform
from pathlib import Path

import torch

from gan_course import device


def machine() -> str:
    """The class of this machine in words, without its name: processor, cores, GPU if any, PyTorch, threads."""
    processor = f"{platform.machine()} with {torch.backends.cpu.get_cpu_capability()}, {os.cpu_count()} cores"
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    apple = ", an Apple GPU" if device.pick().type == "mps" else ""
    versions = f"Python {platform.python_version()}, PyTorch {torch.__version__}"
    return f"{processor}{gpu}{apple}; {platform.system()}, {versions}, {torch.get_num_threads()} threads"


def write(path: Path, command: str, rows: list[dict], **more) -> None:
    """Figures as JSON, with the date, the command and the machine that gave them. `more` names the seeds at least."""
    found = {"date": datetime.date.today().isoformat(), "command": command, "machine": machine(), **more, "rows": rows}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
