"""The launches feed from raw file to answers: the shipped sample against an independent program,
and what comes later.
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from strata.declare.contract import load_contract, quarantine_name
from strata.declare.feed import load_feed
from strata.lake.versions import Warehouse, read_arrow
from strata.ledger import publication as ledger
from strata.ledger.publication import Publication, TableState
from strata.run.options import Options
from strata.run.plan import make_plan
from strata.run.run import Report, run_feed
from strata.serve import duck
from strata.serve.published import Published

from tests.feeds import oracle_launches as oracle
from tests.samples import Samples, newest

pytestmark = [pytest.mark.spark, pytest.mark.samples("launches")]

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "samples" / "launches" / "launches" / "spacex_launches_v5.json"
UTC = dt.timezone.utc


@dataclass
class Lake:
    """A raw folder and a warehouse of the launches feed, and what the queries of docs/sql answered
    in it.
    """

    spark: SparkSession
    root: Path

    @property
    def warehouse(self) -> Warehouse:
        return Warehouse(str(self.root / "warehouse"))

    def run(self, full: bool = False) -> Report:
        feed, options = load_feed("launches"), Options(str(self.root / "raw"), full=full)
        return run_feed(
            self.spark,
            self.warehouse,
            make_plan(feed, {}, self.warehouse, options),
            options,
            lambda _: None,
        )

    def put(self, name: str, records: list[dict[str, Any]]) -> None:
        path = self.root / "raw" / "launches" / "launches" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(records), encoding="utf-8")

    def answer(self, question: int) -> list[dict[str, Any]]:
        """A query of docs/sql, as `strata sql` answers it."""
        text = (ROOT / "docs" / "sql" / f"launches_question_{question}.sql").read_text()
        return duck.query(Published(self.warehouse), text).to_pylist()

    def table(self, published: Publication, name: str) -> list[dict[str, Any]]:
        """The rows as published then, business columns only."""
        return self._read(
            name, state_of(published, name).version, list(load_contract(name).business_columns)
        )

    def rejected(self, published: Publication, name: str) -> dict[str, list[str]]:
        version = state_of(published, name).quarantine_version
        rows = [] if version is None else self._read(quarantine_name(name), version, None)
        return {row["flight_id"]: row["_reasons"] for row in rows}

    def _read(self, path: str, version: int, columns: list[str] | None) -> list[dict[str, Any]]:
        rows = read_arrow(self.warehouse, path, version, columns).to_pylist()
        return sorted(rows, key=repr)


def state_of(published: Publication, name: str) -> TableState:
    state = published.state(name)
    assert state is not None, f"{name} is not published"
    return state


@dataclass
class First:
    """The first run, and the answers while it was the newest."""

    lake: Lake
    published: Publication
    again: Report
    answers: dict[int, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def first(spark: SparkSession, samples: Samples, tmp_path_factory: pytest.TempPathFactory) -> First:
    lake = Lake(spark, tmp_path_factory.mktemp("launches"))
    raw = lake.root / "raw" / "launches" / "launches"
    raw.mkdir(parents=True)
    shutil.copy(SAMPLE, raw)
    samples.copy("launches", Path(lake.warehouse.root))
    published = newest(lake.warehouse, "launches")
    return First(lake, published, lake.run(), {number: lake.answer(number) for number in (1, 2)})


@pytest.fixture(scope="module")
def flown() -> list[oracle.Flown]:
    return oracle.read(SAMPLE)


def by_key(rows: list[dict[str, Any]], *key: str) -> dict[Any, dict[str, Any]]:
    """The rows without their key, by it."""
    found = {
        tuple(row[name] for name in key): {k: v for k, v in row.items() if k not in key}
        for row in rows
    }
    assert len(found) == len(rows)
    return {own[0] if len(key) == 1 else own: row for own, row in found.items()}


# --- the sample ----------------------------------------------------------------------------------


def test_every_record_and_core_is_accounted_for(first: First) -> None:
    records = json.loads(SAMPLE.read_text(encoding="utf-8"))
    cores = [core for record in records for core in record["cores"]]
    gates = {entry.table: entry for entry in first.published.gates}
    assert len(gates) == 7
    for entry in gates.values():
        assert entry.rows_in == entry.accepted + entry.quarantined + entry.folded
        assert entry.quarantined == 0, entry.table
    assert (
        gates["bronze.launches_launches"].rows_in
        == gates["silver.launches_flights"].rows_written
        == len(records)
        == 205
    )
    assert gates["silver.launches_core_flights"].rows_written == len(cores) == 215
    assert (
        gates["gold.launches_core_turnarounds"].rows_in
        == gates["gold.launches_core_reuse"].rows_in
        == len(cores)
    )
    unknown = sum(core["core"] is None for core in cores)
    assert gates["gold.launches_core_turnarounds"].folds["the core is not known"] == unknown == 19


def test_a_second_run_publishes_nothing(first: First) -> None:
    assert first.again.plan.is_empty
    assert first.again.publication is None


def test_warnings_tell_where_the_source_disagrees_with_itself(first: First) -> None:
    told = {
        rule["description"]: rule["unexpected"]
        for gate in first.published.gates
        for rule in gate.expectations
        if not rule["success"]
    }
    assert told == {
        "date_unix and date_utc should be the same instant": 2,
        "the source's flight and reused should agree with the order of the core's flights": 2,
    }


def test_the_cores_reuse_is_that_of_the_independent_program(
    first: First, flown: list[oracle.Flown]
) -> None:
    rows = by_key(first.lake.table(first.published, "gold.launches_core_reuse"), "core_id")
    upcoming = {core: row.pop("upcoming_flights") for core, row in rows.items()}
    assert rows == oracle.core_reuse(flown)
    assert sum(upcoming.values()) == 0


def test_turnarounds_are_those_of_the_independent_program(
    first: First, flown: list[oracle.Flown]
) -> None:
    rows = by_key(
        first.lake.table(first.published, "gold.launches_core_turnarounds"),
        "core_id",
        "reuse_number",
    )
    assert all(row.pop("launch_year") == row["launch_at"].year for row in rows.values())
    assert rows == oracle.turnarounds(flown)
    assert len(rows) == 118


def test_years_are_those_of_the_independent_program(
    first: First, flown: list[oracle.Flown]
) -> None:
    years = by_key(
        first.lake.table(first.published, "gold.launches_turnaround_years"), "launch_year"
    )
    expected = oracle.turnaround_years(oracle.turnarounds(flown))
    assert {
        year: pytest.approx(row, rel=1e-12, nan_ok=False) for year, row in expected.items()
    } == years
    landings = by_key(
        first.lake.table(first.published, "gold.launches_landing_years"), "launch_year"
    )
    assert landings == oracle.landing_years(flown)
    # By hand, from the file.
    assert (landings[2020]["landing_attempts"], landings[2020]["landings"]) == (25, 23)


def test_question_1_how_often_a_core_was_reused(first: First, flown: list[oracle.Flown]) -> None:
    [row] = first.answers[1]
    assert (row["reuse_count"], {row["core_id"]}) == oracle.question_1(flown)
    # By hand: the core flew 14 times, and the source numbers its last flight 14.
    assert (row["core_id"], row["reuse_count"], row["flights"], row["source_flights"]) == (
        "5e9e28a7f3591817f23b2663",
        13,
        14,
        14,
    )


def test_question_2_which_cores_were_reused_in_less_than_50_days(
    first: First, flown: list[oracle.Flown]
) -> None:
    rows = first.answers[2]
    utc = [
        {
            name: value.astimezone(UTC) if isinstance(value, dt.datetime) else value
            for name, value in row.items()
        }
        for row in rows
    ]
    found = {
        (row["core_id"], row["previous_launch_at"], row["launch_at"], row["turnaround_days"])
        for row in utc
    }
    expected = {
        (core, *(at.astimezone(UTC) for at in (a, b)), days)
        for core, a, b, days in oracle.question_2(flown)
    }
    # By hand: 23 measured ones, and the two around 24 July 2022, a date known to the day only.
    assert (len(rows), len({row["core_id"] for row in rows})) == (25, 9)
    assert [
        (round(row["least_turnaround_days"], 1), round(row["turnaround_days"], 1))
        for row in rows
        if row["turnaround_rule"] == "bounded"
    ] == [(25.8, 26.8), (45.1, 46.1)]
    assert found == expected
    # By hand: 8 April 15:17 to 29 April 2022 21:27 is 21 days, 6 hours and 10 minutes.
    assert rows[0]["core_id"] == "5f57c5440622a633027900a0"
    assert rows[0]["turnaround_days"] == pytest.approx(21 + (6 * 60 + 10) / 1440, rel=1e-15)
    assert rows[-1]["turnaround_days"] < 50


# --- what comes later ----------------------------------------------------------------------------

CORRECTED, RETYPED = "62a9f12820413d2695d88716", "5eb87cd9ffd86e000604b32a"


def records_of(*ids: str) -> dict[str, dict[str, Any]]:
    return {
        record["id"]: record
        for record in json.loads(SAMPLE.read_text(encoding="utf-8"))
        if record["id"] in ids
    }


@pytest.fixture(scope="module")
def later(first: First) -> tuple[Publication, Publication]:
    """After a correction, an older file that comes last, the whole sample again with a member more;
    and after `--full`.
    """
    known = records_of(CORRECTED, RETYPED)
    day = known[CORRECTED]
    corrected = {
        **day,
        "date_utc": "2022-07-24T13:38:00.000Z",
        "date_unix": 1658669880,
        "date_precision": "hour",
        "orbit": "LEO",
    }
    first.lake.put(
        "delivery=2022-10-02/corrected.json", [corrected, {**known[RETYPED], "upcoming": "no"}]
    )
    first.lake.put(
        "delivery=2022-10-01/late.json",
        [{**day, "date_utc": "2022-07-25T00:00:00.000Z", "orbit": "LEO"}],
    )
    first.lake.put(
        "again.json",
        [{**record, "details": None} for record in json.loads(SAMPLE.read_text(encoding="utf-8"))],
    )
    increment, full = first.lake.run().publication, first.lake.run(full=True).publication
    assert increment is not None
    assert full is not None
    return increment, full


def test_an_increment_gives_what_a_full_run_gives(
    first: First, later: tuple[Publication, Publication]
) -> None:
    increment, full = later
    modes = {entry.table: entry.mode for entry in increment.gates}
    assert modes["silver.launches_flights"] == "groups"
    for table in load_feed("launches").tables:
        assert first.lake.table(increment, table.name) == first.lake.table(full, table.name), (
            table.name
        )
        assert first.lake.rejected(increment, table.name) == first.lake.rejected(full, table.name)


def test_the_newest_delivery_stands_and_arrival_decides_nothing(
    first: First, later: tuple[Publication, Publication]
) -> None:
    increment, _ = later
    flights = by_key(first.lake.table(increment, "silver.launches_flights"), "flight_id")
    assert flights[CORRECTED]["launch_at"] == dt.datetime(2022, 7, 24, 13, 38, tzinfo=UTC)
    assert len(flights) == 205
    reuse = by_key(first.lake.table(increment, "gold.launches_core_reuse"), "core_id")[
        "5f57c5440622a633027900a0"
    ]
    assert (reuse["flights"], reuse["coarse_flights"]) == (9, 0)
    turnarounds = by_key(
        first.lake.table(increment, "gold.launches_core_turnarounds"), "core_id", "reuse_number"
    )
    # By hand: 19 August 19:24 is 26 days, 5 hours and 46 minutes after 24 July 13:38.
    assert turnarounds["5f57c5440622a633027900a0", 8]["turnaround_days"] == pytest.approx(
        26 + (5 * 60 + 46) / 1440, rel=1e-15
    )
    assert len(turnarounds) == 118


def test_changes_of_the_schema_are_told_in_the_ledger(
    first: First, later: tuple[Publication, Publication]
) -> None:
    increment, _ = later
    told = {entry.path: (entry.status, entry.detail) for entry in increment.files}
    assert told["delivery=2022-10-02/corrected.json"] == ("taken", "kept in _extra: orbit")
    [gate] = [entry for entry in increment.gates if entry.table == "silver.launches_flights"]
    assert gate.reasons["upcoming must be true or false"] == 1
    assert first.lake.rejected(increment, "silver.launches_flights") == {
        RETYPED: ["upcoming must be true or false"]
    }
    assert len(ledger.read(first.lake.warehouse, "launches")) >= 3
