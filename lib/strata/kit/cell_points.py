"""Many points and a map of cells (`cells`), by numpy and shapely: the answers of `cell_join`,
without Spark.

A cell is found by arithmetic in an array of the whole grid. Of a piece's edges numpy tells which
side a point lies on. Only a point that nearly touches an edge is asked of shapely, so whether a
point lies in a piece or on its edge is decided exactly, as Sedona does. Distances are rounded: a
point whose distance lies half way between two millimetres is left to Sedona.

shapely is imported where it is called, in the executors: whoever only lists tables needs none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from strata.kit.grid import (
    CELLS_PER_DEG,
    COLUMNS,
    ECCENTRICITY_2,
    ROWS,
    SHORTEST_DEGREE_M,
    TOUCH_DEG,
)
from strata.kit.piece_edges import Edges, Pieces, spread

DOUBT_M = 1e-7
"""Two libraries' distances differ by less."""

_BESIDE_DEG = 8 * TOUCH_DEG
"""Farther from an edge than this, a point does not touch it, and rounding moves it to no other side
(1e-14)."""
_NOWHERE = -1


@dataclass(frozen=True)
class Found:
    """The areas of each point."""

    holders: np.ndarray
    """How many hold it."""
    row: np.ndarray
    """The row of the map that has the first of them, else the nearest; -1 where none is near."""
    distance_m: np.ndarray
    """Of the nearest, geodesic, WGS 84, to the millimetre; 0 where one holds the point."""
    is_doubtful: np.ndarray
    """Whether rounding decides."""


@dataclass(frozen=True)
class CellIndex:
    """A map of cells in memory: what lies in and near each cell."""

    codes: np.ndarray
    """By the cells of the grid, and for what is beyond it a last one: the map's row of the one area
    in the cell, where nothing else touches it; -1 where the map has none; else -2 - its place in
    `starts`."""
    starts: np.ndarray
    """By the map's cells: the first place in `rows`; and the end of the last one."""
    rows: np.ndarray
    """The map's rows in the order of their cells."""
    rank: np.ndarray
    """By row: the place of the area in the order of areas."""
    is_whole: np.ndarray
    """By row: whether the area holds the cell whole."""
    is_touching: np.ndarray
    """By row: whether the area touches the cell; else it is only near."""
    pieces: Pieces
    """By row: the area's piece there; none where it holds the cell whole."""

    def find(self, lon_deg: np.ndarray, lat_deg: np.ndarray, near_m: float) -> Found:
        """The areas that hold each point, and else the nearest within `near_m` metres; of several
        the first. The map was made with the same `near_m`.
        """
        code = self._codes(lon_deg, lat_deg)
        row = np.maximum(code, _NOWHERE)
        holders, distance = (row >= 0).astype(np.int32), np.zeros(len(row))
        doubtful = np.zeros(len(row), bool)
        asked = np.flatnonzero(code < _NOWHERE)
        found = self._ask(lon_deg[asked], lat_deg[asked], _NOWHERE - 1 - code[asked], near_m)
        row[asked], holders[asked] = found.row, found.holders
        distance[asked], doubtful[asked] = found.distance_m, found.is_doubtful
        return Found(holders, row, distance, doubtful)

    def _codes(self, lon_deg: np.ndarray, lat_deg: np.ndarray) -> np.ndarray:
        """The code of each point's cell, in the steps of `grid.cell_of`."""
        numbers, columns = (
            np.floor((deg + edge) * CELLS_PER_DEG).astype(np.int64)
            for deg, edge in ((lat_deg, 90), (lon_deg, 180))
        )
        numbers *= COLUMNS
        numbers += columns
        # As an unsigned number what is below the grid is above it, too.
        return self.codes[np.minimum(numbers.view(np.uint64), np.uint64(ROWS * COLUMNS))]

    def _ask(
        self, lon_deg: np.ndarray, lat_deg: np.ndarray, places: np.ndarray, near_m: float
    ) -> Found:
        """The areas of points in cells with edges, or beside them."""
        many = len(places)
        point, rows = self._meetings(places)
        told = _Told(lon_deg[point], lat_deg[point], *self.pieces.of(rows))
        holds = self.is_whole[rows]
        touching = np.flatnonzero(self.is_touching[rows] & ~holds)
        holds[touching] = told.touch(touching)
        holders = np.bincount(point[holds], minlength=many)
        free = np.flatnonzero(holders[point] == 0)
        exact = np.zeros(len(point))
        exact[free] = told.distances_m(free, near_m + 1)
        metres = np.floor(exact * 1e3 + 0.5) / 1e3
        taken = np.flatnonzero(holds | ((holders[point] == 0) & (metres <= near_m)))
        taken = taken[np.lexsort((self.rank[rows[taken]], metres[taken], point[taken]))]
        points, firsts = np.unique(point[taken], return_index=True)
        row, distance = np.full(many, _NOWHERE), np.zeros(many)
        row[points], distance[points] = rows[taken[firsts]], metres[taken[firsts]]
        doubtful = np.zeros(many, bool)
        near = np.flatnonzero(exact < near_m + 1)
        doubtful[point[near[_is_half_way(exact[near])]]] = True
        return Found(holders, row, distance, doubtful)

    def _meetings(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Each of the points in these cells with each row of its cell."""
        point, entry = spread(self.starts, places)
        return point, self.rows[entry]


def index_of(mapped: pa.Table, area: str) -> CellIndex:
    """The index of a map with the columns that `cell_join` reads; `area` is the one by which areas
    are ordered.
    """
    whole, touching = (_flags(mapped[name]) for name in ("is_whole", "is_touching"))
    numbers = mapped["cell_id"].to_numpy()
    cells, alone, place = np.unique(numbers, return_index=True, return_inverse=True)
    rows = np.argsort(place, kind="stable")
    wholes = np.bincount(place, weights=whole, minlength=len(cells))
    edges = np.bincount(place, weights=touching & ~whole, minlength=len(cells))
    alone[place[whole]] = np.flatnonzero(whole)
    is_alone = (wholes == 1) & (edges == 0)
    codes = np.full(ROWS * COLUMNS + 1, _NOWHERE, dtype=np.int32)
    codes[cells] = np.where(is_alone, alone, _NOWHERE - 1 - np.arange(len(cells)))
    return CellIndex(
        codes,
        np.searchsorted(place[rows], np.arange(len(cells) + 1)),
        rows,
        pc.rank(mapped[area], tiebreaker="dense").to_numpy(),
        whole,
        touching,
        Pieces(mapped["piece_wkb"]),
    )


def _flags(column: pa.ChunkedArray) -> np.ndarray:
    return np.asarray(column.to_numpy(), dtype=bool)


def _is_half_way(metres: np.ndarray) -> np.ndarray:
    return np.abs(metres * 1e3 % 1 - 0.5) < DOUBT_M * 1e3


@dataclass(frozen=True)
class _Told:
    """Points, each with a piece of an area."""

    lon_deg: np.ndarray
    lat_deg: np.ndarray
    shapes: np.ndarray
    """Pieces in shapely."""
    edges: Edges
    """Theirs."""
    piece: np.ndarray
    """By point: the place of its piece."""

    def touch(self, asked: np.ndarray) -> np.ndarray:
        """Whether the piece holds the point, its boundary included."""
        import shapely

        lon, lat, piece = self.lon_deg[asked], self.lat_deg[asked], self.piece[asked]
        found, is_beside = self.edges.holds(lon, lat, piece, _BESIDE_DEG)
        lon, lat, pieces = lon[is_beside], lat[is_beside], self.shapes[piece[is_beside]]
        square = shapely.box(lon - TOUCH_DEG, lat - TOUCH_DEG, lon + TOUCH_DEG, lat + TOUCH_DEG)
        found[is_beside] = shapely.intersects(pieces, square)
        return found

    def distances_m(self, asked: np.ndarray, near_m: float) -> np.ndarray:
        """From the point to the nearest place of the piece, which does not hold it; the steps
        are those of `cell_join`. Infinite where it is surely more than `near_m`.
        """
        from pyproj import Geod

        lon, lat = self.lon_deg[asked], self.lat_deg[asked]
        shrink = _lon_per_lat(lat)
        east, north = self.edges.nearest(lon, lat, shrink, self.piece[asked])
        near = np.flatnonzero(np.hypot(east, north) <= _reach_deg(lat, shrink, near_m))
        lon, lat = lon[near], lat[near]
        places = lon + east[near] / shrink[near], lat + north[near]
        metres = np.full(len(asked), np.inf)
        metres[near] = Geod(ellps="WGS84").inv(lon, lat, *places)[2]
        return metres


def _reach_deg(lat_deg: np.ndarray, lon_per_lat: np.ndarray, metres: float) -> np.ndarray:
    """How far in the plane of `cell_join` anything may lie that is so many metres away: the bounds
    of `cells.lat_reach` and `cells.lon_reach`.
    """
    high = metres / SHORTEST_DEGREE_M
    far = np.radians(np.minimum(np.abs(lat_deg) + high, 90))
    wide = np.minimum(high / np.maximum(np.cos(far), 1e-9), 360)
    return np.hypot(high, wide * lon_per_lat)


def _lon_per_lat(lat_deg: np.ndarray) -> np.ndarray:
    """Length of a degree of longitude in degrees of latitude: see `cell_join`."""
    sine = np.sin(np.radians(lat_deg))
    prime_over_meridional = (1 - ECCENTRICITY_2 * sine * sine) / (1 - ECCENTRICITY_2)
    return np.maximum(prime_over_meridional * np.cos(np.radians(lat_deg)), 1e-9)
