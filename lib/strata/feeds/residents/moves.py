"""Moves of people from one local authority to another, by pair and by month."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from strata.feeds.residents.authorities import limits, limits_of
from strata.feeds.residents.params import Params
from strata.feeds.residents.succession import is_same_area
from strata.feeds.residents.suppression import hide_totals, rounded
from strata.kit.plain import EACH, Plain, by_query, for_duckdb

if TYPE_CHECKING:
    import pyarrow as pa

NO_MOVE = "no move from one authority to another"
FOLDS = (NO_MOVE,)

_PAIR = ("from_authority_code", "from_authority_name", "to_authority_code", "to_authority_name")
_PAIR_TYPES = ", ".join(f"{name}:string" for name in _PAIR)
_COUNTED = "moves:bigint, people:bigint, is_suppressed:boolean, _rows:bigint"

# Each period with the pair of authorities between which it is a move, or `_fold`: it is none.
_PERIODS = f"""
SELECT {", ".join(f"CASE WHEN is_move THEN {name} END AS {name}" for name in _PAIR)},
    CASE WHEN is_move THEN CAST(date_trunc('month', valid_from) AS DATE) END AS month_start,
    CASE WHEN NOT is_move THEN '{NO_MOVE}' END AS _fold, person_token
FROM (
    SELECT *, coalesce(from_valid_to = valid_from AND from_authority_code <> to_authority_code
        AND NOT {is_same_area("from_authority_code", "to_authority_code")}, false) AS is_move
    FROM (
        SELECT person_token, valid_from, authority_code AS to_authority_code,
            authority_name AS to_authority_name, lag(authority_code) OVER person AS
            from_authority_code, lag(authority_name) OVER person AS from_authority_name,
            lag(valid_to) OVER person AS from_valid_to
        FROM {{residents_people}}
        WINDOW person AS (PARTITION BY person_token ORDER BY valid_from)
    ) AS paired
) AS told
"""


def _counted(*key: str) -> str:
    grouped = ", ".join((*key, "_fold"))
    return f"""
SELECT {grouped}, count(*) AS moves, count(DISTINCT person_token) AS people, count(*) AS _rows
FROM ({_PERIODS}) AS periods GROUP BY {grouped}
"""


_BY_PAIR, _BY_MONTH = _counted(*_PAIR), _counted("month_start")


def residents_moves(people: DataFrame, *, params: Params) -> DataFrame:
    """One row per pair of authorities between which people have moved; and one row, folded, of all
    periods that begin with no such move.

    A move is a period in one authority that follows, without a gap, on one in another. A person who
    moves twice in one direction makes two moves, and is one of `people`. Where one of the two
    became the other, as Allerdale became a part of Cumberland, nobody need have moved. Small
    numbers are hidden.
    """
    counted = by_query(_BY_PAIR, residents_people=people)
    return _published(counted, _PAIR, _PAIR_TYPES, params)


def residents_moves_by_month(people: DataFrame, *, params: Params) -> DataFrame:
    """One row per month in which people have moved, from the same moves as `residents_moves`; and
    one row, folded, of all periods that begin with no move.

    A move is of the month in which its period begins. `people` are distinct within the month.
    """
    counted = by_query(_BY_MONTH, residents_people=people)
    return _published(counted, ("month_start",), "month_start:date", params)


def _published(counted: DataFrame, key: tuple[str, ...], types: str, params: Params) -> DataFrame:
    limit, to = params.suppress_below, params.round_to
    hide = F.udf(lambda rows: publish(rows, key, limit, to), f"array<struct<{types}, {_COUNTED}>>")
    is_move = F.col("_fold").isNull()
    whole = counted.where(is_move).agg(
        F.collect_list(F.struct(*key, "moves", "people", "_rows")).alias("_counts")
    )
    moves = whole.select(F.inline(hide("_counts"))).withColumn("_fold", F.lit(None).cast("string"))
    others = (
        counted.where(~is_move).withColumn("is_suppressed", F.lit(False)).select(*moves.columns)
    )
    return moves.unionByName(others).withColumns(limits(params))


def publish(
    rows: Sequence[Any], key: Sequence[str], limit: int, to: int = 1
) -> list[dict[str, Any]]:
    """The pairs, or months, as they may be published, in the order of their keys.

    Each person moves once at least, so what keeps people hidden keeps moves hidden too.
    """
    ordered = sorted(
        (row.asDict() if hasattr(row, "asDict") else dict(row) for row in rows),
        key=lambda row: tuple(row[name] for name in key),
    )
    small = [row["people"] < limit for row in ordered]
    hidden = hide_totals([row["people"] for row in ordered], small, limit)
    return [
        {**row, "moves": None, "people": None, "is_suppressed": True}
        if n in hidden
        else {
            **row,
            "moves": rounded(row["moves"], to),
            "people": rounded(row["people"], to),
            "is_suppressed": False,
        }
        for n, row in enumerate(ordered)
    ]


def _publish_here(rows: pa.Table, params: Mapping[str, Any], key: tuple[str, ...]) -> pa.Table:
    """As `_published`, of counts that lie here."""
    import pyarrow as pa
    import pyarrow.compute as pc

    is_move = pc.is_null(rows["_fold"])
    limit, to = params["suppress_below"], params["round_to"]
    shown = publish(rows.filter(is_move).drop_columns("_fold").to_pylist(), key, limit, to)
    others = rows.filter(pc.invert(is_move))
    others = others.append_column("is_suppressed", pa.repeat(False, others.num_rows))
    whole = pa.concat_tables([pa.Table.from_pylist(shown, others.schema), others])
    for name, value in limits_of(params).items():
        whole = whole.append_column(name, pa.repeat(pa.scalar(value, pa.int32()), whole.num_rows))
    return whole


def _plain(query: str, *key: str) -> Plain:
    names = ("person_token", "valid_from", "valid_to", "authority_code", "authority_name")
    return Plain(
        for_duckdb(query, "residents_people"),
        {"silver.residents_people": names},
        complete=partial(_publish_here, key=key),
        fewest=EACH,
    )


PLAIN_MOVES, PLAIN_BY_MONTH = _plain(_BY_PAIR, *_PAIR), _plain(_BY_MONTH, "month_start")
