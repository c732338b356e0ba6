"""Many points and a map of cells (`cells`), by numpy and shapely: the answers of `cell_join`,
without Spark.

Whether a point lies in a piece or on its edge is decided exactly, here and by Sedona. Distances
are rounded: a point whose distance lies half way between two millimetres is left to Sedona.

shapely is imported where it is called, in the executors: whoever only lists tables needs none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from strata.kit.grid import CELLS_PER_DEG, COLUMNS, ECCENTRICITY_2, TOUCH_DEG

DOUBT_M = 1e-7
"""Two libraries' distances differ by less."""


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

    cells: np.ndarray
    """The numbers of the cells that the map has, in order."""
    alone: np.ndarray
    """By cell: the map's row of the one area in it, where nothing else touches it; else -1."""
    starts: np.ndarray
    """By cell: its first place in `rows`; and the end of the last one."""
    rows: np.ndarray
    """The map's rows in the order of their cells."""
    rank: np.ndarray
    """By row: the place of the area in the order of areas."""
    is_whole: np.ndarray
    """By row: whether the area holds the cell whole."""
    is_touching: np.ndarray
    """By row: whether the area touches the cell; else it is only near."""
    pieces: np.ndarray
    """By row: the area's piece there; None where it holds the cell whole."""

    def find(self, lon_deg: np.ndarray, lat_deg: np.ndarray, near_m: float) -> Found:
        """The areas that hold each point, and else the nearest within `near_m` metres; of several
        the first. The map was made with the same `near_m`.
        """
        many = len(lon_deg)
        place = self._places(lon_deg, lat_deg)
        row = np.where(place < 0, -1, np.append(self.alone, -1)[place])
        holders, distance, doubtful = (row >= 0).astype(int), np.zeros(many), np.zeros(many, bool)
        asked = np.flatnonzero((place >= 0) & (row < 0))
        point, rows = self._meetings(asked, place[asked])
        told = _Told(lon_deg[point], lat_deg[point], self.pieces[rows])
        holds = self.is_whole[rows]
        edges = np.flatnonzero(self.is_touching[rows] & ~holds)
        holds[edges] = told.touch(edges)
        holders += np.bincount(point[holds], minlength=many)
        free = np.flatnonzero(holders[point] == 0)
        exact = np.zeros(len(point))
        exact[free] = told.distances_m(free)
        metres = np.floor(exact * 1e3 + 0.5) / 1e3
        taken = np.flatnonzero(holds | ((holders[point] == 0) & (metres <= near_m)))
        taken = taken[np.lexsort((self.rank[rows[taken]], metres[taken], point[taken]))]
        points, firsts = np.unique(point[taken], return_index=True)
        row[points], distance[points] = rows[taken[firsts]], metres[taken[firsts]]
        doubtful[point[_is_half_way(exact) & (exact < near_m + 1)]] = True
        return Found(holders, row, distance, doubtful)

    def _places(self, lon_deg: np.ndarray, lat_deg: np.ndarray) -> np.ndarray:
        """The place of each point's cell in `cells`, in the steps of `grid.cell_of`; else -1."""
        numbers, columns = (
            np.floor((deg + edge) * CELLS_PER_DEG).astype(np.int64)
            for deg, edge in ((lat_deg, 90), (lon_deg, 180))
        )
        numbers = numbers * COLUMNS + columns
        place = np.searchsorted(self.cells, numbers)
        known = np.append(self.cells, -1)
        return np.where(known[place] == numbers, place, -1)

    def _meetings(self, points: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Each of the points with each row of its cell."""
        starts, counts = self.starts[places], self.starts[places + 1] - self.starts[places]
        before = np.repeat(np.cumsum(counts) - counts, counts)
        within = np.arange(counts.sum()) - before
        return np.repeat(points, counts), self.rows[np.repeat(starts, counts) + within]


def index_of(mapped: pa.Table, area: str) -> CellIndex:
    """The index of a map with the columns that `cell_join` reads; `area` is the one by which areas
    are ordered.
    """
    import shapely

    whole, touching = (_flags(mapped[name]) for name in ("is_whole", "is_touching"))
    numbers = mapped["cell_id"].to_numpy()
    cells, alone, place = np.unique(numbers, return_index=True, return_inverse=True)
    rows = np.argsort(place, kind="stable")
    wholes = np.bincount(place, weights=whole, minlength=len(cells))
    edges = np.bincount(place, weights=touching & ~whole, minlength=len(cells))
    alone[place[whole]] = np.flatnonzero(whole)
    alone[(wholes != 1) | (edges > 0)] = -1
    return CellIndex(
        cells,
        alone,
        np.searchsorted(place[rows], np.arange(len(cells) + 1)),
        rows,
        pc.rank(mapped[area], tiebreaker="dense").to_numpy(),
        whole,
        touching,
        shapely.from_wkb(np.array(mapped["piece_wkb"].to_pylist(), dtype=object)),
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
    pieces: np.ndarray

    def touch(self, asked: np.ndarray) -> np.ndarray:
        """Whether the piece holds the point, its boundary included."""
        import shapely

        lon, lat = self.lon_deg[asked], self.lat_deg[asked]
        square = shapely.box(lon - TOUCH_DEG, lat - TOUCH_DEG, lon + TOUCH_DEG, lat + TOUCH_DEG)
        return np.asarray(shapely.intersects(self.pieces[asked], square))

    def distances_m(self, asked: np.ndarray) -> np.ndarray:
        """From the point to the nearest place of the piece, which does not hold it; the steps are
        those of `cell_join`.
        """
        import shapely
        from pyproj import Geod

        lon, lat, scaled = self.lon_deg[asked], self.lat_deg[asked], self.pieces[asked]
        shrink = _lon_per_lat(lat)
        places, owners = shapely.get_coordinates(scaled, return_index=True)
        places[:, 0] *= shrink[owners]
        shapely.set_coordinates(scaled, places)
        lines = shapely.shortest_line(scaled, shapely.points(lon * shrink, lat))
        nearest = shapely.get_coordinates(lines)[::2]
        _, _, metres = Geod(ellps="WGS84").inv(lon, lat, nearest[:, 0] / shrink, nearest[:, 1])
        return np.asarray(metres)


def _lon_per_lat(lat_deg: np.ndarray) -> np.ndarray:
    """Length of a degree of longitude in degrees of latitude: see `cell_join`."""
    sine = np.sin(np.radians(lat_deg))
    prime_over_meridional = (1 - ECCENTRICITY_2 * sine * sine) / (1 - ECCENTRICITY_2)
    return np.maximum(prime_over_meridional * np.cos(np.radians(lat_deg)), 1e-9)
