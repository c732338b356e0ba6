"""A fixed grid over the globe, in which a position finds its cell by arithmetic; see `cells`."""

from __future__ import annotations

import math

CELLS_PER_DEG = 4
"""Cells are a quarter of a degree wide and high: 28 km in the north-south direction."""

COLUMNS = 360 * CELLS_PER_DEG + 1
"""Of the grid; the last one holds what lies at 180 degrees east."""
ROWS = 180 * CELLS_PER_DEG + 1
"""Of the grid; the last one holds the pole."""


def cell_of(lon_deg: float, lat_deg: float) -> int:
    """The number of a position's cell; longitude in [-180, 180], latitude in [-90, 90]."""
    row = math.floor((lat_deg + 90) * CELLS_PER_DEG)
    return row * COLUMNS + math.floor((lon_deg + 180) * CELLS_PER_DEG)
