"""What was sold: by order, by day and product, by day and category, by week and month, and what
sells best.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from strata.feeds.commerce.amounts import cents, money
from strata.feeds.commerce.params import Params
from strata.kit.shared import UNKNOWN, Shared

NOT_COUNTED = "its order is cancelled or returned"
FOLDS = (NOT_COUNTED,)
NOT_AMONG_TOP = "not among the best of its category"
TOP_FOLDS = (NOT_AMONG_TOP,)

UNCLASSIFIED = "unclassified"
"""The category of products that have none."""

LINE_OF_PRODUCT = ("order_id", "product_id")
LINE_OF_CATEGORY = ("order_id", f"coalesce(category_id, '{UNCLASSIFIED}')")
"""What most lines have to themselves."""


def commerce_order_revenue(lines: DataFrame) -> DataFrame:
    """One row per order with at least one accepted line, counted or not."""
    return lines.groupBy("order_id").agg(
        # The same in all lines of an order.
        F.max("customer_id").alias("customer_id"),
        F.max("sale_date").alias("order_date"),
        F.max("status").alias("status"),
        F.max("is_counted").alias("is_counted"),
        F.max("currency").alias("currency"),
        F.count(F.lit(1)).alias("lines"),
        F.sum("quantity").alias("units"),
        _sum_of("revenue"),
        F.sum(F.col("copies") - 1).alias("repeated_lines"),
        money(f"sum({cents('revenue')} * (copies - 1))").alias("repeated_revenue"),
        F.count(F.lit(1)).alias("_rows"),
    )


def _sum_of(amount: str) -> Column:
    return money(f"sum({cents(amount)})").alias(amount)


def commerce_daily_product_sales(lines: DataFrame, *, shared: Shared = UNKNOWN) -> DataFrame:
    """One row per day, product and currency, of the orders that count."""
    return _daily(lines, shared, "product_id", F.col("product_id"))


def commerce_daily_category_sales(lines: DataFrame, *, shared: Shared = UNKNOWN) -> DataFrame:
    """One row per day, category and currency, of the orders that count; products without one are
    `unclassified`.
    """
    return _daily(lines, shared, "category_id", F.coalesce("category_id", F.lit(UNCLASSIFIED)))


def _daily(lines: DataFrame, shared: Shared, name: str, value: Column) -> DataFrame:
    """Most lines are alone of their order for a product: each then counts one order. The others are
    brought to one row an order first.
    """
    counted = F.col("is_counted")

    def sold(part: DataFrame) -> DataFrame:
        return part.select(
            "sale_date",
            F.when(counted, value).alias(name),
            F.when(~counted, NOT_COUNTED).alias("_fold"),
            "currency",
            "order_id",
            F.col("quantity").cast("bigint").alias("units"),
            F.expr(cents("revenue")).alias("_cents"),
            F.lit(1).cast("bigint").alias("_rows"),
        )

    alone, several = map(sold, shared.split(lines))
    sums = [F.sum(part).alias(part) for part in ("units", "_cents", "_rows")]
    merged = several.groupBy("sale_date", name, "currency", "_fold", "order_id").agg(*sums)
    rows = (
        alone.unionByName(merged)
        .groupBy("sale_date", name, "currency", "_fold")
        .agg(*sums, F.count(F.lit(1)).alias("orders"))
    )
    return rows.withColumn("revenue", money("_cents")).drop("_cents")


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
