"""Areas that clients submit: each is checked, and repaired or refused with the reason. Needs no
Spark.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely

MAX_AREAS = 1_000
"""In one file."""
MAX_VERTICES = 200_000
"""Of one area: a country of Natural Earth has 40,000 at most."""
MIN_AREA_M2 = 1.0
MAX_AREA_KM2 = 2e7
"""Russia has 1.7e7."""

NAMES = ("name", "NAME", "Name", "id", "ID")
"""Properties by which an area is called, the first that it has."""

_WGS84 = 4326
_NO_RING = "the rings of an area must be closed, of four places or more, all numbers"


@dataclass(frozen=True)
class Area:
    """One area of a client's file."""

    name: str
    shape: shapely.Geometry | None = None
    """Valid polygons in longitude and latitude; None where the area is refused."""
    km2: float | None = None
    """Geodesic, on WGS 84."""
    repaired: str = ""
    """What was wrong with it and mended; empty: nothing."""
    refused: str = ""
    """Why it has no statistics; empty: it has."""


# --- areas ----------------------------------------------------------------------------------------


def properties_of(extra: str | None) -> dict[str, Any]:
    """The properties of a feature, from the JSON of fields beside its geometry."""
    told: dict[str, Any] = json.loads(extra or "{}")
    text = told.pop("properties", None) or {}
    own = _parsed(text) if isinstance(text, str) else text
    # What is no object is a property like any other, that happens to have this name.
    return told | (own if isinstance(own, dict) else {"properties": text})


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def name_of(properties: dict[str, Any], names: tuple[str, ...] = NAMES) -> str:
    """What an area is called by the first of the named properties that it has; empty: by none."""
    # GeoJSON's properties keep their path where they are read one by one.
    found = (properties.get(key, properties.get(f"properties.{key}")) for key in names)
    return str(next((text for text in found if text not in (None, "")), ""))


def check_area(name: str, geojson: str | None, epsg: str) -> Area:
    """The area in WGS 84, made valid, or why it is refused. `epsg` names the file's system, as
    `EPSG:3035`.
    """
    if not geojson:
        return Area(name, refused="an area must have a geometry; it has none")
    try:
        given = shapely.from_geojson(geojson)
    except shapely.GEOSException:
        return Area(name, refused=_NO_RING)
    reason = _why_no_area(given)
    if reason:
        return Area(name, refused=reason)
    shape, reason = _in_wgs84(given, epsg)
    if reason:
        return Area(name, refused=reason)
    return _repair(name, shape)


def _why_no_area(shape: shapely.Geometry) -> str:
    if shape.geom_type not in ("Polygon", "MultiPolygon"):
        return f"an area must be a polygon or multipolygon; this one is a {shape.geom_type}"
    vertices = shapely.get_num_coordinates(shape)
    if not vertices:
        return "an area must not be empty"
    if any(ring.is_empty for ring in _rings_of(shape)):
        return _NO_RING
    if vertices > MAX_VERTICES:
        return f"an area must have at most {MAX_VERTICES:,} vertices; this one has {vertices:,}"
    if not np.isfinite(shapely.get_coordinates(shape)).all():
        return "the coordinates of an area must be numbers; some are not"
    return ""


def _in_wgs84(shape: shapely.Geometry, epsg: str) -> tuple[shapely.Geometry, str]:
    """Vertices are transformed; edges stay straight."""
    from pyproj import Transformer
    from pyproj.exceptions import ProjError

    flat = shapely.force_2d(shape)
    if epsg != f"EPSG:{_WGS84}":
        try:
            move = Transformer.from_crs(epsg, _WGS84, always_xy=True).transform
            flat = shapely.transform(flat, lambda xy: np.column_stack(move(xy[:, 0], xy[:, 1])))
        except ProjError as error:
            return flat, f"the file's coordinate system must be one of EPSG; {epsg} is not: {error}"
    places = shapely.get_coordinates(flat)
    if not np.isfinite(places).all():
        return flat, f"an area must lie where its coordinate system, {epsg}, holds"
    reason = _why_off_the_globe(places) or _why_too_long(flat)
    return flat, reason


def _why_off_the_globe(places: np.ndarray) -> str:
    lon, lat = np.abs(places).max(axis=0)
    if lon <= 180 and lat <= 90:
        return ""
    hint = (
        "longitude and latitude seem to be exchanged"
        if lon <= 90 and lat <= 180
        else "name the file's coordinate system, if its coordinates are metres"
    )
    return (
        "longitude must be in [-180, 180] and latitude in [-90, 90]; the largest are "
        f"{lon:g} and {lat:g}: {hint}"
    )


def _why_too_long(shape: shapely.Geometry) -> str:
    """An edge of 180 degrees or more runs the short way round on the globe, and the long way on
    the map.
    """
    for ring in _rings_of(shape):
        lon = shapely.get_coordinates(ring)[:, 0]
        longest = float(np.abs(np.diff(lon)).max())
        if longest >= 180:
            return (
                f"an edge must span less than 180 degrees of longitude; one spans {longest:g}: "
                "cut the area at the antimeridian, or along a meridian"
            )
    return ""


def _rings_of(shape: shapely.Geometry) -> list[shapely.Geometry]:
    parts = shapely.get_parts(shape)
    return [ring for part in parts for ring in (shapely.get_exterior_ring(part), *part.interiors)]


def _repair(name: str, shape: shapely.Geometry) -> Area:
    repaired = ""
    if not shape.is_valid:
        repaired = _in_words(shapely.is_valid_reason(shape))
        shape = _polygons(shapely.make_valid(shape))
    m2 = _m2(shape)
    if shape.is_empty or m2 < MIN_AREA_M2:
        return Area(name, refused=f"an area must have {MIN_AREA_M2:g} m² or more; it has {m2:.3g}")
    if m2 / 1e6 > MAX_AREA_KM2:
        told = f"{m2 / 1e6:,.0f}"
        return Area(
            name, refused=f"an area must have at most {MAX_AREA_KM2:,.0f} km²; it has {told}"
        )
    return Area(name, shape, m2 / 1e6, repaired)


def _in_words(reason: str) -> str:
    """GEOS' `Self-intersection[9 49]` as `self-intersection at 9 49`."""
    return f"{reason[0].lower()}{reason[1:]}".replace("[", " at ").removesuffix("]")


def _polygons(shape: shapely.Geometry) -> shapely.Geometry:
    parts = [part for part in shapely.get_parts(shape) if part.geom_type.endswith("Polygon")]
    whole = [one for part in parts for one in shapely.get_parts(part)]
    return whole[0] if len(whole) == 1 else shapely.MultiPolygon(whole)


def _m2(shape: shapely.Geometry) -> float:
    from pyproj import Geod

    geod = Geod(ellps="WGS84")
    total = 0.0
    for part in shapely.get_parts(shape):
        rings = (shapely.get_exterior_ring(part), *part.interiors)
        sizes = [abs(geod.polygon_area_perimeter(*ring.coords.xy)[0]) for ring in rings]
        total += sizes[0] - sum(sizes[1:])
    return total
