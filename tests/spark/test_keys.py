"""Keys that rows share, wherever their hashes are sorted."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from strata.kit import keys

pytestmark = pytest.mark.spark


@pytest.mark.parametrize("fetched", [100, 0])
def test_the_hashes_of_shared_keys_are_found_in_the_driver_as_in_the_executors(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch, fetched: int
) -> None:
    monkeypatch.setattr(keys, "MOST_FETCHED", fetched)
    rows = [
        ("a", 1),
        ("a", 2),
        ("b", 1),
        ("a", 1),
        ("c", 3),
        ("c", 3),
        ("c", 3),
        (None, 1),
        (None, None),
    ]
    frame = spark.createDataFrame(rows, "word string, number int").repartition(3)
    key = (F.col("word"), F.col("number"))
    of = (
        spark.createDataFrame([("a", 1), ("c", 3)], "word string, number int")
        .select(F.xxhash64(*key))
        .collect()
    )

    found = keys.shared_hashes(frame, key, len(rows))

    assert sorted(found.column("_hash").to_pylist()) == sorted(row[0] for row in of)
    assert keys.shared_hashes(frame, key, len(rows), most=1).num_rows == 1
    assert keys.shared_hashes(frame.where("number = 2"), key, 1).num_rows == 0
    assert keys.shared_hashes(frame.limit(0), key, 0).num_rows == 0
