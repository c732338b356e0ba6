"""Points and the edges of pieces, by numpy: on which side a point lies, and its nearest place.

Edges are taken relative to the point before anything else, so that rounding moves them by no more
than the coordinates themselves are rounded (1e-14 degrees).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

_AT_ONCE = 131_072
"""Edges that are compared with points at a time: arrays of a megabyte."""
_PAYS = 4
"""One piece in so many must be asked for, that all be parsed."""


@dataclass(frozen=True)
class Edges:
    """The edges of pieces, in the order of the pieces."""

    starts: np.ndarray
    """By piece: the place of its first edge; and the end of the last one."""
    ends_deg: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
    """Longitudes and latitudes of the edges' first ends, then of their second."""
    bounds_deg: tuple[np.ndarray, np.ndarray]
    """The lower and the upper latitudes of the edges."""

    def holds(
        self, lon: np.ndarray, lat: np.ndarray, piece: np.ndarray, beside_deg: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Whether each point lies in its piece; and whether it may lie so near to an edge, by which
        the first is not decided.
        """
        told = [
            self._holds(lon[part], lat[part], piece[part], beside_deg)
            for part in self._parts(piece)
        ]
        held, beside = zip(*told, strict=True)
        return np.concatenate(held), np.concatenate(beside)

    def _holds(
        self, lon: np.ndarray, lat: np.ndarray, piece: np.ndarray, beside_deg: float
    ) -> tuple[np.ndarray, np.ndarray]:
        owner, edge = spread(self.starts, piece)
        (low, high), at = self.bounds_deg, lat[owner]
        level = np.flatnonzero((low[edge] <= at + beside_deg) & (high[edge] >= at - beside_deg))
        owner = owner[level]
        x1, y1, x2, y2 = self._from(lon[owner], lat[owner], edge[level])
        turn, length = x1 * y2 - x2 * y1, np.abs(x2 - x1) + np.abs(y2 - y1)
        # From inside a polygon, a line towards the east crosses an odd number of edges.
        is_crossed = ((y1 > 0) != (y2 > 0)) & ((turn > 0) == (y2 > y1))
        is_beside = np.abs(turn) <= beside_deg * length
        is_beside &= np.minimum(x1, x2) <= beside_deg
        is_beside &= np.maximum(x1, x2) >= -beside_deg
        crossings = np.bincount(owner[is_crossed], minlength=len(piece))
        return crossings % 2 == 1, np.bincount(owner[is_beside], minlength=len(piece)) > 0

    def nearest(
        self, lon: np.ndarray, lat: np.ndarray, lon_scale: np.ndarray, piece: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The place of the piece's edges that is nearest to each point in a plane of which a degree
        of longitude is so many of latitude: how far to the east and to the north, in the plane's
        degrees. Each piece has an edge.
        """
        told = [
            self._nearest(lon[part], lat[part], lon_scale[part], piece[part])
            for part in self._parts(piece)
        ]
        east, north = zip(*told, strict=True)
        return np.concatenate(east), np.concatenate(north)

    def _nearest(
        self, lon: np.ndarray, lat: np.ndarray, lon_scale: np.ndarray, piece: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        owner, edge = spread(self.starts, piece)
        x1, y1, x2, y2 = self._from(lon[owner], lat[owner], edge)
        scale = lon_scale[owner]
        x1 *= scale
        x2 *= scale
        x2 -= x1
        y2 -= y1
        along = -(x1 * x2 + y1 * y2)
        along /= np.maximum(x2 * x2 + y2 * y2, np.finfo(float).tiny)
        np.clip(along, 0, 1, out=along)
        x2 *= along
        y2 *= along
        x1 += x2
        y1 += y2
        squared = x1 * x1 + y1 * y1
        firsts = np.flatnonzero(np.diff(owner, prepend=-1))
        least = np.minimum.reduceat(squared, firsts)
        places = np.flatnonzero(squared == least[owner])
        _, chosen = np.unique(owner[places], return_index=True)
        return x1[places[chosen]], y1[places[chosen]]

    def _parts(self, piece: np.ndarray) -> list[np.ndarray]:
        """The places in `piece`, in parts that fit in memory: each has fewer than `_AT_ONCE` edges,
        but for those of its first piece."""
        ends = np.cumsum(self.starts[piece + 1] - self.starts[piece])
        cuts = np.searchsorted(ends, np.arange(_AT_ONCE, ends[-1] if len(ends) else 0, _AT_ONCE))
        return np.split(np.arange(len(piece)), np.unique(cuts))

    def _from(self, lon: np.ndarray, lat: np.ndarray, edge: np.ndarray) -> list[np.ndarray]:
        """The ends of edges, relative to points."""
        return [
            ends[edge] - at for ends, at in zip(self.ends_deg, (lon, lat, lon, lat), strict=True)
        ]


class Pieces:
    """The pieces of areas. Few points need few of them, which alone are parsed then."""

    def __init__(self, wkb: pa.ChunkedArray) -> None:
        """`wkb` may hold nulls."""
        self._wkb = wkb
        self._many = len(wkb) - wkb.null_count
        self._whole: tuple[np.ndarray, Edges] | None = None

    def of(self, rows: np.ndarray) -> tuple[np.ndarray, Edges, np.ndarray]:
        """Pieces in shapely, their edges, and which of them each row's is."""
        if self._whole is None and len(rows) < self._many // _PAYS:
            needed, piece = np.unique(rows, return_inverse=True)
            shapes = _parsed(self._wkb.take(pa.array(needed)))
            return shapes, edges_of(shapes), piece
        if self._whole is None:
            shapes = _parsed(self._wkb)
            self._whole = shapes, edges_of(shapes)
        return (*self._whole, rows)


def _parsed(wkb: pa.ChunkedArray) -> np.ndarray:
    import shapely

    return np.asarray(shapely.from_wkb(wkb.to_numpy()))


def edges_of(pieces: np.ndarray) -> Edges:
    """The edges of polygons and multipolygons; None has no edge."""
    import shapely

    parts, piece = shapely.get_parts(pieces, return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    places, ring = shapely.get_coordinates(rings, return_index=True)
    is_edge = ring[1:] == ring[:-1]
    first, second = (ends[is_edge].T.copy() for ends in (places[:-1], places[1:]))
    owner = piece[part[ring[:-1][is_edge]]]
    (x1, y1), (x2, y2) = first, second
    return Edges(
        np.searchsorted(owner, np.arange(len(pieces) + 1)),
        (x1, y1, x2, y2),
        (np.minimum(y1, y2), np.maximum(y1, y2)),
    )


def spread(starts: np.ndarray, of: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each one asked for, all its entries: the place in `of`, and the place of the entry."""
    first, counts = starts[of], starts[of + 1] - starts[of]
    ends = np.cumsum(counts)
    owner = np.repeat(np.arange(len(of)), counts)
    return owner, np.arange(len(owner)) + np.repeat(first - ends + counts, counts)
