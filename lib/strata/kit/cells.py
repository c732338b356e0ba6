"""A map as cells: of each square of a fixed grid, which area holds it whole, or which piece of an
area lies in or near it.

A position finds its cell by arithmetic, and so its areas by one equality. Only where a boundary
runs through the cell is geometry asked, and then of a piece of a few vertices. The answer is that
of the whole areas: a piece reaches beyond its cell by as much as anybody asks for, so no edge that
matters is cut away.

Needs no Spark: `kit.cell_join` joins with what is made here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TypeAlias

import numpy as np
import shapely

from strata.kit.grid import CELLS_PER_DEG, COLUMNS, ROWS, SHORTEST_DEGREE_M

MARGIN_DEG = 1e-6
"""An area holds a cell whole if it holds this much around it too: far more than a position's touch
of a boundary, so none is decided by rounding."""

_POLYGONS = (3, 6)
"""GEOS' numbers of polygons and multipolygons."""

Cell = tuple[int, bool, bool, bytes | None]
"""Number of the cell, whether the area holds it whole, whether the area touches it, and the piece
of the area in and near it (null where whole)."""


def lat_reach(metres: float) -> float:
    """Degrees of latitude that are surely no less than so many metres."""
    return metres / SHORTEST_DEGREE_M


def lon_reach(metres: float, lat_deg: float) -> float:
    """Degrees of longitude that are surely no less than so many metres, at the latitude of the
    reach's far edge; all of them next to a pole.
    """
    far = min(abs(lat_deg) + lat_reach(metres), 90.0)
    return min(metres / SHORTEST_DEGREE_M / max(math.cos(math.radians(far)), 1e-9), 360.0)


def cells_of(wkb: bytes, near_m: float) -> list[Cell]:
    """The cells in which an area lies, or within `near_m` metres of which it does, in the order of
    their numbers.

    The area is valid, in longitude and latitude. Where it reaches the antimeridian it is looked at
    from both sides of it.
    """
    area = shapely.from_wkb(bytes(wkb))
    turned = [area, _turned(area, -360.0), _turned(area, 360.0)]
    whole: set[int] = set()
    pieces: dict[int, list[shapely.Geometry]] = {}
    for _, number, piece in _of_parts(shapely.get_parts(turned), near_m):
        if piece is None:
            whole.add(number)
        else:
            pieces.setdefault(number, []).append(piece)
    found = _cells({number: own for number, own in pieces.items() if number not in whole})
    return sorted([*((number, True, True, None) for number in whole), *found])


def _turned(area: shapely.Geometry, by_deg: float) -> shapely.Geometry:
    return shapely.transform(area, lambda xy: xy + np.array([by_deg, 0.0]))


def _cells(pieces: Mapping[int, list[shapely.Geometry]]) -> Iterator[Cell]:
    """Cells of which an area has these pieces."""
    shapes = _array(
        [own[0] if len(own) == 1 else shapely.union_all(own) for own in pieces.values()]
    )
    places = (divmod(number, COLUMNS) for number in pieces)
    inner = _boxes([_sides(r, c, r + 1, c + 1, MARGIN_DEG, MARGIN_DEG) for r, c in places])
    told = (
        shapely.covers(shapes, inner),
        shapely.intersects(shapes, inner),
        shapely.to_wkb(shapes),
    )
    for number, is_whole, is_touching, wkb in zip(pieces, *told, strict=True):
        if is_whole:
            yield number, True, True, None
        else:
            yield number, False, bool(is_touching), wkb


def _of_parts(parts: np.ndarray, near_m: float) -> list[tuple[int, int, shapely.Geometry | None]]:
    """The cells of polygons, in the order of these: the polygon's place, the cell and the piece;
    None where the polygon holds all of the cell.

    All tiles of one depth are looked at together: a call of shapely's takes longer than its work.
    """
    found: list[tuple[int, int, shapely.Geometry | None]] = []
    parts = parts[~shapely.is_empty(parts)]
    every = [(n, *_tile(sides, near_m)) for n, sides in enumerate(shapely.bounds(parts).tolist())]
    tiles = [tile for tile in every if tile[1] < tile[3] and tile[2] < tile[4]]
    shapes = parts[[place for place, *_ in tiles]]
    while tiles:
        outer = _boxes([_outer(*tile[1:], near_m) for tile in tiles])
        pieces = _cut(shapes, outer)
        is_all = _is_all_of(pieces, outer)
        smaller: list[tuple[tuple[int, int, int, int, int], shapely.Geometry]] = []
        for (place, *tile), piece, holds in zip(tiles, pieces, is_all, strict=True):
            row, column, end_row, end_column = tile
            if holds:
                numbers = _numbers(row, column, end_row, end_column)
                found += [(place, number, None) for number in numbers]
            elif piece is not None and (end_row - row) * (end_column - column) == 1:
                found.append((place, row * COLUMNS + column, piece))
            elif piece is not None:
                halves = _halves(row, column, end_row, end_column)
                smaller += [((place, *half), piece) for half in halves]
        tiles, shapes = [tile for tile, _ in smaller], _array([shape for _, shape in smaller])
    return sorted(found, key=lambda one: one[0])


def _cut(shapes: np.ndarray, outer: np.ndarray) -> np.ndarray:
    """What of each shape lies in its rectangle; None where nothing does. GEOS' clipping takes a
    fraction of the time of an intersection, but does not promise a valid shape: then the
    intersection is taken.
    """
    rectangles = shapely.bounds(outer).tolist()
    pieces = _array([shapely.clip_by_rect(s, *r) for s, r in zip(shapes, rectangles, strict=True)])
    broken = np.flatnonzero(~shapely.is_valid(pieces))
    pieces[broken] = shapely.intersection(shapes[broken], outer[broken])
    for place in np.flatnonzero(~np.isin(shapely.get_type_id(pieces), _POLYGONS)):
        pieces[place] = _polygons(pieces[place])
    pieces[shapely.is_empty(pieces)] = None
    return pieces


def _array(shapes: list[shapely.Geometry]) -> np.ndarray:
    found = np.empty(len(shapes), dtype=object)
    found[:] = shapes
    return found


def _tile(bounds: tuple[float, float, float, float], near_m: float) -> tuple[int, int, int, int]:
    """First row and column, and last ones excluded, of all cells that a polygon can be near."""
    west, south, east, north = bounds
    high = lat_reach(near_m) + MARGIN_DEG
    wide = lon_reach(near_m, max(abs(south), abs(north)) + high) + MARGIN_DEG
    row, end_row = (math.floor((lat + 90) * CELLS_PER_DEG) for lat in (south - high, north + high))
    column, end_column = (
        math.floor((lon + 180) * CELLS_PER_DEG) for lon in (west - wide, east + wide)
    )
    return max(row, 0), max(column, 0), min(end_row + 1, ROWS), min(end_column + 1, COLUMNS)


_Sides: TypeAlias = "tuple[float, float, float, float]"


def _outer(row: int, column: int, end_row: int, end_column: int, near_m: float) -> _Sides:
    """The tile with what is near it, at the latitude where that is widest."""
    widest = max(abs(row / CELLS_PER_DEG - 90), abs(end_row / CELLS_PER_DEG - 90))
    wide, high = lon_reach(near_m, widest) + MARGIN_DEG, lat_reach(near_m) + MARGIN_DEG
    return _sides(row, column, end_row, end_column, wide, high)


def _sides(
    row: int, column: int, end_row: int, end_column: int, wide: float, high: float
) -> _Sides:
    # Nothing lies beyond the poles, so an area that ends there holds its cells whole.
    return (
        column / CELLS_PER_DEG - 180 - wide,
        max(row / CELLS_PER_DEG - 90 - high, -90.0),
        end_column / CELLS_PER_DEG - 180 + wide,
        min(end_row / CELLS_PER_DEG - 90 + high, 90.0),
    )


def _boxes(sides: list[_Sides]) -> np.ndarray:
    return np.asarray(shapely.box(*np.array(sides).reshape(-1, 4).T))


def _is_all_of(pieces: np.ndarray, outer: np.ndarray) -> np.ndarray:
    is_box = shapely.get_num_coordinates(pieces) == 5
    return np.asarray(is_box & (shapely.area(pieces) >= shapely.area(outer) * (1 - 1e-15)))


def _numbers(row: int, column: int, end_row: int, end_column: int) -> np.ndarray:
    rows, columns = np.arange(row, end_row), np.arange(column, end_column)
    return (rows[:, None] * COLUMNS + columns).ravel().tolist()


def _halves(
    row: int, column: int, end_row: int, end_column: int
) -> tuple[tuple[int, int, int, int], ...]:
    if end_row - row >= end_column - column:
        middle = (row + end_row) // 2
        return (row, column, middle, end_column), (middle, column, end_row, end_column)
    middle = (column + end_column) // 2
    return (row, column, end_row, middle), (row, middle, end_row, end_column)


def _polygons(shape: shapely.Geometry) -> shapely.Geometry:
    """Without the lines and points that a cut along an edge leaves."""
    if shape.geom_type in ("Polygon", "MultiPolygon"):
        return shape
    parts = [part for part in shapely.get_parts(shape) if part.geom_type.endswith("Polygon")]
    return shapely.MultiPolygon([one for part in parts for one in shapely.get_parts(part)])
