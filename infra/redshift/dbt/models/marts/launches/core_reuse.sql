-- One row per core with a flight that counts: how often it flew, and so was reused.
with flown as (
    select
        core_id,
        {{ count_where('not is_repeated') }} as flights,
        min(case when not is_repeated then launch_at end) as first_launch_at,
        max(case when not is_repeated then launch_at end) as last_launch_at,
        {{ count_where("reuse_rule = 'coarse_date'") }} as coarse_flights,
        {{ count_where('is_repeated') }} as repeated_flights,
        {{ count_where('source_flight <> place_of_all or is_source_reused <> (place_of_all > 1)') }}
            as source_disagreements
    from {{ ref('stg_launches__flown') }}
    group by core_id
),
upcoming as (
    select core_id, count(*) as upcoming_flights
    from {{ ref('stg_launches__core_flights') }}
    where reuse_rule = 'upcoming'
    group by core_id
)
select
    flown.core_id,
    flown.flights,
    flown.flights - 1 as reuse_count,
    flown.first_launch_at,
    flown.last_launch_at,
    flown.coarse_flights,
    coalesce(upcoming.upcoming_flights, 0) as upcoming_flights,
    flown.repeated_flights,
    flown.source_disagreements
from flown
left join upcoming on upcoming.core_id = flown.core_id
