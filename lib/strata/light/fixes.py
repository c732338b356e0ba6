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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from strata.declare.suite import load_suite
from strata.light.memo import Memo
from strata.light.rules import Numbered, RowRules, row_rules

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

_NUMBER = re.compile(
    r"[+-]?(?:[0-9]{1,15}(?:[.][0-9]{0,20})?|[.][0-9]{1,20})(?:[eE][+-]?[0-9]{1,2})?"
).fullmatch
_INSTANT = re.compile(
    r"((?:19[89][0-9]|20[0-9]{2})-[01][0-9]-[0-3][0-9])"
    r"[ T]((?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9])"
    r"(?:[.]([0-9]{1,6}))?(?:Z|([+-])(0[0-9]|1[0-4]):([0-5][0-9]))"
)
_KMH_OF = {"km/h": 1.0, "m/s": 3.6, "mph": 1.609344}
_UTC = dt.timezone.utc
_NOWHERE = (math.inf, -math.inf)


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


class Sound:
    """Sound records of one batch, column by column, each with its place in the batch."""

    __slots__ = ("at", "kmh", "lat", "level", "lon", "name", "place", "status")

    def __init__(self) -> None:
        self.place: list[int] = []
        self.name: list[str] = []
        self.at: list[dt.datetime] = []
        self.lat: list[float] = []
        self.lon: list[float] = []
        self.kmh: list[float] = []
        self.status: list[str | None] = []
        self.level: list[float | None] = []

    def fixes(self) -> Iterator[tuple[int, Fix]]:
        """The place and the fix of each."""
        columns = (self.name, self.at, self.lat, self.lon, self.kmh, self.status, self.level)
        return zip(self.place, map(Fix._make, zip(*columns, strict=True)), strict=True)

    def add(self, place: int, fix: Fix) -> None:
        """Adds one."""
        for name, value in zip(("place", *_COLUMNS), (place, *fix), strict=True):
            getattr(self, name).append(value)


_COLUMNS = ("name", "at", "lat", "lon", "kmh", "status", "level")
Rejected = tuple[int, tuple[str, ...]]
"""The place of a record in its batch, and why it is rejected."""


class Quick:
    """The verdicts of a `Judge`, each value and its verdict remembered by the record's text.

    Vehicles report at the same instants, and speeds, levels and statuses are few: of most records
    only the position is new. A rule is asked where its columns are known: of one field, or of all.
    """

    def __init__(self, judge: Judge) -> None:
        self._judge, rules = judge, judge.rules
        self._instant, self._speed = rules.among("fixed_at", "latest_at"), rules.among("speed_kmh")
        status, fuel = rules.among("engine_status"), rules.among("fuel_level_pct")
        of_both = rules.among("speed_kmh", "max_speed_kmh")
        self._limits = tuple(rule for rule in of_both if rule not in self._speed)
        self._own = rules.among("vehicle_id", "lat_deg", "lon_deg")
        told = (self._instant, self._speed, status, fuel, self._limits, self._own)
        self._others = rules.beside(told)
        self._at, self._limit = Memo(self._read_instant), Memo(self._ask_limits)
        self._engine = Memo(lambda text: _asked("engine_status", judge.status(text), status))
        self._level = Memo(lambda text: _asked("fuel_level_pct", judge.fuel(text), fuel))
        self._speeds: dict[float | None, Memo] = {}
        self._speeds_of = Memo(self._read_day)

    @property
    def offset(self) -> str:
        """The offset of a timestamp that tells none; empty where there must be one."""
        return self._judge.constants.get("offset_if_none", "")

    @cached_property
    def _box(self) -> tuple[float, float, float, float]:
        """South, north, west, east: a record with an id and a place within breaks no rule of its
        own; without extent where that cannot be said."""
        interval = self._judge.rules.interval
        lat, lon, has_id = interval("lat_deg"), interval("lon_deg"), interval("vehicle_id")
        if lat and lon and has_id and not self._others:
            return (*lat, *lon)
        return (*_NOWHERE, *_NOWHERE)

    def _read_instant(self, text: str) -> tuple[Any, Memo, tuple[int, ...]]:
        at = self._judge.instant(text)
        late = broken(self._instant, {"fixed_at": at, "latest_at": self._judge.latest_at})
        return at, self._speeds_of[text[:10]], late

    def _read_day(self, day: str) -> Memo:
        """The speeds of a day, by their texts: a layout's unit may change from day to day."""
        factor = self._judge.kmh_factor(day)
        if factor not in self._speeds:
            read, rules = self._judge.speed, self._speed
            self._speeds[factor] = Memo(lambda told: _asked("speed_kmh", read(told, factor), rules))
        return self._speeds[factor]

    def _ask_limits(self, key: tuple[float | None, float | None]) -> tuple[int, ...]:
        return broken(self._limits, {"speed_kmh": key[0], "max_speed_kmh": key[1]})

    def is_moving(self, row: Sequence[str]) -> bool:
        """Whether a record says that its vehicle moves, sound or not: by its status, else by its
        speed. The row has `FIELDS`."""
        status = self._engine[row[5]][0]
        if status is not None:
            return bool(status == "moving")
        speed = self._at[row[1]][1][row[4]][0]
        return speed is not None and speed >= MOVING_KMH

    def instant(self, text: str) -> dt.datetime | None:
        """The instant that a record's timestamp tells."""
        found: dt.datetime | None = self._at[text][0]
        return found

    def judge(self, row: Sequence[str], vehicle: Vehicle | None) -> Fix | tuple[str, ...]:
        """A sound record's fix, or the reasons why a record is rejected. The row has `FIELDS`."""
        sound, rejected = self.judge_all([row], lambda _: vehicle)
        return rejected[0][1] if rejected else next(sound.fixes())[1]

    def judge_all(
        self, rows: Iterable[Sequence[str]], known: Callable[[str], Vehicle | None]
    ) -> tuple[Sound, list[Rejected]]:
        """The sound ones of these rows of `FIELDS`, and the others with their reasons.

        Every record of a file passes this loop: so no call, no object and no dict for a sound one.
        """
        sound, rejected = Sound(), list[Rejected]()
        south, north, west, east = self._box
        number = _NUMBER
        at_of, engine, level_of, limit = self._at, self._engine, self._level, self._limit
        add = [getattr(sound, column).append for column in ("place", *_COLUMNS)]
        add_place, add_name, add_at, add_lat, add_lon, add_kmh, add_status, add_level = add
        for place, row in enumerate(rows):
            name, timestamp, lat_text, lon_text, speed_text, status_text, fuel_text = row
            vehicle = known(name)
            at, kmh_of, late = at_of[timestamp]
            kmh, wild = kmh_of[speed_text]
            status, odd = engine[status_text]
            level, empty = level_of[fuel_text]
            is_fine = vehicle and name and not (late or wild or odd or empty)
            if is_fine and number(lat_text) and number(lon_text):
                lat, lon = float(lat_text) + 0.0, float(lon_text) + 0.0
                is_there = south <= lat <= north and west <= lon <= east and (lat or lon)
                if is_there and not limit[kmh, vehicle.max_speed_kmh]:  # type: ignore[union-attr]
                    add_place(place)
                    add_name(name)
                    add_at(at)
                    add_lat(lat)
                    add_lon(lon)
                    add_kmh(kmh)
                    add_status(status)
                    add_level(level)
                    continue
            found = self._look_closely(row, vehicle)
            if isinstance(found, Fix):
                sound.add(place, found)
            else:
                rejected.append((place, found))
        return sound, rejected

    def _look_closely(self, row: Sequence[str], vehicle: Vehicle | None) -> Fix | tuple[str, ...]:
        """The verdict on one record by every rule."""
        typed = self._judge.typed(dict(zip(FIELDS, row, strict=True)), vehicle)
        reasons = self._judge.reasons(typed)
        return reasons or Fix(*[typed[name] for name in Fix._fields])


def _asked(column: str, value: Any, rules: Numbered) -> tuple[Any, tuple[int, ...]]:
    return value, broken(rules, {column: value})


def broken(rules: Numbered, row: Mapping[str, Any]) -> tuple[int, ...]:
    """The places of the rules that a row breaks."""
    return tuple([number for number, breaks in rules if breaks(row)])


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
    return float(text) + 0.0 if text and _NUMBER(text) else None


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
