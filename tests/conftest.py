"""One Spark session for all tests, and the toy feed beside the real ones."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Another zone than UTC on purpose: nothing may depend on the machine's. Set before any JVM starts.
os.environ["TZ"] = "Asia/Kolkata"
time.tzset()
TOY = Path(__file__).parent / "toy_project"
os.environ["STRATA_PROJECT"] = str(TOY)
os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
# The executors' Python takes its environment from the JVM, and that from here.
os.environ.setdefault("STRATA_PSEUDONYM_KEY", "a-key-for-tests-only-0123456789abcdef")
os.environ.setdefault("STRATA_PSEUDONYM_KEY_ID", "test")

# Optimised code does not pay within a test run: eight small runs in one JVM took 138 s of CPU time
# with it and 78 s without, of which the first took 57 s and 24 s. Without it Java would keep a
# fifth of the room for code, and throw out what it needs again.
os.environ["SPARK_SUBMIT_OPTS"] = (
    "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=256m"
)

import pytest  # noqa: E402
from pyspark.sql import SparkSession  # noqa: E402

from tests.samples import Samples, publish  # noqa: E402

SETTINGS = {
    # Two processes of tests share two cores. Test tables are tiny; every further partition is a
    # task of nothing. Where cores and partitions are the point, a test takes its own, and the
    # samples are published with three cores and seven partitions.
    "spark.master": "local[1]",
    "spark.driver.memory": "3g",
    "spark.sql.shuffle.partitions": "1",
    "spark.default.parallelism": "1",
    # Adaptive execution plans small queries twice.
    "spark.sql.adaptive.enabled": "false",
    # Generated code costs more to compile than a test's rows take to run.
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.databricks.delta.snapshotPartitions": "1",
}
if "COVERAGE_PROCESS_CONFIG" in os.environ:
    # A worker that waits for further tasks is killed in the end, and could not tell what it ran.
    SETTINGS["spark.python.worker.reuse"] = "false"


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """One session a test run: starting one takes longer than most tests."""
    from strata.serve.thrift import Door, guard, settings_of
    from strata.spark import session
    from strata.spark.settings import EXTENSIONS, REQUIRED

    # Settings of the SQL server stand when the JVM starts; one test lets it listen.
    guarded = settings_of(Door(max_seconds=60), REQUIRED[EXTENSIONS])
    settings = SETTINGS | guarded | {"spark.local.dir": str(tmp_path_factory.mktemp("spark"))}
    session_ = session.build(
        settings=settings, log_file=str(tmp_path_factory.mktemp("log") / "spark.log")
    )
    # The tests' session is the program's own: the guard is for readers' sessions, and would refuse
    # what the engine asks in SQL.
    java = session.java(session_)
    guard.desk(java).open(java.session, 0, False)
    yield session_
    session_.stop()


@pytest.fixture(scope="session")
def samples(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Samples:
    """The published samples of every feed that a chosen test asks for by
    `@pytest.mark.samples("soil")`; read-only, and the same in every process of the tests.
    """
    feeds = {
        feed
        for item in request.session.items
        for m in item.iter_markers("samples")
        for feed in m.args
    }
    base = tmp_path_factory.getbasetemp()
    # Each process of xdist has a folder of its own below one that they share.
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    return publish(sorted(feeds), shared / "samples")


def people_project(folder: Path) -> Path:
    """The toy project with the feed of persons laid over it, in a new folder."""
    shutil.copytree(TOY, folder)
    shutil.copytree(TOY.parent / "people_project", folder, dirs_exist_ok=True)
    return folder


@pytest.fixture
def toy_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the toy project whose contracts and suites a test may change."""
    copy = tmp_path / "project"
    shutil.copytree(TOY, copy)
    monkeypatch.setenv("STRATA_PROJECT", str(copy))
    forget_declarations()
    yield copy
    forget_declarations()


# --- two processes -------------------------------------------------------------------------------

LONGEST = "tests/faults/test_every_feed.py"
BEGINS = (LONGEST, "tests/feeds/test_soil.py")
"""Of the rest, the file that takes longest: begun last, it would end alone by minutes."""
NIGHTLY_S = 3600
"""When a test of the night counts as hanging; pyproject.toml says it for the others."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first, or one process would end alone. One file makes the published
    samples; the others that read them come last, so as not to wait for it.
    """
    for item in items:
        if item.get_closest_marker("nightly") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(NIGHTLY_S))
    readers = [item.path for item in items if item.get_closest_marker("samples")]
    maker = readers[0] if readers else None

    def turn(item: pytest.Item) -> int:
        if item.nodeid.startswith(BEGINS):
            return 0
        return 1 if item.path == maker else 3 if item.path in readers else 2

    items.sort(key=turn)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A file's tests go to one process, for they share what they set up; of the longest file, each
    feed's.
    """
    from xdist.scheduler import LoadFileScheduling

    class ByFileAndFeed(LoadFileScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return (
                nodeid.partition("[")[2]
                if nodeid.startswith(LONGEST)
                else str(super()._split_scope(nodeid))
            )

    return ByFileAndFeed(config, log)


def forget_declarations() -> None:
    """Declarations are read once a process; a test that changes them says so."""
    from strata.declare import contract, feed, known, suite

    known.forget()
    for cached in (contract.load_contract, suite.load_suite, feed.load_feed):
        cached.cache_clear()
