"""What every format shares: limits, the plan of record-aligned chunks, and the shape of its
rows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from strata.declare.layout import Layout

CHUNK_BYTES = 32 << 20  # one task's share of a file
BLOCK_BYTES = 4 << 20  # one read
BATCH_RECORDS = 20_000  # most rows handed to Spark at once
MAX_COLUMNS = 2_000
LOOKED_AT = 50  # records whose values are asked whether they change a number beside them
MAX_FIELD_BYTES = 1 << 20  # a longer field makes its record one that did not parse
MAX_RECORD_BYTES = 16 << 20  # a longer record is never held in memory whole
KEPT_BYTES = 1 << 20  # what `_raw_record` keeps of such a record

RECORD_NUMBER, EXTRA, RAW_RECORD = "_record_number", "_extra", "_raw_record"


class NotUtf8(Exception):
    """The text stops being UTF-8 at a byte; raised once everything before that byte was given."""

    def __init__(self, offset: int) -> None:
        super().__init__(offset)
        self.offset = offset


@dataclass(frozen=True)
class Chunk:
    """Whole records that lie together: one task reads them."""

    start: int  # bytes into the (decompressed) file
    end: int
    first_record: int  # 1-based number, in the file, of the first record in it
    records: int


@dataclass(frozen=True)
class Scan:
    """What a format found in one file."""

    layout: Layout
    header: tuple[str, ...]
    records: int
    chunks: tuple[Chunk, ...]
    parser: str  # how the chunks are to be read, so that what was counted is what is read
    blank_lines: int = 0
    notes: tuple[str, ...] = ()
    crs: str = ""  # the coordinate system that the file names, as `EPSG:3035`; empty: none
    beside: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """What fields that the layout does not name hold in the first records."""
    taken_as_null: tuple[tuple[str, int], ...] = ()
    """How often a text that is no value of the format, as NaN in JSON, is taken as null, by bronze
    column, or by field where the layout names none; without names where people are told of.
    """


@dataclass
class Planner:
    """Counts records as they go by and cuts chunks between them."""

    chunk_bytes: int = CHUNK_BYTES
    records: int = 0
    start: int | None = None  # None until the data begin, behind the header
    _first: int = 0  # records before the open chunk
    _end: int = 0
    _chunks: list[Chunk] = field(default_factory=list)

    def begin(self, offset: int) -> None:
        """The data begin at this byte."""
        self.start = self._end = offset

    def add(self, ends: np.ndarray, is_record: np.ndarray) -> None:
        """Takes the ends of further lines, of which some are records and the others blank."""
        if not len(ends):
            return
        counts = self.records + np.cumsum(is_record)
        position = 0
        while True:
            assert self.start is not None, "begin comes first"
            cut = int(np.searchsorted(ends, self.start + self.chunk_bytes))
            # A chunk holds a record: blank lines alone wait for the next one.
            cut = max(cut, int(np.searchsorted(counts, self._first + 1)), position)
            if cut >= len(ends):
                break
            self._cut(int(ends[cut]), int(counts[cut]))
            position = cut + 1
        self.records = int(counts[-1])
        self._end = int(ends[-1])

    def add_record(self, start: int, end: int) -> None:
        """Takes one record of a format that finds them one by one."""
        if self.records == self._first:
            self.start = start
        self.records += 1
        self._end = end
        assert self.start is not None
        if end - self.start >= self.chunk_bytes:
            self._cut(end, self.records)

    def finish(self) -> tuple[Chunk, ...]:
        """All chunks; together they hold every record once."""
        if self.records > self._first:
            self._cut(self._end, self.records)
        return tuple(self._chunks)

    def _cut(self, end: int, records: int) -> None:
        assert self.start is not None
        self._chunks.append(Chunk(self.start, end, self._first + 1, records - self._first))
        self.start, self._first = end, records


def batch_schema(layout: Layout) -> pa.Schema:
    """The columns every format's `read` gives for a layout."""
    names = [(name, pa.string()) for name in layout.columns]
    own = [(RECORD_NUMBER, pa.int64()), (EXTRA, pa.string()), (RAW_RECORD, pa.string())]
    return pa.schema(names + own)


@dataclass(frozen=True)
class Row:
    """One record: its values by bronze column, or its whole text where it did not parse."""

    number: int
    size: int  # bytes it takes in the file
    values: dict[str, str | None] | None
    extra: str | None = None  # JSON of the fields that the layout does not name
    raw: str | None = None


def rows_batch(rows: Sequence[Row], layout: Layout) -> pa.RecordBatch:
    """Rows as a batch of the layout's columns."""
    none: dict[str, str | None] = {}
    values = [none if row.values is None else row.values for row in rows]
    arrays = [pa.array([v.get(f.column) for v in values], pa.string()) for f in layout.fields]
    arrays += constant_columns(
        layout, pa.array([row.values is not None for row in rows], pa.bool_())
    )
    arrays.append(pa.array([row.number for row in rows], pa.int64()))
    arrays.append(pa.array([row.extra for row in rows], pa.string()))
    arrays.append(pa.array([row.raw for row in rows], pa.string()))
    return pa.RecordBatch.from_arrays(arrays, schema=batch_schema(layout))


def constant_columns(layout: Layout, parsed: pa.BooleanArray) -> list[pa.Array]:
    """The layout's constants; null where the record did not parse."""
    none = pa.scalar(None, pa.string())
    return [pc.if_else(parsed, pa.scalar(text), none) for text in layout.constants.values()]


def extra_json(values: dict[str, str | None]) -> str | None:
    """The fields the layout does not name, as JSON text; empty ones are left out, none is null."""
    there = {name: value for name, value in values.items() if value is not None}
    return json.dumps(there, ensure_ascii=False, separators=(",", ":")) if there else None


def without_newline(record: bytes) -> bytes:
    """The record without the line break that ends it."""
    return record.removesuffix(b"\n").removesuffix(b"\r")


def kept_text(record: bytes, size: int | None = None) -> str:
    """The text of a record that did not parse, cut where it is too long to carry about.

    `size` tells how long it is where `record` is only its beginning.
    """
    size = len(record) if size is None else size
    if size <= MAX_RECORD_BYTES:
        return without_newline(record).decode()
    kept = record[:KEPT_BYTES].decode(errors="ignore")
    return f"{kept} [cut here; the record has {size} bytes]"


def batches_of(rows: Iterable[Row], layout: Layout) -> Iterator[pa.RecordBatch]:
    """Rows in batches small enough to hand on, by number and by bytes."""
    pending: list[Row] = []
    size = 0
    for row in rows:
        pending.append(row)
        size += row.size
        if len(pending) >= BATCH_RECORDS or size >= CHUNK_BYTES:
            yield rows_batch(pending, layout)
            pending, size = [], 0
    if pending:
        yield rows_batch(pending, layout)
