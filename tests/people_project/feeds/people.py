"""People and the towns they live in, for the tests of erasure."""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F
from strata.kit.table import Rows, Source, Table

SUPERSEDED = "a later record of the person"


def members(raw: DataFrame) -> DataFrame:
    """One row per person: their newest record; grain in: one row per record."""
    newest_first = Window.partitionBy("person_token").orderBy(
        F.desc("since"), "town", "_file_sha256", "_record_number"
    )
    return raw.select(
        "person_token",
        "town",
        F.when(F.row_number().over(newest_first) > 1, F.lit(SUPERSEDED)).alias("_fold"),
        "_file_sha256",
        "_record_number",
    )


def towns(member: DataFrame) -> DataFrame:
    """One row per town."""
    return member.groupBy("town").agg(F.count("*").alias("people"), F.count("*").alias("_rows"))


SOURCES = (Source("users"),)
TABLES = (
    Table("silver.people_members", ("bronze.people_users",), members, folds=(SUPERSEDED,)),
    Table("gold.people_towns", ("silver.people_members",), towns, Rows.AGGREGATE),
)
