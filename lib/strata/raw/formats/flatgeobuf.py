"""FlatGeobuf 3, walked feature by feature: a header, a spatial index of known size, then features.

Layout of the file (https://flatgeobuf.org, `header.fbs` and `feature.fbs` of the format's
repository): eight magic bytes; the header, a FlatBuffer behind its own size; the index, a packed
Hilbert R-tree of 40 bytes a node; then each feature, a FlatBuffer behind its own size.

Values become text: numbers by their shortest round-trip form, so that a double is the same double
again; binary as Base64. `geometry.x` and `geometry.y` are the coordinates of a point, or of a
multipoint of one; `geometry` is any geometry as compact GeoJSON without its third dimension, and
`geometry.type` says what it is: `Point`, `Polygon`, …, `empty`, `none`, `other`.
"""

from __future__ import annotations

import base64
import itertools
import json
import math
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from flatbuffers import number_types as types
from flatbuffers.table import Table

from strata.declare.layout import Layout, match_layout
from strata.errors import BadFile
from strata.raw.formats import crs
from strata.raw.formats.chunks import (
    MAX_COLUMNS,
    MAX_RECORD_BYTES,
    Chunk,
    Planner,
    Row,
    Scan,
    batches_of,
    extra_json,
)

MAGIC = b"fgb\x03fgb"
PARSER = "flatgeobuf"
GEOMETRY = ("geometry", "geometry.x", "geometry.y", "geometry.type")

_MAGIC_BYTES = 8  # the eighth is the patch version
_NODE_BYTES = 40
_MAX_HEADER_BYTES = 16 << 20
_GEOMETRY_TYPES = {
    1: "Point",
    2: "LineString",
    3: "Polygon",
    4: "MultiPoint",
    5: "MultiLineString",
    6: "MultiPolygon",
}
_PLAIN = {
    0: "<b",
    1: "<B",
    2: "<?",
    3: "<h",
    4: "<H",
    5: "<i",
    6: "<I",
    7: "<q",
    8: "<Q",
    9: "<f",
    10: "<d",
}
_BOOL, _FLOAT, _DOUBLE, _TEXT, _BINARY = 2, 9, 10, (11, 12, 13), 14


@dataclass(frozen=True)
class _Column:
    name: str
    type: int


@dataclass(frozen=True)
class _Header:
    """What the file says of itself."""

    columns: tuple[_Column, ...]
    features: int  # 0: not known
    geometry_type: int  # 0: each feature tells its own
    index_bytes: int
    crs: str  # as `EPSG:3035`; what names no code stands as it is told; empty: none is named


# --- the bytes as they come in ----------------------------------------------------------------


class _Bytes:
    """Takes a number of bytes at a time from blocks and knows its place in the file."""

    def __init__(self, blocks: Iterable[bytes], offset: int) -> None:
        self._blocks = iter(blocks)
        self._block = b""
        self._place = 0
        self.offset = offset

    def take(self, size: int) -> bytes:
        """The next bytes; fewer only where the file ends."""
        found = self._block[self._place : self._place + size]
        self._place += len(found)
        if len(found) < size:
            found = b"".join([found, *self._further(size - len(found))])
        self.offset += len(found)
        return found

    def skip(self, size: int) -> int:
        """Goes past so many bytes, holding none of them; tells how many there were."""
        skipped = 0
        while skipped < size and (part := self.take(min(size - skipped, 1 << 20))):
            skipped += len(part)
        return skipped

    def _further(self, size: int) -> Iterator[bytes]:
        while size > 0:
            self._block = next(self._blocks, b"")
            if not self._block:
                return
            part = self._block[:size]
            self._place = len(part)
            size -= len(part)
            yield part

    def sized(self, limit: int, what: str) -> bytes:
        """A part behind its own size; empty at the end of the file. BadFile where it is cut off."""
        start = self.offset
        prefix = self.take(4)
        if not prefix:
            return b""
        size = int.from_bytes(prefix, "little") if len(prefix) == 4 else 0
        if size > limit:
            raise BadFile(
                f"{what} takes at most {limit} bytes; at byte {start} one says {size}", offset=start
            )
        part = self.take(size)
        if len(prefix) < 4 or len(part) < size or not size:
            raise BadFile(
                f"the file must be whole; it is cut off within {what} that begins at byte {start}",
                offset=start,
            )
        return part


# --- FlatBuffers ------------------------------------------------------------------------------


class _Damaged(Exception):
    """A FlatBuffer points to outside itself."""


class _Buffer:
    """A table in a FlatBuffer, its members by their number in the schema."""

    def __init__(self, data: bytes, position: int | None = None) -> None:
        self._data = data
        self._table = Table(
            data, int.from_bytes(data[:4], "little") if position is None else position
        )

    def number(self, member: int, flags: Any, default: int = 0) -> int:
        at = self._at(member)
        return self._table.Get(flags, at) if at else default

    def text(self, member: int) -> str:
        at = self._at(member)
        return self._table.String(at).decode() if at else ""

    def has(self, member: int) -> bool:
        return bool(self._at(member))

    def table(self, member: int) -> _Buffer | None:
        at = self._at(member)
        return _Buffer(self._data, self._table.Indirect(at)) if at else None

    def tables(self, member: int) -> list[_Buffer]:
        start, length = self._vector(member, 4)
        return [_Buffer(self._data, self._table.Indirect(start + 4 * i)) for i in range(length)]

    def array(self, member: int, dtype: str) -> np.ndarray:
        start, length = self._vector(member, np.dtype(dtype).itemsize)
        return np.frombuffer(self._data, dtype, length, start)

    def _at(self, member: int) -> int:
        offset = self._table.Offset(4 + 2 * member)
        return self._table.Pos + offset if offset else 0

    def _vector(self, member: int, width: int) -> tuple[int, int]:
        """Where its items begin and how many there are. The count is checked before it is
        believed."""
        at = self._at(member)
        if not at:
            return 0, 0
        start = at + self._table.Get(types.UOffsetTFlags, at)
        length = self._table.Get(types.UOffsetTFlags, start)
        if start + 4 + length * width > len(self._data):
            raise _Damaged
        return start + 4, length


# What reading a damaged FlatBuffer can raise, from Python's struct, numpy and the library itself.
_DAMAGE = (_Damaged, struct.error, ValueError, IndexError, TypeError, OverflowError, RecursionError)


def _read_header(data: _Bytes) -> _Header:
    if not data.take(_MAGIC_BYTES).startswith(MAGIC):
        raise BadFile(
            "a FlatGeobuf file of version 3 begins with its magic bytes; this one does not"
        )
    part = data.sized(_MAX_HEADER_BYTES, "the header")
    if not part:
        raise BadFile("the file must be whole; it ends before its header")
    try:
        header = _parse_header(_Buffer(part))
    except _DAMAGE as error:
        raise BadFile(f"the header is damaged: {error}") from None
    if len(header.columns) > MAX_COLUMNS:
        raise BadFile(f"a file has at most {MAX_COLUMNS} columns; found {len(header.columns)}")
    return header


def _parse_header(buffer: _Buffer) -> _Header:
    features = buffer.number(8, types.Uint64Flags)
    node_size = buffer.number(9, types.Uint16Flags, 16)
    columns = tuple(_Column(c.text(0), c.number(1, types.Uint8Flags)) for c in buffer.tables(7))
    return _Header(
        columns,
        features,
        buffer.number(2, types.Uint8Flags),
        _index_bytes(features, node_size),
        _parse_crs(buffer.table(10)),
    )


def _parse_crs(told: _Buffer | None) -> str:
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
        raise _Damaged(f"an index node holds at least 2 entries, not {node_size}")
    level = -(-features // node_size)
    nodes = features + level
    while level > 1:
        level = -(-level // node_size)
        nodes += level
    return nodes * _NODE_BYTES


# --- looking ----------------------------------------------------------------------------------


def scan(
    blocks: Iterator[bytes], base: int, planner: Planner, *, layouts: Sequence[Layout]
) -> Scan:
    """Counts the features and plans chunks of whole ones; BadFile where the file is not whole."""
    data = _Bytes(blocks, base)
    header = _read_header(data)
    names = (*(column.name for column in header.columns), *GEOMETRY)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BadFile(
            f"a column stands once in a file; {', '.join(twice)} stands more than once", names=twice
        )
    layout = match_layout(names, layouts)
    if data.skip(header.index_bytes) < header.index_bytes:
        raise BadFile("the file must be whole; it is cut off within its index")
    while True:
        start = data.offset
        if not data.sized(MAX_RECORD_BYTES, "a feature"):
            break
        planner.add_record(start, data.offset)
    if header.features not in (0, planner.records):
        raise BadFile(
            f"the file must hold the {header.features} features its header tells; found "
            f"{planner.records}",
            planned=header.features,
            found=planner.records,
        )
    # The geometry is there in every file; a layout that does not name it does not want it.
    shown = tuple(name for name in names if name not in GEOMETRY or name in layout.named)
    return Scan(layout, shown, planner.records, planner.finish(), PARSER, crs=header.crs)


# --- reading ----------------------------------------------------------------------------------


def read_header(blocks: Iterable[bytes]) -> _Header:
    """The header, from the file's first blocks: a chunk does not hold it."""
    return _read_header(_Bytes(blocks, 0))


def read(
    blocks: Iterable[bytes], chunk: Chunk, header: _Header, layout: Layout
) -> Iterator[pa.RecordBatch]:
    """The chunk's features as the layout's bronze columns, in file order."""
    return batches_of(_rows(_Bytes(blocks, chunk.start), chunk, header, layout), layout)


def _rows(data: _Bytes, chunk: Chunk, header: _Header, layout: Layout) -> Iterator[Row]:
    for number in itertools.count(chunk.first_record):
        feature = data.sized(MAX_RECORD_BYTES, "a feature")
        if not feature:
            return
        yield _row(feature, number, header, layout)


def _row(feature: bytes, number: int, header: _Header, layout: Layout) -> Row:
    try:
        found = _parse_feature(_Buffer(feature), header)
    except _DAMAGE:
        return Row(number, len(feature), None, raw=base64.b64encode(feature).decode())
    values = {f.column: found.get(f.name) for f in layout.fields}
    extra = {
        name: text
        for name, text in found.items()
        if name not in layout.named and name not in GEOMETRY
    }
    return Row(number, len(feature), values, extra_json(extra))


def _parse_feature(feature: _Buffer, header: _Header) -> dict[str, str | None]:
    if feature.has(2):
        raise _Damaged("a feature with columns of its own is not supported")
    values = dict(_properties(feature.array(1, "u1").tobytes(), header.columns))
    geometry = feature.table(0)
    return values | (_geometry_values(geometry, header) if geometry else {"geometry.type": "none"})


def _properties(data: bytes, columns: Sequence[_Column]) -> Iterator[tuple[str, str | None]]:
    place = 0
    seen: set[int] = set()
    while place < len(data):
        (index,) = struct.unpack_from("<H", data, place)
        if index in seen:
            raise _Damaged("a column stands twice in a feature")
        seen.add(index)
        text, place = _property(data, place + 2, columns[index].type)
        yield columns[index].name, text


def _property(data: bytes, place: int, type_: int) -> tuple[str | None, int]:
    """One value as text, and where the next one begins."""
    if type_ in _PLAIN:
        (value,) = struct.unpack_from(_PLAIN[type_], data, place)
        return _number_text(value, type_), place + struct.calcsize(_PLAIN[type_])
    (size,) = struct.unpack_from("<I", data, place)
    content = data[place + 4 : place + 4 + size]
    if len(content) < size or type_ not in (*_TEXT, _BINARY):
        raise _Damaged
    text = base64.b64encode(content).decode() if type_ == _BINARY else content.decode()
    if "\0" in text:
        raise _Damaged("a text holds a NUL")
    return text, place + 4 + size


def _number_text(value: float, type_: int) -> str | None:
    if type_ == _BOOL:
        return "true" if value else "false"
    if type_ in (_FLOAT, _DOUBLE) and math.isnan(value):
        return None
    return str(np.float32(value)) if type_ == _FLOAT else repr(value)


def _geometry_values(geometry: _Buffer, header: _Header) -> dict[str, str | None]:
    shape = _geojson(geometry, header.geometry_type)
    if not shape:
        return {"geometry.type": "other"}
    values: dict[str, str | None] = {"geometry": json.dumps(shape, separators=(",", ":"))}
    kind, places = shape["type"], shape["coordinates"]
    if kind == "MultiPoint" and len(places) == 1:
        kind, places = "Point", places[0]
    if kind == "Point" and places:
        values["geometry.x"], values["geometry.y"] = map(repr, places)
    return values | {"geometry.type": kind if places else "empty"}


def _geojson(geometry: _Buffer, type_: int) -> dict[str, Any] | None:
    """The geometry as GeoJSON; None for the kinds GeoJSON lacks."""
    name = _GEOMETRY_TYPES.get(type_ or geometry.number(6, types.Uint8Flags))
    if name is None:
        return None
    if name == "MultiPolygon":
        parts = [_rings(part) for part in geometry.tables(7)]
        return {"type": name, "coordinates": parts}
    points = _points(geometry)
    if name == "Point":
        return {"type": name, "coordinates": points[0] if points else []}
    if name in ("Polygon", "MultiLineString"):
        return {"type": name, "coordinates": _rings(geometry)}
    return {"type": name, "coordinates": points}


def _points(geometry: _Buffer) -> list[list[float]]:
    xy = geometry.array(1, "<f8")
    if not np.isfinite(xy).all():
        return []
    return xy.reshape(-1, 2).tolist()


def _rings(geometry: _Buffer) -> list[list[list[float]]]:
    """Points cut into rings or lines where the file says each ends; without that there is one."""
    points = _points(geometry)
    ends = geometry.array(0, "<u4").tolist() or ([len(points)] if points else [])
    return [points[start:end] for start, end in zip([0, *ends], ends, strict=False)]
