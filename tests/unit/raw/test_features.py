"""Files of features in every format that scientists send: one table, and what is refused."""

from __future__ import annotations

import io
import json
import math
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import shapely
from pyarrow import parquet
from pyogrio import raw as gdal
from strata.declare.layout import Layout
from strata.declare.source_contract import load_layouts
from strata.errors import BadFile
from strata.fs.listing import RawFile
from strata.raw.look import Look, look
from strata.raw.members import look_all
from strata.raw.read import Part, read_part

LAYOUTS = [layout for layout in load_layouts("soil") if layout.source == "samples"]
BOUNDARIES = [layout for layout in load_layouts("soil") if layout.source == "boundaries"]
KEPT = (
    "source_site_id", "x", "y", "geometry_type", "soc", "clay", "upper_depth_cm", "epsg",
)  # fmt: skip

PLACES = [(5.9, 50.6), (6.1, 49.61), (-3.7, 40.4)]
TABLE = pa.table(
    {
        "site_id": ["a", "b", "c"],
        "soc_pct": [1.5, 0.1, 0.25],
        "clay_pct": [10.0, 20.5, None],
        "upper_depth_cm": pa.array([0, 5, 10], pa.int32()),
        "note": ["x", None, "é"],
        "geometry": shapely.to_wkb(shapely.points(PLACES)),
    }
)
EXPECTED = [
    ("a", "5.9", "50.6", "Point", "1.5", "10.0", "0", "EPSG:4326"),
    ("b", "6.1", "49.61", "Point", "0.1", "20.5", "5", "EPSG:4326"),
    ("c", "-3.7", "40.4", "Point", "0.25", None, "10", "EPSG:4326"),
]


# --- files ----------------------------------------------------------------------------------------


def by_gdal(folder: Path, name: str, driver: str, table: pa.Table = TABLE, **options: Any) -> Path:
    path = folder / name
    told = {"geometry_name": "geometry", "geometry_type": "Point", "crs": "EPSG:4326"} | options
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CPL_LOG", "/dev/null")
        gdal.write_arrow(table, str(path), driver=driver, **told)
    return path


def shapefile(folder: Path, table: pa.Table = TABLE, **options: Any) -> Path:
    """Its parts in a folder of a zip, beside a readme, as sites give them."""
    by_gdal(folder, "soil.shp", "ESRI Shapefile", table, **options)
    target = folder / "soil.zip"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as sink:
        for part in sorted(folder.glob("soil.*")):
            if part != target:
                sink.write(part, f"data/{part.name}")
        sink.writestr("data/README.txt", "made here")
    return target


def geoparquet(folder: Path, crs: Any = "none", table: pa.Table = TABLE, **column: Any) -> Path:
    own = {"encoding": "WKB", "geometry_types": ["Point"]} | column
    if crs != "none":
        own["crs"] = crs
    geo = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": own}}
    path = folder / "soil.parquet"
    parquet.write_table(table.replace_schema_metadata({"geo": json.dumps(geo)}), path)
    return path


WRITERS = {
    "geopackage": lambda folder: by_gdal(folder, "soil.gpkg", "GPKG"),
    "flatgeobuf": lambda folder: by_gdal(
        folder, "soil.fgb", "FlatGeobuf", layer_options={"SPATIAL_INDEX": "NO"}
    ),
    "geojson": lambda folder: by_gdal(folder, "soil.geojson", "GeoJSON"),
    "geojson, a feature a line": lambda folder: by_gdal(folder, "soil.geojsonl", "GeoJSONSeq"),
    "kml": lambda folder: by_gdal(folder, "soil.kml", "LIBKML"),
    "shapefile": shapefile,
    "geoparquet": geoparquet,
    "geoparquet with its system": lambda folder: geoparquet(
        folder, {"id": {"authority": "EPSG", "code": 4326}}
    ),
}


UNITS = TABLE.set_column(4, "note", pa.array(["g/kg", None, "g/kg"]))
WITH_UNITS = {
    "geopackage": lambda folder: by_gdal(folder, "soil.gpkg", "GPKG", UNITS),
    "flatgeobuf": lambda folder: by_gdal(folder, "soil.fgb", "FlatGeobuf", UNITS),
    "geojson": lambda folder: by_gdal(folder, "soil.geojson", "GeoJSON", UNITS),
    "kml": lambda folder: by_gdal(folder, "soil.kml", "LIBKML", UNITS),
    "shapefile": lambda folder: shapefile(folder, UNITS),
    "geoparquet": lambda folder: geoparquet(folder, table=UNITS),
}


def listed(path: Path) -> RawFile:
    return RawFile(path.name, str(path), path.stat().st_size)


def rows_of(seen: Look, layouts: list[Layout] = LAYOUTS) -> list[dict[str, Any]]:
    own = next(layout for layout in layouts if layout.name == seen.layout)
    columns = (*own.columns, own.crs or "")
    return [
        row
        for chunk in seen.chunks
        for batch in read_part(Part(seen, chunk, own), columns)
        for row in batch.to_pylist()
    ]


def look_and_read(path: Path) -> list[dict[str, Any]]:
    found = look_all(listed(path), LAYOUTS)
    if found.refused:
        raise found.refused[0][1]
    return rows_of(found.looks[0])


# --- one table in every format --------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:Normalized/laundered field name")
@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_same_rows(tmp_path: Path, name: str) -> None:
    rows = look_and_read(WRITERS[name](tmp_path))
    assert [tuple(row[key] for key in KEPT) for row in rows] == EXPECTED
    assert [row["_record_number"] for row in rows] == [1, 2, 3]
    extra = [json.loads(row["_extra"] or "{}") for row in rows]
    assert [own.get("note", own.get("properties.note")) for own in extra] == ["x", None, "é"]


@pytest.mark.filterwarnings("ignore:Normalized/laundered field name")
@pytest.mark.parametrize(
    "write", [shapefile, lambda folder, **own: by_gdal(folder, "soil.gpkg", "GPKG", **own)]
)
def test_the_system_that_a_file_names_is_kept(tmp_path: Path, write: Any) -> None:
    assert {row["epsg"] for row in look_and_read(write(tmp_path, crs="EPSG:3035"))} == {"EPSG:3035"}


@pytest.mark.parametrize("crs", ["none", None])
def test_an_unknown_system_of_geoparquet_is_told(tmp_path: Path, crs: Any) -> None:
    """No key means longitude and latitude, null that nobody knows; others make the one of the
    other: findings/geoparquet_unknown_crs.sh.
    """
    [seen] = look_all(listed(geoparquet(tmp_path, crs)), LAYOUTS).looks
    told = [note for note in seen.notes if note.startswith("it names no coordinate system")]
    assert (seen.crs, bool(told)) == ("EPSG:4326", crs is None)


def test_a_large_file_is_read_in_shares(tmp_path: Path) -> None:
    """Two tasks read a GeoPackage of 1,001 points, and give each once."""
    count = 1_001
    table = pa.table(
        {
            "site_id": [f"p{n}" for n in range(count)],
            "soc_pct": [1.0] * count,
            "geometry": shapely.to_wkb(shapely.points([(n / count, 50) for n in range(count)])),
        }
    )
    path = by_gdal(tmp_path, "soil.gpkg", "GPKG", table, layer_options={"SPATIAL_INDEX": "NO"})
    seen = look(listed(path), LAYOUTS, chunk_bytes=path.stat().st_size - 1)
    assert [chunk.records for chunk in seen.chunks] == [500, 501]
    assert (seen.chunks[0].start, seen.chunks[1].end) == (0, path.stat().st_size)
    rows = rows_of(seen)
    assert [row["source_site_id"] for row in rows] == table["site_id"].to_pylist()


def test_what_is_no_point_says_what_it_is(tmp_path: Path) -> None:
    shapes = ["POINT (1 2)", "MULTIPOINT ((3 4))", "POINT EMPTY", "LINESTRING (0 0, 1 1)", None]
    features = [
        {
            "type": "Feature",
            "properties": {"soc_pct": 1},
            "geometry": json.loads(shapely.to_geojson(shapely.from_wkt(text))) if text else None,
        }
        for text in shapes
    ]
    path = tmp_path / "soil.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    assert [(row["geometry_type"], row["x"], row["y"]) for row in look_and_read(path)] == [
        ("Point", "1.0", "2.0"), ("Point", "3.0", "4.0"), ("empty", None, None),
        ("LineString", None, None), ("none", None, None),
    ]  # fmt: skip


def test_a_number_of_geojson_keeps_its_digits_and_text_stays_text(tmp_path: Path) -> None:
    path = tmp_path / "soil.geojson"
    path.write_text(
        '{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"soc_pct":1.50,'
        '"site_id":-4611686018427387905,"sample_id":9223372036854775808,"clay_pct":"a few"},'
        '"geometry":{"type":"Point",'
        '"coordinates":[NaN,50.5,12]}}]}'
    )
    [row] = look_and_read(path)
    assert [row[key] for key in ("soc", "clay", "x", "y")] == ["1.50", "a few", None, "50.5"]
    # An S2 cell as site; GDAL makes a float of it: findings/gdal_geojson_negative_int64.sh.
    assert row["source_site_id"] == "-4611686018427387905"
    # GDAL refuses the file for this number: findings/gdal_geojson_19_digits.sh.
    assert row["source_sample_id"] == "9223372036854775808"


def test_a_whole_number_of_a_binary_file_keeps_its_digits_beside_a_gap(tmp_path: Path) -> None:
    # An H3 cell as site. By Arrow and as uint64, GDAL stores a float: gdal_arrow_uint64_cells.sh.
    cells = pa.array([621496748577128447, None, -4611686018427387905], pa.int64())
    table = TABLE.set_column(0, "site_id", cells)
    packed = look_and_read(by_gdal(tmp_path, "soil.gpkg", "GPKG", table))
    flat = by_gdal(tmp_path, "soil.fgb", "FlatGeobuf", table, layer_options={"SPATIAL_INDEX": "NO"})
    expected = ["621496748577128447", None, "-4611686018427387905"]
    assert [row["source_site_id"] for row in packed] == expected
    assert [row["source_site_id"] for row in look_and_read(flat)] == expected


@pytest.mark.filterwarnings("ignore:Normalized/laundered field name")
@pytest.mark.parametrize("driver", ["FlatGeobuf", "GPKG", "GeoParquet"])
def test_nan_in_a_binary_file_is_a_gap(tmp_path: Path, driver: str) -> None:
    """As programs write what a feature lacks: findings/flatgeobuf_js_missing_properties.sh."""
    table = TABLE.set_column(1, "soc_pct", pa.array([1.5, math.nan, 0.0]))
    path = (
        geoparquet(tmp_path, table=table)
        if driver == "GeoParquet"
        else by_gdal(tmp_path, "soil.fgb" if driver == "FlatGeobuf" else "soil.gpkg", driver, table,
                     layer_options={"SPATIAL_INDEX": "NO"})
    )  # fmt: skip
    assert [row["soc"] for row in look_and_read(path)] == ["1.5", None, "0.0"]


# --- LUCAS topsoil as its Shapefile ---------------------------------------------------------------

LUCAS: dict[str, tuple[dict[str, list[Any]], tuple[str | None, ...]]] = {
    "lucas_2015_shapefile": (
        {"Point_ID": [26581768], "Coarse": [6], "Clay": [25], "Sand": [14], "Silt": [61],
         "pH_CaCl2": [7.2], "pH_H20": [7.8], "EC": [14.3], "OC": [18.4], "CaCO3": [36],
         "Elevation": [124], "Soil_Stones": [10], "NUTS_0": ["ES"], "LC1_Desc": ["Barley"]},
        ("26581768", "18.4", "g/kg", "25", "%", "0", "20", None, "2015"),
    ),
    "lucas_2018_shapefile": (
        {"Depth": ["0-20 cm"], "POINTID": [47862690], "pH_CaCl2": [4.1], "OC": ["12.4"],
         "NUTS_0": ["AT"], "TH_LAT": [47.15], "TH_LONG": [14.66], "SURVEY_DATE": ["06-07-18"]},
        ("47862690", "12.4", "g/kg", None, None, None, None, "0-20 cm", "2018"),
    ),
}  # fmt: skip
TOLD = (
    "source_site_id", "soc", "soc_unit", "clay", "clay_unit", "upper_depth_cm", "lower_depth_cm",
    "depth_range", "sampled_on",
)  # fmt: skip


@pytest.mark.filterwarnings("ignore:Normalized/laundered field name")
@pytest.mark.parametrize("name", LUCAS)
def test_lucas_is_known_as_its_shapefile(tmp_path: Path, name: str) -> None:
    columns, told = LUCAS[name]
    table = pa.table(columns | {"geometry": shapely.to_wkb(shapely.points([(14.66, 47.15)]))})
    [seen] = look_all(listed(shapefile(tmp_path, table)), LAYOUTS).looks
    assert seen.layout == name
    own = next(layout for layout in LAYOUTS if layout.name == name)
    [chunk] = seen.chunks
    [row] = next(iter(read_part(Part(seen, chunk, own), own.bronze_columns))).to_pylist()
    assert tuple(row.get(key) for key in TOLD) == told
    assert (row["x"], row["y"], row["epsg"]) == ("14.66", "47.15", "EPSG:4326")


# --- boundaries as people download them -----------------------------------------------------------

AREA = {"geometry": [shapely.to_wkb(shapely.box(0, 0, 1, 1))]}
DOWNLOADS = {
    "natural_earth_full": {"NAME": ["France"], "ISO_A3": ["-99"], "ISO_N3": ["250"],
                           "ISO_A2_EH": ["FR"], "ISO_A3_EH": ["FRA"]},
    "geoboundaries": {"shapeName": ["France"], "shapeGroup": ["FRA"], "shapeType": ["ADM0"]},
    "gisco_countries": {"CNTR_ID": ["EL"], "NAME_ENGL": ["Greece"], "ISO3_CODE": ["GRC"]},
    "nuts": {"NUTS_ID": ["EL"], "LEVL_CODE": [0], "CNTR_CODE": ["EL"], "NAME_LATN": ["Elláda"]},
}  # fmt: skip


@pytest.mark.parametrize("name", DOWNLOADS)
def test_boundaries_are_read_as_they_are_downloaded(tmp_path: Path, name: str) -> None:
    for own in ("zip", "gpkg", "geojson"):
        folder = tmp_path / own
        folder.mkdir()
        table = pa.table(DOWNLOADS[name] | AREA)
        how = {"geometry_type": "Polygon"}
        path = (
            shapefile(folder, table, **how)
            if own == "zip"
            else by_gdal(
                folder, f"x.{own}", {"gpkg": "GPKG", "geojson": "GeoJSON"}[own], table, **how
            )
        )
        [seen] = look_all(listed(path), BOUNDARIES).looks
        assert seen.layout == name
        [row] = rows_of(seen, BOUNDARIES)
        assert shapely.from_geojson(row["geometry"]).equals(shapely.box(0, 0, 1, 1))


# --- what is refused ------------------------------------------------------------------------------


def damaged(path: Path, share: float = 0.6) -> Path:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


def zip_of(folder: Path, **parts: bytes) -> Path:
    path = folder / "x.zip"
    with zipfile.ZipFile(path, "w") as sink:
        for name, content in parts.items():
            sink.writestr(name.replace("_", "."), content)
    return path


def written(folder: Path, name: str, content: bytes) -> Path:
    (folder / name).write_bytes(content)
    return folder / name


def two_layers(folder: Path) -> Path:
    path = by_gdal(folder, "soil.gpkg", "GPKG", layer="first")
    return by_gdal(folder, "soil.gpkg", "GPKG", layer="second", append=True) and path


def plain_parquet(folder: Path) -> Path:
    sink = io.BytesIO()
    parquet.write_table(pa.table({"lon": [1.0], "soc_pct": [2.0]}), sink)
    return written(folder, "x.parquet", sink.getvalue())


REFUSED = {
    "GeoPackage cut off": (
        lambda f: damaged(by_gdal(f, "soil.gpkg", "GPKG"), 0.3), "the file must be sound; GDAL"),
    "GeoParquet cut off": (lambda f: damaged(geoparquet(f)), "the file must be sound; GDAL says"),
    "GeoJSON cut off": (
        lambda f: damaged(by_gdal(f, "soil.geojson", "GeoJSON")), "JSON must be sound to its last"),
    "FlatGeobuf cut off": (
        lambda f: damaged(by_gdal(f, "soil.fgb", "FlatGeobuf"), 0.9), "the file must be whole"),
    "Parquet without geometry": (plain_parquet, "is GeoParquet, with its metadata geo"),
    "a Shapefile's .shp alone": (
        lambda f: zip_of(f, x_shp=b"\0" * 100), "this one lacks .shx and .dbf"),
    "two Shapefiles": (
        lambda f: zip_of(f, x_shp=b"", y_shp=b""), "a zip holds one Shapefile; this one holds 2"),
    "two layers": (two_layers, "'first', 'second' all fit a layout: keep one"),
    "KML with entities": (
        lambda f: written(f, "x.kml", b'<?xml version="1.0"?><!DOCTYPE k [<!ENTITY a "b">]><kml/>'),
        "no document type and no entities"),
    "a database that is no GeoPackage": (
        lambda f: written(f, "x.gpkg", b"SQLite format 3\0" + b"\0" * 200),
        "this one is an SQLite database"),
    "columns that no layout has": (
        lambda f: by_gdal(f, "soil.gpkg", "GPKG", TABLE.select(["note", "geometry"])),
        "must have one of 'clay_pct', 'soc_pct'"),
    "a unit that nobody reads": (
        lambda f: by_gdal(
            f, "soil.gpkg", "GPKG", TABLE.append_column("soc_unit", [["%", "%", "g/kg"]])),
        "'soc_unit' may, and points_fgb does not name it"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_cannot_be_read_safely_is_refused(tmp_path: Path, name: str) -> None:
    make, said = REFUSED[name]
    with pytest.raises(BadFile) as caught:
        look_and_read(make(tmp_path))
    assert said in str(caught.value)
    assert str(tmp_path) not in str(caught.value).replace(f"{tmp_path.name}/", "")


@pytest.mark.parametrize("kind", WITH_UNITS)
def test_a_field_that_holds_units_is_found_in_every_format(kind: str, tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"note', which holds a unit, as g/kg, may"):
        look(listed(WITH_UNITS[kind](tmp_path)), LAYOUTS)
