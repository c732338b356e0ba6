"""SIGKILL to a run's Python and JVM, in chains: while it writes, while the next run takes that back, and once more.

Then one run more, and the published tables are those of an undisturbed run; a reader who polled all the
while never saw anything but what some undisturbed run published. `make torture` runs many more.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from tests.faults.kill import CASES, Nursery, Stage, chains, kill_and_rerun

pytestmark = pytest.mark.spark

SEED = 11


@pytest.fixture(scope="module")
def nursery(fault_classes: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    made = Nursery(fault_classes, tmp_path_factory.mktemp("children"))
    yield made
    made.close()


@pytest.mark.parametrize("feed", sorted(CASES))
def test_killed_anywhere_and_run_again_the_tables_are_those_of_an_undisturbed_run(
    spark: SparkSession, nursery: Nursery, tmp_path: Path, feed: str
) -> None:
    kills = 12 if feed == "toy" else 3
    stage = Stage(CASES[feed], tmp_path).prepare(spark, ("first", "next"))
    fired = sum(
        kill_and_rerun(spark, stage, scenario, chain, nursery, tmp_path / f"chain-{number}")
        for number, (scenario, chain) in enumerate(chains(stage, kills, SEED, ("next",)))
    )
    assert fired == kills
