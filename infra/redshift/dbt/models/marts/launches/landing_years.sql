-- One row per year with a flown flight.
with attempts as (
    select
        launch_year,
        count(*) as core_flights,
        {{ count_where('is_landing_attempted') }} as landing_attempts,
        {{ count_where('is_landing_attempted and is_landed') }} as landings,
        {{ count_where('is_landing_attempted and not is_landed') }} as failed_landings,
        {{ count_where('is_landing_attempted and is_landed is null') }} as untold_landings
    from {{ ref('stg_launches__core_flights') }}
    where not is_upcoming
    group by launch_year
)
select
    launch_year,
    core_flights,
    landing_attempts,
    landings,
    failed_landings,
    untold_landings,
    {{ as_double('landings') }} / nullif(landings + failed_landings, 0) as landing_success_share
from attempts
