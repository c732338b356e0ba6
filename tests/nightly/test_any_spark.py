"""The samples of all feeds give the same tables by other Sparks: a cluster of a master and two
workers with its warehouse on an S3 server, Spark Connect from a client without a JVM, and a newer
Delta. What local mode gives is the measure, read by delta-rs.
"""

from __future__ import annotations

import importlib
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

import boto3
import pytest

from tests import samples as shipped
from tests import tables, versitygw
from tests.samples import Samples

FEEDS = ["commerce", "fleet", "launches", "residents", "soil"]
pytestmark = [pytest.mark.nightly, pytest.mark.spark]
PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "infra" / "local"))
cluster: ModuleType = importlib.import_module("cluster")
environments: ModuleType = importlib.import_module("environments")
install: ModuleType = importlib.import_module("install")
MAIN = "import sys; from strata.cli import main; sys.exit(main())"
QUICK = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"
SETTINGS = {
    # Other numbers than local mode's, and its plans are not adapted as it runs.
    "spark.sql.shuffle.partitions": "4",
    "spark.sql.adaptive.enabled": "true",
    # Generated code costs more to compile than the samples take to run.
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.executor.extraJavaOptions": QUICK,
    "spark.ui.enabled": "false",
    # Half of the driver's calls would tell the JVM lines of code.
    "spark.python.sql.dataFrameDebugging.enabled": "false",
}


@pytest.fixture(scope="module", autouse=True)
def _key() -> Iterator[None]:
    """Executors and servers have it from the processes that start them, which start here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STRATA_PSEUDONYM_KEY", shipped.KEY)
        patch.setenv("STRATA_PSEUDONYM_KEY_ID", shipped.KEY_ID)
        patch.setenv("SPARK_DAEMON_JAVA_OPTS", QUICK)
        patch.delenv("STRATA_PROJECT", raising=False)
        yield


def run(python: str, told: dict[str, str], *arguments: str) -> None:
    """The samples of every feed, with the parameters that they have in local mode."""
    asked = [python, "-c", MAIN, "run", *FEEDS, *shipped.SOIL, *arguments]
    ended = subprocess.run(
        asked, env=told, cwd=PROJECT, text=True, capture_output=True, timeout=3000
    )
    assert ended.returncode == 0, ended.stderr


def assert_equal_to_local(samples: Samples, root: str, feeds: Sequence[str] = FEEDS) -> None:
    wanted = tables.published(samples.warehouse.root, list(feeds))
    assert sum(rows.total() for rows in wanted.values()) > 500 * len(feeds)
    assert tables.differences(tables.published(root, list(feeds)), wanted) == {}


@pytest.mark.samples(*FEEDS)
def test_on_a_cluster_with_s3_all_feeds_give_the_tables_of_local_mode(
    samples: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = Path(versitygw.find())
    monkeypatch.setenv("PATH", f"{gateway.parent}{os.pathsep}{os.environ['PATH']}")
    with cluster.start(tmp_path) as found:
        for name, value in found.environment.items():
            monkeypatch.setenv(name, value)
        s3 = boto3.client("s3")
        for file in shipped.RAW.rglob("*"):
            if file.is_file():
                s3.upload_file(str(file), "strata-raw", str(file.relative_to(shipped.RAW)))
        handed = cluster.executor_settings(tmp_path)["PYSPARK_SUBMIT_ARGS"]
        given = shlex.join(word for item in SETTINGS.items() for word in ("--conf", "=".join(item)))
        told = {**os.environ, "PYSPARK_SUBMIT_ARGS": f"{given} {handed}"}
        run(sys.executable, told, "--master", found.master)
        assert_equal_to_local(samples, found.environment["STRATA_WAREHOUSE"])
    # The objects are versitygw's files, and each worker's executor took the package from the driver.
    assert (tmp_path / "s3" / "strata-warehouse" / "gold").is_dir()
    for worker in ("worker-1", "worker-2"):
        assert list((tmp_path / worker).glob("app-*/*/strata.zip")), worker


@pytest.mark.samples(*FEEDS)
def test_over_spark_connect_all_feeds_give_the_tables_of_local_mode(
    samples: Samples, tmp_path: Path
) -> None:
    """The client has neither py4j nor Java: nothing of a JVM can be called."""
    python = str(environments.install("connect") / "bin" / "python")
    lacks = subprocess.run([python, "-c", "import py4j"], capture_output=True, text=True)
    assert "No module named 'py4j'" in lacks.stderr
    server, root = cluster.Cluster("local[2]", {}), str(tmp_path / "warehouse")
    try:
        told = {**os.environ, **cluster.add_connect(server, tmp_path)}
        told |= {"PYTHONPATH": str(PROJECT / "lib"), "JAVA_HOME": str(tmp_path / "none")}
        run(python, told, "--raw", "samples", "--warehouse", root)
    finally:
        for process in server.processes.values():
            process.terminate()
            process.wait(timeout=300)
    assert_equal_to_local(samples, root)


@pytest.fixture(scope="module")
def newer_delta(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Spark home like this environment's, with the newest Delta for Spark 4.0 in its jars."""
    home, own = tmp_path_factory.mktemp("spark"), install._pyspark()
    wanted = [j for j in install.read_lock(install.JARS_LOCK.read_text()) if j.group == "newer"]
    cache = install._cache()
    absent = [jar for jar in wanted if not (cache / jar.name).is_file()]
    install.fetch(install.find_java(), absent, cache)
    for entry in own.iterdir():
        if entry.name != "jars":
            (home / entry.name).symlink_to(entry)
    (home / "jars").mkdir()
    for jar in (own / "jars").glob("*.jar"):
        if not jar.name.startswith("delta-"):
            (home / "jars" / jar.name).symlink_to(jar)
    for jar in wanted:
        (home / "jars" / jar.name).symlink_to(cache / jar.name)
    return home


@pytest.mark.samples("launches")
def test_on_the_newest_delta_a_feed_gives_the_same_and_is_compacted(
    samples: Samples, newer_delta: Path, tmp_path: Path
) -> None:
    raw, root = tmp_path / "raw", tmp_path / "warehouse"
    shutil.copytree(shipped.RAW / "launches", raw / "launches")
    told = {k: v for k, v in os.environ.items() if k != "STRATA_PROJECT"}
    told |= {"SPARK_HOME": str(newer_delta), "PYTHONPATH": str(PROJECT / "lib")}
    places = ["--warehouse", str(root)]

    def strata(*arguments: str) -> str:
        asked = [sys.executable, "-c", MAIN, *arguments, *places]
        ended = subprocess.run(asked, env=told, text=True, capture_output=True, timeout=900)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    strata("run", "launches", "--quiet", "--raw", str(raw))
    assert_equal_to_local(samples, str(root), ["launches"])

    # A second file of the same records changes no table but bronze, which then has small files.
    [file] = sorted((raw / "launches" / "launches").glob("*.json"))
    again = json.loads(file.read_text())[:20]
    file.with_name("again.json").write_text(json.dumps(again))
    strata("run", "launches", "--quiet", "--raw", str(raw))
    strata("maintain", "launches")
    commits = sorted((root / "bronze" / "launches_launches" / "_delta_log").glob("*.json"))
    engines = {
        action["commitInfo"]["engineInfo"]
        for commit in commits
        for action in map(json.loads, commit.read_text().splitlines())
        if action.get("commitInfo", {}).get("operation") == "OPTIMIZE"
    }
    assert [engine for engine in engines if engine.endswith("Delta-Lake/4.3.1")], engines
    found = tables.published(str(root), ["launches"])
    wanted = tables.published(samples.warehouse.root, ["launches"])
    assert (
        tables.differences(
            {name: rows for name, rows in found.items() if name.startswith("gold.")},
            {name: rows for name, rows in wanted.items() if name.startswith("gold.")},
        )
        == {}
    )
