"""DuckDB: one file, column-oriented, with exact types and comments on every column."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strata.kit.sql import literal
from strata.serve.export.database import Database, quote
from strata.serve.export.questions import Question
from strata.serve.export.source import Pinned
from strata.serve.export.tally import measure
from strata.serve.export.types import duckdb_type

if TYPE_CHECKING:
    import pyarrow as pa

MEMORY = "1GB"
"""What DuckDB may hold while it copies; it spills beyond."""
MOST_INDEXED = 5_000_000
"""Rows of the largest table with an index."""


class DuckDb(Database):
    """An open copy in DuckDB."""

    kind = "duckdb"
    begin = "BEGIN TRANSACTION"

    def __init__(self, path: Path) -> None:
        import duckdb

        self.path = path
        self.connection = duckdb.connect(
            str(path), config={"memory_limit": MEMORY, "autoinstall_known_extensions": False}
        )
        self.connection.execute("SET enable_progress_bar = false")
        # Rows come in the order of their dates, and stay in it, so that a query by date reads few
        # of them.
        self.connection.execute("SET preserve_insertion_order = true")

    def execute(self, sql: str, values: Iterable[Any] = ()) -> list[tuple[Any, ...]]:
        """Runs one statement and returns its rows."""
        return list(self.connection.execute(sql, list(values)).fetchall())

    def create(self, pinned: Pinned, name: str) -> None:
        """Makes the table, with what the contract says of it and of each column."""
        lines = [
            f"{quote(f.name)} {duckdb_type(f.type)}{' NOT NULL' if f.required else ''}"
            for f in pinned.fields
        ]
        self.execute(f"CREATE TABLE {quote(name)} ({', '.join(lines)})")
        told = f"{pinned.contract.purpose.strip()} Grain: {pinned.contract.grain}."
        self.execute(f"COMMENT ON TABLE {quote(name)} IS {literal(told)}")
        for field in pinned.fields:
            text = f"{field.description} [{field.unit}]" if field.unit else field.description
            self.execute(f"COMMENT ON COLUMN {quote(name)}.{quote(field.name)} IS {literal(text)}")

    def insert(self, name: str, pinned: Pinned, batches: Iterator[pa.RecordBatch]) -> None:
        """Adds rows by Arrow's stream."""
        import pyarrow as pa

        reader = pa.RecordBatchReader.from_batches(pinned.schema, batches)
        self.connection.register("_rows", reader)
        try:
            self.execute(f"INSERT INTO {quote(name)} SELECT * FROM _rows")
        finally:
            self.connection.unregister("_rows")

    def totals(self, pinned: Pinned, name: str) -> list[Any]:
        """As Tally counts them."""
        parts = ["count(*)"]
        for field in pinned.fields:
            own = quote(field.name)
            what = {
                "sum": f"sum({own})",
                "bytes": f"sum(strlen({own}))",
                "true": f"count(*) FILTER (WHERE {own})",
            }
            parts += [f"count({own})", what.get(measure(field.type), "0")]
        return list(self.execute(f"SELECT {', '.join(parts)} FROM {quote(name)}")[0])

    def index(self, name: str, columns: tuple[str, ...], unique: bool) -> None:
        """An adaptive radix tree, of one column: DuckDB looks nothing up in one of several.

        It is built in memory, so large tables have none; there each row group's least and
        greatest value leave out what a query needs not.
        """
        if len(columns) > 1 and unique:
            return
        if self.execute(f"SELECT count(*) FROM {quote(name)}")[0][0] > MOST_INDEXED:
            return
        title = "_".join((name, columns[0], "key" if unique else "idx"))
        kind = "UNIQUE INDEX" if unique else "INDEX"
        self.execute(f"CREATE {kind} {quote(title)} ON {quote(name)} ({quote(columns[0])})")

    def view(self, question: Question) -> None:
        """A question's view, with the question as its comment."""
        self.execute(f"CREATE OR REPLACE VIEW {quote(question.name)} AS {question.sql}")
        self.execute(f"COMMENT ON VIEW {quote(question.name)} IS {literal(question.question)}")

    def names(self) -> set[str]:
        """Its tables and views."""
        return {row[0] for row in self.execute("SELECT table_name FROM information_schema.tables")}

    def finish(self) -> None:
        """Lets the planner know the sizes and writes the log into the file."""
        self.execute("ANALYZE")
        self.execute("CHECKPOINT")

    def close(self) -> None:
        """Closes the file."""
        self.connection.close()
