"""Faults at the door of commits: after each, one more try gives what an undisturbed one gives.

Each case arms one fault, proves that it fired, tries again as the next run would, and compares rows
with what they should be: counted, and as a multiset. Seeds stand in the test ids.
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession
from strata import failpoint
from strata.declare.contract import Contract, Field
from strata.errors import CommitUnknown, StrataError, TornCommit
from strata.lake import data_file, versions
from strata.lake.data_file import DataFile
from strata.lake.log import Snapshot, TableLog
from strata.lake.store import Store
from strata.lake.versions import Commit, Warehouse
from strata.ledger import attempts
from strata.ledger import publication as ledger
from strata.ledger.publication import Publication, TableState

from tests.engine.shop import Shop
from tests.faults.cases import CASES
from tests.faults.door import MODES, Fault, fault
from tests.faults.oracle import published

NO_SPARK: Any = None
"""No commit asks for Spark, nor does what comes before and after one."""
TABLE = Contract(
    "silver.bank_accounts",
    "Accounts.",
    "one row per account",
    (
        Field("id", "bigint", "Id.", is_key=True, required=True),
        Field("amount", "bigint", "Amount."),
    ),
    allow_empty=True,
)
LEDGER = ledger.table_path("bank")
WRITES = ("append", "overwrite", "replace")
CHAINS = int(os.environ.get("STRATA_FAULT_CHAINS", "2"))
"""Half as many chains of 9 faults in whole runs, and as many of 24 in the ledger alone."""


def rows(numbers: range, amount: int) -> list[tuple[int, int]]:
    return [(n, amount) for n in numbers]


@dataclass
class Bank:
    """One table and its feed's ledger, written as a run writes them: candidate, then
    publication."""

    warehouse: Warehouse
    runs: int = 0
    expected: Counter[tuple[int, int]] = field(default_factory=Counter)

    def published(self) -> Publication | None:
        return ledger.newest(ledger.read(self.warehouse, "bank"))

    def visible(self) -> Counter[tuple[int, int]]:
        """What readers see, counted and not distinct."""
        latest = self.published()
        if latest is None:
            return Counter()
        return Counter(self._rows(latest.tables[0].version))

    def run(self, how: str, wanted: list[tuple[int, int]]) -> Publication:
        """Brings the table to its published version, writes a candidate, publishes it."""
        self.runs += 1
        base = self.published()
        before = base.tables[0].version if base else None
        store = Store(NO_SPARK, self.warehouse, f"run-{self.runs}")
        store.open_for_write(TABLE, before)
        commit = self._write(store, how, wanted)
        number = (base.publication if base else 0) + 1
        state = TableState(TABLE.table, commit.version, len(wanted))
        return ledger.publish(
            self.warehouse,
            Publication("bank", number, number - 1, store.run_id, tables=(state,)),
        )

    def _write(self, store: Store, how: str, wanted: list[tuple[int, int]]) -> Commit:
        """As a run does it, but that Arrow writes the rows, and not Spark."""
        before = self._snapshot()
        if how == "append":
            return store.append_files(TABLE, [self._file(wanted)])
        ids = {n for n, _ in wanted}
        kept = [row for row in self._rows(before.version) if how == "replace" and row[0] not in ids]
        store.exchange_files(TABLE, before, before.adds.values(), [self._file(kept + wanted)])
        return versions.read_commit(self.warehouse, TABLE.table, before.version + 1)

    def _snapshot(self) -> Snapshot:
        latest = versions.latest_version(self.warehouse, TABLE.table)
        assert latest is not None
        return TableLog(self.warehouse, TABLE.table).snapshot(latest)

    def _file(self, rows: list[tuple[int, int]]) -> DataFile:
        table = pa.Table.from_pylist([{"id": n, "amount": amount} for n, amount in rows])
        return data_file.write_table(self.warehouse.path(TABLE.table), table)

    def _rows(self, version: int) -> list[tuple[int, int]]:
        table = versions.read_arrow(self.warehouse, TABLE.table, version)
        return [(row["id"], row["amount"]) for row in table.to_pylist()]

    def expect(self, how: str, wanted: list[tuple[int, int]]) -> Counter[tuple[int, int]]:
        if how == "overwrite":
            return Counter(wanted)
        if how == "append":
            return self.expected + Counter(wanted)
        ids = {n for n, _ in wanted}
        return Counter({row: n for row, n in self.expected.items() if row[0] not in ids}) + Counter(
            wanted
        )


@pytest.fixture
def bank(tmp_path: Path) -> Bank:
    return Bank(Warehouse(str(tmp_path / "warehouse")))


def arm(bank: Bank, mode: str, table: str | None, nth: int = 1, keep: int = 500) -> Fault:
    armed = fault(bank.warehouse.root, mode, table, nth, keep)
    failpoint.armed = armed
    return armed


def tell(work: Callable[..., object]) -> Exception | None:
    """What the work raised, if anything."""
    try:
        work()
    except Exception as error:
        return error
    return None


def data_files(bank: Bank) -> set[str]:
    return {str(path) for path in Path(bank.warehouse.root).rglob("*.parquet")}


@pytest.mark.parametrize("seed", range(CHAINS // 2))
def test_after_any_fault_and_one_more_run_nothing_is_lost_or_doubled(bank: Bank, seed: int) -> None:
    """One table lives through a chain of runs, each with one fault in one of its commits."""
    chance = random.Random(seed)
    fired: Counter[str] = Counter()
    for step in range(9):
        mode = chance.choice(MODES) if step >= len(MODES) else MODES[(step + seed) % len(MODES)]
        where, nth = chance.choice([(TABLE.table, 1), (LEDGER, 1), (None, 1), (None, 2)])
        how = chance.choice(WRITES) if step else "append"
        first = chance.randrange(20)
        wanted = rows(range(first, first + chance.randrange(1, 6)), step)
        if how == "append":
            wanted = [(row[0] + 100 * (step + 1), row[1]) for row in wanted]
        after = bank.expect(how, wanted)
        before = bank.expected
        armed = arm(bank, mode, where, nth, keep=chance.choice([1, 200, 500, 800, 990]))
        stood = data_files(bank)
        told = tell(lambda how=how, wanted=wanted: bank.run(how, wanted))
        replay = f"seed {seed}, step {step}: {mode} at write {nth} of {where or 'any log'}, {how}"
        failpoint.armed = None
        assert armed.fired.startswith(mode), f"{replay}: the fault did not fire; told {told!r}"
        assert stood <= data_files(bank), f"{replay}: data files were cleaned up"
        seen = bank.visible()
        assert seen in (before, after), f"{replay}: a reader saw {seen}"
        if told is None:
            assert seen == after, replay
        else:
            # A response lost over a table is an outcome unknown; over the ledger it was read back,
            # so it is known.
            in_ledger = "publications" in armed.fired
            assert isinstance(told, CommitUnknown) == (mode != "before" and not in_ledger), (
                f"{replay}: {told!r}"
            )
            assert not in_ledger or "nothing was published" in str(told), f"{replay}: {told!r}"
        if seen == before and before != after:
            bank.run(how, wanted)
        assert bank.visible() == after, replay
        bank.expected = after
        fired[mode] += 1
        numbers = [p.publication for p in ledger.read(bank.warehouse, "bank")]
        assert numbers == list(range(1, len(numbers) + 1)), (
            f"{replay}: a publication is lost or doubled"
        )
    assert sum(fired.values()) == 9
    assert set(MODES) <= set(fired)


@pytest.mark.parametrize("seed", range(CHAINS))
def test_after_any_fault_in_the_ledger_each_publication_stands_once(
    tmp_path: Path, seed: int
) -> None:
    """24 publications, each disturbed in its one commit, told by what is read back, and sent again
    if it does not stand.
    """
    chance = random.Random(f"ledger/{seed}")
    warehouse = Warehouse(str(tmp_path))
    for number in range(1, 25):
        mode, keep = MODES[number % len(MODES)], chance.randrange(1, 1000)
        replay = f"seed {seed}, publication {number}: {mode}, {keep} of 1000 kept"
        failpoint.armed = armed = fault(str(tmp_path), mode, LEDGER, keep=keep)
        sent = Publication("bank", number, number - 1, f"run-{number}")
        told = tell(lambda sent=sent: ledger.publish(warehouse, sent))
        failpoint.armed = None
        stands = told is None
        assert armed.fired.startswith(mode), f"{replay}: the fault did not fire"
        assert stands == (mode in ("lost", "exists", "slow")), f"{replay}: {told!r}"
        assert stands or "nothing was published" in str(told), f"{replay}: {told!r}"
        assert len(ledger.read(warehouse, "bank")) == number - (not stands), replay
        if not stands:
            ledger.publish(warehouse, replace(sent, run_id=f"run-{number}-again"))
    assert [p.publication for p in ledger.read(warehouse, "bank")] == list(range(1, 25))


def cuts(entry: bytes) -> list[int]:
    """Every length near the end of a line, where whole actions are missing, and every 17th."""
    ends = [place for place, byte in enumerate(entry) if byte == ord("\n")]
    near = {place + by for place in [*ends, len(entry)] for by in (-2, -1, 0, 1, 2)}
    return sorted(kept for kept in near | set(range(0, len(entry), 17)) if kept < len(entry))


def test_a_commit_cut_anywhere_is_recognised(bank: Bank) -> None:
    """Every kind of commit: each tells how many actions it has."""
    for how, first in (("append", 0), ("overwrite", 2), ("replace", 4)):
        bank.run(how, rows(range(first, first + 4), first))
    bank.expected = bank.visible()
    store = Store(NO_SPARK, bank.warehouse, "candidate")
    bank._write(store, "append", rows(range(50, 52), 9))
    store.open_for_write(TABLE, bank.published().tables[0].version)  # type: ignore[union-attr]
    kinds = set()
    for table in (TABLE.table, LEDGER):
        for path in sorted((Path(bank.warehouse.path(table)) / "_delta_log").glob("*.json")):
            whole, version = path.read_bytes(), int(path.stem)
            kinds.add(json.loads(whole.splitlines()[0])["commitInfo"]["operation"])
            assert TableLog(bank.warehouse, table).is_whole(version)
            for kept in cuts(whole.rstrip()):
                path.write_bytes(whole[:kept])
                assert not TableLog(bank.warehouse, table).is_whole(version), (
                    f"{path.name} of {table}, cut at byte {kept}, passes for whole"
                )
            path.write_bytes(whole)
    assert kinds == {"CREATE TABLE", "WRITE", "RESTORE"}
    assert bank.visible() == bank.expected


@pytest.mark.parametrize("kept", [0, 100, 900])
def test_a_published_commit_that_is_torn_is_refused_and_never_read_over(
    bank: Bank, kept: int
) -> None:
    bank.run("append", rows(range(4), 1))
    bank.run("append", rows(range(4, 8), 1))
    version = bank.published().tables[0].version  # type: ignore[union-attr]
    log = Path(bank.warehouse.path(TABLE.table)) / "_delta_log" / f"{version:020d}.json"
    whole = log.read_bytes()
    log.write_bytes(whole[: len(whole) * kept // 1000])

    store = Store(NO_SPARK, bank.warehouse, "reader")
    readings: tuple[Callable[[], Any], ...] = (
        lambda: versions.read_arrow(bank.warehouse, TABLE.table, version),
        lambda: store.read(TABLE.table, version),
        lambda: store.open_for_write(TABLE, version),
    )
    for read in readings:
        with pytest.raises(TornCommit, match=r"is (empty|torn)"):
            read()
    log.write_bytes(whole)
    assert sum(bank.visible().values()) == 8


@pytest.mark.spark
def test_a_torn_candidate_of_any_table_is_set_aside_before_any_is_read(
    spark: SparkSession, tmp_path: Path
) -> None:
    """Delta cannot read the published version below it; the audit of one table may read another."""
    shop = Shop(spark, tmp_path)
    CASES["toy"].deliver(shop.raw, CASES["toy"].files())
    shop.run()
    before = published(shop.warehouse, "toy")
    for state in shop.published().tables:
        log = Path(shop.warehouse.path(state.table)) / "_delta_log"
        whole = (log / f"{state.version:020d}.json").read_bytes()
        (log / f"{state.version + 1:020d}.json").write_bytes(whole[: len(whole) // 2])
    assert published(shop.warehouse, "toy") == before
    shop.run(full=True)
    assert published(shop.warehouse, "toy") == before


@pytest.mark.parametrize("mode", ["before", "torn", "empty"])
def test_a_table_whose_creation_died_like_a_torn_candidate_is_created_anew(
    bank: Bank, mode: str
) -> None:
    armed = arm(bank, mode, TABLE.table)
    assert tell(lambda: bank.run("append", rows(range(4), 1))) is not None
    failpoint.armed = None
    assert armed.fired.startswith(mode)
    bank.run("append", rows(range(4), 1))
    assert bank.visible() == Counter(rows(range(4), 1))


def test_a_ledger_that_lost_a_publication_which_a_run_was_told_of_is_refused(bank: Bank) -> None:
    bank.run("append", rows(range(4), 1))
    lost = bank.run("append", rows(range(4, 8), 1))
    attempts.note(
        bank.warehouse,
        attempts.Attempt(lost.run_id, "bank", "2024", outcome="published", publication=2),
    )
    log = Path(bank.warehouse.path(ledger.table_path("bank"))) / "_delta_log" / f"{1:020d}.json"
    log.write_bytes(b"")

    with pytest.raises(TornCommit, match=f"publication 2 of bank \\(run {lost.run_id}\\) is not"):
        ledger.read(bank.warehouse, "bank")
    with pytest.raises(StrataError):
        bank.run("append", rows(range(9, 10), 1))


def test_a_torn_publication_of_which_nobody_was_told_never_was_one(bank: Bank) -> None:
    bank.run("append", rows(range(4), 1))
    bank.run("append", rows(range(4, 8), 1))
    log = Path(bank.warehouse.path(ledger.table_path("bank"))) / "_delta_log"
    (log / f"{1:020d}.json").write_bytes(b"")

    assert [p.publication for p in ledger.read(bank.warehouse, "bank")] == [1]
    bank.run("append", rows(range(4, 8), 1))
    assert [p.publication for p in ledger.read(bank.warehouse, "bank")] == [1, 2]
    assert bank.visible() == Counter(rows(range(8), 1))
    assert [path.name[:6] for path in log.iterdir() if path.name.endswith("1.json")] != []
    assert any(path.name.startswith("_torn_") for path in log.iterdir())
