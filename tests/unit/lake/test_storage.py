"""Versions read without Spark, while a run beside the reader writes the log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import deltalake
import pyarrow as pa
import pytest
from strata.errors import Damaged
from strata.lake import versions
from strata.lake.versions import Warehouse, read_arrow

CUT_OFF = (
    "Kernel error -> Generic LocalFileSystem error: Requested range was invalid: object was "
    "only 0 bytes long"
)


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    deltalake.write_deltalake(str(tmp_path / "silver" / "toy_numbers"), pa.table({"n": [1, 2]}))
    monkeypatch.setattr(versions, "_WAITS", (0.0, 0.0))
    return Warehouse(str(tmp_path))


def failing(monkeypatch: pytest.MonkeyPatch, times: int, text: str) -> None:
    """delta-rs finds a file of the log cut off, so many times."""
    left, real = [text] * times, deltalake.DeltaTable

    def opened(*args: Any, **named: Any) -> Any:
        if left:
            raise OSError(left.pop())
        return real(*args, **named)

    monkeypatch.setattr(deltalake, "DeltaTable", opened)


def test_a_log_of_which_a_file_is_being_written_is_read_again(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, 2, CUT_OFF)
    assert read_arrow(warehouse, "silver.toy_numbers", 0).column("n").to_pylist() == [1, 2]


def test_a_log_that_stays_cut_off_is_damage(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, 3, CUT_OFF)
    with pytest.raises(
        Damaged, match=r"version 0 of silver\.toy_numbers cannot .*: see `strata doctor`"
    ):
        read_arrow(warehouse, "silver.toy_numbers", 0)


def test_another_error_of_the_store_is_told_at_once(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, 1, "Permission denied (os error 13)")
    with pytest.raises(OSError, match="Permission denied"):
        read_arrow(warehouse, "silver.toy_numbers", 0)
