"""Runs over Spark Connect: the client starts no JVM, and the server needs none of Strata's code."""

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
DATABRICKS = PROJECT / "infra" / "databricks"
sys.path.insert(0, str(DATABRICKS))
render: ModuleType = importlib.import_module("render")
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


def task(told: dict[str, str], raw: Path, root: Path) -> subprocess.CompletedProcess[str]:
    """The feed's serverless job on Databricks, as the bundle has it: its file and its parameters,
    on a runtime that has its session already.
    """
    [facts] = [found for found in render.read_facts() if found.name == "toy"]
    [made] = render.serverless_job(facts)["tasks"]
    script, places = made["spark_python_task"], {"${var.raw}": raw, "${var.warehouse}": root}
    file = (DATABRICKS / "resources" / script["python_file"]).resolve()
    return subprocess.run(
        [sys.executable, str(file), *(str(places.get(p, p)) for p in script["parameters"])],
        env={**told, "DATABRICKS_RUNTIME_VERSION": "17.3"},
        text=True,
        capture_output=True,
        timeout=400,
    )


def test_a_task_of_the_databricks_bundle_runs_and_fails_by_its_exit_code(
    server: dict[str, str], tmp_path: Path
) -> None:
    raw, root = tmp_path / "raw", tmp_path / "warehouse"
    for name, rows in {
        "sales/a.csv": "id,shop,day,amount\nc1,s1,2024-01-01,10.50\nc2,s1,2024-01-01,3\n"
        "c3,s1,2024-01-02,nonsense\n",
        "sales/b.csv": "who,what\n1,2\n",
        "shops/a.csv": "shop,name\ns1,Alpha\n",
    }.items():
        (raw / "toy" / name).parent.mkdir(parents=True, exist_ok=True)
        (raw / "toy" / name).write_text(rows)
    ran = task(server, raw, root)
    assert ran.returncode == 5, ran.stderr
    assert "b.csv" in ran.stderr
    shown = ["show", "gold.toy_days", "--format", "json", "--warehouse", str(root)]
    told = [
        (day["sale_date"], day["amount_eur"])
        for day in json.loads(client(server, MAIN, *shown).stdout)
    ]
    assert told == [("2024-01-01", "13.50")]

    (raw / "toy" / "sales" / "b.csv").unlink()
    again = task(server, raw, root)
    assert again.returncode == 0, again.stderr
    assert "nothing new since publication 1" in again.stderr


def test_the_workers_have_the_clients_own_code(server: dict[str, str]) -> None:
    ended = client(server, WORKERS)
    assert ended.returncode == 0, ended.stderr
    kind, place = ended.stdout.split()
    assert kind == "pyspark.sql.connect.session"
    assert place.endswith("strata.zip/strata/__init__.py")
