"""Rows of this process as DataFrames."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pyspark.sql import SparkSession
from strata.kit.frames import frame_of

pytestmark = pytest.mark.spark

MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=timezone.utc)
ROW: dict[str, Any] = {"id": "a", "at": MOMENT, "reasons": ["x", "y"], "seen": {"at": MOMENT}}
TYPES = pa.schema(
    [
        ("id", pa.string()),
        ("at", pa.timestamp("us", "UTC")),
        ("reasons", pa.list_(pa.string())),
        ("seen", pa.struct([("at", pa.timestamp("us", "UTC"))])),
    ]
)


@pytest.mark.parametrize("ids", [["a"], []])
def test_rows_and_none_are_frames(spark: SparkSession, ids: list[str]) -> None:
    rows = pa.Table.from_pylist([ROW, {**ROW, "id": "b"}], TYPES)
    kept = rows.filter(pc.is_in(rows["id"], pa.array(ids, pa.string())))
    schema = spark.createDataFrame(rows).schema
    frame = frame_of(spark, kept, schema)
    assert frame.schema == schema
    assert frame.toArrow().to_pylist() == [ROW for _ in ids]


def test_no_batches_are_a_frame(spark: SparkSession) -> None:
    schema = spark.createDataFrame(TYPES.empty_table()).schema
    assert frame_of(spark, pa.Table.from_batches([], TYPES), schema).collect() == []
