"""What was sold: by order, by day and product, by day and category, by week and month, and what
sells best.
"""

from __future__ import annotations

from pyspark.sql import DataFrame

from strata.feeds.commerce.params import Params
from strata.kit.plain import EACH, Plain, by_query, for_duckdb, with_params

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


_BY_PRODUCT = f"""
SELECT sale_date, product_id, currency, _fold, CAST(sum(units) AS BIGINT) AS units,
    CAST(sum(revenue) AS DECIMAL(18, 2)) AS revenue, count(order_id) AS orders,
    CAST(sum(_rows) AS BIGINT) AS _rows
FROM (
    SELECT sale_date, CASE WHEN is_counted THEN product_id END AS product_id, currency, order_id,
        CASE WHEN NOT is_counted THEN '{NOT_COUNTED}' END AS _fold,
        sum(quantity) AS units, sum(revenue) AS revenue, count(*) AS _rows
    FROM {{{_LINES}}} GROUP BY ALL
) AS of_order GROUP BY ALL
"""
"""Orders first: DuckDB can spill their groups, but no set of distinct orders. It ran out of memory
at 20 million lines."""
_BY_CATEGORY = _daily("category_id", f"coalesce(category_id, '{UNCLASSIFIED}')")


def _by_duckdb(query: str, by: str, *columns: str) -> Plain:
    return Plain(for_duckdb(query, _LINES), {f"silver.{_LINES}": columns}, by, fewest=EACH)


PLAIN_REVENUE = _by_duckdb(
    _REVENUE,
    "order_id",
    *("order_id", "customer_id", "sale_date", "status", "is_counted", "currency"),
    *("quantity", "revenue", "copies"),
)
_OF_DAY = ("sale_date", "is_counted", "currency", "quantity", "revenue", "order_id")
PLAIN_BY_PRODUCT = _by_duckdb(_BY_PRODUCT, "sale_date", *_OF_DAY, "product_id")
PLAIN_BY_CATEGORY = _by_duckdb(_BY_CATEGORY, "sale_date", *_OF_DAY, "category_id")


_TRENDS = f"""
SELECT period, period_start, currency, orders, units, revenue,
    CASE WHEN lag(period_start) OVER by_start = CAST(
            CASE period WHEN 'month' THEN period_start - INTERVAL '1' MONTH
                ELSE period_start - INTERVAL '7' DAY END AS DATE)
        THEN CAST(revenue - lag(revenue) OVER by_start AS DECIMAL(18, 2)) END AS revenue_change,
    _rows, _fold
FROM (
    SELECT CASE WHEN is_counted THEN part.told END AS period,
        CASE WHEN is_counted THEN CAST(
            CASE part.told WHEN 'month' THEN date_trunc('month', order_date)
                ELSE date_trunc('week', order_date) END AS DATE) END AS period_start,
        CASE WHEN is_counted THEN currency END AS currency,
        CASE WHEN NOT is_counted THEN '{NOT_COUNTED}' END AS _fold,
        CAST(sum(of_day.orders) AS BIGINT) AS orders, CAST(sum(of_day.units) AS BIGINT) AS units,
        CAST(sum(of_day.revenue) AS DECIMAL(18, 2)) AS revenue,
        CAST(sum(CASE part.told WHEN 'month' THEN of_day.orders ELSE 0 END) AS BIGINT) AS _rows
    FROM (
        SELECT order_date, currency, is_counted, count(*) AS orders, sum(units) AS units,
            sum(revenue) AS revenue
        FROM {{commerce_order_revenue}} GROUP BY order_date, currency, is_counted
    ) AS of_day CROSS JOIN (VALUES ('month'), ('week')) AS part(told)
    GROUP BY ALL
) AS periods
WINDOW by_start AS (PARTITION BY period, currency ORDER BY period_start)
"""
"""Where no order counts in the period before, there is nothing to compare with."""
_TOP = f"""
SELECT category_id, category_name, currency, rank, product_id, product_name, units, revenue, _rows,
    CASE WHEN rank > {{top_products}} THEN '{NOT_AMONG_TOP}' END AS _fold
FROM (
    SELECT known.category_id, known.category_name, sold.currency,
        CAST(row_number() OVER (PARTITION BY known.category_id, sold.currency
            ORDER BY sold.revenue DESC, sold.product_id) AS INTEGER) AS rank,
        sold.product_id, known.product_name, sold.units, sold.revenue, sold._rows
    FROM (
        SELECT product_id, currency, CAST(sum(units) AS BIGINT) AS units,
            CAST(sum(revenue) AS DECIMAL(18, 2)) AS revenue, count(*) AS _rows
        FROM {{commerce_daily_product_sales}} GROUP BY product_id, currency
    ) AS sold LEFT JOIN (
        SELECT product_id, product_name,
            coalesce(top_category_id, '{UNCLASSIFIED}') AS category_id,
            coalesce(top_category_name, '{UNCLASSIFIED}') AS category_name
        FROM {{commerce_products}} WHERE is_current
    ) AS known ON sold.product_id = known.product_id
) AS ranked
"""
PLAIN_TRENDS = Plain(
    for_duckdb(_TRENDS, "commerce_order_revenue"),
    {
        "gold.commerce_order_revenue": (
            "order_date",
            "currency",
            "is_counted",
            "units",
            "revenue",
        )
    },
    fewest=EACH,
)
PLAIN_TOP = Plain(
    for_duckdb(_TOP, "commerce_daily_product_sales", "commerce_products"),
    {
        "gold.commerce_daily_product_sales": ("product_id", "currency", "units", "revenue"),
        "silver.commerce_products": (
            "product_id",
            "product_name",
            "top_category_id",
            "top_category_name",
            "is_current",
        ),
    },
    fewest=EACH,
)


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
    return by_query(_TRENDS, commerce_order_revenue=orders)


def commerce_top_products(days: DataFrame, products: DataFrame, params: Params) -> DataFrame:
    """One row per category, currency and rank: the products that brought most, ties by the
    product's id.

    The category is the one at the top of the product's branch; the amounts are of all days.
    """
    query = with_params(_TOP, {"top_products": params.top_products})
    return by_query(query, commerce_daily_product_sales=days, commerce_products=products)
