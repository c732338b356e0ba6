"""Commerce by another program: the same raw files to the same tables in DuckDB, without gates,
ledger or history.

Also the tests' oracle: nothing of the library is used. Later deliveries supersede, equal records
fold; records that differ without an order, broken values and orphans are left out, as the library
rejects them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb

_MONEY, _WHOLE, _DATE = (
    r"-?[0-9]{1,8}([.][0-9]{1,4}0*)?",
    r"-?[0-9]{1,9}",
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}([ T].*)?",
)

# Every source as text, with the day of its delivery.
_READ = """
create or replace {kind} raw_{source} as
select * exclude (delivery), try_cast(delivery as date) as delivery
from read_csv('{folder}/{source}/**/*.csv', all_varchar = true, header = true, hive_partitioning = true, hive_types_autocast = false,
    union_by_name = true)
"""

TABLES = {
    "categories": """
        with recursive latest as (
            select category_id, category_name, parent_category_id from raw_product_categories
            qualify row_number() over (partition by category_id order by delivery desc) = 1
        ), tree as (
            select category_id, category_name, category_id as top_category_id, category_name as top_category_name
            from latest where parent_category_id is null
            union all
            select l.category_id, l.category_name, t.top_category_id, t.top_category_name
            from latest as l join tree as t on l.parent_category_id = t.category_id
        ) select * from tree""",
    "products": """
        select p.product_id, p.product_name, p.category_id, c.top_category_id, c.top_category_name
        from (select * from raw_products qualify row_number() over (partition by product_id order by delivery desc) = 1) as p
        left join categories as c using (category_id) where p.category_id is null or c.category_id is not null""",
    "customers": """
        select customer_id, country from raw_customers
        qualify row_number() over (partition by customer_id order by delivery desc) = 1""",
    "orders": f"""
        with sound as (
            select o.order_id, o.customer_id, try_cast(left(o.order_date, 10) as date) as order_date, lower(o.status) as status, delivery
            from raw_orders as o left join customers as c on o.customer_id = c.customer_id
            where o.order_id is not null and (o.customer_id is null or c.customer_id is not null)
            and regexp_full_match(o.order_date, '{_DATE}') and try_cast(left(o.order_date, 10) as date) is not null
            and lower(o.status) in ('pending', 'shipped', 'delivered', 'cancelled', 'returned')
        ), latest as (select *, max(delivery) over (partition by order_id) as newest from sound)
        select order_id, any_value(customer_id) as customer_id, any_value(order_date) as order_date, any_value(status) as status,
            any_value(status) not in ('cancelled', 'returned') as is_counted
        from latest where delivery is not distinct from newest group by order_id
        having count(distinct (customer_id, order_date, status)) = 1""",
    "order_lines": f"""
        with sound as (
            select i.order_item_id, i.order_id, o.order_date as sale_date, o.customer_id, o.status, o.is_counted, i.product_id,
                p.category_id, p.top_category_id, cast(i.quantity as int) as quantity, cast(i.unit_price as decimal(12, 4)) as unit_price,
                cast(coalesce(i.discount, '0') as decimal(12, 4)) as discount, delivery
            from raw_order_items as i join orders as o using (order_id) join products as p using (product_id)
            where i.order_item_id is not null
            and regexp_full_match(i.quantity, '{_WHOLE}') and cast(i.quantity as bigint) between 1 and 100000
            and regexp_full_match(i.unit_price, '{_MONEY}') and left(i.unit_price, 1) <> '-'
            and (i.discount is null or (regexp_full_match(i.discount, '{_MONEY}') and cast(i.discount as decimal(12, 4)) >= 0))
            and cast(coalesce(i.discount, '0') as decimal(12, 4)) <= cast(i.unit_price as decimal(12, 4)) * cast(i.quantity as int)
        )
        select * exclude (delivery), round(unit_price * quantity - discount, 2)::decimal(18, 2) as revenue from sound
        {{latest}}""",
    "order_revenue": """
        select order_id, customer_id, sale_date as order_date, status, is_counted, count(*) as lines, sum(quantity)::bigint as units,
            sum(revenue)::decimal(18, 2) as revenue
        from order_lines group by all""",
    "daily_product_sales": """
        select sale_date, product_id, sum(quantity)::bigint as units, sum(revenue)::decimal(18, 2) as revenue,
            count(distinct order_id) as orders
        from order_lines where is_counted group by all""",
    "daily_category_sales": """
        select sale_date, coalesce(category_id, 'unclassified') as category_id, sum(quantity)::bigint as units,
            sum(revenue)::decimal(18, 2) as revenue, count(distinct order_id) as orders
        from order_lines where is_counted group by all""",
    "customer_value": """
        select customer_id, coalesce(sum(revenue) filter (is_counted), 0)::decimal(18, 2) as lifetime_value,
            count(*) filter (is_counted) as orders,
            -- In whole cents: DuckDB divides decimals as doubles, which takes 1209.475 for a little less.
            ((2 * cast(100 * sum(revenue) filter (is_counted) as bigint) + count(*) filter (is_counted))
                // (2 * count(*) filter (is_counted)) * 0.01)::decimal(18, 2) as average_order_value,
            min(order_date) filter (is_counted) as first_order_date, max(order_date) filter (is_counted) as last_order_date,
            (select max(order_date) from order_revenue) - max(order_date) filter (is_counted) as recency_days,
            count(*) filter (status = 'cancelled') as cancelled_orders, count(*) filter (status = 'returned') as returned_orders
        from order_revenue where customer_id is not null group by customer_id""",
    "trends": """
        with periods as (
            select 'month' as period, date_trunc('month', order_date)::date as period_start, units, revenue
            from order_revenue where is_counted
            union all
            select 'week', date_trunc('week', order_date)::date, units, revenue from order_revenue where is_counted
        )
        select period, period_start, count(*) as orders, sum(units)::bigint as units, sum(revenue)::decimal(18, 2) as revenue
        from periods group by all""",
    "top_products": """
        with sold as (
            select coalesce(p.top_category_id, 'unclassified') as category_id, product_id, sum(d.units)::bigint as units,
                sum(d.revenue)::decimal(18, 2) as revenue
            from daily_product_sales as d join products as p using (product_id) group by 1, 2
        )
        select category_id, row_number() over (partition by category_id order by revenue desc, product_id) as rank, product_id, units,
            revenue
        from sold qualify rank <= 10""",
}

_RESOLVED = """
        window line as (partition by order_id, order_item_id), same as (partition by order_id, order_item_id, delivery)
        qualify delivery is not distinct from max(delivery) over line
        and min((product_id, quantity, unit_price, discount)) over same = max((product_id, quantity, unit_price, discount)) over same
        and row_number() over (partition by order_id, order_item_id order by delivery desc) = 1"""


def build(
    raw: Path, target: Path | None = None, tell: Callable[[str], None] = lambda _: None
) -> duckdb.DuckDBPyConnection:
    """Builds the tables of `raw`/commerce; with a target also as Parquet files there, sources
    included.
    """
    connection = duckdb.connect(str(target / "work.duckdb") if target else ":memory:")
    for source in ("product_categories", "products", "customers", "orders", "order_items"):
        connection.execute(
            _READ.format(kind="table" if target else "view", source=source, folder=raw / "commerce")
        )
        _keep(connection, f"raw_{source}", target)
        tell(source)
    for name, query in TABLES.items():
        connection.execute(
            f"create or replace table {name} as {query.replace('{latest}', _RESOLVED)}"
        )
        _keep(connection, name, target)
        tell(name)
    return connection


def _keep(connection: duckdb.DuckDBPyConnection, name: str, target: Path | None) -> None:
    if target:
        connection.execute(
            f"copy {name} to '{target / name}.parquet' (format parquet, compression zstd)"
        )
