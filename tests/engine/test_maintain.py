"""Maintenance: the same rows in fewer files, old publications ended, and never a file removed that
a kept one needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import pytest
from pyspark.sql import SparkSession
from strata import failpoint
from strata.errors import CommitUnknown, UsageError
from strata.fs import files
from strata.lake import commit
from strata.lake.log import TableLog
from strata.lake.vacuum import vacuum
from strata.lake.versions import has_version
from strata.ledger import publication as ledger
from strata.ledger.publication import Publication, TableState
from strata.run.decisions import rollback
from strata.upkeep import doctor
from strata.upkeep.maintain import Maintained, _ends, maintain

from tests.engine.shop import TABLES, Shop

SALES = "silver.toy_sales"


# --- which publications end, without Spark -------------------------------------------------------


def publications(*kinds: str, days_old: int = 0) -> tuple[Publication, ...]:
    """One publication a kind, numbered from 1; all equally old."""
    at = datetime.now(timezone.utc).replace(tzinfo=None) - timedelta(days=days_old)
    return tuple(
        Publication("toy", n, n - 1, f"r{n}", kind=kind, published_at=at)
        for n, kind in enumerate(kinds, 1)
    )


@pytest.mark.parametrize(
    ("kinds", "days_old", "keep", "days", "ends"),
    [
        (("run",) * 5, 2, 2, 1, 3),
        (("run",) * 5, 2, 2, 30, 0),  # Young enough.
        (("run",) * 5, 2, 9, 1, 0),  # Few enough.
        (("run",) * 5, 61, 9, 30, 4),  # None but the newest outlives the log.
        (("run", "run", "maintenance"), 2, 1, 1, 2),  # The maintenance shows what 2 showed.
        (("run", "run", "maintenance"), 2, 2, 1, 0),
        (("run", "maintenance", "run", "maintenance"), 2, 2, 1, 1),
        (("run",), 99, 1, 0, 0),
    ],
)
def test_publications_end_when_they_are_neither_among_the_newest_nor_young(
    kinds: tuple[str, ...], days_old: int, keep: int, days: int, ends: int
) -> None:
    assert _ends(publications(*kinds, days_old=days_old), keep, days) == ends


def test_a_maintenance_gives_a_table_a_new_version_and_the_same_rows() -> None:
    versions = {"run": 1, "maintenance": 2, "rollback": 1}
    every = tuple(
        Publication(
            "toy", n, n - 1, "r", kind=kind, tables=(TableState(SALES, versions.get(kind, 3), 0),)
        )
        for n, kind in enumerate(("run", "maintenance", "decision"), 1)
    )
    assert ledger.same_rows(every, SALES, 1, 2)
    assert not ledger.same_rows(every, SALES, 2, 3)


# --- on tables -----------------------------------------------------------------------------------


@dataclass
class Story:
    """What was seen on the way; the runs are dear, so that all tests share them."""

    shop: Shop
    rows: dict[str, list[tuple[object, ...]]]
    states: dict[str, TableState]
    done: Maintained
    again: Maintained


@pytest.fixture(scope="module")
def story(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Two publications; a run killed before its third; a maintenance killed before it publishes,
    and one before it removes.
    """
    shop = Shop(spark, tmp_path_factory.mktemp("maintain"))
    shop.shops("a.csv", "s1,Alpha", "s2,Beta")
    shop.sales(
        "a.csv",
        "a1,s1,2024-01-01,10.50",
        "a2,s2,2024-01-01,3",
        "a4,s1,2024-01-02,x",
        "a6,s2,2024-01-03,7.25",
    )
    # As an older release made them, whose logs Spark may shorten.
    with pytest.MonkeyPatch.context() as patch:
        patch.delitem(commit.PROPERTIES, commit.KEEPS_LOG[0])
        shop.run()
    shop.sales("b.csv", "b1,s1,2024-01-04,1", "b2,s1,2024-01-05,2", "b3,s1,2024-01-05,y")
    shop.run()
    rows, states = {t: shop.table(t) for t in TABLES}, {s.table: s for s in shop.published().tables}
    waiting = shop.raw / "toy" / "sales" / "c.csv"
    shop.sales("c.csv", "c1,s1,2024-01-06,1")
    for point in ("publication.before", "optimize.after", "publication.before", "vacuum.before"):
        failpoint.armed = failpoint.parse(f"{point}=crash")
        try:
            with pytest.raises(failpoint.Crash):
                shop.run() if waiting.exists() else maintain(
                    spark, shop.warehouse, "toy", 10, 0, print
                )
        finally:
            failpoint.armed = None
        waiting.unlink(missing_ok=True)
    done = maintain(spark, shop.warehouse, "toy", 10, 0, print)
    return Story(shop, rows, states, done, maintain(spark, shop.warehouse, "toy", 10, 0, print))


@pytest.mark.spark
def test_it_changes_no_row_and_is_published_as_what_it_is(story: Story) -> None:
    latest = story.shop.published()
    assert (latest.kind, latest.publication) == ("maintenance", 3)
    assert latest.published_at is not None
    # The tests' own time zone is not UTC.
    assert abs(
        datetime.now(timezone.utc) - latest.published_at.replace(tzinfo=timezone.utc)
    ) < timedelta(hours=1)
    assert {t: story.shop.table(t) for t in TABLES} == story.rows
    for state in latest.tables:
        before = story.states[state.table]
        assert (state.rows, state.identity, state.rejected) == (
            before.rows,
            before.identity,
            before.rejected,
        )
    sales = latest.state(SALES)
    assert sales is not None
    compacted = TableLog(story.shop.warehouse, SALES).snapshot(sales.version)
    assert len(compacted.adds) == 1
    first = TableLog(story.shop.warehouse, SALES).snapshot(0)
    keeps, value = commit.KEEPS_LOG
    assert keeps not in dict(first.metadata["configuration"])
    assert dict(compacted.metadata["configuration"])[keeps] == value
    assert doctor.examine(story.shop.warehouse, ["toy"]).damage == []


@pytest.mark.spark
def test_stopped_twice_it_finishes_and_a_further_one_finds_nothing_to_do(story: Story) -> None:
    assert story.done.publication is None, (
        "the publication stood already: only the removal was left"
    )
    assert story.done.freed.files > 0
    assert (story.again.publication, story.again.compacted, story.again.freed.files) == (
        None,
        {},
        0,
    )


@pytest.mark.spark
def test_a_run_after_it_finds_nothing_new(story: Story) -> None:
    assert story.shop.plan().is_empty


@pytest.mark.spark
def test_every_kept_publication_stays_whole_and_no_orphan_is_left(story: Story) -> None:
    for publication in ledger.read(story.shop.warehouse, "toy"):
        assert all(
            has_version(story.shop.warehouse, s.table, s.version) for s in publication.tables
        )
    assert doctor.examine(story.shop.warehouse, ["toy"]).findings == []


@pytest.mark.spark
def test_vacuum_refuses_while_the_latest_version_is_not_the_published_one(story: Story) -> None:
    log = TableLog(story.shop.warehouse, SALES)
    lying = files.walk(story.shop.warehouse.path(SALES))
    with pytest.raises(CommitUnknown, match="a table is restored before it is vacuumed"):
        vacuum(story.shop.warehouse, SALES, 1, (1, log.commits[-1]))
    assert files.walk(story.shop.warehouse.path(SALES)) == lying


@pytest.mark.spark
def test_with_one_kept_the_older_ones_end_and_nobody_rolls_back_to_them(
    story: Story, spark: SparkSession
) -> None:
    done = maintain(spark, story.shop.warehouse, "toy", 1, 0, print)
    assert done.ended >= 2
    assert done.freed.files > 0
    assert {t: story.shop.table(t) for t in TABLES} == story.rows
    with pytest.raises(UsageError, match="publication 1 of toy has ended"):
        rollback(story.shop.warehouse, "toy", 1)
    again = maintain(spark, story.shop.warehouse, "toy", 1, 0, print)
    assert (again.publication, again.freed.files) == (None, 0)
    assert doctor.examine(story.shop.warehouse, ["toy"]).findings == []


@pytest.mark.parametrize(("keep", "days"), [(0, 1), (1, 61)])
def test_at_least_one_is_kept_and_none_longer_than_the_log(keep: int, days: int) -> None:
    from strata.lake.versions import Warehouse

    with pytest.raises(UsageError, match="at least one publication is kept"):
        maintain(None, Warehouse("/nowhere"), "toy", keep, days, print)  # type: ignore[arg-type]
