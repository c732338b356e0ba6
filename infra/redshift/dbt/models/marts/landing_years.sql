-- One row per year with a flown flight.
with attempts as (
    select
        launch_year,
        count(*) as core_flights,
        sum(case when is_landing_attempted then 1 else 0 end)::bigint as landing_attempts,
        sum(case when is_landing_attempted and is_landed then 1 else 0 end)::bigint as landings,
        sum(case when is_landing_attempted and not is_landed then 1 else 0 end)::bigint as failed_landings,
        sum(case when is_landing_attempted and is_landed is null then 1 else 0 end)::bigint as untold_landings
    from {{ ref('stg_launches__core_flights') }}
    where not is_upcoming
    group by launch_year
)
select
    *,
    landings::double precision / nullif(landings + failed_landings, 0) as landing_success_share
from attempts
