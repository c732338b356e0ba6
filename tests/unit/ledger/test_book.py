"""The ledger is read once, and again only after another commit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from strata.errors import LeaseHeld, StrataError
from strata.lake.versions import Warehouse
from strata.ledger import publication as ledger
from strata.ledger.book import Book
from strata.ledger.publication import Publication, TableState

SHOPS, SALES = "silver.toy_shops", "silver.toy_sales"


def publication(number: int, **more: object) -> Publication:
    tables = (TableState(SHOPS, number, 10 * number), TableState(SALES, number, 0))
    return Publication("toy", number, number - 1, f"run-{number}", tables=tables, **more)  # type: ignore[arg-type]


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(str(tmp_path))


def lose_data_files(warehouse: Warehouse) -> None:
    """Whoever reads a row of the ledger from now on fails."""
    for file in Path(warehouse.path(ledger.table_path("toy"))).rglob("*.parquet"):
        file.unlink()


def test_what_was_read_is_not_read_again(warehouse: Warehouse) -> None:
    ledger.publish(warehouse, publication(1))
    book = Book(warehouse)
    assert [p.publication for p in book.every("toy")] == [1]
    lose_data_files(warehouse)

    assert book.newest("toy") == book.line("toy")[-1]
    assert book.state(SHOPS) == TableState(SHOPS, 1, 10)
    with pytest.raises(StrataError):
        ledger.read(warehouse, "toy")


def test_a_commit_of_another_process_is_read(warehouse: Warehouse) -> None:
    book = Book(warehouse)
    assert book.every("toy") == ()
    assert book.newest("toy") is None
    ledger.publish(warehouse, publication(1))
    assert [p.publication for p in book.every("toy")] == [1]
    ledger.publish(warehouse, publication(2))
    assert [p.publication for p in book.every("toy")] == [1, 2]


def test_what_it_publishes_is_known_without_reading(warehouse: Warehouse) -> None:
    book = Book(warehouse)
    book.publish(publication(1))
    second = book.publish(publication(2, restores=1, params='{"a": 1}'))
    read = ledger.read(warehouse, "toy")
    lose_data_files(warehouse)

    assert book.every("toy") == read
    assert book.newest("toy") == second
    assert [p.publication for p in book.line("toy")] == [1, 2]


def test_a_publication_that_came_too_late_changes_nothing(warehouse: Warehouse) -> None:
    book, other = Book(warehouse), Book(warehouse)
    book.publish(publication(1))
    assert len(other.every("toy")) == 1
    other.publish(publication(2))
    with pytest.raises(LeaseHeld):
        book.publish(replace(publication(2), run_id="late"))
    assert [p.run_id for p in book.every("toy")] == ["run-1", "run-2"]
