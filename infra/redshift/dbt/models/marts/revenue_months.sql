-- One row per month with sales; the change is told where the month before has sales too.
with months as (
    select
        cast(date_trunc('month', sale_date) as date) as period_start,
        count(distinct order_id) as orders,
        sum(quantity)::bigint as units,
        sum(revenue)::decimal(18, 2) as revenue
    from {{ ref('stg_commerce__sales') }}
    group by 1
),
paired as (
    select
        *,
        lag(revenue) over (order by period_start) as before_revenue,
        lag(period_start) over (order by period_start) as before_start
    from months
)
select
    period_start,
    orders,
    units,
    revenue,
    case
        when cast({{ months_later('before_start', 1) }} as date) = period_start then revenue - before_revenue
    end as revenue_change
from paired
