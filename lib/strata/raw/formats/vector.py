"""GeoPackage, Shapefile in a zip, KML and GeoParquet: features by GDAL, as Arrow, and by Arrow
itself.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import shapely

from strata.declare.layout import Layout, match_layout
from strata.errors import BadFile
from strata.raw.formats import crs, geoparquet
from strata.raw.formats.chunks import BATCH_RECORDS, LOOKED_AT, MAX_COLUMNS, Chunk, Scan
from strata.raw.formats.features import GEOMETRY
from strata.raw.formats.vector_file import (
    GEOPACKAGE,
    GEOPARQUET,
    KINDS,
    KML,
    SHAPEFILE,
    gdal_errors,
    held,
)
from strata.raw.formats.vector_rows import as_batch

__all__ = ["GEOPACKAGE", "GEOPARQUET", "KINDS", "KML", "PARSER", "SHAPEFILE", "read", "scan"]

PARSER = "vector:"

# A dBASE file keeps so many characters of a name.
_DBF_NAME = 10


@dataclass(frozen=True)
class _Table:
    """The features of a file, or the one of its layers that is read."""

    names: tuple[str, ...]  # of the columns, in the file
    features: int
    crs: str
    layer: str = ""


# --- looking --------------------------------------------------------------------------------------


def scan(blocks: Iterable[bytes], kind: str, layouts: Sequence[Layout], chunk_bytes: int) -> Scan:
    """Counts the features; BadFile where the file is damaged or fits no layout."""
    size = 0

    def counted() -> Iterator[bytes]:
        nonlocal size
        for block in blocks:
            size += len(block)
            yield block

    with held(counted(), kind) as path:
        table, layout = _table_of(path, kind, layouts)
        beside = _beside(path, kind, table, layout)
    shown = tuple(_full_names(table.names, kind, [layout]).values())
    header = (*shown, *(name for name in GEOMETRY if name in layout.named))
    chunks = _chunks(table.features, size, chunk_bytes)
    parser = f"{PARSER}{kind}:{table.layer}"
    return Scan(layout, header, table.features, chunks, parser, crs=table.crs, beside=beside)


def _beside(path: Path, kind: str, table: _Table, layout: Layout) -> dict[str, frozenset[str]]:
    """What text the fields that the layout does not name hold in the first features."""
    names = _full_names(table.names, kind, [layout])
    if not table.features or set(names.values()) <= layout.known:
        return {}
    with gdal_errors():
        if kind == GEOPARQUET:
            rows = geoparquet.first_rows(path, LOOKED_AT)
        else:
            rows, _ = _read_gdal(path, table.layer, Chunk(0, 0, 1, LOOKED_AT))
    return {
        names.get(name, name): frozenset(filter(None, rows[name].to_pylist()))
        for name in rows.column_names
        if names.get(name, name) not in layout.known and _is_text(rows.schema.field(name).type)
    }


def _is_text(kind: pa.DataType) -> bool:
    return any(is_it(kind) for is_it in (pa.types.is_string, pa.types.is_large_string))


def _table_of(path: Path, kind: str, layouts: Sequence[Layout]) -> tuple[_Table, Layout]:
    """The layer that fits a layout, and which it fits."""
    fits, refusals = [], []
    tables = [_parquet_table(path)] if kind == GEOPARQUET else _tables(path)
    for table in tables:
        if len(table.names) > MAX_COLUMNS:
            raise BadFile(f"a file has at most {MAX_COLUMNS} columns; found {len(table.names)}")
        names = {*_full_names(table.names, kind, layouts).values(), *GEOMETRY}
        try:
            fits.append((table, match_layout(names, layouts)))
        except BadFile as error:
            refusals.append(error)
    if len(fits) > 1:
        named = ", ".join(repr(table.layer) for table, _ in fits)
        raise BadFile(f"one layer of a file is read; {named} all fit a layout: keep one of them")
    if not fits:
        raise refusals[0] if refusals else BadFile("a file must hold a layer; this one holds none")
    return fits[0]


def _tables(path: Path) -> list[_Table]:
    import pyogrio

    with gdal_errors():
        layers = [str(name) for name, _ in pyogrio.list_layers(path)]
        return [_gdal_table(path, layer) for layer in layers]


def _parquet_table(path: Path) -> _Table:
    with gdal_errors():
        return _Table(*geoparquet.describe(path))


def _gdal_table(path: Path, layer: str) -> _Table:
    import pyogrio

    found = pyogrio.read_info(path, layer=layer, force_feature_count=True)
    return _Table(tuple(map(str, found["fields"])), found["features"], _crs(found["crs"]), layer)


def _crs(told: str | None) -> str:
    if not told:
        return ""
    return crs.of_wkt(told) if "[" in told else crs.normal(told)


def _full_names(names: Iterable[str], kind: str, layouts: Sequence[Layout]) -> dict[str, str]:
    """What each column is called in full: a Shapefile cuts names at ten characters."""
    if kind != SHAPEFILE:
        return {name: name for name in names}
    long = {
        known[:_DBF_NAME]: known
        for layout in layouts
        for known in layout.named
        if len(known) > _DBF_NAME and known not in GEOMETRY
    }
    return {name: long.get(name, name) for name in names}


def _chunks(features: int, size: int, chunk_bytes: int) -> tuple[Chunk, ...]:
    """Features in equal shares, each with its share of the bytes, by which tasks are planned."""
    count = min(features, -(-size // chunk_bytes))
    edges = [features * part // count for part in range(count + 1)] if count else []
    shares = enumerate(itertools.pairwise(edges))
    return tuple(
        Chunk(size * part // count, size * (part + 1) // count, start + 1, end - start)
        for part, (start, end) in shares
    )


# --- reading --------------------------------------------------------------------------------------


def read(
    blocks: Iterable[bytes], chunk: Chunk, parser: str, layout: Layout
) -> Iterator[pa.RecordBatch]:
    """The chunk's features as the layout's bronze columns, in file order."""
    _, kind, layer = parser.split(":", 2)
    with held(blocks, kind) as path, gdal_errors():
        if kind == GEOPARQUET:
            table, shapes = geoparquet.read_features(path, chunk)
        else:
            table, shapes = _read_gdal(path, layer, chunk)
    names = _full_names(table.column_names, kind, [layout])
    table = table.rename_columns([names[name] for name in table.column_names])
    for start in range(0, table.num_rows, BATCH_RECORDS):
        part = slice(start, start + BATCH_RECORDS)
        yield as_batch(
            table.slice(start, BATCH_RECORDS), shapes[part], chunk.first_record + start, layout
        )


def _read_gdal(path: Path, layer: str, chunk: Chunk) -> tuple[pa.Table, np.ndarray]:
    from pyogrio.raw import read_arrow

    skipped = {"skip_features": chunk.first_record - 1, "max_features": chunk.records}
    meta, table = read_arrow(path, layer=layer, **skipped)
    own = meta["geometry_name"] or "wkb_geometry"
    if own not in table.column_names:
        return table, np.full(table.num_rows, None, dtype=object)
    wkb = table.column(own).to_numpy(zero_copy_only=False)
    return table.drop_columns([own]), shapely.from_wkb(wkb, on_invalid="ignore")
