"""People's decisions on products, which hold against every delivery that says what they were made
against.

A decision replaces one value of one product by another, from its day on. A delivery that still
says the old
value is read as the new one. A delivery that says anything else is newer word, and stands.
Decisions follow each
other in the order in which they were taken, so one may build on another, or take it back.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from strata.kit.columns import flag, reasons
from strata.kit.history import REPEATED, SUPERSEDED, LatestOf, is_sound, keep_latest
from strata.kit.values import MONEY, empty_to_null, missing

FOLDS = (SUPERSEDED, REPEATED)
CHANGES = ("product_name", "category_id", "list_price")
"""What can be decided."""

_DECISION = LatestOf(
    ("decision_id", "field"),
    ("product_id", "was", "becomes", "decided_at", "decided_by", "why"),
    "a decision's records must agree: its file has been changed",
)


def commerce_product_decisions(raw: DataFrame, categories: DataFrame) -> DataFrame:
    """One row per record of a decision: one field of one product."""
    typed = raw.select(
        empty_to_null("decision_id").try_cast("bigint").alias("decision_id"),
        empty_to_null("product_id").alias("product_id"),
        empty_to_null("field").alias("field"),
        empty_to_null("was").alias("was"),
        empty_to_null("becomes").alias("becomes"),
        F.try_to_timestamp(empty_to_null("decided_at")).alias("decided_at"),
        empty_to_null("decided_by").alias("decided_by"),
        empty_to_null("why").alias("why"),
        F.lit(0).alias("_order"),
        "_file_sha256",
        "_record_number",
    )
    judged = typed.withColumn(
        "_reasons",
        reasons(
            missing("decision_id", "a decision must have a number"),
            missing("product_id", "a decision must name a product"),
            missing("becomes", "a decision must say what the value becomes"),
            missing("decided_at", "a decision must say when it was taken, as an instant in UTC"),
            missing("decided_by", "a decision must say who took it"),
            missing("why", "a decision must say why"),
            flag(
                F.col("field").isNull() | ~F.col("field").isin(*CHANGES),
                "a decision changes product_name, category_id or list_price",
            ),
            flag(
                (F.col("field") == "list_price")
                & ~F.coalesce(_price("becomes") >= 0, F.lit(False)),
                "a decided price must be a plain number that is not negative",
            ),
        ),
    )
    known = categories.select(F.col("category_id").alias("becomes")).withColumn(
        "_known", F.lit(True)
    )
    found = judged.join(F.broadcast(known), on="becomes", how="left")
    is_orphan = (F.col("field") == "category_id") & F.col("_known").isNull()
    placed = found.withColumn(
        "_reasons",
        F.when(is_orphan & is_sound(), F.array(F.lit("its category is unknown"))).otherwise(
            F.col("_reasons")
        ),
    )
    return keep_latest(placed, _DECISION).drop("_known", "_order")


def _price(column: str) -> Column:
    # `\\z`: Java's `$` passes over a last line break.
    is_plain = F.col(column).rlike(r"^[0-9]{1,8}([.][0-9]{1,4})?\z")
    return F.when(is_plain, F.col(column)).try_cast(MONEY)


def add_decided(records: DataFrame, decisions: DataFrame) -> DataFrame:
    """The records of products as decisions make them, and one more (`_rows` 0) for each day on
    which decisions were
    taken while a record held.

    | record of p1    | decision on p1             | gives                             |
    | --------------- | -------------------------- | --------------------------------- |
    | 1 May, name A   | 3 May: A becomes B         | 1 May, name A; 3 May, name B      |
    | 7 May, name A   |                            | 7 May, name B                     |
    | 9 May, name C   |                            | 9 May, name C: it is newer word   |
    """
    one = F.struct(
        "decided_at", "decision_id", F.to_date("decided_at").alias("day"), "field", "was", "becomes"
    )
    chains = decisions.groupBy("product_id").agg(F.sort_array(F.collect_list(one)).alias("_chain"))
    with_chain = records.join(chains, on="product_id", how="left")
    later = Window.partitionBy("product_id").orderBy(F.unix_date("delivered_on"))
    until = F.min(F.when(is_sound(), F.unix_date("delivered_on"))).over(
        later.rangeBetween(1, Window.unboundedFollowing)
    )
    held = with_chain.withColumn("_until", until)
    inside = F.filter(
        F.array_distinct(F.transform("_chain", lambda c: c["day"])),
        lambda day: (
            (day > F.col("delivered_on"))
            & (F.col("_until").isNull() | (F.unix_date(day) < F.col("_until")))
        ),
    )
    days = F.when(is_sound(), inside)
    own = held.withColumn("_rows", F.lit(1))
    more = held.withColumn("delivered_on", F.explode(days)).withColumn("_rows", F.lit(0))
    every = own.unionByName(more)
    return every.withColumns({name: _decided(name) for name in CHANGES}).drop("_chain", "_until")


def _decided(name: str) -> Column:
    """The value after the decisions taken until the record's day, one after the other."""
    kind = MONEY if name == "list_price" else "string"
    word = F.expr(
        f"""aggregate(
            filter(_chain, c -> c.field = '{name}' and c.day <= delivered_on),
            {name},
            (value, c) ->
                if(value <=> try_cast(c.was AS {kind}), try_cast(c.becomes AS {kind}), value))"""
    )
    return F.when(F.col("_chain").isNull(), F.col(name)).otherwise(word)
