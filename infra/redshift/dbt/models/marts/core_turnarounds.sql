-- One row per reuse: the days since the core's counted flight before. Where a flight of coarse date may lie between
-- the two, the previous launch is not known.
with counted as (
    select
        core_id,
        flight_id,
        launch_at,
        launch_year,
        row_number() over (partition by core_id order by launch_at, flight_id) - 1 as reuse_number,
        lag(flight_id) over (partition by core_id order by launch_at, flight_id) as before_flight_id,
        lag(launch_at) over (partition by core_id order by launch_at, flight_id) as before_launch_at
    from {{ ref('stg_launches__core_flights') }}
    where reuse_rule = 'counted'
),
hidden as (
    select distinct counted.core_id, counted.flight_id
    from counted
    inner join {{ ref('stg_launches__core_flights') }} as coarse
        on coarse.core_id = counted.core_id
        and coarse.reuse_rule = 'coarse_date'
        and coarse.period_starts_at < counted.launch_at
        and coarse.period_ends_at > counted.before_launch_at
)
select
    counted.core_id,
    counted.reuse_number,
    counted.flight_id,
    counted.launch_at,
    counted.launch_year,
    case when hidden.flight_id is null then counted.before_flight_id end as previous_flight_id,
    case when hidden.flight_id is null then counted.before_launch_at end as previous_launch_at,
    case when hidden.flight_id is null then 'measured' else 'coarse_between' end as turnaround_rule,
    case
        when hidden.flight_id is null
            then {{ micros_between('counted.before_launch_at', 'counted.launch_at') }} / 86400000000.0
    end as turnaround_days
from counted
left join hidden on hidden.core_id = counted.core_id and hidden.flight_id = counted.flight_id
where counted.before_launch_at is not null
