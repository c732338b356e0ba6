"""What a commit says of a file, from its footer; and the doctor's reading of the same file."""

from __future__ import annotations

import datetime as dt
import json
import math
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable, QueryBuilder
from pyarrow import parquet
from strata.declare.contract import Contract, Field
from strata.errors import StrataError
from strata.lake import commit, file_check, footers, shape
from strata.lake.data_set import data_files, data_set, read_files
from strata.lake.log import TableLog
from strata.lake.versions import Warehouse

UTC = dt.timezone.utc
TABLE = pa.table(
    {
        "id": pa.array([3, 1, 2], pa.int64()),
        "word": ["b" * 40, "a" * 31 + "z" * 3, None],
        "day": [dt.date(2024, 1, 2), None, dt.date(1600, 2, 29)],
        "at": pa.array(
            [dt.datetime(2024, 1, 1, 0, 0, 0, 1, UTC), dt.datetime(1969, 12, 31, 23, 59, 59, 999999, UTC), None],
            pa.timestamp("us", "UTC"),
        ),
        "ratio": [1.5, math.nan, None],
        "money": [Decimal("1.10"), None, Decimal("-2.00")],
        "flag": [True, False, None],
        "names": [["x"], [], None],
    }
)  # fmt: skip
NAMES = TABLE.column_names
NAME = "silver.toy_kinds"


def contract(*required: str) -> Contract:
    fields = tuple(Field(name, "string", name, required=name in required) for name in NAMES)
    return Contract(NAME, "Kinds.", "one row per id", fields)


def stored(folder: Path, table: pa.Table = TABLE, rows_a_group: int = 1) -> Path:
    (folder / "a-job").mkdir()
    parquet.write_table(table, folder / "a-job" / "part-0.parquet", row_group_size=rows_a_group)
    return folder / "a-job" / "part-0.parquet"


def test_statistics_bound_every_row_group_and_count_nulls(tmp_path: Path) -> None:
    stored(tmp_path)
    (file,) = footers.written(str(tmp_path), contract("id"), "a-job", NAMES)
    assert (file.name, file.rows) == ("a-job/part-0.parquet", 3)
    assert json.loads(file.stats_json) == {
        "numRecords": 3,
        "minValues": {
            "id": 1, "word": "a" * 31 + "z", "day": "1600-02-29", "at": "1969-12-31T23:59:59.999Z",
        },
        "maxValues": {
            "id": 3, "word": "b" * 32 + "\U0010ffff", "day": "2024-01-02",
            "at": "2024-01-01T00:00:00.001Z",
        },
        "nullCount": {"id": 0, "word": 1, "day": 1, "at": 1, "ratio": 1, "money": 1, "flag": 1},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("column", "values", "or_null", "may"),
    [
        ("id", [0, 4], False, False),
        ("id", [0, 2], False, True),
        ("id", [], True, False),  # no NULL is in it
        ("word", ["a" * 31 + "zzy", "c"], False, False),  # bounds are whole, not cut as in the log
        ("word", ["a" * 31 + "zzz"], False, True),
        ("word", [], True, True),
        ("day", [dt.date(1600, 2, 28), dt.date(2024, 1, 3)], False, False),
        ("day", [dt.date(2024, 1, 2)], False, True),
        ("ratio", [9.0], False, True),  # NaN is in no bounds
    ],
)
def test_a_footer_says_whether_a_file_may_hold_some_values(
    tmp_path: Path, column: str, values: list[Any], or_null: bool, may: bool
) -> None:
    found = footers.columns(footers.read_footer(str(stored(tmp_path))))[column]
    assert found.may_hold(values, or_null) is may


def test_of_nothing_but_nulls_a_footer_says_that_no_value_is_there(tmp_path: Path) -> None:
    path = stored(tmp_path, pa.table({"id": pa.array([None, None], pa.int64())}), 2)
    [column] = footers.columns(footers.read_footer(str(path))).values()
    assert (column.may_hold([1], False), column.may_hold([1], True)) == (False, True)


def test_rows_without_bounds_in_the_log_are_found(tmp_path: Path) -> None:
    """delta-rs's own filter finds none of them: findings/deltalake_filter_without_bounds.sh."""
    warehouse, table = Warehouse(str(tmp_path)), TABLE.select(["flag", "money", "ratio"])
    folder = Path(warehouse.path(NAME))
    folder.mkdir(parents=True)
    stored(folder, table)
    added = footers.written(str(folder), contract(), "a-job", NAMES)
    commit.begin(warehouse, NAME, commit.shape_of(table.schema), added, "a run")
    held = data_files(warehouse, NAME, TableLog(warehouse, NAME).snapshot(0))
    wanted = [pc.field("flag"), pc.field("money") > Decimal("1.00"), pc.field("ratio") < 2]
    found = [data_set(NAME, table.schema, held).to_table(filter=each) for each in wanted]
    assert [rows.column("ratio").to_pylist() for rows in found] == [[1.5], [1.5], [1.5]]


def test_the_filters_of_other_readers_find_every_row_of_a_contracts_table(tmp_path: Path) -> None:
    """A table names the columns that have bounds, so that nobody takes lacking ones for NULL."""
    fields = tuple(
        Field(name, kind, name, is_key=name != "day")
        for name, kind in (
            ("id", "bigint"), ("day", "date"), ("flag", "boolean"), ("money", "decimal(38,2)"),
            ("ratio", "double"), ("word", "string"),
        )
    )  # fmt: skip
    made = Contract(NAME, "Kinds.", "one row per id", fields)
    rows = [
        {"id": 1, "day": None, "flag": True, "money": Decimal("0.10"), "ratio": math.nan, "word": "a"},
        {"id": 2, "day": None, "flag": False, "money": Decimal("90071992547409930.01"), "ratio": -0.0, "word": "b"},
        {"id": 3, "day": None, "flag": None, "money": None, "ratio": 1.5, "word": None},
    ]  # fmt: skip
    warehouse, folder = Warehouse(str(tmp_path)), Path(Warehouse(str(tmp_path)).path(NAME))
    folder.mkdir(parents=True)
    stored(folder, pa.Table.from_pylist(rows, struct_of(made)))
    added = footers.written(str(folder), made, "a-job", shape.columns_with_statistics(made))
    commit.begin(warehouse, NAME, shape.shape_of(made), added, "a run")
    wanted = {
        "id > 2": (pc.field("id") > 2, [3]),
        "day IS NULL": (pc.field("day").is_null(), [1, 2, 3]),
        "flag": (pc.field("flag"), [1]),
        "money > 90071992547409930": (pc.field("money") > Decimal("90071992547409930.00"), [2]),
        "ratio = 0": (pc.field("ratio") == 0.0, [2]),
        "ratio < 2": (pc.field("ratio") < 2, [2, 3]),
        "word = 'b'": (pc.field("word") == "b", [2]),
    }
    table = DeltaTable(str(folder))
    found = {}
    for sql, (expression, _) in wanted.items():
        by_sql = pl.scan_delta(str(folder)).filter(pl.sql_expr(sql)).collect()["id"].to_list()
        by_filter = table.to_pyarrow_dataset().to_table(filter=expression)["id"].to_pylist()
        query = QueryBuilder().register("t", table).execute(f"SELECT id FROM t WHERE {sql}")
        found[sql] = [*map(sorted, (by_sql, by_filter, pa.table(query)["id"].to_pylist()))]
    assert found == {sql: [ids] * 3 for sql, (_, ids) in wanted.items()}


def test_far_instants_as_spark_writes_them_are_read(tmp_path: Path) -> None:
    """Arrow alone reads them as 1816: findings/pyarrow_int96_far_dates.sh."""
    far = dt.datetime(9999, 12, 31, 23, 59, 59, 999999, UTC)
    table = pa.table({"valid_to": pa.array([far, None], pa.timestamp("us", "UTC"))})
    warehouse, folder = Warehouse(str(tmp_path)), Path(Warehouse(str(tmp_path)).path(NAME))
    (folder / "a-job").mkdir(parents=True)
    place = folder / "a-job" / "part-0.parquet"
    parquet.write_table(table, place, use_deprecated_int96_timestamps=True)
    added = footers.written(str(folder), contract(), "a-job", ["valid_to"])
    commit.begin(warehouse, NAME, commit.shape_of(table.schema), added, "a run")
    held = data_files(warehouse, NAME, TableLog(warehouse, NAME).snapshot(0))
    later = pc.field("valid_to") > dt.datetime(2026, 1, 1, tzinfo=UTC)
    assert data_set(NAME, table.schema, held).to_table(filter=later).to_pylist() == [
        {"valid_to": far}
    ]
    assert read_files(NAME, table.schema, held, None).equals(table)


@pytest.mark.parametrize("zone", [None, "UTC"])
def test_the_last_moment_has_no_millisecond_behind_it(tmp_path: Path, zone: str | None) -> None:
    far = dt.datetime(9999, 12, 31, 23, 59, 59, 999999)
    for name, moments in (("a-job", [far]), ("b-job", [far - dt.timedelta(milliseconds=1)])):
        (tmp_path / name).mkdir()
        told = pa.array(moments, pa.timestamp("us")).cast(pa.timestamp("us", zone))
        parquet.write_table(pa.table({"valid_to": told}), tmp_path / name / "part-0.parquet")
        (file,) = footers.written(str(tmp_path), contract(), name, ["valid_to"])
        assert bool(json.loads(file.stats_json)["maxValues"]) == (name == "b-job")


def struct_of(made: Contract) -> pa.Schema:
    kinds = {
        "bigint": pa.int64(), "date": pa.date32(), "boolean": pa.bool_(), "double": pa.float64(),
        "decimal(38,2)": pa.decimal128(38, 2), "string": pa.string(),
    }  # fmt: skip
    return pa.schema([(field.name, kinds[field.type]) for field in made.fields])


def test_what_is_not_asked_for_is_not_told(tmp_path: Path) -> None:
    """A personal column's bounds would stay in the log."""
    stored(tmp_path)
    (file,) = footers.written(str(tmp_path), contract(), "a-job", ["id"])
    assert "word" not in file.stats_json


@pytest.mark.parametrize("name", ["word", "names"])
def test_a_null_in_a_required_column_is_refused(tmp_path: Path, name: str) -> None:
    stored(tmp_path)
    with pytest.raises(StrataError, match=rf"toy_kinds\.{name} does") as refused:
        footers.written(str(tmp_path), contract("id", name), "a-job", NAMES)
    assert refused.value.column == name


def test_a_list_without_a_null_is_proven_by_its_values(tmp_path: Path) -> None:
    """An empty list counts as a null in the footer, which counts what lies in lists."""
    stored(tmp_path, TABLE.slice(0, 2))
    assert len(footers.written(str(tmp_path), contract("names"), "a-job", [])) == 1


def test_files_without_rows_are_removed_and_notes_are_no_files(tmp_path: Path) -> None:
    empty = stored(tmp_path, TABLE.slice(0, 0))
    (empty.parent / "_temporary").mkdir()
    parquet.write_table(TABLE, empty.parent / "_temporary" / "part-1.parquet")
    assert footers.written(str(tmp_path), contract("id"), "a-job", NAMES) == []
    assert not empty.exists()


def test_the_doctor_finds_a_sound_file_sound(tmp_path: Path) -> None:
    """NULL beside fractions is no damage, nor is NaN."""
    assert file_check.scan(str(stored(tmp_path, rows_a_group=2))).problems == []
