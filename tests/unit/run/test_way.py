"""Which way a table takes, by how much comes in and what of it is new."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from strata.declare.feed import load_feed
from strata.kit.groups import Keys
from strata.kit.table import Rows
from strata.lake.versions import Warehouse
from strata.ledger.book import Book
from strata.run.bronze.files import Records
from strata.run.build import WRITERS
from strata.run.options import Options
from strata.run.plan import make_plan
from strata.run.rows import Candidate
from strata.run.run import run_feed
from strata.run.way import Way, ways
from strata.run.written import Target
from strata.spark.session import Starting

from bench import residents, small_runs

SAMPLES = Path(__file__).parents[3] / "samples" / "fleet"
LINES, BRONZE = "silver.commerce_order_lines", "bronze.commerce_order_items"
FEW, MANY = 50_000, 50_001
MB = 1 << 20
ANY: Any = None


def chosen(table: str, rows: int, **facts: Any) -> list[str]:
    """The names of the ways of a table that has so many input rows."""
    feed = load_feed(table.partition(".")[2].partition("_")[0])
    target = Target(feed.contract(table), feed.suite(table), None)
    context: Any = SimpleNamespace(
        options=Options("raw", in_tasks=facts.get("in_tasks", False)),
        plan=SimpleNamespace(
            is_small=facts.get("is_small", False),
            is_here=facts.get("is_here", facts.get("is_small", False)),
        ),
        store=SimpleNamespace(can_add_files=lambda _: facts.get("can_add_files", True)),
        spark=SimpleNamespace(conf={"spark.master": facts.get("master", "local[2]")}),
    )
    records = facts.get("raw_bytes")
    candidate = Candidate(
        make=ANY,
        rows=Rows.ONE_TO_ONE,
        rows_in=rows,
        touched=facts.get("touched"),
        plain=SimpleNamespace() if facts.get("plain") else ANY,
        records=None if records is None else _records(records),
        none_of_none=True,
    )
    return [way.name for way in ways(context, target, candidate)]


def _records(size: int) -> Records:
    looks: Any = (SimpleNamespace(bytes=size),)
    return Records(looks, (), {})


def touched(keys: Keys | None) -> Any:
    return SimpleNamespace(keys=keys)


DAY = touched(Keys("sale_date", pa.array([1], pa.date32())))
UNTOLD = touched(None)


@pytest.mark.parametrize(
    ("table", "rows", "facts", "expected"),
    [
        # A first load, or --full.
        (LINES, 20_000_000, {"plain": True}, ["PLAIN_HERE", "WHOLE"]),
        (LINES, 24_000_000, {"plain": True}, ["PLAIN_HERE", "WHOLE"]),
        (LINES, 24_000_001, {"plain": True}, ["PLAIN_IN_TASKS", "WHOLE"]),
        (LINES, 20_000_000, {"plain": True, "master": "yarn"}, ["PLAIN_IN_TASKS", "WHOLE"]),
        # A small run does not ask Spark where it stands.
        (LINES, FEW, {"plain": True, "is_small": True, "master": "yarn"}, ["PLAIN_HERE", "FETCHED"]),
        (LINES, FEW, {"plain": True, "in_tasks": True}, ["PLAIN_IN_TASKS", "FETCHED"]),
        # One more day.
        (LINES, 10_000, {"plain": True, "touched": DAY}, ["PLAIN_GROUPS", "FETCHED_GROUPS"]),
        (LINES, 900_000, {"plain": True, "touched": DAY}, ["PLAIN_GROUPS", "GROUPS"]),
        # Groups that are many, or of several columns: Spark alone tells of them.
        (LINES, 900_000, {"plain": True, "touched": UNTOLD}, ["GROUPS"]),
        (LINES, FEW, {"touched": DAY}, ["FETCHED_GROUPS"]),
        # A table without plain rows, or of inputs that are too few for them.
        (LINES, FEW, {}, ["FETCHED"]),
        (LINES, MANY, {}, ["WHOLE"]),
        (LINES, 0, {}, ["NONE"]),
        # The table stands with the columns of an older contract.
        (LINES, 20_000_000, {"plain": True, "can_add_files": False}, ["WHOLE"]),
        # Raw records.
        (BRONZE, MANY, {"raw_bytes": 32 * MB}, ["RECORDS_HERE", "WHOLE"]),
        (BRONZE, MANY, {"raw_bytes": 33 * MB}, ["RECORDS_IN_TASKS", "WHOLE"]),
        (BRONZE, MANY, {"raw_bytes": 512 * MB, "is_small": True}, ["RECORDS_HERE", "WHOLE"]),
        (BRONZE, MANY, {"raw_bytes": 513 * MB, "is_small": True}, ["RECORDS_IN_TASKS", "WHOLE"]),
        # A larger run on one machine, of which every table may be made of plain rows.
        (BRONZE, MANY, {"raw_bytes": 4096 * MB, "is_here": True}, ["RECORDS_HERE", "WHOLE"]),
        (BRONZE, MANY, {"raw_bytes": 4097 * MB, "is_here": True}, ["RECORDS_IN_TASKS", "WHOLE"]),
        (LINES, 20_000_000, {"plain": True, "is_here": True, "master": ""}, ["PLAIN_HERE", "WHOLE"]),
        # Records of files that have gone are read from bronze itself.
        (BRONZE, MANY, {}, ["WHOLE"]),
    ],
)  # fmt: skip
def test_the_way_of_a_table(
    table: str, rows: int, facts: dict[str, Any], expected: list[str]
) -> None:
    assert chosen(table, rows, **facts) == expected


def test_every_way_has_a_writer() -> None:
    assert set(WRITERS) == set(Way)


class Said:
    """What a run says: of each table, the way that it took."""

    def __init__(self) -> None:
        self.ways: dict[str, str] = {}

    def __call__(self, message: str) -> None:
        """The words are for people."""

    def about(self, **facts: str) -> Said:
        if "way" in facts:
            self.ways[facts["table"]] = Way(facts["way"]).name
        return self


def _no_spark() -> Any:
    raise AssertionError("a table asks Spark, of which it needs nothing")


def run_alone(name: str, raw: Path, warehouse: Path) -> dict[str, str]:
    """Runs a feed where Spark cannot be asked; the way of each table that changes."""
    feed, said, where = load_feed(name), Said(), Warehouse(str(warehouse))
    options = Options(str(raw), fewest_plain_rows=0)
    plan = make_plan(feed, feed.default_params(), Book(where), options)
    spark: Any = Starting(_no_spark, when_asked=True)
    assert run_feed(spark, where, plan, options, said).publication is not None
    return said.ways


def test_the_fleet_needs_no_spark_neither_at_first_nor_for_one_more_day(tmp_path: Path) -> None:
    raw, *days = tmp_path / "raw", *sorted(SAMPLES.glob("events/*.csv"))
    shutil.copytree(SAMPLES / "vehicles", raw / "fleet/vehicles")
    (raw / "fleet/events").mkdir()
    for day in days[:2]:
        shutil.copy(day, raw / "fleet/events")
    assert run_alone("fleet", raw, tmp_path / "warehouse") == {
        "bronze.fleet_events": "RECORDS_HERE",
        "bronze.fleet_vehicles": "RECORDS_HERE",
        "silver.fleet_vehicles": "PLAIN_HERE",
        "silver.fleet_fixes": "PLAIN_HERE",
        "gold.fleet_vehicle_days": "PLAIN_HERE",
        "gold.fleet_depot_distances": "PLAIN_HERE",
        "gold.fleet_cells": "PLAIN_HERE",
        "gold.fleet_trips": "PLAIN_HERE",
    }
    shutil.copy(days[2], raw / "fleet/events")
    assert run_alone("fleet", raw, tmp_path / "warehouse") == {
        "bronze.fleet_events": "RECORDS_HERE",
        "silver.fleet_fixes": "PLAIN_GROUPS",
        "gold.fleet_vehicle_days": "PLAIN_GROUPS",
        "gold.fleet_depot_distances": "PLAIN_GROUPS",
        "gold.fleet_cells": "PLAIN_GROUPS",
        "gold.fleet_trips": "PLAIN_GROUPS",
    }


def test_residents_need_no_spark_where_all_postcodes_come_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As of a country's lookup: of so many records most are new, and the table is made whole.
    monkeypatch.setattr("strata.run.state.MOST_KEYS", 0)
    for name, value in small_runs.KEY.items():
        monkeypatch.setenv(name, value)
    for make in (residents.make, residents.make_next):
        make(tmp_path / "raw", 300, 60)
        ways = run_alone("residents", tmp_path / "raw", tmp_path / "warehouse")
        silver = {ways[f"silver.residents_{name}"] for name in ("postcodes", "people")}
        assert silver == {"PLAIN_HERE"}
