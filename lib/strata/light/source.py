"""Raw files of the fleet as records, read as bronze is: looked at first, then a chunk at a time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

from strata.declare.layout import Layout
from strata.declare.source_contract import load_layouts
from strata.errors import BadFile, UsageError
from strata.fs import files
from strata.fs.files import RawFile
from strata.raw.look import Look, look_all
from strata.raw.read import Part, read_part

CHUNK_BYTES = 2 << 20
"""What is held of a file at once: small, for memory is what this path is about."""
UNPARSED = "the record does not parse by its layout"


@dataclass(frozen=True)
class Source:
    """One raw file, looked at."""

    seen: Look
    layout: Layout

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """The file's records in its order, with these bronze columns and `_record_number`,
        `_raw_record`."""
        for chunk in self.seen.chunks:
            yield from read_part(Part(self.seen, chunk, self.layout), columns)

    @cached_property
    def delivered_on(self) -> dt.date | None:
        """The date in the file's path; None without one."""
        return self.seen.delivery_date


def sources(places: Sequence[str], source: str) -> list[Source]:
    """The files at these places, by path and hash; the same bytes are one file.

    UsageError where nothing lies there; BadFile for a file that cannot be read safely.
    """
    layouts = [layout for layout in load_layouts("fleet") if layout.source == source]
    by_name = {layout.name: layout for layout in layouts}
    found: dict[str, Source] = {}
    for file in _listed(places):
        looked = look_all(file, layouts, CHUNK_BYTES)
        for _, error in looked.refused:
            raise BadFile(str(error), **error.facts)
        for seen in looked.looks:
            found.setdefault(seen.sha256, Source(seen, by_name[seen.layout]))
    return list(found.values())


def _listed(places: Sequence[str]) -> list[RawFile]:
    listed = [file for place in places for file in files.list_place(place)[0]]
    if not listed:
        raise UsageError(f"some file must lie at {', '.join(places)}; there is none")
    return listed
