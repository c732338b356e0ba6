"""Areas that clients submit as tables, beside `strata soil areas`, which is held to brute force."""

from __future__ import annotations

import json
from typing import Any

import pytest
import shapely
from pyspark.sql import DataFrame, SparkSession
from strata.declare.contract import load_contract, struct_type
from strata.feeds.soil.area_stats import sites_of
from strata.feeds.soil.area_stats import statistics as figures_of
from strata.feeds.soil.area_tables import soil_area_stats, soil_areas
from strata.feeds.soil.areas import check_area
from strata.feeds.soil.params import Params

from tests.unit.feeds.test_soil_areas import IDS, LAYERS, PLACES, ROWS, SHAPES, polygon

pytestmark = pytest.mark.spark

SQUARE, OTHER = SHAPES["square"], SHAPES["overlaps it"]
BOW_TIE = polygon([[8, 48], [10, 50], [10, 48], [8, 50], [8, 48]])
LINE = '{"type":"LineString","coordinates":[[0,0],[1,1]]}'
ANTIMERIDIAN = polygon([[-170, 10], [170, 10], [170, 12], [-170, 10]])

# (file, record, delivery, properties, geometry) -> (area, why it is rejected, why it is folded)
SUBMITTED: list[tuple[tuple[Any, ...], tuple[str, str | None, str | None]]] = [
    (("f", 1, None, {"name": "A"}, SQUARE), ("A", None, None)),
    (("g", 1, None, {"id": "A"}, SQUARE), ("A", None, "same area as another record")),
    (("f", 2, None, {}, BOW_TIE), ("f#2", None, None)),
    (("f", 3, None, {"name": "no area"}, LINE), ("no area", "this one is a LineString", None)),
    (("f", 4, None, {"name": "nothing"}, None), ("nothing", "must have a geometry", None)),
    (("f", 5, None, {"name": "far"}, ANTIMERIDIAN), ("far", "one spans 340", None)),
    (("f", 6, None, {"name": "two"}, SQUARE), ("two", "draw different areas", None)),
    (("f", 7, None, {"name": "two"}, OTHER), ("two", "draw different areas", None)),
    (("h", 1, "2024-01-01", {"name": "B"}, SQUARE),
     ("B", None, "superseded by a later delivery")),
    (("i", 1, "2024-02-01", {"name": "B"}, OTHER), ("B", None, None)),
]  # fmt: skip


def submitted(spark: SparkSession) -> DataFrame:
    rows = [
        (json.dumps(properties), geometry, "EPSG:4326", delivery, file, number)
        for (file, number, delivery, properties, geometry), _ in SUBMITTED
    ]
    return spark.createDataFrame(
        rows,
        "_extra string, geometry string, epsg string, _delivery_date string, "
        "_file_sha256 string, _record_number bigint",
    ).withColumn("_delivery_date", _date())


def _date() -> Any:
    from pyspark.sql import functions as F

    return F.to_date("_delivery_date")


def test_areas_are_repaired_refused_or_superseded(spark: SparkSession) -> None:
    found = {
        (r["_file_sha256"], r["_record_number"]): r for r in soil_areas(submitted(spark)).collect()
    }
    assert len(found) == len(SUBMITTED)
    for (file, number, *_), (area, reason, fold) in SUBMITTED:
        row = found[file, number]
        assert (row["area_id"], row["_fold"]) == (area, fold)
        assert len(row["_reasons"]) == (reason is not None)
        assert (reason or "") in "".join(row["_reasons"])
    bow_tie = found["f", 2]
    assert bow_tie["repaired"] == "self-intersection at 9 49"
    assert shapely.from_wkb(bytes(bow_tie["area_wkb"])).area == 2.0


PARAMS = (
    Params(samples=40, seed=11),
    Params(samples=60, method="cluster", clusters=2, seed=3, depth="0-30"),
    Params(samples=60, method="cluster_exact", seed=3),
)


@pytest.mark.parametrize("params", PARAMS, ids=lambda params: params.method)
def test_figures_are_those_of_the_command(spark: SparkSession, params: Params) -> None:
    """The last area has no site."""
    areas = {name: check_area(name, geojson, "EPSG:4326") for name, geojson in SHAPES.items()}
    sites = sites_of(ROWS, LAYERS, params.depth)
    wanted = {name: figures_of(area, sites, params) for name, area in areas.items()}

    def frame(rows: list[tuple[Any, ...]], schema: str) -> DataFrame:
        return spark.createDataFrame(rows, schema)

    found = soil_area_stats(
        frame([(a.name, bytearray(a.shape.wkb), a.km2) for a in areas.values()],
              "area_id string, area_wkb binary, area_km2 double"),
        frame([(site, *place) for site, place in zip(IDS, PLACES.tolist(), strict=True)],
              "site_id string, lon_deg double, lat_deg double"),
        frame([(o["site_id"], o["property"], o["upper_depth_cm"], o["lower_depth_cm"], value)
               for o in LAYERS for value in o["layer_values"]],
              "site_id string, property string, upper_depth_cm double, lower_depth_cm double, "
              "value double"),
        frame(list(zip(IDS, ROWS["s2_cell"], strict=True)),
              "site_id string, s2_cell bigint"),
        params=params,
    )  # fmt: skip
    contract = struct_type(load_contract("gold.soil_area_stats").fields)
    named = {field.name for field in contract} & set(found.columns)
    assert named >= {field.name for field in contract if not field.name.startswith("_")}
    rows = {row["area_id"]: row.asDict() for row in found.collect()}
    assert set(rows) == set(SHAPES)
    for name, own in wanted.items():
        told = {key: value for key, value in own.items() if key in rows[name]}
        assert len(told) == 14
        assert {key: rows[name][key] for key in told} == told, name
    assert rows["empty sea"]["n_sites"] == 0
    assert rows["empty sea"]["soc_ci95_rule"] == "none_too_few"
