"""S2 cells of many positions by numpy: the answers of Sedona, without Spark.

The formulas and their steps are those of S2 Geometry ("S2 cell hierarchy").
"""

from __future__ import annotations

import math

import numpy as np

_LEVELS = 30

DOUBT = 5e-7
"""In widths of a smallest cell, about a centimetre: sines of different libraries differ in their
last bit, which moves a position by less than this."""

_ACROSS = np.array([[1, 0, 0, 2, 2, 1], [2, 2, 1, 1, 0, 0]])
"""By face, the two axes along its sides, and their signs."""
_SIGNS = np.array([[1, -1, -1, 1, 1, -1], [1, 1, -1, 1, -1, -1]])

_PLACES = np.array([[0, 1, 3, 2], [0, 3, 1, 2], [2, 3, 1, 0], [2, 1, 3, 0]])
"""By the curve's turn and a quarter of the cell (2 i + j): the quarter's place along the curve."""
_TURNS = np.array([1, 0, 0, 3])
"""By that place, how the curve is turned in the quarter."""


def leaf_cells(lon_deg: np.ndarray, lat_deg: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The cell of level 30 (under 1 cm²) that holds each position, as a signed 64-bit number; and
    whether the position is so near to the cell's edge that rounding decides which cell it is.
    """
    lon, lat = lon_deg * (math.pi / 180), lat_deg * (math.pi / 180)
    xyz = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    every = np.arange(len(lon))
    axis = np.abs(xyz).argmax(axis=0)
    depth = xyz[axis, every]
    face = axis + np.where(depth < 0, 3, 0)
    u, v = (
        signs[face] * xyz[axes[face], every] / depth
        for axes, signs in zip(_ACROSS, _SIGNS, strict=True)
    )
    across, along = (_share(side) * 2.0**_LEVELS for side in (u, v))
    is_doubtful = (_to_edge(across) < DOUBT) | (_to_edge(along) < DOUBT)
    most = 2**_LEVELS - 1
    i, j = (np.clip(np.floor(side), 0, most).astype(np.int64) for side in (across, along))
    return _along_curve(face, i, j), is_doubtful


def _share(side: np.ndarray) -> np.ndarray:
    """Where on a face's side, from 0 to 1: the projection that makes cells nearly equal in size."""
    root = 0.5 * np.sqrt(1 + 3 * np.abs(side))
    return np.where(side >= 0, root, 1 - root)


def _to_edge(side: np.ndarray) -> np.ndarray:
    return np.abs(side - np.rint(side))


def _quarters(
    turn: np.ndarray, i: np.ndarray, j: np.ndarray, levels: int
) -> tuple[np.ndarray, np.ndarray]:
    """The place along the curve of squares in a cell, which is cut into quarters so many times; and
    how the curve is turned in them.
    """
    found = np.zeros(len(turn), dtype=np.int64)
    for level in range(levels - 1, -1, -1):
        place = _PLACES[turn, 2 * (i >> level & 1) + (j >> level & 1)]
        found = found << 2 | place
        turn = turn ^ _TURNS[place]
    return found, turn


_AT_ONCE = 4
"""Levels that are looked up at once."""
_LOW = 2**_AT_ONCE - 1


def _looked_up() -> np.ndarray:
    """By turn, and four binary digits of i and of j: place along the curve, and turn, as one
    number.
    """
    every = np.arange(4 << 2 * _AT_ONCE)
    i, j = every >> _AT_ONCE & _LOW, every & _LOW
    place, turn = _quarters(every >> 2 * _AT_ONCE, i, j, _AT_ONCE)
    return place << 2 | turn


_STEPS = _looked_up()


def _along_curve(face: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    turn, found = face & 1, np.zeros(len(face), dtype=np.int64)
    # Thirty levels and two of nothing, which turn the curve twice and so leave it as it was.
    for level in range(_LEVELS + 2 - _AT_ONCE, -1, -_AT_ONCE):
        square = (i >> level & _LOW) << _AT_ONCE | (j >> level & _LOW)
        step = _STEPS[turn << 2 * _AT_ONCE | square]
        found = found << 2 * _AT_ONCE | step >> 2
        turn = step & 3
    cell = face.astype(np.uint64) << np.uint64(61) | found.astype(np.uint64) << np.uint64(1)
    return (cell | np.uint64(1)).view(np.int64)
