"""A run over Spark Connect: the client starts no JVM, and the server needs none of Strata's code."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

pytestmark = pytest.mark.spark
PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "infra" / "local"))
cluster: ModuleType = importlib.import_module("cluster")
MAIN = "import sys; from strata.cli import main; sys.exit(main())"
# A frame that Python workers of the server make with Strata's own code.
WORKERS = """
import pyarrow as pa
from strata.spark import session

def tell(batches):
    import strata
    for _ in batches:
        yield pa.RecordBatch.from_pydict({"place": [strata.__file__]})

spark = session.build()
print(type(spark).__module__)
print(spark.range(1).mapInArrow(tell, "place string").collect()[0][0])
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What a client needs to find a server, whose own Python lacks Strata."""
    folder = tmp_path_factory.mktemp("connect")
    found = cluster.Cluster("local[2]", {})
    try:
        told = cluster.add_connect(found, folder, found.master)
        # No Java is found: a JVM of the client's could not start.
        yield {**os.environ, **told, "JAVA_HOME": str(folder), "PYTHONPATH": str(PROJECT / "lib")}
    finally:
        for process in found.processes.values():
            process.terminate()
            process.wait(timeout=60)


def client(told: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    asked = [sys.executable, "-c", *arguments]
    return subprocess.run(asked, env=told, text=True, capture_output=True, timeout=400)


def test_a_feed_runs_over_spark_connect(server: dict[str, str], tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    for source, rows in {
        "sales": "id,shop,day,amount\nc1,s1,2024-01-01,10.50\nc2,s1,2024-01-01,3\n"
        "c3,s1,2024-01-02,nonsense\n",
        "shops": "shop,name\ns1,Alpha\n",
    }.items():
        (raw / "toy" / source).mkdir(parents=True)
        (raw / "toy" / source / "a.csv").write_text(rows)
    places = ["--warehouse", str(tmp_path / "warehouse")]
    ran = client(server, MAIN, "run", "toy", "--raw", str(raw), *places)
    assert ran.returncode == 0, ran.stderr
    days = client(server, MAIN, "show", "gold.toy_days", "--format", "json", *places)
    told = [(day["sale_date"], day["amount_eur"]) for day in json.loads(days.stdout)]
    assert told == [("2024-01-01", "13.50")]


def test_the_workers_have_the_clients_own_code(server: dict[str, str]) -> None:
    ended = client(server, WORKERS)
    assert ended.returncode == 0, ended.stderr
    kind, place = ended.stdout.split()
    assert kind == "pyspark.sql.connect.session"
    assert place.endswith("strata.zip/strata/__init__.py")
