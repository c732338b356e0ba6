"""Races for a feed's lease, for a log entry and for a publication; a holder that sleeps; two feeds
side by side.
"""

from __future__ import annotations

import fcntl
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3
import pytest
import urllib3
from moto.server import DomainDispatcherApplication, create_backend_app
from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession
from strata.errors import LeaseHeld
from strata.lake.versions import Warehouse
from strata.ledger import lease
from strata.ledger import publication as ledger
from strata.ledger.publication import Publication
from werkzeug.serving import make_server

from tests.faults.kill import CASES, Child, run_here
from tests.faults.oracle import assert_conserved

pytestmark = pytest.mark.spark


def race(threads: int, work: Callable[[int], None]) -> None:
    """Lets that many threads go at once; raises what any of them raised."""
    start, failed = threading.Barrier(threads), []

    def go(number: int) -> None:
        try:
            start.wait()
            work(number)
        except BaseException as error:
            failed.append(error)

    every = [threading.Thread(target=go, args=(number,)) for number in range(threads)]
    for thread in every:
        thread.start()
    for thread in every:
        thread.join()
    if failed:
        raise failed[0]


def is_free(path: Path) -> bool:
    """Whether another process than the JVM, this one, could lock the file now."""
    with path.open("r+") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def test_in_thousands_of_races_for_a_lease_one_run_holds_it_at_a_time(
    spark: SparkSession, tmp_path: Path
) -> None:
    """Three threads of one JVM, and one that locks the file as another process would."""
    warehouse, path = Warehouse(str(tmp_path)), tmp_path / "ops" / "leases" / "bank.lock"
    with lease.hold(spark, warehouse, "bank", "first"):
        pass
    inside, met = [0], Counter[str]()
    guard = threading.Lock()

    def hold_it(who: str) -> None:
        with guard:
            inside[0] += 1
            met["two at once"] += inside[0] > 1
        met[who] += 1
        with guard:
            inside[0] -= 1

    def work(number: int) -> None:
        for turn in range(500):
            if number == 0:
                with path.open("r+") as file, suppress(BlockingIOError):
                    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    hold_it("another process")
                time.sleep(0.001)
            else:
                with (
                    suppress(LeaseHeld),
                    lease.hold(spark, warehouse, "bank", f"run-{number}-{turn}"),
                ):
                    hold_it("this JVM")

    race(4, work)
    assert met["two at once"] == 0
    assert met["this JVM"] > 100
    assert met["another process"] > 0


def test_a_refused_run_does_not_free_the_lease_of_the_run_that_holds_it(
    spark: SparkSession, tmp_path: Path
) -> None:
    """POSIX: whoever closes a file frees all locks of its process on it, also those that another
    channel took.
    """
    warehouse, path = Warehouse(str(tmp_path)), tmp_path / "ops" / "leases" / "bank.lock"
    with lease.hold(spark, warehouse, "bank", "first"):
        for _ in range(3):
            with (
                pytest.raises(LeaseHeld, match="bank is held by run first"),
                lease.hold(spark, warehouse, "bank", "second"),
            ):
                pass
            assert not is_free(path)
    assert is_free(path)


def test_in_a_thousand_races_for_a_log_entry_one_writer_wins_each(
    spark: SparkSession, tmp_path: Path
) -> None:
    """The log store of local disks, without any lease: what a publication's compare-and-set rests
    on within one JVM.
    """
    jvm: Any = spark._jvm
    conf = spark.sparkContext._jsc.hadoopConfiguration()  # type: ignore[union-attr]
    store = jvm.io.delta.storage.LocalLogStore(conf)  # Delta holds one for each table's log.
    won: list[tuple[int, int]] = []

    def work(number: int) -> None:
        for version in range(250):
            lines = jvm.java.util.ArrayList()
            lines.add(f"writer {number}")
            try:
                store.write(
                    jvm.org.apache.hadoop.fs.Path(f"file:{tmp_path}/{version:020d}.json"),
                    lines.iterator(),
                    False,
                    conf,
                )
            except Py4JJavaError as error:
                if "FileAlreadyExistsException" not in str(error):
                    raise
            else:
                won.append((version, number))

    race(4, work)
    assert Counter(version for version, _ in won) == Counter(range(250))
    assert {(v, (tmp_path / f"{v:020d}.json").read_text()) for v in range(250)} == {
        (v, f"writer {n}\n") for v, n in won
    }


def test_of_runs_that_publish_one_number_at_once_one_wins_and_none_is_lost(
    spark: SparkSession, tmp_path: Path
) -> None:
    """As if the lease had failed: the ledger's compare-and-set alone."""
    warehouse = Warehouse(str(tmp_path))
    won: list[tuple[int, str]] = []

    def work(number: int) -> None:
        for publication in range(1, 9):
            run_id = f"run-{number}-{publication}"
            with suppress(LeaseHeld):
                ledger.publish(
                    spark, warehouse, Publication("bank", publication, publication - 1, run_id)
                )
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


def test_a_paused_holder_keeps_its_feed_and_another_feed_runs_beside_it(
    spark: SparkSession, fault_classes: Path, tmp_path: Path
) -> None:
    warehouse, raw, log = Warehouse(str(tmp_path / "warehouse")), tmp_path / "raw", tmp_path / "log"
    for feed in ("toy", "launches"):
        CASES[feed].deliver(raw, CASES[feed].files())
    holder = Child(fault_classes, tmp_path / "holder")
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
