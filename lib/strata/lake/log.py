"""A table's Delta log in plain Python: what a version holds, and whether the log can be believed.

Delta believes its log. A zero-length last commit reads as an empty one, a removed `add` action as a
file that never was, an absolute path as the table's own, an edited statistic as the truth. So each
publication keeps a digest of what the log says of its versions (`TableLog.manifest`), and whoever
opens a published version takes the digest again: a listing and the few commits since the last
checkpoint.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from strata.errors import BadFile, Damaged, TornCommit
from strata.fs import files
from strata.lake.snapshot import Commit, Snapshot, check_path, is_complete, replay, statistics
from strata.lake.warehouse import Warehouse

__all__ = ["CHECKPOINT", "COMMIT", "Commit", "Snapshot", "TableLog", "check_path", "statistics"]

COMMIT = re.compile(r"(\d{20})\.json")
CHECKPOINT = re.compile(r"(\d{20})\.checkpoint(?:\.\d{10}\.(\d{10}))?\.parquet")
_NEEDED = {
    "add": {"path", "partitionValues", "size", "modificationTime", "dataChange"},
    "remove": {"path", "dataChange"},
}
"""What Delta's protocol requires of an action."""


@dataclass
class TableLog:
    """One table's log, listed once; commits are read as they are needed, and kept.

    Whoever commits tells it (`take`), so that one log serves a whole run. It never sees what others
    commit meanwhile; the commit that stands on what it says does.
    """

    warehouse: Warehouse
    table: str
    read: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    snapshots: dict[int, Snapshot] = field(default_factory=dict)

    @property
    def folder(self) -> str:
        """Where the log lies."""
        return f"{self.warehouse.path(self.table)}/_delta_log"

    @cached_property
    def sizes(self) -> dict[str, int]:
        """Every file of the log, with its size."""
        return files.walk(self.folder)

    @cached_property
    def commits(self) -> list[int]:
        """The versions that have a commit, in order."""
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

    @property
    def latest(self) -> int | None:
        """The newest version; None where there is no table yet."""
        return self.commits[-1] if self.commits else None

    def take(self, version: int) -> Commit:
        """A commit that has been made since the log was listed."""
        name = f"{version:020d}.json"
        self.sizes[name] = len(files.read_bytes(f"{self.folder}/{name}"))
        self.__dict__.pop("commits", None)
        return self.commit(version)

    def commit(self, version: int) -> Commit:
        """What a commit tells of itself; TornCommit where it is empty or cut off."""
        actions = self.actions(version)
        info = next(action["commitInfo"] for action in actions if "commitInfo" in action)
        rows = (info.get("operationMetrics") or {}).get("numOutputRows")
        return Commit(
            version,
            info.get("userMetadata"),
            None if rows is None else int(rows),
            info.get("operation", ""),
        )

    def is_whole(self, version: int) -> bool:
        """Whether the commit's file is there and can be believed."""
        try:
            self.actions(version)
        except (TornCommit, BadFile):
            return False
        return True

    def actions(self, version: int) -> list[dict[str, Any]]:
        """The actions of one commit; TornCommit where it is empty or torn."""
        name = f"{version:020d}.json"
        if name not in self.read:
            if not self.sizes.get(name):
                raise self._torn(name, "is empty: Delta would read it as a commit of nothing")
            self.read[name] = self._parse(name)
        return self.read[name]

    def _parse(self, name: str) -> list[dict[str, Any]]:
        content = files.read_bytes(f"{self.folder}/{name}")
        try:
            actions = [
                json.loads(line) for line in content.decode("utf-8").splitlines() if line.strip()
            ]
        except ValueError:
            raise self._torn(name, "is torn: not each of its lines is JSON") from None
        if not all(isinstance(action, dict) and len(action) == 1 for action in actions):
            raise self._torn(name, "is torn: not each of its lines is one action")
        if not any("commitInfo" in action for action in actions):
            raise self._torn(name, "is torn: it does not tell who wrote it")
        if not is_complete(int(name[:20]), actions):
            raise self._torn(name, "is torn: it is cut off between two actions")
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
                        rows = parquet.read_table(stream, page_checksum_verification=True)
                except (ArrowException, OSError) as error:
                    raise self._damaged(name, f"cannot be read: {_first(error)}") from None
                self.read[name] = [
                    {kind: value}
                    for kind in rows.column_names
                    for value in rows[kind].drop_null().to_pylist()
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
        if version in self.commits:
            self.actions(
                version
            )  # Its own commit must be whole, though a checkpoint stands for it.
        if version not in self.snapshots:
            self.snapshots[version] = self._replayed(version)
        return self.snapshots[version]

    def _replayed(self, version: int) -> Snapshot:
        """From the newest version that is known, or a checkpoint, or the beginning."""
        start = max((number for number in self.checkpoints if number <= version), default=-1)
        known = max((number for number in self.snapshots if number < version), default=-1)
        before = self.snapshots[known] if known > start else None
        actions = [] if before or start < 0 else list(self.checkpoint(start))
        for number in range(max(start, known if before else -1) + 1, version + 1):
            if number not in self.commits:
                raise Damaged(
                    f"the commits of a table follow each other; {self.table} has none of version "
                    f"{number}: restore {self.folder}/{number:020d}.json from a backup",
                    table=self.table,
                    version=number,
                    kind="gap",
                )
            actions += self.actions(number)
        return replay(self.table, version, actions, before)

    def _torn(self, name: str, what: str) -> TornCommit:
        return TornCommit(self._sentence(name, what), table=self.table, file=name, kind="log")

    def _damaged(self, name: str, what: str) -> Damaged:
        return Damaged(self._sentence(name, what), table=self.table, file=name, kind="log")

    def _sentence(self, name: str, what: str) -> str:
        return (
            f"the log of {self.table} must be whole; {self.folder}/{name} {what}: `strata doctor` "
            "tells what to do"
        )


def _first(error: Exception) -> str:
    return str(error).partition("\n")[0][:200]
