"""A table's Delta log in plain Python: what a version holds, and whether the log can be believed.

Delta believes its log. A zero-length last commit reads as an empty one, a removed `add` action as a
file that never was, an absolute path as the table's own, an edited statistic as the truth. So each
publication keeps a digest of what the log says of its versions (`TableLog.manifest`), and whoever
opens a published version takes the digest again: a listing and the few commits since the last
checkpoint.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from strata.errors import Damaged
from strata.fs import files
from strata.lake.versions import Warehouse

if TYPE_CHECKING:
    from pyspark.sql.types import StructType

COMMIT = re.compile(r"(\d{20})\.json")
CHECKPOINT = re.compile(r"(\d{20})\.checkpoint(?:\.\d{10}\.(\d{10}))?\.parquet")
NEWEST_READER = 3
"""Delta's newest reader protocol that this library's readers know (table features)."""
_NOT_READ = ("deletionVectors", "columnMapping")
"""Features under which Arrow, reading file by file, would give other rows than Delta."""
_NEEDED = {
    "add": {"path", "partitionValues", "size", "modificationTime", "dataChange"},
    "remove": {"path", "dataChange"},
}
"""What Delta's protocol requires of an action."""


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
        from pyspark.sql.types import StructType

        return StructType.fromJson(json.loads(self.metadata["schemaString"]))

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


@dataclass
class TableLog:
    """One table's log, listed once; commits are read as they are needed, and kept."""

    warehouse: Warehouse
    table: str
    read: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def folder(self) -> str:
        return f"{self.warehouse.path(self.table)}/_delta_log"

    @cached_property
    def sizes(self) -> dict[str, int]:
        """Every file of the log, with its size."""
        return files.walk(self.folder)

    @cached_property
    def commits(self) -> list[int]:
        return sorted(int(m[1]) for name in self.sizes if (m := COMMIT.fullmatch(name)))

    @cached_property
    def checkpoints(self) -> dict[int, list[str]]:
        """Complete checkpoints: one file, or all of its parts."""
        found: dict[int, list[str]] = {}
        parts: dict[int, int] = {}
        for name in sorted(self.sizes):
            if m := CHECKPOINT.fullmatch(name):
                found.setdefault(int(m[1]), []).append(name)
                parts[int(m[1])] = int(m[2] or 1)
        return {version: names for version, names in found.items() if len(names) == parts[version]}

    def actions(self, version: int) -> list[dict[str, Any]]:
        """The actions of one commit; Damaged where it is empty or torn."""
        name = f"{version:020d}.json"
        if name not in self.read:
            if not self.sizes.get(name):
                raise self._damaged(name, "is empty: Delta would read it as a commit of nothing")
            self.read[name] = self._parse(name)
        return self.read[name]

    def _parse(self, name: str) -> list[dict[str, Any]]:
        content = files.read_bytes(f"{self.folder}/{name}")
        try:
            actions = [
                json.loads(line) for line in content.decode("utf-8").splitlines() if line.strip()
            ]
        except ValueError:
            raise self._damaged(name, "is torn: not each of its lines is JSON") from None
        if not all(isinstance(action, dict) and len(action) == 1 for action in actions):
            raise self._damaged(name, "is torn: not each of its lines is one action")
        if not any("commitInfo" in action for action in actions):
            raise self._damaged(name, "is torn: it does not tell who wrote it")
        for kind, needed in _NEEDED.items():
            if any(kind in action and not needed <= set(action[kind]) for action in actions):
                raise self._damaged(
                    name, f"has an action `{kind}` without {', '.join(sorted(needed))}"
                )
        return actions

    def checkpoint(self, version: int) -> list[dict[str, Any]]:
        """The actions of a checkpoint that make its version; Damaged where it cannot be read."""
        from pyarrow import ArrowException, parquet

        actions: list[dict[str, Any]] = []
        for name in self.checkpoints[version]:
            if name not in self.read:
                try:
                    with files.open_input(f"{self.folder}/{name}") as stream:
                        rows = parquet.read_table(
                            stream, page_checksum_verification=True
                        ).to_pylist()
                except (ArrowException, OSError) as error:
                    raise self._damaged(name, f"cannot be read: {_first(error)}") from None
                self.read[name] = [
                    {key: value} for row in rows for key, value in row.items() if value is not None
                ]
            actions += self.read[name]
        return actions

    def snapshot(self, version: int) -> Snapshot:
        """What the log says of a version; Damaged where any part of it is missing, torn or leaves
        the table.
        """
        if version not in self.commits and version not in self.checkpoints:
            newest = f"ends at version {self.commits[-1]}" if self.commits else "is gone"
            kind = (
                "has gone backwards"
                if not self.commits or version > self.commits[-1]
                else "has lost it"
            )
            raise Damaged(
                f"a published version stays in its table's log; version {version} of "
f"{self.table} was published, and the log "
                f"{newest}: the table's history {kind}; restore {self.folder} from a backup",
                table=self.table, version=version, kind="history",
            )  # fmt: skip
        start = max((number for number in self.checkpoints if number <= version), default=None)
        actions = [] if start is None else list(self.checkpoint(start))
        for number in range(0 if start is None else start + 1, version + 1):
            if number not in self.commits:
                raise Damaged(
                    f"the commits of a table follow each other; {self.table} has none of "
f"version {number}: "
                    f"restore {self.folder}/{number:020d}.json from a backup",
                    table=self.table, version=number, kind="gap",
                )  # fmt: skip
            actions += self.actions(number)
        return self._replay(version, actions)

    def _replay(self, version: int, actions: Iterable[dict[str, Any]]) -> Snapshot:
        protocol: dict[str, Any] = {}
        metadata: dict[str, Any] = {}
        adds: dict[str, dict[str, Any]] = {}
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
                f"a log tells its table's protocol and schema; that of {self.table} does not: "
                "restore it",
                table=self.table,
            )
        self._check_protocol(protocol)
        self._check_schema(metadata)
        for path in adds:
            check_path(self.table, path)
        return Snapshot(version, protocol, metadata, adds)

    def _check_schema(self, metadata: dict[str, Any]) -> None:
        try:
            whole = all(
                {"name", "type"} <= set(field)
                for field in json.loads(metadata["schemaString"])["fields"]
            )
        except (ValueError, KeyError, TypeError):
            whole = False
        if not whole:
            raise Damaged(
                f"a log tells its table's schema; what that of {self.table} tells is none: "
                "restore it",
                table=self.table,
            )

    def _check_protocol(self, protocol: dict[str, Any]) -> None:
        needed, features = (
            protocol.get("minReaderVersion"),
            set(protocol.get("readerFeatures") or ()),
        )
        if not isinstance(needed, int) or needed > NEWEST_READER or features & set(_NOT_READ):
            raise Damaged(
                f"a table is read by Delta's reader protocol {NEWEST_READER} at most, without "
f"{' and '.join(_NOT_READ)}; {self.table} asks "
                f"for reader {needed} {sorted(features) or ''}: a newer program has written "
"it; use that program, or restore the table",
                table=self.table, kind="protocol",
            )  # fmt: skip

    def _damaged(self, name: str, what: str) -> Damaged:
        return Damaged(
            f"the log of {self.table} must be whole; {self.folder}/{name} {what}: `strata "
"doctor` tells what to do",
            table=self.table, file=name, kind="log",
        )  # fmt: skip


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


def _first(error: Exception) -> str:
    return str(error).partition("\n")[0][:200]
