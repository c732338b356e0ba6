"""The commerce feed: products, customers, orders and their lines, and what was sold by day,
product, category and customer.

Raw files are normalised tables (`orders`, `order_items`, …) or the flat lines of a shop (`sales`),
from which orders, products and customers are made. Revenue is exact to the cent. docs/COMMERCE.md
tells the rules.
"""

from __future__ import annotations

import pyarrow.compute as pc

from strata.feeds.commerce import (
    calendar,
    catalogue,
    customers,
    decisions,
    lines,
    orders,
    plain,
    sales,
    value,
)
from strata.feeds.commerce.params import Params
from strata.kit.arrow import constant
from strata.kit.table import Answer, Reference, Rows, Source, Table

__all__ = ["ANSWERS", "SOURCES", "TABLES", "Params"]

SOURCES = (
    Source("product_categories"),
    Source("products"),
    Source("customers"),
    Source("orders"),
    Source("order_items"),
    Source("sales"),
    Source("product_decisions"),
)

_SALES = "bronze.commerce_sales"

TABLES = (
    Table(
        "silver.commerce_categories",
        inputs=("bronze.commerce_product_categories",),
        transform=catalogue.commerce_categories,
        ends=("bronze.commerce_product_categories",),
        folds=catalogue.FOLDS,
    ),
    Table(
        "silver.commerce_product_decisions",
        inputs=("bronze.commerce_product_decisions", "silver.commerce_categories"),
        transform=decisions.commerce_product_decisions,
        folds=decisions.FOLDS,
    ),
    Table(
        "silver.commerce_products",
        inputs=(
            "bronze.commerce_products",
            _SALES,
            "silver.commerce_categories",
            "silver.commerce_product_decisions",
        ),
        transform=catalogue.commerce_products,
        rows=Rows.ONE_TO_MANY,
        group=("product_id",),
        ends=("bronze.commerce_products",),
        # No `via` to categories: a decision may refer to one that no record of a product names.
        folds=catalogue.PRODUCT_FOLDS,
    ),
    Table(
        "silver.commerce_customers",
        inputs=("bronze.commerce_customers", _SALES),
        transform=customers.commerce_customers,
        plain=plain.CUSTOMERS,
        rows=Rows.ONE_TO_MANY,
        group=("customer_id",),
        add_group=customers.add_customer_id,
        ends=("bronze.commerce_customers",),
        unique=("customer_id",),
        folds=customers.FOLDS,
    ),
    Table(
        "silver.commerce_orders",
        inputs=("bronze.commerce_orders", _SALES, "silver.commerce_customers"),
        transform=orders.commerce_orders,
        plain=plain.ORDERS,
        rows=Rows.ONE_TO_MANY,
        group=("order_id",),
        unique=("order_id",),
        ends=("bronze.commerce_orders",),
        via={"silver.commerce_customers": Reference(("customer_id",))},
        folds=orders.FOLDS,
    ),
    Table(
        "silver.commerce_order_lines",
        inputs=(
            "bronze.commerce_order_items",
            _SALES,
            "silver.commerce_orders",
            "silver.commerce_products",
        ),
        transform=lines.commerce_order_lines,
        plain=plain.LINES,
        params=("equal_lines",),
        driving=("bronze.commerce_order_items", _SALES),
        group=("order_id",),
        unique=("order_id", "order_item_id"),
        ends=("bronze.commerce_order_items", _SALES),
        via={
            "silver.commerce_products": Reference(
                ("product_id",), ("category_id",), where="is_current"
            )
        },
        folds=lines.FOLDS,
    ),
    Table(
        "gold.commerce_order_revenue",
        inputs=("silver.commerce_order_lines",),
        transform=sales.commerce_order_revenue,
        plain=sales.PLAIN_REVENUE,
        rows=Rows.AGGREGATE,
        group=("order_id",),
    ),
    Table(
        "gold.commerce_daily_product_sales",
        inputs=("silver.commerce_order_lines",),
        transform=sales.commerce_daily_product_sales,
        rows=Rows.AGGREGATE,
        group=("sale_date",),
        plain=sales.PLAIN_BY_PRODUCT,
        folds=sales.FOLDS,
    ),
    Table(
        "gold.commerce_daily_category_sales",
        inputs=("silver.commerce_order_lines",),
        transform=sales.commerce_daily_category_sales,
        rows=Rows.AGGREGATE,
        group=("sale_date",),
        plain=sales.PLAIN_BY_CATEGORY,
        folds=sales.FOLDS,
    ),
    Table(
        "gold.commerce_customer_value",
        inputs=("gold.commerce_order_revenue",),
        transform=value.commerce_customer_value,
        plain=value.PLAIN,
        rows=Rows.AGGREGATE,
        folds=value.FOLDS,
    ),
    Table(
        "gold.commerce_dates",
        inputs=("gold.commerce_order_revenue",),
        transform=calendar.commerce_dates,
        plain=calendar.PLAIN,
        rows=Rows.AGGREGATE,
        params=("fiscal_year_starts", "holidays_of"),
    ),
    Table(
        "gold.commerce_trends",
        inputs=("gold.commerce_order_revenue",),
        transform=sales.commerce_trends,
        plain=sales.PLAIN_TRENDS,
        rows=Rows.AGGREGATE,
        folds=sales.FOLDS,
    ),
    Table(
        "gold.commerce_top_products",
        inputs=("gold.commerce_daily_product_sales", "silver.commerce_products"),
        transform=sales.commerce_top_products,
        plain=sales.PLAIN_TOP,
        rows=Rows.AGGREGATE,
        params=("top_products",),
        folds=sales.TOP_FOLDS,
    ),
)

ANSWERS = (
    Answer(
        "Sales by month",
        "gold.commerce_trends",
        ("period_start", "currency", "orders", "units", "revenue", "revenue_change"),
        where=lambda table: pc.equal(table["period"], constant("month")),
    ),
    Answer(
        "What sells best, by category",
        "gold.commerce_top_products",
        ("category_name", "currency", "rank", "product_id", "product_name", "units", "revenue"),
        order=(
            ("category_name", "ascending"),
            ("currency", "ascending"),
            ("rank", "ascending"),
        ),
        limit=15,
    ),
    Answer(
        "The most valuable customers",
        "gold.commerce_customer_value",
        (
            "customer_id",
            "currency",
            "lifetime_value",
            "orders",
            "average_order_value",
            "first_order_date",
            "last_order_date",
            "recency_days",
        ),
        order=(
            ("currency", "ascending"),
            ("lifetime_value", "descending"),
            ("customer_id", "ascending"),
        ),
        limit=10,
    ),
)
