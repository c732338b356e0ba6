"""Customers: where they are and since when; their names and addresses are dropped by the reader."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from strata.kit.columns import reasons
from strata.kit.history import REPEATED, SUPERSEDED, LatestOf, conflict_of, resolve
from strata.kit.shared import UNKNOWN, Shared
from strata.kit.values import empty_to_null, mangled, missing, no_date_told, parse_date
from strata.kit.whole import NONE_WHOLE, Whole, add_key_end

FOLDS = (SUPERSEDED, REPEATED)


def customer_id_of_sale() -> Column:
    """The customer of a line of sales: spreadsheets write the id 17850 as `17850.0`."""
    return F.regexp_replace(empty_to_null("customer"), r"^([0-9]+)[.]0+\z", "$1")


def add_customer_id(records: DataFrame) -> DataFrame:
    """`customer_id` as `silver.commerce_customers` has it."""
    return records.withColumn("customer_id", customer_id_of_sale())


def commerce_customers(
    raw: DataFrame, sales: DataFrame, *, shared: Shared = UNKNOWN, whole: Whole = NONE_WHOLE
) -> DataFrame:
    """One row per record of a customer, of which one per customer stands; and one for each customer
    that only sales tell of (`_rows` 0), with the country that most of its lines tell, of equally
    many the one told last, then the first by the alphabet.

    One that a later whole delivery lacks stays, for orders refer to it: `ended_on`.
    """
    rule = LatestOf(("customer_id",), ("country", "registered_on"), conflict_of("customer"))
    found = resolve(raw, shared, rule, lambda records: _typed(records, whole))
    latest = add_key_end(found, ("customer_id",), whole, "ended_on").withColumn("_rows", F.lit(1))
    bought = (
        sales.withColumn("customer_id", customer_id_of_sale())
        .where("customer_id is not null")
        .groupBy("customer_id", F.nullif("country", F.lit("")).alias("country"))
        .agg(
            F.count(F.lit(1)).alias("_lines"),
            F.max(parse_date("sold_at")).alias("_newest"),
            F.min(F.struct("_file_sha256", "_record_number")).alias("_own"),
        )
    )
    # The least of its order: most lines, then the newest day, then the country itself.
    order = F.struct(
        (-F.col("_lines")).alias("_by_lines"),
        F.coalesce(-F.unix_date("_newest"), F.lit(1 << 30)).alias("_by_day"),
        F.col("country"),
    )
    bought = bought.groupBy("customer_id").agg(
        F.min(F.when(F.col("country").isNotNull(), order))["country"].alias("country"),
        F.min("_own").alias("_own"),
    )
    unlisted = bought.join(raw.select("customer_id").distinct(), on="customer_id", how="left_anti")
    made = unlisted.select(
        "customer_id",
        "country",
        "_own.*",
        reasons(mangled("customer_id", "customer_id")).alias("_reasons"),
        F.lit(0).alias("_rows"),
    )
    return latest.unionByName(made, allowMissingColumns=True).drop("_order")


def _typed(raw: DataFrame, whole: Whole) -> DataFrame:
    typed = raw.select(
        empty_to_null("customer_id").alias("customer_id"),
        empty_to_null("country").alias("country"),
        parse_date("registration_date").alias("registered_on"),
        empty_to_null("registration_date").alias("_told"),
        F.col("_delivery_date").alias("_order"),
        "_file_sha256",
        "_record_number",
        *whole.mark(),
    )
    judged = typed.withColumn(
        "_reasons",
        reasons(
            missing("customer_id", "a customer must have an id"),
            mangled("customer_id", "customer_id"),
            no_date_told("_told", "registered_on", "registration_date"),
        ),
    )
    return judged.drop("_told")
