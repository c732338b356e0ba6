"""Features as rows of text: columns by Arrow, geometry by shapely.

Values become text as those of FlatGeobuf do, and `geometry…` stands for the same (`features`).
"""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely

from strata.declare.layout import Layout
from strata.raw.formats.chunks import batch_schema, constant_columns, extra_json

_WHAT = {
    0: "Point", 1: "LineString", 2: "LineString", 3: "Polygon",
    4: "MultiPoint", 5: "MultiLineString", 6: "MultiPolygon",
}  # fmt: skip


def as_batch(table: pa.Table, shapes: np.ndarray, first: int, layout: Layout) -> pa.RecordBatch:
    """Features as the layout's bronze columns, the first of them with this number."""
    texts = {name: _texts(table.column(name)) for name in table.column_names}
    texts |= _geometry_texts(shapes, layout)
    rows = table.num_rows
    nothing = pa.nulls(rows, pa.string())
    arrays = [pa.array(texts[f.name], pa.string()) if f.name in texts else nothing
              for f in layout.fields]  # fmt: skip
    arrays += constant_columns(layout, pa.array([True] * rows, pa.bool_()))
    further = [name for name in table.column_names if name not in layout.named]
    extra = [extra_json({name: texts[name][row] for name in further}) for row in range(rows)]
    arrays += [pa.array(range(first, first + rows), pa.int64()), pa.array(extra, pa.string())]
    return pa.RecordBatch.from_arrays([*arrays, nothing], schema=batch_schema(layout))


def _texts(column: pa.ChunkedArray) -> list[str | None]:
    """Numbers by their shortest form that is the same number again; binary as Base64."""
    kind = column.type
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind):
        return pc.cast(column, pa.string()).to_pylist()
    return [None if value is None else _text(value, kind) for value in column.to_pylist()]


def _text(value: Any, kind: pa.DataType) -> str | None:
    if isinstance(value, float):
        if value != value:
            return None
        return str(np.float32(value)) if pa.types.is_float32(kind) else repr(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, (dict, list)):
        return json.dumps(value, default=str, ensure_ascii=False, separators=(",", ":"))
    return value.isoformat() if hasattr(value, "isoformat") else str(value).replace("\0", "")


def _geometry_texts(shapes: np.ndarray, layout: Layout) -> dict[str, list[str | None]]:
    flat = shapely.force_2d(shapes)
    kinds = shapely.get_type_id(flat)
    one = (kinds == 4) & (shapely.get_num_geometries(flat) == 1)
    points = np.where(one, shapely.get_geometry(flat, 0), flat)
    x, y = shapely.get_x(points), shapely.get_y(points)
    found: dict[str, list[str | None]] = {
        "geometry.x": [repr(value) if np.isfinite(value) else None for value in x.tolist()],
        "geometry.y": [repr(value) if np.isfinite(value) else None for value in y.tolist()],
        "geometry.type": [
            _kind(*told) for told in zip(kinds, one, shapely.is_empty(flat), strict=True)
        ],
    }
    if "geometry" in layout.named:
        found["geometry"] = [
            shapely.to_geojson(shape) if shape is not None and kind in _WHAT else None
            for shape, kind in zip(flat, kinds, strict=True)
        ]
    return found


def _kind(kind: int, is_one: bool, is_empty: bool) -> str:
    if kind == -1:
        return "none"
    return "empty" if is_empty else "Point" if is_one else _WHAT.get(int(kind), "other")
