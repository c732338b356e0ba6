"""How files name the coordinate system of their positions."""

from __future__ import annotations

import json
import re

_LONGITUDE_FIRST = ("CRS84", "WGS84", "WGS 84")
_URN = re.compile(r"urn:(?:x-)?ogc:def:crs:(?P<who>[A-Za-z]+):[^:]*:(?P<code>\w+)")
_URL = re.compile(r"https?://www\.opengis\.net/def/crs/(?P<who>\w+)/[^/]+/(?P<code>\w+)")
_PLAIN = re.compile(r"(?P<who>[A-Za-z]+):+(?P<code>\w+)")
# The code of a definition stands last: those of its parts stand within them.
_AUTHORITY = re.compile(
    r"(?:AUTHORITY\[\s*\"(?P<who>\w+)\"\s*,\s*\"(?P<code>\w+)\"\s*\]"
    r"|ID\[\s*\"(?P<who2>\w+)\"\s*,\s*\"?(?P<code2>\w+)\"?\s*\])\s*\]\s*\Z"
)


def normal(name: str) -> str:
    """`EPSG:3035` from `epsg:3035`, `urn:ogc:def:crs:EPSG::3035` or its web address; the same text
    for anything else. OGC's CRS84 is WGS 84 with longitude first, as positions stand here.
    """
    text = name.strip()
    found = _URN.fullmatch(text) or _URL.fullmatch(text) or _PLAIN.fullmatch(text)
    code = found["code"].upper() if found else text.upper()
    if code in _LONGITUDE_FIRST:
        return "EPSG:4326"
    return f"{found['who'].upper()}:{code}" if found else text[:200]


def of_wkt(definition: str) -> str:
    """The code that a definition in well-known text ends with, or the start of its text."""
    found = _AUTHORITY.search(definition)
    if not found:
        return definition.strip()[:200]
    who, code = found["who"] or found["who2"], found["code"] or found["code2"]
    return normal(f"{who}:{code}")


def of_geojson(member: object) -> str:
    """The system in the member `crs` that GeoJSON had before RFC 7946, which many programs still
    write, or in JSON-FG's `coordRefSys`; empty for null.
    """
    if member is None:
        return ""
    if isinstance(member, str):
        return normal(member)
    properties = member.get("properties") if isinstance(member, dict) else None
    told = properties if isinstance(properties, dict) else {}
    if str(member.get("type")).upper() == "EPSG" and told.get("code"):  # type: ignore[attr-defined]
        return normal(f"EPSG:{told['code']}")
    name = told.get("name") or told.get("href")
    return normal(name) if isinstance(name, str) else json.dumps(member)[:200]
