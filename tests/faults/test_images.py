"""A crash image is what SIGKILL leaves: the same tables, log entries and files, whatever names
chance gave them.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import partial
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from strata.lake import commit
from strata.lake.versions import Warehouse

from tests.faults import images
from tests.faults.cases import CASES
from tests.faults.kill import MANY_CHECKPOINTS, Child, kill_once, run_here

pytestmark = pytest.mark.spark

_BY_CHANCE = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}|\d{8}T\d{6}Z-[0-9a-f]{6}(-[0-9a-f]{8})?"
)
"""The uuid of a data file; the id of a run, and of a write of its."""


def tree(warehouse: Warehouse) -> Counter[str]:
    """How many files of each name, without Hadoop's checksums beside them."""
    root = Path(warehouse.root)
    files = [
        path
        for path in root.rglob("*")
        if path.is_file() and not (path.name.startswith(".") and path.suffix == ".crc")
    ]
    return Counter(_BY_CHANCE.sub("…", str(path.relative_to(root))) for path in files)


def test_an_image_has_the_files_that_a_kill_at_its_place_leaves(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As in the process that is killed.
    for name, value in MANY_CHECKPOINTS.items():
        monkeypatch.setitem(commit.PROPERTIES, name, value)
    place, raw = "log:torn@gold.toy_days#1", tmp_path / "raw"
    CASES["toy"].deliver(raw, CASES["toy"].files())
    killed, imaged = Warehouse(str(tmp_path / "killed")), Warehouse(str(tmp_path / "imaged"))
    argv = ["run", "toy", "--raw", str(raw), "--quiet"]
    kill_once(argv, place, Child(tmp_path / "child"), killed, place)
    images.crash(imaged, place, partial(run_here, spark, "toy", raw, imaged))
    # The table is made beside the killed one, and may or may not have begun.
    beside = "gold/toy_big_sales/"
    shown, left = (
        {name: number for name, number in tree(place).items() if not name.startswith(beside)}
        for place in (imaged, killed)
    )
    assert shown == left
    assert tree(imaged)["silver/toy_sales/_delta_log/00000000000000000001.json"] == 1
