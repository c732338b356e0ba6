"""Files of events on this disk."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, BinaryIO

from strata.errors import UsageError
from strata.fs import location
from strata.fs.local import (
    RawFile,
    delivery_date,
    list_local_place,
    local_path,
    of_another_delivery,
)
from strata.light.fixes import FIELDS
from strata.light.local.block import Block, blocks
from strata.light.look import Look, look
from strata.light.quick import Quick
from strata.light.source import layouts, quick_judge


@dataclass(frozen=True)
class Source:
    """One raw file of events, looked at."""

    uri: str
    seen: Look

    def blocks(self, fields: Sequence[str] = FIELDS) -> Iterator[Block]:
        """The file's records in its order, these fields of them."""
        return blocks(self.open_at, self.seen, layouts()[self.seen.layout], fields)

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
    """The files of events at these places, by path; the same bytes are one file in a delivery.

    BadFile for a file that cannot be read safely.
    """
    known, found = list(layouts().values()), dict[str, Source]()
    for file in listed(places):
        seen = look(partial(open_local, file.uri), file.path, known)
        first, day = found.get(seen.sha256), delivery_date(file.path)
        if first and first.delivered_on != day:
            seen = replace(seen, sha256=of_another_delivery(seen.sha256, day))
        found.setdefault(seen.sha256, Source(file.uri, seen))
    return list(found.values())
