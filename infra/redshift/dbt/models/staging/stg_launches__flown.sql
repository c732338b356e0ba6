-- One row per core and flight that has flown, with its bounds in time; `is_repeated` where the core flew at the same
-- instant in another flight, which then stands for both.
with flown as (
    select
        *,
        case when reuse_rule = 'coarse_date' then period_starts_at else launch_at end as starts_at,
        case when reuse_rule = 'coarse_date' then period_ends_at else launch_at end as ends_at,
        row_number() over (partition by core_id, reuse_rule, launch_at order by flight_id) as nth_at_once
    from {{ ref('stg_launches__core_flights') }}
    where reuse_rule in ('counted', 'coarse_date')
)
select
    core_id,
    flight_id,
    launch_at,
    launch_year,
    reuse_rule,
    source_flight,
    is_source_reused,
    starts_at,
    ends_at,
    reuse_rule = 'counted' and nth_at_once > 1 as is_repeated,
    row_number() over (partition by core_id order by starts_at, ends_at, flight_id) as place_of_all
from flown
