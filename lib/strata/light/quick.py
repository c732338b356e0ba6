"""Verdicts on records one after the other, each value remembered by its text."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from strata.light.fixes import FIELDS, IS_NUMBER, MOVING_KMH, Fix, Judge, Vehicle
from strata.light.memo import Memo
from strata.light.rules import Numbered

_NOWHERE = (math.inf, -math.inf)


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

    def status(self, text: str) -> tuple[str | None, bool]:
        """The state of the engine that a text tells, and whether it keeps its own rules."""
        status, odd = self._engine[text]
        return status, not odd

    @property
    def needs_level(self) -> bool:
        """Whether a level tells something: where the layout has none, none keeps its own rules."""
        level, empty = self._level[""]
        return level is not None or bool(empty)

    @property
    def typing(self) -> Judge:
        """Types records, and has the rules."""
        return self._judge

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
        number = IS_NUMBER
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
