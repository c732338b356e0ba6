"""Orders' lines: typed, each referring to what is known, and one record of each."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from strata.feeds.commerce.amounts import revenue_of
from strata.feeds.commerce.params import Params
from strata.kit.columns import content_hash, flag, reasons
from strata.kit.history import (
    REPEATED,
    SUPERSEDED,
    LatestOf,
    conflict_of,
    keep_latest,
    resolve,
)
from strata.kit.shared import UNKNOWN, Shared
from strata.kit.values import (
    MONEY,
    NO_CURRENCY,
    empty_to_null,
    mangled,
    missing,
    no_date_told,
    parse_date,
    parse_money,
    parse_units,
)
from strata.kit.whole import ENDED, NONE_WHOLE, Whole

FOLDS = (SUPERSEDED, REPEATED, ENDED)

CREDIT = "C"
"""What the number of a credit note begins with, in files of sales: its lines take back what other
orders sold.
"""

_LINE = LatestOf(
    ("order_id", "order_item_id"),
    ("product_id", "quantity", "unit_price", "discount"),
    conflict_of("line"),
)


def commerce_order_lines(  # noqa: PLR0913 – four inputs, and three things that it asks for
    items: DataFrame,
    sales: DataFrame,
    orders: DataFrame,
    products: DataFrame,
    *,
    params: Params = Params(),  # noqa: B008 – frozen
    shared: Shared = UNKNOWN,
    whole: Whole = NONE_WHOLE,
) -> DataFrame:
    """One row per record of an order's line, of which one per line stands; `copies` says how many
    equal lines of sales it stands for: those of the one file that tells most of them, so that a
    file sent again adds none.

    A line is known by its order and its id; a correction that comes later supersedes it.
    """
    known = orders.select(
        "order_id",
        F.col("order_date").alias("sale_date"),
        "customer_id",
        "status",
        "is_counted",
        F.col("currency").alias("_order_currency"),
    )
    catalogue = products.select("product_id", "category_id", F.lit(True).alias("_is_listed"))

    def place(lines: DataFrame, *flags: Column) -> DataFrame:
        # Lines are sorted by their order to be joined with it: whatever can be told of them
        # afterwards is not carried along.
        found = lines.join(known, on="order_id", how="left").join(
            catalogue, on="product_id", how="left"
        )
        return found.withColumns(
            {
                "_reasons": reasons(
                    *flags,
                    F.coalesce(
                        mangled("order_id", "order_id"),
                        flag(F.col("sale_date").isNull(), "its order is unknown"),
                    ),
                    F.coalesce(
                        mangled("product_id", "product_id"),
                        flag(
                            F.col("product_id").isNotNull() & F.col("_is_listed").isNull(),
                            "its product is unknown",
                        ),
                    ),
                    flag(
                        F.col("_currency") != F.coalesce("_order_currency", "_currency"),
                        "its currency must be that of its order",
                    ),
                    flag(
                        (F.col("quantity") > 0)
                        & (F.col("discount") > F.col("quantity") * F.col("unit_price")),
                        "discount must not be more than quantity x unit_price",
                    ),
                ),
                "currency": F.coalesce("_order_currency", F.lit(NO_CURRENCY)),
                "revenue": revenue_of("quantity", "unit_price", "discount"),
            }
        ).drop("_is_listed", "_is_unread", "_told", "_sold_on", "_currency", "_order_currency")

    latest = resolve(
        items,
        shared,
        _LINE,
        lambda lines: place(_typed_items(lines, whole), *_reasons_of_item()),
        whole,
    )
    typed = _typed_sales(sales, params, whole)
    sold = keep_latest(place(typed, *_reasons_of_sale()), _LINE, whole=whole)
    # Ids tell lines of a file of lines apart; those of sales have none.
    is_there = ~F.col("_fold").eqNullSafe(ENDED)
    in_file = F.count_if(is_there).over(Window.partitionBy(*_LINE.key, "_file_sha256"))
    copies = F.max("_in_file").over(Window.partitionBy(*_LINE.key))
    counted = sold.withColumn("_in_file", in_file).withColumn("copies", copies).drop("_in_file")
    return latest.withColumn("copies", F.lit(1).cast("bigint")).unionByName(counted).drop("_order")


def _typed_items(items: DataFrame, whole: Whole) -> DataFrame:
    typed = items.select(
        empty_to_null("order_item_id").alias("order_item_id"),
        empty_to_null("order_id").alias("order_id"),
        empty_to_null("product_id").alias("product_id"),
        parse_units("quantity").alias("quantity"),
        parse_money("unit_price").alias("unit_price"),
        # Null where none is told: the order's then holds.
        F.upper(empty_to_null("currency")).alias("_currency"),
        parse_money("discount").alias("discount"),
        empty_to_null("discount").alias("_told"),
        F.col("_delivery_date").alias("_order"),
        "_file_sha256",
        "_record_number",
        *whole.mark(),
    )
    # In a step of its own, for an expression that parses would be computed again for each value
    # that
    # names it.
    is_told, none = F.col("_told").isNotNull(), F.lit(0).cast(MONEY)
    return typed.withColumns(
        {
            "_is_unread": is_told & F.col("discount").isNull(),
            "discount": F.when(is_told, F.col("discount")).otherwise(none),
        }
    ).drop("_told")


def _reasons_of_item() -> tuple[Column, ...]:
    """Of a typed line of a file of lines."""
    return (
        *_reasons_of_line(),
        missing("order_item_id", "a line must have an id"),
        flag(F.col("quantity") < 1, "quantity must be at least 1"),
        flag(F.col("_is_unread"), "discount must be a plain number with at most four decimals"),
        flag(F.col("discount") < 0, "discount must not be negative"),
    )


def _typed_sales(sales: DataFrame, params: Params, whole: Whole) -> DataFrame:
    """Lines of a shop's sales. They have no ids: a line is known by its content, so an equal one is
    the same line told twice; or, where equal lines are kept, by its content and its place among
    the equal ones of its file.
    """
    content = (
        "order_id",
        "product_id",
        "product_name",
        "quantity",
        "sold_at",
        "unit_price",
        "customer",
        "country",
    )
    known = F.substring(content_hash(*[F.col(name) for name in content]), 1, 32)
    parts = [F.lit("content:"), known]
    if params.equal_lines == "keep":
        equal = Window.partitionBy("_file_sha256", *content).orderBy("_record_number")
        parts += [F.lit("#"), F.row_number().over(equal).cast("string")]
    return sales.select(
        F.concat(*parts).alias("order_item_id"),
        empty_to_null("order_id").alias("order_id"),
        empty_to_null("product_id").alias("product_id"),
        parse_units("quantity").alias("quantity"),
        parse_money("unit_price").alias("unit_price"),
        F.upper(empty_to_null("currency")).alias("_currency"),
        F.lit(0).cast(MONEY).alias("discount"),
        empty_to_null("sold_at").alias("_told"),
        parse_date("sold_at").alias("_sold_on"),
        F.lit(None).cast("date").alias("_order"),
        "_file_sha256",
        "_record_number",
        *whole.mark(),
    )


def _reasons_of_sale() -> tuple[Column, ...]:
    """Of a typed line of a shop's sales."""
    quantity, is_credit = F.col("quantity"), F.col("order_id").startswith(CREDIT)
    return (
        *_reasons_of_line(),
        no_date_told("_told", "_sold_on", "sold_at"),
        flag(
            (quantity < 0) & ~is_credit,
            "a negative quantity must stand in a credit note: it corrects the stock, and "
            "sells nothing",
        ),
        flag((quantity > 0) & is_credit, "a credit note must take back, by a negative quantity"),
    )


def _reasons_of_line() -> tuple[Column, ...]:
    """Of a typed line. Ids of several tables are judged in their own."""
    quantity, price = F.col("quantity"), F.col("unit_price")
    return (
        missing("order_id", "a line must tell its order"),
        missing("product_id", "a line must tell its product"),
        flag(quantity.isNull(), "quantity must be a whole number of at most 100,000"),
        flag(quantity == 0, "quantity must not be 0"),
        flag(
            price.isNull(),
            "unit_price must be a plain number below 100,000,000 with at most four decimals",
        ),
        flag(price < 0, "unit_price must not be negative"),
    )
