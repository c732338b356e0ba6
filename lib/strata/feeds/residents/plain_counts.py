"""Counts of people on one date by DuckDB, and what is published of them: `kit.plain` tells what
for. Which numbers are hidden is decided by the same functions as the transforms ask.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from strata.feeds.residents import ages, authorities
from strata.feeds.residents.authorities import (
    AGE_BANDS,
    BY_AGE,
    BY_SEX,
    OTHER_DATE,
    limits_of,
)
from strata.feeds.residents.people import UNDATED
from strata.feeds.residents.plain_people import DATES
from strata.kit.plain import EACH, Doubtful, Plain

if TYPE_CHECKING:
    import pyarrow as pa

_DOUBT = "_is_doubtful"
# Each period with the date asked for and the age reached in its year, or `_fold`: it does not hold.
_ON_DATE = f"""
WITH dates AS ({DATES}), newest AS (
    SELECT coalesce(CAST(nullif('{{as_of}}', '') AS DATE),
            max(event_date) FILTER (WHERE is_sound AND event_date > DATE '{UNDATED}')
        ) AS as_of_date,
        coalesce(bool_or(is_odd_date), false) AS {_DOUBT}
    FROM dates
), held AS (
    SELECT h.*, n.*, year(n.as_of_date) - try_cast(h.birth_year AS INTEGER) AS age,
        CASE WHEN NOT (h.valid_from <= coalesce(n.as_of_date, DATE '9999-12-30')
                AND coalesce(n.as_of_date, DATE '9999-12-30') < h.valid_to)
            THEN '{OTHER_DATE}' END AS _fold
    FROM residents_history_internal AS h CROSS JOIN newest AS n
)
"""
_READS = {
    "gold.residents_history_internal": (
        "authority_code",
        "authority_name",
        "is_authority",
        "sex",
        "birth_year",
        "valid_from",
        "valid_to",
        "people",
    ),
    "bronze.residents_users": ("person_token", "as_of", "deleted", "_delivery_date"),
}


def _sum_if(condition: str, name: str) -> str:
    return f"CAST(sum(CASE WHEN {condition} THEN people ELSE 0 END) AS BIGINT) AS {name}"


_COUNTS = ",\n    ".join(
    [
        _sum_if("true", "people"),
        *(_sum_if(f"sex = '{sex}'", name) for name, sex in zip(BY_SEX, ages.SEXES, strict=True)),
        *(_sum_if(f"age BETWEEN {a} AND {b}", name) for name, (a, b) in AGE_BANDS.items()),
        _sum_if("NOT coalesce(age BETWEEN 0 AND 130, false)", BY_AGE[-1]),
    ]
)
_INTERNAL = f"""{_ON_DATE}
SELECT as_of_date, authority_code, authority_name, is_authority, _fold, {_DOUBT},
    {_COUNTS}, count(*) AS _rows
FROM held GROUP BY ALL
"""
_BAND = " ".join(
    f"WHEN age BETWEEN {a} AND {b} THEN '{band}'"
    for band, (a, b) in zip(ages.BANDS[:-1], AGE_BANDS.values(), strict=True)
)
_CELLS = f"""{_ON_DATE}
SELECT as_of_date, authority_code, CASE {_BAND} ELSE '{ages.UNKNOWN_BAND}' END AS age_band, sex,
    _fold, {_DOUBT}, CAST(sum(people) AS BIGINT) AS people, count(*) AS _rows
FROM held GROUP BY ALL
"""


def _sure(rows: pa.Table, params: Mapping[str, Any]) -> pa.Table:
    """The rows, where every date of a user's record has the form that the reader leaves."""
    if any(rows[_DOUBT].to_pylist()):
        raise Doubtful
    return rows.drop_columns(_DOUBT)


def _publish(rows: pa.Table, params: Mapping[str, Any]) -> pa.Table:
    """As `authorities.residents_by_authority`, of counts that lie here."""
    import pyarrow as pa

    limit, to = params["suppress_below"], params["round_to"]
    schema = rows.schema.append(pa.field("is_suppressed", pa.bool_()))
    shown = pa.Table.from_pylist(authorities.publish(rows.to_pylist(), limit, to), schema)
    shown = shown.append_column("_rows", pa.repeat(pa.scalar(1, pa.int64()), shown.num_rows))
    return with_limits(shown, params)


def _publish_bands(rows: pa.Table, params: Mapping[str, Any]) -> pa.Table:
    """As `ages.residents_by_age_and_sex`, of counts that lie here."""
    import pyarrow as pa
    import pyarrow.compute as pc

    rows, limit, to = _sure(rows, params), params["suppress_below"], params["round_to"]
    holds = pc.is_null(rows["_fold"])
    cells = rows.filter(holds).to_pylist()
    others = rows.filter(pc.invert(holds)).drop_columns("authority_code")
    others = others.append_column("is_suppressed", pa.repeat(False, others.num_rows))
    shown = pa.Table.from_pylist(ages.publish(cells, limit, to), others.schema)
    return with_limits(pa.concat_tables([shown, others]), params)


def with_limits(rows: pa.Table, params: Mapping[str, Any]) -> pa.Table:
    """With the columns that tell by which rules numbers were hidden and rounded."""
    import pyarrow as pa

    for name, value in limits_of(params).items():
        rows = rows.append_column(name, pa.repeat(pa.scalar(value, pa.int32()), rows.num_rows))
    return rows


INTERNAL = Plain(_INTERNAL, _READS, complete=_sure, fewest=EACH)
BY_AGE_AND_SEX = Plain(_CELLS, _READS, complete=_publish_bands, fewest=EACH)
_SHOWN = ("as_of_date", "authority_code", "authority_name", "is_authority", "people")
PUBLISHED = Plain(
    f"SELECT {', '.join((*_SHOWN, *BY_SEX, *BY_AGE))} FROM residents_by_authority_internal",
    {"gold.residents_by_authority_internal": (*_SHOWN, *BY_SEX, *BY_AGE)},
    complete=_publish,
    fewest=EACH,
)
