"""What each customer is worth."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from strata.feeds.commerce.amounts import cents, money
from strata.kit.plain import EACH, Plain

GUEST = "the order tells no customer"
FOLDS = (GUEST,)

PLAIN = Plain(
    fewest=EACH,
    reads={
        "gold.commerce_order_revenue": (
            "customer_id",
            "currency",
            "order_date",
            "status",
            "is_counted",
            "revenue",
        )
    },
    query=f"""
SELECT customer_id, currency, lifetime_value, orders, cancelled_orders, returned_orders,
    first_order_date, last_order_date, _rows,
    CAST(CAST((2 * cents + CASE WHEN cents < 0 THEN -orders ELSE orders END)
        // nullif(2 * orders, 0) AS DECIMAL(18, 0)) * 0.01 AS DECIMAL(18, 2))
        AS average_order_value,
    CAST(max(newest) OVER () - last_order_date AS INTEGER) AS recency_days,
    CASE WHEN customer_id IS NULL THEN '{GUEST}' END AS _fold
FROM (
    SELECT *, CAST(CAST(lifetime_value AS DECIMAL(28, 2)) * 100 AS BIGINT) AS cents
    FROM (
        SELECT customer_id, currency,
            CAST(coalesce(sum(revenue) FILTER (is_counted), 0) AS DECIMAL(18, 2)) AS lifetime_value,
            count(*) FILTER (is_counted) AS orders,
            count(*) FILTER (status = 'cancelled') AS cancelled_orders,
            count(*) FILTER (status = 'returned') AS returned_orders,
            min(order_date) FILTER (is_counted) AS first_order_date,
            max(order_date) FILTER (is_counted) AS last_order_date,
            max(order_date) AS newest, count(*) AS _rows
        FROM commerce_order_revenue GROUP BY customer_id, currency
    ) AS sums
) AS told
""",
)


def commerce_customer_value(orders: DataFrame) -> DataFrame:
    """One row per customer and currency with an order, counted or not; orders without a customer
    are folded.

    Recency is counted to the newest day of an order in the table, so that it does not depend on the
    clock. A customer without a counted order has a lifetime value of 0, and no first day, last day,
    average or recency.
    """
    newest = orders.agg(F.max("order_date").alias("_newest"))
    is_counted = F.col("is_counted")
    grouped = orders.groupBy("customer_id", "currency").agg(
        F.sum(F.when(is_counted, F.expr(cents("revenue"))).otherwise(0)).alias("_cents"),
        F.count_if(is_counted).alias("orders"),
        F.count_if(F.col("status") == "cancelled").alias("cancelled_orders"),
        F.count_if(F.col("status") == "returned").alias("returned_orders"),
        F.min(F.when(is_counted, F.col("order_date"))).alias("first_order_date"),
        F.max(F.when(is_counted, F.col("order_date"))).alias("last_order_date"),
        F.count(F.lit(1)).alias("_rows"),
    )
    # Rounded half away from zero, as a line's revenue is.
    average = money("(2 * _cents + if(_cents < 0, -orders, orders)) div nullif(2 * orders, 0)")
    return grouped.crossJoin(F.broadcast(newest)).select(
        "customer_id",
        "currency",
        money("_cents").alias("lifetime_value"),
        "orders",
        "cancelled_orders",
        "returned_orders",
        "first_order_date",
        "last_order_date",
        average.alias("average_order_value"),
        F.date_diff("_newest", "last_order_date").alias("recency_days"),
        "_rows",
        F.when(F.col("customer_id").isNull(), GUEST).alias("_fold"),
    )
