"""A warehouse that version 0.1.0 wrote, by Delta's own classes, goes on with today's code: a run
brings its tables to what a new warehouse has, and a rollback brings back what they were.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from deltalake import DeltaTable
from strata.lake.versions import Warehouse
from strata.ledger import publication as ledger

from tests import samples as shipped
from tests import tables
from tests.samples import Samples

pytestmark = [pytest.mark.nightly, pytest.mark.spark, pytest.mark.samples("launches")]
FIXTURE = Path(__file__).resolve().parents[1] / "corpus" / "warehouse_0_1_0.tar.gz"


def strata(root: Path, *arguments: str) -> str:
    told = {key: value for key, value in os.environ.items() if key != "STRATA_PROJECT"}
    ended = subprocess.run(
        [str(Path(sys.executable).with_name("strata")), *arguments, "--warehouse", str(root)],
        env=told, cwd=shipped.ROOT, text=True, capture_output=True, timeout=900,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return ended.stderr


def rows_of(root: Path, number: int) -> dict[str, int]:
    """Rows of each table of a publication, by delta-rs."""
    every = ledger.read(Warehouse(str(root)), "launches")
    found = ledger.find(every, "launches", number)
    return {
        state.table: DeltaTable(
            Warehouse(str(root)).path(state.table), version=state.version
        ).to_pyarrow_table().num_rows
        for state in found.tables
    }  # fmt: skip


def test_a_run_goes_on_where_the_old_version_stood(samples: Samples, tmp_path: Path) -> None:
    with tarfile.open(FIXTURE) as archive:
        archive.extractall(tmp_path, filter="data")
    before = rows_of(tmp_path, 1)
    said = strata(tmp_path, "run", "launches", "--raw", "samples")
    assert "launches: published as publication 2" in said
    found = tables.published(str(tmp_path), ["launches"])
    wanted = tables.published(samples.warehouse.root, ["launches"])
    assert tables.differences(found, wanted) == {}
    assert "nothing new since publication 2" in strata(
        tmp_path, "run", "launches", "--raw", "samples"
    )

    strata(tmp_path, "rollback", "launches", "1")
    assert rows_of(tmp_path, 3) == before
    strata(tmp_path, "doctor")
