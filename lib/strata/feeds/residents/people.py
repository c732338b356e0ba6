"""People's histories: who lived in which local authority from when to when (slowly changing
dimension, type 2).
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from strata.kit.columns import flag, reasons
from strata.kit.history import (
    LatestOf,
    PeriodsOf,
    add_key,
    add_periods,
    differ,
    is_sound,
    keep_latest,
)
from strata.kit.whole import NONE_WHOLE, Whole

SAME_STATEMENT = "same statement as another record of its person and date"
UNCHANGED = "nothing has changed since the person's earlier record"
FOLDS = (SAME_STATEMENT, UNCHANGED)

CLAIMED = "different people claim its e-mail address on one date"
CONFLICT = "the records of its person on one date differ, and nothing orders them"

UNDATED = "1900-01-01"
"""The date of records that tell none, in a file without a delivery date: older than every dated
one.
"""
UNREADABLE = "unreadable"
"""What the reader leaves of a date, or of a word that the source contract does not list."""

SEXES = {"f": "F", "female": "F", "m": "M", "male": "M"}
UNKNOWN_SEX = "unknown"

# Why people are in no local authority; gold counts them under these names.
MISSING, MALFORMED, OUTWARD, UNKNOWN = (
    "postcode_missing",
    "postcode_malformed",
    "postcode_outward_only",
    "postcode_unknown",
)
TERMINATED, NO_AUTHORITY = "postcode_terminated", "postcode_without_authority"

OF_RESIDENT = (
    "identity_token",
    "sex",
    "birth_year",
    "postcode_token",
    "postcode_form",
    "postcode_territory",
)
"""Columns of a record that tell something of a resident: nothing is kept of who has left."""
TOLD = ("is_resident", *OF_RESIDENT)
"""What a record tells of its person."""
_ON_ONE_DATE = ("_key", "event_date")
STATE = ("is_resident", "identity_token", "sex", "birth_year", "authority_code", "unplaced")
"""What makes a period, if it changes."""
_PERIODS = PeriodsOf("_key", "event_date", STATE, UNCHANGED)
_COLUMNS = (
    "person_token",
    "valid_from",
    "valid_to",
    "is_current",
    "is_resident",
    "identity_token",
    "sex",
    "birth_year",
    "authority_code",
    "authority_name",
    "unplaced",
    "_file_sha256",
    "_record_number",
    "_reasons",
    "_fold",
)


def residents_people(
    users: DataFrame, postcodes: DataFrame, *, whole: Whole = NONE_WHOLE
) -> DataFrame:
    """One row per record of a user. Those neither rejected nor folded are the periods of each
    person's history.

    A record tells the whole state of its person from its date on. It begins a period where that
    state differs from the one before, and the period ends where the next begins. `authority_code`
    is that of the postcode by the lookup as it now is; a move within one authority is no change.

    | date       | told          | gives                                                        |
    | ---------- | ------------- | ------------------------------------------------------------ |
    | 2024-01-01 | lives in York | period from 2024-01-01 to 2024-06-01                         |
    | 2024-03-01 | lives in York | folded: nothing has changed                                  |
    | 2024-06-01 | lives in Hull | period from 2024-06-01, open                                 |
    | 2024-07-01 | York; Hull    | both rejected: nothing orders them, and Hull holds           |
    """
    placed = _add_place(_flag_conflicts(add_statement(users, whole)), postcodes)
    return add_periods(placed, _PERIODS, whole).select(*_COLUMNS)


# --- what a record says --------------------------------------------------------------------------


def add_statement(users: DataFrame, whole: Whole = NONE_WHOLE) -> DataFrame:
    """Bronze records of users with `event_date`, what they tell of the person, and `_reasons`. Same
    grain.
    """
    typed = users.select(
        "person_token",
        _event_date().alias("event_date"),
        (F.coalesce("deleted", F.lit("false")) != "true").alias("is_resident"),
        "identity_token",
        _sex().alias("sex"),
        _birth_year().alias("birth_year"),
        "postcode_token",
        "postcode_form",
        "postcode_territory",
        "_file_sha256",
        "_record_number",
        _record_reasons().alias("_reasons"),
        *whole.mark(),
    )
    return typed.withColumns(
        {name: F.when(F.col("is_resident"), F.col(name)) for name in OF_RESIDENT}
    )


def _told_date() -> Column:
    return F.col("as_of").try_cast("date")


def _event_date() -> Column:
    return F.coalesce(_told_date(), F.col("_delivery_date"), F.lit(UNDATED).cast("date"))


def _sex() -> Column:
    words = F.create_map(*[F.lit(text) for pair in SEXES.items() for text in pair])
    return F.coalesce(F.element_at(words, F.coalesce("sex", F.lit(""))), F.lit(UNKNOWN_SEX))


def _birth_year() -> Column:
    year = F.col("birth_year").try_cast("int")
    return F.when(year.between(1850, 2100), year)


def _record_reasons() -> Column:
    in_range = _event_date().between(F.lit(UNDATED).cast("date"), F.lit("9999-12-30").cast("date"))
    return reasons(
        flag(F.col("person_token").isNull(), "the e-mail address must be told, as name@domain"),
        flag(F.col("as_of").isNotNull() & _told_date().isNull(), "asOf must be a date, YYYY-MM-DD"),
        flag(~in_range, "the date of a record must be in [1900-01-01, 9999-12-30]"),
        flag(_told_date() > F.col("_delivery_date"), "asOf must not lie after the delivery"),
        flag(F.col("deleted") == UNREADABLE, "deleted must be true or false"),
    )


# --- conflicts -----------------------------------------------------------------------------------


def _flag_conflicts(statements: DataFrame) -> DataFrame:
    """Adds to `_reasons` where the records of one person and date differ, and folds what says the
    same.
    """
    keyed = add_key(statements, "person_token").withColumn("_order", F.lit(0))
    identified = is_sound() & F.col("identity_token").isNotNull()
    claimed = keyed.withColumn("_claimed", differ(_ON_ONE_DATE, identified, ("identity_token",)))
    conflict = F.when(F.col("_claimed"), CLAIMED).otherwise(CONFLICT)
    return keep_latest(claimed, LatestOf(_ON_ONE_DATE, TOLD, conflict, SAME_STATEMENT))


# --- places --------------------------------------------------------------------------------------


def _add_place(statements: DataFrame, postcodes: DataFrame) -> DataFrame:
    """Adds `authority_code` and `authority_name`, or why there is none: `unplaced`. Same grain."""
    lookup = postcodes.select(
        "postcode_token",
        F.struct("authority_code", "authority_name", "is_terminated").alias("_found"),
    )
    found = statements.join(lookup, on="postcode_token", how="left")
    is_placed = (
        F.col("is_resident")
        & ~F.col("_found.is_terminated")
        & F.col("_found.authority_code").isNotNull()
    )
    return found.withColumns(
        {
            "authority_code": F.when(is_placed, F.col("_found.authority_code")),
            "authority_name": F.when(is_placed, F.col("_found.authority_name")),
            "unplaced": F.when(
                F.col("is_resident") & ~F.coalesce(is_placed, F.lit(False)), _unplaced()
            ),
        }
    )


def _unplaced() -> Column:
    form, lookup = F.col("postcode_form"), F.col("_found")
    return (
        F.when(form.isNull(), MISSING)
        .when(form == "malformed", MALFORMED)
        .when(lookup.isNotNull() & lookup["is_terminated"], TERMINATED)
        .when(F.col("postcode_territory").isNotNull(), F.col("postcode_territory"))
        .when(form == "outward", OUTWARD)
        .when(lookup.isNotNull(), NO_AUTHORITY)
        .otherwise(UNKNOWN)
    )
