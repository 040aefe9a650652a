"""Run one notebook under nbval and write down what each code cell did: run_notebook.py NOTEBOOK REPORT.

Run by test_notebooks.py in a process of its own; `unshare -n` before it cuts that process off from the network.
"""

import json
import os
import socket
import struct
import sys
from pathlib import Path

import pytest

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 0x1


def loopback_up() -> None:
    """Switch on `lo`, which is down in a new network namespace: a kernel talks to nbval through it."""
    import fcntl  # Linux, like network namespaces

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        request = struct.pack("16sh22x", b"lo", 0)
        name, flags = struct.unpack("16sh22x", fcntl.ioctl(sock, SIOCGIFFLAGS, request))
        if not flags & IFF_UP:
            fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sh22x", name, flags | IFF_UP))


def texts(outputs: list) -> list[str]:
    """Every text that a cell showed: streams, and the text kinds of its displays. Not its pictures."""
    found, stream = [], None
    for output in outputs:
        if "text" in output and output["name"] == stream:
            found[-1] += output["text"]  # one text may arrive in several pieces, cut by the clock
        elif "text" in output:
            found.append(output["text"])
        stream = output.get("name")
        data = output.get("data", {})
        found += [str(data[kind]) for kind in sorted(data) if kind.startswith("text/")]
    return found


class Recorder:
    """A pytest plugin: one entry for each code cell, in order."""

    def __init__(self):
        self.cells = []

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item, call):
        report = yield
        if report.when == "call" or report.failed:
            outputs = item.test_outputs or []
            self.cells.append(
                {
                    "source": item.cell.source,
                    "outcome": report.outcome,
                    "why": str(report.longrepr or ""),
                    "texts": texts(outputs),
                }
            )
        return report


def main(notebook: str, target: str) -> None:
    interfaces = [name for _, name in socket.if_nameindex()]
    if interfaces == ["lo"]:
        loopback_up()
    recorder = Recorder()
    options = ["-q", "--color=no", "--noconftest", "-c", os.devnull, "-p", "no:cacheprovider", "-p", "no:xdist"]
    pytest.main([*options, "--nbval-lax", "--nbval-current-env", notebook], plugins=[recorder])
    Path(target).write_text(json.dumps({"interfaces": interfaces, "cells": recorder.cells}), "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
