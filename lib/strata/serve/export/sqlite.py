"""SQLite: one file, row-oriented, read by everything. Decimals stand as whole numbers of their
smallest unit.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strata.declare.contract import Field
from strata.errors import Damaged
from strata.serve.export.database import Database, quote, refuse_nan
from strata.serve.export.questions import Question
from strata.serve.export.source import Pinned
from strata.serve.export.tally import WHOLE, measure
from strata.serve.export.types import SQLITE_DIGITS, decimal_parts, sqlite_type

if TYPE_CHECKING:
    import pyarrow as pa


def scaled_name(field: Field) -> str | None:
    """`revenue decimal(18,2)` is kept exactly as `revenue_e2`, in hundredths; None for what needs
    no such column.
    """
    parts = decimal_parts(field.type)
    return f"{field.name}_e{parts[1]}" if parts and parts[0] <= SQLITE_DIGITS and parts[1] else None


class Sqlite(Database):
    """An open copy in SQLite."""

    kind = "sqlite"
    begin = "BEGIN IMMEDIATE"

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connection = sqlite3.connect(path, isolation_level=None)
        # A killed process loses nothing, for the rollback journal stands; the file is flushed
        # once, at the end.
        self.connection.execute("PRAGMA synchronous = OFF")
        # Rows that a newer publication lacks, those of a forgotten person say, leave the file.
        self.connection.execute("PRAGMA secure_delete = ON")

    def execute(self, sql: str, values: Iterable[Any] = ()) -> list[tuple[Any, ...]]:
        """Runs one statement and returns its rows."""
        return self.connection.execute(sql, tuple(values)).fetchall()

    def create(self, pinned: Pinned, name: str) -> None:
        """Makes the table; what its columns mean stands in strata_columns, for SQLite keeps no
        comments.
        """
        lines = [line for field in pinned.fields for line in _columns(field)]
        self.execute(f"CREATE TABLE {quote(name)} (\n  " + ",\n  ".join(lines) + "\n) STRICT")

    def insert(self, name: str, pinned: Pinned, batches: Iterator[pa.RecordBatch]) -> None:
        """Adds rows a batch at a time; GateFailed at a NaN, which SQLite would keep as NULL."""
        columns = ", ".join(quote(scaled_name(field) or field.name) for field in pinned.fields)
        sql = (
            f"INSERT INTO {quote(name)} ({columns}) VALUES ({', '.join('?' * len(pinned.fields))})"
        )
        for batch in batches:
            parts = [
                _values(pinned.table, batch.column(field.name), field) for field in pinned.fields
            ]
            self.connection.executemany(sql, zip(*parts, strict=True))

    def totals(self, pinned: Pinned, name: str) -> list[Any]:
        """As Tally counts them. Sums are taken of halves, for SQLite's own overflow."""
        parts = ["count(*)"]
        for field in pinned.fields:
            own = quote(scaled_name(field) or field.name)
            what = {
                "bytes": f"sum(length(CAST({own} AS BLOB)))",
                "true": f"sum({own})",
                "none": "0",
            }
            parts += [f"count({own})", what.get(measure(field.type), "0")]
            if measure(field.type) == "sum":
                parts[-1] = f"sum({own} >> 32) || ' ' || sum({own} & 4294967295)"
        (row,) = self.execute(f"SELECT {', '.join(parts)} FROM {quote(name)}")
        return [
            row[0],
            *(_joined(value, pinned.fields[i // 2], i % 2) for i, value in enumerate(row[1:])),
        ]

    def index(self, name: str, columns: tuple[str, ...], unique: bool) -> None:
        """Made after the rows, which is quicker than with them."""
        title = "_".join((name, *columns, "key" if unique else "idx"))
        kind = "UNIQUE INDEX" if unique else "INDEX"
        self.execute(
            f"CREATE {kind} {quote(title)} ON {quote(name)} ({', '.join(map(quote, columns))})"
        )

    def view(self, question: Question) -> None:
        """A question's view, with the question as a comment in its text."""
        text = question.question.replace("*/", "")
        self.execute(f"DROP VIEW IF EXISTS {quote(question.name)}")
        self.execute(f"CREATE VIEW {quote(question.name)} AS /* {text} */ {question.sql}")

    def names(self) -> set[str]:
        """Its tables and views."""
        return {
            row[0]
            for row in self.execute(
                "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')"
            )
        }

    def finish(self) -> None:
        """Lets the planner know the sizes, and checks every page. Damaged if one is not whole."""
        self.execute("ANALYZE")
        found = self.execute("PRAGMA quick_check")
        if found != [("ok",)]:
            raise Damaged(
                f"a copy is whole before it appears; {self.path} is not ({found[0][0]}): remove "
                "it and run again"
            )

    def close(self) -> None:
        """Closes the file."""
        self.connection.close()


def _columns(field: Field) -> list[str]:
    """A decimal is two columns: the exact whole number that is kept, and the number with its
    point made from it.
    """
    null = " NOT NULL" if field.required else ""
    scaled, parts = scaled_name(field), decimal_parts(field.type)
    if scaled and parts:
        value = f"CAST({quote(scaled)} AS REAL) / {10 ** parts[1]}"
        return [
            f"{quote(scaled)} INTEGER{null}",
            f"{quote(field.name)} REAL GENERATED ALWAYS AS ({value}) VIRTUAL",
        ]
    if parts and not parts[1] and parts[0] <= SQLITE_DIGITS:
        return [f"{quote(field.name)} INTEGER{null}"]
    check = f" CHECK ({quote(field.name)} IN (0, 1))" if field.type == "boolean" else ""
    return [f"{quote(field.name)} {sqlite_type(field.type)}{null}{check}"]


def _values(table: str, column: pa.Array, field: Field) -> list[Any]:
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_floating(column.type) and pc.any(pc.is_nan(column)).as_py():
        raise refuse_nan(table, field.name)
    convert = _converter(field)
    plain = column.to_pylist()
    return (
        plain if convert is None else [None if value is None else convert(value) for value in plain]
    )


def _converter(field: Field) -> Callable[[Any], Any] | None:
    parts = decimal_parts(field.type)
    if parts:
        scale = parts[1]
        return (lambda value: int(value.scaleb(scale))) if parts[0] <= SQLITE_DIGITS else str
    if field.type == "date":
        return lambda value: value.isoformat()
    if field.type in ("timestamp", "timestamp_ntz"):
        return _instant
    if field.type == "boolean":
        return int
    return json.dumps if field.type.startswith("array") else None


def _instant(value: Any) -> str:
    """`2024-05-31 12:00:00.000000`: of one length, so that text sorts as time does; UTC, as
    SQLite's functions take it.
    """
    return str(value.replace(tzinfo=None).isoformat(" ", "microseconds"))


def _joined(value: Any, field: Field, is_total: int) -> Any:
    """The halves of a sum put together again, and the point of a decimal where it belongs."""
    from decimal import Decimal

    if not is_total or measure(field.type) != "sum":
        return value
    if value is None:
        return 0
    if field.type not in WHOLE and (decimal_parts(field.type) or (0, 0))[0] > SQLITE_DIGITS:
        return value
    high, low = map(int, str(value).split(" "))
    total = Decimal((high << 32) + low)
    parts = decimal_parts(field.type)
    return total.scaleb(-parts[1]) if parts else total
