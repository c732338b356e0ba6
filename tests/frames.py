"""Small frames for tests, made by Arrow: of a list of Python rows Spark makes an RDD, for which
every job asks a Python worker.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StructType


def local_frame(
    spark: SparkSession, rows: Iterable[Sequence[Any]], schema: StructType
) -> DataFrame:
    """The rows, each with as many values as `schema` has columns. A time without a zone is in
    UTC."""
    held = list(rows)
    kinds = to_arrow_schema(schema)
    columns = [
        pa.array([row[place] for row in held], kind.type) for place, kind in enumerate(kinds)
    ]
    return spark.createDataFrame(pa.Table.from_arrays(columns, schema=kinds), schema)
