"""Pieces of SQL: text as standard SQL, DuckDB and PostgreSQL read it, the rest as DuckDB does."""

from __future__ import annotations


def literal(value: str) -> str:
    """The text in quotes."""
    return "'" + value.replace("'", "''") + "'"


def number(name: str, pattern: str) -> str:
    """A double from text that matches; null for anything else. -0 is 0, as in `parse_double`."""
    value = f"try_cast(ltrim({name}, '+') AS DOUBLE) + CAST(0 AS DOUBLE)"
    return f"CASE WHEN regexp_full_match({name}, {literal(pattern)}) THEN {value} END"


def reasons(*told: tuple[str, str]) -> str:
    """The list of reasons of a row, each a condition and the SQL of its text."""
    parts = [f"CASE WHEN {when} THEN [{why}] ELSE [] END" for when, why in told]
    return " || ".join(["CAST([] AS VARCHAR[])", *parts])
