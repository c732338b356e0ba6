"""Files of this disk as the serverless path reads them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache, partial
from operator import itemgetter
from typing import Any, BinaryIO

from strata.declare.layout import Layout
from strata.declare.source_contract import load_layouts
from strata.errors import UsageError
from strata.fs import location
from strata.fs.local import RawFile, delivery_date, list_local_place, local_path
from strata.light import records
from strata.light.fixes import FIELDS, Quick, judge_of
from strata.light.records import Batch, Look


@dataclass(frozen=True)
class Source:
    """One raw file of events, looked at."""

    uri: str
    seen: Look

    def batches(self) -> Iterator[Batch]:
        """The file's records in its order."""
        return records.read(self.open_at, self.seen)

    def open_at(self, start: int) -> Any:
        """Its bytes from this one on."""
        return open_local(self.uri, start)

    @cached_property
    def delivered_on(self) -> dt.date | None:
        """The date in the file's path; None without one."""
        return delivery_date(self.seen.path)

    @cached_property
    def judge(self) -> Quick:
        """The judge of its records."""
        return quick_judge(self.seen.layout, self.delivered_on)

    def keys(self, rows: Sequence[Sequence[str]]) -> list[int]:
        """Of each row of `FIELDS`, the hash of its vehicle and instant."""
        texts: Sequence[Any] = [row[1] for row in rows]
        if not (self._is_plain and {text[10:11] + text[19:] for text in texts} == {" "}):
            texts = list(map(self._instant, texts))
        return list(map(hash, zip([row[0] for row in rows], texts, strict=True)))

    @cached_property
    def _is_plain(self) -> bool:
        return self.judge.offset == "Z"

    def _instant(self, text: str) -> Any:
        """What tells an instant from others: the text itself where it is of the usual form, for
        then no other text of that form tells the same instant."""
        if self._is_plain and len(text) == 19 and text[10] == " ":
            return text
        at = self.judge.instant(text)
        if at is None or at.microsecond or not self._is_plain:
            return at
        return at.isoformat(" ")[:19]

    @cached_property
    def pick(self) -> Any:
        """Takes `FIELDS` out of a record's fields."""
        return picker(layouts()[self.seen.layout], self.seen.header)


@lru_cache(maxsize=4)
def quick_judge(layout: str, delivered_on: dt.date | None) -> Quick:
    """The judge of files of one layout and delivery: what it remembers holds for all of them."""
    return Quick(judge_of(layouts()[layout].constants, delivered_on))


@cache
def layouts() -> dict[str, Layout]:
    """The layouts of events, by name."""
    return {item.name: item for item in load_layouts("fleet") if item.source == "events"}


def picker(layout: Layout, header: Sequence[str]) -> Any:
    """A function from a record's fields to `FIELDS`; what the file lacks is empty."""
    names = {field.column: field.name for field in layout.fields}
    places = [header.index(names[c]) if names.get(c) in header else None for c in FIELDS]
    if places == list(range(len(header))):
        return lambda fields: fields
    there = [place for place in places if place is not None]
    missing = ("",) * (len(FIELDS) - len(there))
    if places[: len(there)] == there:
        take = itemgetter(*there)
        return lambda fields: take(fields) + missing
    return lambda fields: tuple("" if p is None else fields[p] for p in places)


@contextmanager
def open_local(uri: str, start: int) -> Iterator[BinaryIO]:
    """A file of this disk from a byte on."""
    with open(local_path(uri), "rb") as file:
        file.seek(start)
        yield file


def listed(places: Sequence[str]) -> list[RawFile]:
    """The files at these places. UsageError for another store than a disk, and for none."""
    far = [place for place in places if not location.parse(place).is_local]
    if far:
        raise UsageError(f"files of this disk are read here; copy what lies at {', '.join(far)}")
    found = [file for place in places for file in list_local_place(place)]
    if not found:
        raise UsageError(f"some file must lie at {', '.join(places)}; there is none")
    return found


def event_files(places: Sequence[str]) -> list[Source]:
    """The files of events at these places, by path; the same bytes are one file.

    BadFile for a file that cannot be read safely.
    """
    known, found = list(layouts().values()), dict[str, Source]()
    for file in listed(places):
        seen = records.look(partial(open_local, file.uri), file.path, known)
        found.setdefault(seen.sha256, Source(file.uri, seen))
    return list(found.values())
