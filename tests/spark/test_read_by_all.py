"""A published version has the same rows read by Spark, delta-rs, DuckDB and polars: decimals,
moments, maps and NULLs included.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pytest
from deltalake import DeltaTable, QueryBuilder
from pyspark.sql import SparkSession
from strata.declare.contract import Contract, Field, struct_type
from strata.errors import StrataError
from strata.lake.store import Store
from strata.lake.versions import Warehouse, read_arrow

pytestmark = pytest.mark.spark

KINDS = Contract(
    "silver.toy_kinds",
    "One column of each kind.",
    "one row per id",
    (
        Field("id", "bigint", "Id.", required=True, is_key=True),
        Field("flag", "boolean", "Yes or no."),
        Field("small", "int", "A small number."),
        Field("ratio", "double", "A fraction."),
        Field("money", "decimal(18,2)", "An amount."),
        Field("large", "decimal(38,18)", "A long number."),
        Field("day", "date", "A day."),
        Field("at", "timestamp", "A moment, UTC."),
        Field("text", "string", "Words."),
        Field("shape", "binary", "Bytes."),
        Field("names", "array<string>", "Words in order."),
        Field("counts", "map<string,bigint>", "Counts by word."),
    ),
    allow_empty=True,
)
COLUMNS = [field.name for field in KINDS.fields]
NOTHING = (None,) * 11
UTC = dt.timezone.utc
ROWS: list[tuple[Any, ...]] = [
    (1, *NOTHING),
    (
        2, True, -(2**31), 0.1, Decimal("-0.01"), Decimal("12345678901234567890.123456789012345678"),
        dt.date(1600, 2, 29), dt.datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), "ä\u200fb\n",
        b"\x00\xff", ["a", None, ""], {"a": 1, "b": None},
    ),
    (
        3, False, 2**31 - 1, float("inf"), Decimal("9999999999999999.99"), Decimal(0),
        dt.date(9999, 12, 31), dt.datetime(2024, 3, 31, 1, 30, tzinfo=UTC), "", b"", [], {},
    ),
]  # fmt: skip
MORE: list[tuple[Any, ...]] = [(4, *NOTHING)]


@pytest.fixture(scope="module")
def warehouse(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """Version 1 holds `ROWS`; a later one holds more, which nobody who asks for 1 may see."""
    made = Warehouse(str(tmp_path_factory.mktemp("kinds")))
    store = Store(spark, made, "a-run")
    store.open_for_write(KINDS, None)
    for rows in (ROWS, MORE):
        frame = spark.createDataFrame(rows, struct_type(KINDS.fields, enforce_required=False))
        store.append(KINDS, frame.coalesce(1))
    return made


def by_strata(spark: SparkSession, warehouse: Warehouse) -> list[Any]:
    return told(read_arrow(warehouse, KINDS.table, 1))


def by_spark(spark: SparkSession, warehouse: Warehouse) -> list[Any]:
    return told(Store(spark, warehouse, "reader").read(KINDS.table, 1).toArrow())


def by_delta_on_spark(spark: SparkSession, warehouse: Warehouse) -> list[Any]:
    reader = spark.read.format("delta").option("versionAsOf", 1)
    return told(reader.load(warehouse.spark_path(KINDS.table)).toArrow())


def by_delta_rs(spark: SparkSession, warehouse: Warehouse) -> list[Any]:
    table = DeltaTable(warehouse.path(KINDS.table), version=1)
    return told(pa.table(QueryBuilder().register("t", table).execute("select * from t")))


def by_duckdb(spark: SparkSession, warehouse: Warehouse) -> list[Any]:
    files = DeltaTable(warehouse.path(KINDS.table), version=1).file_uris()
    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")
    return told(
        connection.execute("select * from read_parquet($files)", {"files": files}).to_arrow_table()
    )


def by_polars(spark: SparkSession, warehouse: Warehouse) -> list[Any]:
    return told(pl.scan_delta(warehouse.path(KINDS.table), version=1).collect().to_arrow())


def told(table: pa.Table) -> list[Any]:
    """Rows as Python has them; a map as a dictionary, whichever way it came."""
    rows = []
    for row in sorted(table.select(COLUMNS).to_pylist(), key=lambda row: row["id"]):
        counts = row["counts"]
        pairs = [tuple(p.values()) if isinstance(p, dict) else p for p in counts or ()]
        moment = row["at"].astimezone(UTC) if row["at"] else None
        rows.append(
            tuple({**row, "at": moment, "counts": None if counts is None else dict(pairs)}.values())
        )
    return rows


READERS: list[Callable[[SparkSession, Warehouse], list[Any]]] = [
    by_strata, by_spark, by_delta_on_spark, by_delta_rs, by_duckdb, by_polars,
]  # fmt: skip


@pytest.mark.parametrize("reader", READERS)
def test_a_version_has_the_same_rows_whoever_reads_it(
    spark: SparkSession, warehouse: Warehouse, reader: Callable[..., list[Any]]
) -> None:
    assert reader(spark, warehouse) == ROWS


def test_a_required_column_is_not_null_for_every_reader(warehouse: Warehouse) -> None:
    schema = DeltaTable(warehouse.path(KINDS.table)).schema()
    assert {field.name for field in schema.fields if not field.nullable} == {"id"}
    assert {field.metadata["comment"] for field in schema.fields} >= {"Id.", "A moment, UTC."}


def test_a_null_in_a_required_column_is_refused(spark: SparkSession, tmp_path: Path) -> None:

    store = Store(spark, Warehouse(str(tmp_path)), "a-run")
    store.open_for_write(KINDS, None)
    schema = struct_type(KINDS.fields, enforce_required=False)
    frame = spark.createDataFrame([(None, *NOTHING)], schema)
    with pytest.raises(StrataError, match=r"toy_kinds\.id does"):
        store.append(KINDS, frame)
    assert store.open_for_write(KINDS, None) == 0
