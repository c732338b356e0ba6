"""Which deliveries are whole, by the source contracts and the paths of the files in the ledger."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from datetime import date

from strata.declare.layout import Layout
from strata.fs.listing import says_whole
from strata.ledger.publication import FileEntry


def whole_days(
    layouts: Iterable[Layout], entries: Iterable[FileEntry]
) -> dict[str, tuple[date, ...]]:
    """What deliveries are of -> the days of those that are whole.

    A delivery of which a file was rejected is not whole, until a sound file has taken its place:
    what the rejected one holds would seem to have ended.
    """
    known = {(item.source, item.name): item for item in layouts}
    found: dict[str, set[tuple[str, date]]] = defaultdict(set)
    every = list(entries)
    held = {(entry.source, entry.path) for entry in every if entry.status != "rejected"}
    broken = {
        (entry.source, _folder_of(entry.path))
        for entry in every
        if entry.status == "rejected" and (entry.source, entry.path) not in held
    }
    for entry in every:
        layout = known.get((entry.source, entry.layout))
        if layout is None or entry.status != "taken" or entry.delivery_date is None:
            continue
        if not entry.records:
            continue  # An empty file is more likely a mistake than an empty stock.
        says = layout.whole or says_whole(entry.path)
        if says and (entry.source, _folder_of(entry.path)) not in broken:
            found[layout.whole_of].add((entry.source, entry.delivery_date))
    return {of: tuple(sorted({day for _, day in days})) for of, days in sorted(found.items())}


def _folder_of(path: str) -> str:
    """The delivery that a file belongs to: its path down to `delivery=…`."""
    folder = re.search(r"^(.*?delivery=[^/]*)/", path)
    return folder[1] if folder else ""
