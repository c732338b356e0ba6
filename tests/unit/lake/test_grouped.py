"""Few groups found, read and exchanged by Arrow: the same rows as plain Python gives, and no file
written again that need not be.
"""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from strata.declare.contract import Contract, Field
from strata.kit.groups import Keys
from strata.kit.row_ids import identity
from strata.lake.data_set import read_files
from strata.lake.exchange import Exchange, replace_rows
from strata.lake.grouped import Lies
from strata.lake.log import TableLog
from strata.lake.store import Store
from strata.lake.versions import Warehouse, read_arrow

SALES = Contract(
    "silver.shop_sales",
    "Sales.",
    "one row per sale",
    (
        Field("sale_date", "date", "Day."),
        Field("shop", "string", "Shop."),
        Field("sale_id", "bigint", "Id.", required=True, is_key=True),
        Field("_file_sha256", "string", "File.", is_provenance=True),
        Field("_record_number", "bigint", "Record.", is_provenance=True),
    ),
    allow_empty=True,
    order_by=("sale_date",),
)
SCHEMA = pa.schema(
    [
        ("sale_date", pa.date32()),
        ("shop", pa.string()),
        ("sale_id", pa.int64()),
        ("_file_sha256", pa.string()),
        ("_record_number", pa.int64()),
    ]
)
Row = tuple[dt.date | None, str | None, int]


def row(day: int | None, shop: str | None, number: int) -> Row:
    return (None if day is None else dt.date(2024, 1, 1) + dt.timedelta(day), shop, number)


def table_of(rows: list[Row]) -> pa.Table:
    names = SCHEMA.names
    return pa.Table.from_pylist(
        [dict(zip(names, (*r, "f", r[2]), strict=True)) for r in rows], SCHEMA
    )


def keys(column: str, *values: Any) -> Keys:
    return Keys(column, pa.array(dict.fromkeys(values), SCHEMA.field(column).type))


class Sales:
    """A table with one file for each batch of rows; no Spark."""

    def __init__(self, folder: Path) -> None:
        self.warehouse = Warehouse(str(folder))
        self.store = Store(None, self.warehouse, "run")  # type: ignore[arg-type]
        self.store.open_for_write(SALES, None)
        self.version = 0

    def append(self, *rows: Row) -> None:
        self.version = self.store.append(SALES, table_of(list(rows))).version

    def replace(self, touched: Keys, *rows: Row) -> Exchange:
        exchange = replace_rows(self.store, SALES, table_of(list(rows)), touched)
        assert exchange is not None
        self.version = exchange.commit.version
        return exchange

    def rows(self) -> Counter[Row]:
        held = read_arrow(self.warehouse, SALES.table, self.version, SCHEMA.names[:3])
        return Counter(tuple(r.values()) for r in held.to_pylist())

    def files(self) -> set[str]:
        return set(TableLog(self.warehouse, SALES.table).snapshot(self.version).adds)


@pytest.fixture
def sales(tmp_path: Path) -> Sales:
    return Sales(tmp_path)


def test_only_files_that_hold_a_touched_group_are_written_again(sales: Sales) -> None:
    sales.append(row(1, "a", 1), row(1, "b", 2))
    sales.append(row(2, "a", 3), row(3, "a", 4), row(3, "b", 5))
    sales.append(row(9, "c", 6), row(None, "c", 7))
    before = sales.files()
    days = [row(day, "", 0)[0] for day in (3, 4, 6)]
    exchange = sales.replace(keys("sale_date", *days), row(3, "a", 8), row(4, "b", 9))
    assert sales.rows() == Counter(
        [row(1, "a", 1), row(1, "b", 2), row(2, "a", 3), row(3, "a", 8), row(4, "b", 9),
         row(9, "c", 6), row(None, "c", 7)]
    )  # fmt: skip
    assert len(before & sales.files()) == 2
    assert (exchange.rows_gone, exchange.rows_kept, exchange.commit.rows_written) == (2, 1, 3)


def test_a_group_of_null_is_a_group_like_any_other(sales: Sales) -> None:
    sales.append(row(1, None, 1), row(1, "a", 2))
    sales.append(row(2, "b", 3))
    read = sales.store.groups(SALES.table, sales.version, keys("shop", None, "b"))
    assert sorted(read.rows(["sale_id"])["sale_id"].to_pylist()) == [1, 3]
    sales.replace(keys("shop", None))
    assert sales.rows() == Counter([row(1, "a", 2), row(2, "b", 3)])


def test_a_quick_look_at_one_column_spares_the_others_of_most_files(sales: Sales) -> None:
    sales.append(row(1, "a1", 1), row(2, "b1", 2))
    sales.append(row(3, "a2", 3), row(4, None, 4))
    asked: list[list[str | None]] = []

    def lie(rows: pa.Table) -> pa.ChunkedArray:
        asked.append(rows["shop"].to_pylist())
        return pc.equal(rows["shop"], "a2")

    def may(shops: pa.ChunkedArray) -> pa.ChunkedArray:
        return pc.ends_with(shops, "2")

    def found(*files: str) -> list[int]:
        by = Lies(("shop",), lie, Keys("_file_sha256", pa.array(files, pa.string())), may)
        held = sales.store.groups(SALES.table, sales.version, keys("shop", "a"), by)
        return held.rows(["sale_id"])["sale_id"].to_pylist()

    assert (found("g"), asked) == ([3], [["a2", None]])
    asked.clear()
    assert found("f") == [3]
    assert sorted(asked, key=str) == [["a1", "b1"], ["a2", None]]


def test_ids_are_read_of_groups_alone_of_which_an_identity_is_asked(
    sales: Sales, monkeypatch: pytest.MonkeyPatch
) -> None:
    sales.append(row(1, "a", 1), row(2, "b", 2))
    sales.append(row(3, "a", 3))
    asked: list[str] = []

    def read(table: str, schema: pa.Schema, held: list[Any], columns: list[str]) -> pa.Table:
        asked.extend(columns)
        return read_files(table, schema, held, columns)

    monkeypatch.setattr("strata.lake.grouped.read_files", read)
    held = sales.store.groups(SALES.table, sales.version, keys("shop", "a"))
    assert (held.count, sorted(held.rows(["sale_id"])["sale_id"].to_pylist())) == (2, [1, 3])
    assert set(asked) == {"shop", "sale_id"}
    assert held.identity == identity(pa.chunked_array([["f", "f"]]), pa.chunked_array([[1, 3]]))
    none = sales.store.groups(SALES.table, sales.version, keys("shop", "z"))
    assert (none.count, none.identity) == (0, 0)


def test_what_touches_nothing_makes_no_commit(sales: Sales) -> None:
    sales.append(row(1, "a", 1))
    before = sales.version
    exchange = sales.replace(keys("shop", "z"))
    assert (exchange.commit.version, exchange.rows_gone) == (before, 0)


def test_groups_whose_files_hold_too_many_rows_are_left_to_spark(sales: Sales) -> None:
    sales.append(row(1, "a", 1), row(2, "b", 2))
    before = sales.files()
    assert replace_rows(sales.store, SALES, table_of([]), keys("shop", "a"), most=1) is None
    assert sales.store.latest(SALES.table) == sales.version
    assert sales.files() == before


@pytest.mark.parametrize("seed", range(8))
def test_any_exchanges_equal_plain_python(sales: Sales, seed: int) -> None:
    chance = random.Random(seed)
    held: list[Row] = []
    for step in range(6):
        name, place = chance.choice([("sale_date", 0), ("shop", 1)])
        new = [
            row(chance.choice([None, *range(6)]), chance.choice([None, "a", "b"]), 100 * step + n)
            for n in range(chance.randrange(6))
        ]
        more = [row(chance.choice([None, *range(6)]), chance.choice([None, "a", "b"]), 0)]
        wanted = {one[place] for one in (*new, *more)}
        gone = [one for one in held if one[place] in wanted]
        exchange = sales.replace(keys(name, *wanted), *new)
        held = [one for one in held if one[place] not in wanted] + new
        assert sales.rows() == Counter(held), f"seed {seed}, step {step}, by {name}"
        assert exchange.rows_gone == len(gone)
        ids = table_of(gone)
        assert exchange.identity_gone == identity(ids["_file_sha256"], ids["_record_number"])
        lying = sales.store.groups(SALES.table, sales.version, keys(name, *wanted)).rows()
        assert Counter(lying["sale_id"].to_pylist()) == Counter(one[2] for one in new)
