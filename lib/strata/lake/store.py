"""Where Spark meets the warehouse's tables, and the only module that knows Delta's API: candidates,
restore, reading a version.

A physical table is a path, `<warehouse>/<layer>/<feed>_<noun>`. Version 0 is the empty table made
from its contract; every later version is some run's candidate, and bears that run's id as its
commit's user metadata. Which version readers see is the ledger's business, not this module's.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from operator import xor
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from strata import failpoint
from strata.declare.contract import Contract, Field, struct_type
from strata.errors import CommitUnknown, StrataError
from strata.fs import files
from strata.kit import keys
from strata.lake import commit as transaction
from strata.lake.log import Snapshot, TableLog, statistics
from strata.lake.versions import (
    Commit,
    Warehouse,
    assert_whole,
    columns_of_statistics,
    is_restore_of,
    is_whole,
    latest_version,
    plain_files,
    read_commit,
)

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession
    from pyspark.sql.types import StructType

    from strata.kit.groups import Groups
    from strata.lake.data_file import DataFile

_DELTA = "spark.databricks.delta"
_ROWS_A_TASK = 1_000_000
"""Of the rows that an increment brings: a file for each task would leave many small ones, day by
day.
"""

# Published versions stay readable this long after newer ones: a rollback needs their files.
RETENTION = {
    "delta.logRetentionDuration": "interval 90 days",
    "delta.deletedFileRetentionDuration": "interval 90 days",
}


def set_torn_aside(
    spark: SparkSession, warehouse: Warehouse, table: str, published: int | None
) -> None:
    """Takes torn commits at the end of the log out of it, if no publication names them: they never
    were commits.

    Delta cannot write after a torn one, and would count an empty one. The file is kept under
    another name; the data files that it may have named stay where they are.
    """
    latest = latest_version(warehouse, table)
    while (
        latest is not None
        and (published is None or latest > published)
        and not is_whole(warehouse, table, latest)
    ):
        log = f"{warehouse.path(table)}/_delta_log"
        name = f"{latest:020d}"
        for path, aside in (
            (f"{name}.json", f"{name}.json"),
            (f".{name}.json.crc", f"{name}.json.crc"),
            (f"{name}.crc", f"{name}.crc"),
        ):
            # Hadoop's checksum and Delta's would not fit the commit that takes this one's place.
            if files.exists(f"{log}/{path}"):
                files.move(f"{log}/{path}", f"{log}/_torn_{time.time_ns()}_{aside}")
        transaction.forget_cached(spark, warehouse.spark_path(table))
        latest = latest_version(warehouse, table)


@dataclass(frozen=True)
class Exchange:
    """What one commit put in the place of some groups' rows."""

    commit: Commit
    rows_gone: int
    """Rows that the groups had."""
    identity_gone: int
    """The order-free hash of those rows' ids."""
    rows_kept: int
    """Rows of other groups that had to be written again, for they shared a file with those."""


@dataclass(frozen=True)
class Store:
    """Reads and writes the warehouse's tables for one run."""

    spark: SparkSession
    warehouse: Warehouse
    run_id: str

    def read(self, table: str, version: int) -> DataFrame:
        """A version's rows. A table of few files is read without Delta, which plans several jobs of
        its own to list them.
        """
        assert_whole(self.warehouse, table, version)
        path = self.warehouse.spark_path(table)
        plain = plain_files(self.warehouse, table, version)
        if plain is None:
            return self.spark.read.format("delta").option("versionAsOf", version).load(path)
        schema, names = plain
        return self._read_parquet(table, names, schema)

    def _read_parquet(self, table: str, names: Sequence[str], schema: StructType) -> DataFrame:
        folder = self.warehouse.spark_path(table)
        if not names:
            from pyspark.sql.pandas.types import to_arrow_schema

            # By Arrow: of a Python list, were it empty, Spark makes an RDD that Python workers
            # serve.
            return self.spark.createDataFrame(to_arrow_schema(schema).empty_table(), schema)
        # Spark takes paths for patterns otherwise.
        reader = self.spark.read.schema(schema).option("__globPaths__", "false")
        return reader.parquet(*(f"{folder}/{name}" for name in names))

    def open_for_write(self, contract: Contract, published: int | None) -> int:
        """Brings the table to its published version before a candidate is built on it.

        Creates the empty table where there is none; takes back what an earlier run left
        unpublished. Returns the version on which the candidate stands.
        """
        set_torn_aside(self.spark, self.warehouse, contract.table, published)
        latest = latest_version(self.warehouse, contract.table)
        if latest is None:
            self._set_dead_creation_aside(contract.table)
            self._create(contract)
            return 0
        if published is not None:
            assert_whole(self.warehouse, contract.table, published)
        wanted = published or 0
        if latest == wanted or is_restore_of(self.warehouse, contract.table, latest, wanted):
            return latest
        self._restore(contract.table, wanted)
        return self._latest(contract.table)

    def append(self, contract: Contract, frame: DataFrame) -> Commit:
        return self._write(contract, frame, "append")

    def overwrite(self, contract: Contract, frame: DataFrame) -> Commit:
        before = self._snapshot(contract.table)
        if not _has_columns_of(before.schema, contract):
            return self._write(contract, frame, "overwrite")
        self._exchange(contract, before, before.adds.values(), frame)
        return self._confirm(contract.table, before.version)

    def can_add_files(self, contract: Contract) -> bool:
        """Whether the table as it stands takes files that are made by its contract."""
        exists = latest_version(self.warehouse, contract.table) is not None
        return not exists or _has_columns_of(self._snapshot(contract.table).schema, contract)

    def read_files(self, contract: Contract, added: Sequence[DataFile]) -> DataFrame:
        """The rows of files that lie in the table's folder, whether a commit names them or not."""
        return self._read_parquet(
            contract.table,
            [file.name for file in added],
            struct_type(contract.fields, enforce_required=False),
        )

    def append_files(self, contract: Contract, added: Sequence[DataFile]) -> Commit:
        """Adds files that lie in the table's folder already, in one commit."""
        before = self._latest(contract.table)
        if not added:
            return Commit(before, self.run_id, 0, "NONE")
        with self._sent("commit", contract.table, before):
            transaction.add_files(
                self.spark, self.warehouse.spark_path(contract.table), before, added, self.run_id
            )
        return self._confirm(contract.table, before)

    def replace_groups(
        self, contract: Contract, frame: DataFrame, rows: int, touched: Groups
    ) -> Exchange:
        """Replaces the rows of the touched groups by `frame`, in one commit.

        `frame` holds every row that the touched groups should have, `rows` of them. Only files with
        a row of theirs are written again, without those rows; what `frame` holds goes into files of
        its own. A MERGE reads and joins every column of every file, twice.
        """
        table, before = contract.table, self._snapshot(contract.table)
        if not _has_columns_of(before.schema, contract):
            raise StrataError(
                f"groups are replaced in a table that has its contract's columns; {table} has "
                "others: run with --full"
            )
        old = self.read(table, before.version)
        # An empty table is read from no file, and has no column that tells one.
        hit = self._files_with(old, touched) if before.adds else {}
        removed = [
            add for path, add in before.adds.items() if unquote(path).rpartition("/")[2] in hit
        ]
        counts = [told["numRecords"] for told in map(statistics, removed) if "numRecords" in told]
        if len(hit) != len(removed) or len(hit) != len(counts):
            raise StrataError(
                f"a table's log names its files and counts their rows; of {len(hit)} files of "
                f"{table} it names {len(removed)}, and counts "
                f"{len(counts)}: run with --full"
            )
        new = frame.coalesce(1 + rows // _ROWS_A_TASK)
        if hit:
            new = (
                touched.rows_without(self._rows_in(contract, old, before.version, list(hit)))
                .select(*contract.columns)
                .unionByName(new)
            )
        self._exchange(contract, before, removed, new)
        gone, identity = (
            sum(count for count, _ in hit.values()),
            reduce(xor, (ids for _, ids in hit.values()), 0),
        )
        return Exchange(self._confirm(table, before.version), gone, identity, sum(counts) - gone)

    def _exchange(
        self,
        contract: Contract,
        before: Snapshot,
        removed: Collection[dict[str, Any]],
        frame: DataFrame,
    ) -> None:
        """Puts the rows of `frame` in the place of these files, in one commit."""
        path = self.warehouse.spark_path(contract.table)
        with self._sent("commit", contract.table, before.version):
            transaction.exchange_files(
                self.spark, path, before.version, removed, _in_order(frame, contract), self.run_id
            )

    def _rows_in(
        self, contract: Contract, old: DataFrame, version: int, names: list[str]
    ) -> DataFrame:
        """The rows in these files of a version. Delta itself would read every file, to drop the
        rows of the others.
        """
        plain = (
            None
            if contract.partition_columns
            else plain_files(self.warehouse, contract.table, version, most=None)
        )
        return (
            old.where(_file_name().isin(names))
            if plain is None
            else self._read_parquet(contract.table, names, plain[0])
        )

    def _files_with(self, old: DataFrame, touched: Groups) -> dict[str, tuple[int, int]]:
        """Each file that holds rows of the touched groups, with how many, and the order-free hash
        of their ids.
        """
        from pyspark.sql import functions as F

        wanted = (
            (*touched.columns, *keys.ROW_ID) if keys.has_identity(old.columns) else touched.columns
        )
        rows = touched.rows_of(old.select(*dict.fromkeys(wanted), _file_name().alias("_file")))
        counted = rows.groupBy("_file").agg(F.count(F.lit(1)), keys.identity(rows))
        return {name: (count, ids) for name, count, ids in counted.collect()}

    def compact(self, contract: Contract, small_bytes: int, wanted_bytes: int) -> int:
        """Rewrites small files as larger ones (OPTIMIZE), and gives the version that stands then;
        no row changes.

        A table that has an order is put into it as a whole, so that each file holds a stretch of
        it.
        """
        table = contract.table
        settings = {
            f"{_DELTA}.commitInfo.userMetadata": f"optimize {self.run_id}",
            f"{_DELTA}.optimize.minFileSize": str(small_bytes),
            f"{_DELTA}.optimize.maxFileSize": str(wanted_bytes),
            # Else the files that it makes would be cut as a run's are, and be small again.
            "spark.sql.files.maxRecordsPerFile": "0",
        }
        failpoint.reach("optimize.before", table)
        with self._settings(settings):
            optimize = self._delta(table).optimize()
            # A table made before its contract had an order lacks the statistics that Delta asks
            # for.
            if contract.order_by and set(contract.order_by) <= columns_of_statistics(
                self.warehouse, table
            ):
                optimize.executeZOrderBy(*contract.order_by)
            else:
                optimize.executeCompaction()
        failpoint.reach("optimize.after", table)
        return self._latest(table)

    def content(self, table: str, version: int) -> tuple[int, Any]:
        """Rows, and an order-free sum of their hashes: equal where two versions hold the same
        rows."""
        from pyspark.sql import functions as F

        frame = self.read(table, version)
        # Spark does not hash maps.
        values = [
            F.to_json(name) if kind.startswith("map") else F.col(name)
            for name, kind in frame.dtypes
        ]
        row = frame.agg(
            F.count(F.lit(1)), F.sum(F.xxhash64(*values).cast("decimal(20,0)"))
        ).collect()[0]
        return row[0], row[1]

    def _set_dead_creation_aside(self, table: str) -> None:
        """A creation that died leaves a folder without a commit; Delta takes any folder with
        something in it for a table.
        """
        layer, noun = table.split(".", 1)
        files.move_folder(
            self.warehouse.path(table),
            f"{self.warehouse.root}/{layer}/_torn_{time.time_ns()}_{noun}",
        )
        transaction.forget_cached(self.spark, self.warehouse.spark_path(table))

    def _create(self, contract: Contract) -> None:
        from delta.tables import DeltaTable

        builder = DeltaTable.create(self.spark).location(self.warehouse.spark_path(contract.table))
        builder = builder.addColumns(struct_type(contract.fields)).comment(contract.purpose)
        if contract.partition_columns:
            builder = builder.partitionedBy(*contract.partition_columns)
        for key, value in {**RETENTION, **_statistics(contract)}.items():
            builder = builder.property(key, value)
        with self._sent("create", contract.table, None):
            builder.execute()

    def _write(self, contract: Contract, frame: DataFrame, mode: str) -> Commit:
        before = self._latest(contract.table)
        writer = (
            _in_order(frame, contract)
            .write.format("delta")
            .mode(mode)
            .option("userMetadata", self.run_id)
        )
        held = [(f.name, f.dataType) for f in self.read(contract.table, before).schema]
        if held != [(f.name, f.dataType) for f in frame.schema]:
            # The contract's columns have changed. Only then: with it, Delta forgets NOT NULL and
            # comments.
            writer = writer.option("mergeSchema" if mode == "append" else "overwriteSchema", "true")
        with self._sent("commit", contract.table, before):
            writer.save(self.warehouse.spark_path(contract.table))
        return self._confirm(contract.table, before)

    @contextmanager
    def _sent(self, what: str, table: str, before: int | None) -> Iterator[None]:
        """Sends one commit: an error that leaves a new version behind is an outcome unknown, and
        nothing is cleaned up.

        The response may be lost, or the commit torn; the next run finds out, and restores or takes
        it aside.
        """
        failpoint.reach(f"{what}.before", table)
        try:
            yield
        except Exception as error:
            after = latest_version(self.warehouse, table)
            if after == before:
                raise
            raise CommitUnknown(
                f"the outcome of a commit must be known; {table} went from version {before} "
                f"to {after} while its writer was told "
                f"{' '.join(str(error).split())[:200]}: nothing was published and nothing "
                "cleaned up, run again"
            ) from error
        failpoint.reach(f"{what}.after", table)

    def _confirm(self, table: str, before: int) -> Commit:
        """Reads the commit back: exactly one new version, and ours."""
        after = self._latest(table)
        if after == before:
            # What changes nothing may leave no commit: the candidate is what stood before.
            return Commit(before, self.run_id, 0, "NONE")
        commit = read_commit(self.warehouse, table, after)
        if after != before + 1 or commit.run_id != self.run_id:
            raise CommitUnknown(
                f"a candidate is one commit of this run; {table} went from version {before} "
                f"to {after}, "
                f"last written by {commit.run_id}: another program writes this table; stop it "
                "and run again"
            )
        return commit

    @contextmanager
    def _settings(self, settings: dict[str, str]) -> Iterator[None]:
        """Settings of the session for one operation; behind it each is as it was before."""
        before = {key: self.spark.conf.get(key, None) for key in settings}
        for key, value in settings.items():
            self.spark.conf.set(key, value)
        try:
            yield
        finally:
            for key, was in before.items():
                if was is None:
                    self.spark.conf.unset(key)
                else:
                    self.spark.conf.set(key, was)

    def _restore(self, table: str, version: int) -> None:
        with self._settings(
            {f"{_DELTA}.commitInfo.userMetadata": f"restore {version} {self.run_id}"}
        ):
            delta = self._delta(table)
            with self._sent("restore", table, self._latest(table)):
                delta.restoreToVersion(version)

    def _snapshot(self, table: str) -> Snapshot:
        return TableLog(self.warehouse, table).snapshot(self._latest(table))

    def _latest(self, table: str) -> int:
        latest = latest_version(self.warehouse, table)
        if latest is None:
            raise StrataError(
                f"table {table} has vanished from {self.warehouse.path(table)} during the run"
            )
        return latest

    def _delta(self, table: str) -> Any:
        from delta.tables import DeltaTable

        return DeltaTable.forPath(self.spark, self.warehouse.spark_path(table))


def columns_with_statistics(contract: Contract) -> list[str]:
    """The columns by which files are skipped: the key, dates, the order, and the raw file.

    Of every column statistics took a quarter of the time of a wide table's write, and a file that
    holds all of a column's values is skipped by none. Minimum and maximum of a personal column
    would stay in the log, which no later deletion reaches.
    """
    named = {*contract.order_by, "_file_sha256"}
    return [
        f.name
        for f in contract.fields
        if (f.is_key or f.type in ("date", "timestamp") or f.name in named) and _has_order(f)
    ]


def _statistics(contract: Contract) -> dict[str, str]:
    wanted = columns_with_statistics(contract)
    return (
        {"delta.dataSkippingStatsColumns": ",".join(wanted)}
        if wanted
        else {"delta.dataSkippingNumIndexedCols": "0"}
    )


def _has_order(field: Field) -> bool:
    # Delta refuses to be asked for statistics of partitions, whose values stand in the log anyway,
    # and of these types.
    return (
        not field.is_personal
        and not field.is_partition
        and not field.type.startswith(("array", "map", "struct", "boolean", "binary"))
    )


def _has_columns_of(schema: StructType, contract: Contract) -> bool:
    """Whether it has the contract's columns in their order, with their types."""
    expected = struct_type(contract.fields, enforce_required=False)
    return [(f.name, f.dataType) for f in schema] == [(f.name, f.dataType) for f in expected]


def _in_order(frame: DataFrame, contract: Contract) -> DataFrame:
    """Within each task, whose rows are cut into files of so many
    (`spark.sql.files.maxRecordsPerFile`, which a cluster sets itself).
    """
    return frame.sortWithinPartitions(*contract.order_by) if contract.order_by else frame


def _file_name() -> Column:
    from pyspark.sql import functions as F

    return F.col("_metadata.file_name")


def conform(frame: DataFrame, contract: Contract) -> DataFrame:
    """Selects the contract's columns in its order; a missing column or another type is an error.

    `DataFrame.to` would fill a missing column with NULL in silence, so names and types are checked
    first.
    """
    expected = struct_type(contract.fields, enforce_required=False)
    found = {field.name: field.dataType for field in frame.schema}
    problems = [f"{f.name} is missing" for f in expected if f.name not in found]
    problems += [
        f"{f.name} is {found[f.name].simpleString()}, the contract says {f.dataType.simpleString()}"
        for f in expected
        if f.name in found and found[f.name].simpleString() != f.dataType.simpleString()
    ]
    if problems:
        raise StrataError(
            f"the transform of {contract.table} must give the contract's columns: "
            + "; ".join(problems)
        )
    return frame.select(*contract.columns)
