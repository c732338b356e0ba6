"""A file that GDAL may open: under a name of ours, in a folder of its own, with nothing beside it.

GDAL opens much else, some of which names other files; the first bytes have said what this one is.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from strata.errors import BadFile
from strata.raw.formats import archive
from strata.raw.formats.archive import Archives
from strata.raw.formats.chunks import BLOCK_BYTES

GEOPACKAGE, KML, SHAPEFILE, GEOPARQUET = "geopackage", "kml", "shapefile", "geoparquet"
KINDS = (GEOPACKAGE, KML, SHAPEFILE, GEOPARQUET)

_SUFFIX = {GEOPACKAGE: ".gpkg", KML: ".kml", SHAPEFILE: ".shp", GEOPARQUET: ".parquet"}
_PARTS = (".shp", ".shx", ".dbf", ".prj", ".cpg")


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


@contextmanager
def gdal_errors() -> Iterator[None]:
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
