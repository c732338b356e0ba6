"""Spark's part in a table: it reads and writes plain Parquet files in the table's folder. Which of
them are a version, `commit` and `log` say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pyarrow as pa

from strata.declare.contract import Contract
from strata.kit import keys
from strata.lake import arrow_files, data_file, footers
from strata.lake.log import Snapshot, statistics
from strata.lake.shape import columns_with_statistics, in_order, sort
from strata.lake.warehouse import Warehouse

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession
    from pyspark.sql.types import StructType

    from strata.kit.groups import Groups
    from strata.lake.data_file import DataFile

MOST_PLAIN_FILES = 200
"""Files that are named to Spark; of more, Delta leaves out by their statistics those that a query
needs not.
"""
_MOST_ROWS = 1_000_000
"""Of a file, where no setting tells how many: a task holds them in memory."""
_WRITERS = 2
FREE: Mapping[str, str] = {}
PACKED: Mapping[str, str] = {
    "compression": "zstd",
    "parquet.compression.codec.zstd.level": "9",
    "maxRecordsPerFile": "0",
}
"""For what is written once and hardly ever read."""


def read_version(spark: SparkSession, folder: str, snapshot: Snapshot) -> DataFrame:
    """A version's rows. A table of few files is read without Delta, which plans several jobs of
    its own to list them.
    """
    if not snapshot.is_plain or len(snapshot.adds) > MOST_PLAIN_FILES:
        reader = spark.read.format("delta").option("versionAsOf", snapshot.version)
        return reader.load(folder)
    return read(spark, folder, snapshot.files, snapshot.schema)


def read(spark: SparkSession, folder: str, names: Sequence[str], schema: StructType) -> DataFrame:
    """The rows of the named files of a folder."""
    if not names:
        from pyspark.sql.pandas.types import to_arrow_schema

        # By Arrow: of a Python list, were it empty, Spark makes an RDD that Python workers serve.
        return spark.createDataFrame(to_arrow_schema(schema).empty_table(), schema)
    # Spark takes paths for patterns otherwise.
    reader = spark.read.schema(schema).option("__globPaths__", "false")
    return reader.parquet(*(f"{folder}/{name}" for name in names))


def rows_in(
    old: DataFrame, folder: str, before: Snapshot, adds: Sequence[dict[str, Any]]
) -> DataFrame:
    """The rows in these files of a version, which `old` has whole. Delta itself would read every
    file, to drop the rows of the others.
    """
    names = [unquote(add["path"]) for add in adds]
    if before.is_plain:
        return read(old.sparkSession, folder, names, before.schema)
    return old.where(_file_name().isin([name.rpartition("/")[2] for name in names]))


def files_with(old: DataFrame, touched: Groups) -> dict[str, tuple[int, int]]:
    """Each file that holds rows of the touched groups, with how many, and the order-free hash of
    their ids.
    """
    from pyspark.sql import functions as F

    wanted = (*touched.columns, *keys.ROW_ID) if keys.has_identity(old.columns) else touched.columns
    rows = touched.rows_of(old.select(*dict.fromkeys(wanted), _file_name().alias("_file")))
    counted = rows.groupBy("_file").agg(F.count(F.lit(1)), keys.identity(rows))
    return {name: (count, ids) for name, count, ids in counted.collect()}


def names_between(
    snapshot: Snapshot, column: str, days: Sequence[tuple[str, str]] | None
) -> list[str]:
    """The files that may hold a date of one of these stretches, by the statistics of the log; all
    of them where no stretch is given.
    """
    return [
        name
        for name, add in zip(snapshot.files, snapshot.adds.values(), strict=True)
        if days is None or any(_may_hold(add, column, stretch) for stretch in days)
    ]


def write(
    warehouse: Warehouse,
    contract: Contract,
    frame: DataFrame | pa.Table,
    under: str,
    options: Mapping[str, str] = FREE,
) -> list[DataFile]:
    """Writes the rows as plain Parquet into the folder `under`, below the table's.

    There they stay: a file is not moved in an object store. What a killed or repeated task leaves
    elsewhere is in no list, and goes with the next vacuum.
    """
    folder, own = warehouse.path(contract.table), columns_with_statistics(contract)
    sink = arrow_files.Sink(contract, f"{folder}/{under}", own)
    if isinstance(frame, pa.Table):
        table, of_file = sort(frame, contract), data_file.FILE_ROWS
        parts = [table.slice(start, of_file) for start in range(0, table.num_rows, of_file)]
        with ThreadPoolExecutor(_WRITERS) as pool:
            return _below(under, list(pool.map(sink.write, parts)))
    rows = in_order(frame, contract)
    if not contract.partition_columns and not options:
        return _below(under, sink.write_tasks(rows, _file_rows(frame.sparkSession)))
    writer = rows.write.options(
        **{"mapreduce.fileoutputcommitter.marksuccessfuljobs": "false", **options}
    )
    if contract.partition_columns:
        writer = writer.partitionBy(*contract.partition_columns)
    writer.parquet(f"{warehouse.spark_path(contract.table)}/{under}")
    return footers.written(folder, contract, under, own)


def _below(under: str, made: Sequence[DataFile]) -> list[DataFile]:
    """The files by their names below the table's folder."""
    return [replace(file, name=f"{under}/{file.name}") for file in made]


def _file_rows(spark: SparkSession) -> int:
    """Rows of a file at most: by the setting that Spark's own writer goes by; there 0 is no
    bound."""
    return int(spark.conf.get("spark.sql.files.maxRecordsPerFile", "0") or 0) or _MOST_ROWS


def _may_hold(add: dict[str, Any], column: str, bounds: tuple[str, str]) -> bool:
    """Whether a file may have a value between these dates, by the statistics of its log."""
    told = statistics(add)
    low = told.get("minValues", {}).get(column, bounds[0])
    high = told.get("maxValues", {}).get(column, bounds[1])
    return bool(low <= bounds[1] and high >= bounds[0])


def _file_name() -> Column:
    from pyspark.sql import functions as F

    return F.col("_metadata.file_name")
