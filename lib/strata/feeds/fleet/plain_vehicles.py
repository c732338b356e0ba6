"""Vehicles of which one record tells, by DuckDB: `kit.plain` tells what for.

Most fleets send one list of their vehicles. A vehicle that several records tell of is the
transform's, which makes its history.
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from strata.feeds.fleet.plain import read_number
from strata.feeds.fleet.vehicles import UNDATED
from strata.kit.history import OPEN_END
from strata.kit.plain import Plain

_QUERY = f"""
WITH typed AS (
    SELECT vehicle_id, coalesce(_delivery_date, DATE '{UNDATED}') AS valid_from,
        {read_number("max_speed")} AS max_speed_kmh,
        nullif(trim(service_region, ' '), '') AS service_region,
        {read_number("depot_lat")} AS depot_lat_deg, {read_number("depot_lon")} AS depot_lon_deg,
        nullif(trim(time_zone, ' '), '') AS time_zone, _file_sha256, _record_number
    FROM fleet_vehicles
    -- A program may have made a number of the id: the gate tells.
    WHERE vehicle_id <> '' AND NOT regexp_matches(vehicle_id, '^[0-9]+[.,eE]')
)
SELECT vehicle_id, valid_from, DATE '{OPEN_END}' AS valid_to, true AS is_current, max_speed_kmh,
    service_region, depot_lat_deg, depot_lon_deg, time_zone, _file_sha256, _record_number
FROM typed
WHERE max_speed_kmh > 0 AND max_speed_kmh <= 500
    AND depot_lat_deg BETWEEN -90 AND 90 AND depot_lon_deg BETWEEN -180 AND 180
    AND NOT (depot_lat_deg = 0 AND depot_lon_deg = 0)
"""


def _in_known_zones(_: Mapping[str, pa.Table]) -> Callable[[pa.RecordBatch], pa.RecordBatch]:
    known = pa.array([None, *sorted(zoneinfo.available_timezones())], pa.string())
    return lambda rows: rows.filter(pc.is_in(rows["time_zone"], value_set=known))


VEHICLES = Plain(
    query=_QUERY,
    reads={
        "bronze.fleet_vehicles": (
            "vehicle_id",
            "max_speed",
            "service_region",
            "depot_lat",
            "depot_lon",
            "time_zone",
            "_delivery_date",
            "_file_sha256",
            "_record_number",
        ),
    },
    by="vehicle_id",
    unique=("vehicle_id",),
    # So few that Spark would take longer to plan them.
    fewest=1,
    finish=_in_known_zones,
)
