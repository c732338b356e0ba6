"""What a benchmark's processes hold of the machine's memory."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path


def answer_of(
    way: str, code: str, environment: dict[str, str] | None = None
) -> tuple[dict[str, float], float]:
    """Runs code in a Python process of its own; the JSON of the last line that it prints, and what
    `watch` tells. SystemExit with its last words where it fails.
    """
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as told:
        process = subprocess.Popen(
            [sys.executable, "-c", code], env=environment, stdout=out, stderr=told, text=True
        )
        most = watch(process)
        out.seek(0)
        told.seek(0)
        if process.returncode:
            raise SystemExit(f"{way}: {out.read()[-2000:]}{told.read()[-2000:]}")
        return json.loads(out.read().splitlines()[-1]), most


def watch(process: subprocess.Popen[str]) -> float:
    """Waits for a process; the most memory that it and all below it held at a time, in GiB, looked at
    twice a second. Pages that several share count once.
    """
    found, ended = [0], threading.Event()

    def look() -> None:
        while not ended.wait(0.5):
            found.append(sum(map(_held, tree(process.pid))))

    # Beside it, so that who waits is told at once when the process ends.
    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        process.wait()
    finally:
        ended.set()
        watcher.join()
    return max(found) / 2**20


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
