"""Text in SQL, as standard SQL, DuckDB and PostgreSQL read it."""

from __future__ import annotations


def literal(value: str) -> str:
    """The text in quotes."""
    return "'" + value.replace("'", "''") + "'"
