"""Postcodes, by their pseudonyms: in which local authority each lies, and whether it is still in
use.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from strata.kit.columns import blank_to_null, flag, parse_bigint, reasons
from strata.kit.history import PUT_IN_ORDER, SUPERSEDED, LatestOf, add_key, is_sound, keep_latest
from strata.kit.shared import UNKNOWN, Shared
from strata.kit.whole import NONE_WHOLE, Whole, add_key_end

SAME_POSTCODE = "same postcode as another record"
FOLDS = (SAME_POSTCODE, SUPERSEDED)

_POSTCODE = LatestOf(
    ("_key",),
    ("authority_code", "is_terminated"),
    f"the records of its postcode differ, and no order is stated: {PUT_IN_ORDER}",
    SAME_POSTCODE,
)
_CODE = r"^[A-Z][0-9]{8}\z"
# National Statistics writes that a place has no such area as E99999999, and in the Channel Islands
# L99999999.
_PSEUDO_CODE = r"^[A-Z]99999999\z"
_MONTH = r"^[0-9]{6}\z"
NAMES_IN_COLUMNS = ("e09000001", "s12000033", "w06000015")
"""Codes whose names stand in columns `name_…` of their own where a record maps codes to names."""


def residents_postcodes(
    postcodes: DataFrame,
    authorities: DataFrame,
    *,
    shared: Shared = UNKNOWN,
    whole: Whole = NONE_WHOLE,
) -> DataFrame:
    """One row per record of a postcode, of which one row per postcode is neither rejected nor
    folded.

    A later delivery supersedes an earlier one, and an undated one is older than all; equal records
    of the newest are one, the least by file and record number; different ones are a conflict.
    `authority_name` is of the names file, and null for a code that it lacks. A postcode that a
    later whole delivery lacks is no longer in use.
    """
    names = authority_names(authorities)
    # What has ended is told by all records of a postcode, its only one among them.
    alone, several = (UNKNOWN if whole else shared).split(postcodes)
    latest = keep_latest(_read(several, names).withColumn("addresses", _addresses()), _POSTCODE)
    if whole:
        latest = _terminate_missing(latest, whole)
    single = _read(alone, names).withColumns(
        {"addresses": parse_bigint(F.col("addresses")), "_fold": F.lit(None).cast("string")}
    )
    columns = (
        "postcode_token",
        "authority_code",
        "authority_name",
        "is_terminated",
        "addresses",
        "_file_sha256",
        "_record_number",
        "_reasons",
        "_fold",
    )
    return latest.select(*columns).unionByName(single.select(*columns))


def _read(postcodes: DataFrame, names: DataFrame) -> DataFrame:
    typed = postcodes.withColumns(
        {
            "_code": blank_to_null(F.col("authority_code")),
            "_month": blank_to_null(F.col("terminated")),
        }
    )
    flagged = typed.withColumns(
        {"_reasons": _record_reasons(), "is_terminated": F.col("_month").isNotNull()}
    ).withColumn("authority_code", F.when(~F.col("_code").rlike(_PSEUDO_CODE), F.col("_code")))
    named = flagged.join(F.broadcast(names), on="authority_code", how="left")
    return add_key(named, "postcode_token").withColumn("_order", F.col("_delivery_date"))


def _terminate_missing(latest: DataFrame, whole: Whole) -> DataFrame:
    """A postcode of whose records none stands has ended. Same grain."""
    ended = add_key_end(latest, ("_key",), whole, "_ended_on")
    none_stands = F.min(F.col("_ended_on").isNotNull()).over(Window.partitionBy("_key"))
    return ended.withColumn("is_terminated", F.col("is_terminated") | none_stands)


def _addresses() -> Column:
    """Homes with a letter box, as any lookup of the delivery counts them; others lack the field. A
    rejected record tells its own.
    """
    same, own = Window.partitionBy("_key", "_delivery_date"), parse_bigint(F.col("addresses"))
    return F.when(is_sound(), F.max(own).over(same)).otherwise(own)


def _record_reasons() -> Column:
    return reasons(
        flag(
            F.col("postcode_token").isNull(),
            "the postcode must be a full one of the official format",
        ),
        flag(
            F.col("_code").isNotNull() & ~F.col("_code").rlike(_CODE),
            "the authority must be a nine-character code such as S12000036",
        ),
        flag(
            F.col("_month").isNotNull() & ~F.col("_month").rlike(_MONTH),
            "the month of termination must be YYYYMM",
        ),
        flag(
            F.col("addresses").isNotNull() & parse_bigint(F.col("addresses")).isNull(),
            "the number of addresses must be a whole number",
        ),
    )


def authority_names(authorities: DataFrame) -> DataFrame:
    """One row per authority code, with the name of the newest delivery; of several, the one that
    most records tell, of equally many the first by the alphabet.

    A file of names is either one record a code, or one JSON object that maps codes to names. Of
    that the bronze record holds three codes in columns of their own, by which the layout is known,
    and the others in `_extra`.
    """
    in_columns = [
        F.struct(F.lit(code.upper()).alias("key"), F.col(f"name_{code}").alias("value"))
        for code in NAMES_IN_COLUMNS
    ]
    own = F.struct(F.col("authority_code").alias("key"), F.col("authority_name").alias("value"))
    is_map = F.col("name_e09000001").isNotNull()
    others = F.when(is_map, F.map_entries(F.from_json("_extra", "map<string,string>")))
    pairs = F.concat(
        F.coalesce(others, F.array().cast("array<struct<key:string,value:string>>")),
        F.array(own, *in_columns),
    )
    told = authorities.select("_delivery_date", F.inline(pairs)).select(
        "_delivery_date",
        blank_to_null(F.col("key")).alias("authority_code"),
        blank_to_null(F.col("value")).alias("name"),
    )
    known = told.where(F.col("authority_code").isNotNull() & F.col("name").isNotNull())
    age = F.datediff(
        F.lit("9999-12-31").cast("date"),
        F.coalesce("_delivery_date", F.lit("0001-01-01").cast("date")),
    )
    counted = known.groupBy("authority_code", age.alias("age"), "name").agg(
        (-F.count(F.lit(1))).alias("by_records")
    )
    return counted.groupBy("authority_code").agg(
        F.min(F.struct("age", "by_records", "name"))["name"].alias("authority_name")
    )
