"""Years: turnarounds and landings by the year, UTC, of the launch."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from strata.feeds.launches.reuse import MEASURED
from strata.kit.plain import EACH, Plain, by_query, for_duckdb

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


_LANDINGS = f"""
SELECT *, landings / nullif(landings + failed_landings, 0) AS landing_success_share,
    CASE WHEN core_flights = 0 THEN '{NONE_FLOWN}' END AS _fold
FROM (
    SELECT launch_year, count(*) FILTER (WHERE NOT is_upcoming) AS core_flights,
        count(*) FILTER (WHERE is_attempt) AS landing_attempts,
        count(*) FILTER (WHERE is_attempt AND is_landed) AS landings,
        count(*) FILTER (WHERE is_attempt AND NOT is_landed) AS failed_landings,
        count(*) FILTER (WHERE is_attempt AND is_landed IS NULL) AS untold_landings,
        count(*) AS _rows
    FROM (
        SELECT *, NOT is_upcoming AND coalesce(is_landing_attempted, false) AS is_attempt
        FROM {{launches_core_flights}}
    ) AS flights GROUP BY launch_year
) AS counted
"""
PLAIN_LANDINGS = Plain(
    for_duckdb(_LANDINGS, "launches_core_flights"),
    {
        "silver.launches_core_flights": (
            "launch_year",
            "is_upcoming",
            "is_landing_attempted",
            "is_landed",
        )
    },
    fewest=EACH,
)


def launches_landing_years(core_flights: DataFrame) -> DataFrame:
    """One row per year, from one row per core and flight; upcoming flights are left out.

    A year is known of every date, however coarse, and a core that is not known lands all the same:
    both count.
    """
    return by_query(_LANDINGS, launches_core_flights=core_flights)
