"""What a benchmark's processes hold of the machine's memory."""

from __future__ import annotations

import subprocess
import time
from contextlib import suppress
from pathlib import Path


def watch(process: subprocess.Popen[str]) -> float:
    """Waits for a process; the most memory that it and all below it held at a time, in GiB. Pages
    that several share count once.
    """
    most = 0.0
    while process.poll() is None:
        most = max(most, sum(map(_held, tree(process.pid))))
        time.sleep(0.5)
    return most / 2**20


def tree(process: int) -> list[int]:
    """A process, and all below it."""
    found, waiting = [], [process]
    while waiting:
        found.append(waiting.pop())
        for task in Path(f"/proc/{found[-1]}/task").glob("*/children"):
            with suppress(OSError):
                waiting += map(int, task.read_text().split())
    return found


def _held(process: int) -> int:
    """KiB, each shared page divided by how many share it."""
    try:
        text = Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:
        return 0
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith("Pss:")))
