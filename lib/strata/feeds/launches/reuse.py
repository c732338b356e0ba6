"""Reuse: how often each core flew again, and how long after its flight before."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from strata.feeds.launches.core_flights import COARSE_DATE, COUNTED, UNKNOWN_CORE, UPCOMING

NO_KNOWN_CORE = "the core is not known"
NONE_COUNTS = "no flight of the core counts"
REUSE_FOLDS = (NO_KNOWN_CORE, NONE_COUNTS)

FIRST = "first flight of its core"
NOT_FLOWN = "the flight is upcoming"
COARSE = "the date is not known to the hour"
TURNAROUND_FOLDS = (NO_KNOWN_CORE, FIRST, NOT_FLOWN, COARSE)

MEASURED, COARSE_BETWEEN = "measured", "coarse_between"

_DAY_US = 86_400_000_000

# The order of a core's flights; ids decide between equal times, so that it is total.
_IN_TIME = ("launch_at", "flight_id")


# --- how often -----------------------------------------------------------------------------------


def launches_core_reuse(core_flights: DataFrame) -> DataFrame:
    """One row per core, from one row per core and flight.

    `flights` are those that count (flown, dated to the hour), `reuse_count` is one less. What the
    source says of itself, `flight` and `reused`, is compared with the place of each flown flight,
    coarse dates included.
    """
    flown = core_flights.withColumn("_is_flown", F.col("reuse_rule").isin(COUNTED, COARSE_DATE))
    place = F.row_number().over(Window.partitionBy("core_id", "_is_flown").orderBy(*_IN_TIME))
    placed = flown.withColumn("_place", place)
    is_counted, is_flown = F.col("reuse_rule") == COUNTED, F.col("_is_flown")
    summed = placed.groupBy("core_id").agg(
        F.count_if(is_counted).alias("flights"),
        F.min(F.when(is_counted, F.col("launch_at"))).alias("first_launch_at"),
        F.max(F.when(is_counted, F.col("launch_at"))).alias("last_launch_at"),
        F.count_if(F.col("reuse_rule") == COARSE_DATE).alias("coarse_flights"),
        F.count_if(F.col("reuse_rule") == UPCOMING).alias("upcoming_flights"),
        F.max(F.when(is_flown, F.col("source_flight"))).alias("source_flights"),
        F.count_if(is_flown & _source_disagrees()).alias("source_disagreements"),
        F.count(F.lit(1)).alias("_rows"),
    )
    fold = F.when(F.col("core_id").isNull(), NO_KNOWN_CORE).when(F.col("flights") == 0, NONE_COUNTS)
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
    """One row per core and flight, of which each reuse, a counted flight after another, is left
    unfolded.

    `turnaround_days` are the seconds since the core's counted flight before, divided by 86,400. A
    flown flight whose date is coarse is no reuse and bounds none; where its date's period may lie
    between two counted flights, the second one's previous launch is not known, and
    `turnaround_rule` says so.

    | flights of a core                       | rows left                                    |
    | --------------------------------------- | -------------------------------------------- |
    | 1 May 12:00, 11 May 00:00               | 11 May: measured, 9.5 days                   |
    | 1 May 12:00, some day in June, 1 August | 1 August: coarse_between, no previous launch |
    """
    core, chain = (
        Window.partitionBy("core_id"),
        Window.partitionBy("core_id", "reuse_rule").orderBy(*_IN_TIME),
    )
    is_counted = F.col("reuse_rule") == COUNTED
    chained = core_flights.withColumns(
        {
            "reuse_number": F.row_number().over(chain) - 1,
            "_previous": F.lag(F.struct("flight_id", "launch_at")).over(chain),
            "_coarse": F.collect_list(F.when(F.col("reuse_rule") == COARSE_DATE, _period())).over(
                core
            ),
        }
    )
    since, until = F.col("_previous.launch_at"), F.col("launch_at")
    is_hidden = F.exists(
        "_coarse", lambda period: (period["starts_at"] < until) & (period["ends_at"] > since)
    )
    ruled = chained.withColumn("_is_measured", ~is_hidden)
    days = (F.unix_micros("launch_at") - F.unix_micros("previous_launch_at")) / F.lit(_DAY_US)
    return (
        ruled.withColumns(
            {
                "previous_flight_id": F.when(F.col("_is_measured"), F.col("_previous.flight_id")),
                "previous_launch_at": F.when(F.col("_is_measured"), since),
                "turnaround_rule": F.when(F.col("_is_measured"), MEASURED).otherwise(
                    COARSE_BETWEEN
                ),
                "_fold": _turnaround_fold(is_counted & F.col("_previous").isNull()),
            }
        )
        .withColumn("turnaround_days", days)
        .select(
            "core_id",
            "reuse_number",
            "flight_id",
            "launch_at",
            "launch_year",
            "previous_flight_id",
            "previous_launch_at",
            "turnaround_rule",
            "turnaround_days",
            "_file_sha256",
            "_record_number",
            "_fold",
        )
    )


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


def _turnaround_fold(is_first: Column) -> Column:
    rule = F.col("reuse_rule")
    return (
        F.when(rule == UNKNOWN_CORE, NO_KNOWN_CORE)
        .when(rule == UPCOMING, NOT_FLOWN)
        .when(rule == COARSE_DATE, COARSE)
        .when(is_first, FIRST)
    )
