"""Plain rows and few touched groups on a standalone cluster of two workers, with tables in S3: the
same tables as the transforms alone make on this machine.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from bench import commerce_data

pytestmark = [pytest.mark.nightly]
PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "infra" / "local"))
cluster: ModuleType = importlib.import_module("cluster")

RUN = """
import hashlib, json, sys
from strata.declare.feed import load_feed
from strata.lake.versions import Warehouse, read_arrow
from strata.run.options import Options
from strata.run.plan import make_plan
from strata.run.run import run_feed
from strata.spark import session

master, raw, root, fewest = sys.argv[1:]
feed, warehouse = load_feed("commerce"), Warehouse(root)
options = Options(raw, fewest_plain_rows=int(fewest))
plan = make_plan(feed, feed.default_params(), warehouse, options)
found = run_feed(session.build(master), warehouse, plan, options, lambda text: None).publication
told = {gate.table: [gate.mode, gate.accepted, gate.quarantined, gate.folded] for gate in found.gates}
for state in found.tables:
    columns = list(feed.contract(state.table).business_columns)
    rows = read_arrow(warehouse, state.table, state.version, columns).to_pylist()
    text = "\\n".join(sorted(str(tuple(row.values())) for row in rows))
    told.setdefault(state.table, []).append([len(rows), hashlib.sha256(text.encode()).hexdigest()])
print(json.dumps(told))
"""


def run(environment: dict[str, str], *arguments: str) -> dict[str, Any]:
    """How each table was written, its gate's counts, its number of rows and a hash of them."""
    ended = subprocess.run(
        [sys.executable, "-c", RUN, *arguments],
        env=environment, capture_output=True, text=True, timeout=1500,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-3000:]
    told: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return told


def test_a_load_and_one_more_day_give_the_transforms_tables(tmp_path: Path) -> None:
    raw, own = tmp_path / "raw", dict(os.environ)
    with cluster.start(tmp_path / "cluster", 2) as found:
        told = own | found.environment | cluster.executor_settings(tmp_path / "cluster")
        for day in ("full", "one more"):
            if day == "full":
                commerce_data.make(raw, scale=0, seed=3)
            else:
                commerce_data.make_next_day(raw, scale=0, seed=3)
            place = "s3://strata-warehouse/plain"
            there = run(told, found.master, str(raw), place, "0")
            here = run(own, "local[2]", str(raw), str(tmp_path / "here"), str(10**9))
            assert there == here, day
    assert there["silver.commerce_order_lines"][0] == "groups"
