"""The fleet feed's rules on made-up records: verdicts, which record stands, days, trips, history."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from strata.declare.contract import load_contract, quarantine_contract, struct_type
from strata.declare.suite import load_suite
from strata.feeds.fleet import SOURCES
from strata.feeds.fleet.days import fleet_depot_distances, fleet_vehicle_days
from strata.feeds.fleet.fixes import CONFLICT, OF_VEHICLES, add_fix_date, fleet_fixes
from strata.feeds.fleet.params import Params
from strata.feeds.fleet.plain import FIXES
from strata.feeds.fleet.trips import SINGLE, STOOD, fleet_trips
from strata.feeds.fleet.vehicles import UNCHANGED, fleet_vehicles
from strata.gate import gate, judging
from strata.kit.history import REPEATED, SUPERSEDED
from strata.kit.table import Rows
from strata.light.local import run as light
from strata.run.bronze.rows import UNPARSED

from tests.frames import local_frame
from tests.plain import plain_rows
from tests.unit.feeds.test_fleet_plain import LAYOUTS, ODD, SOUND, VEHICLE, of_verdicts
from tests.unit.light.test_verdicts import verdicts

pytestmark = pytest.mark.spark

UTC = dt.timezone.utc


def frame(spark: SparkSession, table: str, rows: list[dict[str, Any]]) -> DataFrame:
    """Rows of a table as told, the rest null; numbered from 1 in a file of their own."""
    fields = [f for f in load_contract(table).fields if f.name not in ("_run_id", "_ingested_at")]
    full = [{"_file_sha256": "f", "_record_number": n} | row for n, row in enumerate(rows, 1)]
    return local_frame(
        spark,
        ([row.get(f.name) for f in fields] for row in full),
        struct_type(tuple(fields), enforce_required=False),
    )


def known(spark: SparkSession, *rows: dict[str, Any]) -> DataFrame:
    """Vehicles as a fix sees them."""
    told = [{"max_speed_kmh": 100.0, "depot_lat_deg": 0.0, "depot_lon_deg": 0.0} | r for r in rows]
    return frame(spark, "silver.fleet_vehicles", told).select("vehicle_id", *OF_VEHICLES)


def judged(spark: SparkSession, events: list[dict[str, Any]], vehicles: DataFrame) -> DataFrame:
    """Records of events behind the gate."""
    fixes = fleet_fixes(frame(spark, "bronze.fleet_events", events), vehicles, params=Params())
    rules = gate.row_rules(fixes, load_suite("silver.fleet_fixes"))
    return judging.judge(fixes, rules, Rows.ONE_TO_ONE)


# --- verdicts ------------------------------------------------------------------------------------


def test_the_gate_gives_every_record_the_verdict_that_the_shared_file_tells(
    spark: SparkSession,
) -> None:
    told = verdicts()
    events, vehicles = of_verdicts()
    rows = judged(spark, events, known(spark, *vehicles)).select("_record_number", "_reasons")
    found = {row["_record_number"] - 1: row["_reasons"] for row in rows.collect()}
    differ = [
        (line["record"], line["reasons"], found[n])
        for n, line in enumerate(told)
        if found[n] != line["reasons"]
    ]
    assert (len(found), differ) == (len(told), [])


def test_the_path_without_spark_says_it_in_the_same_words() -> None:
    assert (
        CONFLICT,
        REPEATED,
        SUPERSEDED,
        UNPARSED,
    ) == (light.CONFLICT, light.REPEATED, light.SUPERSEDED, light.UNPARSED)


# --- which record stands -------------------------------------------------------------------------

EVENT: dict[str, Any] = {
    "vehicle_id": "v",
    "timestamp": "2026-10-01 06:00:00",
    "lat": "0.5",
    "lon": "0.5",
    "speed": "50",
    "engine_status": "moving",
    "fuel_level": "60",
    **LAYOUTS["telemetry"].constants,
}
FIRST, SECOND = dt.date(2026, 10, 2), dt.date(2026, 10, 3)
DIFFER = (
    "the records of its vehicle and instant differ, and no order is stated: "
    "put each delivery in a folder delivery=YYYY-MM-DD"
)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param(
            [{}, {"timestamp": "2026-10-01T08:00:00+02:00", "speed": "50.0"}],
            [(None, [], 1), (REPEATED, [], None)],
            id="equal values in other words are one",
        ),
        pytest.param(
            [{"_delivery_date": SECOND, "speed": "52"}, {"_delivery_date": FIRST}, {}],
            [(None, [], 2), (SUPERSEDED, [], None), (SUPERSEDED, [], None)],
            id="a later delivery supersedes, and no delivery is before all",
        ),
        pytest.param(
            [{"speed": "52"}, {}, {"trip_id": "another"}],
            [(None, [DIFFER], None)] * 3,
            id="what nothing orders is rejected, all of it",
        ),
        pytest.param(
            [{"_delivery_date": SECOND, "lat": "95"}, {"_delivery_date": FIRST}],
            [(None, ["lat must be in [-90, 90]"], None), (None, [], 1)],
            id="a record that is not sound supersedes nothing",
        ),
        pytest.param(
            [{"route_id": "1"}, {"route_id": "2"}],
            [(None, [], 1), (REPEATED, [], None)],
            id="the trip of a timetable is not what a fix says",
        ),
    ],
)
def test_of_the_records_of_a_vehicle_and_instant_one_at_most_stands(
    spark: SparkSession, changes: list[dict[str, Any]], expected: list[tuple[Any, ...]]
) -> None:
    rows = judged(spark, [EVENT | change for change in changes], known(spark, {"vehicle_id": "v"}))
    found = rows.orderBy("_record_number").collect()
    assert [(r["_fold"], r["_reasons"], r["versions"]) for r in found] == expected


def in_disorder() -> list[dict[str, Any]]:
    """Records of one vehicle of which many tell the same instant, in several spellings."""
    chance, found = Random(2), []
    for _ in range(300):
        minute = chance.randrange(60)
        at = chance.choice((f"2026-10-01 06:{minute:02}:00", f"2026-10-01T08:{minute:02}:00+02:00"))
        found.append(EVENT | {
            "timestamp": at, "lat": chance.choice(("0.5", "0.50", "0.501", "95")),
            "speed": chance.choice(("50", "50.0", "52")),
            "_delivery_date": chance.choice((None, FIRST, SECOND)),
            "_file_sha256": chance.choice("gfe"),
        })  # fmt: skip
    return found


def test_plain_rows_are_those_that_the_transform_makes(spark: SparkSession, tmp_path: Path) -> None:
    events, vehicles = of_verdicts()
    events = [{"_file_sha256": "f"} | event for event in [*events, *in_disorder()]]
    events = [event | {"_record_number": number} for number, event in enumerate(events, 1)]
    vehicles.append({"vehicle_id": "v"})
    # Of one that each engine makes another lower letter of, one alone is a status.
    moving = next(event for event in events if event.get("engine_status") == "moving")
    events += [
        moving | {"vehicle_id": "w", "engine_status": told, "_record_number": len(events) + 1 + n}
        for n, told in enumerate(("MOV\u0130NG", "\u212aidle"))
    ]
    vehicles += [
        v | {"vehicle_id": "w"} for v in vehicles if v["vehicle_id"] == moving["vehicle_id"]
    ]
    made = judged(spark, events, known(spark, *vehicles))
    columns = load_contract("silver.fleet_fixes").columns
    rows = made.select(*columns, "_fold", "_reasons").toArrow().to_pylist()
    stand = {
        row["_record_number"]: {name: row[name] for name in columns}
        for row in rows if row["_fold"] is None and not row["_reasons"]
    }  # fmt: skip
    rejected = {row["_record_number"] for row in rows if row["_reasons"]}

    lasting = {"depot_lat_deg": 0.0, "depot_lon_deg": 0.0, "is_current": True}
    of_all = [{"max_speed_kmh": 100.0} | lasting | vehicle for vehicle in vehicles]
    of_all.append(of_all[-1] | {"is_current": False, "max_speed_kmh": 1.0})
    inputs = {"bronze.fleet_events": events, "silver.fleet_vehicles": of_all}
    for tasks in (1, 3):
        folder = tmp_path / str(tasks)
        written, left, done = plain_rows(folder, "silver.fleet_fixes", inputs, tasks)
        found = {row["_record_number"]: row for row in written}
        differ = [
            (number, found.get(number), stand.get(number))
            for number in stand | found
            if found.get(number) != stand.get(number)
        ]
        assert (len(written), differ) == (len(stand), [])
        assert {row["_record_number"] for row in left} == rejected
        assert done.folds == Counter(row["_fold"] for row in rows if row["_fold"])
        assert set(done.folds) == {REPEATED, SUPERSEDED}
        # But for the odd ones, of which the transform tells.
        told = [row for table in done.rejected for row in table.to_pylist()]
        numbers = {row["_record_number"] for row in told}
        assert len(numbers) == len(told) > 0.9 * len(rejected)
        wanted = [row for row in rows if row["_record_number"] in numbers]
        names = (*columns, "_reasons")
        assert sorted(repr([row[n] for n in names]) for row in told) == sorted(
            repr([row[n] for n in names]) for row in wanted
        )


def test_plain_vehicles_are_those_that_the_transform_makes(
    spark: SparkSession, tmp_path: Path
) -> None:
    raw = [
        {"vehicle_id": f"v{number}", **VEHICLE, "_file_sha256": "f", "_record_number": number} | odd
        for number, odd in enumerate(ODD)
    ]
    made = fleet_vehicles(frame(spark, "bronze.fleet_vehicles", raw))
    rows = judging.judge(
        made, gate.row_rules(made, load_suite("silver.fleet_vehicles")), Rows.ONE_TO_ONE
    )
    columns = load_contract("silver.fleet_vehicles").columns
    accepted = rows.where(judging.is_accepted()).where(f"_record_number < {SOUND}")
    written, _, _ = plain_rows(tmp_path, "silver.fleet_vehicles", {"bronze.fleet_vehicles": raw})
    expected = accepted.select(*columns).toArrow().to_pylist()
    assert len(expected) == SOUND
    assert sorted(map(repr, written)) == sorted(map(repr, expected))


def test_rejected_rows_are_the_same_where_they_are_made_alone(spark: SparkSession) -> None:
    old = EVENT | {"timestamp": "2026-10-01 06:04:00"}
    told = [EVENT | change for change in (
        {}, {"speed": "52"},
        {"lat": "95", "timestamp": "2026-10-01 06:01:00"}, {"vehicle_id": "ghost"},
        {"timestamp": "2026-02-30 06:00:00"}, {"timestamp": "2026-10-01 06:02:00"},
        {"timestamp": "2026-10-01 06:03:00", "_delivery_date": FIRST, "fuel_level": "101"},
    )]  # fmt: skip
    # An older record that the two newer ones, which contradict each other, supersede.
    told += [old, *(old | {"_delivery_date": FIRST, "speed": speed} for speed in ("51", "52"))]
    numbered = [event | {"_record_number": number} for number, event in enumerate(told, 1)]
    vehicles = known(spark, {"vehicle_id": "v"})
    columns = [*quarantine_contract(load_contract("silver.fleet_fixes")).columns]
    wanted = [1, 2, 3, 4, 5, 7, 9, 10]
    rows = [
        judged(spark, events, vehicles).where(judging.is_rejected()).select(*columns)
        .orderBy("_record_number").collect()
        for events in (numbered, [numbered[number - 1] for number in wanted])
    ]  # fmt: skip
    assert rows[0] == rows[1]
    assert [row["_record_number"] for row in rows[0]] == wanted


def test_the_day_by_which_a_record_is_archived_is_that_of_its_fix(spark: SparkSession) -> None:
    times = (
        "2026-10-01 23:59:59",
        "2026-10-01T23:30:00-05:00",
        "2026-10-02T00:30:00+02:00",
        "2026-02-30 06:00:00",
        "2026-10-01",
        "Z",
        "-",
        "2026-10-01 06:00:00+15:00",
        None,
    )
    raw = frame(spark, "bronze.fleet_events", [EVENT | {"timestamp": at} for at in times])
    (source,) = (s for s in SOURCES if s.day)
    told = add_fix_date(raw).selectExpr("fix_date", f"{source.day} AS day").collect()
    days = [*(dt.date(2026, 10, day) for day in (1, 2, 1)), *[None] * 6]
    assert source.day_column == "silver.fleet_fixes.fix_date"
    assert [(row["fix_date"], row["day"]) for row in told] == [(day, day) for day in days]
    assert FIXES.group is not None
    assert FIXES.group.tell(raw.toArrow()).to_pylist() == days


def test_superseded_values_stay_visible(spark: SparkSession) -> None:
    events = [EVENT | {"_delivery_date": SECOND, "speed": "52"}, EVENT | {"_delivery_date": FIRST}]
    rows = judged(spark, events, known(spark, {"vehicle_id": "v"})).where("_fold is null").collect()
    assert [json.loads(row["superseded_values"]) for row in rows] == [
        {
            "lat_deg": 0.5,
            "lon_deg": 0.5,
            "speed_kmh": 50.0,
            "engine_status": "moving",
            "fuel_level_pct": 60.0,
        }
    ]


# --- days and trips ------------------------------------------------------------------------------


def track(*fixes: tuple[str, float, str, float]) -> list[dict[str, Any]]:
    """Events of one vehicle on the equator: time, longitude, status, fuel."""
    return [
        EVENT | {"timestamp": f"2026-10-01 {at}", "lat": "0", "lon": repr(lon),
                 "engine_status": status, "fuel_level": repr(fuel)}
        for at, lon, status, fuel in fixes
    ]  # fmt: skip


# A degree of the equator is 111,319.491 m.
DRIVE = track(
    ("06:00:00", 0.001, "idle", 60.0),
    ("06:05:00", 0.011, "moving", 59.0),
    ("06:10:00", 0.021, "moving", 58.0),
    # Ten degrees away and back: no vehicle can.
    ("06:12:00", 10.0, "moving", 58.0),
    ("06:14:00", 0.021, "idle", 62.0),
    ("06:20:00", 0.021, "idle", 90.0),
    ("07:30:00", 0.121, "moving", 80.0),
)


def standing(spark: SparkSession, events: list[dict[str, Any]], **vehicle: Any) -> DataFrame:
    rows = judged(spark, events, known(spark, {"vehicle_id": "v"} | vehicle))
    return rows.where("_fold is null and size(_reasons) = 0").drop("_reasons", "_fold", "_rows")


def test_a_day_leaves_out_jumps_and_tells_gaps_and_fuel(spark: SparkSession) -> None:
    row = fleet_vehicle_days(standing(spark, DRIVE), params=Params()).first()
    assert row is not None
    told = {
        name: row[name]
        for name in (
            "fixes", "moving_s", "idle_s", "gap_s", "gaps", "jumps", "fuel_used_pct",
            "refuelled_pct", "refuels", "top_speed_kmh",
        )
    }  # fmt: skip
    assert told == {
        "fixes": 7,
        "moving_s": 720.0,
        "idle_s": 480.0,
        "gap_s": 4200.0,
        "gaps": 1,
        "jumps": 2,
        "fuel_used_pct": 12.0,
        "refuelled_pct": 28.0,
        "refuels": 1,
        "top_speed_kmh": 50.0,
    }
    assert row["distance_km"] == pytest.approx(0.12 * 111.319491, abs=1e-5)
    assert row["gap_distance_km"] == pytest.approx(0.1 * 111.319491, abs=1e-5)


def test_time_away_is_that_beyond_the_radius(spark: SparkSession) -> None:
    row = fleet_depot_distances(standing(spark, DRIVE), params=Params(depot_radius_m=2000)).first()
    assert row is not None
    # The fix ten degrees away, which only jumps join to the others, is neither far nor away.
    assert (row["fixes"], row["astray_fixes"]) == (7, 1)
    assert row["away_s"] == 300.0 + 120.0 + 360.0
    assert row["least_m"] == pytest.approx(111.319491, abs=1e-5)
    assert row["greatest_m"] == pytest.approx(0.121 * 111319.491, abs=1e-2)


def test_a_trip_is_moving_fixes_without_a_longer_stop(spark: SparkSession) -> None:
    rows = fleet_trips(standing(spark, DRIVE), params=Params()).collect()
    found = sorted((row["_fold"] or "", row["trip_number"], row["_rows"]) for row in rows)
    assert found == [("", 1, 3), (SINGLE, 2, 1), (STOOD, None, 3)]
    trip = next(row for row in rows if row["_fold"] is None)
    assert (trip["duration_s"], trip["end_lon_deg"]) == (420.0, 10.0)
    assert trip["started_at"].astimezone(UTC) == dt.datetime(2026, 10, 1, 6, 5, tzinfo=UTC)
    # Only the step from 06:05 to 06:10 is no jump.
    assert trip["distance_km"] == pytest.approx(0.01 * 111.319491, abs=1e-5)
    most = 1_000_000
    params = Params(stop_minutes=most, gap_minutes=most, depot_radius_m=most)
    rows = fleet_trips(standing(spark, DRIVE), params=params).collect()
    assert sorted((row["_fold"] or "", row["_rows"]) for row in rows) == [("", 4), (STOOD, 3)]
    assert fleet_depot_distances(standing(spark, DRIVE), params=params).count() == 1


def test_a_local_day_has_the_steps_over_the_midnight_of_utc(spark: SparkSession) -> None:
    events = [
        EVENT | {"timestamp": at, "lat": "1", "lon": lon}
        for at, lon in (
            ("2026-10-01 23:55:00", "0.0"),
            ("2026-10-02 00:05:00", "0.01"),
            ("2026-10-02 04:55:00", "0.02"),
            ("2026-10-02 05:05:00", "0.03"),
        )
    ]
    params = Params(day_zone="vehicle")
    vehicles = known(spark, {"vehicle_id": "v", "time_zone": "America/Chicago"})
    bronze = frame(spark, "bronze.fleet_events", events)
    fixes = fleet_fixes(bronze, vehicles, params=params)
    rows = fleet_vehicle_days(fixes, params=params).orderBy("day_date").collect()
    # Midnight in Chicago is five o'clock of UTC.
    assert [(row["day_date"], row["fixes"], round(row["distance_km"], 4)) for row in rows] == [
        (dt.date(2026, 10, 1), 3, 2.2261),
        (dt.date(2026, 10, 2), 1, 0.0),
    ]


# --- vehicles ------------------------------------------------------------------------------------

CAR: dict[str, Any] = {"vehicle_id": "v", "max_speed": "100", "depot_lat": "1", "depot_lon": "2"}


def test_a_vehicle_has_periods_from_delivery_to_delivery(spark: SparkSession) -> None:
    raw: list[dict[str, Any]] = [
        CAR,
        CAR | {"_delivery_date": FIRST},
        CAR | {"_delivery_date": SECOND, "max_speed": "120"},
        CAR | {"_delivery_date": SECOND, "max_speed": "120.0"},
        CAR | {"vehicle_id": "w", "time_zone": "Mars/Base"},
        CAR | {"vehicle_id": "x", "max_speed": "fast", "depot_lat": "91"},
        CAR | {"vehicle_id": "y", "depot_lat": "0", "depot_lon": "0.0"},
    ]
    rows = fleet_vehicles(frame(spark, "bronze.fleet_vehicles", raw)).orderBy("_record_number")
    found = [(r["valid_from"], r["is_current"], r["_fold"], r["_reasons"]) for r in rows.collect()]
    undated, zone = (
        dt.date(1900, 1, 1),
        "time_zone must be a name of the IANA database, e.g. America/Chicago",
    )
    assert found == [
        (undated, False, None, []),
        (FIRST, False, UNCHANGED, []),
        (SECOND, True, None, []),
        (SECOND, True, REPEATED, []),
        (undated, True, None, [zone]),
        (undated, True, None, ["max_speed must be a plain decimal number", "depot_lat must be in [-90, 90]"]),
        (undated, True, None, ["depot_lat and depot_lon must not both be 0, which stands for no position"]),
    ]  # fmt: skip
