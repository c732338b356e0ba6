"""Fixes by DuckDB and numpy, without Spark: texts are read by the grammar, and records judged as the
shared file of verdicts tells.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pyarrow as pa
from strata.declare.source_contract import load_layouts
from strata.feeds.fleet.plain import FIXES, read_instant, read_number

from tests.plain import plain_rows
from tests.unit.feeds.test_fleet_tracks import INSTANTS, NUMBERS
from tests.unit.light.test_verdicts import verdicts

LAYOUTS = {layout.name: layout for layout in load_layouts("fleet")}


def of_verdicts() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The records of the shared file, each with a vehicle of its own, so that no record has to do
    with another one; and the vehicles that are known."""
    events, vehicles = [], []
    for number, line in enumerate(verdicts()):
        vehicle = line["record"]["vehicle_id"] and f"{line['record']['vehicle_id']} {number}"
        delivered = line["delivered_on"]
        day = dt.date.fromisoformat(delivered) if delivered else None
        own = {"vehicle_id": vehicle, "_delivery_date": day}
        events.append({**line["record"], **LAYOUTS[line["layout"]].constants, **own})
        if line["vehicle"]:
            vehicles.append({"vehicle_id": vehicle, **line["vehicle"]})
    return events, vehicles


def read(query: str, texts: Iterable[str | None]) -> list[Any]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("told", pa.table({"x": pa.array(texts, pa.string())}))
        return [row[0] for row in connection.execute(f"SELECT {query} FROM told").fetchall()]


def test_numbers_are_read_by_the_grammar_as_the_nearest_doubles() -> None:
    assert dict(zip(NUMBERS, read(read_number("x"), NUMBERS), strict=True)) == NUMBERS
    assert [str(value) for value in read(read_number("x"), ["-0", "-0.0", "-.0e3"])] == ["0.0"] * 3
    chance = Random(3)
    texts = [f"{chance.uniform(-180, 180):.{chance.randrange(20)}f}" for _ in range(3000)]
    assert read(read_number("x"), texts) == [float(text) for text in texts]


def test_instants_are_read_by_the_grammar_the_calendar_and_their_offset() -> None:
    found = [at and at.isoformat(sep=" ") for at in read(read_instant("x"), INSTANTS)]
    assert dict(zip(INSTANTS, found, strict=True)) == INSTANTS


def test_a_quick_look_passes_over_no_record_of_a_day() -> None:
    group, chance = FIXES.group, Random(5)
    assert group is not None
    assert group.may is not None
    offsets = ("", "Z", "+14:59", "-14:59", "+00:00", "-05:30")
    texts: list[str | None] = [None, "", "2026-02-30 12:00:00", "soon", "2099-12-31 23:59:59Z"]
    first = dt.datetime(2025, 12, 29)
    texts += [
        f"{first + dt.timedelta(seconds=chance.randrange(86_400 * 8))}{chance.choice(offsets)}"
        for _ in range(4000)
    ]
    told = pa.table({"timestamp": texts, "offset_if_none": ["-11:00"] * len(texts)})
    days = group.tell(told).to_pylist()
    for day in (dt.date(2025, 12, 31), dt.date(2026, 1, 1), dt.date(2026, 3, 1)):
        may = group.may(told["timestamp"], pa.array([day])).to_pylist()
        own = [is_own for at, is_own in zip(days, may, strict=True) if at == day]
        assert all(own)
        assert len(own) == days.count(day)
        assert sum(may) < len(may) / 2
    assert days.count(dt.date(2026, 1, 1)) > 100


def inputs_of_verdicts() -> dict[str, list[dict[str, Any]]]:
    """The same as tables."""
    events, vehicles = of_verdicts()
    return {
        "bronze.fleet_events": [
            event | {"_file_sha256": "f", "_record_number": number}
            for number, event in enumerate(events)
        ],
        "silver.fleet_vehicles": [vehicle | {"is_current": True} for vehicle in vehicles],
    }


def test_the_records_that_are_left_out_are_those_that_the_shared_file_rejects(
    tmp_path: Path,
) -> None:
    inputs = inputs_of_verdicts()
    events = inputs["bronze.fleet_events"]
    written, left, done = plain_rows(tmp_path, "silver.fleet_fixes", inputs)
    sound = {number for number, line in enumerate(verdicts()) if not line["reasons"]}
    assert {row["_record_number"] for row in written} == sound
    assert {row["_record_number"] for row in left} == set(range(len(events))) - sound
    assert done.folds == {}


def test_rejected_records_have_the_reasons_that_the_shared_file_tells(tmp_path: Path) -> None:
    inputs = inputs_of_verdicts()
    told = {number: line["reasons"] for number, line in enumerate(verdicts()) if line["reasons"]}
    # What is not printable ASCII is left to the transform.
    odd = {n for n in told if not is_printable(inputs["bronze.fleet_events"][n])}
    for tasks in (0, 1, 3):
        done = plain_rows(tmp_path / str(tasks), "silver.fleet_fixes", inputs, tasks)[2]
        rows = [row for table in done.rejected for row in table.to_pylist()]
        found = {row["_record_number"]: row["_reasons"] for row in rows}
        assert len(found) == len(rows)
        assert found == {number: told[number] for number in told if number not in odd}
    assert len(odd) < len(told) / 10


def is_printable(event: dict[str, Any]) -> bool:
    texts = ("timestamp", "lat", "lon", "speed", "fuel_level", "engine_status")
    text = "".join(event.get(name) or "" for name in texts)
    return text.isascii() and (text.isprintable() or not text)


VEHICLE = {"max_speed": "90", "depot_lat": "52.5", "depot_lon": "-1.5"}
ODD: list[dict[str, Any]] = [
    {"service_region": "  north ", "time_zone": " Europe/London"}, {"max_speed": "+9e1", "service_region": " "},
    {"_delivery_date": dt.date(2026, 10, 2)}, {"depot_lat": "0", "depot_lon": "-0.5"},
    {"vehicle_id": " 7"}, {"vehicle_id": "ünï"}, {"vehicle_id": "00012"}, {"max_speed": "500"},
    # Those that the transform or the gate rejects, or that are not surely sound.
    {"vehicle_id": ""}, {"vehicle_id": None}, {"vehicle_id": "1.0"}, {"vehicle_id": "3e5"},
    {"max_speed": "fast"}, {"max_speed": "0"}, {"max_speed": "500.1"}, {"max_speed": None},
    {"depot_lat": "0", "depot_lon": "-0.0"}, {"depot_lat": "90.1"}, {"depot_lon": "nan"},
    {"time_zone": "Europe/Nowhere"}, {"vehicle_id": "twice"}, {"vehicle_id": "twice"},
]  # fmt: skip
SOUND = 8
"""So many of them stand."""


def test_vehicles_of_one_sound_record_are_made_without_spark(tmp_path: Path) -> None:
    raw = [
        {"vehicle_id": f"v{number}", **VEHICLE, "_file_sha256": "f", "_record_number": number} | odd
        for number, odd in enumerate(ODD)
    ]
    for tasks in (0, 1):
        folder, inputs = tmp_path / str(tasks), {"bronze.fleet_vehicles": raw}
        written, left, _ = plain_rows(folder, "silver.fleet_vehicles", inputs, tasks)
        assert {row["_record_number"] for row in written} == set(range(SOUND))
        assert {row["_record_number"] for row in left} == set(range(SOUND, len(raw)))
    first = min(written, key=lambda row: row["_record_number"])
    assert first == {
        "vehicle_id": "v0", "valid_from": dt.date(1900, 1, 1), "valid_to": dt.date(9999, 12, 31),
        "is_current": True, "max_speed_kmh": 90.0, "service_region": "north",
        "depot_lat_deg": 52.5, "depot_lon_deg": -1.5, "time_zone": "Europe/London",
        "_file_sha256": "f", "_record_number": 0,
    }  # fmt: skip
