"""Moves of people from one local authority to another, by pair and by month."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from strata.feeds.residents.authorities import limits
from strata.feeds.residents.params import Params
from strata.feeds.residents.succession import is_same_area
from strata.feeds.residents.suppression import hide_totals, rounded

NO_MOVE = "no move from one authority to another"
FOLDS = (NO_MOVE,)

_PAIR = ("from_authority_code", "from_authority_name", "to_authority_code", "to_authority_name")
_PAIR_TYPES = ", ".join(f"{name}:string" for name in _PAIR)
_COUNTED = "moves:bigint, people:bigint, is_suppressed:boolean, _rows:bigint"


def residents_moves(people: DataFrame, *, params: Params) -> DataFrame:
    """One row per pair of authorities between which people have moved; and one row, folded, of all
    periods that begin with no such move.

    A move is a period in one authority that follows, without a gap, on one in another. A person who
    moves twice in one direction makes two moves, and is one of `people`. Where one of the two
    became the other, as Allerdale became a part of Cumberland, nobody need have moved. Small
    numbers are hidden.
    """
    counted = (
        _flag_moves(people)
        .groupBy(*_PAIR, "_fold")
        .agg(
            F.count(F.lit(1)).alias("moves"),
            F.countDistinct("person_token").alias("people"),
            F.count(F.lit(1)).alias("_rows"),
        )
    )
    return _published(counted, _PAIR, _PAIR_TYPES, params)


def residents_moves_by_month(people: DataFrame, *, params: Params) -> DataFrame:
    """One row per month in which people have moved, from the same moves as `residents_moves`; and
    one row, folded, of all periods that begin with no move.

    A move is of the month in which its period begins. `people` are distinct within the month.
    """
    counted = (
        _flag_moves(people)
        .withColumn("month_start", F.when(F.col("_fold").isNull(), F.trunc("valid_from", "month")))
        .groupBy("month_start", "_fold")
        .agg(
            F.count(F.lit(1)).alias("moves"),
            F.countDistinct("person_token").alias("people"),
            F.count(F.lit(1)).alias("_rows"),
        )
    )
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


def _flag_moves(people: DataFrame) -> DataFrame:
    """Each period with the pair of authorities between which it is a move, or `_fold`: it is
    none.
    """
    person = Window.partitionBy("person_token").orderBy("valid_from")
    earlier = {
        f"from_{name}": F.lag(name).over(person)
        for name in ("authority_code", "authority_name", "valid_to")
    }
    paired = people.withColumns(earlier).withColumns(
        {f"to_{name}": F.col(name) for name in ("authority_code", "authority_name")}
    )
    before, after = F.col("from_authority_code"), F.col("to_authority_code")
    follows = F.col("from_valid_to") == F.col("valid_from")
    is_other = (before != after) & ~is_same_area(before, after)
    is_move = F.coalesce(follows & is_other, F.lit(False))
    return paired.select(
        *[F.when(is_move, F.col(name)).alias(name) for name in _PAIR],
        F.when(~is_move, NO_MOVE).alias("_fold"),
        "person_token",
        "valid_from",
    )
