"""What is known of each vehicle now, read from its metadata by the rules of
`silver.fleet_vehicles`."""

from __future__ import annotations

import datetime as dt
import json
import zoneinfo
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from strata.declare.layout import Layout, match_layout
from strata.declare.source_contract import load_layouts
from strata.declare.suite import load_suite
from strata.errors import BadFile
from strata.light.fixes import Vehicle, parse_number
from strata.light.rules import row_rules
from strata.raw.fit import check_fit

TABLE = "silver.fleet_vehicles"
_COLUMNS = ("vehicle_id", "max_speed_kmh", "depot_lat_deg", "depot_lon_deg")
_NUMBERS = ("max_speed", "depot_lat", "depot_lon")
_MEMBER = "*"
_SPACE = " \t\r\n"
_MOST = 1 << 20

State = tuple[float, float, float, str | None, str | None]
"""Maximum, depot, service region, time zone."""


class Days:
    """What was told of each vehicle, by the date of its delivery.

    Most vehicles are told of on one day: theirs is one tuple.
    """

    def __init__(self) -> None:
        self._told: dict[str, Any] = {}
        self._same: dict[Any, Any] = {}

    def add(self, vehicle: str, day: dt.date, state: State) -> None:
        """Notes one record. Records of one day that differ leave the day without a state."""
        share = self._same.setdefault
        kept = (share(day, day), *(share(value, value) for value in state))
        held = self._told.setdefault(vehicle, kept)
        if held == kept:
            return
        days = held if isinstance(held, dict) else {held[0]: held[1:]}
        days[day] = kept[1:] if days.get(day, kept[1:]) == kept[1:] else None
        self._told[vehicle] = days

    def current(self) -> Iterator[tuple[str, Vehicle]]:
        """Each vehicle with the state of its newest day whose sound records agree. Forgets the
        days as it goes."""
        while self._told:
            vehicle, held = self._told.popitem()
            state = newest(held) if isinstance(held, dict) else held[1:]
            if state:
                yield vehicle, Vehicle(*state[:3])


def newest(days: Mapping[dt.date, State | None]) -> State | None:
    """The state of the newest day that has one."""
    agreed = [day for day, state in days.items() if state is not None]
    return days[max(agreed)] if agreed else None


def states(blocks: Iterable[str], path: str) -> Iterator[tuple[str, State]]:
    """What each sound record of a file of metadata says of its vehicle.

    BadFile where the file is no JSON of a known layout.
    """
    rules, zones = row_rules(load_suite(TABLE), _COLUMNS), zoneinfo.available_timezones()
    known = [item for item in load_layouts("fleet") if item.source == "vehicles"]
    layout: Layout | None = None
    try:
        for name, told in _objects(blocks):
            if not isinstance(told, dict):
                continue
            if layout is None:
                of_kind = [
                    x for x in known if (x.options.get("records") == _MEMBER) == (name is not None)
                ]
                names = {*told, *([] if name is None else [_MEMBER])}
                layout = match_layout(names, of_kind)
                check_fit(names, layout)
            vehicle = (text_of(told.get("vehicle_id")) if name is None else name) or None
            row: dict[str, Any] = dict(
                zip(
                    _COLUMNS,
                    (vehicle, *(parse_number(text_of(told.get(n))) for n in _NUMBERS)),
                    strict=True,
                )
            )
            zone = _trimmed(told.get("time_zone"))
            is_nowhere = row["depot_lat_deg"] == 0 and row["depot_lon_deg"] == 0
            is_sound = not is_nowhere and not rules.broken_by(row)
            if is_sound and (zone is None or zone in zones):
                values = tuple(row.values())
                yield values[0], (*values[1:], _trimmed(told.get("service_region")), zone)
    except (json.JSONDecodeError, BadFile) as error:
        raise BadFile(
            f"{path}: metadata must be JSON of a known layout: {error}", path=path
        ) from None


def text_of(value: Any) -> str | None:
    """A JSON value as bronze keeps it: a string itself, a number its digits, None for null."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _trimmed(value: Any) -> str | None:
    return (text_of(value) or "").strip(" ") or None


# --- JSON, one record at a time ------------------------------------------------------------------


def _objects(blocks: Iterable[str]) -> Iterator[tuple[str | None, Any]]:
    """The members of one object of objects, with their names; else the values of an array or of
    JSON Lines."""
    window = _Window(blocks)
    if window.next() == "[":
        window.take()
        yield from ((None, value) for value in _values(window, "]"))
        return
    held = window.value_if_flat()
    if held is not None:
        yield None, held
        yield from ((None, value) for value in _values(window, ""))
        return
    window.take()
    while window.next() not in ("}", ""):
        name = window.value()
        window.expect(":")
        value = window.value()
        yield name, value
        if window.next() == ",":
            window.take()
    window.expect("}")


def _values(window: _Window, end: str) -> Iterator[Any]:
    while window.next() not in (end, ""):
        yield window.value()
        if window.next() == ",":
            window.take()
    if end:
        window.expect(end)


class _Window:
    """A part of the text, moved on value by value."""

    def __init__(self, blocks: Iterable[str]) -> None:
        self._blocks, self._text, self._place = iter(blocks), "", 0
        # A number keeps its digits; a name that stands twice makes its object none.
        self._decode = json.JSONDecoder(
            parse_float=str, parse_int=str, parse_constant=lambda _: None, object_pairs_hook=_once
        ).raw_decode

    def next(self) -> str:
        """The next character that is no space; empty at the end."""
        while True:
            while self._place < len(self._text):
                if self._text[self._place] not in _SPACE:
                    return self._text[self._place]
                self._place += 1
            if not self._more():
                return ""

    def take(self) -> None:
        """Passes over the next character."""
        self._place += 1

    def expect(self, mark: str) -> None:
        """Passes over this character, which must come next."""
        if self.next() != mark:
            raise json.JSONDecodeError(
                f"{mark!r} must stand here", self._text[-80:], len(self._text[-80:])
            )
        self.take()

    def value(self) -> Any:
        """The next value."""
        self.next()
        while True:
            try:
                value, end = self._decode(self._text, self._place)
            except json.JSONDecodeError:
                if len(self._text) - self._place > _MOST or not self._more():
                    raise
                continue
            # A number may go on behind the text at hand.
            if end < len(self._text) or not self._more():
                self._place = end
                return value

    def value_if_flat(self) -> Any:
        """The first object, if its first value is none: then it is a record, not a map of them."""
        place = self._place
        self.take()
        if self.next() != '"':
            self._place = place
            return None
        self.value()
        self.expect(":")
        is_map, self._place = self.next() == "{", place
        return None if is_map else self.value()

    def _more(self) -> bool:
        block = next(self._blocks, "")
        keep = self._place
        if block and keep > 1 << 16:
            self._text, self._place = self._text[keep:], 0
        self._text += block
        return bool(block)


def _once(pairs: Sequence[tuple[str, Any]]) -> Any:
    found = dict(pairs)
    return found if len(found) == len(pairs) else None
