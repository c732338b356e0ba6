-- One row per core with a flight that counts: how often it flew, and so was reused.
select
    core_id,
    sum(case when reuse_rule = 'counted' then 1 else 0 end)::bigint as flights,
    (sum(case when reuse_rule = 'counted' then 1 else 0 end) - 1)::bigint as reuse_count,
    min(case when reuse_rule = 'counted' then launch_at end) as first_launch_at,
    max(case when reuse_rule = 'counted' then launch_at end) as last_launch_at,
    sum(case when reuse_rule = 'coarse_date' then 1 else 0 end)::bigint as coarse_flights,
    sum(case when reuse_rule = 'upcoming' then 1 else 0 end)::bigint as upcoming_flights
from {{ ref('stg_launches__core_flights') }}
where core_id is not null
group by core_id
having sum(case when reuse_rule = 'counted' then 1 else 0 end) > 0
