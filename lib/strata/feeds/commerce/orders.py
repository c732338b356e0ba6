"""Orders: typed, each referring to a known customer, and one record of each."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from strata.feeds.commerce.catalogue import CURRENCY
from strata.feeds.commerce.customers import customer_id_of_sale
from strata.feeds.commerce.statuses import COUNTED, STATUSES, SYNONYMS
from strata.kit.columns import add_reasons, flag, reasons
from strata.kit.history import (
    REPEATED,
    SUPERSEDED,
    LatestOf,
    conflict_of,
    is_sound,
    resolve,
)
from strata.kit.shared import UNKNOWN, Shared
from strata.kit.values import (
    empty_to_null,
    mangled,
    missing,
    no_date,
    parse_currency,
    parse_date,
    parse_timestamp,
    unread,
)
from strata.kit.whole import ENDED, NONE_WHOLE, Whole

FOLDS = (SUPERSEDED, REPEATED, ENDED)

SOLD_AT = "sold_at must be a date, YYYY-MM-DD"

_ORDER = LatestOf(
    ("order_id",), ("customer_id", "order_date", "status", "currency"), conflict_of("order")
)


def commerce_orders(
    raw: DataFrame,
    sales: DataFrame,
    customers: DataFrame,
    *,
    shared: Shared = UNKNOWN,
    whole: Whole = NONE_WHOLE,
) -> DataFrame:
    """One row per record of an order, of which one per order stands; and one for each order that
    sales tell of (`_rows` 0).

    A later delivery of an order supersedes an earlier one; where a file tells `updated_at`, that
    comes first.
    """
    known = customers.select("customer_id", F.lit(True).alias("_is_known"))

    def read(records: DataFrame) -> DataFrame:
        placed = _typed_orders(records, whole).join(known, on="customer_id", how="left")
        is_orphan = F.col("customer_id").isNotNull() & F.col("_is_known").isNull()
        return placed.withColumn(
            "_reasons",
            add_reasons(
                F.coalesce(
                    mangled("customer_id", "customer_id"),
                    flag(is_orphan, "its customer is unknown"),
                )
            ),
        ).drop("_is_known")

    latest = resolve(raw, shared, _ORDER, read, whole).withColumn("_rows", F.lit(1))
    every = latest.unionByName(_from_sales(sales), allowMissingColumns=True)
    # A rejected order counts for nothing: false, and not unknown, where its status is none.
    is_counted = F.coalesce(F.col("status").isin(*COUNTED), F.lit(False)) & is_sound()
    return every.withColumn("is_counted", is_counted).drop("_order")


def _typed_orders(raw: DataFrame, whole: Whole) -> DataFrame:
    typed = raw.select(
        empty_to_null("order_id").alias("order_id"),
        empty_to_null("customer_id").alias("customer_id"),
        parse_date("order_date").alias("order_date"),
        F.col("order_date").alias("_day"),
        _status().alias("status"),
        parse_currency("currency").alias("currency"),
        F.struct(
            parse_timestamp("updated_at").alias("updated_at"),
            F.col("_delivery_date").alias("delivered_on"),
        ).alias("_order"),
        empty_to_null("updated_at").alias("_told"),
        "_file_sha256",
        "_record_number",
        *whole.mark(),
    )
    judged = typed.withColumn(
        "_reasons",
        reasons(
            missing("order_id", "an order must have an id"),
            mangled("order_id", "order_id"),
            flag(F.col("currency").isNull(), CURRENCY),
            no_date("_day", "order_date", "order_date"),
            unread("_told", "_order.updated_at", "updated_at must be a date and time"),
            flag(
                ~F.coalesce(F.col("status").isin(*STATUSES), F.lit(False)),
                f"status must be one of {', '.join(STATUSES)}",
            ),
        ),
    )
    return judged.drop("_told", "_day")


def _status() -> Column:
    """The status in small letters; platforms that spell `canceled`, or call what has been delivered
    `completed` or `complete`, mean the same.
    """
    told = F.lower(empty_to_null("status"))
    words = F.create_map(*[F.lit(word) for pair in SYNONYMS.items() for word in pair])
    return F.coalesce(F.try_element_at(words, told), told)


def _from_sales(sales: DataFrame) -> DataFrame:
    """The orders that lines of sales make up: each with its first day, and with its customer if
    that is one alone.
    """
    lines = sales.where("order_id <> ''").select(
        "order_id",
        customer_id_of_sale().alias("customer_id"),
        parse_date("sold_at").alias("order_date"),
        parse_currency("currency").alias("currency"),
        F.struct("_file_sha256", "_record_number").alias("_own"),
    )
    made = lines.groupBy("order_id").agg(
        F.min("customer_id").alias("customer_id"),
        F.max("customer_id").alias("_other"),
        F.min("order_date").alias("order_date"),
        F.min("currency").alias("currency"),
        F.max("currency").alias("_other_currency"),
        F.min("_own").alias("_own"),
    )
    return made.select(
        "order_id",
        "customer_id",
        "order_date",
        "currency",
        # What a shop's tills and tables of sales hold was sold; a credit note counts with its
        # negative quantities.
        F.lit("delivered").alias("status"),
        "_own._file_sha256",
        "_own._record_number",
        reasons(
            flag(
                F.col("customer_id") != F.col("_other"),
                "the lines of one order name several customers",
            ),
            flag(
                F.col("order_date").isNull(),
                f"{SOLD_AT}: no line of the order tells its day",
            ),
            flag(
                F.col("currency") != F.col("_other_currency"),
                "the lines of one order name several currencies",
            ),
            mangled("order_id", "order_id"),
            mangled("customer_id", "customer_id"),
        ).alias("_reasons"),
        F.lit(0).alias("_rows"),
    )
