"""A record of GPS events as the values that `silver.fleet_fixes` is judged by.

The twin, in plain Python, of `strata.feeds.fleet.values` and of the typing in
`strata.feeds.fleet.fixes`; a file of records with their verdicts holds both to it. A verdict
follows from the record, its vehicle, and what stands before the first row is read: the layout, the
date of the delivery, and the parameter `not_after`.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from strata.declare.suite import load_suite
from strata.light.rules import RowRules, row_rules

TABLE = "silver.fleet_fixes"
FIELDS = ("vehicle_id", "timestamp", "lat", "lon", "speed", "engine_status", "fuel_level")
"""The bronze columns of a record, in the order in which rows are handed about here."""
COLUMNS = ("vehicle_id", "fixed_at", "lat_deg", "lon_deg", "speed_kmh", "engine_status",
           "fuel_level_pct", "latest_at", "max_speed_kmh")  # fmt: skip
"""What a record is judged by; the table's other columns are computed of sound ones."""
NOT_AFTER = dt.date(2100, 1, 1)
"""The default of the batch feed's parameter."""
MOVING_KMH = 3.0
"""A vehicle whose layout tells no status moves from this speed on; `strata.feeds.fleet.days`."""

IS_NUMBER = re.compile(
    r"[+-]?(?:[0-9]{1,15}(?:[.][0-9]{0,20})?|[.][0-9]{1,20})(?:[eE][+-]?[0-9]{1,2})?"
).fullmatch
_INSTANT = re.compile(
    r"((?:19[89][0-9]|20[0-9]{2})-[01][0-9]-[0-3][0-9])"
    r"[ T]((?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9])"
    r"(?:[.]([0-9]{1,6}))?(?:Z|([+-])(0[0-9]|1[0-4]):([0-5][0-9]))"
)
_KMH_OF = {"km/h": 1.0, "m/s": 3.6, "mph": 1.609344}
_UTC = dt.timezone.utc


@dataclass(frozen=True, slots=True)
class Vehicle:
    """What is known of one vehicle now."""

    max_speed_kmh: float
    depot_lat_deg: float
    depot_lon_deg: float


class Fix(NamedTuple):
    """A sound record."""

    vehicle_id: str
    fixed_at: dt.datetime
    lat_deg: float
    lon_deg: float
    speed_kmh: float
    engine_status: str | None
    fuel_level_pct: float | None

    @property
    def content(self) -> tuple[Any, ...]:
        """What it says beside its vehicle and instant."""
        return self[2:]


@dataclass(frozen=True)
class Judge:
    """Types records of one file and judges them."""

    constants: Mapping[str, str]
    """What the file's layout says of every record: unit of speed, offset, statuses."""
    latest_at: dt.datetime
    """No fix of the file may be at this instant or later."""
    rules: RowRules

    def typed(self, record: Mapping[str, str | None], vehicle: Vehicle | None) -> dict[str, Any]:
        """The values of a record: bronze text by bronze column, empty text being None."""
        lat, lon = parse_number(record.get("lat")), parse_number(record.get("lon"))
        factor = self.kmh_factor(record.get("timestamp") or "")
        return {
            "vehicle_id": record.get("vehicle_id") or None,
            "fixed_at": self.instant(record.get("timestamp")),
            # Receivers write 0, 0 for no position.
            "lat_deg": None if lat == 0 and lon == 0 else lat,
            "lon_deg": lon,
            "speed_kmh": self.speed(record.get("speed"), factor),
            "engine_status": self.status(record.get("engine_status")),
            "fuel_level_pct": self.fuel(record.get("fuel_level")),
            "latest_at": self.latest_at,
            "max_speed_kmh": None if vehicle is None else vehicle.max_speed_kmh,
        }

    def reasons(self, typed: Mapping[str, Any]) -> tuple[str, ...]:
        """Why a typed record is rejected; empty where it is sound."""
        return self.rules.broken_by(typed)

    def instant(self, text: str | None) -> dt.datetime | None:
        """The instant that a record tells, by its layout; None where it tells none."""
        if not text:
            return None
        if not (text.endswith("Z") or text[-6:-5] in ("+", "-")):
            text += self.constants.get("offset_if_none", "")
        return parse_instant(text)

    def kmh_factor(self, timestamp: str) -> float | None:
        """How many km/h the unit of speed is on the record's own day; None where none is told."""
        told, day = self.constants, timestamp[:10]
        until, since = told.get("speed_unit_until"), told.get("later_speed_unit_from")
        if until is None or (day and day <= until):
            return _KMH_OF.get(told["speed_unit"])
        if since is not None and day >= since:
            return _KMH_OF.get(told["later_speed_unit"])
        return None

    def speed(self, text: str | None, factor: float | None) -> float | None:
        """A speed in km/h."""
        told = parse_number(text)
        return None if told is None or factor is None else told * factor

    def status(self, text: str | None) -> str | None:
        """The state of the engine; `unknown` where the layout knows no such, None without any."""
        if "statuses" not in self.constants:
            return None
        told = (text or "").strip(" ").lower()
        return told if told in self.constants["statuses"].split(" ") else "unknown"

    def fuel(self, text: str | None) -> float | None:
        """The fuel level in %; NaN where it is no number, None where the layout tells none."""
        if "statuses" not in self.constants:
            return None
        level = parse_number(text)
        return math.nan if level is None else level


def judge_of(
    constants: Mapping[str, str], delivered_on: dt.date | None, not_after: dt.date = NOT_AFTER
) -> Judge:
    """The judge of a file's records, by its layout's constants and the date of its delivery."""
    bound = _begin(not_after)
    if delivered_on is not None:
        bound = min(bound, _begin(delivered_on) + dt.timedelta(days=2))
    return Judge(constants, bound, row_rules(load_suite(TABLE), COLUMNS))


def _begin(day: dt.date) -> dt.datetime:
    return dt.datetime(day.year, day.month, day.day, tzinfo=_UTC)


def parse_number(text: str | None) -> float | None:
    """A finite float from decimal notation; None for anything else. -0 is 0."""
    return float(text) + 0.0 if text and IS_NUMBER(text) else None


def parse_instant(text: str) -> dt.datetime | None:
    """The instant of ISO 8601 text with an offset, in UTC; None for anything else."""
    found = _INSTANT.fullmatch(text)
    if not found:
        return None
    if len(text) == 20:
        return _whole(f"{text[:19]}+00:00")
    day, time, fraction, sign, hours, minutes = found.groups()
    try:
        local = dt.datetime.fromisoformat(f"{day}T{time}")
    except ValueError:
        return None
    local = local.replace(microsecond=int((fraction or "").ljust(6, "0")), tzinfo=_UTC)
    ahead = dt.timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    return local + ahead if sign == "-" else local - ahead


def _whole(text: str) -> dt.datetime | None:
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError:
        return None


def instant_text(at: dt.datetime) -> str:
    """An instant as text: ISO 8601, `Z`, a fraction only where there is one."""
    return at.isoformat().replace("+00:00", "Z")
