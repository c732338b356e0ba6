"""Makes `fleet_verdicts.jsonl`: records of fleet events, each with its vehicle, its delivery and why
it is rejected, that every path must judge alike.

    python -m tests.corpus.fleet_verdicts >tests/corpus/fleet_verdicts.jsonl

The verdicts are told here, value by value, and computed by nobody: a record that has two odd values
has the reasons of both, for no two rules ask the same column here but where `ALSO` says so.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterator
from typing import Any

NO_VEHICLE = "a fix must tell its vehicle"
NO_INSTANT = (
    "timestamp must be an instant of 1980 to 2099, YYYY-MM-DD HH:MM:SS, with an offset unless its "
    "layout tells one"
)
NO_LAT = (
    "lat must be a plain decimal number, and not 0 where lon is 0: receivers write that for no "
    "position"
)
NO_LON = "lon must be a plain decimal number"
NO_SPEED = "speed must be a plain decimal number, in a unit that its layout tells for its day"
UNKNOWN = "its vehicle must be known: the fix waits for the vehicle's metadata"
LAT, LON = "lat must be in [-90, 90]", "lon must be in [-180, 180]"
SPEED = "speed must be in [0, 500] km/h"
MAXIMUM = "max_speed_kmh must be in [0, 500]"
FAST = "speed must not exceed the vehicle's own maximum"
LATE = "a fix must not be later than its delivery, nor than the parameter not_after"
STATUS = "engine_status must be one that its layout knows"
FUEL = "fuel_level must be a number in [0, 100]"
ORDER = (NO_VEHICLE, NO_INSTANT, NO_LAT, NO_LON, NO_SPEED, UNKNOWN, LAT, LON, SPEED, FAST, LATE,
         MAXIMUM, STATUS, FUEL)  # fmt: skip

VEHICLE = {"max_speed_kmh": 100.0, "depot_lat_deg": 40.5, "depot_lon_deg": -73.5}
SOUND = {
    "vehicle_id": "VH_1",
    "timestamp": "2026-10-01 06:00:00",
    "lat": "40.7",
    "lon": "-73.9",
    "speed": "50",
    "engine_status": "moving",
    "fuel_level": "55.5",
}
NOT_NUMBERS = (
    None, "", " ", "forty", "NaN", "nan", "inf", "-Infinity", "1,5", "1 5", "0x10", "1d", "1f", "--1",
    "1_000", "٤٠", "40\n", " 40", "40 ", "1e", "e5", ".", "1.2.3", "1e400", "+", "12345678901234567",
)  # fmt: skip

# Of each field, the texts it may have and the reasons that each gives a record else sound.
VALUES: dict[str, list[tuple[str | None, tuple[str, ...]]]] = {
    "vehicle_id": [(None, (NO_VEHICLE, UNKNOWN)), ("VH 1", ()), ("ё", ()), (" VH_1", ())],
    "timestamp": [
        *[
            (text, ())
            for text in (
                "2026-10-01T06:00:00", "2026-10-01T06:00:00Z", "2026-10-01 06:00:00+00:00",
                "2026-10-01T08:00:00.5+02:00", "2026-10-01T00:00:00-06:00", "1980-01-06 00:00:00",
                "2024-02-29 23:59:59", "2026-10-01 06:00:00.123456", "2026-10-03T23:59:59.999999Z",
                "2026-10-04T13:59:59+14:00", "2000-01-01T00:00:00-14:59",
            )
        ],
        *[
            (text, (NO_INSTANT,))
            for text in (
                None, "2026-02-30 12:00:00", "2025-02-29 12:00:00", "2026-10-01", "2026-10-01 06:00",
                "2026-10-01 24:00:00", "2026-10-01 06:60:00", "2026-10-01 06:00:60", "2026-13-01 06:00:00",
                "2026-00-10 06:00:00", "2026-10-00 06:00:00", "1979-12-31 23:59:59", "2100-01-01 00:00:00",
                "0001-01-01 00:00:00", "12026-10-01 06:00:00", "2026-10-01 06:00:00 UTC", "2026-10-01 06:00:00+2",
                "2026-10-01 06:00:00+0200", "2026-10-01 06:00:00+15:00", "2026-10-01 06:00:00.1234567",
                "2026-10-01 06:00:00.", "01/10/2026 06:00:00", "1790856000", "garbage", "2026-10-01t06:00:00",
                "2026-10-01  06:00:00", " 2026-10-01 06:00:00", "2026-10-01 06:00:00\n", "2026-10-01 06:00:00ZZ",
                "٢٠٢٦-10-01 06:00:00", "2026-1-1 06:00:00", "T12:00", "Z", "+",
            )
        ],
        ("2026-10-04 00:00:00", (LATE,)),
        ("2026-10-03T23:00:00-01:00", (LATE,)),
        ("2026-10-04T14:00:00+14:00", (LATE,)),
        ("2099-12-31 23:59:59", (LATE,)),
    ],
    "lat": [
        *[(text, ()) for text in ("90", "-90", "0", "-0", "+40.7", ".5", "40.", "9e1", "1.2e-05", "00012.50", "89.99999999999")],
        *[(text, (NO_LAT,)) for text in NOT_NUMBERS],
        *[(text, (LAT,)) for text in ("90.0000001", "-90.0000001", "95.5", "1e3", "-999", "123456789012345")],
    ],
    "lon": [
        *[(text, ()) for text in ("180", "-180", "0", "-0.0", "1.8e2", "179.99999999999")],
        *[(text, (NO_LON,)) for text in NOT_NUMBERS],
        *[(text, (LON,)) for text in ("180.0000001", "-180.0000001", "360", "-1e5")],
    ],
    "speed": [
        *[(text, ()) for text in ("0", "-0", "-0.0", "100", "100.0", "99.999", "1e2", "1E-3")],
        *[(text, (NO_SPEED,)) for text in NOT_NUMBERS],
        *[(text, (SPEED,)) for text in ("-0.1", "-1e-20", "-5")],
        *[(text, (FAST,)) for text in ("100.1", "100.00000000001")],
        ("1e9", (SPEED, FAST)),
    ],
    "engine_status": [
        *[(text, ()) for text in ("idle", "IDLE", "Moving", " moving ", "mOvInG")],
        *[(text, (STATUS,)) for text in (None, "", "flying", "moving idle", "moving\t", "\u0131dle", "off", "0", "unknown")],
    ],
    "fuel_level": [
        *[(text, ()) for text in ("0", "100", "-0", "1e1", "0.000001")],
        *[(text, (FUEL,)) for text in (*NOT_NUMBERS, "100.1", "-0.1", "101", "-5", "1e3")],
    ],
}  # fmt: skip
BUS = {**SOUND, "timestamp": "2015-03-18T13:02:41-05:00", "engine_status": None, "fuel_level": None}
BUSES: list[tuple[dict[str, str | None], tuple[str, ...]]] = [
    ({"speed": "62.13"}, ()),
    ({"speed": "62.14"}, (FAST,)),
    ({"timestamp": "2015-09-06T23:59:59-05:00", "speed": "62"}, ()),
    ({"timestamp": "2015-09-07T00:00:00-05:00"}, (NO_SPEED,)),
    ({"timestamp": "2015-12-29T23:59:59-06:00"}, (NO_SPEED,)),
    ({"timestamp": "2015-12-30T00:00:00-06:00", "speed": "27.7"}, ()),
    ({"timestamp": "2015-12-30T00:00:00-06:00", "speed": "27.8"}, (FAST,)),
    ({"timestamp": "2016-05-30T09:17:15-05:00", "speed": "2.2352"}, ()),
    ({"timestamp": "2016-05-30 09:17:15"}, (NO_INSTANT, FAST)),
    ({"timestamp": "2016-05-30 09:17:15", "speed": "5"}, (NO_INSTANT,)),
    ({"timestamp": None}, (NO_INSTANT, NO_SPEED)),
    ({"lat": "0.0", "lon": "0.0", "speed": "0.0"}, (NO_LAT,)),
    ({"engine_status": "flying", "fuel_level": "900"}, ()),
]


def records() -> Iterator[dict[str, Any]]:
    """Each record with its verdict."""
    yield verdict("telemetry", SOUND, ())
    for name, values in VALUES.items():
        for text, reasons in values:
            yield verdict("telemetry", {**SOUND, name: text}, reasons)
    # Unknown vehicles have no maximum to exceed.
    for name, values in VALUES.items():
        for text, reasons in values[::5]:
            kept = [reason for reason in reasons if reason != FAST]
            yield verdict("telemetry", {**SOUND, name: text}, (*kept, UNKNOWN), known=False)
    for one, other in itertools.combinations(VALUES, 2):
        for (a, of_a), (b, of_b) in zip(VALUES[one][1::2], VALUES[other][1::2], strict=False):
            if {one, other} != {"lat", "lon"}:
                yield verdict("telemetry", {**SOUND, one: a, other: b}, (*of_a, *of_b))
    for lat, lon in itertools.product(("0", "-0", "0.000", "0e5", ".0"), ("0", "+0", "-0.0")):
        yield verdict("telemetry", {**SOUND, "lat": lat, "lon": lon}, (NO_LAT,))
    for lat, lon in (("0", "0.0000001"), ("1e-9", "0"), ("0", "-73.9")):
        yield verdict("telemetry", {**SOUND, "lat": lat, "lon": lon}, ())
    yield verdict("telemetry", {**SOUND, "lat": "0", "lon": "east"}, (NO_LON,))
    yield verdict("telemetry", {**SOUND, "lat": "north", "lon": "0"}, (NO_LAT,))
    yield verdict("telemetry", dict.fromkeys(SOUND), (NO_VEHICLE, NO_INSTANT, NO_LAT, NO_LON,
                                                      NO_SPEED, UNKNOWN, STATUS, FUEL))  # fmt: skip
    line = verdict("telemetry", SOUND, (MAXIMUM,))
    yield {**line, "vehicle": {**VEHICLE, "max_speed_kmh": 500.5}}
    undated = {**SOUND, "timestamp": "2099-12-31 23:59:59"}
    yield verdict("telemetry", undated, (), delivered_on=None)
    for change, reasons in BUSES:
        yield verdict("capmetro", {**BUS, **change}, reasons)


def verdict(
    layout: str,
    record: dict[str, str | None],
    reasons: tuple[str, ...],
    known: bool = True,
    delivered_on: str | None = "2026-10-02",
) -> dict[str, Any]:
    # A file's empty field is no text.
    told = {name: text or None for name, text in record.items()}
    is_known = known and told["vehicle_id"] is not None
    ordered = [reason for reason in ORDER if reason in reasons]
    return {
        "layout": layout,
        "delivered_on": delivered_on,
        "record": told,
        "vehicle": VEHICLE if is_known else None,
        "reasons": ordered,
    }


if __name__ == "__main__":
    for line in records():
        sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
