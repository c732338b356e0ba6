"""A warehouse that version 0.1.0 wrote, by Delta's own classes: it is read, continued and rolled
back.
"""

from __future__ import annotations

import json
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
from deltalake import DeltaTable
from strata.declare.contract import load_contract
from strata.lake import commit, data_file
from strata.lake.log import Snapshot, TableLog
from strata.lake.shape import columns_with_statistics, shape_of
from strata.lake.store import Store
from strata.lake.versions import read_arrow
from strata.lake.warehouse import Warehouse
from strata.ledger import publication as ledger
from strata.ledger import row, seal
from strata.ledger.publication import Publication
from strata.run.decisions import rollback
from strata.upkeep import doctor

FIXTURE = Path(__file__).resolve().parents[2] / "corpus" / "warehouse_0_1_0.tar.gz"
FLIGHTS = "silver.launches_flights"


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    with tarfile.open(FIXTURE) as archive:
        archive.extractall(tmp_path, filter="data")
    return Warehouse(str(tmp_path))


def test_what_it_published_is_read_whole(warehouse: Warehouse) -> None:
    (published,) = ledger.read(warehouse, "launches")
    for state in published.tables:
        seal.assert_intact(warehouse, state)
        assert read_arrow(warehouse, state.table, state.version).num_rows == state.rows > 0
    assert doctor.examine(warehouse, ["launches"]).findings == []


def test_a_rollback_needs_no_spark_and_continues_its_ledger(warehouse: Warehouse) -> None:
    (first,) = ledger.read(warehouse, "launches")
    assert rollback(warehouse, "launches", 1).publication == 2
    every = ledger.read(warehouse, "launches")
    assert [(p.publication, p.kind, p.restores) for p in every] == [
        (1, "run", None),
        (2, "rollback", 1),
    ]
    assert every[1].tables == first.tables
    assert every[0] == first


def test_a_table_of_its_is_written_taken_back_and_reads_as_it_was(warehouse: Warehouse) -> None:
    """As a run does: a candidate, then one that nobody published, taken back by the next run."""
    before = read_arrow(warehouse, FLIGHTS, 1)
    few, contract = before.slice(0, 7), load_contract(FLIGHTS)
    store = Store(None, warehouse, "a-new-run")  # type: ignore[arg-type]
    assert store.open_for_write(contract, 1) == 1
    file = data_file.write_table(warehouse.path(FLIGHTS), few)
    log = store.log(FLIGHTS)
    store.exchange_files(contract, log.snapshot(1), log.snapshot(1).adds.values(), [file])
    assert read_arrow(warehouse, FLIGHTS, 2).num_rows == 7
    assert read_arrow(warehouse, FLIGHTS, 1).equals(before)

    later = Store(None, warehouse, "a-later-run")  # type: ignore[arg-type]
    assert later.open_for_write(contract, 1) == 3
    assert TableLog(warehouse, FLIGHTS).commit(3).restores(1)
    assert read_arrow(warehouse, FLIGHTS, 3).sort_by("flight_id") == before.sort_by("flight_id")
    assert later.open_for_write(contract, 1) == 3, "what was taken back is not taken back again"


def facts(snapshot: Snapshot) -> list[tuple[str, str, bool, list[str]]]:
    """Of each column, whatever its comment's words are by now."""
    columns = json.loads(snapshot.metadata["schemaString"])["fields"]
    return [(c["name"], c["type"], c["nullable"], list(c["metadata"])) for c in columns]


def test_its_tables_have_the_properties_comments_and_not_null_of_new_ones(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    other, contract = Warehouse(str(tmp_path / "new")), load_contract(FLIGHTS)
    commit.create(other, FLIGHTS, shape_of(contract), "a run")
    old, new = (TableLog(w, FLIGHTS).snapshot(0) for w in (warehouse, other))
    assert facts(new) == facts(old)
    assert new.protocol == old.protocol
    assert new.metadata["description"] == old.metadata["description"]
    theirs = dict(old.metadata["configuration"])
    since = {"delta.checkpointInterval": "10", "delta.enableExpiredLogCleanup": "false"}
    assert theirs | since == new.metadata["configuration"]
    assert new.columns_with_statistics == set(columns_with_statistics(contract))


def test_a_ledger_without_the_newest_columns_gets_them_with_its_next_row(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    """Releases before 0.1.0 had no `erasures`, and tables had no manifests."""
    old = Warehouse(str(tmp_path / "older"))
    table, path = row.table_path("launches"), Path(old.path(row.table_path("launches")))
    held = read_arrow(warehouse, table, 0).drop_columns(["erasures", "kind", "ends"])
    path.mkdir(parents=True)
    file = data_file.write_table(str(path), held)
    commit.begin(old, table, commit.shape_of(held.schema), [file], "an old run")
    assert ledger.read(old, "launches")[0].kind == "run"

    (first,) = ledger.read(old, "launches")
    second = Publication("launches", 2, 1, "a-new-run", kind="decision", tables=first.tables)
    ledger.publish(old, second)
    ledger.publish(old, replace(second, publication=3, builds_on=2, run_id="a-newer-run"))
    every = ledger.read(old, "launches")
    assert [(p.publication, p.kind) for p in every] == [
        (1, "run"),
        (2, "decision"),
        (3, "decision"),
    ]
    assert every[0] == first
    assert len(DeltaTable(str(path)).file_uris()) == 2, "rewritten once, then appended to"
