"""The layouts of events, and the judge of a file."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import cache, lru_cache
from operator import itemgetter
from typing import Any

from strata.declare.layout import Layout
from strata.declare.source_contract import load_layouts
from strata.light.fixes import FIELDS, judge_of
from strata.light.quick import Quick


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
