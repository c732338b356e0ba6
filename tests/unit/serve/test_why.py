"""Why a figure is what it is, down to the raw record; and up again from a record."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from strata.cli import main
from strata.declare.contract import load_contract
from strata.errors import UsageError
from strata.lake.versions import Warehouse
from strata.ledger.publication import FileEntry
from strata.serve import why
from strata.serve.published import Published

from tests.unit.serve import small

A, B = "a1" * 32, "b2" * 32
RAW = [  # file, record, sale, shop, day, amount
    (A, 1, "s1", "x", "2026-02-01", "10"), (A, 2, "s2", "x", "2026-02-01", "5"), (A, 3, "s3", "?", "2026-02-01", "7"),
    (B, 1, "s1", "x", "2026-02-01", "10"), (B, 2, "s4", "x", "2026-02-02", "1"),
]  # fmt: skip
FILES = (
    FileEntry("sales", "in/a.csv", A, 10, 3, "taken", "sales", "bronze.toy_sales"),
    FileEntry("sales", "b.csv", B, 10, 4, "taken", "sales", "bronze.toy_sales"),
    FileEntry(
        "sales",
        "copy.csv",
        A,
        10,
        3,
        "folded",
        "sales",
        "bronze.toy_sales",
        "the same bytes as in/a.csv",
    ),
)


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    made = Warehouse(str(tmp_path))
    bronze = [
        {
            "sale_id": sale, "shop_id": shop, "sale_date": day, "amount_eur": amount, "_file_sha256": file,
            "_record_number": number, "_source_file": "sales/in/a.csv" if file == A else "sales/b.csv",
        }
        for file, number, sale, shop, day, amount in RAW
    ]  # fmt: skip
    columns = [name for name in load_contract("bronze.toy_sales").columns if name in bronze[0]]
    silver = [
        {
            "sale_id": sale, "shop_id": shop, "sale_date": date.fromisoformat(day), "amount_eur": Decimal(amount),
            "_file_sha256": file, "_record_number": number,
        }
        for file, number, sale, shop, day, amount in RAW
        if shop != "?" and (file, number) != (B, 1)
    ]  # fmt: skip
    rejected = [
        {
            "sale_id": "s3",
            "_file_sha256": A,
            "_record_number": 3,
            "_reasons": ["the shop must be known"],
        }
    ]
    unparsed = [{"_file_sha256": B, "_record_number": 3, "_reasons": ["the record does not parse"]}]
    gold = [
        {"sale_date": date(2026, 2, 1), "amount_eur": Decimal(15), "sales": 2},
        {"sale_date": date(2026, 2, 2), "amount_eur": Decimal(1), "sales": 1},
    ]
    small.publish(
        made,
        {
            "bronze.toy_sales": pa.Table.from_pylist(bronze).select(columns),
            "silver.toy_sales": pa.Table.from_pylist(silver),
            "gold.toy_days": pa.Table.from_pylist(gold),
        },
        {
            "silver.toy_sales": pa.Table.from_pylist(rejected),
            "bronze.toy_sales": pa.Table.from_pylist(unparsed),
        },
        files=FILES,
    )
    return made


def test_a_figure_rests_on_the_rows_and_records_behind_it(warehouse: Warehouse) -> None:
    row, step = why.figure(Published(warehouse), "gold.toy_days", {"sale_date": "2026-02-01"})
    assert row == {"sale_date": date(2026, 2, 1), "amount_eur": Decimal(15), "sales": 2}
    (silver,) = [inner for inner in step.inputs if inner.table == "silver.toy_sales"]
    assert (silver.rows, silver.total, silver.by) == (2, 3, ("sale_date",))
    assert sorted(key["sale_id"] for key in silver.keys) == ["s1", "s2"]
    (bronze,) = [inner for inner in silver.inputs if inner.table == "bronze.toy_sales"]
    assert bronze.files == (("sales/in/a.csv", (1, 2), 2),)


@pytest.mark.parametrize(
    ("file", "number", "outcome", "detail"),
    [
        ("a.csv", 1, "accepted", "sale_id s1"),
        ("in/a.csv", 3, "quarantined", "the shop must be known"),
        ("b.csv", 1, "folded", "into record 1 of sales/in/a.csv"),
        (B[:8], 2, "accepted", "sale_id s4"),
    ],
)
def test_a_record_is_followed(
    warehouse: Warehouse, file: str, number: int, outcome: str, detail: str
) -> None:
    _, fates = why.record(Published(warehouse), file, number)
    assert [(fate.outcome, fate.detail) for fate in fates if fate.table == "silver.toy_sales"] == [
        (outcome, detail)
    ]


@pytest.mark.parametrize(
    ("number", "outcome", "detail"),
    [
        (3, "quarantined", "the record does not parse"),
        (4, "folded", "no row of it is kept; `strata gates` has the reasons"),
    ],
)
def test_a_record_that_bronze_has_not_is_followed_too(
    warehouse: Warehouse, number: int, outcome: str, detail: str
) -> None:
    _, fates = why.record(Published(warehouse), "b.csv", number)
    assert fates == [why.Fate("bronze.toy_sales", outcome, detail)]


def test_a_file_that_was_not_taken_says_why(warehouse: Warehouse) -> None:
    entry, fates = why.record(Published(warehouse), "copy.csv", 1)
    assert (entry.path, fates) == (
        "copy.csv",
        [why.Fate("", "folded", "the same bytes as in/a.csv")],
    )


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (lambda p: why.figure(p, "gold.toy_days", {"sale_date": "2030-01-01"}), "no row of gold.toy_days has sale_date=2030-01-01"),
        (lambda p: why.figure(p, "gold.toy_days", {"nope": "1"}), "nope is none of them"),
        (lambda p: why.figure(p, "gold.toy_days", {"sale_date": "x"}), "cannot be looked up"),
        (lambda p: why.record(p, "a.csv", 9), "in/a.csv has 3, not 9"),
        (lambda p: why.record(p, "a.csv", 0), "in/a.csv has 3, not 0"),
        (lambda p: why.record(p, "z.csv", 1), "0 match 'z.csv'"),
    ],
)  # fmt: skip
def test_what_cannot_be_told_is_a_sentence(warehouse: Warehouse, ask: Any, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        ask(Published(warehouse))


def test_the_command_prints_the_chain(
    warehouse: Warehouse, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        main(["why", "gold.toy_days", "sale_date=2026-02-01", "--warehouse", warehouse.root]) == 0
    )
    out = capsys.readouterr().out
    assert "└ silver.toy_sales (version 0): 2 of 3 rows, same sale_date" in out
    assert "sales/in/a.csv: 2 records (1, 2)" in out
    assert main(["why", "--record", "in/a.csv:3", "--warehouse", warehouse.root]) == 0
    assert "silver.toy_sales: quarantined: the shop must be known" in capsys.readouterr().out
    assert main(["why", "--warehouse", warehouse.root]) == 2
