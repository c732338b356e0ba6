"""Sound postcodes by DuckDB and numpy, for large lookups: `kit.plain` tells what for.

DuckDB reads each record as the transform does, and sorts them by their postcodes; numpy finds which
of the records of a postcode stands. What is left out is what the transform rejects.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from strata.feeds.residents.plain_names import names_here
from strata.feeds.residents.postcodes import SAME_POSTCODE, authority_names
from strata.kit.columns import BLANKS
from strata.kit.history import SUPERSEDED
from strata.kit.plain import Plain
from strata.kit.stretches import (
    Runs,
    as_numpy,
    changes,
    codes,
    in_order,
    whole_groups,
    whole_numbers,
)

_GROUP = "_group"
_LEAST, _GREATEST = np.iinfo(np.int64).min, np.iinfo(np.int64).max
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
            AND (addresses IS NULL OR coalesce(homes > {_LEAST}, false)) AS is_sound
    FROM told
)
SELECT j.postcode_token, j.authority_code, n.authority_name, j.is_terminated,
    j.homes AS addresses, j.is_sound, j._delivery_date, j._file_sha256, j._record_number,
    hash(j.postcode_token) AS {_GROUP}
FROM judged AS j LEFT JOIN names AS n ON j.authority_code = n.authority_code
ORDER BY {_GROUP}
"""
_OUTCOMES = (None, SUPERSEDED, SAME_POSTCODE)


def _settle(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """The record of each postcode that stands, and those that are folded into it."""
    return map(_settled, map(_by_postcode, whole_groups(batches, _GROUP)))


def _by_postcode(records: pa.Table) -> pa.Table:
    """Records in the order of the hashes of their postcodes, each postcode's together: by their
    texts they are put in order where two of one hash differ, which takes DuckDB twice as long."""
    is_same_hash = np.diff(as_numpy(records[_GROUP])) == 0
    if np.any(is_same_hash & changes(records["postcode_token"])[1:]):
        by_both = [(_GROUP, "ascending"), ("postcode_token", "ascending")]
        records = records.sort_by(by_both).combine_chunks()
    return records.drop_columns([_GROUP])


def _settled(records: pa.Table) -> pa.Table:
    """As `history.keep_latest` does it, of records of which each postcode's are together."""
    each = Runs(changes(records["postcode_token"]))
    day, is_sound = whole_numbers(records["_delivery_date"]), as_numpy(records["is_sound"])
    is_newest = day == each.greatest(np.where(is_sound, day, _LEAST))
    is_latest = is_sound & is_newest
    told = 2 * codes(records["authority_code"]).astype(np.int64) + as_numpy(
        records["is_terminated"]
    )
    differs = each.greatest(np.where(is_latest, told, _LEAST)) != each.least(
        np.where(is_latest, told, _GREATEST)
    )
    own = in_order(records)
    is_repeat = own != each.least(np.where(is_latest, own, _GREATEST))
    homes = as_numpy(pc.fill_null(records["addresses"], _LEAST))
    homes = each.greatest(np.where(is_newest, homes, _LEAST))
    outcome = np.where(is_latest, np.where(is_repeat, 2, 0), 1)
    added = {
        "addresses": pa.array(homes, mask=homes == _LEAST),
        "_fold": pa.array(_OUTCOMES).take(pa.array(outcome)),
    }
    kept = pa.array(is_sound & ~(is_latest & differs))
    columns = {name: records[name] for name in records.column_names} | added
    return pa.table(columns).filter(kept)


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
    made_here={"names": names_here},
    settle=_settle,
)
