"""Texts of raw files to dates, instants, booleans, money and whole numbers: strict, and cheap
enough for tens of millions of rows.

Null stands for everything else: a value that is told and comes out null is a reason, by `unread`.
Every pattern ends in `\\z`, for Java's `$` lets a last line break pass.
"""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

from strata.kit.columns import flag

MONEY = "decimal(12,4)"
"""A price or a discount: less than 100 million, with at most four decimals."""
NO_CURRENCY = "XXX"
"""ISO 4217's code where no currency is told: amounts without one are kept apart from all others."""
MOST_UNITS = 100_000
"""More of one product in one line is taken for an error; with it a line's revenue in 1/10,000 fits
a bigint.
"""

# What follows without a _ in front is asked by DuckDB too, of printable ASCII.
MONEY_PATTERN = r"^-?[0-9]{1,8}([.][0-9]{1,4}0*)?\z"
CURRENCY_PATTERN = r"^[A-Za-z]{3}\z"
# What a spreadsheet makes of a long number: its last digits are gone.
_EXPONENT = r"[0-9]+([.,][0-9]+)?[eE][+]?[0-9]+"
# What a program makes of a whole number in a column with gaps.
_DECORATED = r"[0-9]+[.,]0+"
# What keeps a spreadsheet from cutting an id, where the file is no spreadsheet any more.
_FORMULA = r"=.*|'[0-9]+"
_ERROR = r"#(N/A|NAME[?]|REF!|VALUE!|DIV/0!|NUM!|NULL!|#+)"
# A program's word for nothing: of all the records that tell it one thing would be made.
_NOTHING = r"(?i:null|none|nan|<na>|n/a|undefined|\\n)"
MANGLED = f"{_EXPONENT}|{_DECORATED}|{_FORMULA}|{_ERROR}|{_NOTHING}"
"""All of an id that is mangled, as a regular expression of Java's and RE2's."""
UNITS_PATTERN = r"^-?0{0,3}(100000|[0-9]{1,5})\z"
# No calendar has a year 0, which Spark takes for one.
_YEAR = r"^(000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})"
DATE_PATTERN = _YEAR + r"-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?Z?)?\z"
_MOMENT = DATE_PATTERN.replace("Z?", "(Z|[+-][0-9]{2}:[0-9]{2})?")
NO_DATE = (
    (
        r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9:.]+ ?([+-][0-9]{2}:?[0-9]{2}|[A-Z]{2,5})\z",
        "{name} has a time zone, on which its day depends: give the shop's own day, YYYY-MM-DD",
    ),
    (
        r"^[0-9]{1,2}[-/.][0-9]{1,2}[-/.]([0-9]{2}|[0-9]{4})( .*)?\z",
        "{name} begins with its day or its month, and nothing tells which: give it as YYYY-MM-DD",
    ),
    # Days since 1900, as spreadsheets keep a date: 1954 to 2119.
    (
        r"^[2-7][0-9]{4}([.][0-9]+)?\z",
        "{name} is a spreadsheet's count of days: export it as a date, YYYY-MM-DD",
    ),
    ("", "{name} must be a date, YYYY-MM-DD"),
)
"""What a text is from which no date can be read, and its reason: the first that fits."""
# ISO 8601 with a zone: a time without one could be anybody's.
_INSTANT = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,6})?"
    r"(Z|[+-][0-9]{2}:[0-9]{2})\z"
)


def empty_to_null(name: str) -> Column:
    """The text as it came, and null where there is none. Ids are not trimmed: ` 7` and `7` are two
    ids.
    """
    return F.nullif(F.col(name), F.lit(""))


def parse_money(name: str) -> Column:
    """`decimal(12,4)` from plain decimal notation; null for anything else, and for more than four
    decimals.
    """
    return F.when(F.col(name).rlike(MONEY_PATTERN), F.col(name)).try_cast(MONEY)


def parse_units(name: str) -> Column:
    """An int from an optional minus and ASCII digits; null for anything else, and for more than
    `MOST_UNITS`.
    """
    return F.when(F.col(name).rlike(UNITS_PATTERN), F.col(name)).try_cast("int")


def parse_currency(name: str) -> Column:
    """An ISO 4217 code in capitals, `NO_CURRENCY` where none is told; null for anything else."""
    code = F.upper(F.when(F.col(name).rlike(CURRENCY_PATTERN), F.col(name)))
    return F.when(F.coalesce(F.col(name), F.lit("")) == "", NO_CURRENCY).otherwise(code)


def parse_date(name: str) -> Column:
    """The date of `2024-05-01` or `2024-05-01 13:45:00`; null for anything else, and for days that
    no calendar has.
    """
    return F.when(F.col(name).rlike(DATE_PATTERN), F.substring(name, 1, 10)).try_cast("date")


def parse_timestamp(name: str) -> Column:
    """The instant of `2024-05-01` or `2024-05-01 13:45:00`, in UTC unless it has an offset as
    `+02:00`; null for anything else.
    """
    return F.when(F.col(name).rlike(_MOMENT), F.col(name)).try_cast("timestamp")


def parse_instant(text: Column) -> Column:
    """A timestamp from ISO 8601 with seconds and a zone; null for anything else."""
    return F.when(text.rlike(_INSTANT), text).try_cast("timestamp")


def parse_boolean(text: Column) -> Column:
    """True and false as JSON writes them; null for anything else (Spark's cast also takes `t`,
    `yes`, `1`).
    """
    return F.when(text == "true", True).when(text == "false", False)


# The reasons below name columns: where a value is parsed in the same step, Spark would parse it
# again for each reason.


def missing(name: str, sentence: str) -> Column:
    """The reason of a typed value that is not told."""
    return flag(F.col(name).isNull(), sentence)


def unread(told: str, typed: str, sentence: str) -> Column:
    """The reason of a value that is told (in `told`, null where it is not) and cannot be read
    (`typed` is null).
    """
    return flag(F.col(told).isNotNull() & F.col(typed).isNull(), sentence)


def mangled(name: str, what: str) -> Column:
    """The reason of an id that a program on the way has cut or decorated: `5.01235E+12` stands for
    any of a million numbers, and `101.0` for 101 or for itself.
    """
    return mangled_text(F.col(name), what)


def mangled_text(told: Column, what: str) -> Column:
    """The same of a text."""
    why = F.coalesce(
        *[
            flag(told.rlike(rf"^({pattern})\z"), f"{what} {sentence}")
            for pattern, sentence in (
                (
                    _EXPONENT,
                    "is in exponent form: a spreadsheet has cut its digits; export it as text",
                ),
                (
                    _DECORATED,
                    "ends in .0: a program has made it a number on the way; export it as text",
                ),
                (_FORMULA, "is a spreadsheet's formula or text mark: export its value"),
                (_ERROR, "is a spreadsheet's error: mend it there, and export again"),
                (_NOTHING, "is a program's word for nothing, and no id: leave it empty"),
            )
        ]
    )
    # Nearly every id is sound: one pattern is asked of it, not five.
    return F.when(told.rlike(rf"^({MANGLED})\z"), why)


def no_date(told: str, typed: str, name: str) -> Column:
    """The reason of a date (`typed`) that is null: by what was told in its place, or not told."""
    *known, (_, any_other) = NO_DATE
    why = F.lit(any_other.format(name=name))
    for pattern, sentence in reversed(known):
        why = F.when(F.col(told).rlike(pattern), sentence.format(name=name)).otherwise(why)
    return F.when(F.col(typed).isNull(), why)


def no_date_told(told: str, typed: str, name: str) -> Column:
    """The same of a date that need not be told."""
    return F.when(F.col(told).isNotNull(), no_date(told, typed, name))
