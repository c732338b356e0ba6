"""Where tables lie, and the only module that knows Delta: candidates, restore, reading a version.

A physical table is a path, `<warehouse>/<layer>/<feed>_<noun>`. Version 0 is the empty table made
from its contract; every later version is some run's candidate, and bears that run's id as its commit's
user metadata. Which version readers see is the ledger's business, not this module's.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from strata import failpoint, files
from strata.contract import Contract, Field, struct_type
from strata.errors import BadFile, CommitUnknown, Damaged, StrataError, TornCommit

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import StructType

    from strata.bronze import DataFile

REASONS = Field("_reasons", "array<string>", "Every rule that the row breaks", is_provenance=True)

_MOST_PLAIN_FILES = 200
_WAITS = (0.05, 0.2, 1.0)
"""Seconds between looks at a log of which a file is being written."""
_CUT_OFF = "Requested range"
"""What delta-rs says of a file that is shorter than it was told."""

# Published versions stay readable this long after newer ones: a rollback needs their files.
RETENTION = {
    "delta.logRetentionDuration": "interval 90 days",
    "delta.deletedFileRetentionDuration": "interval 90 days",
}


@dataclass(frozen=True)
class Warehouse:
    """The root folder of all tables: a local path, or an `s3://` or `s3a://` address."""

    root: str

    def path(self, table: str) -> str:
        """`silver.soil_sites` → `<root>/silver/soil_sites`."""
        layer, noun = table.split(".", 1)
        return f"{self.root}/{layer}/{noun}"

    def spark_path(self, table: str) -> str:
        return re.sub(r"^s3://", "s3a://", self.path(table))


@dataclass(frozen=True)
class Commit:
    """One Delta commit: its version, the run that wrote it, and Delta's own count of rows written."""

    version: int
    run_id: str | None
    rows_written: int | None
    operation: str


def quarantine_name(table: str) -> str:
    """`silver.soil_sites` → `quarantine.silver_soil_sites`."""
    return "quarantine." + table.replace(".", "_")


def quarantine_contract(contract: Contract) -> Contract:
    """The table's columns, all of them nullable, and the reasons: a rejected row whole."""
    nullable = tuple(
        Field(f.name, f.type, f.description, unit=f.unit, is_personal=f.is_personal, is_provenance=f.is_provenance) for f in contract.fields
    )
    return Contract(
        table=quarantine_name(contract.table),
        purpose=f"Rows that {contract.table} rejected, each once.",
        grain="one row per rejected row",
        fields=(*nullable, REASONS),
        allow_empty=True,
    )


# --- the log, read without Spark -----------------------------------------------------------------


def latest_version(warehouse: Warehouse, table: str) -> int | None:
    """The newest version in the table's log; None where there is no table yet."""
    names = files.list_names(f"{warehouse.path(table)}/_delta_log")
    versions = [int(name[:20]) for name in names if re.fullmatch(r"\d{20}\.json", name)]
    return max(versions, default=None)


def read_commit(warehouse: Warehouse, table: str, version: int) -> Commit:
    """The commit's own information; a torn or empty commit file is an error that names it."""
    uri = _commit_file(warehouse, table, version)
    try:
        with files.open_input(uri) as stream:
            actions = [json.loads(line) for line in stream.read().decode("utf-8").splitlines()]
        info = next(action["commitInfo"] for action in actions if "commitInfo" in action)
        rows = info.get("operationMetrics", {}).get("numOutputRows")
        added = [action["add"].get("stats") for action in actions if "add" in action]
        is_counted = info.get("operation") == "WRITE" and rows is not None and all(added)
        begins = version > 0 or all(any(key in action for action in actions) for key in ("protocol", "metaData"))
        if not begins or (is_counted and int(rows) != sum(json.loads(stats)["numRecords"] for stats in added)):
            raise ValueError("cut between two actions")
    except (StopIteration, ValueError):
        raise TornCommit(f"every commit of a table tells who wrote it; {uri} is empty or torn: restore that file from a backup") from None
    return Commit(version, info.get("userMetadata"), None if rows is None else int(rows), info.get("operation", ""))


def _commit_file(warehouse: Warehouse, table: str, version: int) -> str:
    return f"{warehouse.path(table)}/_delta_log/{version:020d}.json"


def is_restore_of(warehouse: Warehouse, table: str, version: int, wanted: int) -> bool:
    """Whether that version holds what version `wanted` holds, because a run took back what stood between them."""
    commit = read_commit(warehouse, table, version)
    return commit.operation == "RESTORE" and (commit.run_id or "").startswith(f"restore {wanted} ")


def is_whole(warehouse: Warehouse, table: str, version: int) -> bool:
    """Whether the commit file is there and can be believed. Delta reads a file without a byte as a commit without an action."""
    try:
        read_commit(warehouse, table, version)
    except (TornCommit, BadFile):
        return False
    return True


def assert_whole(warehouse: Warehouse, table: str, version: int) -> None:
    """Refuses a version whose own commit is torn: Delta would show the version before it, and say nothing.

    A commit file that has expired is Delta's business: a checkpoint stands for it.
    """
    if files.exists(_commit_file(warehouse, table, version)):
        read_commit(warehouse, table, version)


def set_torn_aside(spark: SparkSession, warehouse: Warehouse, table: str, published: int | None) -> None:
    """Takes torn commits at the end of the log out of it, if no publication names them: they never were commits.

    Delta cannot write after a torn one, and would count an empty one. The file is kept under another
    name; the data files that it may have named stay where they are.
    """
    latest = latest_version(warehouse, table)
    while latest is not None and (published is None or latest > published) and not is_whole(warehouse, table, latest):
        log = f"{warehouse.path(table)}/_delta_log"
        name = f"{latest:020d}"
        for path, aside in ((f"{name}.json", f"{name}.json"), (f".{name}.json.crc", f"{name}.json.crc"), (f"{name}.crc", f"{name}.crc")):
            # Hadoop's checksum and Delta's would not fit the commit that takes this one's place.
            if files.exists(f"{log}/{path}"):
                files.move(f"{log}/{path}", f"{log}/_torn_{time.time_ns()}_{aside}")
        _forget_cached(spark, warehouse, table)
        latest = latest_version(warehouse, table)


def _forget_cached(spark: SparkSession, warehouse: Warehouse, table: str) -> None:
    """Delta must read the table's log anew: files have moved behind its back."""
    jvm: Any = spark._jvm
    jvm.org.apache.spark.sql.delta.DeltaLog.invalidateCache(
        spark._jsparkSession, jvm.org.apache.hadoop.fs.Path(warehouse.spark_path(table))
    )


def has_version(warehouse: Warehouse, table: str, version: int) -> bool:
    """Whether the files of that version are still all there."""
    try:
        _, held = _snapshot(warehouse, table, version)
        return all(files.exists(f"{warehouse.path(table)}/{name}") for name, _ in held)
    except Exception:  # delta-rs has one error class for a missing version and a missing table
        return False


def read_arrow(warehouse: Warehouse, table: str, version: int, columns: list[str] | None = None) -> pa.Table:
    """A version's rows without Spark: for the ledger and for looking at a table.

    The log is read by delta-rs and the files by Arrow itself: delta-rs hands Arrow a file system written
    in Python, whose threads abort the interpreter at exit one time in five.
    """
    import pyarrow as pa
    from pyarrow import parquet

    assert_whole(warehouse, table, version)
    delta, held = _readable_snapshot(warehouse, table, version)
    schema = pa.schema(delta.schema().to_arrow())
    parts = [_arrow_schema(schema).empty_table()]
    for name, partition in held:
        uri = f"{warehouse.path(table)}/{name}"
        with _readable(table, uri), files.open_input(uri) as stream:
            part = parquet.read_table(stream, page_checksum_verification=True)
        strange = sorted(set(part.column_names) - set(schema.names))
        if strange:
            # Read on, and the table's own column would be NULL throughout.
            raise Damaged(f"a file has its table's columns; {uri} has {strange[0]!r}, which {table} lacks: see `strata doctor`", file=uri)
        for column, value in partition.items():
            part = part.append_column(column, pa.repeat(pa.scalar(value), part.num_rows))
        parts.append(part)
    whole = pa.concat_tables(parts, promote_options="permissive")
    return whole.select(columns or schema.names)


@contextmanager
def _readable(table: str, uri: str) -> Iterator[None]:
    """A published file that is gone or cannot be decoded is damage; a store that does not answer is not."""
    try:
        yield
    except (BadFile, OSError, ValueError) as error:
        if getattr(error, "errno", None) or "AWS Error" in str(error):
            raise
        why = str(error).partition("\n")[0][:200]
        raise Damaged(f"a published file can be read; {uri} of {table} cannot ({why}): see `strata doctor`", file=uri) from None


def _arrow_schema(schema: Any) -> pa.Schema:
    """The table's schema with Parquet's plain types, so that no file's column is renamed or dropped."""
    import pyarrow as pa

    return pa.schema([pa.field(f.name, pa.null()) if pa.types.is_nested(f.type) else f for f in schema])


def _snapshot(warehouse: Warehouse, table: str, version: int) -> tuple[Any, list[tuple[str, dict[str, Any]]]]:
    """The table at that version, by delta-rs, and each of its data files, with the values of its partition columns."""
    import pyarrow as pa
    from deltalake import DeltaTable

    path = re.sub(r"^s3a://", "s3://", warehouse.path(table))
    waits = iter(_WAITS)
    while True:
        try:
            delta = DeltaTable(path, version=version, storage_options=files.object_store_options(path))
            return delta, _data_files(pa.table(delta.get_add_actions(flatten=True)))
        except OSError as error:
            # A run beside this reader writes a file of the log, which on a local disk is seen while it is still empty.
            wait = next(waits, None)
            if wait is None or _CUT_OFF not in str(error):
                raise
            time.sleep(wait)


def _data_files(added: pa.Table) -> list[tuple[str, dict[str, Any]]]:
    kept = added.select([name for name in added.column_names if name == "path" or name.startswith("partition.")])
    return [(unquote(action.pop("path")), {k.removeprefix("partition."): v for k, v in action.items()}) for action in kept.to_pylist()]


def _readable_snapshot(warehouse: Warehouse, table: str, version: int) -> tuple[Any, list[tuple[str, dict[str, Any]]]]:
    from deltalake.exceptions import DeltaError

    try:
        return _snapshot(warehouse, table, version)
    except (DeltaError, OSError) as error:
        if "Generic S3 error" in str(error) or (isinstance(error, OSError) and _CUT_OFF not in str(error)):
            raise
        why = " ".join(str(error).split())[:200]
        raise Damaged(f"a published version can be read; version {version} of {table} cannot ({why}): see `strata doctor`") from None


def _plain_files(warehouse: Warehouse, table: str, version: int) -> tuple[StructType, list[str]] | None:
    """The columns and files of a version whose rows are those of its Parquet files and nothing else; None for any other.

    Not so with partitions, whose columns stand in no file, nor with what a reader of Delta's first protocol does not know,
    as deletion vectors; nor for many files, of which Delta leaves out by their statistics those that a query needs not.
    """
    from deltalake.exceptions import DeltaError
    from pyspark.sql.types import StructType

    try:
        delta, held = _snapshot(warehouse, table, version)
        is_plain = delta.protocol().min_reader_version == 1 and not delta.metadata().partition_columns
    except (DeltaError, OSError):
        return None  # Spark tells what is wrong with it.
    if not is_plain or len(held) > _MOST_PLAIN_FILES:
        return None
    return StructType.fromJson(json.loads(delta.schema().to_json())), [name for name, _ in held]


# --- reading and writing with Spark --------------------------------------------------------------


@dataclass(frozen=True)
class Store:
    """Reads and writes the warehouse's tables for one run."""

    spark: SparkSession
    warehouse: Warehouse
    run_id: str

    def read(self, table: str, version: int) -> DataFrame:
        """A version's rows. A table of few files is read without Delta, which plans several jobs of its own to list them."""
        assert_whole(self.warehouse, table, version)
        path = self.warehouse.spark_path(table)
        plain = _plain_files(self.warehouse, table, version)
        if plain is None:
            return self.spark.read.format("delta").option("versionAsOf", version).load(path)
        schema, names = plain
        return self._read_parquet(table, names, schema)

    def _read_parquet(self, table: str, names: Sequence[str], schema: StructType) -> DataFrame:
        folder = self.warehouse.spark_path(table)
        if not names:
            from pyspark.sql.pandas.types import to_arrow_schema

            # By Arrow: of a Python list, were it empty, Spark makes an RDD that Python workers serve.
            return self.spark.createDataFrame(to_arrow_schema(schema).empty_table(), schema)
        # Spark takes paths for patterns otherwise.
        reader = self.spark.read.schema(schema).option("__globPaths__", "false")
        return reader.parquet(*(f"{folder}/{name}" for name in names))

    def open_for_write(self, contract: Contract, published: int | None) -> int:
        """Brings the table to its published version before a candidate is built on it.

        Creates the empty table where there is none; takes back what an earlier run left unpublished.
        Returns the version on which the candidate stands.
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
        return self._write(contract, frame, "overwrite")

    def can_add_files(self, contract: Contract) -> bool:
        """Whether the table as it stands takes files that are made by its contract."""
        before = latest_version(self.warehouse, contract.table)
        if before is None:
            return True
        held = [(f.name, f.dataType) for f in self.read(contract.table, before).schema]
        return held == [(f.name, f.dataType) for f in struct_type(contract.fields, enforce_required=False)]

    def read_files(self, contract: Contract, added: Sequence[DataFile]) -> DataFrame:
        """The rows of files that lie in the table's folder, whether a commit names them or not."""
        return self._read_parquet(contract.table, [file.name for file in added], struct_type(contract.fields, enforce_required=False))

    def append_files(self, contract: Contract, added: Sequence[DataFile]) -> Commit:
        """Adds files that lie in the table's folder already, in one commit."""
        before = self._latest(contract.table)
        if not added:
            return Commit(before, self.run_id, 0, "NONE")
        actions = [
            {
                "add": {
                    "path": file.name,
                    "partitionValues": {},
                    "size": file.bytes,
                    "modificationTime": file.changed_ms,
                    "dataChange": True,
                    "stats": json.dumps(file.stats),
                }
            }
            for file in added
        ]
        with self._sent("commit", contract.table, before):
            self._commit(contract.table, actions)
        return self._confirm(contract.table, before)

    def _commit(self, table: str, actions: Sequence[dict[str, Any]]) -> None:
        """By Delta's own transaction, for it alone knows how this store's log is written."""
        jvm: Any = self.spark._jvm
        delta, none = jvm.org.apache.spark.sql.delta, jvm.scala.Option.empty()
        made = jvm.java.util.ArrayList()
        for action in actions:
            made.add(delta.actions.Action.fromJson(json.dumps(action)))
        operation = getattr(delta, "DeltaOperations$Write")(
            jvm.org.apache.spark.sql.SaveMode.Append, none, none, jvm.scala.Option.apply(self.run_id)
        )
        log = delta.DeltaLog.forTable(self.spark._jsparkSession, self.warehouse.spark_path(table))
        log.startTransaction().commit(jvm.org.apache.spark.api.python.PythonUtils.toSeq(made), operation)

    def replace_groups(self, contract: Contract, frame: DataFrame, touched: DataFrame, group: tuple[str, ...]) -> Commit:
        """Replaces the rows of the touched groups by `frame`, in one commit, by the contract's key.

        `frame` holds every row that the touched groups should have, one per key; a row of theirs
        that it lacks is deleted. Keys are compared column by column.
        """
        from pyspark.sql import functions as F

        before = self._latest(contract.table)
        key = list(contract.key)
        old = self.read(contract.table, before)
        gone = semi_join(old, touched, group).select(*key).join(frame.select(*key), on=key, how="left_anti")
        source = frame.withColumn("_gone", F.lit(False)).unionByName(gone.withColumn("_gone", F.lit(True)), allowMissingColumns=True)
        condition = " AND ".join(f"t.`{name}` = s.`{name}`" for name in key)
        values = {f"`{name}`": f"s.`{name}`" for name in contract.columns}
        # A MERGE takes its mark from the session only.
        with self._settings({"commitInfo.userMetadata": self.run_id}), self._sent("commit", contract.table, before):
            (
                self._delta(contract.table)
                .alias("t")
                .merge(source.alias("s"), condition)
                .whenMatchedDelete("s._gone")
                .whenMatchedUpdate(set=values)
                .whenNotMatchedInsert("NOT s._gone", values=values)
                .execute()
            )
        return self._confirm(contract.table, before)

    def compact(self, table: str, small_bytes: int) -> int:
        """Rewrites small files as larger ones (OPTIMIZE), and gives the version that stands then; no row changes."""
        marks = {
            "commitInfo.userMetadata": f"optimize {self.run_id}",
            "optimize.minFileSize": str(small_bytes),
            "optimize.maxFileSize": str(4 * small_bytes),
        }
        failpoint.reach("optimize.before", table)
        with self._settings(marks):
            self._delta(table).optimize().executeCompaction()
        failpoint.reach("optimize.after", table)
        return self._latest(table)

    def content(self, table: str, version: int) -> tuple[int, Any]:
        """Rows, and an order-free sum of their hashes: equal where two versions hold the same rows."""
        from pyspark.sql import functions as F

        frame = self.read(table, version)
        # Spark does not hash maps.
        values = [F.to_json(name) if kind.startswith("map") else F.col(name) for name, kind in frame.dtypes]
        row = frame.agg(F.count(F.lit(1)), F.sum(F.xxhash64(*values).cast("decimal(20,0)"))).collect()[0]
        return row[0], row[1]

    def _set_dead_creation_aside(self, table: str) -> None:
        """A creation that died leaves a folder without a commit; Delta takes any folder with something in it for a table."""
        layer, noun = table.split(".", 1)
        files.move_folder(self.warehouse.path(table), f"{self.warehouse.root}/{layer}/_torn_{time.time_ns()}_{noun}")
        _forget_cached(self.spark, self.warehouse, table)

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
        writer = frame.write.format("delta").mode(mode).option("userMetadata", self.run_id)
        held = [(f.name, f.dataType) for f in self.read(contract.table, before).schema]
        if held != [(f.name, f.dataType) for f in frame.schema]:
            # The contract's columns have changed. Only then: with it, Delta forgets NOT NULL and comments.
            writer = writer.option("mergeSchema" if mode == "append" else "overwriteSchema", "true")
        with self._sent("commit", contract.table, before):
            writer.save(self.warehouse.spark_path(contract.table))
        return self._confirm(contract.table, before)

    @contextmanager
    def _sent(self, what: str, table: str, before: int | None) -> Iterator[None]:
        """Sends one commit: an error that leaves a new version behind is an outcome unknown, and nothing is cleaned up.

        The response may be lost, or the commit torn; the next run finds out, and restores or takes it aside.
        """
        failpoint.reach(f"{what}.before", table)
        try:
            yield
        except Exception as error:
            after = latest_version(self.warehouse, table)
            if after == before:
                raise
            raise CommitUnknown(
                f"the outcome of a commit must be known; {table} went from version {before} to {after} while its writer was told "
                f"{' '.join(str(error).split())[:200]}: nothing was published and nothing cleaned up, run again"
            ) from error
        failpoint.reach(f"{what}.after", table)

    def _confirm(self, table: str, before: int) -> Commit:
        """Reads the commit back: exactly one new version, and ours."""
        after = self._latest(table)
        if after == before:
            # A MERGE or append that changes nothing may leave no commit: the candidate is what stood before.
            return Commit(before, self.run_id, 0, "NONE")
        commit = read_commit(self.warehouse, table, after)
        if after != before + 1 or commit.run_id != self.run_id:
            raise CommitUnknown(
                f"a candidate is one commit of this run; {table} went from version {before} to {after}, "
                f"last written by {commit.run_id}: another program writes this table; stop it and run again"
            )
        return commit

    @contextmanager
    def _settings(self, settings: dict[str, str]) -> Iterator[None]:
        """Delta's settings for one operation; each is unset behind it."""
        prefix = "spark.databricks.delta."
        for key, value in settings.items():
            self.spark.conf.set(prefix + key, value)
        try:
            yield
        finally:
            for key in settings:
                self.spark.conf.unset(prefix + key)

    def _restore(self, table: str, version: int) -> None:
        with self._settings({"commitInfo.userMetadata": f"restore {version} {self.run_id}"}):
            delta = self._delta(table)
            with self._sent("restore", table, self._latest(table)):
                delta.restoreToVersion(version)

    def _latest(self, table: str) -> int:
        latest = latest_version(self.warehouse, table)
        if latest is None:
            raise StrataError(f"table {table} has vanished from {self.warehouse.path(table)} during the run")
        return latest

    def _delta(self, table: str) -> Any:
        from delta.tables import DeltaTable

        return DeltaTable.forPath(self.spark, self.warehouse.spark_path(table))


def columns_with_statistics(contract: Contract) -> list[str]:
    """The columns by which files are skipped: the key, dates, and the raw file.

    Of every column statistics took a quarter of the time of a wide table's write, and a file that holds all of a column's
    values is skipped by none. Minimum and maximum of a personal column would stay in the log, which no later deletion reaches.
    """
    return [f.name for f in contract.fields if (f.is_key or f.type in ("date", "timestamp") or f.name == "_file_sha256") and _has_order(f)]


def _statistics(contract: Contract) -> dict[str, str]:
    wanted = columns_with_statistics(contract)
    return {"delta.dataSkippingStatsColumns": ",".join(wanted)} if wanted else {"delta.dataSkippingNumIndexedCols": "0"}


def _has_order(field: Field) -> bool:
    # Delta refuses to be asked for statistics of these types.
    return not field.is_personal and not field.type.startswith(("array", "map", "struct", "boolean", "binary"))


def semi_join(frame: DataFrame, touched: DataFrame, group: tuple[str, ...]) -> DataFrame:
    """The rows of `frame` whose group is among `touched`; a NULL group is a group like any other."""
    return _join(frame, touched, group, "left_semi")


def anti_join(frame: DataFrame, touched: DataFrame, group: tuple[str, ...]) -> DataFrame:
    """The rows of `frame` whose group is not among `touched`."""
    return _join(frame, touched, group, "left_anti")


def _join(frame: DataFrame, touched: DataFrame, group: tuple[str, ...], how: str) -> DataFrame:
    renamed = touched.select(*[touched[name].alias(f"_touched_{name}") for name in group])
    condition = None
    for name in group:
        same = frame[name].eqNullSafe(renamed[f"_touched_{name}"])
        condition = same if condition is None else condition & same
    return frame.join(renamed, condition, how)


def conform(frame: DataFrame, contract: Contract) -> DataFrame:
    """Selects the contract's columns in its order; a missing column or another type is an error.

    `DataFrame.to` would fill a missing column with NULL in silence, so names and types are checked first.
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
        raise StrataError(f"the transform of {contract.table} must give the contract's columns: " + "; ".join(problems))
    return frame.select(*contract.columns)
