"""What a log says of one version, by its actions: the files and columns, and whether they can be
believed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from strata.errors import Damaged

if TYPE_CHECKING:
    from pyspark.sql.types import StructType

NEWEST_READER = 3
"""Delta's newest reader protocol that this library's readers know (table features)."""
_NOT_READ = ("deletionVectors", "columnMapping")
"""Features under which Arrow, reading file by file, would give other rows than Delta."""


@dataclass(frozen=True)
class Commit:
    """One Delta commit: its version, the run that wrote it, and Delta's own count of rows
    written."""

    version: int
    run_id: str | None
    rows_written: int | None
    operation: str

    def restores(self, version: int) -> bool:
        """Whether it holds what that version holds, because a run took back what stood between
        them.
        """
        mark = f"restore {version} "
        return self.operation == "RESTORE" and (self.run_id or "").startswith(mark)


@dataclass(frozen=True)
class Snapshot:
    """What the log says of one version."""

    version: int
    protocol: dict[str, Any]
    metadata: dict[str, Any]
    adds: dict[str, dict[str, Any]]
    """Each data file's `add` action, by its path as the log has it."""

    @property
    def schema(self) -> StructType:
        """The columns of the version, as Spark has them."""
        from pyspark.sql.types import StructType

        return StructType.fromJson(json.loads(self.metadata["schemaString"]))

    @property
    def files(self) -> list[str]:
        """Each data file's path below the table, as it is named on disk."""
        return [unquote(path) for path in self.adds]

    @property
    def columns_with_statistics(self) -> set[str]:
        """The columns of which the log was asked to hold bounds when the table was made."""
        asked = dict(self.metadata.get("configuration") or {})
        return set(asked.get("delta.dataSkippingStatsColumns", "").split(","))

    @property
    def is_plain(self) -> bool:
        """Whether its rows are those of its files and nothing else: no partitions, whose columns
        stand in no file, and nothing that a reader of Delta's first protocol does not know.
        """
        return (
            self.protocol.get("minReaderVersion") == 1
            and not self.metadata.get("partitionColumns")
            and not any(add.get("deletionVector") for add in self.adds.values())
        )

    @property
    def digest(self) -> str:
        """Covers all that decides which rows a reader gets: schema, files, sizes, partition values,
        statistics.
        """
        metadata = {
            key: self.metadata.get(key) for key in ("id", "schemaString", "partitionColumns")
        }
        adds = [
            [
                path,
                add.get("size"),
                sorted((add.get("partitionValues") or {}).items()),
                statistics(add),
                add.get("deletionVector"),
            ]
            for path, add in sorted(self.adds.items())
        ]
        text = json.dumps(
            [_protocol_facts(self.protocol), metadata, adds], sort_keys=True, default=str
        )
        return hashlib.sha256(text.encode()).hexdigest()


def _protocol_facts(protocol: dict[str, Any]) -> list[Any]:
    return [
        protocol.get("minReaderVersion"),
        protocol.get("minWriterVersion"),
        sorted(protocol.get("readerFeatures") or ()),
    ]


def statistics(add: dict[str, Any]) -> dict[str, Any]:
    """The file's statistics, numbers exact; empty where there are none."""
    text = add.get("stats")
    try:
        parsed = json.loads(text, parse_float=Decimal) if text else {}
    except ValueError:
        raise Damaged(
            f"the statistics of {add.get('path')} are no JSON", file=add.get("path")
        ) from None
    return parsed if isinstance(parsed, dict) else {}


def replay(
    table: str, version: int, actions: Iterable[dict[str, Any]], before: Snapshot | None = None
) -> Snapshot:
    """What a version holds, by the actions since the version before, or since the beginning;
    Damaged where that is no table, or one that leaves its folder.
    """
    protocol: dict[str, Any] = before.protocol if before else {}
    metadata: dict[str, Any] = before.metadata if before else {}
    adds: dict[str, dict[str, Any]] = dict(before.adds) if before else {}
    for action in actions:
        ((kind, value),) = action.items()
        if kind == "protocol":
            protocol = value
        elif kind == "metaData":
            metadata = value
        elif kind == "add":
            adds[value["path"]] = {
                **value,
                "partitionValues": dict(value.get("partitionValues") or {}),
            }
        elif kind == "remove":
            adds.pop(value["path"], None)
    if not protocol or not metadata:
        raise Damaged(
            f"a log tells its table's protocol and schema; that of {table} does not: restore it",
            table=table,
        )
    _check_protocol(table, protocol)
    _check_schema(table, metadata)
    for path in adds:
        check_path(table, path)
    return Snapshot(version, protocol, metadata, adds)


def _check_schema(table: str, metadata: dict[str, Any]) -> None:
    try:
        whole = all(
            {"name", "type"} <= set(field)
            for field in json.loads(metadata["schemaString"])["fields"]
        )
    except (ValueError, KeyError, TypeError):
        whole = False
    if not whole:
        raise Damaged(
            f"a log tells its table's schema; what that of {table} tells is none: restore it",
            table=table,
        )


def _check_protocol(table: str, protocol: dict[str, Any]) -> None:
    needed, features = (
        protocol.get("minReaderVersion"),
        set(protocol.get("readerFeatures") or ()),
    )
    if not isinstance(needed, int) or needed > NEWEST_READER or features & set(_NOT_READ):
        raise Damaged(
            f"a table is read by Delta's reader protocol {NEWEST_READER} at most, without "
f"{' and '.join(_NOT_READ)}; {table} asks "
            f"for reader {needed} {sorted(features) or ''}: a newer program has written "
"it; use that program, or restore the table",
            table=table, kind="protocol",
        )  # fmt: skip


def is_complete(version: int, actions: list[dict[str, Any]]) -> bool:
    """Whether no action is missing, as far as the commit tells: by its number of actions, or by
    its rows where a writer of Delta's own tells no other."""
    info = next(action["commitInfo"] for action in actions if "commitInfo" in action)
    kinds = [kind for action in actions for kind in action]
    if version == 0 and not {"protocol", "metaData"} <= set(kinds):
        return False
    if "strataActions" in info:
        return bool(len(kinds) - 1 == info["strataActions"])
    metrics = info.get("operationMetrics", {})
    if "numRestoredFile" in metrics:  # delta-rs; it restores protocol and columns too.
        moved = int(metrics["numRestoredFile"]) + int(metrics["numRemovedFile"])
        return len(kinds) - 1 == moved + 2
    added = [action["add"].get("stats") for action in actions if "add" in action]
    rows = metrics.get("numOutputRows")
    if info.get("operation") != "WRITE" or rows is None or not all(added):
        return True
    return int(rows) == sum(json.loads(stats)["numRecords"] for stats in added)


def check_path(table: str, path: str) -> None:
    """A data file lies below its table: no scheme, no absolute path, no `..`."""
    plain = unquote(path)
    if (
        plain.startswith(("/", "\\"))
        or re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", plain)
        or ".." in plain.split("/")
    ):
        raise Damaged(
            f"a table's files lie in its own folder; the log of {table} names {plain!r}: "
"somebody has changed it; restore it from a backup",
            table=table, file=plain, kind="path",
        )  # fmt: skip
