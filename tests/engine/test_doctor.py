"""Damage: each kind is done to a copy of a warehouse and told by `doctor`; what would give wrong
answers, reading refuses.
"""

from __future__ import annotations

import json
import os
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession
from strata.cli import main
from strata.errors import Damaged, StrataError
from strata.kit import row_ids
from strata.lake import file_check as scan
from strata.lake import isolated
from strata.lake.log import TableLog
from strata.lake.versions import Warehouse, read_arrow
from strata.ledger import publication as ledger
from strata.ledger import seal as integrity
from strata.serve import query as views
from strata.upkeep import doctor

from tests.engine.shop import Shop

pytestmark = pytest.mark.spark

SALES, SHOPS, BOOK = "silver.toy_sales", "silver.toy_shops", "ops.publications/toy"
FLIPS = 200
SEED = 20240607


@pytest.fixture(scope="module")
def published(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse with two publications and a checkpoint; nobody changes it, each test takes a
    copy.
    """
    shop = Shop(spark, tmp_path_factory.mktemp("published"))
    shop.shops("a.csv", "s1,Alpha", "s2,Beta")
    shop.sales(
        "a.csv",
        "a1,s1,2024-01-01,10.50",
        "a2,s2,2024-01-01,3",
        "a4,s1,2024-01-02,x",
        "bad,row",
        "a6,s2,2024-01-03,7.25",
    )
    shop.run()
    shop.sales("b.csv", "b1,s1,2024-01-04,1", "b2,s1,2024-01-05,2", "worse,row")
    shop.run()
    DeltaTable(shop.warehouse.path(SHOPS)).create_checkpoint()
    return Path(shop.warehouse.root)


@dataclass
class Copy:
    """A copy of the warehouse, to be damaged."""

    root: Path

    @property
    def warehouse(self) -> Warehouse:
        return Warehouse(str(self.root))

    def log(self, table: str = SALES) -> Path:
        return Path(self.warehouse.path(table)) / "_delta_log"

    def commit(self, version: int, table: str = SALES) -> Path:
        return self.log(table) / f"{version:020d}.json"

    def newest(self, table: str = SALES) -> int:
        return TableLog(self.warehouse, table).commits[-1]

    def data(self, table: str = SALES) -> Path:
        """A data file of the table's published version."""
        adds = TableLog(self.warehouse, table).snapshot(self.newest(table)).adds
        return Path(self.warehouse.path(table)) / min(adds)

    def write(self, path: Path, content: bytes) -> None:
        """As on an object store: without Hadoop's checksum file, which only local disks have."""
        path.write_bytes(content)
        (path.parent / f".{path.name}.crc").unlink(missing_ok=True)

    def remove(self, path: Path) -> None:
        path.unlink()
        (path.parent / f".{path.name}.crc").unlink(missing_ok=True)

    def edit(
        self, version: int, change: Callable[[list[dict[str, Any]]], Any], table: str = SALES
    ) -> None:
        """Changes the actions of a commit."""
        path = self.commit(version, table)
        actions = [json.loads(line) for line in path.read_text().splitlines()]
        change(actions)
        self.write(path, "".join(json.dumps(a) + "\n" for a in actions).encode())

    def damage(self) -> list[tuple[str, str]]:
        return [
            (f.table, f"{f.file}: {f.what}; {f.advice}")
            for f in doctor.examine(self.warehouse, ["toy"]).damage
        ]


@pytest.fixture
def copy(published: Path, tmp_path: Path) -> Copy:
    shutil.copytree(published, tmp_path / "warehouse")
    return Copy(tmp_path / "warehouse")


def _add(actions: list[dict[str, Any]]) -> dict[str, Any]:
    return next(a["add"] for a in actions if "add" in a)


def _edit_statistics(copy: Copy, key: str, change: Callable[[Any], Any]) -> None:
    def edit(actions: list[dict[str, Any]]) -> None:
        stats = json.loads(_add(actions)["stats"])
        stats[key] = change(stats[key])
        _add(actions)["stats"] = json.dumps(stats)

    copy.edit(1, edit)


def _cut(copy: Copy, path: Path, keep: float) -> None:
    content = path.read_bytes()
    copy.write(path, content[: int(len(content) * keep)])


def _flip(content: bytes, bit: int) -> bytes:
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def _in_page(path: Path) -> int:
    """A bit in the middle of the first column's data page."""
    from pyarrow import parquet

    column = parquet.read_metadata(path).row_group(0).column(0)
    return 8 * (column.data_page_offset + column.total_compressed_size - 3)


# What a reader must refuse too: without that, Delta gives a wrong answer, or opens what is not the
# table's.
REFUSED: dict[str, tuple[Callable[[Copy], Any], str]] = {
    "C1 a zero-length last commit": (lambda c: c.write(c.commit(c.newest()), b""), "is empty"),
    "C2 a torn last commit": (lambda c: _cut(c, c.commit(c.newest()), 0.5), "is torn"),
    "C3 a history that went backwards": (lambda c: c.remove(c.commit(c.newest())), "history has gone backwards"),
    "C4 a gap": (lambda c: c.remove(c.commit(1)), "has a gap"),
    "C5 a removed add action": (lambda c: c.edit(1, lambda a: a.remove(next(x for x in a if "add" in x))), "is torn"),
    "C6 an edited count": (lambda c: _edit_statistics(c, "numRecords", lambda n: n + 7), "the log says 10 rows, it holds 3"),
    "C7 an edited maximum": (
        lambda c: _edit_statistics(c, "maxValues", lambda v: {**v, "sale_id": "0"}), "maxValues of sale_id do not bound its rows",
    ),
    "C8 a path that climbs out": (lambda c: c.edit(1, lambda a: _add(a).update(path="../../../../etc/passwd")), "lie in its own folder"),
    "C9 another table's file": (lambda c: c.edit(1, lambda a: _add(a).update(path=str(c.data("gold.toy_days")))), "lie in its own folder"),
    "C9 a file by its address": (lambda c: c.edit(1, lambda a: _add(a).update(path="file:/etc/passwd")), "lie in its own folder"),
    "C10 a flipped bit in a page": (lambda c: c.write(c.data(), _flip(c.data().read_bytes(), _in_page(c.data()))), "cannot be read"),
    "C11 a truncated file": (lambda c: _cut(c, c.data(), 0.7), "cannot be read"),
    "C11 a missing file": (lambda c: c.remove(c.data()), "the data file is missing"),
    "C13 a newer protocol": (
        lambda c: c.edit(0, lambda a: next(x["protocol"] for x in a if "protocol" in x).update(minReaderVersion=99)), "asks for reader 99",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_doctor_tells_it_and_reading_refuses_it(copy: Copy, kind: str) -> None:
    damage, told = REFUSED[kind]
    damage(copy)

    assert any(table == SALES and told in what for table, what in copy.damage()), copy.damage()
    with pytest.raises(Damaged):
        views.read_table(copy.warehouse, SALES)


ENDS_IT = b"a file whose reader ends its process"
STUB = f"""
import os
from pyarrow import parquet

class ParquetFile(parquet.ParquetFile):
    def __init__(self, source, **more):
        if source.read({len(ENDS_IT)}) == {ENDS_IT!r}:
            os._exit(134)
        source.seek(0)
        super().__init__(source, **more)

parquet.ParquetFile = ParquetFile
"""


@pytest.fixture
def reader_that_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """In new processes, pyarrow's reader is a stub that ends the process at a file of ours, as the
    real one was seen to do at damaged footers.
    """
    (tmp_path / "stub").mkdir()
    (tmp_path / "stub" / "sitecustomize.py").write_text(STUB)
    paths = [str(tmp_path / "stub"), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    isolated._end()  # The next call starts a new process.
    yield
    isolated._end()


@pytest.mark.parametrize("table", [SALES, BOOK])
def test_doctor_outlives_a_file_that_ends_its_reader(
    copy: Copy, reader_that_ends: None, capfd: pytest.CaptureFixture[str], table: str
) -> None:
    file = copy.data(table)
    copy.write(file, ENDS_IT.ljust(file.stat().st_size))

    assert any(
        where == table and "ends the process that reads it" in what for where, what in copy.damage()
    ), copy.damage()
    assert capfd.readouterr().err == ""


def test_an_undamaged_warehouse_has_no_damage_and_the_numbers_are_those_of_the_ledger(
    copy: Copy,
) -> None:
    report = doctor.examine(copy.warehouse, ["toy"])

    assert report.damage == []
    latest = ledger.newest(ledger.read(copy.warehouse, "toy"))
    assert latest is not None
    assert report.versions > len(latest.tables)
    for state in latest.tables:
        rows = read_arrow(copy.warehouse, state.table, state.version)
        if state.identity:  # Spark's own hash of the rows, made again from the stored rows.
            assert (
                row_ids.identity(rows.column("_file_sha256"), rows.column("_record_number"))
                == state.identity
            )


def _row_of_another_file(copy: Copy) -> None:
    """One row replaced by another, in a file that is sound by itself: only the hash of the row ids
    can tell.
    """
    import pyarrow as pa
    from pyarrow import parquet

    path = copy.data(SHOPS)
    rows = parquet.read_table(path)
    where = rows.schema.get_field_index("_record_number")
    other = rows.set_column(
        where,
        rows.schema.field(where),
        pa.array([n + 40 for n in rows.column(where).to_pylist()], pa.int64()),
    )
    sink = pa.BufferOutputStream()
    parquet.write_table(other, sink)
    copy.write(path, sink.getvalue().to_pybytes())


# Where reading is right all the same, or only a comparison with the ledger can tell.
TOLD: dict[str, tuple[Callable[[Copy], Any], str, str]] = {
    "C12 a garbage _last_checkpoint": (
        lambda c: (c.log(SHOPS) / "_last_checkpoint").write_text("{"), SHOPS, "_last_checkpoint: is garbage; remove it",
    ),
    "C12 a garbage checkpoint": (
        lambda c: c.write(next(c.log(SHOPS).glob("*.checkpoint.parquet")), b"PAR1"), SHOPS, "the commits hold all",
    ),
    "a torn commit that nobody has published": (
        lambda c: c.write(c.commit(c.newest() + 1), b""), SALES, "it is not published: remove it",
    ),
    "other rows than were published": (_row_of_another_file, SHOPS, "their ids do not add up"),
    "bytes that Hadoop's checksum denies": (
        lambda c: c.data().write_bytes(_flip(c.data().read_bytes(), _in_page(c.data()))), SALES,
        "its checksum file says otherwise",
    ),
    "a quarantine that lost its file": (
        lambda c: c.remove(c.data("quarantine.silver_toy_sales")), "quarantine.silver_toy_sales", "the data file is missing",
    ),
    "a ledger without its newest commit": (
        lambda c: c.remove(c.commit(1, BOOK)), BOOK, "the ledger has gone backwards",
    ),
    "a ledger whose newest commit is empty": (
        lambda c: c.write(c.commit(1, BOOK), b""), BOOK, "is empty",
    ),
    "a ledger that lost a row": (
        lambda c: c.edit(0, lambda a: a.remove(next(x for x in a if "add" in x)), BOOK), BOOK,
        "is torn",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", TOLD)
def test_doctor_tells_what_reading_cannot_know(copy: Copy, kind: str) -> None:
    damage, table, told = TOLD[kind]
    damage(copy)

    assert any(found == table and told in what for found, what in copy.damage()), copy.damage()


def test_a_run_builds_nothing_on_a_damaged_table(copy: Copy, spark: SparkSession) -> None:
    shop = Shop(spark, copy.root.parent)
    shop.sales("c.csv", "c1,s1,2024-01-06,1")
    shop.shops("a.csv", "s1,Alpha", "s2,Beta")
    _edit_statistics(copy, "numRecords", lambda n: n + 7)
    versions = {
        path: TableLog(copy.warehouse, path).commits for path in ("bronze.toy_sales", SALES)
    }

    with pytest.raises(
        Damaged, match=r"what the log of silver\.toy_sales says of version \d has changed since"
    ):
        shop.run()
    assert {path: TableLog(copy.warehouse, path).commits for path in versions} == versions


def test_orphans_and_unpublished_versions_are_notes_with_their_size(
    copy: Copy, capsys: pytest.CaptureFixture[str]
) -> None:
    (copy.data().parent / "part-orphan.parquet").write_bytes(b"x" * 12345)
    actions = [{"commitInfo": {"operation": "WRITE", "userMetadata": "stopped"}}]
    copy.write(copy.commit(copy.newest() + 1), json.dumps(actions[0]).encode())

    code = main(["doctor", "toy", "--warehouse", str(copy.root)])
    out = capsys.readouterr().out
    assert code == 0
    assert "12,345" in out or "bytes" in out
    assert f"versions {copy.newest()} to {copy.newest()} are not published" in out
    assert "0 damaged" in out


def test_the_command_prints_json_and_gives_exit_code_8_for_damage(
    copy: Copy, capsys: pytest.CaptureFixture[str]
) -> None:
    copy.remove(copy.data())
    code = main(["doctor", "--warehouse", str(copy.root), "--format", "json"])
    rows = json.loads(capsys.readouterr().out)
    assert code == 8
    assert [(row["kind"], row["table"]) for row in rows if row["kind"] == "damage"] == [
        ("damage", SALES)
    ]


def test_the_checks_of_an_ordinary_read_take_milliseconds(copy: Copy) -> None:
    import time

    latest = ledger.newest(ledger.read(copy.warehouse, "toy"))
    assert latest is not None
    started = time.process_time()
    for _ in range(10):
        for state in latest.tables:
            integrity.assert_intact(copy.warehouse, state)
    assert (time.process_time() - started) / 10 / len(latest.tables) < 0.02


# --- bit flips -----------------------------------------------------------------------------------


def _content(warehouse: Warehouse) -> str:
    """Everything that any kept publication shows, and the ledger itself, as read without doctor."""
    every = ledger.read(warehouse, "toy")
    parts = {part[:2] for p in every for state in p.tables for part in integrity.parts(state)}
    rows = {part: sorted(map(repr, read_arrow(warehouse, *part).to_pylist())) for part in parts}
    return repr(every) + repr(sorted(rows.items()))


def _read_again(warehouse: Warehouse, before: str) -> str:
    try:
        return "harmless" if _content(warehouse) == before else "silent"
    except StrataError:
        return "refused on reading"


@pytest.mark.nightly
def test_no_flipped_bit_passes_silently(copy: Copy) -> None:
    """Single bits flipped at random in Parquet, log and checkpoint files, without Hadoop's checksum
    files.

    Each must be told by doctor or raise on reading; what is left must leave all that is read as it
    was.
    """
    choose = random.Random(SEED)
    kinds = {
        "data": [
            p
            for p in copy.root.rglob("*.parquet")
            if "_delta_log" not in p.parts and "ops" not in p.parts
        ],
        "log": [
            p
            for p in copy.root.rglob("_delta_log/*")
            if p.suffix == ".json" or p.name.endswith(".checkpoint.parquet")
        ],
        "ledger": [
            *copy.root.glob("ops/publications/toy/*.parquet"),
            *copy.root.glob("ops/publications/toy/_delta_log/*.json"),
        ],
    }
    before = _content(copy.warehouse)
    counts = Counter[str]()
    silent = []
    for number in range(FLIPS):
        kind = ("data", "log", "ledger", "data")[number % 4]
        path = choose.choice(sorted(kinds[kind]))
        checksum = path.parent / f".{path.name}.crc"
        content, sums = path.read_bytes(), checksum.read_bytes() if checksum.exists() else None
        bit = choose.randrange(8 * len(content))
        path.write_bytes(_flip(content, bit))
        if sums is not None:
            assert not scan.fits_checksum(str(path), str(checksum)), (
                "where Spark wrote a checksum file, it tells every flip"
            )
            checksum.unlink()
        if copy.damage():
            counts["told"] += 1
        else:
            outcome = _read_again(copy.warehouse, before)
            counts[outcome] += 1
            silent += [(number, path.name, bit)] if outcome == "silent" else []
        path.write_bytes(content)
        if sums is not None:
            checksum.write_bytes(sums)
    print(
        f"seed {SEED}: {FLIPS} flips without checksum files: {dict(counts)}; with them every "
        "one is told"
    )
    assert silent == []
    # Much of a small file is names, comments and the writer, whose change no reader sees.
    assert counts["told"] > FLIPS // 4
