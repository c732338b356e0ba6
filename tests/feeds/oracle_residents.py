"""The residents feed once more, in plain Python over the raw files; nothing of the library is used.

Written from the contracts' descriptions: people by e-mail address, one after the other, in the
order of their dates.
"""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import hmac
import itertools
import json
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

UNDATED, OPEN = dt.date(1900, 1, 1), dt.date(9999, 12, 31)


@dataclass(frozen=True)
class State:
    """What one record tells of its person."""

    is_resident: bool
    identity: tuple[str | None, ...] = ()
    sex: str | None = None
    birth_year: int | None = None
    place: str | None = None
    """The postcode in its standard form, an outward code, `` for none, or the text itself where it
    is neither.
    """


@dataclass(frozen=True)
class Period:
    """A row of silver.residents_people."""

    start: dt.date
    end: dt.date
    state: State
    authority: str | None
    unplaced: str | None


# --- people's histories: the reference model -----------------------------------------------------


def periods(statements: Iterable[tuple[dt.date, State]], place_of: Any) -> list[Period]:
    """A person's periods from all that was ever said of the person, in any order."""
    said: dict[dt.date, set[State]] = defaultdict(set)
    for date, state in statements:
        said[date].add(state)
    found: list[Period] = []
    for date in sorted(date for date, states in said.items() if len(states) == 1):
        (state,) = said[date]
        authority, unplaced = place_of(state)
        if found and _shown(found[-1]) == (
            state.is_resident,
            state.identity,
            state.sex,
            state.birth_year,
            authority,
            unplaced,
        ):
            continue
        if found:
            found[-1] = Period(
                found[-1].start, date, found[-1].state, found[-1].authority, found[-1].unplaced
            )
        found.append(Period(date, OPEN, state, authority, unplaced))
    return found


def _shown(period: Period) -> tuple[Any, ...]:
    state = period.state
    return (
        state.is_resident,
        state.identity,
        state.sex,
        state.birth_year,
        period.authority,
        period.unplaced,
    )


# --- raw files -----------------------------------------------------------------------------------


def _delivered(path: Path) -> dt.date | None:
    match = re.search(r"delivery=(\d{4}-\d{2}-\d{2})", str(path))
    return dt.date.fromisoformat(match[1]) if match else None


def _objects(path: Path) -> Iterator[dict[str, Any]]:
    text, decode, place = path.read_text(encoding="utf-8"), json.JSONDecoder().raw_decode, 0
    while place < len(text):
        if text[place].isspace():
            place += 1
            continue
        try:
            found, place = decode(text, place)
        except json.JSONDecodeError:
            # Only a file of lines may hold one that is no JSON.
            place = text.index("\n", place)
            continue
        yield found


def _plain(text: str | None) -> str:
    hidden = re.sub("[\u200b\u00ad]", "", unicodedata.normalize("NFKC", text or ""))
    return " ".join(unicodedata.normalize("NFKC", hidden.casefold()).split())


def statements(users: Path) -> dict[str, list[tuple[dt.date, State]]]:
    """What each e-mail address's records tell, with their dates; records without an address are
    left out.
    """
    found: dict[str, list[tuple[dt.date, State]]] = defaultdict(list)
    for path in sorted(
        p for p in users.rglob("*") if p.is_file() and not p.name.startswith("refused")
    ):
        for record in _objects(path):
            address = _plain(record.get("email")).replace(" ", "")
            is_odd = record.get("deleted") not in (None, True, False) or not re.fullmatch(
                r"(\d{4}-\d\d-\d\d)?", record.get("asOf") or ""
            )
            if re.fullmatch("[^@]+@[^@]+", address) and not is_odd:
                date = (
                    dt.date.fromisoformat(record["asOf"])
                    if record.get("asOf")
                    else _delivered(path) or UNDATED
                )
                found[address].append((date, _state(record)))
    return found


def _state(record: dict[str, Any]) -> State:
    if record.get("deleted") is True:
        return State(False)
    born = record.get("dateOfBirth") or ""
    told = record.get("sex")
    sex = {"f": "F", "female": "F", "m": "M", "male": "M"}.get(
        _plain(told) if isinstance(told, str) else "", "unknown"
    )
    identity = tuple(
        _plain(record.get(name)) or None for name in ("givenName", "familyName", "dateOfBirth")
    )
    address = record.get("address")
    place = address.get("postcode") or "" if isinstance(address, dict) else ""
    return State(
        True,
        identity,
        sex,
        int(born[:4]) if re.fullmatch(r"\d{4}-\d\d-\d\d", born) else None,
        _postcode(place),
    )


def _postcode(text: str) -> str:
    """`EH13 9DJ`, `EH13`, or the text itself. A plainer rule than the library's, and enough for
    what the tests hold.
    """
    plain = re.sub(r"\s", "", text).upper()
    if re.fullmatch(r"[A-Z]{1,2}[0-9][0-9A-Z]?[0-9][A-Z]{2}", plain):
        return f"{plain[:-3]} {plain[-3:]}"
    return plain if re.fullmatch(r"[A-Z]{1,2}[0-9][0-9A-Z]?", plain) or not plain else text


class Lookup:
    """Postcodes and names of authorities from the raw files."""

    def __init__(self, postcodes: Path, authorities: Path) -> None:
        self.names: dict[str, str] = {}
        for path in authorities.rglob("*.json"):
            self.names |= json.loads(path.read_text(encoding="utf-8"))
        self.places: dict[str, tuple[str, bool]] = {}
        for path in sorted(
            postcodes.rglob("*.csv"), key=lambda path: _delivered(path) or dt.date.min
        ):
            self.places |= dict(_places(path))

    def place_of(self, state: State) -> tuple[str | None, str | None]:
        """Code of the authority, or why there is none."""
        if not state.is_resident:
            return None, None
        place = state.place or ""
        area = next(
            (name for start, name in _TERRITORIES.items() if re.match(f"{start}[0-9]", place)), None
        )
        code, is_terminated = self.places.get(place, (None, False))
        if not place.strip():
            return None, "postcode_missing"
        if not re.fullmatch(r"[A-Z]{1,2}[0-9][0-9A-Z]?( [0-9][A-Z]{2})?", place):
            return None, "postcode_malformed"
        if is_terminated:
            return None, "postcode_terminated"
        if code:
            return code, None
        return None, area or ("postcode_outward_only" if " " not in place else "postcode_unknown")


_TERRITORIES = {
    "BT": "northern_ireland",
    "GY": "channel_islands",
    "JE": "channel_islands",
    "IM": "isle_of_man",
}


def _places(path: Path) -> Iterator[tuple[str, tuple[str, bool]]]:
    """Postcode, its authority, and whether it is terminated; of either layout."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        for row in csv.reader(file):
            if row[0] == "X":
                columns = {name: number for number, name in enumerate(row)}
            elif len(row) == 10:
                yield _postcode(row[0]), (row[8], False)
            else:
                yield (
                    _postcode(row[columns["pcds"]]),
                    (row[columns["laua"]], bool(row[columns["doterm"]])),
                )


# --- the published tables ------------------------------------------------------------------------


def people(raw: Path) -> dict[str, list[Period]]:
    """silver.residents_people by e-mail address."""
    lookup = Lookup(raw / "postcodes", raw / "authorities")
    found = {
        address: periods(told, lookup.place_of)
        for address, told in statements(raw / "users").items()
    }
    return {address: own for address, own in found.items() if own}


def held(histories: dict[str, list[Period]], day: dt.date) -> list[Period]:
    """The residents' periods that hold on the day."""
    return [
        p
        for own in histories.values()
        for p in own
        if p.start <= day < p.end and p.state.is_resident
    ]


_BANDS = {"people_0_15": 15, "people_16_24": 24, "people_25_34": 34, "people_35_44": 44, "people_45_54": 54, "people_55_64": 64,
          "people_65_74": 74, "people_75_plus": 130}  # fmt: skip
_SEXES = {"F": "people_f", "M": "people_m", "unknown": "people_sex_unknown"}


def by_authority(histories: dict[str, list[Period]], day: dt.date) -> dict[str, Counter[str]]:
    """gold.residents_by_authority_internal: figures that are not zero, by authority or reason."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for period in held(histories, day):
        born = period.state.birth_year
        age = -1 if born is None else day.year - born
        band = next(
            (name for name, last in _BANDS.items() if 0 <= age <= last), "people_age_unknown"
        )
        found[period.authority or str(period.unplaced)].update(
            ["people", _SEXES[str(period.state.sex)], band]
        )
    return found


def moves(histories: dict[str, list[Period]]) -> dict[tuple[str, str], tuple[int, int]]:
    """Moves, and people who moved, by pair of authorities."""
    counted: Counter[tuple[str, str]] = Counter()
    movers: dict[tuple[str, str], set[str]] = defaultdict(set)
    for address, own in histories.items():
        for one, other in itertools.pairwise(own):
            if one.authority and other.authority and one.authority != other.authority:
                counted[one.authority, other.authority] += 1
                movers[one.authority, other.authority].add(address)
    return {pair: (count, len(movers[pair])) for pair, count in counted.items()}


def by_age_and_sex(histories: dict[str, list[Period]], day: dt.date) -> Counter[tuple[str, str]]:
    """Residents on the day by band, as the columns of the table by authority name them, and sex."""
    found: Counter[tuple[str, str]] = Counter()
    for period in held(histories, day):
        (band,) = (
            n for n in _figures_of(period, day) if n[7:8].isdigit() or n.endswith("age_unknown")
        )
        label = (
            "unknown"
            if band.endswith("unknown")
            else band.removeprefix("people_").replace("_", "-")
        )
        found[label, str(period.state.sex)] += 1
    return found


def _figures_of(period: Period, day: dt.date) -> list[str]:
    (figures,) = by_authority({"": [period]}, day).values()
    return list(figures)


def moves_by_month(histories: dict[str, list[Period]]) -> dict[dt.date, tuple[int, int]]:
    """Moves, and people who moved, by the first day of the month."""
    counted: Counter[dt.date] = Counter()
    movers: dict[dt.date, set[str]] = defaultdict(set)
    for address, own in histories.items():
        for one, other in itertools.pairwise(own):
            if one.authority and other.authority and one.authority != other.authority:
                month = other.start.replace(day=1)
                counted[month] += 1
                movers[month].add(address)
    return {month: (count, len(movers[month])) for month, count in counted.items()}


# --- pseudonyms ----------------------------------------------------------------------------------


def pseudonym(key: str, key_id: str, purpose: str, text: str) -> str:
    """HMAC-SHA-256 with the key that HMAC-SHA-256 makes of the purpose; in front, the key's id and
    check.
    """

    def mac(own: bytes, message: str) -> bytes:
        return hmac.new(own, message.encode(), hashlib.sha256).digest()

    check = mac(key.encode(), "check of the key").hex()[:6]
    return f"{key_id}.{check}:{mac(mac(key.encode(), purpose), text).hex()}"
