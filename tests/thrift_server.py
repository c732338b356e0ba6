"""A Spark Thrift server in a process of its own, as people start it, and clients of it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Running:
    """A server that listens, and what it printed."""

    port: int
    said: str

    def connect(self, **options: Any) -> Any:
        from pyhive import hive

        return hive.connect("127.0.0.1", self.port, **{"database": "gold", **options})

    def ask(self, text: str, **options: Any) -> list[tuple[Any, ...]]:
        cursor = self.connect(**options).cursor()
        cursor.execute(text)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        cursor.close()
        return rows


@contextmanager
def serving(
    warehouse: str, *options: str, project: Path | None = None, submit: bool = False, **env: str
) -> Iterator[Running]:
    """`strata sql serve` until the end of the block, or `jobs/thrift.py` by spark-submit; its heap
    is small.
    """
    own = {k: v for k, v in os.environ.items() if k != "STRATA_PROJECT"} | env
    if project:
        own["STRATA_PROJECT"] = str(project)
    command = [str(BIN / "strata"), "sql", "serve"]
    if submit:
        place = subprocess.run(
            [*command, "--class-path"], env=own, text=True, stdout=subprocess.PIPE, check=True
        )
        own["PATH"] = f"{BIN}{os.pathsep}{own['PATH']}"
        submitted = ["--driver-memory", "1200m", "--driver-class-path", place.stdout.strip()]
        command = [str(BIN / "spark-submit"), *submitted, "jobs/thrift.py"]
    else:
        own["PYSPARK_SUBMIT_ARGS"] = "--driver-memory 1200m pyspark-shell"
    command += ["--warehouse", warehouse, "--master", "local[2]", *options]
    process = subprocess.Popen(
        command, env=own, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=submit,
    )  # fmt: skip
    try:
        said = _until_told(process)
        found = re.search(r"127\.0\.0\.1:([0-9]+)", said)
        assert found, said
        yield Running(int(found[1]), said)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
        if submit:
            # spark-submit's Python outlives its JVM.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _until_told(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    assert process.stderr
    lines = []
    end = time.monotonic() + 300
    while time.monotonic() < end:
        line = process.stdout.readline()
        if not line:
            raise AssertionError(f"the server ended: {process.stderr.read()[-2000:]}")
        lines.append(line)
        if line.startswith("Ctrl-C"):
            return "".join(lines)
    raise AssertionError("the server did not say how to connect")


def refused_by(error: Exception) -> str:
    """The sentence that the server gave."""
    status = getattr(error.args[0], "status", None) if error.args else None
    return str(getattr(status, "errorMessage", error))
