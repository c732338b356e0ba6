"""Raw days on their way into the archive and back, killed at every place that a process may die at:
nothing is lost, nothing is there twice, and asked again it ends.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from strata import failpoint
from strata.upkeep import archive

from tests.engine.shop import Shop
from tests.engine.test_archive import DAYS, FIRST, RAW, assert_sound, content, days_between, days_in
from tests.engine.test_archive import made as shop_of
from tests.faults import images

pytestmark = [pytest.mark.spark, pytest.mark.nightly]

Work = Callable[[Shop], object]


def put_away(shop: Shop) -> object:
    return archive.archive(shop.spark, shop.warehouse, "toy", 7, shop.said.append)


def bring_back(shop: Shop) -> object:
    between = days_between("2024-01-01..2024-01-02")
    return archive.restore(shop.spark, shop.warehouse, "toy", between, shop.said.append)


def places(shop: Shop, work: Work, log: Path) -> list[str]:
    """Every place that the work passes, each time that it does, as a kill names it."""
    failpoint.armed = failpoint.Failpoint("nowhere", None, 1, "crash", str(log))
    try:
        work(shop)
    finally:
        failpoint.armed = None
    lines = [line.removeprefix("reached ") for line in log.read_text().splitlines()]
    seen: Counter[str] = Counter()
    found = []
    for line in lines:
        seen[line] += 1
        found.append(f"point:{line}#{seen[line]}")
    return found


@pytest.mark.parametrize(
    ("before", "work", "left"),
    [((), put_away, DAYS[3:]), ((put_away,), bring_back, [*DAYS[:2], *DAYS[3:]])],
    ids=["archive", "restore"],
)
def test_a_move_killed_anywhere_loses_and_doubles_nothing(
    spark: SparkSession, tmp_path: Path, before: tuple[Work, ...], work: Work, left: list[str]
) -> None:
    shop = shop_of(spark, tmp_path, FIRST)
    for step in before:
        step(shop)
    rows, published = content(shop), shop.publications()
    warehouse, begun = Path(shop.warehouse.root), tmp_path / "begun"
    shutil.copytree(warehouse, begun)
    asked = places(shop, work, tmp_path / "log")
    assert {place.partition("@")[0] for place in asked} >= {
        f"point:{point}" for point in ("archive.copied", "archive.written", "commit.before")
    }
    for place in asked:
        shutil.rmtree(warehouse)
        shutil.copytree(begun, warehouse)
        images.crash(shop.warehouse, place, partial(work, shop))
        assert content(shop) == rows, place
        work(shop)
        assert (content(shop), days_in(shop, RAW)) == (rows, [*left, "no day"]), place
        assert shop.publications() == published + 1, place
        assert_sound(shop)
