"""SQL over published tables by DuckDB, in this process, without a JVM.

The engine sees Arrow datasets over the pinned files and nothing else: external access is off
before it is given a query, and its settings are locked. Values have Spark's types: UTC
timestamps in microseconds, exact decimals, whole numbers of 64 bits; NULL sorts as in Spark.
"""

from __future__ import annotations

import os
import re
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from strata.errors import Damaged, UsageError
from strata.fs import duck
from strata.kit.sql import literal
from strata.serve import read_only
from strata.serve.published import Published

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_PARAMETER = re.compile(r"(?<![\w:\])}'\"]):([A-Za-z_]\w*)")
_QUOTED = re.compile(r"('(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/)", re.DOTALL)


class NeedsSpark(UsageError):
    """The query has a function that only Spark with Sedona knows."""


def query(
    published: Published,
    text: str,
    params: dict[str, Any] | None = None,
    limit: int = 0,
    seconds: float = 0,
) -> pa.Table:
    """The answer to one read-only query, at most `limit` rows (0 = all), as Arrow.

    Parameters stand in the text as `:name`. UsageError where the query does more than read
    published tables, cannot be answered, or takes longer than `seconds` (0 = no limit);
    NeedsSpark where it calls a function of Sedona.
    """
    with Session(published) as session:
        return session.query(text, params, limit, seconds)


class Session:
    """One engine for several queries of one pinned set."""

    def __init__(self, published: Published) -> None:
        self.published = published
        self._connection = connect()
        self._offered: set[str] = set()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def query(
        self,
        text: str,
        params: dict[str, Any] | None = None,
        limit: int = 0,
        seconds: float = 0,
    ) -> pa.Table:
        """As the function `query`."""
        params = params or {}
        text = _with_dollars(text, params)
        reading = self._read(text, params)
        spatial = sorted(filter(read_only.SPATIAL.fullmatch, reading.functions))
        if spatial:
            raise NeedsSpark(f"{spatial[0]} is a function of Sedona: use --engine spark")
        _check_parameters(reading.parameters, params)
        offer(self._connection, self.published, reading.tables - self._offered)
        self._offered |= reading.tables
        return _answer(self._connection, text, params, limit, seconds)

    def _read(self, text: str, params: dict[str, Any]) -> read_only.Reading:
        """What a query reads. A `:name` without its value does not parse, so that is looked for
        where nothing else is told.
        """
        try:
            return read_only.check(self._connection, text)
        except read_only.Unparsed:
            asked = set(_PARAMETER.findall("".join(_QUOTED.split(text)[::2])))
            _check_parameters(asked | params.keys(), params)
            raise

    def tables_of(self, text: str) -> set[str]:
        """The published tables that a query names; UsageError where it does more than read."""
        return read_only.check(self._connection, text).tables


def connect() -> duckdb.DuckDBPyConnection:
    """An empty engine in memory that reaches no file, extension or network, and stays so."""
    # It spills what does not fit into memory here, and makes the folder only then.
    spill = os.path.join(tempfile.gettempdir(), f"strata-duckdb-{os.getpid()}")
    connection = duck.connect(f"temp_directory = {literal(spill)}")
    connection.execute("SET lock_configuration = true")
    return connection


def offer(
    connection: duckdb.DuckDBPyConnection, published: Published, tables: Iterable[str]
) -> None:
    """Makes the named tables readable, each as a view at its pinned version."""
    for name in sorted(tables):
        layer, noun = name.split(".", 1)
        own = f"pinned_{layer}_{noun}"
        connection.register(own, published.table(name).dataset())
        connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{layer}"')
        connection.execute(f'CREATE VIEW "{layer}"."{noun}" AS SELECT * FROM "{own}"')


def _with_dollars(text: str, params: dict[str, Any]) -> str:
    """Spark's `:name` as DuckDB's `$name`, outside quotes and comments, for the names given."""
    parts = _QUOTED.split(text)
    for place in range(0, len(parts), 2):
        parts[place] = _PARAMETER.sub(
            lambda match: f"${match[1]}" if match[1] in params else match[0], parts[place]
        )
    return "".join(parts)


def _check_parameters(asked: set[str], given: dict[str, Any]) -> None:
    missing, unused = sorted(asked - given.keys()), sorted(given.keys() - asked)
    if missing:
        raise UsageError(f"the query has a parameter without a value: --param {missing[0]}=…")
    if unused:
        raise UsageError(f"--param {unused[0]} stands nowhere in the query as :{unused[0]}")


def _answer(
    connection: duckdb.DuckDBPyConnection,
    text: str,
    params: dict[str, Any] | None,
    limit: int,
    seconds: float,
) -> pa.Table:
    import duckdb

    with _limited(connection, seconds):
        try:
            return _read(connection.sql(text, params=params or None), limit)
        except duckdb.InterruptException:
            raise UsageError(
                f"a query may take {seconds:g} seconds, and this one took longer: "
                "ask for less, or give --seconds"
            ) from None
        except (duckdb.Error, OSError) as error:
            raise _explained(error) from None
        except RuntimeError as error:
            if "interrupted" in str(error):  # Ctrl-C, as DuckDB tells it.
                raise KeyboardInterrupt from None
            raise


def _read(relation: duckdb.DuckDBPyRelation, limit: int) -> pa.Table:
    """The first rows, in the query's own order, with Spark's types."""
    import pyarrow as pa

    reader = relation.to_arrow_reader()
    kinds = [str(kind) for kind in relation.types]
    batches, rows = [], 0
    for batch in reader:
        batches.append(batch.slice(0, limit - rows) if limit else batch)
        rows += batches[-1].num_rows
        if limit and rows >= limit:
            break
    table = pa.Table.from_batches(batches, reader.schema)
    fields = [
        pa.field(field.name, _like_spark(field.type, kind))
        for field, kind in zip(table.schema, kinds, strict=True)
    ]
    try:
        return table.cast(pa.schema(fields))
    except pa.ArrowInvalid as error:
        raise UsageError(f"a whole number must fit into 64 bits, as in Spark: {error}") from None


def _like_spark(kind: pa.DataType, own: str) -> pa.DataType:
    """Sums of whole numbers have 64 bits; text is plain, where an engine gives views of it."""
    import pyarrow as pa

    if own in ("HUGEINT", "UHUGEINT", "UBIGINT"):
        return pa.int64()
    is_text = pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    return pa.string() if is_text else kind


@contextmanager
def _limited(connection: duckdb.DuckDBPyConnection, seconds: float) -> Iterator[None]:
    timer = threading.Timer(seconds, connection.interrupt) if seconds else None
    if timer:
        timer.daemon = True
        timer.start()
    try:
        yield
    finally:
        if timer:
            timer.cancel()


def _explained(error: Exception) -> Exception:
    """One sentence for a query's mistake; a file that cannot be read is damage, and not one."""
    text = " ".join(str(error).split("LINE 1:")[0].split())[:400]
    if "Parquet" in text or "No such file" in text or "CRC checksum" in text:
        return Damaged(
            f"a published file can be read; one of this query's cannot ({text}): "
            "see `strata doctor`"
        )
    return UsageError(
        f"the query cannot be answered: {text} (DuckDB; Spark's own SQL needs --engine spark)"
    )
