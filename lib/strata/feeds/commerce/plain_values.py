"""What is told of a record, in DuckDB's SQL: its values, what is wrong with them, and which of
several records stands. The transforms' own patterns and sentences, asked of printable ASCII alone,
of which both engines make the same.
"""

from __future__ import annotations

from strata.feeds.commerce.statuses import SYNONYMS
from strata.kit import sql
from strata.kit.history import REPEATED, SUPERSEDED
from strata.kit.sql import literal
from strata.kit.values import (
    CURRENCY_PATTERN,
    DATE_PATTERN,
    MANGLED,
    MONEY_PATTERN,
    NO_CURRENCY,
    NO_DATE,
    UNITS_PATTERN,
)

STATUS = (
    "CASE lower(r.status) "
    + " ".join(f"WHEN '{told}' THEN '{meant}'" for told, meant in SYNONYMS.items())
    + " ELSE nullif(lower(r.status), '') END"
)


def words(told: tuple[str, ...]) -> str:
    """Literals, with commas between them."""
    return ", ".join(map(literal, told))


def is_told(name: str) -> str:
    """Whether there is a text."""
    return f"coalesce({name}, '') <> ''"


def is_id(name: str) -> str:
    """Whether a text is an id, as it should be."""
    return f"({name} <> '' AND NOT {is_mangled(name)})"


def is_mangled(name: str) -> str:
    """Whether an id is one that a program has changed on the way."""
    return f"regexp_full_match({name}, {literal(MANGLED)})"


def are_plain(*names: str) -> str:
    """Whether no text holds anything but printable ASCII."""
    return f"regexp_full_match(concat({', '.join(names)}), '[ -~]*')"


def is_known_day(name: str) -> str:
    """Whether both engines know the same days of the text's year, if it is a date."""
    return f"NOT coalesce(regexp_matches({name}, '^(0|[3-9])[0-9]{{3}}-'), false)"


def day(name: str) -> str:
    """The date; NULL where none can be read."""
    told = f"regexp_matches({name}, {literal(DATE_PATTERN)})"
    return f"CASE WHEN {told} THEN try_cast(left({name}, 10) AS DATE) END"


def no_day(told: str, typed: str, name: str) -> tuple[str, str]:
    """When a date is a reason, and the reason, as `kit.values.no_date` gives it."""
    *known, (_, any_other) = NO_DATE
    cases = " ".join(
        f"WHEN regexp_matches({told}, {literal(pattern)}) THEN {literal(why.format(name=name))}"
        for pattern, why in known
    )
    return f"{typed} IS NULL", f"CASE {cases} ELSE {literal(any_other.format(name=name))} END"


def money(name: str) -> str:
    """The amount; NULL where none can be read."""
    told = f"regexp_matches({name}, {literal(MONEY_PATTERN)})"
    return f"CASE WHEN {told} THEN try_cast({name} AS DECIMAL(12, 4)) END"


def units(name: str) -> str:
    """The whole number; NULL where none can be read."""
    told = f"regexp_matches({name}, {literal(UNITS_PATTERN)})"
    return f"CASE WHEN {told} THEN try_cast({name} AS INTEGER) END"


def currency(name: str) -> str:
    """The code; NULL where what is told is none."""
    told = f"regexp_matches({name}, {literal(CURRENCY_PATTERN)})"
    none = f"WHEN NOT {is_told(name)} THEN '{NO_CURRENCY}'"
    return f"CASE {none} WHEN {told} THEN upper({name}) END"


def reasons(is_known: str, *told: tuple[str, str]) -> str:
    """The reasons of a record, of which each is a condition and a sentence; NULL where it is not
    known whether these are all."""
    return f"CASE WHEN {is_known} THEN {sql.reasons(*told)} END"


def latest(typed: str, key: str, content: str, *later: str) -> str:
    """The query of records of which some share their key: the latest sound one stands, the others
    are superseded, and what has `_reasons` is rejected. Of the latest that say the same the first
    of their file stands, and the others are folded into it.

    Where the reasons of one of a key are not known, or the latest say different things or lie in
    several files, all of them are left out: the transform decides.
    """
    order = ", ".join(f"{name} DESC NULLS LAST" for name in later)
    latest_said = "(said) FILTER (place = 1) OVER same"
    return f"""
SELECT * EXCLUDE (place, number, said, is_sound, is_told, {", ".join(later)}),
    CASE WHEN place > 1 THEN '{SUPERSEDED}' WHEN place = 1 AND number > 1 THEN '{REPEATED}' END
        AS _fold
FROM (
    SELECT *, bool_and(_reasons IS NOT NULL) OVER same
        AND min{latest_said} IS NOT DISTINCT FROM max{latest_said} AS is_told
    FROM (
        SELECT *, CASE WHEN is_sound THEN rank() OVER (own ORDER BY {order}) END AS place,
            row_number() OVER (own ORDER BY {order}, _record_number) AS number,
            row({content}, _file_sha256) AS said
        FROM (SELECT *, coalesce(len(_reasons) = 0, false) AS is_sound FROM ({typed}))
        WINDOW own AS (PARTITION BY {key}, is_sound)
    ) AS ranked
    WINDOW same AS (PARTITION BY {key})
) AS known WHERE is_told
"""
