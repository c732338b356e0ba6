"""The exchange of touched groups: the same rows as plain Python gives, and no file written again
that need not be.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from strata import failpoint
from strata.declare.contract import Contract, Field, struct_type
from strata.errors import CommitUnknown, ConservationError, StrataError
from strata.kit.groups import Bounds, Groups, groups_of
from strata.lake import data_file, spark_files, versions
from strata.lake.compact import compact
from strata.lake.exchange import Exchange, replace_groups
from strata.lake.log import TableLog
from strata.lake.store import Store
from strata.lake.versions import Warehouse
from strata.ledger import seal as integrity
from strata.ledger.publication import TableState
from strata.run import written as checks

from tests.frames import local_frame

pytestmark = pytest.mark.spark

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
FIRST = dt.date(2024, 1, 1)
Row = tuple[dt.date | None, str | None, int, str, int]


def row(day: int | None, shop: str | None, number: int, file: str = "f") -> Row:
    return (None if day is None else FIRST + dt.timedelta(day), shop, number, file, number)


class Table:
    """A table with one file for each batch of rows."""

    def __init__(self, spark: SparkSession, folder: Path, contract: Contract = SALES) -> None:
        self.spark, self.contract = spark, contract
        self.warehouse = Warehouse(str(folder))
        self.store = Store(spark, self.warehouse, "run")
        self.store.open_for_write(contract, None)
        self.version = 0

    def frame(self, rows: list[Row]) -> DataFrame:
        return local_frame(
            self.spark, rows, struct_type(self.contract.fields, enforce_required=False)
        )

    def append(self, *rows: Row) -> None:
        self.version = self.store.append(self.contract, self.frame(list(rows)).coalesce(1)).version

    def touched(self, columns: tuple[str, ...], *rows: Row) -> Groups:
        return groups_of([self.frame(list(rows))], columns, (), lambda frame: frame)

    def replace(self, touched: Groups, *rows: Row) -> Exchange:
        exchange = replace_groups(
            self.store, self.contract, self.frame(list(rows)), len(rows), touched
        )
        self.version = exchange.commit.version
        return exchange

    def rows(self) -> Counter[tuple[Any, ...]]:
        held = versions.read_arrow(self.warehouse, self.contract.table, self.version)
        return Counter(tuple(row.values()) for row in held.to_pylist())

    def files(self) -> set[str]:
        return set(TableLog(self.warehouse, self.contract.table).snapshot(self.version).adds)


@pytest.fixture
def table(spark: SparkSession, tmp_path: Path) -> Table:
    return Table(spark, tmp_path)


def test_only_files_that_hold_a_touched_group_are_written_anew(table: Table) -> None:
    table.append(row(1, "a", 1), row(1, "b", 2))
    table.append(row(2, "a", 3), row(3, "a", 4), row(3, "b", 5))
    table.append(row(9, "c", 6))
    before = table.files()

    exchange = table.replace(
        table.touched(("sale_date",), row(3, "x", 0), row(4, "x", 0)),
        row(3, "a", 7),
        row(4, "a", 8),
        row(4, "b", 9),
    )

    assert table.rows() == Counter(
        [
            row(1, "a", 1),
            row(1, "b", 2),
            row(2, "a", 3),
            row(3, "a", 7),
            row(4, "a", 8),
            row(4, "b", 9),
            row(9, "c", 6),
        ]
    )
    assert len(before & table.files()) == 2
    assert (exchange.rows_gone, exchange.rows_kept, exchange.commit.rows_written) == (2, 1, 4)


def test_what_is_gone_is_told_by_the_hash_of_its_ids(table: Table) -> None:
    table.append(row(1, "a", 1), row(2, "a", 2), row(2, "b", 3))

    exchange = table.replace(table.touched(("sale_date",), row(2, "", 0)))

    gone = (
        table.frame([row(2, "a", 2), row(2, "b", 3)])
        .selectExpr("bit_xor(xxhash64(_file_sha256, _record_number))")
        .collect()[0][0]
    )
    assert exchange.identity_gone == gone != 0
    assert table.rows() == Counter([row(1, "a", 1)])


def test_a_null_group_is_a_group_like_any_other(table: Table) -> None:
    table.append(row(None, "a", 1), row(None, None, 2), row(1, None, 3), row(1, "a", 4))

    table.replace(
        table.touched(("sale_date", "shop"), row(None, None, 0), row(1, "a", 0)), row(None, None, 5)
    )

    assert table.rows() == Counter([row(None, "a", 1), row(None, None, 5), row(1, None, 3)])


def test_an_exchange_of_nothing_for_nothing_leaves_no_commit(table: Table) -> None:
    table.append(row(1, "a", 1))
    before = table.version

    exchange = table.replace(table.touched(("sale_date",), row(5, "", 0)))

    assert (exchange.commit.version, exchange.rows_gone, exchange.rows_kept) == (before, 0, 0)
    assert table.rows() == Counter([row(1, "a", 1)])


def test_an_empty_table_is_filled(table: Table) -> None:
    assert (
        table.replace(
            table.touched(("sale_date",), row(1, "", 0)), row(1, "a", 1)
        ).commit.rows_written
        == 1
    )
    assert table.rows() == Counter([row(1, "a", 1)])


def test_a_required_column_stays_required(table: Table) -> None:
    """Delta's own constraint, behind the gate."""
    table.append(row(1, "a", 1))
    broken = table.frame([row(1, "a", 1)]).selectExpr(
        "sale_date", "shop", "cast(null as bigint) as sale_id", "_file_sha256", "_record_number"
    )

    with pytest.raises(Exception, match="a required column holds no NULL"):
        replace_groups(table.store, SALES, broken, 1, table.touched(("sale_date",), row(1, "", 0)))

    assert versions.latest_version(table.warehouse, SALES.table) == table.version


@pytest.mark.parametrize("partitioned", [False, True])
def test_a_table_that_only_delta_can_read_is_exchanged_alike(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, partitioned: bool
) -> None:
    """One with partitions, and one of more files than are read without Delta."""
    fields = tuple(
        replace(field, is_partition=partitioned and field.name == "sale_date")
        for field in SALES.fields
    )
    table = Table(spark, tmp_path, replace(SALES, fields=fields, order_by=()))

    monkeypatch.setattr(spark_files, "MOST_PLAIN_FILES", 0)
    table.append(row(1, "a", 1), row(2, "a", 2))
    table.append(row(3, "ä/?%", 3), row(3, "b", 4))
    held = table.files()

    table.replace(table.touched(("sale_date",), row(3, "", 0)), row(3, "ä/?%", 5))

    read = (
        table.store.read(table.contract.table, table.version)
        .select(*table.contract.columns)
        .collect()
    )
    assert Counter(map(tuple, read)) == Counter([row(1, "a", 1), row(2, "a", 2), row(3, "ä/?%", 5)])
    assert len(held - table.files()) == 1


@pytest.mark.parametrize("seed", range(3))
def test_a_chain_of_exchanges_gives_what_plain_python_gives(table: Table, seed: int) -> None:
    chance = random.Random(seed)
    held: list[Row] = []
    for step in range(5):
        columns = chance.choice([("sale_date",), ("shop",), ("shop", "sale_date")])
        new = [
            row(chance.choice([None, *range(6)]), chance.choice([None, "a", "b"]), 100 * step + n)
            for n in range(chance.randrange(6))
        ]
        more = [
            row(chance.choice([None, *range(6)]), chance.choice([None, "a", "b"]), 0)
            for _ in range(2)
        ]
        places = [SALES.columns.index(name) for name in columns]

        def group(of: Row, places: list[int] = places) -> tuple[Any, ...]:
            return tuple(of[place] for place in places)

        wanted = {group(one) for one in (*new, *more)}
        gone = [one for one in held if group(one) in wanted]
        exchange = table.replace(table.touched(columns, *new, *more), *new)
        held = [one for one in held if group(one) not in wanted] + new
        assert table.rows() == Counter(held), f"seed {seed}, step {step}, by {columns}"
        assert exchange.rows_gone == len(gone)


def test_files_that_the_log_does_not_count_are_refused_before_anything_is_written(
    table: Table,
) -> None:
    uncounted = replace(written(table, row(1, "a", 1)), stats={})
    table.version = table.store.append_files(SALES, [uncounted]).version

    with pytest.raises(StrataError, match=r"counts their rows.*--full"):
        table.replace(table.touched(("sale_date",), row(1, "", 0)), row(1, "a", 2))

    assert table.rows() == Counter([row(1, "a", 1)])


def test_a_row_of_a_group_that_is_not_touched_stops_the_run(table: Table) -> None:
    touched = table.touched(("shop",), row(1, " a", 0), row(1, None, 0))

    checks.assert_touched(SALES.table, table.frame([row(1, " a", 1), row(1, None, 2)]), touched)
    with pytest.raises(
        StrataError, match=r"silver.shop_sales gives rows of others.*shop.*add_group"
    ):
        checks.assert_touched(SALES.table, table.frame([row(1, "a", 1)]), touched)


def test_what_was_counted_must_be_what_the_log_holds(table: Table) -> None:
    table.append(row(1, "a", 1), row(2, "a", 2))
    table.replace(table.touched(("sale_date",), row(2, "", 0)), row(2, "b", 3), row(2, "c", 4))

    assert integrity.seal(
        table.warehouse, TableState(SALES.table, table.version, rows=3), None
    ).manifest
    with pytest.raises(ConservationError, match="should have 4, its log names 3"):
        integrity.seal(table.warehouse, TableState(SALES.table, table.version, rows=4), None)


# --- what the commit stands on -------------------------------------------------------------------


WRITES = {
    "exchange": lambda table: table.replace(
        table.touched(("shop",), row(1, "a", 0)), row(1, "a", 2)
    ),
    "overwrite": lambda table: table.store.overwrite(SALES, table.frame([row(1, "a", 2)])),
    "files": lambda table: table.store.append_files(SALES, [written(table, row(1, "a", 2))]),
}


def written(table: Table, *rows: Row) -> data_file.DataFile:
    return data_file.write_table(
        table.warehouse.path(SALES.table), table.frame(list(rows)).toArrow()
    )


@dataclass
class Meanwhile(failpoint.Failpoint):
    """Something that happens once while a run is at this point."""

    work: Callable[[], object] = lambda: None

    def _fire(self, subject: str) -> None:
        self.work()


@pytest.mark.parametrize("way", sorted(WRITES))
@pytest.mark.parametrize("moment", ["commit.before", "log.before"])
def test_no_commit_stands_on_a_version_that_its_run_has_not_read(
    table: Table, monkeypatch: pytest.MonkeyPatch, way: str, moment: str
) -> None:
    """Another program adds a row before the table is opened for the commit, or right before the
    commit is sent: both its row and what stood are left.
    """
    table.append(row(1, "a", 1))
    write = WRITES[way]
    meanwhile = Meanwhile(
        moment, SALES.table, 1, "crash", work=lambda: table.append(row(2, "b", 9))
    )
    monkeypatch.setattr(failpoint, "armed", meanwhile)
    with pytest.raises(CommitUnknown, match=r"silver\.shop_sales went from version 1 to 2"):
        write(table)

    assert versions.latest_version(table.warehouse, SALES.table) == table.version == 2
    assert table.rows() == Counter([row(1, "a", 1), row(2, "b", 9)])


@pytest.mark.parametrize("partitioned", [False, True])
def test_an_overwrite_takes_out_all_that_stood_behind_a_checkpoint_too(
    spark: SparkSession, tmp_path: Path, partitioned: bool
) -> None:
    fields = tuple(
        replace(field, is_partition=partitioned and field.name == "shop") for field in SALES.fields
    )
    table = Table(spark, tmp_path, replace(SALES, fields=fields))
    for number in range(11):
        table.append(row(1, "ä/?%", number), row(1, None, 100 + number))
    assert TableLog(table.warehouse, SALES.table).checkpoints

    table.version = table.store.overwrite(
        table.contract, table.frame([row(2, "b", 5), row(2, None, 6)])
    ).version

    assert Counter(
        map(
            tuple,
            spark.read.format("delta")
            .load(table.warehouse.path(SALES.table))
            .select(*SALES.columns)
            .collect(),
        )
    ) == Counter([row(2, "b", 5), row(2, None, 6)])
    assert table.store.overwrite(table.contract, table.frame([])).rows_written == 0
    assert spark.read.format("delta").load(table.warehouse.path(SALES.table)).count() == 0


# --- bounds --------------------------------------------------------------------------------------


def test_bounds_are_told_of_ordered_columns_that_are_not_personal(
    table: Table,
) -> None:
    rows = [row(3, "b", 5), row(1, "a", 4), row(2, None, 9)]
    made = groups_of(
        [table.frame(rows)], ("sale_date", "shop", "sale_id"), {"sale_id"}, lambda frame: frame
    )

    assert made.bounds == (
        Bounds("sale_date", "date", "2024-01-02", "2024-01-04"),
        Bounds("shop", "string", "a", "b", has_null=True),
    )
    assert groups_of([table.frame([])], ("sale_date",), (), lambda frame: frame).bounds == ()


def test_bounds_are_not_asked_of_a_column_of_another_type(
    spark: SparkSession, table: Table
) -> None:
    """As text, "10" comes before "9"."""
    table.append(row(1, "a", 9), row(1, "a", 10), row(1, "a", 11))
    texts = groups_of(
        [spark.createDataFrame([("9",), ("10",)], "sale_id string")],
        ("sale_id",),
        (),
        lambda frame: frame,
    )

    assert texts.bounds == (Bounds("sale_id", "string", "10", "9", values=("10", "9")),)
    assert {
        kept.sale_id
        for kept in texts.rows_of(table.store.read(SALES.table, table.version)).collect()
    } == {9, 10}


def test_few_values_and_null_leave_out_what_lies_between_them(
    table: Table, capsys: pytest.CaptureFixture[str]
) -> None:
    table.append(row(0, "a", 0), row(None, "a", 1), row(5, "a", 2), row(9, "a", 3))
    touched = table.touched(("sale_date",), row(None, "", 0), row(0, "", 0), row(9, "", 0))

    rows = touched.rows_of(table.store.read(SALES.table, table.version))

    assert sorted(kept.sale_id for kept in rows.collect()) == [0, 1, 3]
    rows.explain(mode="formatted")
    assert "IsNull(sale_date)" in capsys.readouterr().out


def test_bounds_hold_for_days_that_python_does_not_know(spark: SparkSession, table: Table) -> None:
    old = spark.sql("select date'0024-05-01' as sale_date union all select date'-0003-01-01'")
    touched = groups_of([old], ("sale_date",), (), lambda frame: frame)

    assert (
        touched.rows_of(old.unionByName(spark.sql("select date'2024-05-01' as sale_date"))).count()
        == 2
    )


def test_another_set_of_columns_is_refused(table: Table) -> None:
    table.append(row(1, "a", 1))
    wider = replace(SALES, fields=(*SALES.fields, Field("note", "string", "Note.")))

    with pytest.raises(StrataError, match=r"contract's columns.*--full"):
        replace_groups(
            table.store, wider, table.frame([]), 0, table.touched(("sale_date",), row(1, "", 0))
        )


def test_bounds_leave_out_what_lies_outside_of_them_when_the_files_are_read(
    table: Table, capsys: pytest.CaptureFixture[str]
) -> None:
    for day in range(4):
        table.append(row(day, "a", day))
    touched = table.touched(("sale_date",), row(2, "", 0))

    touched.rows_of(table.store.read(SALES.table, table.version)).explain(mode="formatted")

    plan = capsys.readouterr().out
    assert "GreaterThanOrEqual(sale_date,2024-01-03)" in plan
    assert "LessThanOrEqual(sale_date,2024-01-03)" in plan


def test_files_hold_stretches_of_the_order(spark: SparkSession, table: Table) -> None:
    rows = [row(number * 37 % 100, "a", number) for number in range(100)]
    spark.conf.set("spark.sql.files.maxRecordsPerFile", "25")
    try:
        table.append(*rows)
    finally:
        spark.conf.unset("spark.sql.files.maxRecordsPerFile")

    assert_in_stretches(table, 4)


def test_a_compaction_puts_the_whole_table_into_its_order(table: Table) -> None:
    rows = [row(number * 37 % 400, "a", number) for number in range(400)]
    for start in range(0, 400, 50):
        table.append(*rows[start : start + 50])
    sizes = [
        add["size"]
        for add in TableLog(table.warehouse, SALES.table).snapshot(table.version).adds.values()
    ]

    table.version = compact(table.store, SALES, sum(sizes), sum(sizes) // 3)

    assert table.rows() == Counter(rows)
    assert_in_stretches(table, 3)


def test_files_that_a_compaction_makes_are_not_cut_as_those_of_a_run(
    spark: SparkSession, table: Table
) -> None:
    for number in range(6):
        table.append(row(number, "a", number))
    spark.conf.set("spark.sql.files.maxRecordsPerFile", "2")
    try:
        table.version = compact(table.store, SALES, 1 << 20, 1 << 22)
        assert spark.conf.get("spark.sql.files.maxRecordsPerFile") == "2"
    finally:
        spark.conf.unset("spark.sql.files.maxRecordsPerFile")

    assert_in_stretches(table, 1)


def test_a_table_made_before_it_had_an_order_is_compacted_without(
    spark: SparkSession, tmp_path: Path
) -> None:
    """Delta keeps the bounds that it was asked for when the table was made."""
    table = Table(spark, tmp_path, replace(SALES, order_by=()))
    table.append(row(1, "a", 1))
    table.append(row(2, "b", 2))

    table.version = compact(table.store, replace(SALES, order_by=("shop",)), 1 << 20, 1 << 22)

    assert len(table.files()) == 1
    assert table.rows() == Counter([row(1, "a", 1), row(2, "b", 2)])


def assert_in_stretches(table: Table, count: int) -> None:
    """So many files, of which none holds days that lie between those of another."""
    adds = TableLog(table.warehouse, SALES.table).snapshot(table.version).adds.values()
    told = [json.loads(add["stats"]) for add in adds]
    bounds = sorted(
        (stats["minValues"]["sale_date"], stats["maxValues"]["sale_date"]) for stats in told
    )
    assert len(bounds) == count
    assert all(one[1] <= other[0] for one, other in itertools.pairwise(bounds))
