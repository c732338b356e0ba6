"""Texts of raw files to values: strict, and cheap enough for tens of millions of rows."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

from strata.kit.columns import flag

MONEY = "decimal(12,4)"
"""A price or a discount: less than 100 million, with at most four decimals."""
MOST_UNITS = 100_000
"""More of one product in one line is taken for an error; with it a line's revenue in 1/10,000 fits
a bigint.
"""

_MONEY = r"^-?[0-9]{1,8}([.][0-9]{1,4}0*)?\z"
_UNITS = r"^-?0{0,3}(100000|[0-9]{1,5})\z"
_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?Z?)?\z"


def empty_to_null(name: str) -> Column:
    """The text as it came, and null where there is none. Ids are not trimmed: ` 7` and `7` are two
    ids.
    """
    return F.nullif(F.col(name), F.lit(""))


def parse_money(name: str) -> Column:
    """`decimal(12,4)` from plain decimal notation; null for anything else, and for more than four
    decimals.
    """
    return F.when(F.col(name).rlike(_MONEY), F.col(name)).try_cast(MONEY)


def parse_units(name: str) -> Column:
    """An int from an optional minus and ASCII digits; null for anything else, and for more than
    `MOST_UNITS`.
    """
    return F.when(F.col(name).rlike(_UNITS), F.col(name)).try_cast("int")


def parse_date(name: str) -> Column:
    """The date of `2024-05-01` or `2024-05-01 13:45:00`; null for anything else, and for days that
    no calendar has.
    """
    return F.when(F.col(name).rlike(_DATE), F.substring(name, 1, 10)).try_cast("date")


def parse_timestamp(name: str) -> Column:
    """The instant of `2024-05-01` or `2024-05-01 13:45:00`, taken as UTC; null for anything
    else."""
    return F.when(F.col(name).rlike(_DATE), F.col(name)).try_cast("timestamp")


# The reasons below name columns: where a value is parsed in the same step, Spark would parse it
# anew for each reason.


def missing(name: str, sentence: str) -> Column:
    """The reason of a typed value that is not told."""
    return flag(F.col(name).isNull(), sentence)


def unread(told: str, typed: str, sentence: str) -> Column:
    """The reason of a value that is told (in `told`, null where it is not) and cannot be read
    (`typed` is null).
    """
    return flag(F.col(told).isNotNull() & F.col(typed).isNull(), sentence)


def revenue_of(quantity: str, unit_price: str, discount: str) -> Column:
    """quantity x unit_price - discount, rounded half away from zero to the cent, as
    `decimal(18,2)`.

    Computed in whole 1/10,000, some times quicker than in decimals. Exact: a double holds every
    amount of at most 12 digits to far less than half of 1/10,000, and the products stay below 2^63.
    """
    units = (
        f"({_scaled(unit_price, 10_000)} * {quantity} - "
        f"{_scaled(f'coalesce({discount}, 0)', 10_000)})"
    )
    # `div` cuts towards zero.
    return money(f"({units} + if({units} < 0, -50, 50)) div 100")


def cents(amount: str) -> str:
    """A `decimal(18,2)` amount in cents, as SQL for a bigint: exact below 9e13, and summed several
    times quicker.
    """
    return _scaled(amount, 100)


def _scaled(amount: str, by: int) -> str:
    return f"cast(rint(cast({amount} as double) * {by}) as bigint)"


def money(total_cents: str) -> Column:
    """A sum of cents as `decimal(18,2)`."""
    return F.expr(f"cast(cast({total_cents} as decimal(18,0)) * 0.01BD as decimal(18,2))")
