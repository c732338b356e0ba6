"""What the report shows of the fleet."""

from __future__ import annotations

from strata.kit.chart import Chart, Mark

CHARTS = (
    Chart(
        "Where the vehicles were",
        """
select h3_cell as "Cell", sum(fixes) as "Fixes", max(vehicles) as "Most vehicles in an hour",
  round(sum(mean_speed_kmh * fixes) / sum(fixes), 1) as "Mean speed, km/h"
from gold.fleet_cells group by h3_cell order by sum(fixes) desc, h3_cell limit 200""",
        Mark.MAP,
        "Fixes",
        points="""
select round(avg(lon_deg), 4) as lon, round(avg(lat_deg), 4) as lat, count(*) as fixes
from silver.fleet_fixes where h3_cell is not null group by h3_cell order by h3_cell""",
        note="One ring a cell, by longitude and latitude; its area grows with the fixes.",
    ),
    Chart(
        "How far each vehicle drove",
        """
select vehicle_id as "Vehicle", round(sum(distance_km), 1) as "Distance, km",
  count(*) as "Days", round(max(top_speed_kmh), 1) as "Top speed, km/h"
from gold.fleet_vehicle_days group by vehicle_id
order by sum(distance_km) desc, vehicle_id limit 15""",
        Mark.BARS,
        "Vehicle",
        ("Distance, km",),
        note="The fifteen that drove furthest.",
    ),
    Chart(
        "Hours moving and idle by day",
        """
select cast(day_date as varchar) as "Day", round(sum(moving_s) / 3600, 2) as "Moving, hours",
  round(sum(idle_s) / 3600, 2) as "Idle, hours", count(*) as "Vehicles"
from gold.fleet_vehicle_days group by day_date order by day_date""",
        Mark.COLUMNS,
        "Day",
        ("Moving, hours", "Idle, hours"),
    ),
)
