"""Python workers find pyspark where it is installed."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyspark
import pytest
from pyspark.sql import SparkSession
from strata.spark.daemon import leave_out_archives


def test_archives_of_sparks_home_and_no_others_are_left_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    installed = str(Path(pyspark.__file__).parents[1])
    home = tmp_path / "spark"
    home.mkdir()
    archives = [home / "pyspark.zip", home / "spark-core.jar", tmp_path / "own.zip"]
    for archive in archives:
        archive.touch()
    monkeypatch.setenv("SPARK_HOME", str(home))
    monkeypatch.setattr(sys, "path", [*map(str, archives), str(home), installed])
    leave_out_archives()
    assert sys.path == [str(archives[2]), str(home), installed]


def test_the_archives_stay_where_there_is_no_other_pyspark(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "pyspark.zip").touch()
    monkeypatch.setenv("SPARK_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "path", [str(tmp_path / "pyspark.zip"), str(tmp_path)])
    leave_out_archives()
    assert sys.path == [str(tmp_path / "pyspark.zip"), str(tmp_path)]


@pytest.mark.spark
def test_a_worker_takes_pyspark_from_no_archive(spark: SparkSession) -> None:
    def where(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for _ in batches:
            yield pa.RecordBatch.from_pydict({"place": [pyspark.__file__, *sys.path]})

    found = [
        row["place"] for row in spark.range(0, 1, 1, 1).mapInArrow(where, "place string").collect()
    ]
    assert found[0] == pyspark.__file__
    assert [place for place in found if place.endswith((".jar", "pyspark.zip"))] == []
