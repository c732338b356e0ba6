-- One row per landing pad and year: no table of gold has it.
select
    landpad_id,
    launch_year,
    count(*) as landing_attempts,
    {{ count_where('is_landed') }} as landings
from {{ ref('stg_launches__core_flights') }}
where is_landing_attempted and not is_upcoming and landpad_id is not null
group by landpad_id, launch_year
