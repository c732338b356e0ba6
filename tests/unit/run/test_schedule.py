"""What runs side by side, and what waits for what."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from strata.declare.feed import load_feed
from strata.lake.versions import Warehouse
from strata.run.options import Options
from strata.run.plan import Plan, make_plan
from strata.run.schedule import build_all, feeds_read, needs, run_feeds

BEFORE = {
    "silver.toy_shops": {"bronze.toy_shops"},
    "silver.toy_sales": {"bronze.toy_sales", "silver.toy_shops"},
    "gold.toy_days": {"silver.toy_sales"},
}


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    for source, header, row in (
        ("shops", "shop,name", "s1,A"),
        ("sales", "id,shop,day,amount", ""),
    ):
        folder = tmp_path / "raw" / "toy" / source
        folder.mkdir(parents=True)
        (folder / "a.csv").write_text(f"{header}\n{row}\n")
    options = Options(str(tmp_path / "raw"))
    return make_plan(load_feed("toy"), {"threshold": 0}, Warehouse(str(tmp_path / "w")), options)


@dataclass
class Diary:
    """Stands for a run's state, and writes down what began and ended."""

    events: list[str]

    def add(self, table: str) -> None:
        self.events.append(f"end {table}")

    def build(self, step: Any) -> str:
        self.events.append(f"begin {step.table}")
        return str(step.table)


@pytest.mark.parametrize("at_once", [1, 2, 9])
def test_a_table_begins_when_those_that_it_reads_have_ended(plan: Plan, at_once: int) -> None:
    diary = Diary([])
    build_all(plan, diary, diary.build, at_once)  # type: ignore[arg-type]

    tables = [step.table for step in plan.steps]
    assert set(BEFORE) < set(tables)
    assert sorted(diary.events) == sorted(f"{e} {t}" for t in tables for e in ("begin", "end"))
    place = diary.events.index
    early = [
        (table, name)
        for table, names in BEFORE.items()
        for name in names
        if place(f"begin {table}") < place(f"end {name}")
    ]
    assert early == []


def test_a_table_whose_suite_names_another_waits_for_it(plan: Plan) -> None:
    days = next(step for step in plan.steps if step.table == "gold.toy_days")
    assert "silver.toy_sales" in needs(plan, days)


def test_independent_tables_are_built_at_the_same_time(plan: Plan) -> None:
    """Each of the two bronze tables waits until the other has begun, too."""
    both, diary = threading.Barrier(2, timeout=30), Diary([])

    def build(step: Any) -> str:
        if step.table.startswith("bronze."):
            both.wait()
        return diary.build(step)

    build_all(plan, diary, build, 2)  # type: ignore[arg-type]
    assert len(diary.events) == 2 * len(plan.steps)


def test_a_table_that_fails_ends_the_run_and_none_is_begun_after_it(plan: Plan) -> None:
    diary = Diary([])

    def build(step: Any) -> str:
        if step.table == "silver.toy_shops":
            raise ValueError("no")
        return diary.build(step)

    with pytest.raises(ValueError, match="no"):
        build_all(plan, diary, build, 2)  # type: ignore[arg-type]
    assert "begin silver.toy_sales" not in diary.events


# --- feeds ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FakeTable:
    inputs: tuple[str, ...]


@dataclass(frozen=True)
class FakeFeed:
    name: str
    tables: tuple[FakeTable, ...]


@dataclass(frozen=True)
class FakePlan:
    feed: FakeFeed


def fake(name: str, *inputs: str) -> Any:
    return FakePlan(FakeFeed(name, (FakeTable(inputs),)))


def test_a_feed_that_reads_another_comes_after_it_and_others_do_not_wait() -> None:
    first, reader, other = fake("a"), fake("b", "silver.b_x", "gold.a_x"), fake("c")
    assert feeds_read(reader) == {"a"}
    other_began, ended = threading.Event(), []

    def run_one(plan: Any) -> None:
        if plan is other:
            other_began.set()
        if plan is first:
            assert other_began.wait(30), "the third feed must not wait for the first"
        ended.append(plan.feed.name)

    run_feeds([first, reader, other], run_one, 2, stop=lambda: None)
    assert ended.index("a") < ended.index("b")
    assert sorted(ended) == ["a", "b", "c"]


def test_who_is_interrupted_stops_the_feeds_that_run() -> None:
    stopped = threading.Event()

    def run_one(plan: Any) -> None:
        if plan.feed.name == "a":
            raise KeyboardInterrupt
        assert stopped.wait(30)

    with pytest.raises(KeyboardInterrupt):
        run_feeds([fake("a"), fake("b")], run_one, 2, stop=stopped.set)
    assert stopped.is_set()
