"""Maintenance, killed (as crash images): whoever reads sees the same rows throughout, and asked
again it ends.

tests/engine/test_maintain.py stops it at other places, within one process.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from strata.lake.versions import Warehouse
from strata.ledger import publication as ledger
from strata.upkeep import doctor
from strata.upkeep.maintain import Maintained, maintain

from tests.faults import images
from tests.faults.cases import CASES
from tests.faults.kill import run_here
from tests.faults.oracle import Reader, assert_conserved, published

pytestmark = pytest.mark.spark


def test_a_maintenance_killed_twice_shows_the_same_rows_throughout_and_then_ends(
    spark: SparkSession, tmp_path: Path
) -> None:
    case, raw, warehouse = CASES["toy"], tmp_path / "raw", Warehouse(str(tmp_path / "warehouse"))
    for delivery in case.halves():
        case.deliver(raw, delivery)
        run_here(spark, "toy", raw, warehouse)
    rows = published(warehouse, "toy")

    def upkeep() -> Maintained:
        return maintain(spark, warehouse, "toy", 10, 30, lambda _: None)

    with Reader(warehouse, "toy", {2: rows, 3: rows}) as reader:
        # The second finds what the first compacted and never published, takes it back, and dies
        # when it removes that.
        for kill in (
            "point:optimize.after@bronze.toy_sales",
            "point:vacuum.before@bronze.toy_sales",
        ):
            images.crash(warehouse, kill, upkeep, reader.resting)
            assert published(warehouse, "toy") == rows
        done = upkeep()
    reader.assert_never_wrong()
    assert done.freed.files > 0
    assert [p.kind for p in ledger.read(warehouse, "toy")] == ["run", "run", "maintenance"]
    assert published(warehouse, "toy") == rows
    assert_conserved(warehouse, "toy")
    assert doctor.examine(warehouse, ["toy"]).findings == []
