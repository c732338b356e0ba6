"""People's histories by DuckDB and numpy: `kit.plain` tells what for.

DuckDB reads each record as the transform does, finds its place, and sorts them by person and date;
numpy finds which of the records of a date stands, and where a period begins. What is left out is
what the transform rejects.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from strata.feeds.residents.people import (
    MALFORMED,
    MISSING,
    NO_AUTHORITY,
    OF_RESIDENT,
    OUTWARD,
    SAME_STATEMENT,
    SEXES,
    STATE,
    TERMINATED,
    TOLD,
    UNCHANGED,
    UNDATED,
    UNKNOWN,
    UNKNOWN_SEX,
    UNREADABLE,
)
from strata.kit.history import OPEN_END
from strata.kit.plain import EACH, Doubtful, Plain
from strata.kit.stretches import Runs, changes, codes, in_order, stretches, whole_numbers

_GROUP = "_group"

# Of a record its date, and whether the transform rejects it for what it tells. Spark takes more
# forms of a date than the reader leaves: of another form it is doubtful.
DATES = f"""
    SELECT *, coalesce(told_date, _delivery_date, DATE '{UNDATED}') AS event_date,
        person_token IS NOT NULL AND (as_of IS NULL OR told_date IS NOT NULL)
            AND coalesce(told_date, _delivery_date, DATE '{UNDATED}')
                BETWEEN DATE '{UNDATED}' AND DATE '9999-12-30'
            AND coalesce(told_date <= _delivery_date, true)
            AND deleted IS DISTINCT FROM '{UNREADABLE}' AS is_sound,
        NOT coalesce(is_date OR as_of = '{UNREADABLE}', true) AS is_odd_date
    FROM (
        SELECT *, CASE WHEN is_date THEN try_cast(as_of AS DATE) END AS told_date
        FROM (
            SELECT *, regexp_full_match(as_of, '[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}') AS is_date
            FROM residents_users
        ) AS formed
    ) AS read_dates
"""
_KEPT = ", ".join(f"CASE WHEN is_resident THEN {name} END AS {name}" for name in OF_RESIDENT)
_SEX = " ".join(f"WHEN '{told}' THEN '{sex}'" for told, sex in SEXES.items())
_QUERY = f"""
WITH dated AS ({DATES}), typed AS (
    SELECT person_token, event_date, _file_sha256, _record_number,
        coalesce(deleted, 'false') <> 'true' AS is_resident, identity_token,
        CASE sex {_SEX} ELSE '{UNKNOWN_SEX}' END AS sex,
        CASE WHEN regexp_full_match(birth_year, '[0-9]{{4}}')
            AND try_cast(birth_year AS INTEGER) BETWEEN 1850 AND 2100
            THEN try_cast(birth_year AS INTEGER) END AS birth_year,
        postcode_token, postcode_form, postcode_territory, is_sound,
        is_odd_date OR coalesce(birth_year <> '{UNREADABLE}'
            AND NOT regexp_full_match(birth_year, '[0-9]{{4}}'), false) AS is_doubtful
    FROM dated
), told AS (
    SELECT person_token, event_date, _file_sha256, _record_number, is_resident, is_doubtful,
        {_KEPT}
    FROM typed WHERE is_sound OR is_doubtful
), found AS (
    SELECT t.*, p.postcode_token IS NOT NULL AS is_found, p.authority_code AS found_code,
        p.authority_name AS found_name, coalesce(p.is_terminated, false) AS is_terminated
    FROM told AS t LEFT JOIN residents_postcodes AS p ON t.postcode_token = p.postcode_token
), placed AS (
    SELECT *, is_resident AND NOT is_terminated AND found_code IS NOT NULL AS is_placed FROM found
)
SELECT person_token, event_date, {", ".join(TOLD)}, is_doubtful, _file_sha256, _record_number,
    CASE WHEN is_placed THEN found_code END AS authority_code,
    CASE WHEN is_placed THEN found_name END AS authority_name,
    CASE WHEN is_resident AND NOT is_placed THEN
        CASE WHEN postcode_form IS NULL THEN '{MISSING}'
            WHEN postcode_form = 'malformed' THEN '{MALFORMED}'
            WHEN is_terminated THEN '{TERMINATED}'
            WHEN postcode_territory IS NOT NULL THEN postcode_territory
            WHEN postcode_form = 'outward' THEN '{OUTWARD}'
            WHEN is_found THEN '{NO_AUTHORITY}' ELSE '{UNKNOWN}' END
        END AS unplaced,
    hash(person_token) AS {_GROUP}
FROM placed ORDER BY {_GROUP}, person_token, event_date
"""


def _settle(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """The periods of each person, and the records that are folded into them."""
    return map(_settled, stretches(batches, _GROUP))


def _settled(records: pa.Table) -> pa.Table:
    """As `people.residents_people` does it, of sound records in the order of persons and dates."""
    if pc.any(records["is_doubtful"]).as_py():
        raise Doubtful
    days, person_begins = whole_numbers(records["event_date"]), changes(records["person_token"])
    date_begins = person_begins.copy()
    date_begins[1:] |= days[1:] != days[:-1]
    each = Runs(date_begins)
    is_conflict = np.zeros(len(days), np.bool_)
    for name in TOLD:
        told = codes(records[name])
        is_conflict |= each.greatest(told) != each.least(told)
    own = in_order(records)
    stands = ~is_conflict & (own == each.least(own))
    persons = np.cumsum(person_begins)
    begins = _begins(records, stands, persons)
    fold = np.where(stands, np.where(begins, 0, 1), 2)
    columns = {name: records[name] for name in records.column_names}
    columns |= {
        "valid_from": records["event_date"],
        **_ends(days, begins, persons),
    }
    columns["_fold"] = pa.array((None, UNCHANGED, SAME_STATEMENT), pa.string()).take(pa.array(fold))
    return pa.table(columns).filter(pa.array(~is_conflict))


def _begins(records: pa.Table, stands: np.ndarray, persons: np.ndarray) -> np.ndarray:
    """Whether a record begins a period: it stands, and tells another state than the last one of its
    person that does."""
    places = np.flatnonzero(stands)
    differs = np.ones(len(places), np.bool_)
    differs[1:] = persons[places][1:] != persons[places][:-1]
    for name in STATE:
        told = codes(records[name])[places]
        differs[1:] |= told[1:] != told[:-1]
    begins = np.zeros(len(stands), np.bool_)
    begins[places[differs]] = True
    return begins


def _ends(days: np.ndarray, begins: np.ndarray, persons: np.ndarray) -> dict[str, pa.Array]:
    """`valid_to` and `is_current` of records that begin a period; of others they mean nothing."""
    places = np.flatnonzero(begins)
    is_last = np.ones(len(places), np.bool_)
    is_last[:-1] = persons[places][1:] != persons[places][:-1]
    following = np.append(days[places][1:], 0)[: len(places)]
    ends = np.full(len(days), np.datetime64(OPEN_END).astype(np.int64))
    ends[places] = np.where(is_last, ends[places], following)
    is_current = np.zeros(len(days), np.bool_)
    is_current[places] = is_last
    valid_to = pa.array(ends.astype(np.int32), pa.int32()).cast(pa.date32())
    return {"valid_to": valid_to, "is_current": pa.array(is_current)}


PEOPLE = Plain(
    query=_QUERY,
    reads={
        "bronze.residents_users": (
            "person_token",
            "as_of",
            "deleted",
            *OF_RESIDENT,
            "_delivery_date",
            "_file_sha256",
            "_record_number",
        ),
        "silver.residents_postcodes": (
            "postcode_token",
            "authority_code",
            "authority_name",
            "is_terminated",
        ),
    },
    by="person_token",
    fewest=EACH,
    settle=_settle,
)
