"""A multipolygon from an unordered heap of ways, as OpenStreetMap keeps areas.

The rule is even-odd over all ways of the relation, and roles decide nothing: `outer` and `inner`
are often wrong in the source, and the ways alone tell which side is land. A way that is listed
twice counts once. Ways are cut into rings wherever a ring comes back to a place that it passed, so
rings that touch at a point come out apart. A ring inside an odd number of others is a hole.

Source of the rule: https://wiki.openstreetmap.org/wiki/Relation:multipolygon/Algorithm.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
import shapely

Place = tuple[float, float]
"""Longitude and latitude, as the answer tells them: ways meet where these are equal."""

_MOST_NAMED = 3


class NoArea(Exception):
    """The ways bound no area; the message says what is wrong with them."""


def assemble(ways: Mapping[int, Sequence[Place]]) -> shapely.Geometry:
    """The valid polygon or multipolygon that the ways bound, by their ids. NoArea where they bound
    none.
    """
    rings = [ring for ring in _rings(_edges(ways)) if len(ring) >= 4]
    if not rings:
        raise NoArea("a boundary must have a ring of three places or more; it has none")
    shells = shapely.polygons([shapely.linearrings(np.asarray(ring)) for ring in rings])
    area = _nest(shells)
    if not area.is_valid:
        area = _polygons_of(shapely.make_valid(area))
    if area.is_empty or not area.area:
        raise NoArea("a boundary must have an area; it has none")
    return area


def _edges(ways: Mapping[int, Sequence[Place]]) -> list[list[Place]]:
    """The ways without places told twice in a row; NoArea where an end of one meets no other."""
    cleaned = [
        [place for index, place in enumerate(way) if not index or place != way[index - 1]]
        for way in ways.values()
    ]
    found = [way for way in cleaned if len(way) > 1]
    met: dict[Place, int] = defaultdict(int)
    for way in found:
        met[way[0]] += 1
        met[way[-1]] += 1
    loose = sorted(place for place, count in met.items() if count % 2)
    if loose:
        shown = ", ".join(f"{lon}, {lat}" for lon, lat in loose[:_MOST_NAMED])
        raise NoArea(
            f"the ways of a boundary must close; {len(loose)} ends meet no other way, at {shown}"
        )
    return found


def _rings(ways: Sequence[list[Place]]) -> list[list[Place]]:
    """Closed rings of the ways, each way used once."""
    at: dict[Place, list[int]] = defaultdict(list)
    for number, way in enumerate(ways):
        at[way[0]].append(number)
        at[way[-1]].append(number)
    used = [False] * len(ways)
    rings: list[list[Place]] = []
    for number, way in enumerate(ways):
        if used[number]:
            continue
        used[number] = True
        rings += _walk(list(way), ways, at, used)
    return rings


def _walk(
    path: list[Place],
    ways: Sequence[list[Place]],
    at: Mapping[Place, list[int]],
    used: list[bool],
) -> list[list[Place]]:
    """Goes from way to way until none is left; each part that closes on the way is a ring."""
    # Where the path has passed from way to way, by its place there.
    passed = {path[0]: 0}
    rings = []
    while True:
        here = path[-1]
        if here in passed:
            start = passed[here]
            rings.append(path[start:])
            path = path[: start + 1]
            passed = {place: index for place, index in passed.items() if index <= start}
        else:
            passed[here] = len(path) - 1
        following = next((number for number in at[path[-1]] if not used[number]), None)
        if following is None:
            return rings
        used[following] = True
        way = ways[following]
        path += way[1:] if way[0] == path[-1] else way[-2::-1]


def _nest(rings: np.ndarray) -> shapely.Geometry:
    """Rings at even depth are land, each with the rings right inside it as its holes."""
    areas = shapely.area(rings)
    inside = shapely.point_on_surface(rings)
    tree = shapely.STRtree(rings)
    point, ring = tree.query(inside, predicate="within")
    # A ring that holds another is larger: one that is smaller lies in the other's hole.
    holds = areas[ring] > areas[point]
    parents: dict[int, list[int]] = defaultdict(list)
    for child, parent in zip(point[holds].tolist(), ring[holds].tolist(), strict=True):
        parents[child].append(parent)
    holes: dict[int, list[int]] = defaultdict(list)
    for child, found in parents.items():
        if len(found) % 2:
            holes[min(found, key=lambda parent: areas[parent])].append(child)
    exterior = shapely.get_exterior_ring(rings)
    land = [
        shapely.polygons(exterior[index], [exterior[hole] for hole in holes[index]] or None)
        for index in range(len(rings))
        if not len(parents[index]) % 2
    ]
    return land[0] if len(land) == 1 else shapely.multipolygons(land)


def _polygons_of(shape: shapely.Geometry) -> shapely.Geometry:
    parts = [part for part in shapely.get_parts(shape) if part.geom_type == "Polygon"]
    whole = [
        inner
        for part in shapely.get_parts(shape)
        if part.geom_type == "MultiPolygon"
        for inner in shapely.get_parts(part)
    ]
    return shapely.MultiPolygon(parts + whole)
