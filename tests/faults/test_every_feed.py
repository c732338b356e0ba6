"""Every feed is held to the promises: killed anywhere, in any order, in any environment, the same
published tables.

A feed joins by its line in `cases.CASES`. Kills are SIGKILL to a run's Python and JVM, or crash
images of it, in chains: while it writes, while the next run takes that back, and once more; `make
torture` runs many more. Every night: in each run the toy feed stands for all (`test_toy.py`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from pyspark.sql import SparkSession
from strata.errors import GateFailed
from strata.lake.versions import Warehouse

from tests.faults.kill import CASES, Child, Stage, chains, kill_and_rerun, run_here
from tests.faults.oracle import answers_of, assert_conserved, published

pytestmark = [pytest.mark.spark, pytest.mark.nightly]

SEED = 11
KILLS = {"toy": int(os.environ.get("STRATA_TOY_KILLS", "12"))}
"""Else three: a chain, of which one is SIGKILL and two are crash images."""
ELSEWHERE = {"TZ": "America/St_Johns", "LC_ALL": "tr_TR.UTF-8", "PYTHONHASHSEED": "7"}
"""Half an hour off every other zone, an i without a dot, and sets in another order."""
JVM_ELSEWHERE = "-Duser.language=tr -Duser.country=TR -Duser.timezone=America/St_Johns"


@pytest.fixture(scope="module", params=sorted(CASES))
def stage(
    request: pytest.FixtureRequest, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory
) -> Stage:
    """What the feed gives when nobody disturbs it."""
    return Stage(CASES[request.param], tmp_path_factory.mktemp(request.param)).prepare(
        spark, ("first", "next")
    )


@pytest.fixture(scope="module")
def elsewhere(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Child]]:
    """A process in another zone, locale, hash seed and number of partitions, until a test takes it
    away.
    """
    settings = {
        "spark.master": "local[3]",
        "spark.sql.shuffle.partitions": "7",
        "spark.sql.adaptive.enabled": "true",
    }
    environment = {**ELSEWHERE, "LANG": ELSEWHERE["LC_ALL"]}
    left = [
        Child(
            tmp_path_factory.mktemp("elsewhere"),
            environment,
            JVM_ELSEWHERE,
            settings,
        )
    ]
    yield left
    for child in left:
        child.end()


def test_neither_time_zone_nor_locale_nor_hash_seed_nor_partitions_nor_increments_matter(
    stage: Stage, elsewhere: list[Child], tmp_path: Path
) -> None:
    """All files in one run; `stage` took them in two."""
    feed, warehouse = stage.case.feed, Warehouse(str(tmp_path / "warehouse"))
    elsewhere[0].do(
        ["run", feed, "--raw", str(stage.raw["next"]), "--warehouse", warehouse.root, "--quiet"]
    )
    assert published(warehouse, feed) == stage.expected[2]


def test_killed_anywhere_and_run_again_the_tables_are_those_of_an_undisturbed_run(
    spark: SparkSession,
    stage: Stage,
    elsewhere: list[Child],
    tmp_path: Path,
) -> None:
    def child() -> Child:
        """The process from elsewhere, which has warmed up already; then new ones."""
        return elsewhere.pop() if elsewhere else Child(tmp_path / "children")

    kills = KILLS.get(stage.case.feed, 3)
    fired = sum(
        kill_and_rerun(spark, stage, scenario, chain, child, tmp_path / f"chain-{number}")
        for number, (scenario, chain) in enumerate(chains(stage, kills, SEED, ("next",)))
    )
    assert fired == kills


def test_shuffled_parted_repeated_and_late_the_same_records_give_the_same_tables(
    spark: SparkSession, stage: Stage, tmp_path: Path
) -> None:
    feed = stage.case.feed
    warehouse, raw = Warehouse(str(tmp_path / "warehouse")), tmp_path / "raw"
    for delivery in stage.case.disorder(Random(f"{SEED}/{feed}"), 2):
        stage.case.deliver(raw, delivery)
        # A delivery that no gate lets pass waits for the next one, as it would in life.
        with suppress(GateFailed):
            run_here(spark, feed, raw, warehouse)
    assert_conserved(warehouse, feed)
    in_parts, expected = (
        answers_of(warehouse, feed),
        answers_of(Warehouse(str(stage.root / "undisturbed-next")), feed),
    )
    assert in_parts == expected, f"seed {SEED}/{feed}"
