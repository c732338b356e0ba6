"""One load: an export's manifest checked, its tables made where they lack, all filled together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from strata.errors import Damaged, UsageError
from strata.fs.objects import ObjectFolder
from strata.serve.export.bucket import MANIFEST, read_manifest
from strata.serve.redshift import statements
from strata.serve.redshift.data_api import DataApi, Target
from strata.serve.redshift.statements import Entry
from strata.serve.redshift.unloaded import assert_unloaded


@dataclass(frozen=True)
class Loaded:
    """What became of one table."""

    table: str
    publication: int
    rows: int
    outcome: str
    """`loaded`, `made and loaded`, `made anew and loaded` (its columns changed) or `up to date`."""


def load_export(
    address: str, target: Target, check: bool = False, database: DataApi | None = None
) -> tuple[Loaded, ...]:
    """Loads what an export in S3 holds; repeatable, never older over newer, all tables together.

    With `check`, the tables are unloaded again and compared with the export. Damaged where the
    export is not what its manifest says; GateFailed where Redshift undid the load.
    """
    folder, database = ObjectFolder(address), database or DataApi(target)
    entries = _entries(folder)
    _assert_whole(folder, entries)
    database.transact(statements.prepare(target.schema))
    notes = {str(row[0]): row[1:] for row in database.rows(statements.held(target.schema))}
    for entry in entries:
        _assert_forward(entry, notes.get(entry["table_name"]))
    standing = _columns(database, target)
    outcomes = [_outcome(entry, notes, standing) for entry in entries]
    due = [entry for entry, outcome in zip(entries, outcomes, strict=True) if outcome != _DONE]
    if due:
        manifests = [folder.address_of(entry["copy_manifest"]) for entry in due]
        filling = statements.fill(target.schema, due, manifests, target.role)
        _make_tables(database, target, due, standing)
        database.transact(filling)
    if check:
        for entry in entries:
            assert_unloaded(folder, entry, database, target)
    return tuple(
        Loaded(entry["table_name"], entry["publication"], entry["row_count"], outcome)
        for entry, outcome in zip(entries, outcomes, strict=True)
    )


_DONE = "up to date"


def _entries(folder: ObjectFolder) -> list[Entry]:
    manifest, _ = read_manifest(folder)
    if not manifest:
        raise UsageError(
            f"a load takes what `strata export --to s3://…` has put; {folder.address_of(MANIFEST)} "
            "is not there"
        )
    if manifest["format"] != "parquet":
        raise UsageError(f"a load takes Parquet; {folder.address} holds {manifest['format']}")
    return list(manifest["tables"])


def _assert_whole(folder: ObjectFolder, entries: Sequence[Entry]) -> None:
    """Every object is there with the size and checksum that the manifest names."""
    for entry in entries:
        for file in entry["files"]:
            facts = folder.facts(file["path"])
            if facts is None or (facts.size, facts.sha256) != (file["bytes"], file["sha256"]):
                raise Damaged(
                    "an export holds the files of its manifest; "
                    f"{folder.address_of(file['path'])} is "
                    f"{'gone' if facts is None else 'another one'}: export again"
                )


def _assert_forward(entry: Entry, note: Sequence[Any] | None) -> None:
    if note is not None and int(note[1]) > entry["publication"]:
        raise UsageError(
            f"a load goes forward; {entry['table_name']} holds publication {note[1]} of "
            f"{note[0]}, and the export publication {entry['publication']}: export again"
        )


def _columns(database: DataApi, target: Target) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for table, column, _ in database.rows(statements.columns_held(target.schema)):
        found.setdefault(str(table), []).append(str(column))
    return found


def _outcome(
    entry: Entry, notes: Mapping[str, Sequence[Any]], standing: Mapping[str, list[str]]
) -> str:
    note, columns = notes.get(entry["table_name"]), standing.get(entry["table_name"])
    if columns is None:
        return "made and loaded"
    if columns != _names(entry):
        return "made anew and loaded"
    is_same = note is not None and (int(note[1]), note[2]) == (
        entry["publication"],
        entry["run_id"],
    )
    return _DONE if is_same else "loaded"


def _names(entry: Entry) -> list[str]:
    return [column["name"] for column in entry["columns"]]


def _make_tables(
    database: DataApi, target: Target, due: Sequence[Entry], standing: Mapping[str, list[str]]
) -> None:
    """Tables that lack, or have other columns; each with its comments, before any row moves.

    The note of what such a table held goes with it: should the filling fail, none says it is done.
    """
    for entry in due:
        columns = standing.get(entry["table_name"])
        if columns == _names(entry):
            continue
        made = statements.create(target.schema, entry)
        anew = [statements.drop(target.schema, entry)] if columns is not None else []
        database.transact([statements.forget(target.schema, entry), *anew, made[0]])
        for start in range(1, len(made), 40):
            database.transact(made[start : start + 40])
