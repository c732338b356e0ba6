"""Countries, ranks and statistics of many sites without Spark, against whole areas in shapely, the
S2 cells of another library, and exact fractions.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import s2sphere
import shapely
from pyproj import Geod
from strata.feeds.soil.countries import COAST_M
from strata.kit import cells, s2

from tests.feeds import oracle_soil as oracle
from tests.plain import Row, plain_rows
from tests.unit.test_cells import countries, made_points

SITES, CELLS = "silver.soil_sites", "silver.soil_country_cells"
SITE_COUNTRIES, RANKS = "silver.soil_site_countries", "silver.soil_curve_ranks"
STATS, MEASUREMENTS = "gold.soil_country_stats", "silver.soil_measurements"

_CHOSEN = ("Belgium", "Netherlands", "Italy", "San Marino", "Dateline", "Pole")
AREAS = {name: area for name, area in countries().items() if name in _CHOSEN} | {
    "Square": shapely.box(10, -1, 11, 1),
    "Over Square": shapely.box(10.75, -0.25, 12, 0.25),
}
SHA = "f" * 64


def numbered(rows: list[Row]) -> list[Row]:
    return [row | {"_file_sha256": SHA, "_record_number": n} for n, row in enumerate(rows, 1)]


@pytest.fixture(scope="module")
def mapped() -> list[Row]:
    """The areas as cells; one of them has no code."""
    found = []
    for name, area in AREAS.items():
        of = {"country_id": name, "country_code": None if name == "Pole" else name[:2].upper()}
        for cell, is_whole, is_touching, piece in cells.cells_of(area.wkb, COAST_M):
            told = {"cell_id": cell, "is_whole": is_whole, "is_touching": is_touching}
            found.append(of | told | {"country_name": f"{name} by name", "piece_wkb": piece})
    return numbered(found)


def site_countries(
    folder: Path, mapped: list[Row], places: np.ndarray, tasks: int = 1
) -> tuple[dict[str, Row], set[str]]:
    """The rows that are written, by site, and the sites that are left to the transform."""
    sites = [{"site_id": f"s{n}", "lon_deg": x, "lat_deg": y} for n, (x, y) in enumerate(places)]
    inputs = {SITES: numbered(sites), CELLS: mapped}
    rows, left, _ = plain_rows(folder, SITE_COUNTRIES, inputs, tasks)
    return {row["site_id"]: row for row in rows}, {row["site_id"] for row in left}


def s2_of(lon: float, lat: float) -> int:
    number = oracle.curve_place(lon, lat)
    return number - 2**64 if number >= 2**63 else number


def test_sites_have_the_country_of_brute_force(mapped: list[Row], tmp_path: Path) -> None:
    places = np.vstack([made_points(AREAS, 5, 8), [[10.9, 0.2], [11, 0.25], [11.5, 0.1]]]).round(9)
    rows, left = site_countries(tmp_path, mapped, places)
    rules = set()
    for n, (lon, lat) in enumerate(places.tolist()):
        if (site := f"s{n}") in left:
            continue
        found, row = oracle.find_country(lon, lat, AREAS), rows[site]
        assert (row["country_id"], row["rule"]) == found[:2], (lon, lat)
        # The independent program looks for the nearest place in steps of a metre.
        near = None if found.distance_m is None else pytest.approx(found.distance_m, abs=0.6)
        assert row["coast_distance_m"] == near, (lon, lat)
        name = None if found.country is None else f"{found.country} by name"
        assert (row["country_name"], row["s2_cell"]) == (name, s2_of(lon, lat))
        rules.add(row["rule"])
    assert rules == {"inside", "border", "coast", "none"}
    assert rows.keys() | left == {f"s{n}" for n in range(len(places))}
    # The antimeridian and the poles are edges of S2 cells.
    inner = np.flatnonzero((np.abs(places) < [180, 90]).all(axis=1))
    assert len(left & {f"s{n}" for n in inner}) < len(inner) / 20


@pytest.mark.parametrize("tasks", [1, 0])
def test_a_site_that_rounding_decides_is_left_to_the_transform(
    mapped: list[Row], tmp_path: Path, tasks: int
) -> None:
    """Half way between two millimetres from the shore, and on the edge of an S2 cell; by a task,
    and by this process.
    """
    places = []
    for metres in (100.0005, 100.00051, 4999.9995, 5000.0005, 5000.6):
        lon, lat, _ = Geod(ellps="WGS84").fwd(10, 0, 270, metres)
        # Off the equator by less than a millimetre: on it every position is on an edge.
        places.append((lon, lat + 1.7e-9))
    rows, left = site_countries(
        tmp_path, mapped, np.array([*places, (45.0, 3.3), (3.3, 0.0)]), tasks
    )
    assert left == {"s0", "s2", "s3", "s5", "s6"}
    told = {site: (row["rule"], row["coast_distance_m"]) for site, row in rows.items()}
    assert told == {"s1": ("coast", 100.001), "s4": ("none", None)}


def test_s2_cells_are_those_of_another_library() -> None:
    lot = np.random.default_rng(3)
    lon, lat = lot.uniform(-180, 180, 3_000), np.degrees(np.arcsin(lot.uniform(-1, 1, 3_000)))
    lon[:6], lat[:6] = [0, 90, 0, 180, -90, 0], [0, 0, 90, 0, 0, -90]
    found, is_doubtful = s2.leaf_cells(lon, lat)
    sure = np.flatnonzero(~is_doubtful)
    assert len(sure) > 2_990
    assert set(is_doubtful[:6]) == {True}
    assert found[sure].tolist() == [s2_of(lon[n], lat[n]) for n in sure]
    faces = {s2sphere.CellId(int(cell) % 2**64).face() for cell in found[sure]}
    assert faces == set(range(6))


# --- ranks and statistics ------------------------------------------------------------------------

PLACED: list[Row] = [
    {"site_id": "b", "country_id": "BE", "country_code": "BE", "s2_cell": 7},
    {"site_id": "a", "country_id": "BE", "country_code": "BE", "s2_cell": 7},
    {"site_id": "c", "country_id": "BE", "country_code": "BE", "s2_cell": -5},
    {"site_id": "d", "country_id": "BE", "country_code": "BE", "s2_cell": -9},
    {"site_id": "e", "country_id": "FR", "country_code": "FR", "s2_cell": 1},
    {"site_id": "f", "country_id": "name:X", "country_code": None, "s2_cell": 2},
    {"site_id": "g", "country_id": None, "country_code": None, "s2_cell": 3},
]


def test_ranks_follow_the_curve(tmp_path: Path) -> None:
    """Negative numbers stand for cells above 2⁶³, and come last."""
    rows, left, done = plain_rows(tmp_path, RANKS, {SITE_COUNTRIES: numbered(PLACED)})
    assert {row["site_id"]: row["curve_rank"] for row in rows} == {
        "a": 1, "b": 2, "d": 3, "c": 4, "e": 1,
    }  # fmt: skip
    assert (left, done.rows) == ([], 5)
    assert done.folds == {"in no country": 1, "in a territory without a country code": 1}


PROFILES: dict[str, list[tuple[float | None, float | None, float]]] = {
    "one layer": [(0, 10, 2.1)],
    "without depths": [(None, None, 3.1), (None, None, 5.2), (None, None, 0.7)],
    "by thickness": [(0, 10, 4.1), (10, 40, 1.3), (40, 41, 0.1)],
    "replicates": [(0, 10, 0.1), (0, 10, 0.2), (0, 10, 0.3), (10, 20, 1.7)],
    "some without depths": [(0, 30, 2.2), (None, None, 4.3)],
    "nothing told": [],
}


def test_statistics_are_those_of_the_independent_program(tmp_path: Path) -> None:
    """Four countries with more sites than are drawn, and profiles of many kinds among them."""
    where: dict[str, str] = {f"p{n}": f"C{n % 4}" for n in range(80)}
    profiles = list(PROFILES.values())
    layers = [
        oracle.Layer(site, name, upper, lower, value / divisor)
        for n, site in enumerate(where)
        for name, divisor, chosen in (("soc", 1, n % 6), ("clay", 100, n % 5))
        for upper, lower, value in profiles[chosen]
    ]
    told = [
        {"site_id": site, "property": name, "upper_depth_cm": upper, "lower_depth_cm": lower}
        | {"value": value}
        for site, name, upper, lower, value in reversed(layers)
    ]
    sites = [
        {"site_id": site, "country_id": code, "country_code": code, "country_name": code}
        for site, code in where.items()
    ]
    inputs = {SITE_COUNTRIES: [*sites, *PLACED[-2:]], MEASUREMENTS: told}
    params = {"samples": 10, "seed": -3, "clusters": 1}
    rows, _, done = plain_rows(tmp_path, STATS, inputs, params=params)
    expected = oracle.country_stats(dict(where), layers, 10, -3, "all")
    assert {row["country_code"] for row in rows} == expected.keys()
    for row in rows:
        figures: dict[str, Any] = dict(expected[row["country_code"]])
        assert figures.pop("sites") == 20
        found = {key: row[key] for key in figures}
        assert found == pytest.approx(figures, rel=1e-12, abs=1e-14)
        share = 10 / figures["n_available"]
        assert row["inclusion_probability_least"] == share == row["inclusion_probability_greatest"]
        assert (row["method"], row["seed"], row["soc_ci95_rule"]) == ("random", -3, "student_t")
    assert done.rows == 80
    assert done.folds == {"in no country": 1, "in a territory without a country code": 1}
