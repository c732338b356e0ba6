-- One row per reuse: the days since the core's flight before; bounds where a date is coarse. Each flight is paired with
-- the core's others: those certainly before it, and those whose periods overlap its own.
with flown as (
    select
        *,
        row_number() over (partition by core_id order by starts_at, ends_at, flight_id) as place
    from {{ ref('stg_launches__flown') }}
    where not is_repeated
),
pairs as (
    select
        flown.core_id,
        flown.place,
        other.place as other_place,
        other.starts_at as other_starts_at,
        other.ends_at as other_ends_at,
        other.place < flown.place and other.ends_at <= flown.starts_at as is_before,
        other.ends_at > flown.starts_at and other.starts_at < flown.ends_at as is_around,
        {{ micros_between('least(other.starts_at, flown.starts_at)', 'greatest(other.ends_at, flown.ends_at)') }}
            as spanned_us
    from flown
    inner join flown as other on other.core_id = flown.core_id and other.place <> flown.place
),
bounds as (
    select
        core_id,
        place,
        max(case when is_before then other_place end) as last_place,
        max(case when is_before then other_ends_at end) as latest_end,
        {{ count_where('is_around') }} as around,
        max(case when is_around then spanned_us end) as most_around_us
    from pairs
    group by core_id, place
),
reached as (
    select distinct pairs.core_id, pairs.place
    from pairs
    inner join bounds on bounds.core_id = pairs.core_id and bounds.place = pairs.place
    inner join flown as last_one on last_one.core_id = bounds.core_id and last_one.place = bounds.last_place
    where pairs.is_before and pairs.other_place <> bounds.last_place and pairs.other_ends_at > last_one.starts_at
),
joined as (
    select
        flown.core_id,
        flown.place - 1 as reuse_number,
        flown.flight_id,
        flown.launch_at,
        flown.launch_year,
        last_one.flight_id as last_flight_id,
        last_one.launch_at as last_launch_at,
        last_one.flight_id is not null and bounds.around = 0 and reached.place is null as is_known,
        case
            when bounds.around > 0 then 0
            else {{ micros_between('bounds.latest_end', 'flown.starts_at') }}
        end as least_us,
        coalesce({{ micros_between('last_one.starts_at', 'flown.ends_at') }}, bounds.most_around_us) as most_us
    from flown
    inner join bounds on bounds.core_id = flown.core_id and bounds.place = flown.place
    left join flown as last_one on last_one.core_id = bounds.core_id and last_one.place = bounds.last_place
    left join reached on reached.core_id = flown.core_id and reached.place = flown.place
    where flown.place > 1
)
select
    core_id,
    reuse_number,
    flight_id,
    launch_at,
    launch_year,
    case when is_known then last_flight_id end as previous_flight_id,
    case when is_known then last_launch_at end as previous_launch_at,
    case when is_known and least_us = most_us then 'measured' else 'bounded' end as turnaround_rule,
    {{ as_double('least_us') }} / 86400000000 as least_turnaround_days,
    {{ as_double('most_us') }} / 86400000000 as turnaround_days
from joined
