"""What a FlatGeobuf file says of itself: its columns, its coordinate system, and where its features
begin.
"""

from __future__ import annotations

from dataclasses import dataclass

from flatbuffers import number_types as types

from strata.errors import BadFile
from strata.raw.formats import crs
from strata.raw.formats.chunks import MAX_COLUMNS
from strata.raw.formats.flatgeobuf_buffer import DAMAGE, Buffer, ByteStream, Damaged

MAGIC = b"fgb\x03fgb"

_MAGIC_BYTES = 8  # the eighth is the patch version
_NODE_BYTES = 40
_MAX_HEADER_BYTES = 16 << 20


@dataclass(frozen=True)
class Column:
    """A column of the features, and the number of its type in the schema."""

    name: str
    type: int


@dataclass(frozen=True)
class Header:
    """What the file says of itself."""

    columns: tuple[Column, ...]
    features: int  # 0: not known
    geometry_type: int  # 0: each feature tells its own
    index_bytes: int
    crs: str  # as `EPSG:3035`; what names no code stands as it is told; empty: none is named


def read_header(data: ByteStream) -> Header:
    """The header; BadFile where there is none, or it is damaged."""
    if not data.take(_MAGIC_BYTES).startswith(MAGIC):
        raise BadFile(
            "a FlatGeobuf file of version 3 begins with its magic bytes; this one does not"
        )
    part = data.sized(_MAX_HEADER_BYTES, "the header")
    if not part:
        raise BadFile("the file must be whole; it ends before its header")
    try:
        header = _parse_header(Buffer(part))
    except DAMAGE as error:
        raise BadFile(f"the header is damaged: {error}") from None
    if len(header.columns) > MAX_COLUMNS:
        raise BadFile(f"a file has at most {MAX_COLUMNS} columns; found {len(header.columns)}")
    return header


def _parse_header(buffer: Buffer) -> Header:
    features = buffer.number(8, types.Uint64Flags)
    node_size = buffer.number(9, types.Uint16Flags, 16)
    columns = tuple(Column(c.text(0), c.number(1, types.Uint8Flags)) for c in buffer.tables(7))
    return Header(
        columns,
        features,
        buffer.number(2, types.Uint8Flags),
        _index_bytes(features, node_size),
        _parse_crs(buffer.table(10)),
    )


def _parse_crs(told: Buffer | None) -> str:
    """The coordinate system that a header names: its organisation and code, else its definition."""
    if told is None:
        return ""
    organisation, code = told.text(0) or "EPSG", told.number(1, types.Int32Flags)
    wkt = told.text(4)
    if code:
        return crs.normal(f"{organisation}:{code}")
    if told.text(5):
        return crs.normal(f"{organisation}:{told.text(5)}")
    return crs.of_wkt(wkt) if wkt else crs.normal(told.text(2))


def _index_bytes(features: int, node_size: int) -> int:
    """The size of the packed R-tree: a level of leaves, then levels of parents up to one root.

    A single leaf has a root above it, too.
    """
    if not features or not node_size:
        return 0
    if node_size < 2:
        raise Damaged(f"an index node holds at least 2 entries, not {node_size}")
    level = -(-features // node_size)
    nodes = features + level
    while level > 1:
        level = -(-level // node_size)
        nodes += level
    return nodes * _NODE_BYTES
