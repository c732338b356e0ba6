-- One row per year of the later flight.
select
    launch_year,
    count(*) as reuses,
    count(turnaround_days) as turnarounds,
    sum(case when turnaround_days < 50 then 1 else 0 end)::bigint as turnarounds_under_50_days,
    min(turnaround_days) as min_turnaround_days,
    median(turnaround_days) as median_turnaround_days,
    sum({{ micros_between('previous_launch_at', 'launch_at') }})::double precision
        / nullif(count(turnaround_days), 0) / 86400000000 as mean_turnaround_days,
    max(turnaround_days) as max_turnaround_days
from {{ ref('core_turnarounds') }}
group by launch_year
