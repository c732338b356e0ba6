"""GeoParquet (https://geoparquet.org/releases/v1.1.0): features by Arrow itself."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from pyarrow import parquet

from strata.errors import BadFile
from strata.raw.formats import crs
from strata.raw.formats.chunks import Chunk


@dataclass(frozen=True)
class _Geo:
    """What a GeoParquet file says of its geometry."""

    column: str
    encoding: str
    crs: str


def describe(path: Path) -> tuple[tuple[str, ...], int, str]:
    """The columns beside the geometry, the number of features, and the coordinate system."""
    file = parquet.ParquetFile(path)
    geo = _geo(file)
    names = tuple(name for name in file.schema_arrow.names if name != geo.column)
    return names, file.metadata.num_rows, geo.crs


def _geo(file: parquet.ParquetFile) -> _Geo:
    """The metadata `geo`."""
    told = (file.schema_arrow.metadata or {}).get(b"geo")
    try:
        geo = json.loads(told) if told else {}
        name = geo["primary_column"]
        column = geo["columns"][name]
        encoding = str(column["encoding"])
    except (ValueError, KeyError, TypeError):
        raise BadFile(
            "a Parquet file of features is GeoParquet, with its metadata geo; this one is not"
        ) from None
    if encoding.upper() not in ("WKB", "POINT"):
        raise BadFile(f"a GeoParquet geometry is WKB or point; this one is {encoding}")
    return _Geo(name, encoding.upper(), _parquet_crs(column))


def _parquet_crs(column: dict[str, Any]) -> str:
    """Longitude and latitude where the key lacks, by the standard; null: nobody knows."""
    if "crs" not in column:
        return "EPSG:4326"
    told = column["crs"] or {}
    own = told.get("id") or {}
    if own:
        return crs.normal(f"{own.get('authority')}:{own.get('code')}")
    return str(told.get("name", ""))[:200]


def first_rows(path: Path, most: int) -> pa.Table:
    """The first rows, at most so many, without their geometry."""
    file = parquet.ParquetFile(path, page_checksum_verification=True)
    own = _geo(file).column
    columns = [name for name in file.schema_arrow.names if name != own]
    first = next(file.iter_batches(batch_size=most, columns=columns), None)
    return pa.table({}) if first is None else pa.Table.from_batches([first])


def read_features(path: Path, chunk: Chunk) -> tuple[pa.Table, np.ndarray]:
    """The chunk's features: their columns, and their geometry by shapely."""
    file = parquet.ParquetFile(path, page_checksum_verification=True)
    geo = _geo(file)
    table = file.read().slice(chunk.first_record - 1, chunk.records)
    own = table.column(geo.column).combine_chunks()
    rest = table.drop_columns([geo.column])
    if geo.encoding == "WKB":
        wkb = own.to_numpy(zero_copy_only=False)
        return rest, shapely.from_wkb(wkb, on_invalid="ignore")
    if isinstance(own, pa.ChunkedArray):
        own = own.combine_chunks()
    x, y = (own.field(name).to_numpy(zero_copy_only=False) for name in ("x", "y"))
    points = shapely.points(x, y)
    points[np.asarray(own.is_null())] = None
    return rest, points
