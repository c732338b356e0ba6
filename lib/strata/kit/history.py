"""Which of several records of one thing holds, and from when to when.

The rule of every feed: the latest sound record of a key stands; equal ones are one, the least by
file and record number; different ones that nothing orders are all rejected, never resolved by
arrival.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from strata.kit.columns import add_reasons, flag
from strata.kit.shared import Shared

SUPERSEDED = "superseded by a later delivery"
REPEATED = "same as another record"
PUT_IN_ORDER = "put each delivery in a folder delivery=YYYY-MM-DD"
"""What a user can do where records contradict each other and nothing orders them."""

ENDED = "a later whole delivery lacks it"
"""The fold of what its source has taken back."""
WHOLE = r"(^|/)whole/"
"""A folder by which a source says that its delivery is whole: what it lacks is no more."""

OPEN_END = "9999-12-31"
"""`valid_to` of what holds until something later is told."""

_OWN = ("_file_sha256", "_record_number")


def add_key(records: DataFrame, key: str, name: str = "_key") -> DataFrame:
    """Adds `name`: the key, or the record's own id where the key is null. Same grain.

    A record without a key has nothing to do with another one.
    """
    return records.withColumn(name, F.coalesce(F.col(key), F.concat_ws("#", *_OWN)))


def is_sound() -> Column:
    """Whether the transform has found nothing wrong with a record."""
    return F.size("_reasons") == 0


def add_latest(
    records: DataFrame, key: Sequence[str], sound: Column, order: str, name: str = "_is_latest"
) -> DataFrame:
    """Adds `name`: whether a record is sound and of the newest `order` of its key. Same grain.

    A null order is before everything; a record that is not sound supersedes nothing.
    """
    newest = F.max(F.when(sound, F.struct(order))).over(Window.partitionBy(*key))
    return records.withColumn(name, sound & F.struct(order).eqNullSafe(newest))


def differ(key: Sequence[str], condition: Column, content: Sequence[str]) -> Column:
    """Whether the records of a key for which the condition holds say different things."""
    told = F.when(condition, F.struct(*content))
    same = Window.partitionBy(*key)
    return ~F.min(told).over(same).eqNullSafe(F.max(told).over(same))


@dataclass(frozen=True)
class LatestOf:
    """Which records speak of one thing, what they say of it, and what is told where they differ."""

    key: tuple[str, ...]
    """Columns by which records speak of one thing; not null in sound records."""

    content: tuple[str, ...]
    """What a record says: records that say the same are one."""

    conflict: str | Column
    """The reason of the latest records where they say different things."""

    repeated: str = REPEATED
    """The fold of a record that says what another one says."""


def keep_latest(records: DataFrame, of: LatestOf, sound: Column | None = None) -> DataFrame:
    """Adds to `_reasons` (an array), and adds `_fold`: of the records of a key, one at most is left
    with neither. Same grain.

    `_order` tells which is later. Of the latest records that say the same the least by file and
    record number stands; where they differ, nothing orders them, and all of them are rejected. A
    record that is not `sound` (by default: has a reason) supersedes nothing.

    | delivered  | says | gives                           |
    | ---------- | ---- | ------------------------------- |
    | 2024-01-01 | 10   | folded: superseded              |
    | 2024-01-02 | 12   | stands                          |
    | 2024-01-02 | 12   | folded: same as another record  |
    """
    flagged = records.withColumn("_is_sound", is_sound() if sound is None else sound)
    current = add_latest(flagged, of.key, F.col("_is_sound"), "_order")
    latest, own = F.col("_is_latest"), F.struct(*_OWN)
    judged = current.withColumns(
        {
            "_differs": latest & differ(of.key, latest, of.content),
            "_first": F.min(F.when(latest, own)).over(Window.partitionBy(*of.key)),
        }
    )
    sentence = F.lit(of.conflict) if isinstance(of.conflict, str) else of.conflict
    is_repeat = latest & ~F.col("_differs") & (own != F.col("_first"))
    return judged.withColumns(
        {
            "_reasons": add_reasons(F.when(F.col("_differs"), sentence)),
            "_fold": F.coalesce(
                flag(F.col("_is_sound") & ~latest, SUPERSEDED), flag(is_repeat, of.repeated)
            ),
        }
    ).drop("_is_sound", "_is_latest", "_differs", "_first")


def end_missing(records: DataFrame, key: str, of: str) -> DataFrame:
    """Folds, as `ENDED`, what stands and is in no record of the newest whole delivery, nor of a
    later one. Same grain.

    A delivery is whole where a folder named `whole` says so; `of` names the column by which whole
    deliveries are told apart. A partial delivery ends nothing; what comes again after a whole one
    stands again; a late, older delivery revives nothing. Needs every record of the source.

    | delivered        | has   | gives               |
    | ---------------- | ----- | ------------------- |
    | 2024-01-01       | A, B  | B: folded, it ended |
    | whole 2024-01-02 | A     | A stands            |
    """
    is_whole = F.col("_source_file").rlike(WHOLE)
    delivered = F.col("_delivery_date")
    newest = records.groupBy(F.col(of).alias("_of")).agg(
        F.max(F.when(is_whole, delivered)).alias("_whole")
    )
    known = records.join(F.broadcast(newest), F.col(of).eqNullSafe(F.col("_of")), how="left")
    last = F.max(delivered).over(Window.partitionBy(key, of))
    # Never delivered with a date: before every dated delivery.
    is_gone = F.col("_whole").isNotNull() & F.coalesce(last < F.col("_whole"), F.lit(True))
    stands = is_sound() & F.col("_fold").isNull()
    return (
        known.withColumn("_is_gone", is_gone)
        .withColumn("_fold", F.when(stands & F.col("_is_gone"), ENDED).otherwise(F.col("_fold")))
        .drop("_of", "_whole", "_is_gone")
    )


def resolve(
    raw: DataFrame, shared: Shared, of: LatestOf, read: Callable[[DataFrame], DataFrame]
) -> DataFrame:
    """`read` of raw records, which gives them `_order` and `_reasons`, and `keep_latest` where
    several have one key. Same grain as what `read` returns.
    """
    alone, several = shared.split(raw)
    latest = keep_latest(read(several), of)
    return latest.unionByName(read(alone), allowMissingColumns=True)


def conflict_of(what: str) -> str:
    """The reason of records of one `what` that contradict each other."""
    return f"the records of its {what} differ, and no order is stated: {PUT_IN_ORDER}"


def add_periods(
    records: DataFrame, key: str, since: str, state: Sequence[str], unchanged: str
) -> DataFrame:
    """Adds `valid_from`, `valid_to` and `is_current`, and folds what changes nothing. Same grain.

    Records that have neither a reason nor a `_fold` tell the whole `state` of their key from the
    date `since` on, at most one of them a date. A period begins where that differs from the state
    before, and ends where the next one begins; a record that begins none is folded as `unchanged`.

    | since      | state | gives                                    |
    | ---------- | ----- | ---------------------------------------- |
    | 2024-01-01 | York  | period from 2024-01-01 to 2024-06-01     |
    | 2024-03-01 | York  | folded: nothing has changed              |
    | 2024-06-01 | Hull  | period from 2024-06-01, open             |
    """
    order = Window.partitionBy(key).orderBy(since, *_OWN)
    before = order.rowsBetween(Window.unboundedPreceding, -1)
    after = order.rowsBetween(1, Window.unboundedFollowing)
    stands, told = is_sound() & F.col("_fold").isNull(), F.struct(*state)
    earlier = F.last(F.when(stands, told), ignorenulls=True).over(before)
    begun = records.withColumn("_begins", stands & (earlier.isNull() | ~earlier.eqNullSafe(told)))
    ends = F.first(F.when(F.col("_begins"), F.col(since)), ignorenulls=True).over(after)
    return begun.withColumns(
        {
            "valid_from": F.col(since),
            "valid_to": F.coalesce(ends, F.lit(OPEN_END).cast("date")),
            "is_current": ends.isNull(),
            "_fold": F.when(stands & ~F.col("_begins"), unchanged).otherwise(F.col("_fold")),
        }
    ).drop("_begins")
