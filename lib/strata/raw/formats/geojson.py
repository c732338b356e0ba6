"""GeoJSON, whole or a feature a line, as the fields of a layout of features.

It is read as JSON is, by the same parsers: record by record, in chunks, with a feature that does
not parse kept whole. Here a layout's names are put where GeoJSON has them (`soc_pct` stands at
`properties.soc_pct`), and the geometry is taken apart as `features` does.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import pyarrow as pa

from strata.declare.layout import Field, Layout
from strata.raw.formats import json_records
from strata.raw.formats.chunks import Chunk, batch_schema
from strata.raw.formats.features import GEOMETRY, geometry_values

PARSER = "geojson:"
"""Stands before the name of the parser of JSON."""

_SHAPE = "_geometry"
_FEATURES = "features"


def as_json(layouts: Sequence[Layout]) -> list[Layout]:
    """Each layout of features as one of JSON: of a collection, and of features in a row."""
    return [
        replace(_as_json(layout), options={"records": path} if path else {})
        for layout in layouts
        for path in (_FEATURES, "")
    ]


def _as_json(layout: Layout) -> Layout:
    plain = [f for f in layout.fields if f.name not in GEOMETRY]
    needed = any(f.required for f in layout.fields if f.name in GEOMETRY)
    fields = (
        *(replace(f, name=f"properties.{f.name}") for f in plain),
        Field(_SHAPE, "geometry", needed),
    )
    return replace(layout, format="json", fields=fields)


def read(
    blocks: Iterable[bytes], chunk: Chunk, parser: str, layout: Layout
) -> Iterator[pa.RecordBatch]:
    """The chunk's features as the layout's bronze columns, in file order."""
    schema = batch_schema(layout)
    told = _as_json(layout)
    for batch in json_records.read(blocks, chunk, parser.removeprefix(PARSER), told):
        yield _with_geometry(batch, layout, schema)


def _with_geometry(batch: pa.RecordBatch, layout: Layout, schema: pa.Schema) -> pa.RecordBatch:
    shapes = batch.column(_SHAPE).to_pylist()
    parsed = batch.column("_raw_record").is_null().to_pylist()
    values = [
        geometry_values(json.loads(text) if text else None) if is_parsed else {}
        for text, is_parsed in zip(shapes, parsed, strict=True)
    ]
    own = {f.column: f.name for f in layout.fields if f.name in GEOMETRY}
    arrays = [
        pa.array([value.get(own[name]) for value in values], pa.string())
        if name in own
        else batch.column(name)
        for name in schema.names
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
