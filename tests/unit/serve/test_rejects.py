"""Records counted as valid or not, and written out with their reasons; no personal field among them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from strata.declare.contract import load_contract, quarantine_contract
from strata.declare.feed import load_feed
from strata.lake.versions import Warehouse
from strata.ledger import attempts
from strata.ledger.attempts import Attempt
from strata.ledger.publication import FileEntry
from strata.serve import rejects
from strata.serve.export.types import arrow_type

from tests.unit.serve import small

A, B = "a1" * 32, "b2" * 32
FILES = (
    FileEntry("sales", "in/a.csv", A, 10, 3, "taken", "sales", "bronze.toy_sales"),
    FileEntry("sales", "b.csv", B, 10, 2, "taken", "sales", "bronze.toy_sales"),
)
TORN = FileEntry("sales", "torn.csv", "c3" * 32, 4, 0, "rejected", detail="a quote is never closed")
LATE = "sale_date must not lie after the delivery"
# Two rules reject record 2 of A, each in a table of its own: one record is invalid.
REJECTED = [
    ("bronze.toy_sales", {"sale_id": "s2", "amount": "5x"}, A, 2, ["amount must be a number"]),
    ("silver.toy_sales", {"sale_id": "s2", "amount_eur": None}, A, 2, ["a sale must have an amount"]),
    ("silver.toy_sales", {"sale_id": "s4", "amount_eur": None}, B, 2, [LATE, "a sale must have an amount"]),
]  # fmt: skip


def rows(table: str, given: list[dict[str, Any]], rejected: bool = False) -> pa.Table:
    contract = load_contract(table)
    contract = quarantine_contract(contract) if rejected else contract
    return pa.Table.from_pylist(
        given, pa.schema([(f.name, arrow_type(f.type)) for f in contract.fields])
    )


def quarantined(table: str) -> pa.Table:
    found = [
        {**values, "_file_sha256": file, "_record_number": number, "_reasons": reasons}
        for own, values, file, number, reasons in REJECTED
        if own == table
    ]
    return rows(table, found, rejected=True)


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    made = Warehouse(str(tmp_path / "warehouse"))
    tables = ("bronze.toy_sales", "silver.toy_sales")
    held = {
        "bronze.toy_sales": [{"sale_id": n} for n in ("s1", "s3", "s1", "s4")],
        "silver.toy_sales": [{"sale_id": "s1"}],
    }
    small.publish(
        made,
        {table: rows(table, held[table]) for table in tables},
        {table: quarantined(table) for table in tables},
        FILES,
    )
    return made


def lines(folder: Path, feed: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / f"{feed}.jsonl").read_text().splitlines()]


def test_a_record_with_several_rejected_rows_is_one_invalid_record(warehouse: Warehouse) -> None:
    (found,) = rejects.counts(warehouse, load_feed("toy"))
    assert (found.table, found.records, found.valid, found.invalid) == ("bronze.toy_sales", 5, 3, 2)


@pytest.mark.parametrize("most_here", [0, 10])
def test_two_rows_of_one_record_in_one_table_are_one_invalid_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most_here: int
) -> None:
    """Counted by DuckDB, and in this process."""
    monkeypatch.setattr(rejects, "_MOST_HERE", most_here)
    made, table = Warehouse(str(tmp_path)), "silver.toy_sales"
    bad = {"sale_id": "s2", "_file_sha256": A, "_record_number": 2, "_reasons": ["no"]}
    small.publish(
        made,
        {"bronze.toy_sales": rows("bronze.toy_sales", [{"sale_id": "s2"}]), table: rows(table, [])},
        {table: rows(table, [bad, bad], rejected=True)},
        FILES,
    )
    (found,) = rejects.counts(made, load_feed("toy"))
    assert (found.records, found.invalid) == (1, 1)


def test_each_rejected_row_and_file_is_a_line_with_its_reasons(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    folder = tmp_path / "rejects"
    assert rejects.write(warehouse, load_feed("toy"), str(folder), [TORN]) == 4
    found = lines(folder, "toy")
    assert found[0] == {
        "feed": "toy", "table": None, "file": "sales/torn.csv", "file_sha256": "c3" * 32,
        "record_number": None, "reasons": ["a quote is never closed"],
    }  # fmt: skip
    assert [(o["table"], o["file"], o["record_number"], o["reasons"]) for o in found[1:]] == [
        (table, "sales/in/a.csv" if file == A else "sales/b.csv", number, reasons)
        for table, _, file, number, reasons in REJECTED
    ]
    assert found[1]["values"] == {"sale_id": "s2", "amount": "5x"}
    # Written again it is the same file, whole: nothing is left aside.
    rejects.write(warehouse, load_feed("toy"), str(folder), [TORN])
    assert lines(folder, "toy") == found
    assert [path.name for path in folder.iterdir()] == ["toy.jsonl"]


def test_what_a_gate_said_no_to_is_told_with_the_reasons_of_the_attempt(tmp_path: Path) -> None:
    empty = Warehouse(str(tmp_path / "empty"))
    told = {
        "table": "silver.toy_sales",
        "reason": LATE,
        "rows": 7,
        "example": "'2030' in a.csv, record 1",
    }
    attempts.note(empty, Attempt("r1", "toy", "2026-01-01", outcome="gate failed", reasons=[told]))
    assert rejects.counts(empty, load_feed("toy")) == []
    assert rejects.write(empty, load_feed("toy"), str(tmp_path / "out")) == 1
    (line,) = lines(tmp_path / "out", "toy")
    assert (line["reasons"], line["rows"], line["example"]) == ([LATE], 7, told["example"])


def test_personal_fields_stay_inside(tmp_path: Path) -> None:
    made = Warehouse(str(tmp_path / "warehouse"))
    person = {
        "person_token": "k1.00aa11:secret", "identity_token": "k1.00aa11:secret", "birth_year": 1971, "sex": "F",
        "_file_sha256": A, "_record_number": 1, "_reasons": ["the e-mail address must be told"],
    }  # fmt: skip
    raw = {
        "person_token": "k1.00aa11:secret", "postcode_form": "full", "_raw_record": "secret", "_extra": "secret",
        "_file_sha256": A, "_record_number": 2, "_reasons": ["not a record"],
    }  # fmt: skip
    tables = {"silver.residents_people": person, "bronze.residents_users": raw}
    small.publish(
        made,
        {table: rows(table, []) for table in tables},
        {table: rows(table, [row], rejected=True) for table, row in tables.items()},
        feed="residents",
    )
    assert rejects.write(made, load_feed("residents"), str(tmp_path / "out")) == 2
    text = (tmp_path / "out" / "residents.jsonl").read_text()
    assert "secret" not in text
    assert "1971" not in text
    found = {line["table"]: line for line in lines(tmp_path / "out", "residents")}
    assert found["silver.residents_people"]["values"] == {"sex": "F"}
    assert found["silver.residents_people"]["withheld"] == [
        "person_token",
        "identity_token",
        "birth_year",
    ]
