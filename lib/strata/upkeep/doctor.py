"""Looks for damage in stored tables, their logs and the ledger: in the data, not in what the
metadata say of them.

Delta answers from a damaged table without a word where it can. So here every file of every version
that a kept publication names is decoded, and held against its table's log; the log against the
digest and the counts in the ledger; and the ledger against itself. It needs no Spark, and changes
nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import reduce
from operator import xor
from typing import Any
from urllib.parse import unquote

from strata.declare import feed as feeds
from strata.errors import Damaged, ResourceMissing, StrataError
from strata.fs import files
from strata.lake.file_check import ENDS_READER, Scan, fits_checksum, scan
from strata.lake.log import CHECKPOINT, COMMIT, Snapshot, TableLog, check_path
from strata.lake.statistics import wrong_statistics
from strata.lake.versions import Warehouse, is_restore_of
from strata.ledger import attempts
from strata.ledger import erasures as erasure
from strata.ledger import publication as ledger
from strata.ledger import seal as integrity
from strata.ledger.publication import Publication, TableState

BACKUP = "restore it from a backup"


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be."""

    table: str
    file: str
    what: str
    advice: str
    is_damage: bool = True
    """Else a note: nothing is wrong with what is published."""


@dataclass
class Report:
    """What was looked at, and what was found."""

    findings: list[Finding] = field(default_factory=list)
    tables: int = 0
    versions: int = 0
    files: int = 0
    bytes: int = 0
    rows: int = 0

    @property
    def damage(self) -> list[Finding]:
        """The findings that are damage."""
        return [finding for finding in self.findings if finding.is_damage]

    def damaged(self, table: str, file: str, what: str, advice: str = BACKUP) -> None:
        """Adds a finding of damage."""
        self.findings.append(Finding(table, file, what, advice))

    def note(self, table: str, file: str, what: str, advice: str) -> None:
        """Adds a finding that is no damage."""
        self.findings.append(Finding(table, file, what, advice, is_damage=False))


def examine(warehouse: Warehouse, names: Iterable[str]) -> Report:
    """Examines the feeds of these names."""
    report = Report()
    for name in names:
        _Feed(warehouse, name, report).examine()
    return report


@dataclass
class _Feed:
    """One feed's examination."""

    warehouse: Warehouse
    name: str
    report: Report
    every: tuple[Publication, ...] = ()
    scans: dict[str, Scan] = field(default_factory=dict)

    def examine(self) -> None:
        book = ledger.table_path(self.name)
        if files.walk(self.warehouse.path(book)):
            self.log_and_files(book, [])
        if any(ENDS_READER in found.problems for found in self.scans.values()):
            return  # It is told; to read on would end this process too.
        if not self.read_ledger(book):
            return
        try:
            self.ledger_itself(book)
        except StrataError as error:
            self.report.damaged(book, "", _what(error))
        named = self.named_versions()
        for table in sorted({*named, *self.folders()}):
            self.log_and_files(table, named.get(table, []))

    def read_ledger(self, book: str) -> bool:
        """Reads every publication; False, with a finding, where that cannot be done."""
        try:
            self.every = ledger.read(self.warehouse, self.name)
        except StrataError as error:
            advice = "until the ledger is whole, nothing else of the feed can be judged"
            self.report.damaged(book, "", str(error), advice)
            return False
        except Exception as error:  # delta-rs and Arrow have many
            self.report.damaged(book, "", f"cannot be read: {_first(error)}")
            return False
        return True

    def named_versions(self) -> dict[str, list[tuple[int, str, TableState]]]:
        """By table, the versions that publications name which have not ended."""
        ended = ledger.ended(self.every)
        named: dict[str, list[tuple[int, str, TableState]]] = {}
        for publication in self.every:
            if publication.publication <= ended and publication is not self.every[-1]:
                continue
            for state in publication.tables:
                for table, version, manifest in integrity.parts(state):
                    named.setdefault(table, []).append((version, manifest, state))
        return named

    def folders(self) -> Iterator[str]:
        """Every table of the feed that was ever made here, published or not."""
        for table in feeds.load_feed(self.name).table_names:
            for own in (table, integrity.quarantine_name(table)):
                if files.list_names(self.warehouse.path(own)):
                    yield own

    # --- the ledger ---

    def ledger_itself(self, book: str) -> None:
        """Numbers that must agree within the ledger alone, and attempts that tell of a publication
        it lacks.
        """
        report = self.report
        for publication in self.every:
            where = f"publication {publication.publication}"
            for gate in publication.gates:
                if (
                    gate.rows_in != gate.accepted + gate.quarantined + gate.folded
                    or sum(gate.folds.values()) != gate.folded
                ):
                    report.damaged(
                        book,
                        where,
                        f"{gate.table}: its gate does not balance: rows in = accepted + "
                        "quarantined + folded",
                    )
                state = publication.state(gate.table)
                if state is None or (state.rows, state.rejected) != (
                    gate.total_rows,
                    gate.total_rejected,
                ):
                    report.damaged(
                        book,
                        where,
                        f"{gate.table}: its gate and its state tell other numbers of rows",
                    )
        for pending in erasure.pending(self.warehouse, self.name):
            what, advice = (
                f"erasure {pending.id} is not finished: old files may still hold the person",
                f"strata forget {self.name} again",
            )
            report.note(book, "", what, advice)
        self.bronze_balance(book)
        newest = len(self.every)
        for attempt in attempts.read(self.warehouse, self.name):
            if attempt.outcome == "published" and (attempt.publication or 0) > newest:
                what = (
                    f"the ledger has gone backwards: run {attempt.run_id} published "
                    f"{attempt.publication}, the newest here is {newest}"
                )
                report.damaged(book, "", what)

    def bronze_balance(self, book: str) -> None:
        """Every record of every file taken is accepted or rejected in bronze, or was forgotten with
        its person.
        """
        line = ledger.lineage(self.every)
        if not line:
            return
        taken = list(ledger.files_taken(line).values())
        erased = any(
            erasure.FOLDED in gate.folds for publication in self.every for gate in publication.gates
        )
        for table in feeds.load_feed(self.name).bronze_tables:
            state = line[-1].state(table)
            records = sum(entry.records for entry in taken if entry.table == table)
            held = state.rows + state.rejected if state else 0
            if held > records or (held < records and not erased):
                what = (
                    f"{table} must hold every record of its files; {records} were taken, {held} "
                    "are accepted or rejected"
                )
                self.report.damaged(book, f"publication {line[-1].publication}", what)

    # --- one table ---

    def log_and_files(self, table: str, named: list[tuple[int, str, TableState]]) -> None:
        try:
            self.examine_table(table, named)
        except ResourceMissing:
            raise
        except StrataError as error:
            self.report.damaged(table, str(error.facts.get("file", "")), _what(error))
        except (
            Exception
        ) as error:  # A damaged log may hold anything; one table must not hide the others.
            self.report.damaged(
                table, "", f"cannot be examined: {type(error).__name__}: {_first(error)}"
            )

    def examine_table(self, table: str, named: list[tuple[int, str, TableState]]) -> None:
        log = TableLog(self.warehouse, table)
        lying = files.walk(self.warehouse.path(table))
        self.report.tables += 1
        referenced = self.whole_log(log, [version for version, _, _ in named])
        is_ledger = table.startswith("ops.")
        versions = {version: (manifest, state) for version, manifest, state in named}
        if is_ledger and log.commits:
            versions = {log.commits[-1]: ("", TableState(table, log.commits[-1], len(log.commits)))}
        for version, (manifest, state) in sorted(versions.items()):
            self.version(log, version, manifest, state, lying)
        newest, last = max(versions, default=-1), log.commits[-1] if log.commits else -1
        if named and last > newest and not is_restore_of(self.warehouse, table, last, newest):
            what = f"versions {newest + 1} to {last} are not published"
            self.report.note(
                table, "", what, "nothing to do: the next run that writes the table takes them back"
            )
        self.checksums(log, lying, referenced)
        self.orphans(table, lying, referenced)

    def whole_log(self, log: TableLog, versions: list[int]) -> set[str]:
        """Examines each commit and checkpoint by itself; gives every data file that any of them
        names.
        """
        table, report, referenced = log.table, self.report, set[str]()
        newest = max(versions, default=None)
        missing = self.gaps(log)
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
                report.damaged(table, f"_delta_log/{name}", _what(error), advice)
        self.last_checkpoint(log)
        return referenced

    def gaps(self, log: TableLog) -> list[int]:
        """The commits that the log lacks; one that no checkpoint holds is damage."""
        first = min(log.checkpoints, default=0) if log.commits and log.commits[0] > 0 else 0
        missing = sorted(set(range(first, max(log.commits, default=-1) + 1)) - set(log.commits))
        what = "the commit is missing: the table's history has a gap"
        for version in missing:
            if version not in log.checkpoints:
                self.report.damaged(log.table, f"_delta_log/{version:020d}.json", what)
        return missing

    def last_checkpoint(self, log: TableLog) -> None:
        import json

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

    def version(
        self, log: TableLog, version: int, manifest: str, state: TableState, lying: dict[str, int]
    ) -> None:
        table, report = log.table, self.report
        report.versions += 1
        try:
            snapshot = log.snapshot(version)
        except Damaged as error:
            report.damaged(table, str(error.facts.get("file", "")), _what(error))
            return
        if manifest and snapshot.digest != manifest:
            report.damaged(
                table,
                "_delta_log",
                f"what the log says of version {version} has changed since it was published",
            )
        found = [self.file(log, snapshot, path, lying) for path in snapshot.adds]
        if any(item is None for item in found):
            return
        scans = [item for item in found if item is not None]
        rows = sum(item.rows for item in scans)
        in_quarantine = table.startswith("quarantine.")
        wanted = state.rejected if in_quarantine else state.rows
        if rows != wanted:
            report.damaged(
                table, "", f"version {version} holds {rows} rows, the ledger says {wanted}"
            )
        ids = reduce(xor, (item.identity for item in scans), 0)
        if not in_quarantine and state.identity and ids != state.identity:
            report.damaged(
                table,
                "",
                f"version {version} holds other rows than the ledger says: their ids do not "
                "add up to the same hash",
            )

    def file(
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

    def checksums(self, log: TableLog, lying: dict[str, int], referenced: set[str]) -> None:
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

    def orphans(self, table: str, lying: dict[str, int], referenced: set[str]) -> None:
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
                f"strata maintain {self.name} removes them"
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
                f"left by a run that was stopped; strata maintain {self.name} removes them",
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


def _what(error: Exception) -> str:
    return str(error).split(": `strata doctor`")[0]


def _first(error: Any) -> str:
    return str(error).partition("\n")[0][:200]
