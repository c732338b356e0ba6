"""Raw days leave bronze for the archive and come back: nothing that is computed from them changes,
whatever stops the move.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from strata.cli.archive import days_between
from strata.declare.contract import archive_name
from strata.errors import UsageError
from strata.lake.log import TableLog
from strata.lake.versions import read_arrow
from strata.run.decisions import rollback
from strata.serve import why
from strata.serve.published import Published
from strata.upkeep import archive, doctor
from strata.upkeep.archive_content import Moved
from strata.upkeep.maintain import maintain

from tests.engine.shop import Shop
from tests.faults import images
from tests.faults.oracle import Content, assert_conserved, published

RAW = "bronze.toy_sales"
DAYS = [f"2024-01-{day:02d}" for day in range(1, 11)]
FIRST = ("n0,s1,no day,1", *[f"a{n},s1,{day},{n}" for n, day in enumerate(DAYS)])
LATE = ("a1,s1,2024-01-02,1", "late,s2,2024-01-02,5", "b0,s1,2024-01-12,7")
"""An archived sale again, one that is new of an archived day, and a newer day."""


# --- what is asked for, without Spark ------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("2024-01-02", (date(2024, 1, 2), date(2024, 1, 2))),
        ("2024-01-02..2024-02-01", (date(2024, 1, 2), date(2024, 2, 1))),
        ("all", (date.min, date.max)),
    ],
)
def test_days_to_restore_are_one_a_range_or_all(text: str, days: tuple[date, date]) -> None:
    assert days_between(text) == days


@pytest.mark.parametrize("text", ["", "yesterday", "2024-02-01..2024-01-01", "..2024-01-01"])
def test_other_days_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"--restore takes"):
        days_between(text)


# --- on tables -----------------------------------------------------------------------------------


def made(spark: SparkSession, root: Path, *deliveries: tuple[str, ...]) -> Shop:
    """A warehouse of these deliveries of sales, taken in one run."""
    shop = Shop(spark, root)
    shop.shops("a.csv", "s1,Alpha", "s2,Beta")
    for number, rows in enumerate(deliveries):
        shop.sales(f"{number}.csv", *rows)
    shop.run()
    return shop


def put_away(shop: Shop, days: int = 7) -> Moved:
    (moved,) = archive.archive(shop.spark, shop.warehouse, "toy", days, shop.said.append)
    return moved


def days_in(shop: Shop, name: str) -> list[str]:
    """The days, as text, of the rows that the table itself holds."""
    state = shop.published().state(RAW)
    assert state is not None
    version = state.version if name == RAW else state.archive_version
    assert version is not None
    rows = read_arrow(shop.warehouse, name, version, ["sale_date"]).to_pylist()
    return sorted(row["sale_date"] for row in rows)


def archived_files(shop: Shop) -> list[Path]:
    """The files of the published archive."""
    state = shop.published().state(RAW)
    assert state is not None
    assert state.archive_version is not None
    name = archive_name(RAW)
    named = TableLog(shop.warehouse, name).snapshot(state.archive_version).files
    return [Path(shop.warehouse.path(name)) / file for file in named]


def content(shop: Shop) -> Content:
    return published(shop.warehouse, "toy")


def assert_sound(shop: Shop) -> None:
    assert_conserved(shop.warehouse, "toy")
    assert doctor.examine(shop.warehouse, ["toy"]).damage == []


@pytest.mark.spark
def test_old_days_lie_in_the_archive_and_every_table_is_as_without_it(
    spark: SparkSession, tmp_path: Path
) -> None:
    shop = made(spark, tmp_path / "archived", FIRST)
    before = content(shop)
    # Killed when the days stand in both; `tests/nightly/test_archive_killed.py` has every place.
    images.crash(
        shop.warehouse, f"point:archive.copied@{archive_name(RAW)}", lambda: put_away(shop)
    )
    assert content(shop) == before
    moved = put_away(shop)

    # The newest day is the 10th: the 4th is the seventh, and stays. What has no day stays too.
    assert (moved.rows, moved.days) == (3, [date(2024, 1, n) for n in (1, 2, 3)])
    assert days_in(shop, RAW) == [*DAYS[3:], "no day"]
    assert days_in(shop, archive_name(RAW)) == DAYS[:3]
    assert [(s.first, s.last, s.rows) for s in moved.stretches] == [(DAYS[0], DAYS[2], 3)]
    # Three of the eleven records of the raw file, beside the one file that they are in now.
    (file,) = archived_files(shop)
    raw = 3 * (shop.raw / "toy" / "sales" / "0.csv").stat().st_size / 11
    assert moved.ratio == pytest.approx(raw / file.stat().st_size)
    assert content(shop) == before
    assert_sound(shop)
    assert shop.plan().is_empty
    assert put_away(shop).rows == 0
    assert shop.publications() == 2

    # An increment reads the archive where it must: else `late` were there and `a1` twice.
    shop.sales("1.csv", *LATE)
    shop.run()
    whole = made(spark, tmp_path / "whole", FIRST, LATE)
    assert content(shop) == content(whole)
    _, fates = why.record(Published(shop.warehouse), "sales/0.csv", 2)
    assert [fate.outcome for fate in fates] == ["accepted", "accepted"]

    # Two days more leave, and two records that came late; one small file is packed with them.
    again = put_away(shop)
    assert (again.rows, len(again.days)) == (4, 3)
    assert [(s.first, s.last, s.rows) for s in again.stretches] == [(DAYS[0], DAYS[4], 7)]
    assert content(shop) == content(whole)
    assert_sound(shop)


@pytest.mark.spark
def test_archived_days_come_back_and_outlive_their_raw_files(
    spark: SparkSession, tmp_path: Path
) -> None:
    shop = made(spark, tmp_path, FIRST)
    before = content(shop)
    put_away(shop)
    back = lambda: archive.restore(  # noqa: E731
        spark, shop.warehouse, "toy", days_between("2024-01-02..2024-01-03"), shop.said.append
    )
    (moved,) = back()
    assert (moved.rows, days_in(shop, archive_name(RAW))) == (2, DAYS[:1])
    assert content(shop) == before
    assert_sound(shop)

    # All that is left of the raw file is in bronze and its archive.
    (shop.raw / "toy" / "sales" / "0.csv").unlink()
    shop.run(full=True)
    assert content(shop) == before
    assert days_in(shop, RAW) == [*DAYS, "no day"]
    state = shop.published().state(RAW)
    assert state is not None
    assert (state.archive_version, state.archived) == (None, 0)
    assert_sound(shop)

    # What was published while days lay in the archive can be published again, until it has ended.
    rollback(shop.warehouse, "toy", 2)
    assert days_in(shop, archive_name(RAW)) == DAYS[:3]
    assert content(shop) == before
    with pytest.raises(UsageError, match="--days 800000 goes further: give fewer days"):
        put_away(shop, days=800_000)
    put_away(shop, days=5)
    maintain(spark, shop.warehouse, "toy", 1, 0, shop.said.append)
    assert content(shop) == before
    assert_sound(shop)
    # What the log does not name has gone.
    folder = Path(shop.warehouse.path(archive_name(RAW)))
    assert set(folder.rglob("*.parquet")) == set(archived_files(shop))


@pytest.mark.spark
def test_a_feed_without_days_cannot_be_archived(spark: SparkSession, tmp_path: Path) -> None:
    shop = Shop(spark, tmp_path)
    with pytest.raises(UsageError, match="no source of launches does"):
        archive.listed(shop.warehouse, "launches")
    with pytest.raises(UsageError, match="--days is at least 1"):
        put_away(shop, days=0)
    assert archive.archive(spark, shop.warehouse, "toy", 7, shop.said.append) == []
