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
from collections.abc import Iterator

import numpy as np
import shapely

from strata.kit.grid import CELLS_PER_DEG, COLUMNS, ROWS, SHORTEST_DEGREE_M

MARGIN_DEG = 1e-6
"""An area holds a cell whole if it holds this much around it too: far more than a position's touch
of a boundary, so none is decided by rounding."""

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
    whole: set[int] = set()
    pieces: dict[int, list[shapely.Geometry]] = {}
    for shape in (area, _turned(area, -360.0), _turned(area, 360.0)):
        for part in shapely.get_parts(shape):
            for number, piece in _of_part(part, near_m):
                if piece is None:
                    whole.add(number)
                else:
                    pieces.setdefault(number, []).append(piece)
    found = [_cell(number, own) for number, own in pieces.items() if number not in whole]
    return sorted([*((number, True, True, None) for number in whole), *found])


def _turned(area: shapely.Geometry, by_deg: float) -> shapely.Geometry:
    return shapely.transform(area, lambda xy: xy + np.array([by_deg, 0.0]))


def _cell(number: int, pieces: list[shapely.Geometry]) -> Cell:
    shape = pieces[0] if len(pieces) == 1 else shapely.union_all(pieces)
    row, column = divmod(number, COLUMNS)
    inner = _box(row, column, row + 1, column + 1, MARGIN_DEG, MARGIN_DEG)
    if shapely.covers(shape, inner):
        return number, True, True, None
    return number, False, bool(shapely.intersects(shape, inner)), shapely.to_wkb(shape)


def _of_part(
    part: shapely.Geometry, near_m: float
) -> Iterator[tuple[int, shapely.Geometry | None]]:
    """The cells of one polygon, each with its piece; without where the polygon holds all of it."""
    if shapely.is_empty(part):
        return
    tiles = [(part, *_tile(part, near_m))]
    while tiles:
        shape, *tile = tiles.pop()
        row, column, end_row, end_column = tile
        if row >= end_row or column >= end_column:
            continue
        outer = _outer(row, column, end_row, end_column, near_m)
        piece = _polygons(_cut(shape, outer))
        if shapely.is_empty(piece):
            continue
        if _is_all_of(piece, outer):
            yield from ((number, None) for number in _numbers(row, column, end_row, end_column))
        elif (end_row - row) * (end_column - column) == 1:
            yield row * COLUMNS + column, piece
        else:
            tiles += [(piece, *half) for half in _halves(row, column, end_row, end_column)]


def _cut(shape: shapely.Geometry, outer: shapely.Geometry) -> shapely.Geometry:
    """What of the shape lies in a rectangle. GEOS' clipping takes a fraction of the time of an
    intersection, but does not promise a valid shape: then the intersection is taken.
    """
    piece = shapely.clip_by_rect(shape, *shapely.bounds(outer))
    if shapely.is_empty(piece) or shapely.is_valid(piece):
        return piece
    return shapely.intersection(shape, outer)


def _tile(part: shapely.Geometry, near_m: float) -> tuple[int, int, int, int]:
    """First row and column, and last ones excluded, of all cells that the polygon can be near."""
    west, south, east, north = shapely.bounds(part)
    high = lat_reach(near_m) + MARGIN_DEG
    wide = lon_reach(near_m, max(abs(south), abs(north)) + high) + MARGIN_DEG
    row, end_row = (math.floor((lat + 90) * CELLS_PER_DEG) for lat in (south - high, north + high))
    column, end_column = (
        math.floor((lon + 180) * CELLS_PER_DEG) for lon in (west - wide, east + wide)
    )
    return max(row, 0), max(column, 0), min(end_row + 1, ROWS), min(end_column + 1, COLUMNS)


def _outer(row: int, column: int, end_row: int, end_column: int, near_m: float) -> shapely.Geometry:
    """The tile with what is near it, at the latitude where that is widest."""
    widest = max(abs(row / CELLS_PER_DEG - 90), abs(end_row / CELLS_PER_DEG - 90))
    wide, high = lon_reach(near_m, widest) + MARGIN_DEG, lat_reach(near_m) + MARGIN_DEG
    return _box(row, column, end_row, end_column, wide, high)


def _box(
    row: int, column: int, end_row: int, end_column: int, wide: float, high: float
) -> shapely.Geometry:
    # Nothing lies beyond the poles, so an area that ends there holds its cells whole.
    return shapely.box(
        column / CELLS_PER_DEG - 180 - wide,
        max(row / CELLS_PER_DEG - 90 - high, -90.0),
        end_column / CELLS_PER_DEG - 180 + wide,
        min(end_row / CELLS_PER_DEG - 90 + high, 90.0),
    )


def _is_all_of(piece: shapely.Geometry, outer: shapely.Geometry) -> bool:
    if shapely.get_num_coordinates(piece) != 5:
        return False
    return bool(shapely.area(piece) >= shapely.area(outer) * (1 - 1e-15))


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
