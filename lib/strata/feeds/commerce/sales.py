"""What was sold: by order, by day and product, by day and category, by week and month, and what
sells best.
"""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from strata.feeds.commerce.amounts import cents, money
from strata.feeds.commerce.params import Params
from strata.kit.plain import Plain, by_query, for_duckdb

NOT_COUNTED = "its order is cancelled or returned"
FOLDS = (NOT_COUNTED,)
NOT_AMONG_TOP = "not among the best of its category"
TOP_FOLDS = (NOT_AMONG_TOP,)

UNCLASSIFIED = "unclassified"
"""The category of products that have none."""

_LINES = "commerce_order_lines"
_REVENUE = f"""
SELECT order_id, max(customer_id) AS customer_id, max(sale_date) AS order_date,
    max(status) AS status, max(is_counted) AS is_counted, max(currency) AS currency,
    count(*) AS lines, CAST(sum(quantity) AS BIGINT) AS units,
    CAST(sum(revenue) AS DECIMAL(18, 2)) AS revenue,
    CAST(sum(copies - 1) AS BIGINT) AS repeated_lines,
    CAST(sum(revenue * CAST(copies - 1 AS DECIMAL(10, 0))) AS DECIMAL(18, 2)) AS repeated_revenue,
    count(*) AS _rows, CAST(NULL AS VARCHAR(1)) AS _fold
FROM {{{_LINES}}} GROUP BY order_id
"""
"""Of one order, the first five are the same in all lines."""


def _daily(name: str, value: str) -> str:
    return f"""
SELECT sale_date, CASE WHEN is_counted THEN {value} END AS {name}, currency,
    CASE WHEN NOT is_counted THEN '{NOT_COUNTED}' END AS _fold,
    CAST(sum(quantity) AS BIGINT) AS units, CAST(sum(revenue) AS DECIMAL(18, 2)) AS revenue,
    count(DISTINCT order_id) AS orders, count(*) AS _rows
FROM {{{_LINES}}} GROUP BY ALL
"""


_BY_PRODUCT = _daily("product_id", "product_id")
_BY_CATEGORY = _daily("category_id", f"coalesce(category_id, '{UNCLASSIFIED}')")


def _by_duckdb(query: str, by: str, *columns: str) -> Plain:
    return Plain(for_duckdb(query, _LINES), {f"silver.{_LINES}": columns}, by)


PLAIN_REVENUE = _by_duckdb(
    _REVENUE,
    "order_id",
    *("order_id", "customer_id", "sale_date", "status", "is_counted", "currency"),
    *("quantity", "revenue", "copies"),
)
_OF_DAY = ("sale_date", "is_counted", "currency", "quantity", "revenue", "order_id")
PLAIN_BY_PRODUCT = _by_duckdb(_BY_PRODUCT, "sale_date", *_OF_DAY, "product_id")
PLAIN_BY_CATEGORY = _by_duckdb(_BY_CATEGORY, "sale_date", *_OF_DAY, "category_id")


def commerce_order_revenue(lines: DataFrame) -> DataFrame:
    """One row per order with at least one accepted line, counted or not."""
    return by_query(_REVENUE, commerce_order_lines=lines).drop("_fold")


def commerce_daily_product_sales(lines: DataFrame) -> DataFrame:
    """One row per day, product and currency, of the orders that count."""
    return by_query(_BY_PRODUCT, commerce_order_lines=lines)


def commerce_daily_category_sales(lines: DataFrame) -> DataFrame:
    """One row per day, category and currency, of the orders that count; products without one are
    `unclassified`.
    """
    return by_query(_BY_CATEGORY, commerce_order_lines=lines)


def commerce_trends(orders: DataFrame) -> DataFrame:
    """One row per currency and ISO week, and one per currency and month, in which an order counts,
    with the change against the period before.

    Each order is accounted for by its month (`_rows`); its week answers for none.
    """
    is_counted = F.col("is_counted")
    parts = F.array(
        F.struct(
            F.lit("month").alias("period"), F.trunc("order_date", "month").alias("period_start")
        ),
        F.struct(
            F.lit("week").alias("period"), F.trunc("order_date", "week").alias("period_start")
        ),
    )
    days = orders.groupBy("order_date", "currency", is_counted.alias("_is_counted")).agg(
        F.sum("units").alias("units"),
        F.sum(F.expr(cents("revenue"))).alias("_cents"),
        F.count(F.lit(1)).alias("orders"),
    )
    sold = days.where("_is_counted").select(
        F.explode(parts).alias("_part"), "currency", "units", "_cents", "orders"
    )
    periods = sold.groupBy("_part.period", "_part.period_start", "currency").agg(
        F.sum("units").alias("units"),
        F.sum("_cents").alias("_cents"),
        F.sum("orders").alias("orders"),
    )
    order = Window.partitionBy("period", "currency").orderBy("period_start")
    just_before = F.when(F.col("period") == "month", F.add_months("period_start", -1)).otherwise(
        F.date_sub("period_start", 7)
    )
    is_next = F.lag("period_start").over(order) == just_before
    compared = periods.withColumns({"_is_next": is_next, "_before": F.lag("_cents").over(order)})
    told = compared.select(
        "period",
        "period_start",
        "currency",
        "orders",
        "units",
        money("_cents").alias("revenue"),
        # Where no order counts in the period before, there is nothing to compare with.
        F.when(F.col("_is_next"), money("_cents - _before")).alias("revenue_change"),
        F.when(F.col("period") == "month", F.col("orders"))
        .otherwise(0)
        .cast("bigint")
        .alias("_rows"),
        F.lit(None).cast("string").alias("_fold"),
    )
    rest = days.where("not _is_counted").agg(F.sum("orders").alias("_rows")).where("_rows > 0")
    return told.unionByName(rest.withColumn("_fold", F.lit(NOT_COUNTED)), allowMissingColumns=True)


def commerce_top_products(days: DataFrame, products: DataFrame, params: Params) -> DataFrame:
    """One row per category, currency and rank: the products that brought most, ties by the
    product's id.

    The category is the one at the top of the product's branch; the amounts are of all days.
    """
    sold = days.groupBy("product_id", "currency").agg(
        F.sum("units").alias("units"),
        F.sum(F.expr(cents("revenue"))).alias("_cents"),
        F.count(F.lit(1)).alias("_days"),
    )
    unclassified = F.lit(UNCLASSIFIED)
    named = products.where("is_current").select(
        "product_id",
        "product_name",
        F.coalesce("top_category_id", unclassified).alias("category_id"),
        F.coalesce("top_category_name", unclassified).alias("category_name"),
    )
    best_first = Window.partitionBy("category_id", "currency").orderBy(
        F.desc("_cents"), "product_id"
    )
    ranked = sold.join(named, on="product_id", how="left").withColumn(
        "rank", F.row_number().over(best_first)
    )
    is_top = F.col("rank") <= params.top_products
    kept = ranked.where(is_top).select(
        "category_id",
        "category_name",
        "currency",
        "rank",
        "product_id",
        "product_name",
        "units",
        money("_cents").alias("revenue"),
        F.col("_days").alias("_rows"),
        F.lit(None).cast("string").alias("_fold"),
    )
    rest = ranked.where(~is_top).agg(F.sum("_days").alias("_rows")).where("_rows > 0")
    return kept.unionByName(
        rest.withColumn("_fold", F.lit(NOT_AMONG_TOP)), allowMissingColumns=True
    )
