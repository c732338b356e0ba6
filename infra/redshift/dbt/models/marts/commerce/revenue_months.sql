-- One row per currency and month with sales; the change is told where the month before has sales too.
with months as (
    select
        currency,
        cast(date_trunc('month', sale_date) as date) as period_start,
        count(distinct order_id) as orders,
        cast(sum(quantity) as bigint) as units,
        cast(sum(revenue) as decimal(18, 2)) as revenue
    from {{ ref('stg_commerce__sales') }}
    group by currency, cast(date_trunc('month', sale_date) as date)
),
paired as (
    select
        *,
        lag(revenue) over (partition by currency order by period_start) as before_revenue,
        lag(period_start) over (partition by currency order by period_start) as before_start
    from months
)
select
    currency,
    period_start,
    orders,
    units,
    revenue,
    case
        when cast({{ months_later('before_start', 1) }} as date) = period_start then revenue - before_revenue
    end as revenue_change
from paired
