"""Maintenance and erasure under SIGKILL: whoever reads sees the same rows throughout, and asked again they end.

tests/test_maintain.py and tests/test_forget.py stop them at other places, within one process.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from strata import doctor, erasure, ledger
from strata.maintain import maintain
from strata.storage import Warehouse

from tests.conftest import people_project
from tests.faults.cases import CASES
from tests.faults.kill import Nursery, kill_once, run_here
from tests.faults.oracle import Reader, assert_conserved, published

pytestmark = pytest.mark.spark

ANN, BOB = "ann@example.org", "bob@example.org"


def test_a_maintenance_killed_twice_shows_the_same_rows_throughout_and_then_ends(
    spark: SparkSession, fault_classes: Path, tmp_path: Path
) -> None:
    case, raw, warehouse = CASES["toy"], tmp_path / "raw", Warehouse(str(tmp_path / "warehouse"))
    for delivery in case.halves():
        case.deliver(raw, delivery)
        run_here(spark, "toy", raw, warehouse)
    rows = published(warehouse, "toy")
    nursery = Nursery(fault_classes, tmp_path / "children")
    try:
        with Reader(warehouse, "toy", {2: rows, 3: rows}) as reader:
            # The second finds what the first compacted and never published, takes it back, and dies when it removes that.
            for kill in ("log:kill-after@silver/toy_sales#1", "point:vacuum.before@silver.toy_sales"):
                kill_once(["maintain", "toy"], kill, nursery.take(), warehouse, kill)
                assert published(warehouse, "toy") == rows
            done = maintain(spark, warehouse, "toy", 10, 30, lambda _: None)
        reader.assert_never_wrong()
    finally:
        nursery.close()
    assert done.freed.files > 0
    assert [p.kind for p in ledger.read(warehouse, "toy")] == ["run", "run", "maintenance"]
    assert published(warehouse, "toy") == rows
    assert_conserved(warehouse, "toy")
    assert doctor.examine(warehouse, ["toy"]).findings == []


def test_an_erasure_killed_twice_is_told_as_unfinished_and_then_ends(fault_classes: Path, tmp_path: Path) -> None:
    project, warehouse = people_project(tmp_path / "project"), Warehouse(str(tmp_path / "warehouse"))
    users = tmp_path / "raw" / "people" / "users"
    users.mkdir(parents=True)
    (users / "a.csv").write_text(f"email,name,town,since\n{ANN},Ann,Leith,2024-01-01\n{BOB},Bob,Leith,2024-01-01\n")
    forget = ["forget", "people", ANN, "--raw", str(tmp_path / "raw")]
    nursery = Nursery(fault_classes, tmp_path / "children", {"STRATA_PROJECT": str(project)})
    try:
        child = nursery.take()
        child.do(["run", "people", "--raw", str(tmp_path / "raw"), "--quiet", "--warehouse", warehouse.root])
        for kill, publications in (("point:publication.before@people", 1), ("point:vacuum.before", 2)):
            kill_once(forget, kill, child, warehouse, kill)
            assert len(ledger.read(warehouse, "people")) == publications
            assert len(erasure.pending(warehouse, "people")) == 1
            child = nursery.take()
        child.do([*forget, "--warehouse", warehouse.root])
        child.end()
    finally:
        nursery.close()
    assert erasure.pending(warehouse, "people") == []
    every = ledger.read(warehouse, "people")
    assert [p.kind for p in every] == ["run", "erasure"]
    members = every[-1].state("silver.people_members")
    assert members is not None
    assert members.rows == 1
