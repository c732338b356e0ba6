"""GeoPackage, Shapefile in a zip, KML and GeoParquet: features by GDAL, as Arrow, and by Arrow
itself.

GDAL is handed a file under a name of ours in a folder of its own, and only after its first bytes
have said what it is: GDAL opens much else, some of which names other files. Values become text as
those of FlatGeobuf do, and `geometry…` stands for the same (`features`).
"""

from __future__ import annotations

import base64
import itertools
import json
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from pyarrow import parquet

from strata.declare.layout import Layout, match_layout
from strata.errors import BadFile
from strata.raw.formats import archive, crs
from strata.raw.formats.archive import Archives
from strata.raw.formats.chunks import (
    BATCH_RECORDS,
    BLOCK_BYTES,
    MAX_COLUMNS,
    Chunk,
    Scan,
    batch_schema,
    constant_columns,
    extra_json,
)
from strata.raw.formats.features import GEOMETRY

PARSER = "vector:"
GEOPACKAGE, KML, SHAPEFILE, GEOPARQUET = "geopackage", "kml", "shapefile", "geoparquet"
KINDS = (GEOPACKAGE, KML, SHAPEFILE, GEOPARQUET)

_SUFFIX = {GEOPACKAGE: ".gpkg", KML: ".kml", SHAPEFILE: ".shp", GEOPARQUET: ".parquet"}
_PARTS = (".shp", ".shx", ".dbf", ".prj", ".cpg")
# A dBASE file keeps so many characters of a name.
_DBF_NAME = 10
_WHAT = {
    0: "Point", 1: "LineString", 2: "LineString", 3: "Polygon",
    4: "MultiPoint", 5: "MultiLineString", 6: "MultiPolygon",
}  # fmt: skip


@dataclass(frozen=True)
class _Table:
    """The features of a file, or the one of its layers that is read."""

    names: tuple[str, ...]  # of the columns, in the file
    features: int
    crs: str
    layer: str = ""


# --- a file under a name of ours ------------------------------------------------------------------


@contextmanager
def held(blocks: Iterable[bytes], kind: str) -> Iterator[Path]:
    """The blocks as a file that GDAL may open, for as long as the context lasts."""
    with tempfile.TemporaryDirectory(prefix="strata-") as folder:
        path = Path(folder) / f"data{_SUFFIX[kind] if kind != SHAPEFILE else '.zip'}"
        with open(path, "wb") as sink:
            for block in blocks:
                sink.write(block)
        if kind == SHAPEFILE:
            path = _unpack(path, Path(folder))
        if kind == KML:
            _check_xml(path)
        yield path


def _unpack(path: Path, folder: Path) -> Path:
    """The parts of the one Shapefile in a zip, under a name of ours; the path of its `.shp`."""
    members = list(archive.members(str(path), "zip"))
    shapes = [member for member in members if member.path.lower().endswith(".shp")]
    if len(shapes) != 1:
        raise BadFile(f"a zip holds one Shapefile; this one holds {len(shapes)}")
    stem = shapes[0].path[:-4]
    with Archives() as archives:
        for member in members:
            suffix = member.path[len(stem) :].lower()
            if member.path.startswith(stem) and suffix in _PARTS:
                with (
                    archives.open(str(path), member) as stream,
                    open(folder / f"data{suffix}", "wb") as sink,
                ):
                    while block := stream.read(BLOCK_BYTES):
                        sink.write(block)
    missing = [part for part in (".shx", ".dbf") if not (folder / f"data{part}").exists()]
    if missing:
        raise BadFile(f"a Shapefile is .shp, .shx and .dbf; this one lacks {' and '.join(missing)}")
    return folder / "data.shp"


def _check_xml(path: Path) -> None:
    """Entities can be made to fill the memory, and no sound KML has any."""
    with open(path, "rb") as stream:
        carry = b""
        while block := stream.read(BLOCK_BYTES):
            if b"<!DOCTYPE" in carry + block or b"<!ENTITY" in carry + block:
                raise BadFile("a KML file has no document type and no entities; this one has")
            carry = block[-16:]


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
    shown = tuple(_full_names(table.names, kind, [layout]).values())
    header = (*shown, *(name for name in GEOMETRY if name in layout.named))
    chunks = _chunks(table.features, size, chunk_bytes)
    parser = f"{PARSER}{kind}:{table.layer}"
    return Scan(layout, header, table.features, chunks, parser, crs=table.crs)


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

    with _gdal():
        layers = [str(name) for name, _ in pyogrio.list_layers(path)]
        return [_gdal_table(path, layer) for layer in layers]


def _gdal_table(path: Path, layer: str) -> _Table:
    import pyogrio

    found = pyogrio.read_info(path, layer=layer, force_feature_count=True)
    return _Table(tuple(map(str, found["fields"])), found["features"], _crs(found["crs"]), layer)


@contextmanager
def _gdal() -> Iterator[None]:
    """GDAL's errors as BadFile, in its own words."""
    import pyogrio.errors as own

    damage = (
        own.DataSourceError,
        own.DataLayerError,
        own.FeatureError,
        own.FieldError,
        own.GeometryError,
        own.CRSError,
        pa.ArrowException,
    )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except damage as error:
        said = str(error).partition("\n")[0]
        said = said.replace(tempfile.gettempdir(), "")[:300]
        raise BadFile(f"the file must be sound; GDAL says of it: {said}") from None


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


# --- GeoParquet -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Geo:
    """What a GeoParquet file says of its geometry."""

    column: str
    encoding: str
    crs: str


def _parquet_table(path: Path) -> _Table:
    with _gdal():
        file = parquet.ParquetFile(path)
        geo = _geo(file)
        names = tuple(name for name in file.schema_arrow.names if name != geo.column)
        return _Table(names, file.metadata.num_rows, geo.crs)


def _geo(file: parquet.ParquetFile) -> _Geo:
    """The metadata `geo` (https://geoparquet.org/releases/v1.1.0)."""
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


# --- reading --------------------------------------------------------------------------------------


def read(
    blocks: Iterable[bytes], chunk: Chunk, parser: str, layout: Layout
) -> Iterator[pa.RecordBatch]:
    """The chunk's features as the layout's bronze columns, in file order."""
    _, kind, layer = parser.split(":", 2)
    with held(blocks, kind) as path, _gdal():
        read_kind = _read_parquet if kind == GEOPARQUET else _read_gdal
        table, shapes = read_kind(path, layer, chunk)
    names = _full_names(table.column_names, kind, [layout])
    table = table.rename_columns([names[name] for name in table.column_names])
    for start in range(0, table.num_rows, BATCH_RECORDS):
        part = slice(start, start + BATCH_RECORDS)
        yield _batch(
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


def _read_parquet(path: Path, _: str, chunk: Chunk) -> tuple[pa.Table, np.ndarray]:
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


def _batch(table: pa.Table, shapes: np.ndarray, first: int, layout: Layout) -> pa.RecordBatch:
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
