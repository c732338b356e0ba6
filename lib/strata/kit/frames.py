"""DataFrames of rows that lie in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import StructType


def frame_of(spark: SparkSession, rows: pa.Table, schema: StructType) -> DataFrame:
    """The rows, which may be none, with Spark's types for them."""
    # Rows that were filtered away leave a table without chunks, which pyspark refuses where a
    # column is nested. An empty table has one chunk.
    return spark.createDataFrame(rows if rows.num_rows else rows.schema.empty_table(), schema)
