"""What a copy in one file needs of its database: SQLite and DuckDB each say it in their own
words.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from strata.errors import GateFailed
from strata.serve.export.questions import Question
from strata.serve.export.source import Pinned, rows_of
from strata.serve.export.tally import Tally

if TYPE_CHECKING:
    import pyarrow as pa

EXPORTS = "strata_exports"
"""One row a table of the copy: where its rows come from."""
COLUMNS = "strata_columns"
"""One row a column: what it means, its unit, and its type in the contract."""
_SHOWN = ("feed", "publication", "run_id", "digest", "source", "table_name")


class Database(Protocol):
    """An open copy. Each method leaves it committed or raises."""

    kind: str
    begin: str
    """What opens a transaction."""

    def execute(self, sql: str, values: Iterable[Any] = ()) -> list[tuple[Any, ...]]:
        """Runs one statement and returns its rows."""

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commits what is done inside, all or nothing."""
        self.execute(self.begin)
        try:
            yield
        except BaseException:
            self.execute("ROLLBACK")
            raise
        self.execute("COMMIT")

    def create(self, pinned: Pinned, name: str) -> None:
        """Makes an empty table with comments."""

    def insert(self, name: str, pinned: Pinned, batches: Iterator[pa.RecordBatch]) -> None:
        """Adds rows, a batch at a time."""

    def totals(self, pinned: Pinned, name: str) -> list[Any]:
        """Rows, then count and total of each column, as Tally counts them."""

    def index(self, name: str, columns: tuple[str, ...], unique: bool) -> None:
        """Makes an index."""

    def view(self, question: Question) -> None:
        """Makes a question's view."""

    def names(self) -> set[str]:
        """Its tables and views."""

    def finish(self) -> None:
        """Checks the file whole and flushes it to the disk."""

    def close(self) -> None:
        """Closes the file."""


def quote(name: str) -> str:
    """A name as an SQL identifier. Names come from contracts, which allow plain ones only."""
    return '"' + name.replace('"', '""') + '"'


def ensure_notes(database: Database) -> None:
    """Makes the two tables that tell about the copy."""
    text = "TEXT" if database.kind == "sqlite" else "VARCHAR"
    number = "INTEGER" if database.kind == "sqlite" else "BIGINT"
    with database.transaction():
        database.execute(
            f"CREATE TABLE IF NOT EXISTS {EXPORTS} (table_name {text} PRIMARY KEY, source "
            f"{text} NOT NULL, "
            f"feed {text} NOT NULL, publication {number} NOT NULL, run_id {text} NOT NULL, "
            f"published_at {text}, "
            f"version {number} NOT NULL, row_count {number} NOT NULL, digest {text} NOT NULL, "
            f"grain {text} NOT NULL, purpose {text} NOT NULL)"
        )
        database.execute(
            f"CREATE TABLE IF NOT EXISTS {COLUMNS} (table_name {text} NOT NULL, position "
            f"{number} NOT NULL, "
            f"column_name {text} NOT NULL, type {text} NOT NULL, unit {text}, is_key {number} "
            "NOT NULL, "
            f"description {text} NOT NULL, PRIMARY KEY (table_name, position))"
        )


def held(database: Database) -> dict[str, dict[str, Any]]:
    """What the copy holds already: by name, the row that says where it comes from."""
    if EXPORTS not in database.names():
        return {}
    rows = database.execute(f"SELECT {', '.join(_SHOWN)} FROM {EXPORTS}")
    return {row[-1]: dict(zip(_SHOWN, row, strict=True)) for row in rows}


def copy_table(database: Database, pinned: Pinned, indexes: Iterable[tuple[str, ...]]) -> None:
    """Replaces one table in one transaction: rows, key, indexes and notes. GateFailed if it does
    not reconcile.
    """
    tally = Tally(pinned.fields)
    with database.transaction():
        database.execute(f"DROP TABLE IF EXISTS {quote(pinned.name)}")
        database.create(pinned, pinned.name)
        database.insert(pinned.name, pinned, _counted(pinned, tally))
        tally.reconcile(pinned.table, pinned.rows, database.totals(pinned, pinned.name), "the copy")
        if pinned.contract.key:
            database.index(pinned.name, pinned.contract.key, True)
        for columns in indexes:
            database.index(pinned.name, columns, False)
        _note(database, pinned)


def _counted(pinned: Pinned, tally: Tally) -> Iterator[pa.RecordBatch]:
    for batch in pinned.batches():
        tally.add(batch)
        yield batch


def _note(database: Database, pinned: Pinned) -> None:
    row = rows_of(pinned)
    database.execute(f"DELETE FROM {EXPORTS} WHERE table_name = ?", (pinned.name,))
    database.execute(f"DELETE FROM {COLUMNS} WHERE table_name = ?", (pinned.name,))
    marks = ", ".join("?" * len(row))
    database.execute(
        f"INSERT INTO {EXPORTS} ({', '.join(row)}) VALUES ({marks})", list(row.values())
    )
    for number, own in enumerate(pinned.fields, 1):
        values = (
            pinned.name,
            number,
            own.name,
            own.type,
            own.unit,
            int(own.is_key),
            own.description,
        )
        database.execute(f"INSERT INTO {COLUMNS} VALUES (?, ?, ?, ?, ?, ?, ?)", values)


def note_publication(database: Database, pinned: Pinned) -> None:
    """The same rows under a newer publication: only the note changes."""
    with database.transaction():
        _note(database, pinned)


@contextmanager
def opened(database: Database) -> Iterator[Database]:
    """Closes the database whatever happens."""
    try:
        yield database
    finally:
        database.close()


def refuse_nan(table: str, column: str) -> GateFailed:
    """SQLite keeps NaN as NULL, which would be another answer."""
    return GateFailed(
        f"a copy has the values of its publication; {table}.{column} holds NaN, which SQLite "
        "cannot: copy it to DuckDB",
        table=table,
    )
