"""The README's script for soil, run as it is written by a shell, in a project of its own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from strata.lake.versions import Warehouse, read_arrow
from strata.ledger import publication as ledger

from tests.unit.test_docs import FENCE, README, ROOT

pytestmark = [
    pytest.mark.spark,
    pytest.mark.nightly,
    pytest.mark.skipif(not (ROOT / ".venv" / ".ready").exists(), reason="needs make's environment"),
]


def script() -> str:
    [found] = [
        body
        for language, body in FENCE.findall(README.read_text())
        if language == "sh" and "samples/soil/boundaries" in body
    ]
    return found


def test_the_script_sets_up_loads_and_runs(tmp_path: Path) -> None:
    assert script().startswith("make .venv/.ready\n")
    for part in ROOT.iterdir():
        if part.name not in ("raw", "warehouse"):
            (tmp_path / part.name).symlink_to(part)
    environment = {key: text for key, text in os.environ.items() if not key.startswith("STRATA_")}
    run = subprocess.run(
        ["sh", "-euc", script()], cwd=tmp_path, env=environment, capture_output=True, text=True,
        timeout=1200,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr[-2000:]
    assert "Soil organic carbon and clay by country" in run.stdout
    warehouse = Warehouse(str(tmp_path / "warehouse"))
    latest = ledger.newest(ledger.read(warehouse, "soil"))
    assert latest is not None
    state = latest.state("gold.soil_country_stats")
    assert state is not None
    stats = read_arrow(warehouse, state.table, state.version).to_pylist()
    assert {(row["n_asked"], row["seed"], row["method"], row["depth_rule"]) for row in stats} == {
        (20, 42, "random", "0-30")
    }
    assert {row["country_code"] for row in stats} >= {"DE", "NL", "ES"}
    assert (tmp_path / "warehouse" / "report.html").exists()
