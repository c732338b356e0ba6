"""The country of 100,000 made sites beside borders and coasts: by Sedona and by plain rows, against
whole countries in shapely.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from pyspark.sql import SparkSession
from strata.feeds.soil.countries import soil_country_cells, soil_site_countries

from tests.plain import plain_rows

pytestmark = [pytest.mark.spark, pytest.mark.nightly]

NATURAL_EARTH = (
    Path(__file__).parents[2] / "samples/soil/boundaries/natural_earth_10m_europe.geojson"
)
SITES = 100_000


def countries() -> dict[str, Any]:
    features = json.loads(NATURAL_EARTH.read_text())["features"]
    return {
        f["properties"]["name"]: shapely.make_valid(shapely.geometry.shape(f["geometry"]))
        for f in features
    }


def beside_borders(areas: dict[str, Any]) -> np.ndarray:
    """Half of them within a metre of a vertex, the rest up to 50 km away; one in 16 on a vertex."""
    lot = np.random.default_rng(2026)
    vertices = shapely.get_coordinates(list(areas.values()))
    chosen = vertices[lot.integers(0, len(vertices), SITES)]
    away = 10.0 ** lot.uniform(-8, np.where(np.arange(SITES) % 2, -5, -0.3))
    turn = lot.uniform(0, 2 * np.pi, SITES)
    away[::16] = 0
    places = chosen + np.column_stack([away * np.cos(turn), away * np.sin(turn)])
    return np.clip(places, [-179.99, -90], [179.99, 90])


def holders(areas: dict[str, Any], places: np.ndarray) -> list[list[str]]:
    """The names of the countries within 1e-9 degrees of each place, in longitude and in latitude, by
    whole countries.
    """
    names, shapes = np.array(list(areas)), list(areas.values())
    tree = shapely.STRtree(shapely.points(places))
    found: list[list[str]] = [[] for _ in places]
    for name, shape in zip(names, shapes, strict=True):
        shapely.prepare(shape)
        near = tree.query(shape.envelope.buffer(1e-6))
        (lon, lat), touch = places[near].T, 1e-9
        squares = shapely.box(lon - touch, lat - touch, lon + touch, lat + touch)
        for index in near[shapely.intersects(shape, squares)].tolist():
            found[index].append(str(name))
    return [sorted(names) for names in found]


def test_sites_beside_borders_have_the_country_of_brute_force(
    spark: SparkSession, tmp_path: Path
) -> None:
    areas = countries()
    places = beside_borders(areas)
    expected = holders(areas, places)
    told = spark.createDataFrame(
        [(name, name, name, bytearray(shape.wkb), "b", 1) for name, shape in areas.items()],
        "country_id string, country_code string, country_name string, boundary_wkb binary, "
        "_file_sha256 string, _record_number bigint",
    )
    sites = spark.createDataFrame(
        [(str(n), lon, lat, "f", n) for n, (lon, lat) in enumerate(places.tolist())],
        "site_id string, lon_deg double, lat_deg double, _file_sha256 string, _record_number bigint",
    )
    cells = soil_country_cells(told).localCheckpoint()
    rows = soil_site_countries(sites, cells).collect()
    assert len(rows) == SITES
    wrong = []
    rules = {"inside": 0, "border": 0, "coast": 0, "none": 0}
    for row in rows:
        names = expected[int(row["site_id"])]
        rules[row["rule"]] += 1
        rule = "inside" if len(names) == 1 else "border" if names else row["rule"]
        is_right = row["rule"] == rule and (
            row["country_name"] == names[0] if names else row["rule"] in ("coast", "none")
        )
        if not is_right:
            wrong.append((places[int(row["site_id"])].tolist(), names, row))
    assert wrong == []
    assert min(rules.values()) > 1_000
    read = {"silver.soil_sites": sites, "silver.soil_country_cells": cells}
    plain, left, _ = plain_rows(
        tmp_path,
        "silver.soil_site_countries",
        {name: [row.asDict() for row in frame.collect()] for name, frame in read.items()},
    )
    by_sedona = {row["site_id"]: row.asDict() for row in rows}
    assert [row for row in plain if row != by_sedona[row["site_id"]]] == []
    assert len(left) < 10
    assert len(plain) + len(left) == SITES
