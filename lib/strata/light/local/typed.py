"""Columns of text to columns of values: the twin, column by column, of `strata.light.fixes.Judge`.

A number in a rarer notation than plain digits is NaN here, as one that is none: who judges must ask
`Judge` about a row that is not surely sound. Instants are exact.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from strata.light.local import arrow

NO_INSTANT = -(1 << 63)
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
_MICROSECOND = dt.timedelta(microseconds=1)
_PLAIN_NUMBER = r"^-?[0-9]{1,15}(?:\.[0-9]{1,20})?$"
_LEAP_YEAR = r"(?:19(?:8[048]|9[26])|20(?:[02468][048]|[13579][26]))"
_DATE = (
    r"(?:(?:19[89][0-9]|20[0-9]{2})-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])"
    r"|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
    rf"|{_LEAP_YEAR}-02-29)"
)
_DATE_AND_TIME = rf"^{_DATE}[ T](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
_LENGTH = 19
_SOME_DAY = "2000-01-01 00:00:00"


def numbers(texts: pa.Array) -> np.ndarray:
    """Floats; NaN for what is no plain number. -0 is 0."""
    plain = pc.if_else(pc.match_substring_regex(texts, _PLAIN_NUMBER), texts, arrow.NOTHING)
    found = plain.cast(pa.float64())
    return np.where(arrow.is_told(found), arrow.numbers(found) + 0.0, np.nan)


def instants(texts: pa.Array, read: Callable[[str], dt.datetime | None]) -> np.ndarray:
    """Microseconds since 1970 in UTC; `NO_INSTANT` where a text tells none.

    `read` tells the instant of one text: it is asked once for each end that texts have behind their
    seconds, a fraction or an offset.
    """
    plain = pc.if_else(pc.match_substring_regex(texts, _DATE_AND_TIME), texts, arrow.NOTHING)
    longest = pc.max(pc.binary_length(plain)).as_py()
    if longest is None:
        return np.full(len(texts), NO_INSTANT)
    shifts: Any = np.int64(_shift("", read))
    if longest > _LENGTH:
        raw = plain.cast(pa.binary())
        plain = pc.binary_slice(raw, 0, _LENGTH).cast(pa.string())
        # `longest`: without an end this function fails on more than one value.
        ends = pc.binary_slice(raw, _LENGTH, longest).cast(pa.string())
        shifts = by_text(ends, lambda end: _shift(end, read))
    local = plain.cast(pa.timestamp("us"))
    tells = arrow.is_told(local) & (shifts != NO_INSTANT)
    with np.errstate(over="ignore"):
        return np.where(tells, arrow.numbers(local.cast(pa.int64())) + shifts, NO_INSTANT)


def _shift(end: str, read: Callable[[str], dt.datetime | None]) -> int:
    """What the text behind the seconds adds, in microseconds."""
    at, base = read(_SOME_DAY + end), read(_SOME_DAY + "Z")
    return NO_INSTANT if at is None or base is None else (at - base) // _MICROSECOND


def by_text(texts: pa.Array, read: Callable[[str], Any]) -> np.ndarray:
    """What `read` says of each text; it is asked once for each that differs."""
    coded = pc.dictionary_encode(texts, null_encoding="encode")
    told = np.array([read(text or "") for text in coded.dictionary.to_pylist()])
    found: np.ndarray = told[arrow.numbers(coded.indices)]
    return found


def instant_of(microseconds: int) -> dt.datetime:
    """The instant of so many microseconds since 1970."""
    return EPOCH + dt.timedelta(microseconds=microseconds)


def microseconds_of(at: dt.datetime) -> int:
    """The microseconds since 1970 of an instant."""
    return (at - EPOCH) // _MICROSECOND
