"""The toy feed on a standalone cluster: a master, a worker, an S3 server. The executor is a process
that knows nothing of Strata but the wheel that the driver hands out.

A second worker would cost a quarter of the test; `tests/nightly/test_any_spark.py` has two, and all
feeds.
"""

from __future__ import annotations

import importlib
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest
from strata.declare.contract import load_contract, quarantine_name
from strata.lake.versions import Warehouse, read_arrow
from strata.ledger import publication as ledger

from tests.conftest import SETTINGS, TOY

pytestmark = pytest.mark.spark
PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "infra" / "local"))
cluster: ModuleType = importlib.import_module("cluster")
RAW = {
    "toy/shops/a.csv": "shop,name\ns1,Alpha\ns2,Beta\n",
    "toy/sales/a.csv": "id,shop,day,amount\nc1,s1,2024-01-01,10.50\nc2,s2,2024-01-01,3\n",
    "toy/sales/b.csv": "id,shop,day,amount\nc3,s1,2024-01-02,nonsense\nc4,s2,2024-01-03,7.25\n",
}
DAYS = [
    {"sale_date": date(2024, 1, 1), "amount_eur": Decimal("13.50"), "sales": 2},
    {"sale_date": date(2024, 1, 3), "amount_eur": Decimal("7.25"), "sales": 1},
]
QUICK = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"
# No row is read or judged in the driver, few though they are.
RUN = """
import os, sys
import pyarrow as pa
from strata.declare.feed import load_feed
from strata.lake.versions import Warehouse
from strata.run.options import Options
from strata.run.plan import make_plan
from strata.run.run import run_feed
from strata.spark import session

def tell(batches):
    import strata
    for _ in batches:
        yield pa.RecordBatch.from_pydict({"place": [os.path.abspath(strata.__file__)]})

master, raw, root = sys.argv[1:]
spark = session.build(master)
print(spark.range(1).mapInArrow(tell, "place string").collect()[0][0])
options = Options(raw, most_rows_here=-1, most_bytes_here=-1)
plan = make_plan(load_feed("toy"), {"threshold": 0}, Warehouse(root), options)
run_feed(spark, Warehouse(root), plan, options, lambda said: None)
"""


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("SPARK_DAEMON_JAVA_OPTS", QUICK)
    # The wheel is built while the JVMs start.
    with ThreadPoolExecutor(1) as pool:
        handed = pool.submit(cluster.executor_settings, tmp_path)
        with cluster.start(tmp_path, workers=1) as found:
            for name, value in {**found.environment, **handed.result()}.items():
                monkeypatch.setenv(name, value)
            yield found


def test_a_feed_runs_on_a_cluster_with_its_tables_in_s3(running: Any, tmp_path: Path) -> None:
    s3 = boto3.client("s3")
    for name, rows in RAW.items():
        s3.put_object(Bucket="strata-raw", Key=name, Body=rows.encode())
    given = {
        **{key: value for key, value in SETTINGS.items() if not key.startswith("spark.master")},
        "spark.executor.extraJavaOptions": QUICK,
        "spark.ui.enabled": "false",
        # Half of the driver's calls would tell the JVM lines of code.
        "spark.python.sql.dataFrameDebugging.enabled": "false",
    }
    settings = shlex.join(word for item in given.items() for word in ("--conf", "=".join(item)))
    told = {
        **os.environ,
        "PYSPARK_SUBMIT_ARGS": f"{settings} {os.environ['PYSPARK_SUBMIT_ARGS']}",
        "PYTHONPATH": str(PROJECT / "lib"),
        "STRATA_PROJECT": str(TOY),
    }
    root = running.environment["STRATA_WAREHOUSE"]
    places = [running.master, running.environment["STRATA_RAW"], root]
    ended = subprocess.run(
        [sys.executable, "-c", RUN, *places], env=told, text=True, capture_output=True, timeout=400
    )
    assert ended.returncode == 0, ended.stderr

    # The executor took the package from the driver.
    home = Path(ended.stdout.strip()).relative_to(tmp_path)
    assert home.parts[0] == "worker-1"
    assert home.parts[-3:] == ("strata.zip", "strata", "__init__.py")

    latest = ledger.newest(ledger.read(Warehouse(root), "toy"))
    assert latest is not None
    days, sales = latest.state("gold.toy_days"), latest.state("silver.toy_sales")
    assert days is not None
    assert sales is not None
    columns = list(load_contract("gold.toy_days").business_columns)
    rows = read_arrow(Warehouse(root), "gold.toy_days", days.version, columns).to_pylist()
    assert sorted(rows, key=lambda row: row["sale_date"]) == DAYS
    assert sales.quarantine_version is not None
    rejected = read_arrow(
        Warehouse(root), quarantine_name("silver.toy_sales"), sales.quarantine_version
    ).to_pylist()
    assert [row["_reasons"] for row in rejected] == [["amount is not a decimal number"]]
