"""The fleet feed from raw files to answers: the samples against an independent program, and what
comes late.
"""

from __future__ import annotations

import csv
import json
import math
import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from strata.declare.contract import load_contract, quarantine_name
from strata.declare.feed import load_feed
from strata.lake.log import TableLog
from strata.lake.versions import Warehouse, read_arrow
from strata.ledger.publication import Publication
from strata.light.local import run as light
from strata.run.options import Options
from strata.run.plan import make_plan
from strata.run.run import Report, run_feed
from strata.upkeep import archive, doctor

from tests.feeds import oracle_fleet as oracle
from tests.plain import BY_TRANSFORMS

pytestmark = pytest.mark.spark

SAMPLES = Path(__file__).parents[2] / "samples" / "fleet"
DELIVERY = "delivery=2026-10-02"


@dataclass
class Lake:
    """A raw folder and a warehouse of the fleet feed."""

    spark: SparkSession
    root: Path

    @property
    def raw(self) -> Path:
        return self.root / "raw" / "fleet"

    @property
    def warehouse(self) -> Warehouse:
        return Warehouse(str(self.root / "warehouse"))

    def run(self, **more: Any) -> Report:
        feed, options = load_feed("fleet"), Options(str(self.root / "raw"), **more)
        plan = make_plan(feed, feed.default_params(), self.warehouse, options)
        return run_feed(self.spark, self.warehouse, plan, options, lambda _: None)

    def copy(self, *names: str) -> None:
        for name in names:
            (self.raw / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(SAMPLES / name, self.raw / name)

    def rows(self, published: Publication, name: str) -> list[dict[str, Any]]:
        state = published.state(name)
        assert state is not None
        columns = list(load_contract(name).business_columns)
        return list(read_arrow(self.warehouse, name, state.version, columns).to_pylist())

    def reasons(self, published: Publication, name: str) -> list[list[str]]:
        state = published.state(name)
        assert state is not None
        if state.quarantine_version is None:
            return []
        table = read_arrow(
            self.warehouse, quarantine_name(name), state.quarantine_version, ["_reasons"]
        )
        return list(table["_reasons"].to_pylist())


@pytest.fixture(scope="module")
def samples(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Lake, Publication]:
    """The samples in two runs: the second brings half of the events again, and the rest."""
    lake = Lake(spark, tmp_path_factory.mktemp("fleet"))
    one = f"events/{DELIVERY}/generated_hour_1.csv"
    lake.copy("vehicles/metadata_api.json", one, "events/capmetro_2016-05-30.csv")
    # As if they were many: Spark splits and counts them, and makes the rejected ones alone.
    assert lake.run(most_rows_here=0).publication is not None
    names = [
        str(p.relative_to(SAMPLES)) for p in SAMPLES.rglob("*") if p.suffix in (".csv", ".json")
    ]
    lake.copy(*names)
    # Sent again under another name, in another order of its records.
    head, *lines = (SAMPLES / one).read_text().splitlines()
    again = lake.raw / "events" / DELIVERY / "again.csv"
    again.write_text("\n".join([head, *reversed(lines)]) + "\n")
    published = lake.run().publication
    assert published is not None
    return lake, published


@pytest.fixture(scope="module")
def found(samples: tuple[Lake, Publication]) -> oracle.Found:
    return oracle.read(samples[0].raw)


def differ(rows: dict[Any, dict[str, Any]], told: dict[Any, dict[str, Any]]) -> list[Any]:
    """Where the library's figures are not those of the other program, to 1 part in 10⁹."""
    wrong: list[Any] = (
        [sorted(map(str, rows.keys() ^ told.keys()))] if rows.keys() ^ told.keys() else []
    )
    for key in rows.keys() & told.keys():
        for name, value in told[key].items():
            mine = rows[key][name]
            is_same = (
                math.isclose(mine, value, rel_tol=1e-9, abs_tol=2e-6)
                if isinstance(value, float) and mine is not None
                else mine == value
            )
            if not is_same:
                wrong.append((key, name, mine, value))
    return wrong  # fmt: skip


def test_fixes_steps_and_depots_are_those_of_an_independent_program(
    samples: tuple[Lake, Publication], found: oracle.Found
) -> None:
    lake, published = samples
    rows = {(r["vehicle_id"], r["fixed_at"]): r for r in lake.rows(published, "silver.fleet_fixes")}
    told = {}
    for key, fix in found.fixes.items():
        step = found.steps.get(key)
        told[key] = {
            "lat_deg": fix.lat,
            "lon_deg": fix.lon,
            "speed_kmh": fix.kmh,
            "engine_status": fix.status,
            "fuel_level_pct": fix.fuel,
            "fix_date": fix.at.date(),
            "distance_from_depot_m": found.depots_m[key],
            "previous_s": step.seconds if step else None,
            "previous_m": step.metres if step else None,
            "fuel_change_pct": step.fuel if step else None,
            "is_jump": step.is_jump if step else None,
        }
    assert differ(rows, told) == []
    bearings = [
        (key, rows[key]["bearing_deg"], step.bearing)
        for key, step in found.steps.items()
        if (rows[key]["bearing_deg"] is None) != (step.bearing is None)
        or (step.bearing is not None and abs(rows[key]["bearing_deg"] - step.bearing) > 1e-6)
    ]
    assert bearings == []


TABLES = ("silver.fleet_fixes", "gold.fleet_vehicle_days", "gold.fleet_depot_distances",
          "gold.fleet_cells", "gold.fleet_trips")  # fmt: skip


@pytest.mark.parametrize("fewest", [0, BY_TRANSFORMS])
def test_plain_rows_make_the_same_tables(
    spark: SparkSession, samples: tuple[Lake, Publication], tmp_path: Path, fewest: int
) -> None:
    """All files at once, by the way of large inputs and by the transforms alone, beside two runs of
    few records: fixes by the transform, the tables of sums without Spark."""
    one, published = samples
    lake = Lake(spark, tmp_path)
    shutil.copytree(one.root / "raw", tmp_path / "raw")
    whole = lake.run(fewest_plain_rows=fewest).publication
    assert whole is not None
    for name in TABLES:
        rows, expected = lake.rows(whole, name), one.rows(published, name)
        assert (len(rows) > 0, sorted(map(str, rows))) == (True, sorted(map(str, expected))), name
        state = whole.state(name)
        assert state is not None
        # Plain rows lie beside the table's log, those of a transform in folders of their own.
        files = TableLog(lake.warehouse, name).snapshot(state.version).files
        assert any("/" in file for file in files) == (fewest > 0), name
    name = TABLES[0]
    assert sorted(lake.reasons(whole, name)) == sorted(one.reasons(published, name))
    assert doctor.examine(lake.warehouse, ["fleet"]).damage == []


def test_days_that_come_later_are_settled_without_spark(
    spark: SparkSession, samples: tuple[Lake, Publication], tmp_path: Path
) -> None:
    """Day by day, each beside earlier ones, of which some lie in the archive: the same tables."""
    one, published = samples
    lake = Lake(spark, tmp_path)
    events = sorted((one.raw / "events").rglob("*.csv"))
    early = [path for path in events if path.name in ("capmetro_2015-03-18.csv", "again.csv")]
    shutil.copytree(one.raw / "vehicles", lake.raw / "vehicles")
    for number, paths in enumerate((early, [path for path in events if path not in early])):
        for path in paths:
            target = lake.raw / path.relative_to(one.raw)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
        # The first day in Spark's tasks, as on a cluster.
        last = lake.run(fewest_plain_rows=0, in_tasks=number == 0).publication
        assert last is not None
        if number == 0:
            (moved,) = archive.archive(spark, lake.warehouse, "fleet", 7, lambda _: None)
            assert moved.rows > 0
            assert max(moved.days) < date(2016, 1, 1)
    modes = {gate.table: gate.mode for gate in last.gates}
    assert {modes[name] for name in TABLES} == {"groups"}
    for name in TABLES:
        rows, expected = lake.rows(last, name), one.rows(published, name)
        assert sorted(map(str, rows)) == sorted(map(str, expected)), name
    assert sorted(lake.reasons(last, TABLES[0])) == sorted(one.reasons(published, TABLES[0]))
    assert doctor.examine(lake.warehouse, ["fleet"]).damage == []


def test_every_record_is_accounted_for(
    samples: tuple[Lake, Publication], found: oracle.Found
) -> None:
    lake, published = samples
    fixes = lake.rows(published, "silver.fleet_fixes")
    rejected = lake.reasons(published, "silver.fleet_fixes")
    records = sum(1 for _ in oracle.records(lake.raw / "events"))
    assert len(rejected) == found.rejected
    assert len(fixes) + len(rejected) + found.folded == records
    # Each fix was told in one way, for nothing that differs was delivered later.
    assert {row["versions"] for row in fixes} == {1}


def test_planted_faults_are_found_to_the_last(samples: tuple[Lake, Publication]) -> None:
    lake, published = samples
    counts: dict[str, int] = {}
    for reasons in lake.reasons(published, "silver.fleet_fixes"):
        for reason in reasons:
            counts[reason[:24]] = counts.get(reason[:24], 0) + 1
    # Two of each in the files, of which the first came twice.
    first = (SAMPLES / f"events/{DELIVERY}/generated_hour_1.csv").read_text()
    for text, sentence in (
        (",95.5,", "lat must be in [-90, 90]"),
        (",-181.25,", "lon must be in [-180, 18"),
        (",flying,", "engine_status must be on"),
        ("GHOST_1", None),
        ("2099-12-31", "a fix must not be later "),
    ):
        if sentence:
            assert counts[sentence] == 2 + first.count(text), text
    assert counts["its vehicle must be know"] == 4 + first.count("GHOST_1") + first.count("\n,")


def test_the_path_without_spark_accepts_and_rejects_the_same_for_the_same_reasons(
    samples: tuple[Lake, Publication], tmp_path: Path
) -> None:
    lake, published = samples
    report = light.run([str(lake.raw / "events")], [str(lake.raw / "vehicles")], tmp_path)
    state = published.state("silver.fleet_fixes")
    assert state is not None
    assert state.quarantine_version is not None
    quarantine = quarantine_name("silver.fleet_fixes")
    columns = ["_file_sha256", "_record_number", "_reasons"]
    rejected = read_arrow(lake.warehouse, quarantine, state.quarantine_version, columns)
    lines = (tmp_path / "rejected.jsonl").read_text().splitlines()
    told = {(r["sha256"], r["record_number"]): r["reasons"] for r in map(json.loads, lines)}
    assert told == {tuple(row.values())[:2]: row["_reasons"] for row in rejected.to_pylist()}

    with (tmp_path / "accepted.csv").open(newline="") as file:
        accepted = {
            (r["vehicle_id"], r["fixed_at"]): (
                float(r["distance_from_depot_m"]),
                int(r["versions"]),
            )
            for r in csv.DictReader(file)
        }
    fixes = {
        (r["vehicle_id"], r["fixed_at"].isoformat().replace("+00:00", "Z")): (
            r["distance_from_depot_m"],
            r["versions"],
        )
        for r in lake.rows(published, "silver.fleet_fixes")
    }
    # The same routine gives the same distances, to the last digit.
    assert accepted == fixes
    assert report.folded == report.records - report.accepted - report.rejected


@pytest.mark.parametrize(
    ("table", "key", "of"),
    [
        ("gold.fleet_vehicle_days", ("vehicle_id", "day_date"), oracle.vehicle_days),
        ("gold.fleet_depot_distances", ("vehicle_id", "day_date"), oracle.depot_distances),
        ("gold.fleet_cells", ("h3_cell", "hour_at"), oracle.cells),
        ("gold.fleet_trips", ("vehicle_id", "started_at"), oracle.trips),
    ],
)
def test_gold_is_that_of_an_independent_program(
    samples: tuple[Lake, Publication], found: oracle.Found, table: str, key: Any, of: Any
) -> None:
    lake, published = samples
    rows = {tuple(row[name] for name in key): row for row in lake.rows(published, table)}
    # Whole millimetres and thousandths are summed: half of one a fix.
    wrong = [w for w in differ(rows, of(found)) if not _is_rounding(w)]
    assert (len(rows) > 0, wrong) == (True, [])


def _is_rounding(wrong: Any) -> bool:
    if not isinstance(wrong, tuple) or not isinstance(wrong[3], float):
        return False
    _, name, mine, value = wrong
    bound = {"km": 1e-4, "m": 1e-3, "kmh": 1e-3}.get(name.rsplit("_", 1)[-1], 0)
    return mine is not None and abs(mine - value) < bound


def test_fixes_of_unknown_vehicles_wait_and_a_correction_lets_others_in(
    spark: SparkSession, tmp_path: Path
) -> None:
    """One later delivery tells of a vehicle whose fixes wait, one of them in the archive, and
    corrects the limit that refused another's.
    """
    lake = Lake(spark, tmp_path)
    slow = {"SLOW": {"max_speed": 90, "depot_lat": 1, "depot_lon": 2}}
    # What is judged again with each delivery stays in quarantine once: of it no vehicle is known.
    nameless = {"": slow["SLOW"]}
    put_vehicles(lake, "2026-10-02", slow | nameless | {"KNOWN": slow["SLOW"]})
    events = lake.raw / "events" / DELIVERY / "late.csv"
    events.parent.mkdir(parents=True)
    with events.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(
            ["vehicle_id", "timestamp", "lat", "lon", "speed_kmh", "engine_status", "fuel_level"]
        )
        for vehicle, kmh in (("KNOWN", 10), ("SLOW", 100), ("NEW", 100)):
            for minute in range(3):
                at = f"2026-10-01 06:0{minute}:00"
                writer.writerow([vehicle, at, 1, 2, kmh, "moving", 50])
        writer.writerow(["NEW", "2026-09-20 06:00:00", 1, 2, 100, "moving", 50])
    waiting = lake.run().publication
    assert waiting is not None
    unknown = ["its vehicle must be known: the fix waits for the vehicle's metadata"]
    too_fast = ["speed must not exceed the vehicle's own maximum"]
    told = lake.reasons(waiting, "silver.fleet_fixes")
    assert sorted(told) == [unknown] * 4 + [too_fast] * 3
    (moved,) = archive.archive(spark, lake.warehouse, "fleet", 7, lambda _: None)
    assert (moved.rows, moved.days) == (1, [date(2026, 9, 20)])

    slow["SLOW"]["max_speed"] = 100
    put_vehicles(lake, "2026-10-03", slow | nameless | {"NEW": slow["SLOW"]})
    corrected = lake.run().publication
    assert corrected is not None
    assert lake.reasons(corrected, "silver.fleet_fixes") == []
    assert lake.reasons(corrected, "silver.fleet_vehicles") == [["a vehicle must have an id"]] * 2
    days = lake.rows(corrected, "gold.fleet_vehicle_days")
    assert sorted((row["vehicle_id"], row["day_date"].day, row["fixes"]) for row in days) == [
        ("KNOWN", 1, 3),
        ("NEW", 1, 3),
        ("NEW", 20, 1),
        ("SLOW", 1, 3),
    ]
    assert doctor.examine(lake.warehouse, ["fleet"]).damage == []


def put_vehicles(lake: Lake, day: str, told: dict[str, Any]) -> None:
    path = lake.raw / "vehicles" / f"delivery={day}" / "told.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(told))
