"""A fixed grid over the globe, in which a position finds its cell by arithmetic; see `cells`."""

from __future__ import annotations

import math

CELLS_PER_DEG = 4
"""Cells are a quarter of a degree wide and high: 28 km in the north-south direction."""

COLUMNS = 360 * CELLS_PER_DEG + 1
"""Of the grid; the last one holds what lies at 180 degrees east."""
ROWS = 180 * CELLS_PER_DEG + 1
"""Of the grid; the last one holds the pole."""

TOUCH_DEG = 1e-9
"""A position this near to a boundary, in longitude and in latitude, lies on it: 0.1 mm, far below
what positions are told to, and far above what cutting a boundary into pieces moves its edges by
(1e-14)."""

SHORTEST_DEGREE_M = 110_574.0
"""No degree of latitude or, at the equator, of longitude is shorter than this on WGS 84."""

ECCENTRICITY_2 = 0.0066943799901413165
"""The square of the eccentricity of WGS 84's ellipsoid."""


def cell_of(lon_deg: float, lat_deg: float) -> int:
    """The number of a position's cell; longitude in [-180, 180], latitude in [-90, 90]."""
    row = math.floor((lat_deg + 90) * CELLS_PER_DEG)
    return row * COLUMNS + math.floor((lon_deg + 180) * CELLS_PER_DEG)
