"""What Redshift is told, as text: made of an export's manifest alone, so that it is tested without
a Redshift.

Apart from COPY and UNLOAD it is SQL that PostgreSQL takes as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from strata.errors import UsageError
from strata.serve.export.types import POSTGRES, decimal_parts

NOTES = "strata_exports"
"""One row a table: which publication it holds."""
TEXT = "varchar(1024)"
"""A longer text stops the load: the widest columns cost memory in every query."""
_TYPES = {name: kind for name, kind in POSTGRES.items() if name != "binary"} | {"string": TEXT}
_NOTE_COLUMNS = (
    ("table_name", "varchar(128)"),
    ("source", "varchar(128)"),
    ("feed", "varchar(64)"),
    ("publication", "bigint"),
    ("run_id", "varchar(128)"),
    ("published_at", "timestamptz"),
    ("version", "bigint"),
    ("row_count", "bigint"),
    ("digest", "varchar(64)"),
)
Entry = Mapping[str, Any]


def prepare(schema: str) -> list[str]:
    """The schema, and the table that says what is in it."""
    columns = ", ".join(f"{name} {kind} NOT NULL" for name, kind in _NOTE_COLUMNS)
    columns = columns.replace("published_at timestamptz NOT NULL", "published_at timestamptz")
    return [
        f"CREATE SCHEMA IF NOT EXISTS {quote(schema)}",
        f"CREATE TABLE IF NOT EXISTS {_in(schema, NOTES)} ({columns}, PRIMARY KEY (table_name))",
    ]


def create(schema: str, entry: Entry) -> list[str]:
    """The table and its comments. UsageError where a column's type has no plain one in Redshift.

    Distribution and sort order are left to Redshift (AUTO), which learns them from the queries.
    """
    table = _in(schema, entry["table_name"])
    lines = [
        f"{quote(c['name'])} {type_of(entry, c)}{' NOT NULL' if c['required'] else ''}"
        for c in entry["columns"]
    ]
    key = [quote(c["name"]) for c in entry["columns"] if c["is_key"]]
    lines += [f"PRIMARY KEY ({', '.join(key)})"] if key else []
    told = f"{entry['purpose']} Grain: {entry['grain']}."
    comments = [f"COMMENT ON TABLE {table} IS {text(told)}"]
    for column in entry["columns"]:
        unit = f" Unit: {column['unit']}." if column["unit"] else ""
        named = f"{table}.{quote(column['name'])}"
        comments.append(f"COMMENT ON COLUMN {named} IS {text(column['description'] + unit)}")
    return [f"CREATE TABLE {table} ({', '.join(lines)})", *comments]


def drop(schema: str, entry: Entry) -> str:
    """Takes a table of other columns away, with the views that read it."""
    return f"DROP TABLE IF EXISTS {_in(schema, entry['table_name'])} CASCADE"


def forget(schema: str, entry: Entry) -> str:
    """Takes away the note of what a table holds."""
    return f"DELETE FROM {_in(schema, NOTES)} WHERE table_name = {text(entry['table_name'])}"


def fill(schema: str, entries: Sequence[Entry], manifests: Sequence[str], role: str) -> list[str]:
    """One transaction: each table emptied, filled from its manifest, counted; and the notes.

    A count that differs, or a newer publication that came meanwhile, divides by zero: so the whole
    transaction is undone, whoever runs it.
    """
    notes = _in(schema, NOTES)
    newer = " OR ".join(
        f"(feed = {text(feed)} AND publication > {int(number)})"
        for feed, number in sorted({(e["feed"], e["publication"]) for e in entries})
    )
    lines = [f"LOCK TABLE {notes}", f"SELECT {_or_fail('count(*) = 0')} FROM {notes} WHERE {newer}"]
    for entry, manifest in zip(entries, manifests, strict=True):
        table = _in(schema, entry["table_name"])
        lines += [
            f"DELETE FROM {table}",
            f"COPY {table} FROM {text(manifest)} IAM_ROLE {_role(role)} FORMAT AS PARQUET MANIFEST",
            f"SELECT {_or_fail('count(*) = ' + str(int(entry['row_count'])))} FROM {table}",
        ]
    names = ", ".join(text(entry["table_name"]) for entry in entries)
    rows = ", ".join(
        "(" + ", ".join(_literal(entry[name]) for name, _ in _NOTE_COLUMNS) + ")"
        for entry in entries
    )
    columns = ", ".join(name for name, _ in _NOTE_COLUMNS)
    return [
        *lines,
        f"DELETE FROM {notes} WHERE table_name IN ({names})",
        f"INSERT INTO {notes} ({columns}) VALUES {rows}",
    ]


def unload(schema: str, entry: Entry, to: str, role: str) -> str:
    """The table's rows as Parquet in S3, with a manifest of the files that were written."""
    columns = ", ".join(quote(column["name"]) for column in entry["columns"])
    query = f"SELECT {columns} FROM {_in(schema, entry['table_name'])}"
    return (
        f"UNLOAD ({text(query)}) TO {text(to)} IAM_ROLE {_role(role)} FORMAT AS PARQUET MANIFEST "
        "CLEANPATH"
    )


def held(schema: str) -> str:
    """Which publication each table holds."""
    return (
        f"SELECT table_name, feed, publication, run_id, digest FROM {_in(schema, NOTES)} "
        "ORDER BY table_name"
    )


def columns_held(schema: str) -> str:
    """The columns of every table of the schema, in order, with their types."""
    return (
        "SELECT table_name, column_name, data_type FROM information_schema.columns "
        f"WHERE table_schema = {text(schema)} ORDER BY table_name, ordinal_position"
    )


def type_of(entry: Entry, column: Mapping[str, Any]) -> str:
    """The Redshift type of a contract's type."""
    parts = decimal_parts(column["type"])
    if parts:
        return f"numeric({parts[0]},{parts[1]})"
    if column["type"] not in _TYPES:
        raise UsageError(
            f"Redshift has plain columns here; {entry['table_name']}.{column['name']} is "
            f"{column['type']}: leave the table out of the export"
        )
    return _TYPES[column["type"]]


def quote(name: str) -> str:
    """A name as an identifier."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """A text as a literal. Redshift takes a backslash for an escape, PostgreSQL does not: it is
    left out.
    """
    return "'" + value.replace("\\", "/").replace("'", "''") + "'"


def _in(schema: str, table: str) -> str:
    return f"{quote(schema)}.{quote(table)}"


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    return str(value) if isinstance(value, int) else text(str(value))


def _or_fail(condition: str) -> str:
    return f"1 / CASE WHEN {condition} THEN 1 ELSE 0 END AS holds"


def _role(role: str) -> str:
    return "default" if role == "default" else text(role)
