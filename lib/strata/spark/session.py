"""The Spark session: built once a process, quiet, UTC, with Delta and Sedona.

Under `spark-submit` the settings given there win, but for those that every run needs.
"""

from __future__ import annotations

import logging
import os
import signal
import site
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strata.declare import resources
from strata.errors import UsageError
from strata.fs import trouble as resource_trouble
from strata.spark import connect
from strata.spark.settings import (
    EXTENSIONS,
    IN_SESSION,
    REQUIRED,
    UNTOLD,
    lacking,
    required,
    s3_settings,
)

if TYPE_CHECKING:
    from pyspark import SparkConf
    from pyspark.sql import SparkSession

# What makes one machine quick and quiet; a cluster's own settings replace these.
LOCAL = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    # Each call that makes a column would first tell the JVM the line of code it stands in: half of
    # a small run's calls, and a fifth of its time.
    "spark.python.sql.dataFrameDebugging.enabled": "false",
    # The driver otherwise binds some ports to an outside address.
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    # Delta reads each table's log with 50 tasks by default; on one machine two are five times
    # quicker.
    "spark.databricks.delta.snapshotPartitions": "2",
    # Delta 4 lists every data file again beside each commit, which took 18 of the 73 jobs of a
    # small
    # feed's first run.
    "spark.databricks.delta.allFilesInCrc.enabled": "false",
    # Delta's default puts two writers' entries one over the other on a local disk, now and then;
    # this one asks under a lock.
    "spark.delta.logStore.file.impl": "io.delta.storage.LocalLogStore",
    # A tenth quicker to write than snappy, and smaller.
    "spark.sql.parquet.compression.codec": "zstd",
    # An increment writes whole files again, so smaller files mean less to write.
    "spark.sql.files.maxRecordsPerFile": "250000",
    # VACUUM lists with 10,000 tasks by default.
    "spark.sql.sources.parallelPartitionDiscovery.parallelism": "4",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    # Views pin versions of path tables; nothing is kept in a warehouse of Spark's own, but it makes
    # its folders.
    "spark.sql.catalogImplementation": "in-memory",
    "spark.sql.warehouse.dir": f"{tempfile.gettempdir()}/strata-{os.getpid()}",
}


SMALL = {
    # A small run asks for a few rows of a table at a time.
    "spark.sql.shuffle.partitions": "2",
    # It plans each stage anew by what the one before gave, which gains nothing here.
    "spark.sql.adaptive.enabled": "false",
}
"""What makes a small run quick on one machine: its time is planning, compiling and starting."""
_SMALL_JAVA = "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=256m -XX:+UseSerialGC"
"""The quick compiler alone: what runs a few times is not worth the thorough one. Without that one
Java keeps a fifth of the room for code, 48 MB; five feeds side by side filled them, and it died."""
_LARGE_JAVA = "-XX:G1PeriodicGCInterval=10000"
"""A heap that grew for one table would stay so while this process makes the next ones: after ten
idle seconds Java collects, and gives memory back."""


def build(
    master: str | None = None,
    settings: dict[str, str] | None = None,
    log_file: str | None = None,
    small: bool = False,
    spatial: bool = True,
) -> SparkSession:
    """The process's session; a JVM that cannot start is one clear sentence.

    `small` tunes a session on one machine for few rows; the answers are the same. A session that
    stands elsewhere must have what Sedona needs, unless nothing `spatial` will be asked of it.
    """
    if "DATABRICKS_RUNTIME_VERSION" in os.environ:
        from pyspark.sql import SparkSession

        # The runtime has its session, with settings of its own.
        return _complete(SparkSession.builder.getOrCreate(), spatial)
    if connect.is_remote(master):
        return _complete(connect.session(master), spatial)
    conf = _conf(master, settings or {}, small, spatial)
    spark = _complete(_start(conf, log_file), spatial)
    # pyspark logs every query error as a JSON line with the JVM's whole trace, besides raising it.
    logging.getLogger("SQLQueryContextLogger").setLevel(logging.CRITICAL + 1)
    # So does py4j, by the root's logger, of each question to a JVM that is gone or was cut off.
    logging.getLogger().addFilter(_is_not_py4js)
    return spark


def _is_not_py4js(record: logging.LogRecord) -> bool:
    return record.module not in ("java_gateway", "clientserver")


def _conf(master: str | None, settings: dict[str, str], small: bool, spatial: bool) -> SparkConf:
    """The settings of a new session, under those that spark-submit was given."""
    from pyspark import SparkConf

    # Python workers must be this very interpreter, or they miss the packages that are installed
    # here.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    conf = SparkConf()
    is_local = (master or conf.get("spark.master") or "local").startswith("local")
    own = local(small) if is_local else {}
    for key, value in {**own, **s3_settings(), **settings}.items():
        conf.setIfMissing(key, value)
    for key, value in required(spatial).items():
        conf.set(key, _with_own(conf.get(key, ""), value) if key == EXTENSIONS else value)
    if master:
        conf.setMaster(master)
    conf.setIfMissing("spark.master", "local[*]")
    conf.setIfMissing("spark.app.name", "strata")
    # Errors come as exceptions, and are told in a sentence; warnings would stand among answers.
    conf.setIfMissing("spark.log.level", "ERROR")
    return conf


def local(small: bool) -> dict[str, str]:
    """The settings of a session on this machine, for few rows or for many."""
    own = {**LOCAL, **_local_sizes(), **_local_workers(), **(SMALL if small else {})}
    own["spark.driver.extraJavaOptions"] += f" {_SMALL_JAVA if small else _LARGE_JAVA}"
    return own


def _start(conf: SparkConf, log_file: str | None) -> SparkSession:
    """Where a session stands already, as in a notebook, it keeps its own settings."""
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    try:
        with _own_handler_kept():
            _start_java(conf, log_file)
            return SparkSession.builder.config(conf=conf).getOrCreate()
    except (PySparkException, OSError, RuntimeError) as error:
        trouble = resource_trouble.explain(error, _end_of(log_file))
        if trouble is not None:
            raise trouble from None
        hint = f"see {log_file}" if log_file else "see above"
        raise UsageError(
            f"Spark needs Java 17 to 22 to start, and did not start ({type(error).__name__}); "
            f"{hint}"
        ) from None


@contextmanager
def _own_handler_kept() -> Iterator[None]:
    """pyspark takes Ctrl-C for itself where the main thread starts it: it asks the JVM from within
    whatever was interrupted, which may be a question to the JVM."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        # Where nobody has a handler of his own, as in a notebook, pyspark's ends the jobs.
        if before not in (None, signal.default_int_handler):
            signal.signal(signal.SIGINT, before)


def _start_java(conf: SparkConf, log_file: str | None) -> None:
    """Starts a JVM whose noise goes to the file, unless there is one or no file is named.

    A JVM that cannot start says why on its standard output, where only answers belong.
    """
    from pyspark import SparkContext
    from pyspark.java_gateway import launch_gateway

    stands = SparkContext._gateway is not None or "PYSPARK_GATEWAY_PORT" in os.environ
    if stands or log_file is None:
        return
    with open(os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb") as log:
        gateway = launch_gateway(conf, {"stdout": log, "stderr": log})
    SparkContext(gateway=gateway, conf=conf)


class Starting:
    """A session that a thread is starting: whoever asks it anything waits until it stands.

    The JVM takes seconds to start, in which a run has other things to do; some need none.
    """

    def __init__(self, start: Callable[[], SparkSession], when_asked: bool = False) -> None:
        """Begins at once, or when something is first asked of it."""
        self._session: Future[SparkSession] = Future()
        self._start, self._one_starts, self._begun = start, threading.Lock(), False
        if not when_asked:
            self._begin()

    @property
    def has_begun(self) -> bool:
        """Whether it is starting, or has started."""
        return self._begun

    def _begin(self) -> None:
        with self._one_starts:
            if not self._begun:
                self._begun = True
                threading.Thread(target=self._run, name="spark", daemon=True).start()

    def _run(self) -> None:
        try:
            self._session.set_result(self._start())
        except BaseException as error:  # Raised again wherever the session is asked for.
            self._session.set_exception(error)

    def __getattr__(self, name: str) -> Any:
        self._begin()
        return getattr(self._session.result(), name)

    def failed_by(self, error: BaseException) -> bool:
        """Whether this error is why there is no session."""
        return self._session.done() and self._session.exception() is error

    def cancel_jobs(self) -> None:
        """Ends what Spark is doing, if it stands."""
        if self._session.done() and not self._session.exception():
            self._session.result().sparkContext.cancelAllJobs()


@dataclass(frozen=True)
class Java:
    """The JVM behind a session, for what Spark has no call in Python for. The one door to it."""

    jvm: Any
    session: Any


def java(spark: SparkSession) -> Java:
    """UsageError where the session has none of its own, as under Spark Connect."""
    if not hasattr(spark, "_jsparkSession"):
        raise UsageError(
            "this needs a driver with Spark in it, and the session is Spark Connect's: run it by "
            "spark-submit, or on one machine"
        )
    return Java(spark.sparkContext._jvm, spark._jsparkSession)


def _complete(spark: SparkSession, spatial: bool) -> SparkSession:
    """Sets what a running session takes; UsageError where it lacks what it does not take."""
    from pyspark.errors import PySparkException

    for key in IN_SESSION:
        # What serverless compute refuses to set is told below, where it matters.
        with suppress(PySparkException):
            spark.conf.set(key, REQUIRED[key])
    on_databricks = "DATABRICKS_RUNTIME_VERSION" in os.environ
    missing = lacking(lambda key: _setting(spark, key), on_databricks, spatial)
    if missing:
        raise UsageError(
            "a session that lacks Strata's settings would give other answers; this one lacks "
            + "; ".join(missing)
            + ": set them where the cluster or server is configured, see conf/spark",
            missing=missing,
        )
    return spark


def _setting(spark: SparkSession, key: str) -> str | None:
    from pyspark.errors import PySparkException

    try:
        return spark.conf.get(key, None)
    except PySparkException:  # Serverless compute refuses to tell of some.
        return UNTOLD


def _end_of(log_file: str | None) -> str:
    """The last that the JVM printed: one that does not start tells why there only."""
    try:
        return (
            Path(log_file).read_text(encoding="utf-8", errors="replace")[-4000:] if log_file else ""
        )
    except OSError:
        return ""


def _with_own(given: str, ours: str) -> str:
    """Keeps extensions that the caller configured, and adds those that are missing."""
    parts = [part for part in given.split(",") if part]
    return ",".join(parts + [part for part in ours.split(",") if part not in parts])


def _local_sizes() -> dict[str, str]:
    """Sizes for one machine: half of the memory for the driver's heap, at most 4 GiB; a few shuffle
    partitions.
    """
    cores = os.cpu_count() or 2
    memory = (
        os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        if hasattr(os, "sysconf")
        else 4 << 30
    )
    heap_gib = max(1, min(4, memory // (2 << 30)))
    return {
        "spark.driver.memory": f"{heap_gib}g",
        # 200 partitions of a small table are 200 tasks of nothing; adaptive execution splits what
        # is large.
        "spark.sql.shuffle.partitions": str(max(4, 2 * cores)),
        "spark.driver.extraJavaOptions": "-Dlog4j2.configurationFile="
        + (resources.folder("conf") / "spark" / "log4j2.properties").as_uri(),
    }


def _local_workers() -> dict[str, str]:
    """`strata.spark.daemon`, and where the workers find it if this package is not installed but
    stands on a path of this process.
    """
    home = str(Path(__file__).resolve().parents[2])
    settings = {"spark.python.daemon.module": "strata.spark.daemon"}
    return (
        settings
        if home in site.getsitepackages()
        else settings | {"spark.executorEnv.PYTHONPATH": home}
    )


def default_log_file() -> str:
    """A file of this process's own for Spark's noise."""
    return str(Path(tempfile.gettempdir()) / f"strata-spark-{os.getpid()}.log")
