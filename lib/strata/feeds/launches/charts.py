"""What the report shows of launches."""

from __future__ import annotations

from strata.kit.chart import Chart, Mark

CHARTS = (
    Chart(
        "Which cores were reused most often",
        """
select core_id as "Core", reuse_count as "Reuses", flights as "Flights",
  cast(first_launch_at as date) as "First launch", cast(last_launch_at as date) as "Last launch"
from gold.launches_core_reuse where reuse_count > 0
order by reuse_count desc, core_id limit 15""",
        Mark.BARS,
        "Core",
        ("Reuses",),
        note="The fifteen cores with most reuses.",
    ),
    Chart(
        "How soon cores flew again; below the line, in less than 50 days",
        """
select cast(launch_at as date) as "Launch", round(turnaround_days, 2) as "Turnaround, days",
  core_id as "Core", reuse_number as "Reuse"
from gold.launches_core_turnarounds where turnaround_days is not null
order by turnaround_days, core_id, launch_at""",
        Mark.POINTS,
        "Launch",
        ("Turnaround, days",),
        threshold=50,
    ),
    Chart(
        "Landings by year",
        """
select cast(launch_year as varchar) as "Year", landings as "Landed", failed_landings as "Failed",
  untold_landings as "Outcome not recorded", landing_success_share as "Share that landed"
from gold.launches_landing_years order by launch_year""",
        Mark.COLUMNS,
        "Year",
        ("Landed", "Failed", "Outcome not recorded"),
    ),
)
