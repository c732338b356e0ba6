"""One reader of a table's log: a version is what its own commits say, whatever is being written
beside it, and whether it is read by commits or from a checkpoint.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from strata.errors import Damaged, TornCommit
from strata.lake import commit, data_file, versions
from strata.lake.commit import Shape
from strata.lake.log import TableLog
from strata.lake.warehouse import Warehouse

TABLE = "silver.toy_numbers"
SHAPE = Shape(
    '{"type":"struct","fields":[{"name":"n","type":"long","nullable":true,"metadata":{}}]}'
)


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    """Version 1 holds 1 and 2, version 2 holds 3 besides."""
    made = Warehouse(str(tmp_path))
    commit.create(made, TABLE, SHAPE, "a run")
    for version, numbers in enumerate(([1, 2], [3])):
        file = data_file.write_table(made.path(TABLE), pa.table({"n": numbers}))
        commit.append(made, TABLE, version, [file], "a run")
    return made


def entry(warehouse: Warehouse, version: int) -> Path:
    return Path(warehouse.path(TABLE)) / "_delta_log" / f"{version:020d}.json"


def numbers(warehouse: Warehouse, version: int) -> list[int]:
    return sorted(versions.read_arrow(warehouse, TABLE, version).column("n").to_pylist())


def test_a_version_is_read_while_a_later_one_is_being_written(warehouse: Warehouse) -> None:
    entry(warehouse, 3).write_bytes(b"")
    assert numbers(warehouse, 2) == [1, 2, 3]
    with pytest.raises(TornCommit, match="is empty"):
        numbers(warehouse, 3)


def test_a_torn_version_is_refused_though_a_checkpoint_stands_for_it(warehouse: Warehouse) -> None:
    DeltaTable(warehouse.path(TABLE)).create_checkpoint()
    whole = entry(warehouse, 2).read_bytes()
    entry(warehouse, 2).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(TornCommit, match="is torn"):
        numbers(warehouse, 2)


def test_a_log_that_is_told_of_commits_says_what_a_new_one_says(warehouse: Warehouse) -> None:
    told = TableLog(warehouse, TABLE)
    assert told.snapshot(2).version == told.latest == 2
    for version in (2, 3):
        file = data_file.write_table(warehouse.path(TABLE), pa.table({"n": [version]}))
        gone = list(told.snapshot(version).adds.values())[:1]
        commit.exchange(warehouse, TABLE, version, gone, [file], f"run {version}")
        assert told.take(version + 1).run_id == f"run {version}"
    assert told.latest == 4
    assert told.snapshot(4) == TableLog(warehouse, TABLE).snapshot(4)


def test_a_checkpoint_says_what_the_commits_say(warehouse: Warehouse) -> None:
    by_commits = TableLog(warehouse, TABLE).snapshot(2)
    DeltaTable(warehouse.path(TABLE)).create_checkpoint()
    entry(warehouse, 0).unlink()
    entry(warehouse, 1).unlink()
    by_checkpoint = TableLog(warehouse, TABLE).snapshot(2)
    assert by_checkpoint.digest == by_commits.digest
    assert sorted(by_checkpoint.files) == sorted(by_commits.files)
    assert numbers(warehouse, 2) == [1, 2, 3]


def test_a_file_with_a_column_that_its_table_lacks_is_refused(warehouse: Warehouse) -> None:
    file = data_file.write_table(warehouse.path(TABLE), pa.table({"N": [4]}))
    commit.append(warehouse, TABLE, 2, [file], "a run")
    with pytest.raises(Damaged, match=r"silver\.toy_numbers has not: it has a column 'N', which"):
        numbers(warehouse, 3)


def test_a_history_reads_as_ever(warehouse: Warehouse) -> None:
    info = next(
        json.loads(line)["commitInfo"]
        for line in entry(warehouse, 1).read_text().splitlines()
        if "commitInfo" in line
    )
    assert info["operation"] == "WRITE"
    assert info["userMetadata"] == "a run"
    assert info["readVersion"] == 0
    size = next(iter(TableLog(warehouse, TABLE).snapshot(1).adds.values()))["size"]
    assert info["operationMetrics"] == {
        "numFiles": "1", "numOutputRows": "2", "numOutputBytes": str(size), "numRemovedFiles": "0",
    }  # fmt: skip
    (told,) = DeltaTable(warehouse.path(TABLE)).history(1)
    assert (told["version"], told["userMetadata"]) == (2, "a run")


@pytest.mark.parametrize("cleans_up", [None, "true"])
def test_no_commit_takes_away_the_log_of_a_version_that_rested_for_long(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, cleans_up: str | None
) -> None:
    """The checkpoint of version 9 makes all before it dispensable to a writer that knows nothing
    of publications; whatever a table of an older release says of that.
    """
    usual = {**commit.PROPERTIES}
    usual.pop("delta.enableExpiredLogCleanup")
    if cleans_up:
        usual["delta.enableExpiredLogCleanup"] = cleans_up
    monkeypatch.setattr(commit, "PROPERTIES", usual)
    table = "silver.toy_others"
    commit.create(warehouse, table, SHAPE, "a run")

    def append(version: int) -> None:
        file = data_file.write_table(warehouse.path(table), pa.table({"n": [version]}))
        commit.append(warehouse, table, version, [file], "a run")

    for version in range(8):
        append(version)
    log = Path(warehouse.path(table)) / "_delta_log"
    long_ago = time.time() - 91 * 86_400
    for path in log.iterdir():
        os.utime(path, (long_ago, long_ago))
    append(8)
    commit.restore(warehouse, table, 9, 8, "a run")
    for version in range(10, 19):
        append(version)
    names = {path.name for path in log.iterdir()}
    assert {f"{version:020d}.json" for version in range(20)} <= names
    assert "_last_checkpoint" in names
    found = versions.read_arrow(warehouse, table, 8)
    assert sorted(found.column("n").to_pylist()) == list(range(8))


def test_new_tables_tell_other_writers_to_leave_their_log(warehouse: Warehouse) -> None:
    told = TableLog(warehouse, TABLE).snapshot(2).metadata["configuration"]
    assert dict(told)["delta.enableExpiredLogCleanup"] == "false"
