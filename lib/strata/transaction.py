"""Commits by Delta's own transaction: what no public call of Delta does, and the only module that knows its internal classes.

Delta alone knows how a store's log is written, and what must hold of a table; so files are named by its transaction, never
by a file that we put into the log.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from strata.errors import StrataError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from strata.data_file import DataFile


def add_files(spark: SparkSession, path: str, added: Sequence[DataFile], mark: str, once: tuple[str, int] | None = None) -> None:
    """Commits files that lie in the table's folder already.

    With `once`, a name and a number, nothing is committed where the table has that number of that name or a higher one
    already, and of two who commit it at one time one fails.
    """
    jvm: Any = spark._jvm
    transaction = _begin(spark, path)
    actions = [file.action() for file in added]
    if once:
        name, number = once
        # Asking is what makes Delta hold the commit to the answer.
        if transaction.txnVersion(name) >= number:
            return
        actions = [{"txn": {"appId": name, "version": number, "lastUpdated": int(time.time() * 1000)}}, *actions]
    # By the count of rows, a commit that is cut off between two files is known for torn.
    _measure(spark, transaction, numFiles=len(added), numOutputRows=sum(f.rows for f in added), numOutputBytes=sum(f.bytes for f in added))
    made = [jvm.org.apache.spark.sql.delta.actions.Action.fromJson(json.dumps(action)) for action in actions]
    _commit(spark, transaction, made, "Append", mark)


def exchange_files(spark: SparkSession, path: str, names: Collection[str], frame: DataFrame, mark: str) -> int:
    """Writes a frame and takes the files of these names out of the table; gives how many rows those held, as the log tells.

    An exchange of nothing for nothing leaves no commit.
    """
    as_java = spark._jvm.scala.jdk.javaapi.CollectionConverters.asJava  # type: ignore[union-attr]
    transaction = _begin(spark, path)
    every = as_java(transaction.filterFiles(_as_seq(spark, ()), True)) if names else ()
    removed = [file for file in every if _name(file.path()) in names]
    counts = [file.numLogicalRecords() for file in removed]
    if len(removed) != len(names) or not all(count.isDefined() for count in counts):
        raise StrataError(
            f"a table's log names its files and counts their rows; of {len(names)} files of {path} it names {len(removed)}, and counts "
            f"{sum(count.isDefined() for count in counts)}: build the table anew by --full, with Delta's statistics on"
        )
    # Removals come first, so that of a commit that is torn, what it adds is missing: its own count of rows tells that.
    actions = [file.remove() for file in removed] + list(as_java(transaction.writeFiles(frame._jdf)))
    if actions:
        _commit(spark, transaction, actions, "Overwrite", mark)
    return sum(count.get() for count in counts)


def forget_cached(spark: SparkSession, path: str) -> None:
    """Delta must read the table's log anew: files have moved behind its back."""
    jvm: Any = spark._jvm
    jvm.org.apache.spark.sql.delta.DeltaLog.invalidateCache(spark._jsparkSession, jvm.org.apache.hadoop.fs.Path(path))


def _begin(spark: SparkSession, path: str) -> Any:
    log: Any = spark._jvm.org.apache.spark.sql.delta.DeltaLog  # type: ignore[union-attr]
    return log.forTable(spark._jsparkSession, path).startTransaction()


def _commit(spark: SparkSession, transaction: Any, actions: Sequence[Any], mode: str, mark: str) -> None:
    jvm: Any = spark._jvm
    none = jvm.scala.Option.empty()
    write = getattr(jvm.org.apache.spark.sql.delta, "DeltaOperations$Write")
    operation = write(getattr(jvm.org.apache.spark.sql.SaveMode, mode), none, none, jvm.scala.Option.apply(mark))
    transaction.commit(_as_seq(spark, actions), operation)


def _measure(spark: SparkSession, transaction: Any, **metrics: int) -> None:
    """What the commit tells of itself, as a commit of Spark's writer does."""
    jvm: Any = spark._jvm
    made = jvm.java.util.HashMap()
    for name, value in metrics.items():
        metric = jvm.org.apache.spark.sql.execution.metric.SQLMetrics.createMetric(spark.sparkContext._jsc.sc(), name)
        metric.set(value)
        made.put(name, metric)
    transaction.registerSQLMetrics(spark._jsparkSession, jvm.org.apache.spark.api.python.PythonUtils.toScalaMap(made))


def _as_seq(spark: SparkSession, things: Sequence[Any]) -> Any:
    jvm: Any = spark._jvm
    made = jvm.java.util.ArrayList()
    for thing in things:
        made.add(thing)
    return jvm.org.apache.spark.api.python.PythonUtils.toSeq(made)


def _name(path: str) -> str:
    """A file's own name, of its path as the log has it. Every data file's is its own in the whole table."""
    return unquote(path).rpartition("/")[2]
