"""Whole deliveries over several runs: each run recomputes only what they end, and the result is
that of one run over everything.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from strata.declare.feed import load_feed
from strata.lake.versions import Warehouse, read_arrow
from strata.ledger import publication as ledger
from strata.run.options import Options
from strata.run.plan import make_plan
from strata.run.run import run_feed

pytestmark = pytest.mark.spark
FLIGHTS = "silver.launches_flights"


def flight(name: str) -> dict[str, Any]:
    at = "2020-01-01T00:00:00.000Z"
    return {"id": name, "name": name.upper(), "date_utc": at, "date_unix": 1577836800,
            "date_precision": "hour", "upcoming": False, "success": True, "cores": []}  # fmt: skip


def test_increments_end_what_whole_deliveries_lack(spark: SparkSession, tmp_path: Path) -> None:
    warehouse, raw = Warehouse(str(tmp_path / "warehouse")), tmp_path / "raw"
    feed, told = load_feed("launches"), []

    def put(folder: str, *names: str) -> None:
        path = raw / "launches" / "launches" / folder / "launches.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps([flight(name) for name in names]))

    def run(**options: Any) -> tuple[str, set[str]]:
        chosen = Options(str(raw), layer="silver", **options)
        plan = make_plan(feed, {}, warehouse, chosen)
        run_feed(spark, warehouse, plan, chosen, told.append)
        newest = ledger.newest(ledger.read(warehouse, "launches"))
        assert newest is not None
        state = newest.state(FLIGHTS)
        assert state is not None
        gate = next(entry for entry in newest.gates if entry.table == FLIGHTS)
        rows = read_arrow(warehouse, FLIGHTS, state.version, ["flight_id"])
        return gate.mode, set(rows["flight_id"].to_pylist())

    put("delivery=2024-01-01", "a", "b", "c")
    assert run() == ("whole", {"a", "b", "c"})
    put("whole/delivery=2024-01-03", "a")
    assert run() == ("groups", {"a"})
    # `c` is told again, and a whole delivery of before comes late: it revives nothing.
    put("delivery=2024-01-04", "c")
    put("whole/delivery=2024-01-02", "b")
    assert run() == ("groups", {"a", "c"})
    assert run(full=True) == ("whole", {"a", "c"})
    # The source goes back to what it said first, in the same bytes.
    put("whole/delivery=2024-01-05", "a", "b", "c")
    assert run() == ("groups", {"a", "b", "c"})
    # A file of a delivery that was taken for whole comes broken: what it holds has not ended.
    put("whole/delivery=2024-01-06", "a")
    assert run() == ("groups", {"a"})
    rest = raw / "launches/launches/whole/delivery=2024-01-06/rest.json"
    rest.write_text("[{")
    assert run() == ("groups", {"a", "b", "c"})
    assert not make_plan(feed, {}, warehouse, Options(str(raw), layer="silver")).steps
    rest.write_text(json.dumps([flight("b")]))
    assert run() == ("groups", {"a", "b"})
    assert not make_plan(feed, {}, warehouse, Options(str(raw), layer="silver")).steps
