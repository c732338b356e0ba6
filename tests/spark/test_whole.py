"""Whole deliveries: what they lack ends, with its history kept; late and partial ones stay right."""

from __future__ import annotations

from datetime import date
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession
from strata.kit.history import LatestOf, PeriodsOf, add_periods, keep_latest
from strata.kit.whole import ENDED, Whole

pytestmark = pytest.mark.spark

OPEN = date(9999, 12, 31)
LATEST = LatestOf(("key", "thing"), ("says",), "they differ")
PERIODS = PeriodsOf("thing", "_delivery_date", ("says",), "nothing has changed")
# Deliveries of January 2024: the day (0: none is told), the layout, and what each thing says.
CASES: dict[str, tuple[list[tuple[int, str, dict[str, str]]], tuple[int, ...], Any, Any]] = {
    "partial ones end nothing": (
        [(1, "a", {"A": "1", "B": "1"}), (2, "a", {"A": "1"})],
        (),
        {"A", "B"},
        [("A", 1, 0, "1"), ("B", 1, 0, "1")],
    ),
    "a whole one ends what it lacks": (
        [(1, "a", {"A": "1", "B": "1"}), (2, "a", {"A": "1"})],
        (2,),
        {"A"},
        [("A", 1, 0, "1"), ("B", 1, 2, "1")],
    ),
    "what comes again begins again": (
        [(1, "a", {"B": "1"}), (2, "a", {"A": "1"}), (3, "a", {"B": "1"})],
        (2,),
        {"A", "B"},
        [("A", 2, 0, "1"), ("B", 1, 2, "1"), ("B", 3, 0, "1")],
    ),
    "a late one, older than the whole one, revives nothing": (
        [(3, "a", {"A": "1"}), (1, "a", {"B": "1"}), (2, "a", {"B": "2"})],
        (3,),
        {"A"},
        [("A", 3, 0, "1"), ("B", 1, 2, "1"), ("B", 2, 3, "2")],
    ),
    "each whole one ends what it lacks": (
        [(1, "a", {"B": "1"}), (2, "a", {"A": "1"}), (3, "a", {"B": "2"}), (4, "a", {"A": "2"})],
        (2, 3, 4),
        {"A"},
        [("A", 2, 3, "1"), ("A", 4, 0, "2"), ("B", 1, 2, "1"), ("B", 3, 4, "2")],
    ),
    "of what says the same, the last one says when it ends": (
        [(1, "a", {"B": "1"}), (2, "a", {"B": "1"}), (3, "a", {"A": "1"})],
        (2, 3),
        {"A"},
        [("A", 3, 0, "1"), ("B", 1, 3, "1")],
    ),
    "another layout's whole one ends nothing": (
        [(1, "other", {"B": "1"}), (2, "a", {"A": "1"})],
        (2,),
        {"A", "B"},
        [("A", 2, 0, "1"), ("B", 1, 0, "1")],
    ),
    "undated records are before all": (
        [(0, "a", {"U": "1"}), (2, "a", {"A": "1"})],
        (2,),
        {"A"},
        None,
    ),
}


@pytest.fixture(scope="module")
def records(spark: SparkSession) -> DataFrame:
    """Every case at once: its name is part of the key."""
    rows = [
        {
            "case": case,
            "key": case,
            "thing": f"{case}/{thing}",
            "says": says,
            "_delivery_date": date(2024, 1, day) if day else None,
            "_layout": layout if layout == "other" else case,
            "_file_sha256": f"{day} {layout}",
            "_record_number": number,
        }
        for case, (deliveries, *_) in CASES.items()
        for day, layout, said in deliveries
        for number, (thing, says) in enumerate(said.items(), 1)
    ]
    schema = pa.schema(
        [
            *((name, pa.string()) for name in ("case", "key", "thing", "says")),
            ("_delivery_date", pa.date32()),
            ("_layout", pa.string()),
            ("_file_sha256", pa.string()),
            ("_record_number", pa.int64()),
        ]
    )
    frame = spark.createDataFrame(pa.Table.from_pylist(rows, schema))
    return frame.selectExpr("*", "array() :: array<string> as _reasons", "_delivery_date as _order")


WHOLE = Whole(
    {case: case for case in CASES},
    {
        case: tuple(date(2024, 1, day) for day in days)
        for case, (_, days, *_) in CASES.items()
        if days
    },
)


def test_what_a_whole_delivery_lacks_stands_no_more(records: DataFrame) -> None:
    found = keep_latest(records, LATEST, whole=WHOLE).collect()
    standing: dict[str, set[str]] = {}
    for row in found:
        if row["_fold"] is None:
            standing.setdefault(row["case"], set()).add(row["thing"].rpartition("/")[2])
    assert standing == {case: expected for case, (_, _, expected, _) in CASES.items()}
    assert {row["_fold"] for row in found if row["thing"].endswith("whole one ends what it lacks/B")
            and row["case"].startswith("a whole")} == {ENDED}  # fmt: skip


def test_a_history_ends_with_the_whole_delivery_that_lacks_it(records: DataFrame) -> None:
    dated = records.where("_delivery_date is not null").selectExpr(
        "*", "cast(null as string) as _fold"
    )
    rows = add_periods(dated, PERIODS, WHOLE).where("_fold is null").collect()
    found: dict[str, list[Any]] = {}
    current: dict[str, int] = {}
    for row in sorted(rows, key=lambda r: (r["thing"], r["valid_from"])):
        end = 0 if row["valid_to"] == OPEN else row["valid_to"].day
        thing = row["thing"].rpartition("/")[2]
        found.setdefault(row["case"], []).append((thing, row["valid_from"].day, end, row["says"]))
        current[row["thing"]] = current.get(row["thing"], 0) + row["is_current"]
    expected = {case: periods for case, (*_, periods) in CASES.items() if periods is not None}
    assert {case: found[case] for case in expected} == expected
    assert set(current.values()) == {1}, "each thing has one last period, ended or not"


def test_without_whole_deliveries_nothing_ends(records: DataFrame) -> None:
    found = keep_latest(records, LATEST).where("_fold is null").select("thing").distinct()
    assert found.count() == len(
        {(case, t) for case, (ds, *_) in CASES.items() for _, _, s in ds for t in s}
    )
