-- One row per core and flight; of a coarse date, the calendar period in which it lies.
select
    flight_id,
    core_number,
    core_id,
    launch_at,
    launch_year,
    date_precision,
    is_upcoming,
    reuse_rule,
    source_flight,
    is_source_reused,
    coalesce(is_landing_attempted, false) as is_landing_attempted,
    is_landed,
    landpad_id,
    case date_precision
        when 'day' then date_trunc('day', launch_at)
        when 'month' then date_trunc('month', launch_at)
        when 'quarter' then date_trunc('quarter', launch_at)
        when 'half' then case
            when extract(month from launch_at) > 6 then {{ months_later("date_trunc('year', launch_at)", 6) }}
            else date_trunc('year', launch_at)
        end
        when 'year' then date_trunc('year', launch_at)
    end as period_starts_at,
    case date_precision
        when 'day' then {{ day_later("date_trunc('day', launch_at)") }}
        when 'month' then {{ months_later("date_trunc('month', launch_at)", 1) }}
        when 'quarter' then {{ months_later("date_trunc('quarter', launch_at)", 3) }}
        when 'half' then case
            when extract(month from launch_at) > 6 then {{ months_later("date_trunc('year', launch_at)", 12) }}
            else {{ months_later("date_trunc('year', launch_at)", 6) }}
        end
        when 'year' then {{ months_later("date_trunc('year', launch_at)", 12) }}
    end as period_ends_at
from {{ source('silver', 'launches_core_flights') }}
