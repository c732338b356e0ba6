"""A file whose footer gives other columns than its table's log is told, by doctor and by readers."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet
from strata.errors import Damaged
from strata.lake import commit, data_file, file_check
from strata.lake.columns import is_stored_as
from strata.lake.log import TableLog
from strata.lake.statistics import wrong_statistics
from strata.lake.versions import Warehouse, read_arrow

TABLE = "silver.toy_flips"
AT = datetime(2024, 1, 2, tzinfo=timezone.utc)
UTC_US = pa.timestamp("us", "UTC")
PAIR = pa.struct([("low", pa.int64()), ("high", pa.int64())])
ROWS = pa.table(
    {
        "at": pa.array([AT], UTC_US),
        "extra": pa.array([[("a", "1")]], pa.map_(pa.string(), pa.string())),
        "ranges": pa.array([[{"low": 1, "high": 2}]], pa.list_(PAIR)),
    }
)
MILLIS, NO_ZONE = pa.timestamp("ms", "UTC"), pa.timestamp("us")
OTHER_NAME = pa.list_(pa.struct([("lox", pa.int64()), ("high", pa.int64())]))


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    found = Warehouse(str(tmp_path))
    file = data_file.write_table(found.path(TABLE), ROWS)
    commit.begin(found, TABLE, commit.shape_of(ROWS.schema), [file], "run-1")
    return found


@pytest.mark.parametrize(
    ("column", "kind", "told"),
    [
        ("at", MILLIS, "its column at is timestamp[ms, tz=UTC], the table's is timestamp[us"),
        ("extra", pa.map_(pa.string(), pa.binary()), "its column extra is map<string, binary"),
        ("ranges", OTHER_NAME, "its column ranges is list<"),
    ],
)
def test_another_type_under_the_name_is_told(
    warehouse: Warehouse, column: str, kind: pa.DataType, told: str
) -> None:
    """As one bit of a footer makes it: the pages and their checksums are what was written."""
    [path] = Path(warehouse.path(TABLE)).glob("*.parquet")
    assert read_arrow(warehouse, TABLE, 0) == ROWS
    changed = pa.array(ROWS[column].to_pylist(), ROWS.schema.field(column).type)
    if column == "ranges":
        changed = pa.array([[{"lox": 1, "high": 2}]], kind)
    place = ROWS.schema.get_field_index(column)
    parquet.write_table(ROWS.set_column(place, column, changed.cast(kind)), path)

    snapshot = TableLog(warehouse, TABLE).snapshot(0)
    problems = wrong_statistics(
        next(iter(snapshot.adds.values())), file_check.scan(str(path)), snapshot.metadata
    )
    assert [found for found in problems if found.startswith(told)]
    with pytest.raises(Damaged, match="a file has its table's columns"):
        read_arrow(warehouse, TABLE, 0)


@pytest.mark.parametrize(
    ("wanted", "kind", "fits"),
    [
        (UTC_US, UTC_US, True),
        (UTC_US, NO_ZONE, False),
        (NO_ZONE, UTC_US, False),
        # Spark's INT96, to Arrow.
        (UTC_US, pa.timestamp("ns"), True),
        # A field was added to the table after the file.
        (PAIR, pa.struct([("low", pa.int64())]), True),
        (PAIR, pa.struct([("lox", pa.int64())]), False),
        (pa.decimal128(18, 2), pa.decimal128(18, 3), False),
        (pa.list_(pa.string()), pa.list_(pa.field("element", pa.string())), True),
        (pa.string(), pa.binary(), False),
    ],
)
def test_a_type_is_the_tables_throughout(
    wanted: pa.DataType, kind: pa.DataType, fits: bool
) -> None:
    assert is_stored_as(wanted, kind) is fits
