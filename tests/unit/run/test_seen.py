"""What the gate is told of files that no commit names yet, as they lie on the disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from strata.declare.suite import Expectation
from strata.lake import data_file
from strata.run.seen import Seen

SCHEMA = pa.schema([("id", pa.string()), ("speed", pa.float64()), ("unasked", pa.int64())])
RULES = tuple(
    Expectation(f"expect_column_values_to_{kind}", {"column": column, **more}, "critical", "")
    for kind, column, more in (
        ("not_be_null", "id", {}),
        ("be_between", "speed", {"min_value": 0, "max_value": 500}),
        ("match_regex", "id", {"regex": r"^[a-z]+\z"}),
    )
)
ONE_ID = (Expectation("expect_column_values_to_be_unique", {"column": "id"}, "critical", ""),)
FIRST = [("a", 1.0), ("b", -0.0), ("C", float("nan"))]


@pytest.mark.parametrize(
    ("second", "broken", "is_single"),
    [
        ([("d", 500.0), ("e", None)], [0, 1, 1], True),
        ([("a", 501.0), (None, -1.0)], [1, 3, 1], False),
    ],
)
def test_rules_are_asked_of_all_files_and_keys_across_them(
    tmp_path: Path, second: list[tuple[Any, Any]], broken: list[int], is_single: bool
) -> None:
    seen = Seen(RULES, ONE_ID)
    for rows in (FIRST, second):
        ids, speeds = zip(*rows, strict=True)
        table = pa.table([ids, speeds, [0] * len(rows)], schema=SCHEMA)
        file = data_file.write_table(str(tmp_path), table)
        lying = seen.read(str(tmp_path), file, SCHEMA)
        assert lying.column_names == ["id", "speed"]
        seen.add(file, lying)
    assert (seen.rows, seen.broken, seen.is_single) == (5, broken, is_single)
    assert len(seen.files) == 2
