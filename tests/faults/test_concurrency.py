"""Races for a feed's lease, for a log entry and for a publication; a holder that sleeps; two feeds
side by side.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import boto3
import pytest
import urllib3
from botocore.exceptions import ClientError, ConnectionClosedError
from moto.server import DomainDispatcherApplication, create_backend_app
from pyspark.sql import SparkSession
from strata.errors import CommitUnknown, LeaseHeld
from strata.lake import commit
from strata.lake.commit import Shape
from strata.lake.data_file import DataFile
from strata.lake.versions import Warehouse, read_commit
from strata.ledger import lease
from strata.ledger import publication as ledger
from strata.ledger.publication import Publication
from werkzeug.serving import make_server

from tests.faults.kill import CASES, Child, run_here
from tests.faults.oracle import assert_conserved
from tests.faults.races import race

LOCKS = """
import fcntl, sys
with open(sys.argv[1], "r+") as file:
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(3)
"""
"""Another process takes the lock, if it can: this one would be granted it twice."""


def is_free(path: Path) -> bool:
    """Whether another process could lock the file now."""
    code = subprocess.run([sys.executable, "-c", LOCKS, str(path)], check=False).returncode
    assert code in (0, 3)
    return code == 0


def hold_often(root: str, marks: str, turns: int) -> Counter[str]:
    """Takes the lease that often; whoever holds it makes a file that nobody else may have made."""
    met = Counter[str]()
    for turn in range(turns):
        try:
            with lease.hold(Warehouse(root), "bank", f"run-{os.getpid()}-{turn}"):
                os.close(os.open(marks, os.O_CREAT | os.O_EXCL))
                met["held"] += 1
                os.unlink(marks)
        except LeaseHeld:
            met["refused"] += 1
        except FileExistsError:
            met["two at once"] += 1
    return met


def test_in_thousands_of_races_for_a_lease_one_run_holds_it_at_a_time(tmp_path: Path) -> None:
    """Threads of one process beside two other processes."""
    arguments = (str(tmp_path), str(tmp_path / "held"))
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        elsewhere = [pool.submit(hold_often, *arguments, 1500) for _ in range(2)]
        here: list[Counter[str]] = []
        race(3, lambda _: here.append(hold_often(*arguments, 1500)))
        there = [future.result() for future in elsewhere]
    for met in (sum(here, Counter[str]()), sum(there, Counter[str]())):
        assert met["two at once"] == 0
        assert met["held"] > 100
        assert met["refused"] > 0


def test_a_refused_run_does_not_free_the_lease_of_the_run_that_holds_it(tmp_path: Path) -> None:
    """POSIX: whoever closes a file frees all locks of its process on it, also those that another
    descriptor took.
    """
    warehouse, path = Warehouse(str(tmp_path)), tmp_path / "ops" / "leases" / "bank.lock"
    with lease.hold(warehouse, "bank", "first"):
        for _ in range(3):
            with (
                pytest.raises(LeaseHeld, match="bank is held by run first"),
                lease.hold(warehouse, "bank", "second"),
            ):
                pass
            assert not is_free(path)
    assert is_free(path)


HOLDS = """
import subprocess, sys, time
from strata.lake.versions import Warehouse
from strata.ledger import lease
with lease.hold(Warehouse(sys.argv[1]), "bank", "killed"):
    child = subprocess.Popen(["sleep", "60"])
    print(child.pid, flush=True)
    time.sleep(60)
"""
"""A run, and a child of it that outlives it, as Spark's JVM may."""


def test_a_killed_run_leaves_its_lease_free_though_its_jvm_lives_on(tmp_path: Path) -> None:
    warehouse, path = Warehouse(str(tmp_path)), tmp_path / "ops" / "leases" / "bank.lock"
    run = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert run.stdout is not None
    survivor = int(run.stdout.readline())
    try:
        assert not is_free(path)
        with pytest.raises(LeaseHeld, match=f"process {run.pid} on"):
            lease.hold(warehouse, "bank", "next").__enter__()
        run.kill()
        run.wait()
        os.kill(survivor, 0)
        with lease.hold(warehouse, "bank", "next"):
            assert not is_free(path)
    finally:
        os.kill(survivor, signal.SIGKILL)


# --- commits -------------------------------------------------------------------------------------

SHAPE = Shape(
    '{"type":"struct","fields":[{"name":"id","type":"long","nullable":true,"metadata":{}}]}'
)


def test_in_races_for_a_version_one_commit_wins_each(tmp_path: Path) -> None:
    """Blind appends without any lease: what a publication's compare-and-set rests on."""
    warehouse, table = Warehouse(str(tmp_path)), "ops.race"
    commit.create(warehouse, table, SHAPE, "first")
    won: list[tuple[int, str]] = []

    def work(number: int) -> None:
        for version in range(60):
            mark = f"writer {number}, {version}"
            file = DataFile(f"{number}-{version}.parquet", 1, 1, 1, {"numRecords": 1})
            with suppress(CommitUnknown):
                commit.append(warehouse, table, version, [file], mark)
                won.append((version + 1, mark))

    race(4, work)
    assert Counter(version for version, _ in won) == Counter(range(1, 61))
    assert {(v, read_commit(warehouse, table, v).run_id) for v in range(1, 61)} == set(won)


def test_in_races_to_create_a_table_one_wins(tmp_path: Path) -> None:
    for turn in range(20):
        warehouse, won = Warehouse(str(tmp_path / f"{turn}")), []

        def work(number: int, warehouse: Warehouse = warehouse, won: list[str] = won) -> None:
            with suppress(CommitUnknown):
                commit.create(warehouse, "ops.race", SHAPE, f"writer {number}")
                won.append(f"writer {number}")

        race(4, work)
        assert [read_commit(warehouse, "ops.race", 0).run_id] == won


def test_of_runs_that_publish_one_number_at_once_one_wins_and_none_is_lost(
    tmp_path: Path,
) -> None:
    """As if the lease had failed: the ledger's compare-and-set alone."""
    warehouse = Warehouse(str(tmp_path))
    won: list[tuple[int, str]] = []

    def work(number: int) -> None:
        for publication in range(1, 9):
            run_id = f"run-{number}-{publication}"
            with suppress(LeaseHeld):
                ledger.publish(warehouse, Publication("bank", publication, publication - 1, run_id))
                won.append((publication, run_id))

    race(3, work)
    assert sorted(won) == [(p.publication, p.run_id) for p in ledger.read(warehouse, "bank")]
    assert [number for number, _ in sorted(won)] == list(range(1, 9))


# --- leases on S3 --------------------------------------------------------------------------------


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An S3 server on loopback with a bucket."""
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(key, "test")
    # One request at a time: S3 judges a condition and puts in one step, the emulator in two.
    server = make_server(
        "127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=False
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        # The emulator keeps its buckets in this process, for whichever server asks next.
        urllib3.request("POST", f"http://127.0.0.1:{server.server_port}/moto-api/reset")
        made = boto3.client(
            "s3", endpoint_url=f"http://127.0.0.1:{server.server_port}", region_name="us-east-1"
        )
        made.create_bucket(Bucket="lake")
        yield made
    finally:
        server.shutdown()


def s3_lease(client: Any, run_id: str) -> lease.S3Lease:
    return lease.S3Lease(
        "bank",
        client,
        "lake",
        "ops/leases/bank.json",
        {"run_id": run_id, "host": "h", "pid": 1, "since": "now"},
    )


def test_a_holder_that_slept_past_its_time_can_neither_publish_nor_free_the_next_one(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleeper, next_one = s3_lease(client, "sleeper"), s3_lease(client, "next")
    sleeper.take()
    with pytest.raises(LeaseHeld, match="held by run sleeper"):
        next_one.take()
    now = time.time
    monkeypatch.setattr(lease.time, "time", lambda: now() + lease.S3_LEASE_SECONDS + 1)
    next_one.take()

    with pytest.raises(LeaseHeld, match="another run took the lease"):
        sleeper.assert_held()
    sleeper.release()
    next_one.assert_held()


class Faulty:
    """A client whose next answers are lost, or are S3's own trouble."""

    def __init__(self, client: Any) -> None:
        self.exceptions, self.get_object, self._put = (
            client.exceptions,
            client.get_object,
            client.put_object,
        )
        self.faults: list[str] = []

    def put_object(self, **told: Any) -> Any:
        fault = self.faults.pop() if self.faults else None
        if fault == "trouble":
            raise ClientError({"ResponseMetadata": {"HTTPStatusCode": 500}}, "PutObject")
        if fault == "mute":
            raise ConnectionClosedError(endpoint_url="http://127.0.0.1")
        answer = self._put(**told)
        if fault == "lost":
            raise ConnectionClosedError(endpoint_url="http://127.0.0.1")
        return answer


def test_a_lease_is_renewed_through_trouble_and_lost_answers(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "S3_LEASE_SECONDS", 0.3)
    faulty = Faulty(client)
    mine = s3_lease(faulty, "mine")
    mine.take()
    renewing = threading.Thread(target=mine.renew, daemon=True)
    renewing.start()
    for faults in (["trouble"], ["lost"], ["trouble", "lost"]):
        with mine.one_at_a_time:
            faulty.faults, before = list(faults), mine.etag
        deadline = time.monotonic() + 30
        while (faulty.faults or mine.etag == before) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert (renewing.is_alive(), faulty.faults) == (True, [])
        assert mine.etag != before
    mine.assert_held()
    mine.release()
    s3_lease(client, "next").take()


@pytest.mark.parametrize("fault", ["trouble", "lost", "mute"])
def test_a_lease_that_cannot_be_let_go_fails_no_run_and_hides_no_error(
    client: Any, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    faulty = Faulty(client)
    monkeypatch.setattr(boto3, "client", lambda _: faulty)
    warehouse = Warehouse("s3://lake")
    with lease.hold(warehouse, "bank", "first"):
        faulty.faults = [fault]
    now = time.time
    monkeypatch.setattr(lease.time, "time", lambda: now() + lease.S3_LEASE_SECONDS + 1)
    held = lease.hold(warehouse, "bank", "second")
    held.__enter__()
    faulty.faults = [fault]
    mine = KeyError("mine")
    assert not held.__exit__(KeyError, mine, None), "the run's own error goes on"
    assert faulty.faults == []


def test_in_races_for_a_free_s3_lease_one_run_wins_each(client: Any) -> None:
    for turn in range(40):
        won: list[lease.S3Lease] = []

        def work(number: int, turn: int = turn, won: list[lease.S3Lease] = won) -> None:
            mine = s3_lease(client, f"run-{turn}-{number}")
            with suppress(LeaseHeld):
                mine.take()
                won.append(mine)

        race(6, work)
        assert len(won) == 1, f"turn {turn}"
        won[0].release()


# --- processes -----------------------------------------------------------------------------------


@pytest.mark.spark
def test_a_paused_holder_keeps_its_feed_and_another_feed_runs_beside_it(
    spark: SparkSession, tmp_path: Path
) -> None:
    warehouse, raw, log = Warehouse(str(tmp_path / "warehouse")), tmp_path / "raw", tmp_path / "log"
    for feed in ("toy", "launches"):
        CASES[feed].deliver(raw, CASES[feed].files())
    holder = Child(tmp_path / "holder")
    try:
        holder.tell(
            ["run", "toy", "--raw", str(raw), "--warehouse", warehouse.root, "--quiet"],
            "point:publication.before=stop",
            log,
        )
        for _ in range(3000):
            if log.exists() and "fired publication.before" in log.read_text():
                break
            time.sleep(0.1)
        with pytest.raises(LeaseHeld, match=f"process {holder.process.pid} on"):
            run_here(spark, "toy", raw, warehouse)
        run_here(spark, "launches", raw, warehouse)
        assert ledger.read(warehouse, "toy") == ()
        os.killpg(holder.process.pid, signal.SIGCONT)
        code, told = holder.end()
        assert code == 0, told
    finally:
        holder.kill()
    for feed in ("toy", "launches"):
        assert len(ledger.read(warehouse, feed)) == 1
        assert_conserved(warehouse, feed)
