"""Which files of an archive are opened for some days, by the log alone. No Spark: a stand-in notes the
paths that it is given.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from strata.declare.contract import DAY, Contract, Field, archive_contract
from strata.lake.store import Store
from strata.lake.versions import Warehouse

RAW = Contract("bronze.toy_sales", "Sales.", "one row per record", (Field("id", "string", "Id."),))
ARCHIVE = archive_contract(RAW)


@dataclass
class Opened:
    """Stands in for a session and its reader; what it reads is the paths."""

    paths: list[str] = field(default_factory=list)

    @property
    def read(self) -> Opened:
        return self

    def schema(self, _: Any) -> Opened:
        return self

    def option(self, *_: str) -> Opened:
        return self

    def parquet(self, *paths: str) -> list[str]:
        return list(paths)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An archive of two files: the first three days of a month, and its ninth."""
    made = Store(Opened(), Warehouse(str(tmp_path)), "run")  # type: ignore[arg-type]
    made.open_for_write(ARCHIVE, None)
    for days in ((1, 2, 3), (9,)):
        rows = {"id": ["x"] * len(days), DAY.name: [dt.date(2024, 1, day) for day in days]}
        schema = pa.schema([("id", pa.string()), (DAY.name, pa.date32())])
        made.append(ARCHIVE, pa.table(rows, schema))
    return made


@pytest.mark.parametrize(
    ("days", "files"),
    [
        (None, 2),
        ([("2024-01-02", "2024-01-02")], 1),
        ([("2024-01-03", "2024-01-09")], 2),
        ([("2024-01-04", "2024-01-08")], 0),
        ([("2023-12-01", "2023-12-31"), ("2024-01-09", "2099-12-31")], 1),
    ],
)
def test_only_files_of_the_days_that_are_asked_for_are_opened(
    store: Store, days: list[tuple[str, str]] | None, files: int
) -> None:
    found: Any = store.read_between(ARCHIVE.table, 2, DAY.name, days)
    assert len(found or ()) == files
