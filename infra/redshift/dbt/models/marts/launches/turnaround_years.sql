-- One row per year of the later flight; days are those of the measured reuses.
with told as (
    select
        *,
        case when turnaround_rule = 'measured' then turnaround_days end as days,
        case when turnaround_rule = 'measured' then {{ micros_between('previous_launch_at', 'launch_at') }} end
            as elapsed_us
    from {{ ref('core_turnarounds') }}
)
select
    launch_year,
    count(*) as reuses,
    count(days) as turnarounds,
    {{ count_where('turnaround_days < 50') }} as turnarounds_under_50_days,
    {{ count_where('turnaround_days >= 50 and least_turnaround_days < 50') }} as turnarounds_perhaps_under_50_days,
    min(days) as min_turnaround_days,
    percentile_cont(0.5) within group (order by days) as median_turnaround_days,
    {{ as_double('sum(elapsed_us)') }} / nullif(count(days), 0) / 86400000000 as mean_turnaround_days,
    max(days) as max_turnaround_days
from told
group by launch_year
