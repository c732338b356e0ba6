"""What every format of features shares: the names of their geometry, and its parts as text.

`geometry.x` and `geometry.y` are the coordinates of a point, or of a multipoint of one; `geometry`
is any geometry as compact GeoJSON without its third dimension; `geometry.type` says what it is:
`Point`, `Polygon`, …, `empty`, `none`, `other`.
"""

from __future__ import annotations

import json
import math
from typing import Any

GEOMETRY = ("geometry", "geometry.x", "geometry.y", "geometry.type")

_KINDS = frozenset(
    ("Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon")
)


def geometry_values(shape: Any) -> dict[str, str | None]:
    """The parts of a GeoJSON geometry, by their names; of none, that there is none."""
    if shape is None:
        return {"geometry.type": "none"}
    kind = shape.get("type") if isinstance(shape, dict) else None
    if kind not in _KINDS:
        return {"geometry.type": "other"}
    places = _flat(shape.get("coordinates"))
    values: dict[str, str | None] = {
        "geometry": json.dumps({"type": kind, "coordinates": places}, separators=(",", ":"))
    }
    if kind == "MultiPoint" and isinstance(places, list) and len(places) == 1:
        kind, places = "Point", places[0]
    if kind == "Point" and places:
        values |= _position(places)
    return values | {"geometry.type": kind if places else "empty"}


def _position(place: Any) -> dict[str, str | None]:
    """What stands for the coordinates, as it stands: whether they are numbers, silver asks."""
    if not isinstance(place, list) or len(place) < 2:
        return {}
    return {"geometry.x": _text(place[0]), "geometry.y": _text(place[1])}


def _text(value: Any) -> str | None:
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else None
    return None if value is None else str(value)


def _flat(places: Any) -> Any:
    """Coordinates without what stands behind the second of each place."""
    if isinstance(places, list) and places and not isinstance(places[0], list):
        return places[:2]
    return [_flat(place) for place in places] if isinstance(places, list) else places
