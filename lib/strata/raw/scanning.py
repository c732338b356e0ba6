"""How a raw file is read: its format by its first bytes, then the layouts that it may have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from strata.declare.layout import Layout
from strata.errors import BadFile
from strata.raw.formats import csv, flatgeobuf, geojson, json_records, kinds, overpass, vector
from strata.raw.formats.archive import Damaged
from strata.raw.formats.chunks import Scan
from strata.raw.formats.opening import Hashing, Opener

VECTOR = "vector"
"""The format of a layout of features: FlatGeobuf, GeoPackage, Shapefile, GeoJSON, GeoParquet, KML.
"""


def scan_file(opener: Opener, layouts: Sequence[Layout]) -> tuple[Scan, Hashing]:
    """Reads the file to its end by the format and layout that its bytes show; BadFile where none
    is right.
    """
    if opener.file.path.lower().endswith(".gz") and not opener.is_gzip:
        raise BadFile("a file named .gz is gzip; this one is not")
    head = opener.head()
    format_ = _format(head, opener.file.path, layouts)
    if format_ in vector.KINDS:
        return _scan_vector(opener, _of(layouts, VECTOR), format_)
    if format_ == "csv":
        return _scan_as_csv(opener, _of(layouts, "csv"), head)
    if format_ == "overpass":
        return opener.scan(partial(overpass.scan, layouts=_of(layouts, "overpass")))
    if format_ == "flatgeobuf":
        of_features = _of(layouts, "flatgeobuf", VECTOR)
        return opener.scan(partial(flatgeobuf.scan, layouts=of_features), is_text=False)
    plain, features = _of(layouts, "json"), _of(layouts, VECTOR)
    scan, hashing = _scan_json(opener, [*plain, *geojson.as_json(features)])
    if scan.layout.name in {layout.name for layout in features}:
        scan = replace(scan, parser=geojson.PARSER + scan.parser)
    return scan, hashing


def _of(layouts: Sequence[Layout], *formats: str) -> list[Layout]:
    return [layout for layout in layouts if layout.format in formats]


# What each kind of file of features is, by its first bytes.
_FEATURES = {
    kinds.GEOPACKAGE: vector.GEOPACKAGE,
    kinds.KML: vector.KML,
    kinds.PARQUET: vector.GEOPARQUET,
    kinds.ZIP: vector.SHAPEFILE,
    "flatgeobuf": "flatgeobuf",
    "json": "json",
}
_WORDS = {VECTOR: "features (FlatGeobuf, GeoPackage, Shapefile, GeoJSON, GeoParquet, KML)"}


def _format(head: bytes, name: str, layouts: Sequence[Layout]) -> str:
    """The format by the first bytes, whatever the name says; it must be one of the layouts'."""
    if not head:
        raise BadFile("the file is empty: not even a header")
    known = {layout.format for layout in layouts}
    kind = kinds.kind_of(head, name)
    if kind == "json" and "overpass" in known and overpass.is_answer(head):
        return "overpass"
    if kind in ("flatgeobuf", "json") and kind in known:
        return kind
    if VECTOR in known and kind in _FEATURES:
        return _FEATURES[kind]
    if kind in ("text", "json") and "csv" in known:
        return "csv"
    is_blank = not head.removeprefix(kinds.BOM).strip()
    if (kind == "json" or is_blank) and "json" in known:
        return "json"
    wanted = " or ".join(sorted(_WORDS.get(format_, format_) for format_ in known))
    if kind == "text":
        kind = "text that is not JSON"
    raise BadFile(f"a file of this source is {wanted}; this one is {kind}", kind=kind)


def _scan_vector(opener: Opener, layouts: Sequence[Layout], kind: str) -> tuple[Scan, Hashing]:
    # Features of what is compressed, or is text, are not found in the middle of it.
    is_whole = opener.is_gzip or opener.member or kind == vector.KML
    share = 1 << 62 if is_whole else opener.chunk_bytes
    return opener.scan(
        lambda blocks, _, planner: vector.scan(blocks, kind, layouts, share), is_text=False
    )


def _scan_as_csv(opener: Opener, layouts: Sequence[Layout], head: bytes) -> tuple[Scan, Hashing]:
    try:
        return _scan_csv(opener, layouts)
    except BadFile as error:
        if kinds.kind_of(head) == "json":
            raise BadFile(
                f"{error}; it looks like JSON, for which this source has no layout", **error.facts
            ) from None
        raise


def _scan_csv(opener: Opener, layouts: Sequence[Layout]) -> tuple[Scan, Hashing]:
    try:
        return opener.scan(lambda blocks, base, planner: csv.scan(blocks, base, layouts, planner))
    except csv.StrayQuote:
        return opener.scan(
            lambda blocks, base, planner: csv.scan(blocks, base, layouts, planner, csv.PYTHON)
        )


def _scan_json(opener: Opener, layouts: Sequence[Layout]) -> tuple[Scan, Hashing]:
    """Layouts that seek their records at a path come first: without one, any object is a record."""
    refusals: list[BadFile] = []
    for path in sorted({layout.options.get("records", "") for layout in layouts}, reverse=True):
        group = [layout for layout in layouts if layout.options.get("records", "") == path]
        try:
            return opener.scan(partial(json_records.scan, layouts=group, path=path))
        except Damaged:
            raise
        except BadFile as error:
            refusals.append(error)
    # What knows a layout that is near says more than what finds no record at all.
    near = [error for error in refusals if "nearest" in error.facts]
    refusals = near or refusals
    if len(refusals) == 1:
        raise refusals[0]
    began = any(error.facts.get("began") for error in refusals)
    raise BadFile("; or ".join(str(error) for error in refusals), refusals=refusals, began=began)
