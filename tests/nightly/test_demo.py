"""`make demo` as a newcomer runs it: to the end, clicked at, ended by Ctrl-C, and started again."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

pytestmark = [pytest.mark.spark, pytest.mark.nightly]
PROJECT = Path(__file__).resolve().parents[2]
# An independent second opinion, of the raw files alone: what counts is neither cancelled nor
# returned, and each record that is not sound is out with what refers to it.
BEST = """
WITH orders AS (
    SELECT order_id FROM read_csv('{raw}/orders/*/*.csv', all_varchar = true)
    WHERE status IN ('pending', 'shipped', 'delivered') AND try_cast(order_date AS date) IS NOT NULL
      AND customer_id IN (SELECT customer_id FROM read_csv('{raw}/customers/*/*.csv', all_varchar = true))
), lines AS (
    SELECT DISTINCT * FROM read_csv('{raw}/order_items/*/*.csv', all_varchar = true)
    WHERE try_cast(quantity AS int) >= 1 AND try_cast(unit_price AS decimal(12, 4)) IS NOT NULL
      AND try_cast(discount AS decimal(12, 4)) >= 0
)
SELECT product_name, sum(quantity::int)::int, sum(round(quantity::int * unit_price::decimal(12, 4)
    - discount::decimal(12, 4), 2))::decimal(18, 2)::varchar
FROM lines JOIN orders USING (order_id)
JOIN read_csv('{raw}/products/*/*.csv', all_varchar = true) USING (product_id)
GROUP BY 1 ORDER BY sum(quantity::int * unit_price::decimal(12, 4) - discount::decimal(12, 4)) DESC LIMIT 5
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "demo"
    note = tmp_path / "demo" / "postgres.place"
    if note.is_file():
        shutil.rmtree(note.read_text(encoding="utf-8"), ignore_errors=True)


def run_demo(folder: Path) -> tuple[str, int, subprocess.Popen[str]]:
    """All that the demo says until it waits, its port, and its process."""
    environment = os.environ | {"PYTHONPATH": str(PROJECT / "lib")}
    command = [sys.executable, PROJECT / "infra" / "local" / "demo.py", "--folder", folder]
    process = subprocess.Popen(
        command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, text=True
    )
    said = ""
    assert process.stdout is not None
    for line in process.stdout:
        said += line
        if line.startswith("Ctrl-C ends it"):
            break
    found = re.search(r"Dashboard +http://127\.0\.0\.1:(\d+)/dashboard", said)
    assert found, said[-3000:]
    return said, int(found[1]), process


def end(process: subprocess.Popen[str]) -> str:
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return rest


def test_the_demo(folder: Path) -> None:
    said, port, process = run_demo(folder)
    try:
        page = urllib.request.urlopen(f"http://127.0.0.1:{port}/dashboard", timeout=10).read()
        assert b"<title>" in page
        token = re.search(r"Token +(\S+)", said)
        assert token
        query = "{ bestSellers(first: 5) { units revenue product { name } } }"
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/graphql",
            json.dumps({"query": query}).encode(),
            {"Content-Type": "application/json", "Authorization": f"Bearer {token[1]}"},
        )
        best = json.load(urllib.request.urlopen(request, timeout=10))["data"]["bestSellers"]
    finally:
        rest = end(process)
    assert "ended" in rest
    expected = duckdb.sql(BEST.format(raw=folder / "raw" / "commerce")).fetchall()
    assert [(b["product"]["name"], b["units"], b["revenue"]) for b in best] == expected
    assert re.search(rf"^ +1  {re.escape(expected[0][0])} ", said, re.MULTILINE), "it is shown"
    place = folder / "postgres.place"
    home = Path(place.read_text()) if place.exists() else folder
    assert not (home / "postgres" / "postmaster.pid").exists(), "the database has stopped"

    assert "Tea caddy, tin costs 9.50 EUR" in said
    again, _, process = run_demo(folder)
    end(process)
    assert "Tea caddy, tin costs 10.00 EUR" in again, "the next load kept the decision"
    assert again.count("9999-12-31") == 1
    assert "publication 2" in again
