"""Moves of people from one local authority to another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from strata.feeds.residents.params import Params
from strata.feeds.residents.succession import is_same_area
from strata.feeds.residents.suppression import hide_totals

NO_MOVE = "no move from one authority to another"
FOLDS = (NO_MOVE,)

_PAIR = ("from_authority_code", "from_authority_name", "to_authority_code", "to_authority_name")
_PUBLISHED = ", ".join(
    [
        *(f"{name}:string" for name in _PAIR),
        "moves:bigint, people:bigint, is_suppressed:boolean, _rows:bigint",
    ]
)


def residents_moves(people: DataFrame, *, params: Params) -> DataFrame:
    """One row per pair of authorities between which people have moved; and one row, folded, of all
    periods that begin with no such move.

    A move is a period in one authority that follows, without a gap, on one in another. A person who
    moves twice in one direction makes two moves, and is one of `people`. Where one of the two
    became the other, as Allerdale became a part of Cumberland, nobody need have moved. Small
    numbers are hidden.
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
    flagged = paired.select(
        *[F.when(is_move, F.col(name)).alias(name) for name in _PAIR],
        F.when(~is_move, NO_MOVE).alias("_fold"),
        "person_token",
    )
    counted = flagged.groupBy(*_PAIR, "_fold").agg(
        F.count(F.lit(1)).alias("moves"),
        F.countDistinct("person_token").alias("people"),
        F.count(F.lit(1)).alias("_rows"),
    )
    return _published(counted, params.suppress_below)


def _published(counted: DataFrame, limit: int) -> DataFrame:
    hide = F.udf(lambda rows: publish(rows, limit), f"array<struct<{_PUBLISHED}>>")
    is_move = F.col("_fold").isNull()
    whole = counted.where(is_move).agg(
        F.collect_list(F.struct(*_PAIR, "moves", "people", "_rows")).alias("_pairs")
    )
    moves = whole.select(F.inline(hide("_pairs"))).withColumn("_fold", F.lit(None).cast("string"))
    others = (
        counted.where(~is_move).withColumn("is_suppressed", F.lit(False)).select(*moves.columns)
    )
    return moves.unionByName(others).withColumn("suppressed_below", F.lit(limit).cast("int"))


def publish(rows: Sequence[Any], limit: int) -> list[dict[str, Any]]:
    """The pairs as they may be published, in the order of their codes."""
    ordered = sorted(
        (row.asDict() if hasattr(row, "asDict") else dict(row) for row in rows), key=_codes
    )
    small = [row["people"] < limit for row in ordered]
    hidden = hide_totals([row["people"] for row in ordered], small, limit)
    return [
        {**row, "moves": None, "people": None, "is_suppressed": True}
        if n in hidden
        else {**row, "is_suppressed": False}
        for n, row in enumerate(ordered)
    ]


def _codes(row: dict[str, Any]) -> tuple[str, str]:
    return row["from_authority_code"], row["to_authority_code"]
