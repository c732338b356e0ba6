"""A run's tables: candidates, restore, reading a version. Spark reads and writes their files by
`spark_files`; `commit` names them.

A physical table is a path, `<warehouse>/<layer>/<feed>_<noun>`. Version 0 is the empty table made
from its contract; every later version is some run's candidate, and bears that run's id as its
commit's user metadata. Which version readers see is the ledger's business, not this module's.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from strata import failpoint
from strata.declare.contract import Contract, struct_type
from strata.errors import CommitUnknown, StrataError
from strata.lake import commit, spark_files
from strata.lake.grouped import Grouped, Lies
from strata.lake.log import Snapshot, TableLog, statistics
from strata.lake.shape import has_columns_of, shape_of
from strata.lake.snapshot import Commit
from strata.lake.torn import set_torn_aside
from strata.lake.warehouse import Warehouse

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from strata.kit.groups import Keys
    from strata.lake.data_file import DataFile


@dataclass(frozen=True)
class Store:
    """Reads and writes the warehouse's tables for one run."""

    spark: SparkSession
    warehouse: Warehouse
    run_id: str
    logs: dict[str, TableLog] = field(default_factory=dict, repr=False)
    """Each table's log, listed once a run, and told of the run's own commits. What others commit
    meanwhile makes the next commit fail.
    """

    def log(self, table: str) -> TableLog:
        """The table's log, opened once a run."""
        if table not in self.logs:
            self.logs[table] = TableLog(self.warehouse, table)
        return self.logs[table]

    def read(self, table: str, version: int) -> DataFrame:
        """A version's rows. A table of few files is read without Delta, which plans several jobs of
        its own to list them.
        """
        snapshot = self.log(table).snapshot(version)
        return spark_files.read_version(self.spark, self.warehouse.spark_path(table), snapshot)

    def read_between(
        self, table: str, version: int, column: str, days: Sequence[tuple[str, str]] | None
    ) -> DataFrame | None:
        """The rows of the files that may hold values of a date column in one of these stretches;
        None where none may. No other file is opened: in an archive that may take hours.
        """
        snapshot = self.log(table).snapshot(version)
        names = spark_files.names_between(snapshot, column, days)
        if not names:
            return None
        folder = self.warehouse.spark_path(table)
        return spark_files.read(self.spark, folder, names, snapshot.schema)

    def open_for_write(self, contract: Contract, published: int | None) -> int:
        """Brings the table to its published version before a candidate is built on it.

        Creates the empty table where there is none; takes back what an earlier run left
        unpublished. Returns the version on which the candidate stands.
        """
        table = contract.table
        set_torn_aside(self.warehouse, table, published)
        self.logs.pop(table, None)
        log = self.log(table)
        if log.latest is None:
            return self._create(contract)
        if published is not None:
            log.snapshot(published)  # Damaged where it is not whole.
        wanted = published or 0
        if log.latest == wanted or log.commit(log.latest).restores(wanted):
            return log.latest
        return self._restore(table, wanted)

    def append(self, contract: Contract, frame: DataFrame | pa.Table) -> Commit:
        """Adds the rows to the table in one commit."""
        before = self.snapshot(contract.table)
        if not has_columns_of(before, contract):
            if before.adds:
                raise StrataError(
                    f"rows are added to a table that has its contract's columns; {contract.table} "
                    "has others: run with --full"
                )
            return self.overwrite(contract, frame)
        return self.append_files(contract, self.write_files(contract, frame))

    def overwrite(self, contract: Contract, frame: DataFrame | pa.Table) -> Commit:
        """Puts the rows in the place of all that the table holds, in one commit."""
        return self.replace_files(contract, self.write_files(contract, frame))

    def replace_files(self, contract: Contract, added: Sequence[DataFile]) -> Commit:
        """Puts files that lie in the table's folder already in the place of all that the table
        holds, in one commit."""
        before = self.snapshot(contract.table)
        if has_columns_of(before, contract):
            return self.exchange_files(contract, before, before.adds.values(), added)
        with self._sent("commit", contract.table):
            whole = commit.Whole(shape_of(contract), added, len(before.adds))
            commit.overwrite(self.warehouse, contract.table, before.version, whole, self.run_id)
        return self._confirm(contract.table, before.version)

    def pack(
        self, contract: Contract, frame: DataFrame, rows: int, file_rows: int, small_bytes: int
    ) -> Commit:
        """Adds so many rows in few files, each a stretch of the contract's order, compressed hard.

        A value of the order's first column lies in one file, which takes further values until it
        has about `file_rows` rows. Files below `small_bytes` are packed again with them, in one
        commit.
        """
        table, before = contract.table, self.snapshot(contract.table)
        small = [add for add in before.adds.values() if int(add["size"]) < small_bytes]
        if small:
            old = self.read(table, before.version)
            frame = frame.unionByName(self.rows_in(contract, old, before, small))
            rows += sum(int(statistics(add).get("numRecords", 0)) for add in small)
        parts = frame.repartitionByRange(max(1, rows // file_rows), contract.order_by[0])
        if not has_columns_of(before, contract):
            if before.adds:
                raise StrataError(
                    f"an archive has its table's columns; {table} has others: run with --full, "
                    "which brings all of it back"
                )
            return self.overwrite(contract, parts)
        added = self.write_files(contract, parts, spark_files.PACKED)
        return self.exchange_files(contract, before, small, added)

    def can_add_files(self, contract: Contract) -> bool:
        """Whether the table as it stands takes files that are made by its contract."""
        exists = self.log(contract.table).latest is not None
        return not exists or has_columns_of(self.snapshot(contract.table), contract)

    def read_files(self, contract: Contract, added: Sequence[DataFile]) -> DataFrame:
        """The rows of files that lie in the table's folder, whether a commit names them or not."""
        return spark_files.read(
            self.spark,
            self.warehouse.spark_path(contract.table),
            [file.name for file in added],
            struct_type(contract.fields, enforce_required=False),
        )

    def append_files(self, contract: Contract, added: Sequence[DataFile]) -> Commit:
        """Adds files that lie in the table's folder already, in one commit."""
        before = self.latest(contract.table)
        if not added:
            return Commit(before, self.run_id, 0, "NONE")
        with self._sent("commit", contract.table):
            commit.append(self.warehouse, contract.table, before, added, self.run_id)
        return self._confirm(contract.table, before)

    def groups(self, table: str, version: int, keys: Keys, by: Lies | None = None) -> Grouped:
        """Some groups of a version, whose rows must be those of its files."""
        return Grouped(self.warehouse, table, self.log(table).snapshot(version), keys, by)

    def exchange_files(
        self,
        contract: Contract,
        before: Snapshot,
        removed: Collection[dict[str, Any]],
        added: Sequence[DataFile],
    ) -> Commit:
        """Puts files that lie in the table's folder in the place of others, in one commit, if there
        are any."""
        if not removed and not added:
            return Commit(before.version, self.run_id, 0, "NONE")
        with self._sent("commit", contract.table):
            commit.exchange(
                self.warehouse, contract.table, before.version, removed, added, self.run_id
            )
        return self._confirm(contract.table, before.version)

    def write_files(
        self,
        contract: Contract,
        frame: DataFrame | pa.Table,
        options: Mapping[str, str] = spark_files.FREE,
    ) -> list[DataFile]:
        """Writes the rows into a folder of this write's own, below the table's; no commit yet."""
        under = f"{self.run_id}-{secrets.token_hex(4)}"
        return spark_files.write(self.warehouse, contract, frame, under, options)

    def rows_in(
        self, contract: Contract, old: DataFrame, before: Snapshot, adds: list[dict[str, Any]]
    ) -> DataFrame:
        """The rows in these files of a version."""
        folder = self.warehouse.spark_path(contract.table)
        return spark_files.rows_in(old, folder, before, adds)

    def _create(self, contract: Contract) -> int:
        with self._sent("create", contract.table):
            commit.create(self.warehouse, contract.table, shape_of(contract), self.run_id)
        return self._confirm(contract.table, -1).version

    @contextmanager
    def _sent(self, what: str, table: str) -> Iterator[None]:
        failpoint.reach(f"{what}.before", table)
        yield
        failpoint.reach(f"{what}.after", table)

    def _confirm(self, table: str, before: int) -> Commit:
        """Reads the commit back: the next version, and ours."""
        found = self.log(table).take(before + 1)
        if found.run_id != self.run_id:
            raise CommitUnknown(
                f"a candidate is one commit of this run; version {found.version} of {table} was "
                f"written by {found.run_id}: another program writes this table; stop it and run "
                "again"
            )
        return found

    def _restore(self, table: str, version: int) -> int:
        latest = self.latest(table)
        with self._sent("restore", table):
            commit.restore(self.warehouse, table, latest, version, self.run_id)
        return self.log(table).take(latest + 1).version

    def snapshot(self, table: str) -> Snapshot:
        """What the log says of the version at which the table stands."""
        return self.log(table).snapshot(self.latest(table))

    def latest(self, table: str) -> int:
        """The version at which the table stands; StrataError where it has vanished."""
        latest = self.log(table).latest
        if latest is None:
            raise StrataError(
                f"table {table} has vanished from {self.warehouse.path(table)} during the run"
            )
        return latest
