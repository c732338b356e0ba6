-- One row per landing pad and year: no table of gold has it.
select
    landpad_id,
    launch_year,
    count(*) as landing_attempts,
    sum(case when is_landed then 1 else 0 end)::bigint as landings
from {{ ref('stg_launches__core_flights') }}
where is_landing_attempted and not is_upcoming and landpad_id is not null
group by landpad_id, launch_year
