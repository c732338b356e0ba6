"""Reuse: how often each core flew again, and how long after its flight before.

A date bounds a launch: to the hour it is taken for the instant, else for some time in its calendar
period, UTC. What follows from a bounded date is told as the least and the most that it can be.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from strata.feeds.launches.core_flights import COARSE_DATE, COUNTED, UNKNOWN_CORE, UPCOMING

NO_KNOWN_CORE = "the core is not known"
NONE_FLEW = "no flight of the core has flown"
TWIN = "the core flew at the same instant in another flight"
REUSE_FOLDS = (NO_KNOWN_CORE, NONE_FLEW)

FIRST = "first flight of its core"
NOT_FLOWN = "the flight is upcoming"
TURNAROUND_FOLDS = (NO_KNOWN_CORE, FIRST, NOT_FLOWN, TWIN)

MEASURED, BOUNDED = "measured", "bounded"

_DAY_US = 86_400_000_000

# The order of a core's flights; ids decide between equal times, so that it is total.
_IN_TIME = ("_from", "_until", "flight_id")


def _add_flown(core_flights: DataFrame) -> DataFrame:
    """Adds `_is_flown`, `_is_twin`, and the bounds of the launch, `_from` and `_until`. Same grain.

    One core is in one place at one instant: of its flights that are dated to the same instant, as
    when a mission was entered twice, the least by id stands for all.
    """
    period = F.when(F.col("reuse_rule") == COARSE_DATE, _period())
    bounded = core_flights.withColumns(
        {
            "_is_flown": F.col("reuse_rule").isin(COUNTED, COARSE_DATE),
            "_from": F.coalesce(period["starts_at"], F.col("launch_at")),
            "_until": F.coalesce(period["ends_at"], F.col("launch_at")),
        }
    )
    together = Window.partitionBy("core_id", "reuse_rule", "launch_at").orderBy("flight_id")
    is_twin = (F.col("reuse_rule") == COUNTED) & (F.row_number().over(together) > 1)
    return bounded.withColumn("_is_twin", is_twin)


# --- how often -----------------------------------------------------------------------------------


def launches_core_reuse(core_flights: DataFrame) -> DataFrame:
    """One row per core, from one row per core and flight.

    `flights` are those that have flown, however far their dates are known; `reuse_count` is one
    less. What the source says of itself, `flight` and `reused`, is compared with the place of each
    of them in time.
    """
    # A twin comes right after the flight that stands for it, and has its place.
    in_time = Window.partitionBy("core_id", "_is_flown").orderBy(*_IN_TIME)
    placed = _add_flown(core_flights).withColumn(
        "_place", F.count_if(~F.col("_is_twin")).over(in_time)
    )
    is_flown, launch_at = F.col("_is_flown") & ~F.col("_is_twin"), F.col("launch_at")
    summed = placed.groupBy("core_id").agg(
        F.count_if(is_flown).alias("flights"),
        F.min(F.when(is_flown, launch_at)).alias("first_launch_at"),
        F.max(F.when(is_flown, launch_at)).alias("last_launch_at"),
        F.count_if(F.col("reuse_rule") == COARSE_DATE).alias("coarse_flights"),
        F.count_if(F.col("reuse_rule") == UPCOMING).alias("upcoming_flights"),
        F.count_if(F.col("_is_twin")).alias("repeated_flights"),
        F.max(F.when(is_flown, F.col("source_flight"))).alias("source_flights"),
        F.count_if(F.col("_is_flown") & _source_disagrees()).alias("source_disagreements"),
        F.count(F.lit(1)).alias("_rows"),
    )
    fold = F.when(F.col("core_id").isNull(), NO_KNOWN_CORE).when(F.col("flights") == 0, NONE_FLEW)
    return summed.withColumns({"reuse_count": F.col("flights") - 1, "_fold": fold})


def _source_disagrees() -> Column:
    """Whether the source gives a flight another place than time does; what it does not say does not
    disagree.
    """
    other_place = F.coalesce(F.col("source_flight") != F.col("_place"), F.lit(False))
    other_reuse = F.coalesce(F.col("is_source_reused") != (F.col("_place") > 1), F.lit(False))
    return other_place | other_reuse


# --- how soon ------------------------------------------------------------------------------------


def launches_core_turnarounds(core_flights: DataFrame) -> DataFrame:
    """One row per core and flight, of which each reuse, a flown flight after another, is left
    unfolded.

    `turnaround_days` are the seconds since the core's flight before, divided by 86,400; where one
    of the two dates is coarse, the most that they can be, and `least_turnaround_days` the least, so
    that what is under 50 is so for certain. Where a date's period leaves open which flight was the
    one before, none is named, and the bounds hold for whichever it was.

    | flights of a core              | rows left                                               |
    | ------------------------------ | ------------------------------------------------------- |
    | 1 May 12:00, 11 May 00:00      | 11 May: measured, 9.5 days                              |
    | 1 May 12:00, some day in June  | June: bounded, 30.5 to 60.5 days                        |
    | 1 May, some day in May, 31 May | 31 May: bounded, 0 to 30 days, no previous flight named |
    """
    core = Window.partitionBy("core_id", "_is_flown", "_is_twin")
    # Ranks, so that of two flights each knows which comes first.
    placed = _add_flown(core_flights).withColumn(
        "_place", F.row_number().over(core.orderBy(*_IN_TIME))
    )
    flight = F.struct("_place", "flight_id", "launch_at", "_from", "_until")
    chained = placed.withColumn("_flown", F.collect_list(flight).over(core))
    others = chained.withColumns({"_before": _certainly_before(), "_around": _perhaps_before()})
    # The last of those before, if nothing else may have flown in between.
    last = others.withColumn("_last", F.try_element_at(F.array_sort("_before"), F.lit(-1)))
    bounded = last.withColumns(
        {"_is_known": _is_known(), "_least_us": _least_us(), "_most_us": _most_us()}
    )
    is_measured = F.col("_is_known") & (F.col("_least_us") == F.col("_most_us"))
    return bounded.select(
        "core_id",
        (F.col("_place") - 1).alias("reuse_number"),
        "flight_id",
        "launch_at",
        "launch_year",
        F.when(F.col("_is_known"), F.col("_last.flight_id")).alias("previous_flight_id"),
        F.when(F.col("_is_known"), F.col("_last.launch_at")).alias("previous_launch_at"),
        F.when(is_measured, MEASURED).otherwise(BOUNDED).alias("turnaround_rule"),
        (F.col("_least_us") / F.lit(_DAY_US)).alias("least_turnaround_days"),
        (F.col("_most_us") / F.lit(_DAY_US)).alias("turnaround_days"),
        "_file_sha256",
        "_record_number",
        _turnaround_fold().alias("_fold"),
    )


def _certainly_before() -> Column:
    """The core's flights that ended their period before this one's began."""
    return F.filter(
        "_flown",
        lambda one: (one["_place"] < F.col("_place")) & (one["_until"] <= F.col("_from")),
    )


def _perhaps_before() -> Column:
    """The core's other flights whose period overlaps this one's."""
    return F.filter(
        "_flown",
        lambda one: (
            (one["_place"] != F.col("_place"))
            & (one["_until"] > F.col("_from"))
            & (one["_from"] < F.col("_until"))
        ),
    )


def _is_known() -> Column:
    """Whether it is certain which flight was the one before: no other period reaches into its own,
    nor into this flight's.
    """
    is_other = lambda one: one["_place"] != F.col("_last._place")  # noqa: E731
    reaches = F.exists(
        "_before", lambda one: is_other(one) & (one["_until"] > F.col("_last._from"))
    )
    return (F.size("_before") > 0) & (F.size("_around") == 0) & ~reaches


def _least_us() -> Column:
    """Microseconds that surely passed since the flight before."""
    latest = F.array_max(F.transform("_before", lambda one: one["_until"]))
    since = F.unix_micros("_from") - F.unix_micros(latest)
    return F.when(F.size("_around") > 0, F.lit(0).cast("bigint")).otherwise(since)


def _most_us() -> Column:
    """The most microseconds that can have passed since the flight before; where that may have been
    after this one, between the two.
    """
    since = F.unix_micros("_until") - F.unix_micros("_last._from")
    apart = F.array_max(
        F.transform(
            "_around",
            lambda one: (
                F.unix_micros(F.greatest(one["_until"], F.col("_until")))
                - F.unix_micros(F.least(one["_from"], F.col("_from")))
            ),
        )
    )
    return F.coalesce(since, apart)


def _period() -> Column:
    """The calendar period, UTC, in which a coarse date lies."""
    at, precision = F.col("launch_at"), F.col("date_precision")
    half = F.date_trunc("year", at) + F.when(F.month(at) > 6, F.expr("INTERVAL 6 MONTH")).otherwise(
        F.expr("INTERVAL 0 MONTH")
    )
    lasts = {
        "day": "1 DAY",
        "month": "1 MONTH",
        "quarter": "3 MONTH",
        "half": "6 MONTH",
        "year": "12 MONTH",
    }
    starts = {name: half if name == "half" else F.date_trunc(name, at) for name in lasts}
    periods = [
        F.when(
            precision == name,
            F.struct(
                start.alias("starts_at"),
                (start + F.expr(f"INTERVAL {lasts[name]}")).alias("ends_at"),
            ),
        )
        for name, start in starts.items()
    ]
    return F.coalesce(*periods)


def _turnaround_fold() -> Column:
    rule = F.col("reuse_rule")
    return (
        F.when(rule == UNKNOWN_CORE, NO_KNOWN_CORE)
        .when(rule == UPCOMING, NOT_FLOWN)
        .when(F.col("_is_twin"), TWIN)
        .when(F.col("_place") == 1, FIRST)
    )
