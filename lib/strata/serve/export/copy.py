"""One copy: what changed since the last one is written aside, checked, and takes its place by one
rename.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strata import failpoint
from strata.errors import UsageError
from strata.fs import location
from strata.lake.versions import Warehouse
from strata.serve.export import database as db
from strata.serve.export.aside import appear, hold
from strata.serve.export.bucket import copy_to_bucket
from strata.serve.export.duck import DuckDb
from strata.serve.export.folder import copy_to_folder
from strata.serve.export.forward import with_held
from strata.serve.export.questions import Serving, load_serving
from strata.serve.export.source import Pinned, choose
from strata.serve.export.sqlite import Sqlite

FILES = (".sqlite", ".sqlite3", ".db", ".duckdb")
FORMATS = ("parquet", "csv")
_NO_FOLDER = (".csv", ".parquet", ".json", ".xlsx", ".gz", ".zip")
"""Names that one gives to a file, though several tables of a copy need a folder."""
_OF_ANOTHER_KIND = re.compile("file is not a database|not a valid DuckDB database file")


@dataclass(frozen=True)
class Copied:
    """What became of one table."""

    table: str
    publication: int
    rows: int
    outcome: str
    """`copied`, `same rows` (an older copy's rows still hold) or `up to date`."""


def copy_tables(
    warehouse: Warehouse,
    patterns: Iterable[str],
    to: str,
    form: str = "parquet",
    allow_internal: bool = False,
) -> tuple[Copied, ...]:
    """Copies published tables to a folder or a database file; repeatable, resumable, never older
    over newer.

    A place holds one publication of each feed: tables it has already are renewed with the ones
    asked for. UsageError where the place is named like a file of another kind.
    """
    if form not in FORMATS:
        raise UsageError(f"a folder holds {' or '.join(FORMATS)}; got {form!r}")
    if to.lower().endswith(_NO_FOLDER) and not Path(to).is_dir():
        raise UsageError(
            f"a copy is a folder of {' or '.join(FORMATS)}, or a file that ends in "
            f"{' or '.join(FILES)}; {to} is named like another file: for CSV, name a folder and "
            "add --as csv"
        )
    chosen = choose(warehouse, patterns, allow_internal)
    if to.endswith(FILES) and location.parse(to).is_local:
        return _copy_to_file(warehouse, chosen, Path(to).absolute())
    copy = copy_to_folder if location.parse(to).is_local else copy_to_bucket
    return tuple(Copied(*facts) for facts in copy(warehouse, chosen, to, form))


def _copy_to_file(
    warehouse: Warehouse, chosen: tuple[Pinned, ...], place: Path
) -> tuple[Copied, ...]:
    with hold(place):
        before = _held(place)
        wanted = with_held(warehouse, chosen, before, str(place))
        if all(before.get(p.name, {}).get("publication") == p.publication for p in wanted):
            return tuple(Copied(p.table, p.publication, p.rows, "up to date") for p in wanted)
        aside = place.parent / f".{place.name}.part{place.suffix}"
        _begin(place, aside, {*before, *(p.name for p in wanted)})
        with db.opened(_open_aside(aside)) as database:
            outcomes = _fill(database, wanted, load_serving())
        failpoint.reach("export.finished", place.name)
        appear(aside, place)
        _tables_of(aside).unlink(missing_ok=True)
        return outcomes


def _held(place: Path) -> dict[str, dict[str, Any]]:
    if not place.exists():
        return {}
    try:
        with db.opened(_open(place)) as database:
            return db.held(database)
    except Exception as error:
        if _OF_ANOTHER_KIND.search(str(error)) is None:
            raise
        raise UsageError(
            f"a copy goes into a new file or a database of its own kind; {place} is none: name "
            "another file, or remove it"
        ) from None


def _begin(place: Path, aside: Path, names: set[str]) -> None:
    """Goes on with what a killed copy left aside, else starts from the copy that stands.

    One that was to hold other tables is not gone on with: their rows, finished or not, may be
    anywhere in its file.
    """
    tables = _tables_of(aside)
    is_ours = aside.exists() and tables.exists() and {*tables.read_text().split()} <= names
    if not is_ours:
        _remove(aside)
    fresh = aside.with_name(aside.name + ".new")
    fresh.write_text("\n".join(sorted(names)))
    appear(fresh, tables)
    if not is_ours and place.exists():
        shutil.copyfile(place, fresh)
        os.replace(fresh, aside)


def _tables_of(aside: Path) -> Path:
    """The names of all tables that the copy was begun for, written before any row."""
    return aside.with_name(aside.name + ".tables")


def _remove(aside: Path) -> None:
    for leftover in aside.parent.glob(aside.name + "*"):
        leftover.unlink()


def _open(path: Path) -> db.Database:
    """SQLite or DuckDB, by the end of the name. UsageError where duckdb is not installed."""
    if path.name.split(".part")[0].endswith(".duckdb"):
        return DuckDb(path)
    return Sqlite(path)


def _open_aside(aside: Path) -> db.Database:
    """A file that a power cut left unreadable is begun again."""
    try:
        database = _open(aside)
        db.ensure_notes(database)
        return database
    except UsageError:
        raise
    except Exception:
        _remove(aside)
        database = _open(aside)
        db.ensure_notes(database)
        return database


def _fill(
    database: db.Database, wanted: tuple[Pinned, ...], serving: Serving
) -> tuple[Copied, ...]:
    there = db.held(database)
    outcomes = []
    for pinned in wanted:
        old = there.get(pinned.name)
        if old and old["digest"] == pinned.digest and old["source"] == pinned.table:
            db.note_publication(database, pinned)
            outcome = "same rows"
        else:
            failpoint.reach("export.table", pinned.table)
            db.copy_table(database, pinned, serving.indexes.get(pinned.table, ()))
            outcome = "copied"
        outcomes.append(Copied(pinned.table, pinned.publication, pinned.rows, outcome))
    with database.transaction():
        for question in serving.answered_by(row["source"] for row in db.held(database).values()):
            database.view(question)
    database.finish()
    return tuple(outcomes)
