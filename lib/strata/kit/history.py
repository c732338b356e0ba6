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
from strata.kit.whole import ENDED, NONE_WHOLE, Whole, add_end, add_key_end

SUPERSEDED = "superseded by a later delivery"
REPEATED = "same as another record"
PUT_IN_ORDER = "put each delivery in a folder delivery=YYYY-MM-DD"
"""What a user can do where records contradict each other and nothing orders them."""

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


def keep_latest(
    records: DataFrame, of: LatestOf, sound: Column | None = None, whole: Whole = NONE_WHOLE
) -> DataFrame:
    """Adds to `_reasons` (an array), and adds `_fold`: of the records of a key, one at most is left
    with neither. Same grain.

    `_order` tells which is later. Of the latest records that say the same the least by file and
    record number stands; where they differ, nothing orders them, and all of them are rejected. A
    record that is not `sound` (by default: has a reason) supersedes nothing. What a `whole`
    delivery takes back is folded, whatever was wrong with it.

    | delivered  | says | gives                           |
    | ---------- | ---- | ------------------------------- |
    | 2024-01-01 | 10   | folded: superseded              |
    | 2024-01-02 | 12   | stands                          |
    | 2024-01-02 | 12   | folded: same as another record  |
    """
    stands = is_sound() if sound is None else sound
    if whole:
        records = end_missing(records, of.key, whole)
        stands = stands & F.col("_ended_on").isNull()
    flagged = records.withColumn("_is_sound", stands)
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
    ended = [flag(F.col("_ended_on").isNotNull(), ENDED)] if whole else []
    return judged.withColumns(
        {
            "_reasons": add_reasons(F.when(F.col("_differs"), sentence)),
            "_fold": F.coalesce(
                *ended,
                flag(F.col("_is_sound") & ~latest, SUPERSEDED),
                flag(is_repeat, of.repeated),
            ),
        }
    ).drop("_is_sound", "_is_latest", "_differs", "_first", "_ended_on")


def end_missing(records: DataFrame, key: Sequence[str] | None, whole: Whole) -> DataFrame:
    """Adds `_ended_on`, the day since which a record has ended, and takes the reasons of what has:
    nothing need be mended of what is no more. Same grain.
    """
    ended = add_key_end(records, key, whole, "_ended_on")
    none = F.array().cast("array<string>")
    return ended.withColumn(
        "_reasons", F.when(F.col("_ended_on").isNull(), F.col("_reasons")).otherwise(none)
    )


def resolve(
    raw: DataFrame,
    shared: Shared,
    of: LatestOf,
    read: Callable[[DataFrame], DataFrame],
    whole: Whole = NONE_WHOLE,
) -> DataFrame:
    """`read` of raw records, which gives them `_order` and `_reasons`, and `keep_latest` where
    several have one key. Same grain as what `read` returns.

    With `whole` deliveries, `read` takes `whole.mark()` along.
    """
    alone, several = shared.split(raw)
    latest = keep_latest(read(several), of, whole=whole)
    single = read(alone)
    if whole:
        fold = flag(F.col("_ended_on").isNotNull(), ENDED)
        single = end_missing(single, None, whole).withColumn("_fold", fold).drop("_ended_on")
    return latest.unionByName(single, allowMissingColumns=True)


def conflict_of(what: str) -> str:
    """The reason of records of one `what` that contradict each other."""
    return f"the records of its {what} differ, and no order is stated: {PUT_IN_ORDER}"


@dataclass(frozen=True)
class PeriodsOf:
    """What has a history, since when a record tells it, and what is told of it."""

    key: str
    """A column; a null key is a thing of its own where `add_key` made it."""
    since: str
    """The date from which a record holds."""
    state: tuple[str, ...]
    """What a record tells: a period begins where it differs from the one before."""
    unchanged: str
    """The fold of a record that begins none."""


def add_periods(records: DataFrame, of: PeriodsOf, whole: Whole = NONE_WHOLE) -> DataFrame:
    """Adds `valid_from`, `valid_to` and `is_current`, and folds what changes nothing. Same grain.

    Records that have neither a reason nor a `_fold` tell the whole state of their key from the
    date `since` on, at most one of them a date. A period begins where that differs from the state
    before, and ends where the next one begins, or with a `whole` delivery that lacks its key; a
    record that begins none is folded as `unchanged`. `is_current` is the last one, ended or not.

    | since      | state | gives                                    |
    | ---------- | ----- | ---------------------------------------- |
    | 2024-01-01 | York  | period from 2024-01-01 to 2024-06-01     |
    | 2024-03-01 | York  | folded: nothing has changed              |
    | 2024-06-01 | Hull  | period from 2024-06-01, open             |
    """
    order = Window.partitionBy(of.key).orderBy(of.since, *_OWN)
    before = order.rowsBetween(Window.unboundedPreceding, -1)
    after = order.rowsBetween(1, Window.unboundedFollowing)
    ended = add_end(records, (of.key,), whole, "_ends_on") if whole else records
    ends_on = F.col("_ends_on") if whole else F.lit(None).cast("date")
    lasts = F.coalesce(ends_on > F.col(of.since), F.lit(True))
    stands = is_sound() & F.col("_fold").isNull() & lasts
    told = F.struct(F.struct(*of.state).alias("state"), ends_on.alias("ends_on"))
    earlier = F.last(F.when(stands, told), ignorenulls=True).over(before)
    is_same = earlier["state"].eqNullSafe(F.struct(*of.state)) & F.coalesce(
        earlier["ends_on"] > F.col(of.since), F.lit(True)
    )
    begun = ended.withColumn("_begins", stands & (earlier.isNull() | ~is_same))
    next_ = F.first(F.when(F.col("_begins"), F.col(of.since)), ignorenulls=True).over(after)
    dated = begun.withColumn("_next", next_)
    # Of the records that tell a period, the last one says when it ends.
    of_period = Window.partitionBy(of.key, "_next")
    last = F.max(F.when(stands, F.struct(of.since, *_OWN, ends_on.alias("_end")))).over(of_period)
    end = F.least(F.col("_next"), last["_end"]) if whole else F.col("_next")
    kept = F.when(is_sound() & ~F.col("_begins"), of.unchanged)
    return dated.withColumns(
        {
            "valid_from": F.col(of.since),
            # What is rejected is none of the periods, so it is told of no other one.
            "valid_to": F.coalesce(F.when(is_sound(), end), F.lit(OPEN_END).cast("date")),
            "is_current": F.col("_next").isNull() | ~is_sound(),
            "_fold": F.coalesce("_fold", kept),
        }
    ).drop("_begins", "_next", "_ends_on")
