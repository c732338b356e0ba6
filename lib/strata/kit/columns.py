"""Column -> Column helpers that more than one feed uses.

They are stricter than Spark's own casts. `cast('double')` takes `NaN`, `Infinity`, `1d`, `0x10` on
some paths and blanks on all of them; a number here is what a person would write as a plain decimal
number.
"""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

# ASCII digits only: Java's \d is ASCII by default, but [0-9] says so. The counts keep what is taken
# within a double: 100 digits and an exponent of two cannot overflow.
_PLAIN = r"[+-]?(?:[0-9]{1,100}(?:[.][0-9]*)?|[.][0-9]+)"
NUMBER = _PLAIN + r"(?:[eE][+-]?[0-9]{1,2})?"
"""What `parse_double` takes with an exponent; asked by DuckDB too."""
_WHOLE = r"[+-]?[0-9]+"
BLANKS = " \t\r\n\u00a0"
"""Space, tab, carriage return, newline and the no-break space that spreadsheets leave."""


def blank_to_null(text: Column) -> Column:
    """The text without surrounding blanks; null where nothing is left."""
    # Not by a regular expression, which takes several times as long on every cell of every record.
    return F.nullif(F.btrim(text, F.lit(BLANKS)), F.lit(""))


def marker_to_null(text: Column, marker: str) -> Column:
    """Null where the text is `marker`, by which a source writes "missing" (R writes `NA`)."""
    return F.nullif(text, F.lit(marker))


def parse_double(text: Column, exponent: bool = False) -> Column:
    """A double from plain decimal notation; null for anything else.

    Taken: `1`, `-1.5`, `+.5`, `3.`; with `exponent` also `5e+05`, as programs write round numbers.
    Not taken: `NaN`, `Infinity`, `1d`, `0x10`, `1_000`, `1,5`, non-ASCII digits, blanks, and what
    may overflow a double (`1e400`). Negative zero becomes zero, so that equal numbers look equal.
    """
    plain = _matched(text, NUMBER if exponent else _PLAIN)
    return plain.try_cast("double") + F.lit(0.0)


def _matched(text: Column, pattern: str) -> Column:
    """The text where all of it matches, else '' (which no cast takes). `\\z`: Java's `$` passes
    over a last newline.
    """
    return F.regexp_extract(text, rf"^({pattern})\z", 1)


def parse_bigint(text: Column) -> Column:
    """A bigint from an optional sign and ASCII digits; null for anything else and for what
    overflows.
    """
    return _matched(text, _WHOLE).try_cast("bigint")


def flag(condition: Column, sentence: str) -> Column:
    """`sentence` where `condition` is true, null where it is false or unknown."""
    return F.when(condition, F.lit(sentence))


def reasons(*flags: Column) -> Column:
    """The `_reasons` of a row: the flags that stand, in the order given; empty when none does.

    Most rows have none, and are spared the making of an array.
    """
    none = F.array().cast("array<string>")
    return (
        F.when(F.coalesce(*flags).isNotNull(), _without_null(F.array(*flags))).otherwise(none)
        if flags
        else none
    )


def add_reasons(*flags: Column) -> Column:
    """What the column `_reasons` holds already, and the flags that stand, each sentence once."""
    held = F.col("_reasons")
    return (
        F.when(
            F.coalesce(*flags).isNotNull(), _without_null(F.concat(held, F.array(*flags)))
        ).otherwise(held)
        if flags
        else held
    )


def _without_null(sentences: Column) -> Column:
    """Each sentence once, in the order given. Unlike `array_compact` it does not end Spark's
    generated code.
    """
    return F.array_except(sentences, F.array(F.lit(None).cast("string")))


def content_hash(*columns: Column) -> Column:
    """SHA-256, in hex, of the columns' values in their order; null and '' and ('a', 'b') and
    ('ab',) all differ.

    Each value is written as its length and text. A double is written in its shortest exact form.
    """
    texts = [column.cast("string") for column in columns]
    parts = [
        F.when(t.isNull(), F.lit("-")).otherwise(
            F.concat(F.length(t).cast("string"), F.lit(":"), t)
        )
        for t in texts
    ]
    return F.sha2(F.concat_ws("", *parts), 256)
