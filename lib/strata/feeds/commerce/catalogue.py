"""The catalogue: categories with those above them, and the history of each product."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from strata.feeds.commerce.decisions import add_decided
from strata.kit.columns import add_reasons, flag, reasons
from strata.kit.history import (
    OPEN_END,
    REPEATED,
    SUPERSEDED,
    LatestOf,
    PeriodsOf,
    add_periods,
    conflict_of,
    is_sound,
    keep_latest,
)
from strata.kit.values import (
    MONEY,
    NO_CURRENCY,
    empty_to_null,
    mangled,
    missing,
    no_date_told,
    parse_currency,
    parse_date,
    parse_money,
    unread,
)
from strata.kit.whole import NONE_WHOLE, Whole, add_key_end

FOLDS = (SUPERSEDED, REPEATED)
CURRENCY = "currency must be a code of ISO 4217 such as EUR, or empty"
UNCHANGED = "nothing has changed since the product's earlier record"
PRODUCT_FOLDS = (REPEATED, SUPERSEDED, UNCHANGED)

UNDATED = "1900-01-01"
"""`valid_from` of what came without a delivery date: before every dated delivery."""
MOST_LEVELS = 20
"""Categories nested deeper are taken for a circle."""

OF_CATEGORY = ("category_name", "category_path", "top_category_id", "top_category_name")
"""What a product takes from its category."""

_CATEGORY = LatestOf(
    ("category_id",), ("category_name", "parent_category_id"), conflict_of("category")
)
_PRODUCT = LatestOf(
    ("product_id", "delivered_on"),
    ("product_name", "category_id", "list_price", "currency", "created_on"),
    conflict_of("product"),
)

_PERIODS = PeriodsOf("product_id", "delivered_on", _PRODUCT.content, UNCHANGED)


# --- categories ----------------------------------------------------------------------------------


def commerce_categories(raw: DataFrame, *, whole: Whole = NONE_WHOLE) -> DataFrame:
    """One row per record of a category, with the category at the top of its branch, and the names
    on the way. One that a later whole delivery lacks stays, for products refer to it: `ended_on`.
    """
    typed = raw.select(
        empty_to_null("category_id").alias("category_id"),
        empty_to_null("category_name").alias("category_name"),
        empty_to_null("parent_category_id").alias("parent_category_id"),
        F.col("_delivery_date").alias("_order"),
        "_file_sha256",
        "_record_number",
        *whole.mark(),
    )
    judged = typed.withColumn(
        "_reasons",
        reasons(
            missing("category_id", "a category must have an id"),
            mangled("category_id", "category_id"),
            missing("category_name", "a category must have a name"),
        ),
    )
    latest = keep_latest(_without_zero(judged), _CATEGORY)
    latest = add_key_end(latest, ("category_id",), whole, "ended_on")
    return _add_branch(latest).drop("_order", "_ids")


def _without_zero(categories: DataFrame) -> DataFrame:
    """Categories whose parent is `0` have none, unless a category has that id. Same grain.

    Shop software (Magento, Shopware, WooCommerce) exports 0 where a category stands at the top.
    """
    is_zero = F.coalesce(F.col("category_id") == "0", F.lit(False))
    known = categories.agg(F.coalesce(F.max(is_zero), F.lit(False)).alias("_has_zero"))
    parent = F.col("parent_category_id")
    none = (parent == "0") & ~F.col("_has_zero")
    return (
        categories.crossJoin(F.broadcast(known))
        .withColumn("parent_category_id", F.when(none, None).otherwise(parent))
        .drop("_has_zero")
    )


def _add_branch(categories: DataFrame) -> DataFrame:
    """Adds `category_path`, `top_category_id`, `top_category_name` and `level`, and the reasons of
    broken branches.
    """
    stands = (F.size("_reasons") == 0) & F.col("_fold").isNull()
    entry = F.struct("category_id", F.struct("parent_category_id", "category_name"))
    tree = categories.agg(F.map_from_entries(F.collect_list(F.when(stands, entry))).alias("_tree"))
    # The ids from the top down to the category itself.
    climb = f"""aggregate(sequence(1, {MOST_LEVELS}), array(category_id), (way, n) ->
        if(_tree[way[0]].parent_category_id is null, way, array_prepend(way,
        _tree[way[0]].parent_category_id)))"""
    placed = categories.crossJoin(F.broadcast(tree)).withColumns(
        {"_stands": stands, "_ids": F.when(stands, F.expr(climb))}
    )
    top = placed.withColumn("top_category_id", F.col("_ids")[0])
    is_known = F.expr("_tree[top_category_id] is not null")
    is_circle = F.expr("_tree[top_category_id].parent_category_id is not null")
    told = top.withColumns(
        {
            "_reasons": add_reasons(
                flag(F.col("_stands") & ~is_known, "a category above it is unknown"),
                flag(
                    F.col("_stands") & is_known & is_circle,
                    "its category must not stand above itself, nor deeper than 20 levels",
                ),
            ),
            "top_category_name": F.expr("_tree[top_category_id].category_name"),
            "category_path": F.expr(
                "array_join(transform(_ids, id -> _tree[id].category_name), ' > ')"
            ),
            "level": F.size("_ids"),
        }
    )
    return told.drop("_tree", "_stands")


# --- products ------------------------------------------------------------------------------------


def commerce_products(
    raw: DataFrame,
    sales: DataFrame,
    categories: DataFrame,
    decisions: DataFrame,
    *,
    whole: Whole = NONE_WHOLE,
) -> DataFrame:
    """One row per record of a product, of which those neither rejected nor folded are the periods
    of its history; and one for each product that only sales tell of, and for each period that a
    decision begins (`_rows` 0).

    A record tells the whole state of its product from its delivery date on; a period begins where
    that differs from the one before, and ends where a whole delivery lacks the product. The
    category is the one that the product's category id has
    now.
    """
    told = _periods(add_decided(_typed_products(raw, whole), decisions), whole)
    placed = _add_category(
        told.unionByName(_from_sales(sales, raw), allowMissingColumns=True), categories
    )
    return placed.drop("_order")


def _typed_products(raw: DataFrame, whole: Whole) -> DataFrame:
    typed = raw.select(
        empty_to_null("product_id").alias("product_id"),
        empty_to_null("product_name").alias("product_name"),
        empty_to_null("category_id").alias("category_id"),
        parse_money("price").alias("list_price"),
        parse_currency("currency").alias("currency"),
        empty_to_null("price").alias("_price"),
        parse_date("created_at").alias("created_on"),
        empty_to_null("created_at").alias("_created"),
        F.coalesce("_delivery_date", F.lit(UNDATED).cast("date")).alias("delivered_on"),
        "_file_sha256",
        "_record_number",
        *whole.mark(),
    )
    judged = typed.withColumn(
        "_reasons",
        reasons(
            missing("product_id", "a product must have an id"),
            mangled("product_id", "product_id"),
            flag(F.col("currency").isNull(), CURRENCY),
            unread(
                "_price",
                "list_price",
                "price must be a plain number below 100,000,000 with at most four decimals",
            ),
            flag(F.col("list_price") < 0, "price must not be negative"),
            no_date_told("_created", "created_on", "created_at"),
        ),
    )
    return judged.drop("_price", "_created")


def _periods(records: DataFrame, whole: Whole) -> DataFrame:
    """Adds `valid_from`, `valid_to`, `is_current` and `_fold`."""
    # Two deliveries of one day differ in nothing that could order them.
    unordered = records.withColumn("_order", F.lit(0))
    first = keep_latest(unordered, _PRODUCT)
    periods = add_periods(first, _PERIODS, whole)
    # A row that a decision adds answers for no record: where it begins no period, it is not needed.
    needed = (F.col("_rows") == 1) | (is_sound() & F.col("_fold").isNull())
    return periods.where(needed).drop("delivered_on")


def _from_sales(sales: DataFrame, raw: DataFrame) -> DataFrame:
    """The products that sales tell of and no file of products does; each with the name that most
    lines give it, of equally many the newest, then the first by the alphabet.

    Clerks write `?` or `damaged` in place of a name now and then: `names` counts how many there
    are.
    """
    told = sales.where("product_id <> ''").select(
        "product_id",
        F.nullif(F.trim("product_name"), F.lit("")).alias("_name"),
        parse_date("sold_at").alias("_day"),
        F.struct("_file_sha256", "_record_number").alias("_own"),
    )
    used = told.groupBy("product_id", "_name").agg(
        F.count(F.lit(1)).alias("_lines"),
        F.max("_day").alias("_newest"),
        F.min("_own").alias("_own"),
    )
    # The least of its order: most lines, then the newest day, then the name itself.
    order = F.struct(
        (-F.col("_lines")).alias("_by_lines"),
        F.coalesce(-F.unix_date("_newest"), F.lit(1 << 30)).alias("_by_day"),
        F.col("_name"),
    )
    named = used.groupBy("product_id").agg(
        F.min(F.when(F.col("_name").isNotNull(), order))["_name"].alias("product_name"),
        F.count("_name").alias("names"),
        F.min("_own").alias("_own"),
    )
    unlisted = named.join(raw.select("product_id").distinct(), on="product_id", how="left_anti")
    return unlisted.select(
        "product_id",
        "product_name",
        "names",
        F.lit(None).cast("string").alias("category_id"),
        F.lit(None).cast(MONEY).alias("list_price"),
        F.lit(NO_CURRENCY).alias("currency"),
        F.lit(None).cast("date").alias("created_on"),
        F.lit(UNDATED).cast("date").alias("valid_from"),
        F.lit(OPEN_END).cast("date").alias("valid_to"),
        F.lit(True).alias("is_current"),
        "_own._file_sha256",
        "_own._record_number",
        reasons(mangled("product_id", "product_id")).alias("_reasons"),
        F.lit(0).alias("_rows"),
    )


def _add_category(products: DataFrame, categories: DataFrame) -> DataFrame:
    """Adds the names of the category and of the one at the top of its branch; a product of an
    unknown one is rejected.
    """
    found = products.join(
        F.broadcast(categories.select("category_id", *OF_CATEGORY)), on="category_id", how="left"
    )
    is_orphan = F.col("category_id").isNotNull() & F.col("category_name").isNull()
    return found.withColumn(
        "_reasons",
        add_reasons(
            F.when(
                is_orphan & F.col("_fold").isNull(),
                F.coalesce(mangled("category_id", "category_id"), F.lit("its category is unknown")),
            )
        ),
    )
