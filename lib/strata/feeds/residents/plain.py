"""Sound postcodes by DuckDB and numpy, for large lookups: `kit.plain` tells what for.

DuckDB reads each record as the transform does, and sorts them by their postcodes; numpy finds which
of the records of a postcode stands. What is left out is what the transform rejects.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from strata.feeds.residents.postcodes import SAME_POSTCODE, authority_names
from strata.kit.columns import BLANKS
from strata.kit.history import SUPERSEDED
from strata.kit.plain import Plain
from strata.kit.stretches import codes, stretches, whole_numbers

_GROUP = "_group"
_QUERY = rf"""
WITH told AS (
    SELECT postcode_token, addresses, _delivery_date, _file_sha256, _record_number,
        nullif(trim(authority_code, '{BLANKS}'), '') AS code,
        nullif(trim(terminated, '{BLANKS}'), '') AS month,
        CASE WHEN regexp_full_match(addresses, '[+-]?[0-9]+')
            THEN try_cast(ltrim(addresses, '+') AS BIGINT) END AS homes
    FROM residents_postcodes WHERE postcode_token IS NOT NULL
), judged AS (
    SELECT *, month IS NOT NULL AS is_terminated,
        CASE WHEN NOT ends_with(code, '99999999') THEN code END AS authority_code,
        coalesce(regexp_full_match(code, '[A-Z][0-9]{{8}}'), true)
            AND coalesce(regexp_full_match(month, '[0-9]{{6}}'), true)
            AND (addresses IS NULL OR homes IS NOT NULL) AS is_sound
    FROM told
)
SELECT j.postcode_token, j.authority_code, n.authority_name, j.is_terminated,
    j.homes AS addresses, j.is_sound, j._delivery_date, j._file_sha256, j._record_number,
    hash(j.postcode_token) AS {_GROUP}
FROM judged AS j LEFT JOIN names AS n ON j.authority_code = n.authority_code
ORDER BY {_GROUP}, j.postcode_token
"""
_OUTCOMES = (None, SUPERSEDED, SAME_POSTCODE)
_LEAST, _GREATEST = np.iinfo(np.int64).min, np.iinfo(np.int64).max


def _settle(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """The record of each postcode that stands, and those that are folded into it."""
    return map(_settled, stretches(batches, _GROUP))


def _settled(records: pa.Table) -> pa.Table:
    """As `history.keep_latest` does it, of records in the order of their postcodes."""
    each = _Postcodes(records["postcode_token"])
    day, is_sound = whole_numbers(records["_delivery_date"]), _numpy(records["is_sound"])
    is_newest = day == each.greatest(np.where(is_sound, day, _LEAST))
    is_latest = is_sound & is_newest
    told = 2 * codes(records["authority_code"]).astype(np.int64) + _numpy(records["is_terminated"])
    differs = each.greatest(np.where(is_latest, told, _LEAST)) != each.least(
        np.where(is_latest, told, _GREATEST)
    )
    own = _numpy(records["_file_sha256"]).astype(np.int64) << 40 | _numpy(records["_record_number"])
    is_repeat = own != each.least(np.where(is_latest, own, _GREATEST))
    homes = _numpy(pc.fill_null(records["addresses"], _LEAST))
    homes = each.greatest(np.where(is_newest, homes, _LEAST))
    outcome = np.where(is_latest, np.where(is_repeat, 2, 0), 1)
    added = {
        "addresses": pa.array(homes, mask=homes == _LEAST),
        "_fold": pa.array(_OUTCOMES).take(pa.array(outcome)),
    }
    kept = pa.array(is_sound & ~(is_latest & differs))
    columns = {name: records[name] for name in records.column_names} | added
    return pa.table(columns).filter(kept)


class _Postcodes:
    """Which neighbouring records are of one postcode, and what is greatest or least among them."""

    def __init__(self, tokens: pa.ChunkedArray) -> None:
        begins = np.ones(len(tokens), np.bool_)
        begins[1:] = _numpy(pc.not_equal(tokens[1:], tokens[:-1]))
        self._starts = np.flatnonzero(begins)
        self._counts = np.diff(self._starts, append=len(tokens))

    def greatest(self, values: np.ndarray) -> np.ndarray:
        """For each record, the greatest value of its postcode's records."""
        return self._of_each(np.maximum, values)

    def least(self, values: np.ndarray) -> np.ndarray:
        """The least one."""
        return self._of_each(np.minimum, values)

    def _of_each(self, which: np.ufunc, values: np.ndarray) -> np.ndarray:
        return np.repeat(which.reduceat(values, self._starts), self._counts)


def _numpy(column: Any) -> np.ndarray:
    return column.combine_chunks().to_numpy(zero_copy_only=False)


PLAIN = Plain(
    query=_QUERY,
    reads={
        "bronze.residents_postcodes": (
            "postcode_token",
            "authority_code",
            "terminated",
            "addresses",
            "_delivery_date",
            "_file_sha256",
            "_record_number",
        ),
    },
    by="postcode_token",
    made={"names": ("bronze.residents_authorities", authority_names)},
    settle=_settle,
)
