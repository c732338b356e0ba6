"""Clients' areas: what is repaired, what is refused and why, and the figures against brute force."""

from __future__ import annotations

import hashlib
import itertools
import json
import statistics
from typing import Any

import numpy as np
import pytest
from pyproj import Geod, Transformer
from scipy import stats as scipy_stats
from strata.feeds.soil.area_stats import holds, sites_of
from strata.feeds.soil.area_stats import statistics as figures_of
from strata.feeds.soil.areas import check_area, name_of, properties_of
from strata.feeds.soil.params import Params

SQUARE = [[5, 50], [7, 50], [7, 52], [5, 52], [5, 50]]


def polygon(*rings: list[list[float]]) -> str:
    return json.dumps({"type": "Polygon", "coordinates": list(rings)})


# --- areas ----------------------------------------------------------------------------------------

REFUSED = {
    None: "an area must have a geometry; it has none",
    '{"type":"LineString","coordinates":[[0,0],[1,1]]}': "this one is a LineString",
    '{"type":"Point","coordinates":[0,0]}': "this one is a Point",
    '{"type":"Polygon","coordinates":[]}': "an area must not be empty",
    polygon([[8, 48], [10, 48], [9, 49]]): "must be closed",
    polygon([[8, 48], [10, 48], [8, 48], [8, 48]]): "1 m² or more; it has 0",
    polygon([[0, 0], [1e-7, 0], [1e-7, 1e-7], [0, 0]]): "1 m² or more",
    polygon([[51, 95], [52, 95], [52, 96], [51, 95]]): "latitude in [-90, 90]; the largest are 52"
    " and 96: longitude and latitude seem to be exchanged",
    polygon([[4e5, 5e6], [5e5, 5e6], [5e5, 6e6], [4e5, 5e6]]): "if its coordinates are metres",
    polygon([[-170, 10], [170, 10], [170, 12], [-170, 10]]): "one spans 340: cut the area at",
    polygon([[-90, -89], [0, 89], [90, -89], [-90, -89]]): "one spans 180",
    polygon([[-80, -89], [-20, 89], [20, 89], [80, -89], [-80, -89]]): "at most 20,000,000 km²",
    "{": "must be closed",
    polygon(SQUARE, []): "of four places or more",
    json.dumps({"type": "MultiPolygon", "coordinates": [[], [SQUARE]]}): "of four places or more",
    json.dumps({"type": "MultiPolygon", "coordinates": [[[]], [SQUARE]]}): "of four places or more",
}  # fmt: skip


@pytest.mark.parametrize("geojson", REFUSED)
def test_an_area_is_refused_with_the_reason(geojson: str | None) -> None:
    area = check_area("a", geojson, "EPSG:4326")
    assert (area.shape, area.km2) == (None, None)
    assert REFUSED[geojson] in area.refused
    assert figures_of(area, sites_of(NOWHERE, [], "all"), Params()) == {
        "area": "a", "area_km2": None, "repaired": None, "refused": area.refused,
    }  # fmt: skip


def test_a_vertex_too_many_is_refused() -> None:
    turn = np.append(np.linspace(0, 6.28, 200_001), 0)
    places = np.column_stack([5 + np.cos(turn), 50 + np.sin(turn)]).round(9).tolist()
    assert "at most 200,000 vertices" in check_area("a", polygon(places), "EPSG:4326").refused


def test_a_bow_tie_is_repaired_and_told() -> None:
    area = check_area("a", polygon([[8, 48], [10, 50], [10, 48], [8, 50], [8, 48]]), "EPSG:4326")
    assert area.repaired == "self-intersection at 9 49"
    assert area.shape is not None
    assert (area.shape.is_valid, area.shape.area) == (True, 2.0)


def test_the_size_is_geodesic_and_holes_do_not_count() -> None:
    hole = [[5.5, 50.5], [6.5, 50.5], [6.5, 51.5], [5.5, 51.5], [5.5, 50.5]]
    area = check_area("a", polygon(SQUARE, hole), "EPSG:4326")
    geod = Geod(ellps="WGS84")
    sizes = [
        abs(geod.polygon_area_perimeter(*zip(*ring, strict=True))[0]) for ring in (SQUARE, hole)
    ]
    assert area.km2 == pytest.approx((sizes[0] - sizes[1]) / 1e6, rel=1e-12)


def test_an_area_is_transformed_from_the_system_of_its_file() -> None:
    move = Transformer.from_crs(4326, 3035, always_xy=True).transform
    area = check_area("a", polygon([list(move(*place)) for place in SQUARE]), "EPSG:3035")
    assert area.shape is not None
    assert area.shape.bounds == pytest.approx((5, 50, 7, 52), abs=1e-7)


@pytest.mark.parametrize("epsg", ["EPSG:1", "a system of my own"])
def test_a_system_that_nobody_knows_is_refused(epsg: str) -> None:
    assert "must be one of EPSG" in check_area("a", polygon(SQUARE), epsg).refused


@pytest.mark.parametrize(
    ("extra", "properties"),
    [
        (None, {}),
        ('{"properties": null, "id": 7}', {"id": 7}),
        ('{"properties": {"name": "moor"}, "id": 7}', {"name": "moor", "id": 7}),
        ('{"properties": "{\\"name\\": \\"moor\\"}"}', {"name": "moor"}),
        ('{"properties": "wet meadow", "name": "moor"}', {"properties": "wet meadow", "name": "moor"}),
        ('{"properties": [1], "name": "moor"}', {"properties": [1], "name": "moor"}),
        ('{"properties": "[1]"}', {"properties": "[1]"}),
        ('{"properties": "5"}', {"properties": "5"}),
    ],
)  # fmt: skip
def test_a_field_named_properties_need_not_hold_them(
    extra: str | None, properties: dict[str, Any]
) -> None:
    assert properties_of(extra) == properties
    assert name_of(properties_of(extra)) == str(properties.get("name", properties.get("id", "")))


# --- figures --------------------------------------------------------------------------------------

NOWHERE: dict[str, list[Any]] = {"site_id": [], "lon_deg": [], "lat_deg": [], "s2_cell": []}
LOT = np.random.default_rng(8)
COUNT = 2_000
PLACES = np.column_stack([LOT.uniform(4, 8, COUNT), LOT.uniform(49, 53, COUNT)]).round(4)
IDS = [f"s{n}" for n in range(COUNT)]
# Every tenth site has no organic carbon, every third no clay; some have two layers, one without
# depths.
LAYERS = [
    {"site_id": IDS[n], "property": "soc", "upper_depth_cm": top, "lower_depth_cm": bottom,
     "layer_values": [float(LOT.uniform(0, 8)) for _ in range(1 + n % 2)]}
    for n in range(COUNT) if n % 10
    for top, bottom in ([(0.0, 10.0), (10.0, 50.0)] if n % 4 else [(None, None)])
] + [
    {"site_id": IDS[n], "property": "clay", "upper_depth_cm": 0.0, "lower_depth_cm": 30.0,
     "layer_values": [float(LOT.uniform(0, 1))]}
    for n in range(COUNT) if n % 3
]  # fmt: skip
ROWS = {
    "site_id": IDS, "lon_deg": PLACES[:, 0], "lat_deg": PLACES[:, 1],
    "s2_cell": [(n * 7919) % COUNT - COUNT // 2 for n in range(COUNT)],
}  # fmt: skip
SHAPES = {
    "square": polygon(SQUARE),
    "overlaps it": polygon([[6, 51], [7.5, 51], [7.5, 52.5], [6, 52.5], [6, 51]]),
    "with a hole": polygon(SQUARE, [[5.5, 50.5], [6.5, 50.5], [6.5, 51.5], [5.5, 51.5], [5.5, 50.5]]),
    "crooked": polygon([[4.3, 49.2], [7.9, 50.1], [6.2, 50.9], [7.1, 52.8], [4.9, 51.7], [4.3, 49.2]]),
    "empty sea": polygon([[20, 60], [21, 60], [21, 61], [20, 60]]),
}  # fmt: skip


def crosses(ring: list[list[float]], x: float, y: float) -> bool:
    """Whether a ray to the east crosses the ring an odd number of times."""
    inside = False
    for (x1, y1), (x2, y2) in itertools.pairwise(ring):
        if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
            inside = not inside
    return inside


def value_of(site: str, name: str, depth: str) -> float | None:
    """A site's value in another way: fractions of the thickness, one layer after the other."""
    told = [layer for layer in LAYERS if layer["site_id"] == site and layer["property"] == name]
    if any(layer["upper_depth_cm"] is None for layer in told):
        return statistics.fmean(told[0]["layer_values"]) if depth == "all" else None
    reach = 30.0 if depth == "0-30" else float("inf")
    cm = [max(0.0, min(layer["lower_depth_cm"], reach) - layer["upper_depth_cm"]) for layer in told]
    means = [statistics.fmean(layer["layer_values"]) for layer in told]
    return sum(m * c for m, c in zip(means, cm, strict=True)) / sum(cm) if sum(cm) else None


@pytest.mark.parametrize("depth", ["all", "0-30"])
def test_figures_equal_brute_force(depth: str) -> None:
    """Each area by itself: sites by rays, the draw by sorting hashes, Student's t by scipy."""
    sites = sites_of(ROWS, LAYERS, depth)
    params = Params(samples=40, seed=11, depth=depth)
    totals = []
    for name, geojson in SHAPES.items():
        found = figures_of(check_area(name, geojson, "EPSG:4326"), sites, params)
        rings = json.loads(geojson)["coordinates"]
        inside = [
            site for site, (x, y) in zip(IDS, PLACES.tolist(), strict=True)
            if sum(crosses(ring, x, y) for ring in rings) % 2
        ]  # fmt: skip
        soc = {
            site: value for site in inside if (value := value_of(site, "soc", depth)) is not None
        }
        drawn = sorted(soc, key=lambda site: hashlib.sha256(f"11|{site}".encode()).hexdigest())[:40]
        clay = [value for site in drawn if (value := value_of(site, "clay", depth)) is not None]
        assert (found["n_sites"], found["n_available"], found["n_drawn"], found["n_clay"]) == (
            len(inside), len(soc), len(drawn), len(clay),
        )  # fmt: skip
        totals.append(len(inside))
        if not drawn:
            assert found["soc_mean_pct"] is None
            continue
        values = [soc[site] for site in drawn]
        spread = statistics.variance(values)
        half = (
            scipy_stats.t.ppf(0.975, len(values) - 1)
            * (spread / len(values) * (1 - len(values) / len(soc))) ** 0.5
        )
        assert found["soc_mean_pct"] == pytest.approx(statistics.fmean(values), rel=1e-12)
        assert found["soc_variance_pct2"] == pytest.approx(spread, rel=1e-12)
        assert found["soc_ci95_upper_pct"] - found["soc_mean_pct"] == pytest.approx(half, rel=1e-9)
        assert found["clay_mean_fraction"] == pytest.approx(statistics.fmean(clay), rel=1e-12)
    assert min(totals[:4]) > 100
    assert totals[4] == 0


def test_each_site_is_drawn_as_often_as_its_probability_says() -> None:
    """The sites' values are powers of two, so that their sum tells which were drawn."""
    ids, drawn, seeds = [f"s{n}" for n in range(12)], [0] * 12, 1_000
    rows = {
        "site_id": ids, "lon_deg": [6.0] * 12, "lat_deg": [51.0] * 12, "s2_cell": list(range(12)),
    }  # fmt: skip
    told = [
        {"site_id": site, "property": "soc", "upper_depth_cm": 0.0, "lower_depth_cm": 10.0,
         "layer_values": [float(2**n)]}
        for n, site in enumerate(ids)
    ]  # fmt: skip
    sites, area = sites_of(rows, told, "all"), check_area("a", SHAPES["square"], "EPSG:4326")
    for seed in range(seeds):
        found = figures_of(area, sites, Params(samples=5, seed=seed))
        total = round(found["soc_mean_pct"] * 5)
        assert total.bit_count() == 5
        drawn = [count + (total >> n & 1) for n, count in enumerate(drawn)]
    # Four standard errors of a share of 1,000 draws with 5 / 12 are 0.062.
    assert [count / seeds for count in drawn] == pytest.approx([5 / 12] * 12, abs=0.062)


def test_areas_that_overlap_each_have_their_sites() -> None:
    one, two = (
        holds(check_area(name, SHAPES[name], "EPSG:4326").shape, PLACES[:, 0], PLACES[:, 1])
        for name in ("square", "overlaps it")
    )
    both = [n for n, (x, y) in enumerate(PLACES.tolist()) if 6 < x < 7 and 51 < y < 52]
    assert set(both) <= set(np.flatnonzero(one & two).tolist())
    assert len(both) > 50


def test_a_site_on_the_edge_lies_in_the_area() -> None:
    shape = check_area("a", SHAPES["square"], "EPSG:4326").shape
    lon, lat = np.array([5.0, 5.0 - 5e-10, 5.0 - 5e-9, 7.0]), np.array([51.0, 51.0, 51.0, 52.0])
    assert holds(shape, lon, lat).tolist() == [True, True, False, True]


def test_clusters_follow_the_curve() -> None:
    """Two of the clusters of an area: each a row of neighbours in the order of their cells."""
    sites = sites_of(ROWS, LAYERS, "all")
    area = check_area("square", SHAPES["square"], "EPSG:4326")
    found = figures_of(area, sites, Params(samples=60, method="cluster", clusters=2, seed=3))
    assert found["n_drawn"] in (60, 59, 61)
    assert found["n_clusters"] == round(found["n_available"] / 30)
    assert found["inclusion_probability_least"] == pytest.approx(2 / found["n_clusters"])
    exact = figures_of(area, sites, Params(samples=60, method="cluster_exact", seed=3))
    assert (exact["n_drawn"], exact["soc_ci95_rule"]) == (60, "none_one_cluster")
