"""A contract's types in Arrow, SQLite, DuckDB and PostgreSQL."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from strata.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa

_DECIMAL = re.compile(r"decimal\((\d+),(\d+)\)")
_ARRAY = re.compile(r"array<(.+)>")
_DUCKDB = {
    "string": "VARCHAR",
    "double": "DOUBLE",
    "float": "FLOAT",
    "bigint": "BIGINT",
    "int": "INTEGER",
    "smallint": "SMALLINT",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMPTZ",
    "timestamp_ntz": "TIMESTAMP",
    "binary": "BLOB",
}
POSTGRES = {
    "string": "text",
    "double": "double precision",
    "float": "real",
    "bigint": "bigint",
    "int": "integer",
    "smallint": "smallint",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamptz",
    "timestamp_ntz": "timestamp",
    "binary": "bytea",
}
"""PostgreSQL's name of each plain type of a contract."""
_SQLITE = {
    "string": "TEXT",
    "double": "REAL",
    "float": "REAL",
    "bigint": "INTEGER",
    "int": "INTEGER",
    "smallint": "INTEGER",
    "boolean": "INTEGER",
    "date": "TEXT",
    "timestamp": "TEXT",
    "timestamp_ntz": "TEXT",
    "binary": "BLOB",
}
SQLITE_DIGITS = 18
"""A decimal with more digits does not fit SQLite's 64-bit whole numbers."""


def decimal_parts(kind: str) -> tuple[int, int] | None:
    """Precision and scale of a decimal type; None for any other."""
    match = _DECIMAL.fullmatch(kind)
    return (int(match[1]), int(match[2])) if match else None


def arrow_type(kind: str) -> pa.DataType:
    """The Arrow type of a contract's type; timestamps are UTC in microseconds. UsageError for a
    type no copy has.
    """
    import pyarrow as pa

    plain = {
        "string": pa.string(),
        "double": pa.float64(),
        "float": pa.float32(),
        "bigint": pa.int64(),
        "int": pa.int32(),
        "smallint": pa.int16(),
        "boolean": pa.bool_(),
        "date": pa.date32(),
        "timestamp": pa.timestamp("us", "UTC"),
        "timestamp_ntz": pa.timestamp("us"),
        "binary": pa.binary(),
    }
    if kind in plain:
        return plain[kind]
    parts, array = decimal_parts(kind), _ARRAY.fullmatch(kind)
    if parts:
        return pa.decimal128(*parts)
    if array:
        return pa.list_(arrow_type(array[1]))
    raise UsageError(f"a copy holds plain values and lists of them; found a column of type {kind}")


def duckdb_type(kind: str) -> str:
    """The same in DuckDB, exact for every type."""
    array = _ARRAY.fullmatch(kind)
    return f"{duckdb_type(array[1])}[]" if array else _DUCKDB.get(kind, kind.upper())


def postgres_type(kind: str) -> str:
    """The same in PostgreSQL, exact for every type."""
    array, parts = _ARRAY.fullmatch(kind), decimal_parts(kind)
    if parts:
        return f"numeric({parts[0]},{parts[1]})"
    return f"{postgres_type(array[1])}[]" if array else POSTGRES[kind]


def sqlite_type(kind: str) -> str:
    """The same in SQLite, which has neither dates nor decimals: see docs/EXPORT.md."""
    return _SQLITE.get(kind, "TEXT")
