"""Answers of the Overpass API in JSON: each relation is a record, its ways put together.

Both forms are read: `out geom`, where a way stands in its relation with its places, and
`out body; >; out skel`, where ways and nodes stand for themselves in any order. An answer with a
`remark` is partial, though its status was 200, and is refused whole.

Fields are `id`, `version`, `timestamp`, `tags.…`; `geometry`, the area as GeoJSON;
`geometry.problem`, why a relation has none; and `answer`, the whole answer as it came, on its first
relation. Memory holds one answer at a time, of MAX_BYTES at
most.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import shapely

from strata.declare.layout import Layout, match_layout
from strata.errors import BadFile
from strata.raw.formats.chunks import Chunk, Planner, Row, Scan, batches_of, extra_json
from strata.raw.formats.osm_rings import NoArea, Place, assemble

PARSER = "overpass"
ANSWER = "answer"
MAX_BYTES = 1 << 30
"""The largest country, with its whole coast, takes a tenth of it."""

# Roles of ways that bound an area; others, such as `claim` or `maritime`, do not.
_ROLES = frozenset({"", "outer", "inner", "exclave", "enclave"})
_PLAIN = ("id", "version", "timestamp")


def is_answer(head: bytes) -> bool:
    """Whether the first bytes of a JSON file are those of an Overpass answer."""
    return b'"version"' in head and (b'"osm3s"' in head or b'"generator"' in head)


def check_answer(content: bytes) -> dict[str, Any]:
    """The answer, parsed. BadFile where it is no whole answer: HTML, cut off, or partial."""
    start = content[:200].lstrip().lower()
    if start.startswith(b"<"):
        raise BadFile("an Overpass answer is JSON; this one is an HTML or XML page")
    try:
        answer = json.loads(content)
    except ValueError as error:
        raise BadFile(f"an Overpass answer is whole JSON; this one is not: {error}") from None
    if not isinstance(answer, dict) or not isinstance(answer.get("elements"), list):
        raise BadFile("an Overpass answer holds a list, elements; this one does not")
    if answer.get("remark"):
        raise BadFile(
            "an Overpass answer must be whole; the server remarks that this one is not: "
            f"{str(answer['remark'])[:300]}",
            remark=str(answer["remark"]),
        )
    return answer


def scan(
    blocks: Iterator[bytes], base: int, planner: Planner, *, layouts: Sequence[Layout]
) -> Scan:
    """Counts the relations; BadFile where the answer is not whole or holds none."""
    content = _whole(blocks)
    planner.begin(base)
    relations = _relations(check_answer(content))
    if not relations:
        raise BadFile("an Overpass answer must hold a relation; this one holds none")
    told = {name for relation in relations for name in _fields(relation)}
    layout = match_layout(told, layouts)
    header = tuple(f.name for f in layout.fields if f.name in told)
    count = len(relations)
    chunk = Chunk(base, base + len(content), 1, count)
    return Scan(layout, header, count, (chunk,), PARSER)


def read(blocks: Iterable[bytes], chunk: Chunk, layout: Layout) -> Iterator[pa.RecordBatch]:
    """The relations as the layout's bronze columns, in the order of the answer."""
    content = _whole(blocks)
    answer = check_answer(content)
    raw = content.decode(json.detect_encoding(content)) if ANSWER in layout.named else None
    return batches_of(_rows(answer, raw, chunk, layout), layout)


def _whole(blocks: Iterable[bytes]) -> bytes:
    parts, size = [], 0
    for block in blocks:
        size += len(block)
        if size > MAX_BYTES:
            raise BadFile(f"an Overpass answer takes at most {MAX_BYTES} bytes; this one has more")
        parts.append(block)
    return b"".join(parts)


def _relations(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        element
        for element in answer["elements"]
        if isinstance(element, dict) and element.get("type") == "relation"
    ]


def _fields(relation: Mapping[str, Any]) -> set[str]:
    tags = relation.get("tags") or {}
    parts = {"geometry", "geometry.problem", ANSWER}
    return {f"tags.{key}" for key in tags} | set(_PLAIN) | parts


def _rows(
    answer: Mapping[str, Any], raw: str | None, chunk: Chunk, layout: Layout
) -> Iterator[Row]:
    places = _Places(answer["elements"])
    for number, relation in enumerate(_relations(answer), chunk.first_record):
        values = _values(relation, places)
        if number == 1 and raw is not None:
            values[ANSWER] = raw
        named = {f.column: values.get(f.name) for f in layout.fields}
        extra = {name: text for name, text in values.items() if name not in layout.named}
        size = sum(len(values.get(name) or "") for name in ("geometry", ANSWER))
        yield Row(number, size, named, extra_json(extra))


def _values(relation: Mapping[str, Any], places: _Places) -> dict[str, str | None]:
    values: dict[str, str | None] = {
        name: str(relation[name]) for name in _PLAIN if name in relation
    }
    tags = relation.get("tags") or {}
    values |= {f"tags.{key}": str(text) for key, text in tags.items()}
    try:
        area = assemble(places.ways_of(relation))
    except NoArea as error:
        return values | {"geometry.problem": str(error)}
    return values | {"geometry": shapely.to_geojson(area)}


class _Places:
    """Where the ways of an answer run, if they stand for themselves in it."""

    def __init__(self, elements: Sequence[Any]) -> None:
        sound = [element for element in elements if isinstance(element, dict)]
        self._nodes = {
            element["id"]: (element["lon"], element["lat"])
            for element in sound
            if element.get("type") == "node" and "lon" in element and "lat" in element
        }
        self._ways = {element["id"]: element for element in sound if element.get("type") == "way"}

    def ways_of(self, relation: Mapping[str, Any]) -> dict[int, list[Place]]:
        """The places of each way that bounds the relation, by its id. NoArea where one lacks."""
        members = [
            member
            for member in relation.get("members") or []
            if member.get("type") == "way" and member.get("role", "") in _ROLES
        ]
        return {member["ref"]: self._places(member) for member in members}

    def _places(self, member: Mapping[str, Any]) -> list[Place]:
        way = member if "geometry" in member else self._ways.get(member["ref"])
        if way is None:
            raise NoArea(f"a boundary must have all its ways; way {member['ref']} is missing")
        if "geometry" in way:
            found = [place and (place["lon"], place["lat"]) for place in way["geometry"]]
        else:
            found = [self._nodes.get(node) for node in way.get("nodes") or []]
        if not found or None in found:
            raise NoArea(
                f"a way must have all its places; {found.count(None) or 'all'} of way "
                f"{member['ref']} are missing"
            )
        return [(float(lon), float(lat)) for lon, lat in found]
