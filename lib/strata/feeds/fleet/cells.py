"""Where vehicles were: fixes, vehicles and speed by cell and hour."""

from __future__ import annotations

from pyspark.sql import DataFrame

from strata.feeds.fleet.values import whole
from strata.kit.plain import EACH, Plain, by_query, for_duckdb

# Counted first by vehicle: counting distinct vehicles at once would double every row.
_CELLS = f"""
WITH of_vehicles AS (
    SELECT h3_cell, date_trunc('hour', fixed_at) AS hour_at, fix_date, vehicle_id,
        count(*) AS fixes, sum({whole("speed_kmh", 3)}) AS speed
    FROM {{fleet_fixes}} GROUP BY 1, 2, 3, 4
), sums AS (
    SELECT h3_cell, hour_at, fix_date, CAST(sum(fixes) AS BIGINT) AS fixes,
        count(*) AS vehicles, sum(speed) AS speed
    FROM of_vehicles GROUP BY h3_cell, hour_at, fix_date
)
SELECT lower(hex(h3_cell)) AS h3_cell, hour_at, fix_date, fixes, vehicles,
    speed / CAST(fixes AS DOUBLE) / 1e3 AS mean_speed_kmh, fixes AS _rows
FROM sums
"""
PLAIN_CELLS = Plain(
    for_duckdb(_CELLS, "fleet_fixes"),
    {"silver.fleet_fixes": ("h3_cell", "fixed_at", "fix_date", "vehicle_id", "speed_kmh")},
    "h3_cell",
    fewest=EACH,
)


def fleet_cells(fixes: DataFrame) -> DataFrame:
    """One row per H3 cell and hour."""
    return by_query(_CELLS, fleet_fixes=fixes)
