"""Commits on S3: the same compare-and-set as on a disk, by puts on condition.

Here against an emulator; `tests/nightly/test_s3_server.py` asks the same of a server that keeps
files.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

import boto3
import pyarrow as pa
import pytest
from strata import failpoint
from strata.errors import CommitUnknown, LeaseHeld, UsageError
from strata.fs import files
from strata.lake import commit, data_file
from strata.lake.commit import Shape
from strata.lake.log import TableLog
from strata.lake.versions import Warehouse, latest_version, read_arrow, read_commit
from strata.ledger import lease
from strata.ledger import publication as ledger
from strata.ledger.publication import Publication, TableState

from tests import s3_server
from tests.faults.door import fault
from tests.faults.races import race

TABLE = "silver.bank_accounts"
SHAPE = Shape(
    '{"type":"struct","fields":[{"name":"id","type":"long","nullable":true,"metadata":{}}]}'
)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with s3_server.serve() as endpoint:
        yield endpoint


@pytest.fixture
def warehouse(server: str, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    """In a bucket of its own."""
    for name, value in s3_server.environment(server).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # It keeps the first keys that it finds.
    bucket = f"lake-{uuid.uuid4().hex}"
    boto3.client("s3").create_bucket(Bucket=bucket)
    return Warehouse(f"s3://{bucket}/warehouse")


def written(warehouse: Warehouse, *ids: int) -> data_file.DataFile:
    return data_file.write_table(warehouse.path(TABLE), pa.table({"id": list(ids)}))


def ids(warehouse: Warehouse, version: int) -> list[int]:
    return sorted(read_arrow(warehouse, TABLE, version).column("id").to_pylist())


def test_a_table_lives_on_s3_as_on_a_disk(warehouse: Warehouse) -> None:
    commit.create(warehouse, TABLE, SHAPE, "a run")
    commit.append(warehouse, TABLE, 0, [written(warehouse, 1, 2)], "a run")
    commit.append(warehouse, TABLE, 1, [written(warehouse, 3)], "a run")
    adds = TableLog(warehouse, TABLE).snapshot(2).adds.values()
    commit.exchange(warehouse, TABLE, 2, adds, [written(warehouse, 9)], "another run")
    assert [ids(warehouse, version) for version in (1, 2, 3)] == [[1, 2], [1, 2, 3], [9]]
    commit.restore(warehouse, TABLE, 3, 1, "a third run")
    assert ids(warehouse, 4) == [1, 2]
    assert read_commit(warehouse, TABLE, 4).run_id == "restore 1 a third run"
    assert not [name for name in files.walk(warehouse.path(TABLE)) if name.endswith(".crc")]


def test_a_commit_whose_answer_was_lost_is_told_by_the_ledger(warehouse: Warehouse) -> None:
    for mode, stands in (("before", False), ("lost", True), ("exists", True)):
        number = len(ledger.read(warehouse, "bank")) + 1
        failpoint.armed = armed = fault("", mode, ledger.table_path("bank"))
        told = None
        try:
            ledger.publish(warehouse, Publication("bank", number, number - 1, f"run {mode}"))
        except Exception as error:
            told = error
        failpoint.armed = None
        assert armed.fired
        assert (told is None) == stands, f"{mode}: {told!r}"
        assert len(ledger.read(warehouse, "bank")) == number - (not stands)


def test_in_races_for_a_version_one_commit_wins_each(warehouse: Warehouse) -> None:
    commit.create(warehouse, TABLE, SHAPE, "first")
    won: list[tuple[int, str]] = []

    def work(number: int) -> None:
        for version in range(8):
            mark = f"writer {number}, {version}"
            file = data_file.DataFile(f"{number}-{version}.parquet", 1, 1, 1, {"numRecords": 1})
            with suppress(CommitUnknown):
                commit.append(warehouse, TABLE, version, [file], mark)
                won.append((version + 1, mark))

    race(3, work)
    assert latest_version(warehouse, TABLE) == 8
    assert Counter(version for version, _ in won) == Counter(range(1, 9))
    assert {(v, read_commit(warehouse, TABLE, v).run_id) for v in range(1, 9)} == set(won)


def test_of_runs_that_publish_one_number_at_once_one_wins(warehouse: Warehouse) -> None:
    """As if the lease had failed: the ledger's compare-and-set alone."""
    won: list[tuple[int, str]] = []

    def work(number: int) -> None:
        for publication in range(1, 5):
            run_id = f"run-{number}-{publication}"
            with suppress(LeaseHeld):
                state = TableState(TABLE, publication, 1)
                sent = Publication("bank", publication, publication - 1, run_id, tables=(state,))
                ledger.publish(warehouse, sent)
                won.append((publication, run_id))

    race(3, work)
    assert sorted(won) == [(p.publication, p.run_id) for p in ledger.read(warehouse, "bank")]
    assert [number for number, _ in sorted(won)] == [1, 2, 3, 4]


def test_the_lease_of_a_warehouse_on_s3_lies_beside_its_tables(warehouse: Warehouse) -> None:
    with lease.hold(warehouse, "bank", "first") as held:
        assert files.exists(f"{warehouse.root}/ops/leases/bank.json")
        held.assert_held()
        with pytest.raises(LeaseHeld, match="bank is held by run first"):
            lease.hold(warehouse, "bank", "second").__enter__()
    with lease.hold(warehouse, "bank", "second"):
        pass
    with pytest.raises(UsageError, match="no lease here"):
        Warehouse("gs://lake/warehouse")
