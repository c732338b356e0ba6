"""The ledger, read without Spark, from a file whose footer is damaged."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from pyarrow import parquet
from strata.errors import CommitUnknown
from strata.lake.log import TableLog
from strata.lake.versions import Warehouse
from strata.ledger import publication as ledger
from strata.ledger import row
from strata.ledger.held import Held
from strata.ledger.publication import FileEntry, GateEntry, Publication, TableState
from strata.upkeep import doctor

from tests.unit.serve import small

DAYS = pa.table(
    {
        "sale_date": pa.array([date(2026, 2, 1)], pa.date32()),
        "amount_eur": pa.array([Decimal("1.50")], pa.decimal128(18, 2)),
        "sales": [1],
    }
)


def test_text_that_a_footer_calls_bytes_is_read_as_text(tmp_path: Path) -> None:
    """One flipped bit of a footer makes text bytes, to readers who go by the footer; the log's
    schema is what counts here.
    """
    warehouse = Warehouse(str(tmp_path))
    small.publish(warehouse, {"gold.toy_days": DAYS})
    assert [p.run_id for p in ledger.read(warehouse, "toy")] == ["run-1"]
    [path] = Path(warehouse.path(ledger.table_path("toy"))).glob("*.parquet")
    rows = parquet.read_table(path)
    place = rows.schema.get_field_index("run_id")
    parquet.write_table(rows.set_column(place, "run_id", rows["run_id"].cast("binary")), path)
    assert [p.run_id for p in ledger.read(warehouse, "toy")] == ["run-1"]


def numbered(number: int) -> Publication:
    """A publication with something in each of its parts."""
    gate = GateEntry(
        "gold.toy_days",
        "whole",
        "not built yet",
        5,
        4,
        1,
        0,
        {},
        {"bad": 1},
        4,
        10 * number,
        1,
        1.5,
    )
    return Publication(
        "toy",
        number,
        number - 1,
        f"run-{number}",
        tables=(
            TableState(
                "gold.toy_days", number, 10 * number, rejected=1, built_from={"silver.x": 3}
            ),
        ),
        files=(FileEntry("sales", f"{number}.csv", "ab" * 32, 9, 1, "taken"),),
        gates=(gate,),
    )


def test_a_list_is_made_when_it_is_first_asked_for() -> None:
    """A thousand publications would otherwise be a hundred thousand objects that nobody reads."""
    asked: list[str] = []
    made = numbered(1)

    def read() -> tuple[TableState, ...]:
        asked.append("tables")
        return tuple(made.tables)

    one = replace(made, tables=Held(read))
    assert (one.publication, one.gates, asked) == (1, made.gates, [])
    assert one.state("gold.toy_days") is made.tables[0]
    assert (len(one.tables), list(one.tables), asked) == (1, list(made.tables), ["tables"])
    assert one == made
    assert row.to_row(replace(one, publication=2)) == {**row.to_row(made), "publication": 2}
    assert asked == ["tables"]


def test_many_publications_lie_in_few_files_and_each_is_still_one_commit(tmp_path: Path) -> None:
    warehouse, table = Warehouse(str(tmp_path)), ledger.table_path("toy")
    last = row.MOST_FILES + 3
    sent = [numbered(number) for number in range(1, last + 1)]
    for one in sent:
        row.commit(warehouse, one)

    assert list(ledger.read(warehouse, "toy")) == sent
    log = TableLog(warehouse, table)
    assert len(log.snapshot(row.MOST_FILES - 1).adds) == row.MOST_FILES
    assert len(log.snapshot(row.MOST_FILES).adds) == 1
    assert len(log.snapshot(last - 1).adds) == 3
    # Every version is still the ledger as it was then, and other readers find the same rows.
    for number in (1, row.MOST_FILES, row.MOST_FILES + 1, last):
        assert list(ledger.read_at(warehouse, "toy", number - 1)) == sent[:number]
    other = DeltaTable(warehouse.path(table), version=row.MOST_FILES).to_pyarrow_table()
    assert sorted(other["publication"].to_pylist()) == list(range(1, row.MOST_FILES + 2))
    # Doctor holds the ledger against its log: one row a commit, and each file as it was written.
    found = doctor.examine(warehouse, ["toy"]).damage
    assert [finding for finding in found if finding.table == table] == []


def test_of_two_that_make_many_files_one_the_second_is_refused(tmp_path: Path) -> None:
    warehouse, table = Warehouse(str(tmp_path)), ledger.table_path("toy")
    for number in range(1, row.MOST_FILES + 1):
        row.commit(warehouse, replace(numbered(number), run_id="earlier"))
    number = row.MOST_FILES + 1
    row.commit(warehouse, replace(numbered(number), run_id="first"))
    with pytest.raises(CommitUnknown, match="went from version"):
        row.commit(warehouse, replace(numbered(number), run_id="second"))
    assert len(TableLog(warehouse, table).snapshot(number - 1).adds) == 1
