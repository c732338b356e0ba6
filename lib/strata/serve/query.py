"""One read-only query by Spark over published names.

It runs in a session of its own, which `serve.thrift`'s guard watches: the guard refuses what does
more than read, and puts the pinned versions in place of names. No view is made, and no file of a
table is looked at but those that the query names.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from strata.errors import UsageError
from strata.lake.versions import Warehouse
from strata.serve.published import Published
from strata.serve.thrift.guard import check_extensions, desk
from strata.serve.thrift.views import Views

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

_ALL = 0


def read_table(warehouse: Warehouse, name: str) -> pa.Table:
    """A published table, quarantine table or `ops` table as Arrow, without Spark."""
    return Published(warehouse).table(name).to_arrow()


class Reader:
    """A guarded session that reads one pinned set, as `Published` pins it.

    `java` is the JVM behind the session, as `strata.spark.session.java` gives it. UsageError where
    the session was started without the guard.
    """

    def __init__(
        self, spark: SparkSession, java: Any, warehouse: Warehouse, at: str | None = None
    ) -> None:
        check_extensions(spark.conf.get("spark.sql.extensions"))
        self._desk = desk(java)
        self._desk.open(java.session, _ALL, False)
        self._views = Views(java, warehouse, allow_internal=True)
        self._views.pin(Published(warehouse, at))
        self._session = spark.newSession()

    def query(self, text: str, args: dict[str, Any] | None = None) -> DataFrame:
        """`args` are the values of its parameters, such as `:country`. UsageError where the query
        does more than read published tables, or cannot be answered.
        """
        with self._answering():
            try:
                return self._session.sql(text, args=args or None)
            except Exception as error:  # py4j has one class for every error of the JVM.
                told = first_sentence(error)
                raise UsageError(f"the query cannot be answered: {told}") from None

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """The guard asks for each table that a query names."""
        is_done = threading.Event()

        def answer() -> None:
            while not is_done.is_set():
                question = self._desk.next(100)
                if question is not None:
                    self._views.answer(question)

        answering = threading.Thread(target=answer, name="strata-query", daemon=True)
        answering.start()
        try:
            yield
        finally:
            is_done.set()
            self._desk.wake()
            answering.join()


def to_arrow(frame: DataFrame) -> pa.Table:
    """A query's rows as Arrow, every time in UTC."""
    return frame.toArrow()


def first_sentence(error: Exception) -> str:
    """What Spark says of a query's mistake, without its codes and its trace."""
    java: Any = getattr(error, "java_exception", None) or getattr(error, "_origin", None)
    text = java.getMessage() if java is not None else str(error)
    told = " ".join((text or str(error)).split("SQLSTATE")[0].split("== SQL")[0].split())[:400]
    return re.sub(r"^\[[A-Z_.0-9]+\] ", "", told)
