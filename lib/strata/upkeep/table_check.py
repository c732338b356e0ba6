"""A table's log and files, held against each other and against the ledger."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import reduce
from operator import xor
from typing import Any
from urllib.parse import unquote

from strata.errors import Damaged, ResourceMissing, StrataError
from strata.fs import files
from strata.lake.file_check import ENDS_READER, Scan, fits_checksum, scan
from strata.lake.log import CHECKPOINT, COMMIT, Snapshot, TableLog, check_path
from strata.lake.statistics import wrong_statistics
from strata.lake.versions import Warehouse, is_restore_of
from strata.ledger import seal as integrity
from strata.ledger.publication import TableState
from strata.upkeep.findings import BACKUP, Report, first_line, in_words


@dataclass
class TableCheck:
    """The examination of one feed's tables, one after the other."""

    warehouse: Warehouse
    feed: str
    report: Report
    scans: dict[str, Scan] = field(default_factory=dict)
    """Each data file is decoded once, though many versions name it."""

    def examine(self, table: str, named: list[tuple[int, str, TableState]]) -> None:
        """Examines its log, and the files of the versions that publications name, each with its
        manifest and what the ledger says of it.
        """
        try:
            self._examine(table, named)
        except ResourceMissing:
            raise
        except StrataError as error:
            self.report.damaged(table, str(error.facts.get("file", "")), in_words(error))
        except (
            Exception
        ) as error:  # A damaged log may hold anything; one table must not hide the others.
            self.report.damaged(
                table, "", f"cannot be examined: {type(error).__name__}: {first_line(error)}"
            )

    def _examine(self, table: str, named: list[tuple[int, str, TableState]]) -> None:
        log = TableLog(self.warehouse, table)
        lying = files.walk(self.warehouse.path(table))
        self.report.tables += 1
        referenced = self._whole_log(log, [version for version, _, _ in named])
        is_ledger = table.startswith("ops.")
        versions = {version: (manifest, state) for version, manifest, state in named}
        if is_ledger and log.commits:
            versions = {log.commits[-1]: ("", TableState(table, log.commits[-1], len(log.commits)))}
        for version, (manifest, state) in sorted(versions.items()):
            self._version(log, version, manifest, state, lying)
        newest, last = max(versions, default=-1), log.commits[-1] if log.commits else -1
        if named and last > newest and not is_restore_of(self.warehouse, table, last, newest):
            what = f"versions {newest + 1} to {last} are not published"
            self.report.note(
                table, "", what, "nothing to do: the next run that writes the table takes them back"
            )
        self._checksums(log, lying, referenced)
        self._orphans(table, lying, referenced)

    def _whole_log(self, log: TableLog, versions: list[int]) -> set[str]:
        """Examines each commit and checkpoint by itself; gives every data file that any of them
        names.
        """
        table, report, referenced = log.table, self.report, set[str]()
        newest = max(versions, default=None)
        missing = self._gaps(log)
        _check_checkpoints(log)
        steps = [(f"{v:020d}.json", v, log.actions) for v in log.commits] + [
            (n[0], v, log.checkpoint) for v, n in log.checkpoints.items()
        ]
        for name, version, read in steps:
            try:
                for path in _paths(read(version)):
                    check_path(table, path)
                    referenced.add(unquote(path))
            except Damaged as error:
                advice = BACKUP
                if newest is not None and version > newest and COMMIT.fullmatch(name):
                    advice = "it is not published: remove it, and what follows it in the log"
                elif CHECKPOINT.fullmatch(name) and not missing:
                    advice = "remove it and _last_checkpoint: the commits hold all that it held"
                report.damaged(table, f"_delta_log/{name}", in_words(error), advice)
        self._last_checkpoint(log)
        return referenced

    def _gaps(self, log: TableLog) -> list[int]:
        """The commits that the log lacks; one that no checkpoint holds is damage."""
        first = min(log.checkpoints, default=0) if log.commits and log.commits[0] > 0 else 0
        missing = sorted(set(range(first, max(log.commits, default=-1) + 1)) - set(log.commits))
        what = "the commit is missing: the table's history has a gap"
        for version in missing:
            if version not in log.checkpoints:
                self.report.damaged(log.table, f"_delta_log/{version:020d}.json", what)
        return missing

    def _last_checkpoint(self, log: TableLog) -> None:
        if "_last_checkpoint" not in log.sizes:
            return
        content = files.read_bytes(f"{log.folder}/_last_checkpoint")
        try:
            version = json.loads(content)["version"]
        except (ValueError, KeyError, TypeError):
            version = None
        if version not in log.checkpoints:
            what = (
                "is garbage"
                if version is None
                else f"names a checkpoint of version {version}, which is not there"
            )
            self.report.damaged(
                log.table,
                "_delta_log/_last_checkpoint",
                what,
                "remove it: readers then list the log, and miss nothing",
            )

    def _version(
        self, log: TableLog, version: int, manifest: str, state: TableState, lying: dict[str, int]
    ) -> None:
        table, report = log.table, self.report
        report.versions += 1
        try:
            snapshot = log.snapshot(version)
        except Damaged as error:
            report.damaged(table, str(error.facts.get("file", "")), in_words(error))
            return
        if manifest and snapshot.digest != manifest:
            report.damaged(
                table,
                "_delta_log",
                f"what the log says of version {version} has changed since it was published",
            )
        found = [self._file(log, snapshot, path, lying) for path in snapshot.adds]
        if any(item is None for item in found):
            return
        scans = [item for item in found if item is not None]
        rows = sum(item.rows for item in scans)
        wanted, identity = integrity.counted(state, table)
        if rows != wanted:
            report.damaged(
                table, "", f"version {version} holds {rows} rows, the ledger says {wanted}"
            )
        ids = reduce(xor, (item.identity for item in scans), 0)
        if identity and ids != identity:
            report.damaged(
                table,
                "",
                f"version {version} holds other rows than the ledger says: their ids do not "
                "add up to the same hash",
            )

    def _file(
        self, log: TableLog, snapshot: Snapshot, path: str, lying: dict[str, int]
    ) -> Scan | None:
        """Decodes a data file, once; None where it is not there or cannot be read."""
        table, report, name = log.table, self.report, unquote(path)
        key, add = f"{table}/{name}", snapshot.adds[path]
        if key not in self.scans:
            if name not in lying:
                self.scans[key] = Scan(problems=["missing"])
                report.damaged(
                    table,
                    name,
                    "the data file is missing",
                    f"{BACKUP}, or recompute the table: strata run --table {table}",
                )
                return None
            found = self.scans[key] = scan(f"{self.warehouse.path(table)}/{name}")
            report.files, report.bytes, report.rows = (
                report.files + 1,
                report.bytes + lying[name],
                report.rows + found.rows,
            )
            if add.get("size") != lying[name]:
                found.problems.append(f"it has {lying[name]} bytes, the log says {add.get('size')}")
            problems = found.problems + wrong_statistics(add, found, snapshot.metadata)
            for problem in problems:
                report.damaged(
                    table,
                    name,
                    problem,
                    f"{BACKUP}, or recompute the table: strata run --table {table}",
                )
        found = self.scans[key]
        return (
            None
            if any(problem.startswith(("missing", "cannot be read")) for problem in found.problems)
            else found
        )

    def _checksums(self, log: TableLog, lying: dict[str, int], referenced: set[str]) -> None:
        """Bytes against Hadoop's own checksums, where a local disk has them.

        Not those of a data file that no commit names: a write that failed half-way leaves such a
        one, and nobody reads it.
        """
        for name in (
            name for name in lying if name in referenced or name.startswith("_delta_log/")
        ):
            folder, _, base = name.rpartition("/")
            beside = f"{folder}/.{base}.crc".lstrip("/")
            if beside in lying and not base.startswith("."):
                root = self.warehouse.path(log.table)
                if not fits_checksum(f"{root}/{name}", f"{root}/{beside}"):
                    self.report.damaged(
                        log.table,
                        name,
                        "its bytes are not those that were written: its checksum file says "
                        "otherwise",
                    )

    def _orphans(self, table: str, lying: dict[str, int], referenced: set[str]) -> None:
        data = {
            name: size
            for name, size in lying.items()
            if not name.startswith("_delta_log/") and not _base(name).startswith(".")
        }
        orphans = sorted(name for name in data if name not in referenced)
        if orphans:
            what = (
                f"{len(orphans)} data files that no commit names, "
                f"{sum(data[name] for name in orphans):,} bytes"
            )
            advice = (
                f"strata maintain {self.feed} removes them"
                if not table.startswith("ops.")
                else "they may be removed"
            )
            self.report.note(table, orphans[0], what, f"left by a run that was stopped; {advice}")
        pieces = sorted(name for name in lying if name.endswith(".tmp"))
        if pieces:
            what = f"{len(pieces)} temporary files, {sum(lying[name] for name in pieces):,} bytes"
            self.report.note(
                table,
                pieces[0],
                what,
                f"left by a run that was stopped; strata maintain {self.feed} removes them",
            )


def _check_checkpoints(log: TableLog) -> None:
    """Only whether each can be read at all: its own reader judges what it holds."""
    for names in log.checkpoints.values():
        for name in names:
            if ENDS_READER in scan(f"{log.folder}/{name}").problems:
                raise Damaged(
                    f"checkpoint {name} of {log.table} {ENDS_READER}", file=f"_delta_log/{name}"
                )


def _paths(actions: list[dict[str, Any]]) -> list[str]:
    """The files that actions add, then those that they remove."""
    return [a[kind]["path"] for kind in ("add", "remove") for a in actions if kind in a]


def _base(name: str) -> str:
    return name.rpartition("/")[2]
