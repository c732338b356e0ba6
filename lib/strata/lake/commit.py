"""Commits by Delta's own transaction: what no public call of Delta does, and the only module that
knows its internal classes.

Delta alone knows how a store's log is written, and what must hold of a table; so files are named by
its transaction, never by a file that we put into the log.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from strata.errors import CommitUnknown

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from strata.lake.data_file import DataFile


def add_files(
    spark: SparkSession,
    path: str,
    version: int,
    added: Sequence[DataFile],
    mark: str,
    numbered: tuple[str, int] | None = None,
) -> None:
    """Commits files that lie in the folder of a table that stands at this version.

    With `numbered`, a name and a number, the commit bears that number: Delta's own writers leave
    out what has it already.
    """
    transaction = _begin(spark, path, version)
    actions = [file.action() for file in added]
    if numbered:
        name, number = numbered
        actions = [
            {"txn": {"appId": name, "version": number, "lastUpdated": int(time.time() * 1000)}},
            *actions,
        ]
    # By the count of rows, a commit that is cut off between two files is known for torn.
    _measure(
        spark,
        transaction,
        numFiles=len(added),
        numOutputRows=sum(f.rows for f in added),
        numOutputBytes=sum(f.bytes for f in added),
    )
    _commit(spark, transaction, _made(spark, actions), "Append", mark)


def exchange_files(
    spark: SparkSession,
    path: str,
    version: int,
    removed: Collection[dict[str, Any]],
    frame: DataFrame,
    mark: str,
) -> None:
    """Writes a frame and takes files out of a table that stands at this version, in one commit.

    Of each file `removed` has its `add`, as the log has it: to ask Delta for them costs Spark jobs
    over the whole log. An exchange of nothing for nothing leaves no commit.
    """
    transaction = _begin(spark, path, version)
    now_ms = int(time.time() * 1000)
    # Removals come first, so that of a commit that is torn, what it adds is missing: its own count
    # of rows tells that.
    actions = _made(spark, [_removal(add, now_ms) for add in removed])
    as_java = spark._jvm.scala.jdk.javaapi.CollectionConverters.asJava  # type: ignore[union-attr]
    actions.extend(as_java(transaction.writeFiles(frame._jdf)))
    if actions:
        _commit(spark, transaction, actions, "Overwrite", mark)


def _removal(add: dict[str, Any], now_ms: int) -> dict[str, Any]:
    kept = {key: add[key] for key in ("path", "partitionValues", "size")}
    return {
        "remove": {
            **kept,
            "deletionTimestamp": now_ms,
            "dataChange": True,
            "extendedFileMetadata": True,
        }
    }


def forget_cached(spark: SparkSession, path: str) -> None:
    """Delta must read the table's log again: files have moved behind its back."""
    jvm: Any = spark._jvm
    jvm.org.apache.spark.sql.delta.DeltaLog.invalidateCache(
        spark._jsparkSession, jvm.org.apache.hadoop.fs.Path(path)
    )


def _begin(spark: SparkSession, path: str, version: int) -> Any:
    """A transaction that fails unless the table stands at this version until it has committed."""
    log: Any = spark._jvm.org.apache.spark.sql.delta.DeltaLog  # type: ignore[union-attr]
    transaction = log.forTable(spark._jsparkSession, path).startTransaction()
    if transaction.readVersion() != version:
        raise CommitUnknown(
            f"a commit is built on the version that its run has read; {path} went from "
            f"version {version} to "
            f"{transaction.readVersion()}: another program writes this table; stop it and run again"
        )
    # Whoever adds files meanwhile makes the commit fail. To ask for one thing, as the last number,
    # would cost jobs over the whole log.
    transaction.readWholeTable()
    return transaction


def _made(spark: SparkSession, actions: Iterable[dict[str, Any]]) -> list[Any]:
    """Actions as Delta has them, from how its log writes them."""
    action: Any = spark._jvm.org.apache.spark.sql.delta.actions.Action  # type: ignore[union-attr]
    return [action.fromJson(json.dumps(one)) for one in actions]


def _commit(
    spark: SparkSession, transaction: Any, actions: Sequence[Any], mode: str, mark: str
) -> None:
    jvm: Any = spark._jvm
    none = jvm.scala.Option.empty()
    write = getattr(jvm.org.apache.spark.sql.delta, "DeltaOperations$Write")
    operation = write(
        getattr(jvm.org.apache.spark.sql.SaveMode, mode), none, none, jvm.scala.Option.apply(mark)
    )
    transaction.commit(_as_seq(spark, actions), operation)


def _measure(spark: SparkSession, transaction: Any, **metrics: int) -> None:
    """What the commit tells of itself, as a commit of Spark's writer does."""
    jvm: Any = spark._jvm
    made = jvm.java.util.HashMap()
    for name, value in metrics.items():
        metric = jvm.org.apache.spark.sql.execution.metric.SQLMetrics.createMetric(
            spark.sparkContext._jsc.sc(), name
        )
        metric.set(value)
        made.put(name, metric)
    transaction.registerSQLMetrics(
        spark._jsparkSession, jvm.org.apache.spark.api.python.PythonUtils.toScalaMap(made)
    )


def _as_seq(spark: SparkSession, things: Sequence[Any]) -> Any:
    jvm: Any = spark._jvm
    made = jvm.java.util.ArrayList()
    for thing in things:
        made.add(thing)
    return jvm.org.apache.spark.api.python.PythonUtils.toSeq(made)
