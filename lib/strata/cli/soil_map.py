"""`strata soil map`: what the columns of a file mean that no layout describes.

The answer is a source contract in `_layouts` beside the raw files of the feed, by which every run
on that raw folder then knows such files. Nothing is guessed: a unit that is not told is asked for.
"""

from __future__ import annotations

import argparse
import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from strata.declare import feed as feeds
from strata.declare.layout import Layout
from strata.declare.own_layouts import FOLDER, own_layouts
from strata.errors import UsageError
from strata.fs import listing
from strata.raw.look import Look, look

UNITS = {"%": "%", "g/kg": "g/kg", "fraction": "1", "1": "1"}
"""How a unit is told, and how it stands in bronze."""

_COLUMNS = {
    "lon": "lon",
    "lat": "lat",
    "x": "x",
    "y": "y",
    "epsg": "epsg",
    "site": "source_site_id",
    "sample": "source_sample_id",
    "top": "upper_depth_cm",
    "bottom": "lower_depth_cm",
    "date": "sampled_on",
    "soc": "soc",
    "clay": "clay",
}
_MEASURED = ("soc", "clay")
# What may be told once for the whole file, as a number.
_FIXED = ("epsg", "top", "bottom", "date")
_WITH_UNIT = re.compile(r"(?P<column>.*?)\s*\[(?P<unit>[^\]]*)\]\s*")
_DELIMITERS = ",;\t|"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The file, and what its columns mean."""
    parser.add_argument("file", metavar="FILE", help="a CSV, or a file of points")
    parser.add_argument(
        "columns",
        nargs="+",
        metavar="NAME=COLUMN",
        help=f"NAME is one of {', '.join(_COLUMNS)}; soc and clay tell their unit, as "
        '"soc=OC [g/kg]" or "clay=CLAY [%%]" or "clay=C [fraction]"; epsg, top, bottom and date '
        "may be a value for the whole file, as epsg=25833 or top=0",
    )
    parser.add_argument("--raw", metavar="DIR", help="folder of the raw files")


def write_map(file: Path, told: Sequence[str], raw: str) -> tuple[Path, Look]:
    """Writes the contract for files like this one; where it lies, and what a look at the file by it
    finds. UsageError where the mapping does not fit the file.
    """
    if "://" in raw:
        raise UsageError("a map is written into a raw folder on this machine; give --raw DIR")
    name = "own_" + (re.sub(r"[^a-z0-9]+", "_", file.stem.lower()).strip("_") or "points")
    header, delimiter = _header(file)
    pairs = [_pair(text, header) for text in told]
    target = Path(raw) / "soil" / FOLDER / f"soil_samples.{name}.yaml"
    target.parent.mkdir(parents=True, exist_ok=True)
    document = _contract(name, pairs, delimiter)
    target.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), "utf-8")
    try:
        seen = _look(file, name, raw)
    except BaseException:
        target.unlink()
        raise
    return target, seen


def _look(file: Path, name: str, raw: str) -> Look:
    """What a run will find: by this layout, among all the others."""
    layouts: list[Layout] = [
        layout
        for layout in (*feeds.load_feed("soil").layouts, *own_layouts("soil", raw))
        if layout.source == "samples"
    ]
    [listed, *_] = listing.list_place(str(file))[0]
    seen = look(listed, layouts)
    if seen.layout != name:
        raise UsageError(
            f"{file.name} is known already, as {seen.layout}: it needs no map, or must be named "
            "by a column that only it has"
        )
    return seen


def _header(file: Path) -> tuple[list[str] | None, str]:
    """The columns of a CSV and what parts them; None for a file of features."""
    if not file.is_file():
        raise UsageError(f"a file must be there to be mapped; {file} is not")
    with open(file, "rb") as stream:
        first = stream.readline(1 << 16)
    try:
        line = first.decode("utf-8-sig").strip("\r\n")
    except UnicodeDecodeError:
        return None, ""
    if not line or line.lstrip()[:1] in ("{", "[", "<") or first[:4] in (b"PK\x03\x04", b"PAR1"):
        return None, ""
    delimiter = max(_DELIMITERS, key=line.count)
    return next(csv.reader([line], delimiter=delimiter)), delimiter


def _pair(text: str, header: list[str] | None) -> tuple[str, str, str]:
    """(name, column or value, unit) of `soc=OC [g/kg]`."""
    name, _, column = text.partition("=")
    if name not in _COLUMNS or not column:
        raise UsageError(f"a map is NAME=COLUMN, NAME of {', '.join(_COLUMNS)}; got {text!r}")
    unit = ""
    if name in _MEASURED:
        match = _WITH_UNIT.fullmatch(column)
        if not match or match["unit"].strip() not in UNITS:
            raise UsageError(
                f"{name} tells its unit, and nobody guesses it: {name}={column.partition('[')[0]}"
                f"[%], [g/kg] or [fraction]; got {text!r}"
            )
        column, unit = match["column"], UNITS[match["unit"].strip()]
    is_value = name in _FIXED and re.fullmatch(r"[0-9][0-9.-]*", column)
    if header is not None and column not in header and not is_value:
        raise UsageError(f"{name} names a column of the file; {column!r} is not among {header}")
    return name, column, unit


def _contract(name: str, pairs: Sequence[tuple[str, str, str]], delimiter: str) -> dict[str, Any]:
    names = [pair[0] for pair in pairs]
    is_csv = bool(delimiter)
    _check(names, is_csv)
    fixed = {n: c for n, c, _ in pairs if n in _FIXED and re.fullmatch(r"[0-9][0-9.-]*", c)}
    constants = {"source": name} | {_COLUMNS[n]: value for n, value in fixed.items()}
    constants |= {f"{n}_unit": unit for n, _, unit in pairs if unit}
    fields = [
        {"name": _COLUMNS[n], "physicalName": column, "logicalType": "string", "required": True}
        for n, column, _ in pairs
        if n not in fixed
    ]
    custom: dict[str, Any] = {
        "table": "bronze.soil_samples",
        "constants": constants,
        "order": "delivery",
    }
    if is_csv:
        custom |= {"format": "csv"} | ({"delimiter": delimiter} if delimiter != "," else {})
    else:
        custom |= {"format": "vector"} | ({} if "epsg" in fixed else {"crs": "epsg"})
        fields += [_geometry(axis) for axis in ("x", "y")]
    return {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": f"soil_samples.{name}",
        "version": "1.0.0",
        "status": "active",
        "description": {"purpose": "Soil samples whose columns strata soil map was told."},
        "customProperties": [{"property": key, "value": own} for key, own in custom.items()],
        "schema": [{"name": name, "properties": fields}],
    }


def _geometry(axis: str) -> dict[str, Any]:
    return {
        "name": axis,
        "physicalName": f"geometry.{axis}",
        "logicalType": "string",
        "required": True,
    }


def _check(names: Sequence[str], is_csv: bool) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"a name stands once in a map; {', '.join(twice)} stands twice")
    if not set(names) & set(_MEASURED):
        raise UsageError("a map names soc or clay, or both: without them a file says nothing")
    placed = {"lon", "lat"} <= set(names) or {"x", "y", "epsg"} <= set(names)
    if is_csv and not placed:
        raise UsageError("a map of a CSV names lon and lat, or x, y and epsg")
    if not is_csv and set(names) & {"lon", "lat", "x", "y"}:
        raise UsageError("a file of points has its positions in its geometry; leave them out")
