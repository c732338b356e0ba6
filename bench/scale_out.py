"""Scale-out: the same load on a standalone cluster of one worker and of two, each of one core.

    python -m bench scale-out [--lines N] [--rounds R]

Raw files and warehouse lie on the disk that all share; the driver is this machine's too. So two
workers of a machine with two cores show what is spread over executors and what one driver does,
not what a network costs. Of each number of workers: the seconds of commerce's first load, median
of the rounds, in turns, and the ratio to one worker.
"""

from __future__ import annotations

import argparse
import importlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from bench import commerce_data

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "infra" / "local"))
cluster: ModuleType = importlib.import_module("cluster")

WORKERS = (1, 2)
LINES = 20_000_000
"""Order lines of commerce at scale 1."""
_MAIN = "import sys; from strata.cli import main; sys.exit(main(sys.argv[1:]))"


def command(arguments: Sequence[str]) -> None:
    """Prints one line for each number of workers."""
    parser = argparse.ArgumentParser(prog="python -m bench scale-out", description=__doc__)
    parser.add_argument("--lines", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="strata-bench-") as name:
        folder = Path(name)
        commerce_data.make(folder / "raw", given.lines / LINES, seed=7)
        told: dict[int, list[float]] = {workers: [] for workers in WORKERS}
        for number in range(given.rounds):
            for workers in WORKERS if number % 2 == 0 else WORKERS[::-1]:
                told[workers].append(_load(folder, workers))
    one = statistics.median(told[WORKERS[0]])
    for workers, seconds in told.items():
        median = statistics.median(seconds)
        each = ", ".join(f"{passed:.0f}" for passed in seconds)
        print(f"{workers} workers: {median:.1f} s ({median / one:.2f}); each: {each}")


def _load(folder: Path, workers: int) -> float:
    """Seconds of a first load on a new cluster, from the driver's start to its publication."""
    target, own = folder / "warehouse", folder / f"cluster-{time.monotonic_ns()}"
    shutil.rmtree(target, ignore_errors=True)
    with cluster.start(own, workers, memory="4g") as found:
        told = {**os.environ, **found.environment, **cluster.executor_settings(own)}
        # Spark gives an executor 1 GB, whatever its worker has.
        told["PYSPARK_SUBMIT_ARGS"] = f"--executor-memory 3g {told['PYSPARK_SUBMIT_ARGS']}"
        asked = [sys.executable, "-c", _MAIN, "run", "commerce", "--quiet"]
        places = ["--raw", str(folder / "raw"), "--warehouse", str(target)]
        started = time.monotonic()
        ended = subprocess.run(
            [*asked, *places, "--master", found.master], env=told, capture_output=True, text=True
        )
        passed = time.monotonic() - started
    shutil.rmtree(own, ignore_errors=True)
    if ended.returncode:
        raise RuntimeError(f"{workers} workers: {ended.stderr[-2000:]}")
    return passed


if __name__ == "__main__":
    command(sys.argv[1:])
