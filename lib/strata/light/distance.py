"""Geodesic distances on the ellipsoid of WGS 84, by PROJ's routines."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

from pyproj import Geod

from strata.light.fixes import Fix, Vehicle

_WGS84 = Geod(ellps="WGS84")


def from_depots(
    lats: Sequence[float], lons: Sequence[float], of: Sequence[Vehicle]
) -> array[float]:
    """Metres of each place from its vehicle's depot, along the shortest line."""
    depot_lons = array("d", [vehicle.depot_lon_deg for vehicle in of])
    depot_lats = array("d", [vehicle.depot_lat_deg for vehicle in of])
    _, _, metres = _WGS84.inv(depot_lons, depot_lats, array("d", lons), array("d", lats))
    found: array[float] = metres
    return found


def from_places(lats: Any, lons: Any, from_lats: Any, from_lons: Any) -> Any:
    """Metres of each place from another, along the shortest line; of columns of degrees."""
    return _WGS84.inv(from_lons, from_lats, lons, lats)[2]


def between(fixes: Sequence[Fix]) -> array[float]:
    """Metres from each fix to the next, along the shortest line; one fewer than fixes."""
    lons = array("d", [fix.lon_deg for fix in fixes])
    lats = array("d", [fix.lat_deg for fix in fixes])
    _, _, metres = _WGS84.inv(lons[:-1], lats[:-1], lons[1:], lats[1:])
    found: array[float] = metres
    return found
