"""Coordinate systems as files name them: FlatGeobuf by its header, GeoJSON by its member `crs`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pyproj
import pytest
import shapely
from strata.declare.contract import load_contract
from strata.declare.source_contract import load_layouts
from strata.fs.listing import list_raw
from strata.raw.formats import crs
from strata.raw.look import Look, look
from strata.raw.read import Part, read_part


@pytest.mark.parametrize(
    ("told", "normal"),
    [
        ("EPSG:3035", "EPSG:3035"),
        ("epsg:25833", "EPSG:25833"),
        ("urn:ogc:def:crs:EPSG::2169", "EPSG:2169"),
        ("urn:ogc:def:crs:EPSG:9.9:31370", "EPSG:31370"),
        ("http://www.opengis.net/def/crs/EPSG/0/3857", "EPSG:3857"),
        ("urn:ogc:def:crs:OGC:1.3:CRS84", "EPSG:4326"),
        ("OGC:CRS84", "EPSG:4326"),
        ("ESRI:54009", "ESRI:54009"),
        ("my own grid", "MY OWN GRID"),
    ],
)
def test_a_systems_name_is_brought_to_one_form(told: str, normal: str) -> None:
    assert crs.normal(told).casefold() == normal.casefold()


@pytest.mark.parametrize("code", [3035, 25833, 4258, 2056, 27700])
@pytest.mark.parametrize("version", ["WKT1_GDAL", "WKT2_2019"])
def test_a_definition_tells_its_code(code: int, version: str) -> None:
    assert crs.of_wkt(pyproj.CRS.from_epsg(code).to_wkt(version)) == f"EPSG:{code}"


def rows_of(folder: Path, source: str, name: str) -> tuple[Look, list[dict[str, Any]]]:
    layouts = [own for own in load_layouts("soil") if own.source == source]
    [file] = list_raw(str(folder), "soil", source)[0]
    seen = look(file, layouts)
    layout = next(own for own in layouts if own.name == seen.layout)
    columns = [c for c in load_contract(seen.table).columns if not c.startswith("_")]
    rows = [
        row
        for chunk in seen.chunks
        for batch in read_part(Part(seen, chunk, layout), columns)
        for row in batch.to_pylist()
    ]
    return seen, rows


def write_fgb(folder: Path, shapes: list[Any], system: str | None, kind: str) -> None:
    path = folder / "soil" / "samples" / "p.fgb"
    path.parent.mkdir(parents=True)
    pyogrio.raw.write(
        path, np.array(shapely.to_wkb(shapes), dtype=object), [np.full(len(shapes), 1.5)], ["soc_pct"],
        crs=system, geometry_type=kind, SPATIAL_INDEX="NO",
    )  # fmt: skip


@pytest.mark.filterwarnings("ignore:'crs' was not provided")
@pytest.mark.parametrize(
    ("system", "told"),
    [
        ("EPSG:3035", "EPSG:3035"),
        ("EPSG:4326", "EPSG:4326"),
        (None, "EPSG:4326"),
        ("ESRI:54009", "ESRI:54009"),
    ],
)
def test_the_header_of_a_flatgeobuf_names_the_system_of_every_point(
    system: str | None, told: str, tmp_path: Path
) -> None:
    write_fgb(tmp_path, [shapely.Point(4321001.0, 3210001.5)], system, "Point")
    seen, rows = rows_of(tmp_path, "samples", "p.fgb")
    assert seen.crs == told
    assert [(row["x"], row["y"], row["epsg"]) for row in rows] == [("4321001.0", "3210001.5", told)]
    assert ("it names no coordinate system" in seen.notes[-1]) == (system is None)


SHAPES: dict[str, tuple[Any, str, tuple[str | None, str | None], str]] = {
    "a point": (shapely.Point(5, 50), "Point", ("5.0", "50.0"), "Point"),
    "one of several": (shapely.MultiPoint([(5, 50)]), "MultiPoint", ("5.0", "50.0"), "Point"),
    "several": (shapely.MultiPoint([(5, 50), (6, 50)]), "MultiPoint", (None, None), "MultiPoint"),
    "an area": (shapely.box(5, 50, 6, 51), "Polygon", (None, None), "Polygon"),
    "none": (shapely.Point(), "Point", (None, None), "none"),
}


@pytest.mark.parametrize("name", SHAPES)
def test_a_geometry_says_what_it_is(name: str, tmp_path: Path) -> None:
    shape, kind, place, told = SHAPES[name]
    write_fgb(tmp_path, [shape], "EPSG:4326", kind)
    [row] = rows_of(tmp_path, "samples", "p.fgb")[1]
    assert ((row["x"], row["y"]), row["geometry_type"]) == (place, told)


@pytest.mark.parametrize(
    ("member", "told"),
    [
        ({"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::3035"}}, "EPSG:3035"),
        ({"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}, "EPSG:4326"),
        (None, "EPSG:4326"),
    ],
)
def test_a_geojson_names_its_system_in_the_member_crs(
    member: Any, told: str, tmp_path: Path
) -> None:
    shape = json.loads(shapely.to_geojson(shapely.box(0, 0, 1, 1)))
    feature = {"type": "Feature", "properties": {"NAME": "X", "ISO_N3": "056"}, "geometry": shape}
    path = tmp_path / "soil" / "boundaries" / "map.geojson"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"type": "FeatureCollection", "crs": member, "features": [feature]}))
    seen, rows = rows_of(tmp_path, "boundaries", "map.geojson")
    assert (seen.crs, [row["epsg"] for row in rows]) == (told, [told])
