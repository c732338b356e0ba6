"""The engine is blind to feeds, so in every run the toy feed stands for all: killed anywhere, in
any order, the same published tables.

`test_every_feed.py` holds the real feeds to the same every night, with kills of real processes.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from pyspark.sql import SparkSession
from strata.errors import GateFailed
from strata.lake.versions import Warehouse

from tests.faults.cases import CASES
from tests.faults.kill import Child, Stage, chains, kill_and_rerun, run_here
from tests.faults.oracle import answers_of, assert_conserved

pytestmark = pytest.mark.spark

SEED = 11
KILLS = int(os.environ.get("STRATA_TOY_KILLS", "6"))


@pytest.fixture(scope="module")
def stage(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """What the feed gives when nobody disturbs it."""
    return Stage(CASES["toy"], tmp_path_factory.mktemp("toy")).prepare(spark, ("first", "next"))


def test_killed_anywhere_and_run_again_the_tables_are_those_of_an_undisturbed_run(
    spark: SparkSession, stage: Stage, tmp_path: Path
) -> None:
    """By crash images; `test_images.py` compares one with what SIGKILL leaves."""

    def no_process() -> Child:
        raise AssertionError("a chain of images needs no process of its own")

    fired = sum(
        kill_and_rerun(spark, stage, scenario, chain, no_process, tmp_path / f"chain-{number}")
        for number, (scenario, chain) in enumerate(chains(stage, KILLS, SEED, ("next",), killed=0))
    )
    assert fired == KILLS


def test_shuffled_parted_repeated_and_late_the_same_records_give_the_same_tables(
    spark: SparkSession, stage: Stage, tmp_path: Path
) -> None:
    warehouse, raw = Warehouse(str(tmp_path / "warehouse")), tmp_path / "raw"
    for delivery in stage.case.disorder(Random(f"{SEED}/toy"), 2):
        stage.case.deliver(raw, delivery)
        # A delivery that no gate lets pass waits for the next one, as it would in life.
        with suppress(GateFailed):
            run_here(spark, "toy", raw, warehouse)
    assert_conserved(warehouse, "toy")
    expected = answers_of(Warehouse(str(stage.root / "undisturbed-next")), "toy")
    assert answers_of(warehouse, "toy") == expected, f"seed {SEED}/toy"
    run_here(spark, "toy", raw, warehouse, full=True)
    assert answers_of(warehouse, "toy") == expected, f"--full; seed {SEED}/toy"
