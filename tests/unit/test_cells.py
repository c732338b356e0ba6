"""The map as cells: whatever a position asks of its cell is what the whole areas say."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from strata.kit import cells, grid

NATURAL_EARTH = (
    Path(__file__).parents[2] / "samples/soil/boundaries/natural_earth_10m_europe.geojson"
)
NEAR_M = 5_000.0
# Neighbours with a crooked border, an enclave, islands; one like Fiji from both sides of 180 degrees.
WANTED = ("Belgium", "Netherlands", "Italy", "San Marino", "Croatia", "Slovenia")


def countries() -> dict[str, Any]:
    features = json.loads(NATURAL_EARTH.read_text())["features"]
    found = {f["properties"]["name"]: shapely.geometry.shape(f["geometry"]) for f in features}
    return {name: shapely.make_valid(found[name]) for name in WANTED} | {
        "Dateline": shapely.union_all([shapely.box(178, -17, 180, -16), shapely.box(-180, -17, -179, -16)]),
        "Pole": shapely.box(-180, -90, 180, -78.3),
    }  # fmt: skip


def made_points(areas: dict[str, Any], seed: int, a_country: int) -> np.ndarray:
    """Positions beside vertices of boundaries, at distances from 1e-8 degrees to a degree; corners
    of cells; the antimeridian and the poles.
    """
    lot = np.random.default_rng(seed)
    beside = []
    for area in areas.values():
        vertices = shapely.get_coordinates(area)
        chosen = vertices[lot.integers(0, len(vertices), a_country)]
        away = 10.0 ** lot.uniform(-8, 0, (a_country, 1)) * lot.choice([-1, 1], (a_country, 2))
        beside.append(chosen + away * lot.uniform(0, 1, (a_country, 2)))
    corners = lot.integers(0, 80, (a_country, 2)) / grid.CELLS_PER_DEG + [3, 38]
    line = np.column_stack([lot.choice([-180.0, 180.0], 20), lot.uniform(-18, -15, 20)])
    poles = np.array([[0.0, 90.0], [180.0, 90.0], [-180.0, -90.0], [12.5, -90.0]])
    places = np.vstack([*beside, corners, line, poles])
    places[:, 0] = (places[:, 0] + 180) % 360 - 180
    return np.clip(places, [-180, -90], [180, 90])


def test_a_position_finds_the_holders_that_whole_areas_tell() -> None:
    areas = countries()
    mapped: dict[int, list[tuple[str, cells.Cell]]] = defaultdict(list)
    for name, area in areas.items():
        for cell in cells.cells_of(shapely.to_wkb(area), NEAR_M):
            mapped[cell[0]].append((name, cell))
    places = made_points(areas, 11, 150)
    points = shapely.points(places)
    # At the antimeridian a position has two longitudes.
    other = shapely.points(places + np.where(places[:, :1] > 0, -360.0, 360.0) * [1, 0])
    expected = {
        name: shapely.intersects(area, points) | shapely.intersects(area, other)
        for name, area in areas.items()
    }
    tested = 0
    for index, (lon, lat) in enumerate(places.tolist()):
        rows = mapped.get(grid.cell_of(lon, lat), [])
        held = {name for name, (_, is_whole, _, _) in rows if is_whole}
        for name, (_, is_whole, is_touching, piece) in rows:
            assert is_touching or not is_whole
            if is_touching and not is_whole:
                tested += 1
                if shapely.intersects(shapely.from_wkb(piece), points[index]):
                    held.add(name)
        assert held == {name for name in areas if expected[name][index]}, (lon, lat)
    assert 0 < tested < 2 * len(places)


def test_a_piece_reaches_as_far_as_anybody_asks() -> None:
    """The nearest place of a country, from any position outside it within the reach, is in the
    position's cell: distances in degrees agree with those to the whole country.
    """
    area = countries()["Netherlands"]
    mapped = {cell[0]: cell for cell in cells.cells_of(shapely.to_wkb(area), NEAR_M)}
    places = made_points({"Netherlands": area}, 3, 1500)
    high = NEAR_M / 110_574
    asked = 0
    for (lon, lat), point in zip(places.tolist(), shapely.points(places), strict=True):
        whole = shapely.distance(area, point)
        if not 0 < whole < high:
            continue
        asked += 1
        piece = shapely.from_wkb(mapped[grid.cell_of(lon, lat)][3])
        assert shapely.distance(piece, point) == pytest.approx(whole, abs=1e-12)
    assert asked > 150


def test_a_square_of_one_cell() -> None:
    """One whole cell needs its margin too: a square of 3 by 3 cells holds only its middle whole."""
    rows = cells.cells_of(shapely.to_wkb(shapely.box(10, 50, 10.75, 50.75)), 0.0)
    middle = grid.cell_of(10.3, 50.3)
    assert [cell for cell in rows if cell[1]] == [(middle, True, True, None)]
    # All around, the square touches eight more, and sixteen by its edge.
    assert len(rows) == 25
    assert all(cell[2] for cell in rows)


def test_cells_count_from_the_south_pole() -> None:
    assert [grid.cell_of(*place) for place in ((-180, -90), (180, -90), (-180, -89.75))] == [
        0, 1440, 1441,
    ]  # fmt: skip
    assert grid.cell_of(180, 90) == 1038960
