"""What a data file's own statistics are compared with."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from strata.lake import file_check


def test_nulls_beside_fractions_and_nan_are_no_damage(tmp_path: Path) -> None:
    """A filter for NaN once dropped the nulls too, and every such file was called damaged."""
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"share": pa.array([0.5, None, float("nan"), 1.5])}), path)
    found = file_check._scan(str(path))
    assert found.problems == []
    column = found.columns["share"]
    assert (column.low, column.high, column.nulls) == (0.5, 1.5, 1)
