"""Records of vehicle days in the order of time, without Spark: what stands, and what lies between,
against a program in plain Python.
"""

from __future__ import annotations

import datetime as dt
import json
import math
from random import Random
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from geographiclib.geodesic import Geodesic
from strata.feeds.fleet.days import PLAIN_DEPOTS
from strata.feeds.fleet.stretches import TRACK
from strata.feeds.fleet.texts import read_instants, read_numbers
from strata.feeds.fleet.tracks import (
    CONTENT,
    DIFFERS,
    REPEATED,
    STANDS,
    SUPERSEDED,
    follow,
    with_followed,
)
from strata.feeds.fleet.trips import PLAIN_TRIPS
from strata.kit.plain import Plain, with_params
from strata.kit.stretches import stretches

UTC = dt.timezone.utc

# --- texts ---------------------------------------------------------------------------------------

NUMBERS: dict[str | None, float | None] = {
    "1": 1.0, "-1.5": -1.5, "+.5": 0.5, "3.": 3.0, "1.2e-05": 1.2e-05, "-0": 0.0, "+1E+2": 100.0,
    "0.1": 0.1, "123456789012345.12345678901234567890": 123456789012345.12345678901234567890,
    "5e-99": 5e-99, None: None, "": None, " 1": None, "1 ": None, "1\n": None, "1d": None,
    "NaN": None, "inf": None, "0x10": None, "1_0": None, "1,5": None, "१": None, "--1": None,
    "+-1": None, "1e400": None, "1e": None, ".": None, "1234567890123456": None,
}  # fmt: skip

INSTANTS: dict[str | None, str | None] = {
    "2026-10-01 06:00:00Z": "2026-10-01 06:00:00",
    "2026-10-01T08:00:00.5+02:00": "2026-10-01 06:00:00.500000",
    "2026-10-01T00:30:00.123456-14:59": "2026-10-01 15:29:00.123456",
    "2024-02-29 23:59:59Z": "2024-02-29 23:59:59",
    "2099-12-31 23:59:59Z": "2099-12-31 23:59:59",
    "2023-02-29 00:00:00Z": None, "2026-13-01 00:00:00Z": None, "2026-00-10 00:00:00Z": None,
    "2026-04-31 00:00:00Z": None, "2026-10-01 24:00:00Z": None, "2026-10-01 06:00:60Z": None,
    "2026-10-01 06:00:00": None, "2026-10-01 06:00:00+15:00": None, "1979-10-01 06:00:00Z": None,
    "2026-10-01 06:00:00.1234567Z": None, "2026-10-01 06:00Z": None, "2026-10-01": None,
    "2026-10-01 06:00:00Z\n": None, " 2026-10-01 06:00:00Z": None, "yesterday": None, None: None,
}  # fmt: skip


def test_numbers_are_read_by_the_grammar_alone() -> None:
    for kind in (pa.string(), pa.large_string()):
        found = read_numbers(pa.array(list(NUMBERS), kind)).to_pylist()
        assert dict(zip(NUMBERS, found, strict=True)) == NUMBERS
    assert not [text for text in ("-0", "-0.0", "-.0e3") if _is_minus_zero(text)]


def _is_minus_zero(text: str) -> bool:
    (found,) = read_numbers(pa.array([text])).to_pylist()
    return math.copysign(1.0, found) < 0


def test_a_number_is_the_double_that_is_nearest() -> None:
    chance = Random(3)
    texts = [f"{chance.uniform(-180, 180):.{chance.randrange(20)}f}" for _ in range(3000)]
    assert read_numbers(pa.array(texts)).to_pylist() == [float(text) for text in texts]


def test_instants_are_read_by_the_grammar_and_the_calendar() -> None:
    for kind in (pa.string(), pa.large_string()):
        found = read_instants(pa.array(list(INSTANTS), kind)).to_pylist()
        told = [at and at.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ") for at in found]
        assert dict(zip(INSTANTS, told, strict=True)) == INSTANTS


# --- tracks --------------------------------------------------------------------------------------

SCHEMA = pa.schema(
    [
        ("vehicle_id", pa.string()), ("fixed_at", pa.timestamp("us", tz="UTC")),
        ("fix_date", pa.date32()), ("lat_deg", pa.float64()), ("lon_deg", pa.float64()),
        ("speed_kmh", pa.float64()), ("engine_status", pa.string()),
        ("fuel_level_pct", pa.float64()), ("depot_lat_deg", pa.float64()),
        ("depot_lon_deg", pa.float64()), ("_order", pa.date32()), ("_file_sha256", pa.string()),
        ("_record_number", pa.int64()), ("keeps", pa.bool_()), ("_track", pa.int64()),
    ]
)  # fmt: skip
MIDNIGHT = dt.datetime(2026, 10, 1, tzinfo=UTC)
NOTHING = dict.fromkeys(
    ("previous_s", "previous_m", "bearing_deg", "fuel_change_pct", "distance_from_depot_m")
)


def made_up(chance: Random, size: int) -> list[dict[str, Any]]:
    """Records of few vehicles and instants, so that many share theirs; some do not keep the
    rules."""
    found = []
    for number in range(size):
        at = MIDNIGHT + dt.timedelta(hours=12 * chance.randrange(5), seconds=chance.randrange(8))
        keeps = chance.random() < 0.9
        tells = chance.random() < 0.9
        vehicle = chance.choice("abc")
        found.append(
            {
                "vehicle_id": vehicle if keeps else chance.choice((vehicle, None)),
                "fixed_at": at if keeps else chance.choice((at, None)),
                "fix_date": at.date(),
                "lat_deg": chance.choice((1.0, 1.5)),
                "lon_deg": chance.choice((2.0, -179.9)),
                "speed_kmh": chance.choice((0.0, 10.0)),
                "engine_status": chance.choice(("idle", "moving")) if tells else None,
                "fuel_level_pct": chance.choice((0.0, 50.25)) if tells else None,
                "depot_lat_deg": 1.0 if keeps else None,
                "depot_lon_deg": 2.0 if keeps else None,
                "_order": chance.choice((None, dt.date(2026, 10, 2), dt.date(2026, 10, 3))),
                "_file_sha256": chance.choice(("f", "g")),
                "_record_number": number,
                "keeps": keeps,
                # Two vehicle days share a number.
                "_track": ord(vehicle) % 2 * 100 + at.day if keeps else number + 1000,
            }
        )
    return sorted(found, key=lambda row: row["_track"])


def settled(records: list[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """The same in plain Python, by record number."""
    groups: dict[Any, list[dict[str, Any]]] = {}
    told: dict[int, dict[str, Any]] = {}
    for row in records:
        told[row["_record_number"]] = {
            "outcome": None, "versions": None, "superseded_values": None, **NOTHING
        }  # fmt: skip
        if row["keeps"]:
            groups.setdefault((row["vehicle_id"], row["fixed_at"]), []).append(row)
    standing = []
    for group in groups.values():
        newest = max(_delivered(row) for row in group)
        latest = [row for row in group if _delivered(row) == newest]
        differ = len({_said(row) for row in latest}) > 1
        first = min((row["_file_sha256"], row["_record_number"]) for row in latest)
        old = [row for row in group if _delivered(row) < newest]
        for row in group:
            own = told[row["_record_number"]]
            if row in old:
                own["outcome"] = SUPERSEDED
            elif differ:
                own["outcome"] = DIFFERS
            elif (row["_file_sha256"], row["_record_number"]) != first:
                own["outcome"] = REPEATED
            else:
                own["outcome"] = STANDS
                own["versions"] = len({_said(each) for each in group})
                if old:
                    last = max(old, key=lambda each: (_delivered(each), _said(each)))
                    values = {name: last[name] for name in CONTENT if last[name] is not None}
                    own["superseded_values"] = values
                standing.append(row)
    standing.sort(key=lambda row: (row["vehicle_id"], row["fixed_at"]))
    for before, row in zip([None, *standing], standing, strict=False):
        own = told[row["_record_number"]]
        own["distance_from_depot_m"] = _line(1.0, 2.0, row)["s12"]
        if before and (before["vehicle_id"], before["fix_date"]) == (
            row["vehicle_id"],
            row["fix_date"],
        ):
            line = _line(before["lat_deg"], before["lon_deg"], row)
            own["previous_s"] = (row["fixed_at"] - before["fixed_at"]).total_seconds()
            own["previous_m"] = line["s12"]
            own["bearing_deg"] = line["azi1"] % 360 if line["s12"] else None
            if None not in (row["fuel_level_pct"], before["fuel_level_pct"]):
                own["fuel_change_pct"] = row["fuel_level_pct"] - before["fuel_level_pct"]
    return told


def _delivered(row: dict[str, Any]) -> dt.date:
    return row["_order"] or dt.date.min


def _said(row: dict[str, Any]) -> tuple[Any, ...]:
    """Null is the least of its kind."""
    least = {"engine_status": "", "fuel_level_pct": -1.0}
    return tuple(least.get(name) if row[name] is None else row[name] for name in CONTENT)


def _line(lat: float, lon: float, row: dict[str, Any]) -> dict[str, float]:
    line: dict[str, float] = Geodesic.WGS84.Inverse(lat, lon, row["lat_deg"], row["lon_deg"])
    return line


def agree(one: Any, other: Any) -> bool:
    """Whether two values are the same, distances to a tenth of a micrometre."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-12, abs_tol=1e-7)
    return bool(one == other)


@pytest.mark.parametrize("at_once", [1, 7, 100_000])
def test_records_are_settled_as_a_plain_program_settles_them(at_once: int) -> None:
    chance, outcomes = Random(11), set()
    for _ in range(25):
        records = made_up(chance, chance.randrange(1, 120))
        cut = chance.randrange(1, 20)
        batches = pa.Table.from_pylist(records, SCHEMA).to_batches(cut)
        rows = pa.concat_tables(map(with_followed, stretches(batches, TRACK, at_once))).to_pylist()
        told = settled(records)
        for row in rows:
            own = told.pop(row["_record_number"])
            found = {name: row[name] for name in own}
            if found["superseded_values"] is not None:
                found["superseded_values"] = json.loads(found["superseded_values"])
            assert [name for name in own if not agree(found[name], own[name])] == [], (row, own)
            outcomes.add(row["outcome"])
        assert told == {}
    assert outcomes == {None, STANDS, SUPERSEDED, REPEATED, DIFFERS}


def standing(records: list[dict[str, Any]]) -> dict[Any, Any]:
    """What stands of records, by vehicle and instant, without where it came from."""
    table = pa.Table.from_pylist(sorted(records, key=lambda row: row["_track"]), SCHEMA)
    rows = pa.concat_tables(
        map(with_followed, stretches(table.to_batches(), TRACK, 50))
    ).to_pylist()
    return {
        (row["vehicle_id"], row["fixed_at"]): {
            name: row[name] for name in row if name not in ("_file_sha256", "_record_number")
        }
        for row in rows
        if row["outcome"] == STANDS
    }


def test_files_that_are_split_shuffled_repeated_and_interleaved_make_the_same_fixes() -> None:
    chance = Random(8)
    records = made_up(chance, 150)
    told = standing(records)
    assert len(told) > 20
    for _ in range(20):
        again = [*records, *chance.sample(records, chance.randrange(150))]
        chance.shuffle(again)
        moved = [
            row | {"_file_sha256": chance.choice("pqrst"), "_record_number": number}
            for number, row in enumerate(again)
        ]
        assert standing(moved) == told


def test_no_record_is_none_to_follow() -> None:
    nothing = follow(SCHEMA.empty_table().drop_columns("_track"))
    assert (nothing.num_rows, list(stretches([], TRACK))) == (0, [])


# --- trips ---------------------------------------------------------------------------------------

_FIX = pa.schema(
    [
        ("vehicle_id", pa.string()), ("day_date", pa.date32()),
        ("fixed_at", pa.timestamp("us", tz="UTC")), ("lat_deg", pa.float64()),
        ("lon_deg", pa.float64()), ("engine_status", pa.string()), ("speed_kmh", pa.float64()),
        ("previous_s", pa.float64()), ("previous_m", pa.float64()), ("is_jump", pa.bool_()),
        ("distance_from_depot_m", pa.float64()),
    ]
)  # fmt: skip


def driven(chance: Random, size: int) -> list[dict[str, Any]]:
    """Fixes of two vehicles on two days, each instant once, in no order."""
    keys = [(v, d, m) for v in "ab" for d in (1, 2) for m in range(40)]
    found = []
    for vehicle, day, minute in chance.sample(keys, size):
        at = dt.datetime(2026, 10, day, 6, minute, tzinfo=UTC)
        found.append(
            {"vehicle_id": vehicle, "day_date": at.date(), "fixed_at": at, "lat_deg": minute / 8,
             "lon_deg": -minute / 8, "engine_status": chance.choice(("moving", "idle", None)),
             "speed_kmh": chance.choice((2.9, 3.0)), "previous_m": chance.randrange(9) / 1e3,
             "is_jump": chance.random() < 0.2,
             # Quarters: their sum is exact.
             "distance_from_depot_m": chance.randrange(4000) / 4}
        )  # fmt: skip
    last: dict[Any, dict[str, Any]] = {}
    for fix in sorted(found, key=lambda fix: fix["fixed_at"]):
        before = last.get((fix["vehicle_id"], fix["day_date"]))
        if before is None:
            fix |= {"previous_s": None, "previous_m": None, "is_jump": None}
        else:
            fix["previous_s"] = (fix["fixed_at"] - before["fixed_at"]).total_seconds()
        last[fix["vehicle_id"], fix["day_date"]] = fix
    return found


def trips_of(fixes: list[dict[str, Any]], stop_minutes: int) -> list[tuple[Any, ...]]:
    """The same in plain Python: trips with their fixes, and by day how many fixes are in none."""
    found: list[tuple[Any, ...]] = []
    for key in {(fix["vehicle_id"], fix["day_date"]) for fix in fixes}:
        own = [fix for fix in fixes if (fix["vehicle_id"], fix["day_date"]) == key]
        own.sort(key=lambda fix: fix["fixed_at"])
        trips: list[list[int]] = []
        for place, fix in enumerate(own):
            by_speed = fix["engine_status"] is None and fix["speed_kmh"] >= 3
            if fix["engine_status"] == "moving" or by_speed:
                last = own[trips[-1][-1]]["fixed_at"] if trips else None
                if last and fix["fixed_at"] - last <= dt.timedelta(minutes=stop_minutes):
                    trips[-1].append(place)
                else:
                    trips.append([place])
        for number, places in enumerate(trips, 1):
            start, end = own[places[0]], own[places[-1]]
            steps = own[places[0] + 1 : places[-1] + 1]
            km = sum(round(fix["previous_m"] * 1e3) for fix in steps if not fix["is_jump"]) / 1e6
            seconds = (end["fixed_at"] - start["fixed_at"]).total_seconds()
            ends = (start["fixed_at"], end["fixed_at"], start["lat_deg"], end["lon_deg"])
            found.append((*key, number, *ends, len(places), seconds, km))
        rest = len(own) - sum(map(len, trips))
        if rest:
            found.append((*key, None, None, None, None, None, rest, None, None))
    return sorted(found, key=str)


def asked(names: str, plain: Plain, fixes: list[dict[str, Any]], **params: Any) -> list[Any]:
    """DuckDB's answer over a stream, which can be read once."""
    query = with_params(plain.query, params)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("fleet_fixes", pa.Table.from_pylist(fixes, _FIX).to_reader())
        rows = connection.execute(f"SELECT {names} FROM ({query})").fetchall()
    return sorted((tuple(_in_utc(value) for value in row) for row in rows), key=str)


@pytest.mark.parametrize("minutes", [3, 60, 1_000_000])
def test_trips_are_those_of_a_plain_program(minutes: int) -> None:
    names = ("vehicle_id, day_date, trip_number, started_at, ended_at, start_lat_deg, end_lon_deg, "
             "_rows, duration_s, distance_km")  # fmt: skip
    chance = Random(4)
    for size in (0, 1, 2, 5, 40, 160):
        fixes = driven(chance, size)
        # Of those in no trip nothing is told but their number.
        found = [
            row if row[2] else (*row[:2], *[None] * 5, row[7], None, None)
            for row in asked(names, PLAIN_TRIPS, fixes, stop_minutes=minutes)
        ]
        assert sorted(found, key=str) == trips_of(fixes, minutes)


def depots_of(fixes: list[dict[str, Any]], radius: int, gap_minutes: int) -> list[Any]:
    """In plain Python: the distances of fixes that some step but a jump joins to another."""
    days: dict[Any, list[dict[str, Any]]] = {}
    for fix in sorted(fixes, key=lambda fix: fix["fixed_at"]):
        days.setdefault((fix["vehicle_id"], fix["day_date"]), []).append(fix)
    found = []
    for key, own in days.items():
        jumps = [None, *[fix["is_jump"] for fix in own[1:]], None]
        held = []
        for fix, *steps in zip(own, jumps, jumps[1:], strict=False):
            there = [step for step in steps if step is not None]
            if not there or not all(there):
                held.append(fix)
        metres = [fix["distance_from_depot_m"] for fix in held]
        away = [
            fix["previous_s"] for fix in held
            if fix["distance_from_depot_m"] > radius and fix["previous_s"] is not None
            and fix["previous_s"] <= gap_minutes * 60
        ]  # fmt: skip
        mean = sum(metre * 1e3 for metre in metres) / len(metres) / 1e3 if held else None
        distances = (min(metres, default=None), mean, max(metres, default=None))
        found.append((*key, len(own), len(own) - len(held), *distances, sum(away)))
    return sorted(found, key=str)


def test_depot_distances_hold_no_fix_that_only_jumps_join_to_others() -> None:
    names = "vehicle_id, day_date, fixes, astray_fixes, least_m, mean_m, greatest_m, away_s"
    chance, seen = Random(5), set()
    for size in (0, 1, 2, 5, 40, 160):
        fixes = driven(chance, size)
        found = asked(names, PLAIN_DEPOTS, fixes, depot_radius_m=500, gap_minutes=30)
        assert found == depots_of(fixes, 500, 30)
        seen |= {(min(row[3], 2), row[4] is None) for row in found}
    assert seen == {(0, False), (1, False), (2, False), (2, True)}


def _in_utc(value: Any) -> Any:
    return value.astimezone(UTC) if isinstance(value, dt.datetime) else value
