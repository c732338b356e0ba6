"""FlatGeobuf 3, walked feature by feature: a header, a spatial index of known size, then features.

Layout of the file (https://flatgeobuf.org): eight magic bytes; the header, a FlatBuffer behind its
own size; the index, a packed Hilbert R-tree of 40 bytes a node; then each feature, a FlatBuffer
behind its own size.
"""

from __future__ import annotations

import base64
import itertools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

import pyarrow as pa

from strata.declare.layout import Layout, match_layout
from strata.errors import BadFile
from strata.raw.formats import flatgeobuf_header as head
from strata.raw.formats.chunks import (
    LOOKED_AT,
    MAX_RECORD_BYTES,
    Chunk,
    Planner,
    Row,
    Scan,
    batches_of,
    extra_json,
)
from strata.raw.formats.features import GEOMETRY
from strata.raw.formats.flatgeobuf_buffer import DAMAGE, Buffer, ByteStream
from strata.raw.formats.flatgeobuf_features import feature_values
from strata.raw.formats.flatgeobuf_header import MAGIC, Header

__all__ = ["MAGIC", "PARSER", "read", "read_header", "scan"]

PARSER = "flatgeobuf"


# --- looking ----------------------------------------------------------------------------------


def scan(
    blocks: Iterator[bytes], base: int, planner: Planner, *, layouts: Sequence[Layout]
) -> Scan:
    """Counts the features and plans chunks of whole ones; BadFile where the file is not whole."""
    data = ByteStream(blocks, base)
    header = head.read_header(data)
    names = (*(column.name for column in header.columns), *GEOMETRY)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BadFile(
            f"a column stands once in a file; {', '.join(twice)} stands more than once", names=twice
        )
    layout = match_layout(names, layouts)
    if data.skip(header.index_bytes) < header.index_bytes:
        raise BadFile("the file must be whole; it is cut off within its index")
    beside: dict[str, set[str]] = {}
    while True:
        start = data.offset
        feature = data.sized(MAX_RECORD_BYTES, "a feature")
        if not feature:
            break
        planner.add_record(start, data.offset)
        if planner.records <= LOOKED_AT:
            _note_unnamed(feature, header, layout, beside)
    if header.features not in (0, planner.records):
        raise BadFile(
            f"the file must hold the {header.features} features its header tells; found "
            f"{planner.records}",
            planned=header.features,
            found=planner.records,
        )
    # The geometry is there in every file; a layout that does not name it does not want it.
    shown = tuple(name for name in names if name not in GEOMETRY or name in layout.named)
    held = {name: frozenset(texts) for name, texts in beside.items()}
    chunks = planner.finish()
    return Scan(layout, shown, planner.records, chunks, PARSER, crs=header.crs, beside=held)


def _note_unnamed(
    feature: bytes, header: Header, layout: Layout, beside: dict[str, set[str]]
) -> None:
    """Adds what the fields that the layout does not name hold."""
    with suppress(*DAMAGE):
        for name, text in feature_values(Buffer(feature), header).items():
            if text and name not in layout.known and name not in GEOMETRY:
                beside.setdefault(name, set()).add(text)


# --- reading ----------------------------------------------------------------------------------


def read_header(blocks: Iterable[bytes]) -> Header:
    """The header, from the file's first blocks: a chunk does not hold it."""
    return head.read_header(ByteStream(blocks, 0))


def read(
    blocks: Iterable[bytes], chunk: Chunk, header: Header, layout: Layout
) -> Iterator[pa.RecordBatch]:
    """The chunk's features as the layout's bronze columns, in file order."""
    return batches_of(_rows(ByteStream(blocks, chunk.start), chunk, header, layout), layout)


def _rows(data: ByteStream, chunk: Chunk, header: Header, layout: Layout) -> Iterator[Row]:
    for number in itertools.count(chunk.first_record):
        feature = data.sized(MAX_RECORD_BYTES, "a feature")
        if not feature:
            return
        yield _row(feature, number, header, layout)


def _row(feature: bytes, number: int, header: Header, layout: Layout) -> Row:
    try:
        found = feature_values(Buffer(feature), header)
    except DAMAGE:
        return Row(number, len(feature), None, raw=base64.b64encode(feature).decode())
    values = {f.column: found.get(f.name) for f in layout.fields}
    extra = {
        name: text
        for name, text in found.items()
        if name not in layout.named and name not in GEOMETRY
    }
    return Row(number, len(feature), values, extra_json(extra))
