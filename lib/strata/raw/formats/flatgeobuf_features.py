"""A feature of a FlatGeobuf file as text.

Numbers stand by their shortest round-trip form, so that a double is the same double again; binary
as Base64; the geometry as in every format of features (`features`).
"""

from __future__ import annotations

import base64
import json
import math
import struct
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from flatbuffers import number_types as types

from strata.raw.formats.flatgeobuf_buffer import Buffer, Damaged
from strata.raw.formats.flatgeobuf_header import Column, Header

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


def feature_values(feature: Buffer, header: Header) -> dict[str, str | None]:
    """Its columns and the parts of its geometry, each as text. Raises one of `DAMAGE`."""
    if feature.has(2):
        raise Damaged("a feature with columns of its own is not supported")
    values = dict(_properties(feature.array(1, "u1").tobytes(), header.columns))
    geometry = feature.table(0)
    return values | (_geometry_values(geometry, header) if geometry else {"geometry.type": "none"})


def _properties(data: bytes, columns: Sequence[Column]) -> Iterator[tuple[str, str | None]]:
    place = 0
    seen: set[int] = set()
    while place < len(data):
        (index,) = struct.unpack_from("<H", data, place)
        if index in seen:
            raise Damaged("a column stands twice in a feature")
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
        raise Damaged
    text = base64.b64encode(content).decode() if type_ == _BINARY else content.decode()
    if "\0" in text:
        raise Damaged("a text holds a NUL")
    return text, place + 4 + size


def _number_text(value: float, type_: int) -> str | None:
    if type_ == _BOOL:
        return "true" if value else "false"
    if type_ in (_FLOAT, _DOUBLE) and math.isnan(value):
        return None
    return str(np.float32(value)) if type_ == _FLOAT else repr(value)


def _geometry_values(geometry: Buffer, header: Header) -> dict[str, str | None]:
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


def _geojson(geometry: Buffer, type_: int) -> dict[str, Any] | None:
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


def _points(geometry: Buffer) -> list[list[float]]:
    xy = geometry.array(1, "<f8")
    if not np.isfinite(xy).all():
        return []
    return xy.reshape(-1, 2).tolist()


def _rings(geometry: Buffer) -> list[list[list[float]]]:
    """Points cut into rings or lines where the file says each ends; without that there is one."""
    points = _points(geometry)
    ends = geometry.array(0, "<u4").tolist() or ([len(points)] if points else [])
    return [points[start:end] for start, end in zip([0, *ends], ends, strict=False)]
