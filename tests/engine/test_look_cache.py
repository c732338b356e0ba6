"""An unchanged raw file is not read again; one that changed in any way is, and what is remembered
decides nothing by itself.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from strata.declare.feed import load_feed
from strata.fs.listing import RawFile
from strata.lake.versions import Warehouse
from strata.ledger.publication import Publication
from strata.raw.members import Found
from strata.run import look_cache
from strata.run.arrivals import Looked, look_at_files
from strata.run.options import Options

from tests.corpus.archives import zipped
from tests.engine.shop import Shop

SHOPS = b"shop,name\n1,A\n2,B\n"
SALES = b"id,shop,day,amount\n1,1,2024-01-01,9.50\n"


@dataclass
class Memory:
    """Looks at a raw folder time after time, each time as a run that published what it found."""

    raw: Path
    warehouse: Warehouse
    read: list[str] = field(default_factory=list)
    """The files that the last look read."""
    line: list[Publication] = field(default_factory=list)

    def look(self) -> Looked:
        self.read.clear()
        found = look_at_files(
            load_feed("toy"),
            Options(str(self.raw)),
            tuple(self.line),
            look_cache.load(self.warehouse, "toy"),
        )
        look_cache.save(self.warehouse, "toy", found.remembered)
        number = len(self.line) + 1
        self.line.append(
            Publication("toy", number, number - 1, f"run-{number}", files=found.entries)
        )
        return found

    def put(self, path: str, content: bytes) -> Path:
        file = self.raw / "toy" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        return file


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look begins long after the files were written."""
    monkeypatch.setattr(
        look_cache, "time", type("Later", (), {"time": staticmethod(lambda: time.time() + 1000)})
    )


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Memory:
    made, look_all = (
        Memory(tmp_path / "raw", Warehouse(str(tmp_path / "warehouse"))),
        look_cache.look_all,
    )

    def noting(file: RawFile, layouts: Any) -> Found:
        made.read.append(file.path)
        return look_all(file, layouts)

    monkeypatch.setattr(look_cache, "look_all", noting)
    made.put("shops/a.csv", SHOPS)
    made.put("sales/b.csv", SALES)
    return made


def test_an_unchanged_file_is_read_once(memory: Memory, later: None) -> None:
    assert len(memory.look().new) == 2
    assert sorted(memory.read) == ["a.csv", "b.csv"]

    memory.put("sales/c.csv", SALES + b"2,1,2024-01-02,1\n")
    assert [seen.path for seen in memory.look().new] == ["c.csv"]
    assert memory.read == ["c.csv"]
    assert (memory.look().entries, memory.read) == ((), [])


def test_a_file_that_was_just_written_is_read_again(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = max(path.stat().st_ctime for path in memory.raw.rglob("*.csv"))
    monkeypatch.setattr(
        look_cache, "time", type("Soon", (), {"time": staticmethod(lambda: written + 1)})
    )
    memory.look()
    assert memory.look().new == ()
    assert sorted(memory.read) == ["a.csv", "b.csv"]


def _rewrite(path: Path) -> None:
    """Other bytes of the same number, and the time of change set back."""
    before = path.stat()
    path.write_bytes(path.read_bytes().replace(b"9.50", b"8.50"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _exchange(path: Path) -> None:
    """Another file of the same size and time takes the name."""
    other = path.with_name("other")
    other.write_bytes(path.read_bytes().replace(b"9.50", b"8.50"))
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.replace(path)


@pytest.mark.parametrize(
    "change", [_rewrite, _exchange, lambda path: path.write_bytes(SALES + b"2,1,2024-01-02,1\n")]
)
def test_a_changed_file_is_read(
    memory: Memory, later: None, change: Callable[[Path], None]
) -> None:
    memory.look()
    path = memory.raw / "toy/sales/b.csv"
    size = path.stat().st_size
    change(path)
    assert [seen.path for seen in memory.look().new] == ["b.csv"]
    assert memory.read == ["b.csv"]
    assert path.stat().st_size >= size


def test_a_file_whose_times_changed_is_read_and_known_again(memory: Memory, later: None) -> None:
    memory.look()
    os.utime(memory.raw / "toy/sales/b.csv", (1, 1))
    assert (memory.look().new, memory.read) == ((), ["b.csv"])
    assert (memory.look().new, memory.read) == ((), [])


def test_the_same_bytes_under_a_new_name_are_folded(memory: Memory, later: None) -> None:
    memory.look()
    memory.put("sales/again.csv", SALES)
    (entry,) = memory.look().entries
    assert (entry.status, entry.detail, memory.read) == (
        "folded",
        "same bytes as b.csv",
        ["again.csv"],
    )


def test_what_the_ledger_does_not_know_is_read(memory: Memory, later: None) -> None:
    """As after a run that failed, or a rollback."""
    memory.look()
    memory.line.clear()
    assert len(memory.look().new) == 2
    assert len(memory.read) == 2


def test_a_rejected_file_is_told_each_time(memory: Memory, later: None) -> None:
    memory.put("sales/bad.csv", b"no,such,columns\n1,2,3\n")
    for _ in range(2):
        (rejected,) = memory.look().rejected
        assert rejected.path == "bad.csv"
    assert memory.read == ["bad.csv"]


def test_an_archive_is_known_by_all_its_members(memory: Memory, later: None) -> None:
    path = memory.put(
        "sales/x.zip", zipped(("one.csv", SALES + b"3,1,2024-01-03,1\n"), ("readme.md", b"hello\n"))
    )
    first = memory.look()
    again = memory.look()
    assert (again.entries, memory.read) == ((), [])
    assert again.ignored == first.ignored != ()

    path.write_bytes(
        zipped(
            ("one.csv", SALES + b"3,1,2024-01-03,1\n"), ("two.csv", SALES + b"4,1,2024-01-03,1\n")
        )
    )
    assert [seen.path for seen in memory.look().new] == ["x.zip/two.csv"]


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"sales\\nb.csv": 3}', b'{"a": {"signs": 3}}', b"\xff\xfe"]
)
def test_a_cache_that_cannot_be_read_is_none(memory: Memory, later: None, content: bytes) -> None:
    memory.look()
    kept = Path(memory.warehouse.root) / "ops/looks/toy.json"
    assert len(look_cache.load(memory.warehouse, "toy")) == 2
    kept.write_bytes(content)
    assert look_cache.load(memory.warehouse, "toy") == {}
    assert (memory.look().new, len(memory.read)) == ((), 2)
    assert len(look_cache.load(memory.warehouse, "toy")) == 2


@pytest.mark.spark
def test_only_a_run_that_needs_no_record_of_a_file_passes_it_over(
    spark: SparkSession, tmp_path: Path, later: None, memory: Memory
) -> None:
    shop = Shop(spark, tmp_path)
    assert shop.run().publication is not None
    memory.read.clear()
    assert shop.plan().is_empty
    assert memory.read == []

    (whole,) = (step for step in shop.plan(full=True).steps if step.table == "bronze.toy_sales")
    assert [seen.path for seen in shop.plan(full=True).files_of(whole)] == ["b.csv"]
    assert set(memory.read) == {"a.csv", "b.csv"}
    memory.read.clear()
    assert [seen.path for seen in shop.plan(tables=("bronze.toy_sales",)).looked.known] == ["b.csv"]
    assert memory.read == ["b.csv"]
