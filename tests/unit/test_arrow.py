"""Values between Arrow and Python, made without pandas."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from strata.kit import arrow

UTC = dt.timezone.utc


@pytest.mark.parametrize("value", ["month", "ä\U0001f600", "", 50, -(2**63)])
def test_a_constant_is_the_value(value: int | str) -> None:
    told = arrow.constant(value)
    assert told.as_py() == value
    column = pa.chunked_array([[value, None]])
    assert pc.equal(column, told).to_pylist() == [True, None]


def test_rows_are_those_of_arrow_with_moments_in_utc() -> None:
    late, early = dt.datetime(9999, 12, 31, 23, 59, 59, 999999), dt.datetime(1, 1, 1)
    table = pa.table(
        {
            "at": pa.array([late.replace(tzinfo=UTC), None], pa.timestamp("us", "Asia/Kolkata")),
            "wall": pa.array([early, late], pa.timestamp("us")),
            "day": [dt.date(1600, 2, 29), None],
            "names": [["a", None], None],
        }
    )
    assert arrow.rows(table) == [
        {
            "at": late.replace(tzinfo=UTC),
            "wall": early,
            "day": dt.date(1600, 2, 29),
            "names": ["a", None],
        },
        {"at": None, "wall": late, "day": None, "names": None},
    ]


def test_neither_imports_pandas() -> None:
    code = (
        "import sys, pyarrow as pa; from strata.kit import arrow; "
        "arrow.constant('a'); moment = pa.timestamp('us', 'UTC'); "
        "bits = pa.Array.from_buffers(moment, 1, [None, pa.py_buffer(bytes(8))]); "
        "print(arrow.rows(pa.table([bits], ['at'])), 'pandas' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == (
        "[{'at': datetime.datetime(1970, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)}] False\n"
    )
