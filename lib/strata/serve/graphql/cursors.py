"""Pages by key: a cursor says after which row the next page begins, and holds through a load.

A cursor is the sort value and the key of the last row. A row that a load does not change is on
exactly one page,
whatever is loaded in between. `pageInfo.publication` tells a client that the data have moved on.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from strata.serve.graphql.errors import Refused

_MOST_DIGITS = 38
MOST = 100
"""Rows of the largest page."""


@dataclass(frozen=True)
class Order:
    """One way to sort: SQL names and types of the columns; the last ones are a key."""

    name: str
    columns: tuple[tuple[str, type], ...]
    is_descending: bool = False

    def cursor(self) -> str:
        """The cursor of a row, as SQL over its columns: what `decode` reads."""
        values = [
            column if kind in (str, date) else f"{column}::text" for column, kind in self.columns
        ]
        told = f"json_build_array('{self.name}', {', '.join(values)})::text"
        return f"translate(encode(convert_to({told}, 'UTF8'), 'base64'), E'+/\\n', '-_')"

    def decode(self, cursor: str) -> list[Any]:
        """The values of a cursor. Refused unless it came from this very sorting."""
        try:
            name, *values = json.loads(base64.b64decode(cursor, altchars=b"-_", validate=True))
            if name != self.name or len(values) != len(self.columns):
                raise ValueError
            return [
                _read(value, kind) for value, (_, kind) in zip(values, self.columns, strict=True)
            ]
        except (ValueError, TypeError, InvalidOperation, RecursionError):
            raise Refused(
                "a cursor is taken from a page of the same sorting; this one is not"
            ) from None

    def ordering(self) -> str:
        """The ORDER BY of its pages."""
        way = " DESC" if self.is_descending else ""
        return "ORDER BY " + ", ".join(f"{column}{way}" for column, _ in self.columns)

    def sql(self, cursor: str | None) -> tuple[str, list[Any]]:
        """The condition of the page after a cursor, and its values; nothing for the first page."""
        if cursor is None:
            return "", []
        names = ", ".join(column for column, _ in self.columns)
        marks = ", ".join(["%s"] * len(self.columns))
        sign = "<" if self.is_descending else ">"
        return f"WHERE ({names}) {sign} ({marks})", self.decode(cursor)


def _read(value: Any, kind: type) -> Any:
    if not isinstance(value, str) or not is_plain(value):
        raise ValueError
    # A name is as long as a delivery made it; the request bounds it.
    if kind is not str and len(value) > _MOST_DIGITS + 12:
        raise ValueError
    if kind is date:
        return date.fromisoformat(value)
    if kind is Decimal:
        number = Decimal(value)
        if not number.is_finite() or abs(number.adjusted()) > _MOST_DIGITS:
            raise ValueError
        return number
    if kind is int and not (len(value) < _MOST_DIGITS and -(2**63) <= int(value) < 2**63):
        raise ValueError
    return kind(value)


def is_plain(text: str) -> bool:
    """Whether a database can hold it: no zero byte, and no half of a pair of UTF-16."""
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def page_size(first: int) -> int:
    """Refused unless it is from 1 to MOST."""
    if not 1 <= first <= MOST:
        raise Refused(f"first is from 1 to {MOST}; got {first}")
    return first


def assert_text(name: str, value: str | None, most: int = 200) -> None:
    """Refused where a text is too long, or holds a character that no database text has."""
    if value is not None and (len(value) > most or not is_plain(value)):
        raise Refused(f"{name} is a text of at most {most} characters")


def unique(values: Sequence[Any]) -> list[Any]:
    """Each once, in the order of the first."""
    return list(dict.fromkeys(values))
