"""Toy feed: shops and their sales, for the tests of the engine."""

from dataclasses import dataclass, field

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F
from strata.kit.table import Rows, Source, Table

REPEATED = "same sale as an earlier record"
BELOW = "below the threshold"
MAX_NAME = 40


@dataclass(frozen=True)
class Params:
    threshold: int = field(default=0, metadata={"help": "smallest amount that counts"})


def shops(raw: DataFrame) -> DataFrame:
    """One row per shop; grain in: one row per record."""
    first = F.row_number().over(
        Window.partitionBy("shop_id").orderBy("name", "_file_sha256", "_record_number")
    )
    names = F.size(F.collect_set("name").over(Window.partitionBy("shop_id")))
    return raw.select(
        "shop_id",
        F.substring("name", 1, MAX_NAME).alias("shop_name"),
        F.when(
            names > 1, F.array(F.lit("the shop has two names and no order tells which is newer"))
        ).alias("_reasons"),
        F.when(first > 1, F.lit("same shop as an earlier record")).alias("_fold"),
        "_file_sha256",
        "_record_number",
    )


def sales(raw: DataFrame, shop: DataFrame) -> DataFrame:
    """One row per sale, of a known shop; repeats fold, conflicts and orphans are rejected."""
    known = shop.select("shop_id", F.lit(True).alias("is_known"))
    same_id = Window.partitionBy("sale_id")
    content = F.to_json(F.struct("sale_id", "shop_id", "sale_date", "amount"))
    first = F.row_number().over(
        same_id.orderBy(F.lit(1), "content", "_file_sha256", "_record_number")
    )
    amount = F.expr("try_cast(amount as decimal(12,2))")
    date = F.expr("try_cast(sale_date as date)")
    return (
        raw.withColumn("content", content)
        .withColumn("contents", F.size(F.collect_set("content").over(same_id)))
        .withColumn("place", first)
        .join(F.broadcast(known), on="shop_id", how="left")
        .select(
            "sale_id",
            "shop_id",
            date.alias("sale_date"),
            amount.alias("amount_eur"),
            F.array_compact(
                F.array(
                    F.when(
                        F.col("sale_id").isNotNull() & (F.col("contents") > 1),
                        F.lit("two different records of one sale"),
                    ),
                    F.when(F.col("is_known").isNull(), F.lit("its shop is not known yet")),
                    F.when(
                        F.col("amount").isNotNull() & amount.isNull(),
                        F.lit("amount is not a decimal number"),
                    ),
                )
            ).alias("_reasons"),
            F.when(F.col("sale_id").isNotNull() & (F.col("place") > 1), F.lit(REPEATED)).alias(
                "_fold"
            ),
            "_file_sha256",
            "_record_number",
        )
    )


def days(sale: DataFrame) -> DataFrame:
    """One row per day."""
    return sale.groupBy("sale_date").agg(
        F.sum("amount_eur").cast("decimal(18,2)").alias("amount_eur"),
        F.count("*").alias("sales"),
        F.count("*").alias("_rows"),
    )


def big_sales(sale: DataFrame, *, params: Params) -> DataFrame:
    """One row per threshold: how many sales reach it."""
    big = F.col("amount_eur") >= params.threshold
    counted = sale.agg(F.count_if(big).alias("sales"), F.count("*").alias("_rows"))
    return counted.select(F.lit(params.threshold).cast("int").alias("threshold"), "sales", "_rows")


SOURCES = (
    Source("shops"),
    Source("sales", day="try_cast(sale_date as date)", day_column="silver.toy_sales.sale_date"),
)
TABLES = (
    Table("gold.toy_days", ("silver.toy_sales",), days, Rows.AGGREGATE, group=("sale_date",)),
    Table(
        "gold.toy_big_sales",
        ("silver.toy_sales",),
        big_sales,
        Rows.AGGREGATE,
        params=("threshold",),
        slices=True,
    ),
    Table(
        "silver.toy_shops",
        ("bronze.toy_shops",),
        shops,
        group=("shop_id",),
        folds=("same shop as an earlier record",),
    ),
    # A shop that arrives late has no sale_id, so it makes the sales be judged as a whole again.
    Table(
        "silver.toy_sales",
        ("bronze.toy_sales", "silver.toy_shops"),
        sales,
        group=("sale_id",),
        folds=(REPEATED,),
    ),
)
