"""Which of several records of one thing holds; and which rows have a key to themselves."""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from strata.kit.columns import add_reasons, flag
from strata.kit.keys import shared_hashes

SUPERSEDED = "superseded by a later delivery"
REPEATED = "same as another record"
FOLDS = (SUPERSEDED, REPEATED)
_CONFLICT = (
    "the records of its {what} differ, and no order is stated: put each delivery in a folder "
    "delivery=YYYY-MM-DD"
)

_MOST_SHARED = 1_000_000
"""More shared keys are not sent to every task; all rows are then taken for rows that may share
theirs.
"""


def split_shared(rows: DataFrame, key: tuple[str, ...]) -> tuple[DataFrame, DataFrame]:
    """The rows that have their key to themselves, and those that may share it: the first need no
    sorting, and are most.

    Two keys whose hashes collide are taken for shared, which costs time and no more. The keys are
    counted here and now: where none is shared, as in most files, nothing of the second part is
    planned.
    """
    found = shared_hashes(rows, tuple(map(F.col, key)), rows.count(), _MOST_SHARED + 1)
    if found.num_rows == 0:
        return rows, rows.limit(0)
    if found.num_rows > _MOST_SHARED:
        return rows.limit(0), rows
    hashed = rows.withColumn("_hash", F.xxhash64(*key))
    known = rows.sparkSession.createDataFrame(found)
    alone, several = (
        hashed.join(F.broadcast(known), on="_hash", how=how).drop("_hash")
        for how in ("left_anti", "left_semi")
    )
    return alone, several


def resolve(
    raw: DataFrame,
    key: tuple[str, ...],
    content: tuple[str, ...],
    what: str,
    read: Callable[[DataFrame], DataFrame],
) -> DataFrame:
    """`read` of raw records, which gives them `_order` and `_reasons`, and `keep_latest` where
    several have one key.
    """
    alone, several = split_shared(raw, key)
    return keep_latest(read(several), key, content, what).unionByName(
        read(alone), allowMissingColumns=True
    )


def keep_latest(
    records: DataFrame, key: tuple[str, ...], content: tuple[str, ...], what: str
) -> DataFrame:
    """Adds to `_reasons` (an array), and adds `_fold`: of the records of a key, one at most is left
    with neither.

    `_order` tells which is later; null is before everything. Of the latest that say the same the
    least by file and record number stands; where they differ, nothing orders them, and all of them
    are rejected. A record that is rejected already supersedes nothing. The key must not be null in
    sound records.

    | delivered  | says | gives                           |
    | ---------- | ---- | ------------------------------- |
    | 2024-01-01 | 10   | folded: superseded              |
    | 2024-01-02 | 12   | stands                          |
    | 2024-01-02 | 12   | folded: same as another record  |
    """
    same = Window.partitionBy(*key)
    own, told = F.struct("_file_sha256", "_record_number"), F.struct(*content)
    sound = records.withColumn("_is_sound", F.size("_reasons") == 0)
    newest = F.max(F.when(F.col("_is_sound"), F.struct("_order"))).over(same)
    current = sound.withColumn(
        "_is_latest", F.col("_is_sound") & F.struct("_order").eqNullSafe(newest)
    )
    latest = F.col("_is_latest")
    judged = current.withColumns(
        {
            "_least": F.min(F.when(latest, told)).over(same),
            "_most": F.max(F.when(latest, told)).over(same),
            "_first": F.min(F.when(latest, own)).over(same),
        }
    )
    is_conflict = latest & ~F.col("_least").eqNullSafe(F.col("_most"))
    return judged.withColumns(
        {
            "_reasons": add_reasons(flag(is_conflict, _CONFLICT.format(what=what))),
            "_fold": F.when(F.col("_is_sound") & ~latest, SUPERSEDED).when(
                latest & ~is_conflict & (own != F.col("_first")), REPEATED
            ),
        }
    ).drop("_is_sound", "_is_latest", "_least", "_most", "_first")
