"""Runs on a real cluster: executors in processes of their own, tables in S3, a worker that dies."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest

pytestmark = [pytest.mark.nightly]
PROJECT = Path(__file__).resolve().parents[2]
SAMPLE = PROJECT / "samples" / "launches" / "launches" / "spacex_launches_v5.json"
STRATA = Path(sys.executable).with_name("strata")
sys.path.insert(0, str(PROJECT / "infra" / "local"))
sys.path.insert(0, str(PROJECT / "infra" / "emr"))
cluster: ModuleType = importlib.import_module("cluster")
package: ModuleType = importlib.import_module("package")
# Where the executors' Python and Strata lie: two tasks that wait for each other's executor.
WHERE = """
import sys, time
import pyarrow as pa
from strata.spark import session

def tell(batches):
    import strata
    for _ in batches:
        time.sleep(2)
        yield pa.RecordBatch.from_pydict({"place": [f"{sys.executable} {strata.__file__}"]})

spark = session.build(sys.argv[1])
places = spark.range(0, 2, 1, 2).mapInArrow(tell, "place string").collect()
print("FOUND", *{row[0] for row in places})
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Path, dict[str, str]]]:
    folder = tmp_path_factory.mktemp("cluster")
    with cluster.start(folder) as found:
        own = {k: v for k, v in os.environ.items() if not k.startswith("STRATA_PROJECT")}
        told = own | found.environment | cluster.executor_settings(folder)
        s3 = boto3.client("s3", **keys(found.environment))
        s3.upload_file(str(SAMPLE), "strata-raw", "launches/launches/a.json")
        yield found, folder, told


def keys(environment: dict[str, str]) -> dict[str, str]:
    return {
        "endpoint_url": environment["AWS_ENDPOINT_URL"],
        "region_name": environment["AWS_REGION"],
        "aws_access_key_id": environment["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": environment["AWS_SECRET_ACCESS_KEY"],
    }


def command(*arguments: str) -> list[str]:
    return [str(STRATA), *arguments]


def flown() -> dict[str, int]:
    """Launches of each core, counted in the raw file by plain Python."""
    counts: dict[str, int] = {}
    for launch in json.loads(SAMPLE.read_text()):
        if not launch.get("upcoming"):
            for core in launch.get("cores") or []:
                if core.get("core"):
                    counts[core["core"]] = counts.get(core["core"], 0) + 1
    return counts


def test_a_worker_killed_in_the_middle_costs_a_run_at_most(
    running: tuple[Any, Path, dict[str, str]],
) -> None:
    found, folder, told = running
    asked = command("run", "launches", "--master", found.master, "--quiet")
    with open(folder / "run.log", "wb") as log:
        run = subprocess.Popen(asked, env=told, stdout=log, stderr=subprocess.STDOUT)
    wait_for_executor(folder / "worker-1", run)
    # The worker and the executors that it started, as when a machine is lost.
    worker = found.processes.pop("worker-1")
    for child in children(worker.pid):
        os.kill(child, signal.SIGKILL)
    worker.kill()
    worker.wait()
    code = run.wait(timeout=900)
    said = (folder / "run.log").read_text()
    assert code in (0, 1, 9), said
    assert "Traceback" not in said
    if code:
        assert said.count("strata: ") == 1

    # The machine is replaced, and the next run completes, whatever the first one came to.
    cluster.add_worker(found, folder, "worker-3", "2g")
    again = subprocess.run(asked, env=told, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert published(told) == flown()


def published(told: dict[str, str]) -> dict[str, int]:
    """Flights of each core, as readers see them."""
    asked = command("show", "gold.launches_core_reuse", "--format", "json", "--limit", "0")
    shown = subprocess.run(asked, env=told, check=True, capture_output=True, text=True).stdout
    return {row["core_id"]: row["flights"] for row in json.loads(shown)}


def test_executors_run_the_archive_that_emr_uses(tmp_path: Path) -> None:
    """By the command of `make cluster`, as the docs have it; a run, and what its executors are."""
    archive, folder, root = (tmp_path / name for name in ("e.tar.gz", "cluster", "warehouse"))
    package.pack_environment(archive)
    (tmp_path / "where.py").write_text(WHERE)
    raw = PROJECT / "samples"
    script = f"""set -e
        {STRATA} run launches --quiet --raw {raw} --warehouse {root} --master "$STRATA_MASTER"
        {sys.executable} {tmp_path / "where.py"} "$STRATA_MASTER" """
    started = [sys.executable, str(PROJECT / "infra" / "local" / "cluster.py")]
    started += ["--archive", str(archive), "--folder", str(folder), "--", "sh", "-c", script]
    own = {k: v for k, v in os.environ.items() if not k.startswith("STRATA_")}
    ended = subprocess.run(started, env=own, capture_output=True, text=True, timeout=1800)
    assert ended.returncode == 0, ended.stderr[-4000:]
    [line] = [line for line in ended.stdout.splitlines() if line.startswith("FOUND")]
    for place in line.split()[1:]:
        # Each executor unpacks the archive into a folder of its own, below its worker's.
        assert place.startswith(str(folder / "worker-"))
        assert "/environment/" in place
    assert published(own | {"STRATA_WAREHOUSE": str(root)}) == flown()


def wait_for_executor(work: Path, run: subprocess.Popen[bytes]) -> None:
    """Until the worker's executor has begun its work."""
    ends = time.monotonic() + 300
    while not list(work.glob("app-*/*/stderr")):
        assert run.poll() is None, "the run ended before an executor began"
        assert time.monotonic() < ends, "no executor began"
        time.sleep(0.5)
    time.sleep(10)


def children(pid: int) -> list[int]:
    """Processes that a process started, and theirs."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [item for child in map(int, found) for item in [child, *children(child)]]
