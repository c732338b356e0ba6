"""What little is kept of a personal value: a coarser form, or whether it could be read."""

from __future__ import annotations

import re
from datetime import date

from strata.declare import identifiers

UNREADABLE = "unreadable"
# A date, with or without a time of day; anything else behind it makes it no date.
_ISO_DATE = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)


def postcode_form(text: str) -> str | None:
    """`full`, `outward` or `malformed`; None where nothing is told."""
    code = identifiers.postcode(text)
    if code is None:
        return "malformed" if identifiers.canonical(text) else None
    return "full" if code.inward else "outward"


def postcode_territory(text: str) -> str | None:
    """Where a postcode lies that is in no local authority; None for others."""
    code = identifiers.postcode(text)
    return code.territory if code else None


def iso_date(text: str) -> str | None:
    """`2024-03-01`, without a time of day; UNREADABLE for what is no date, None where nothing is
    told.
    """
    match = _ISO_DATE.fullmatch(text.strip())
    try:
        return (
            date.fromisoformat(match[1]).isoformat()
            if match
            else UNREADABLE
            if text.strip()
            else None
        )
    except ValueError:
        return UNREADABLE


def year(text: str) -> str | None:
    """The year of a date; UNREADABLE for what is no date, None where nothing is told."""
    found = iso_date(text)
    return found if found in (None, UNREADABLE) else found[:4]


def listed(text: str, values: tuple[str, ...]) -> str | None:
    """The text where it is one of `values`, else UNREADABLE; None where nothing is told."""
    plain = identifiers.canonical(text)
    return plain if plain in values else UNREADABLE if plain else None
