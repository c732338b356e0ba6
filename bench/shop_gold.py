"""The shop's served gold tables as a benchmark needs them: added up from published lines by Arrow."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
from strata.lake.versions import Warehouse
from strata.serve.export import choose

from bench import shop
from tests.doors.publishing import publish

SALES, VALUE = "gold.commerce_daily_product_sales", "gold.commerce_customer_value"
REVENUE, TRENDS = "gold.commerce_order_revenue", "gold.commerce_trends"


def make_gold(warehouse: Warehouse) -> None:
    """The served gold tables, added up from the lines by Arrow, month by month."""
    (lines,) = choose(warehouse, (shop.TABLES[4],))
    names = ["sale_date", "order_id", "customer_id", "product_id", "quantity", "revenue"]
    sold, orders = [], []
    for source in lines.sources:
        month = pa.Table.from_batches([batch.select(names) for batch in lines.batches(source)])
        sold.append(add_up(month, ["sale_date", "product_id"]))
        orders.append(
            add_up(month, ["order_id", "customer_id", "sale_date"]).rename_columns(
                ["order_id", "customer_id", "order_date", "units", "revenue", "lines"]
            )
        )
    every = {
        SALES: [part.rename_columns([*part.column_names[:4], "orders"]) for part in sold],
        REVENUE: orders,
        VALUE: [value_of(orders)],
        TRENDS: [trends_of(orders)],
    }
    euro = {"currency": "EUR"}
    same = {
        SALES: euro,
        REVENUE: {
            **euro,
            "status": "delivered",
            "is_counted": True,
            "repeated_lines": 0,
            "repeated_revenue": 0,
        },
        VALUE: {
            **euro,
            "first_order_date": shop.FIRST,
            "cancelled_orders": 0,
            "returned_orders": 0,
        },
        TRENDS: {**euro, "period": "month"},
    }
    publish(warehouse, "commerce", {table: [] for table in every})
    tables = {table: (parts, same[table]) for table, parts in every.items()}
    publish(warehouse, "commerce", tables, append=True)


def value_of(orders: list[pa.Table]) -> pa.Table:
    """One row a customer."""
    every = pa.concat_tables([month.select(["customer_id", "revenue"]) for month in orders])
    found = every.group_by("customer_id").aggregate([("revenue", "sum"), ("revenue", "count")])
    return pa.table(
        {
            "customer_id": found["customer_id"],
            "lifetime_value": found["revenue_sum"].cast(pa.decimal128(24, 2)),
            "orders": found["revenue_count"],
        }
    )


def trends_of(orders: list[pa.Table]) -> pa.Table:
    """One row a month."""
    return pa.table(
        {
            "period_start": pa.array(
                [pc.min(month["order_date"]).as_py().replace(day=1) for month in orders]
            ),
            "orders": pa.array([month.num_rows for month in orders]),
            "units": pa.array([pc.sum(month["units"]).as_py() for month in orders]),
            "revenue": pa.array([pc.sum(month["revenue"]).as_py() for month in orders]),
        }
    )


def add_up(table: pa.Table, keys: list[str]) -> pa.Table:
    """Units, revenue and lines by the keys."""
    found = table.group_by(keys).aggregate(
        [("quantity", "sum"), ("revenue", "sum"), ("order_id", "count")]
    )
    return pa.table(
        {
            **{key: found[key] for key in keys},
            "units": found["quantity_sum"],
            "revenue": found["revenue_sum"].cast(pa.decimal128(24, 2)),
            "lines": found["order_id_count"],
        }
    )
