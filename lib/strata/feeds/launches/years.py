"""Years: turnarounds and landings by the year, UTC, of the launch."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from strata.feeds.launches.reuse import MEASURED

NONE_FLOWN = "no flight of the year has flown"
LANDING_FOLDS = (NONE_FLOWN,)

_DAY_US = 86_400_000_000


def launches_turnaround_years(turnarounds: DataFrame) -> DataFrame:
    """One row per year, from one row per reuse; days are told of the measured ones only, and what
    is under 50 days of all that are so for certain.
    """
    is_measured = F.col("turnaround_rule") == MEASURED
    days, most = F.when(is_measured, F.col("turnaround_days")), F.col("turnaround_days")
    # Whole microseconds add up to the same sum in any order; doubles do not.
    elapsed_us = F.when(
        is_measured, F.unix_micros("launch_at") - F.unix_micros("previous_launch_at")
    )
    return turnarounds.groupBy("launch_year").agg(
        F.count(F.lit(1)).alias("reuses"),
        F.count(days).alias("turnarounds"),
        F.count_if(most < 50).alias("turnarounds_under_50_days"),
        F.count_if((most >= 50) & (F.col("least_turnaround_days") < 50)).alias(
            "turnarounds_perhaps_under_50_days"
        ),
        F.min(days).alias("min_turnaround_days"),
        F.median(days).alias("median_turnaround_days"),
        (F.sum(elapsed_us) / F.nullif(F.count(days), F.lit(0)) / F.lit(_DAY_US)).alias(
            "mean_turnaround_days"
        ),
        F.max(days).alias("max_turnaround_days"),
        F.count(F.lit(1)).alias("_rows"),
    )


def launches_landing_years(core_flights: DataFrame) -> DataFrame:
    """One row per year, from one row per core and flight; upcoming flights are left out.

    A year is known of every date, however coarse, and a core that is not known lands all the same:
    both count.
    """
    is_flown = ~F.col("is_upcoming")
    is_attempt = is_flown & F.coalesce("is_landing_attempted", F.lit(False))
    is_landed = F.col("is_landed")
    counted = core_flights.groupBy("launch_year").agg(
        F.count_if(is_flown).alias("core_flights"),
        F.count_if(is_attempt).alias("landing_attempts"),
        F.count_if(is_attempt & is_landed).alias("landings"),
        F.count_if(is_attempt & ~is_landed).alias("failed_landings"),
        F.count_if(is_attempt & is_landed.isNull()).alias("untold_landings"),
        F.count(F.lit(1)).alias("_rows"),
    )
    told = F.nullif(F.col("landings") + F.col("failed_landings"), F.lit(0))
    return counted.withColumns(
        {
            "landing_success_share": F.col("landings") / told,
            "_fold": F.when(F.col("core_flights") == 0, NONE_FLOWN),
        }
    )
