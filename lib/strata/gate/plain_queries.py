"""Rules that are queries, answered by DuckDB over the tables' files.

A suite says by `meta: {plain: true}` that the text of a query means the same to DuckDB as to Spark,
which takes longer to plan it than DuckDB to answer. A test asks both of the same tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from strata.declare.suite import Expectation, Suite
from strata.fs import duck
from strata.gate import queries
from strata.gate.outcome import Outcome

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa
    from pyarrow import dataset as ds

_MEMORY = "memory_limit = '512MB'"
_AS_SPARK_HAS_THEM = (
    "startswith(text, start) AS starts_with(text, start)",
    "substring_index(text, mark, number) AS "
    "CASE number WHEN 1 THEN split_part(text, mark, 1) ELSE error('only 1 is known') END",
    "datediff(until, since) AS date_diff('day', since, until)",
    "trunc(day, unit) AS CAST(date_trunc(unit, day) AS DATE)",
)
"""Functions of Spark's that DuckDB lacks, or has under another name."""


@dataclass(frozen=True)
class Answer:
    """What a query found."""

    outcome: Outcome
    least: dict[str, Any] | None = None
    """The least row that it finds, where it only warns."""


def of_suite(suite: Suite) -> list[Expectation]:
    """The queries that DuckDB may answer."""
    return [e for e in suite.expectations if e.is_plain and queries.is_query(e)]


def audit(
    expectations: Sequence[Expectation], tables: Mapping[str, Callable[[], ds.Dataset]]
) -> list[Answer] | None:
    """The answer of each query; GateFailed when one cannot be answered. None for want of memory:
    Spark must answer then.

    `{batch}` in a query is the candidate, as it is named in `tables` too.
    """
    import duckdb

    with _engine() as engine:
        offered: dict[str, str] = {}
        answers = []
        for e in expectations:
            for name in [n for n in tables if n not in offered and queries.reads(e, n)]:
                offered[name] = name.replace(".", "_")
                _offer(engine, offered[name], tables[name]())
            try:
                answers.append(_answer(engine, e, queries.text_of(e, offered)))
            except duckdb.OutOfMemoryException:
                return None
            except duckdb.Error as error:
                raise queries.cannot_answer(e, error) from None
    return answers


@contextmanager
def _engine() -> Iterator[duckdb.DuckDBPyConnection]:
    with duck.connect(_MEMORY) as engine:
        for macro in _AS_SPARK_HAS_THEM:
            engine.execute(f"CREATE TEMP MACRO {macro}")
        yield engine


def _offer(engine: duckdb.DuckDBPyConnection, name: str, rows: ds.Dataset) -> None:
    """Names a table for the queries. To count rows alone DuckDB reads the first column, whatever it
    holds: so it is given the smallest one first, and the view has them in the table's order."""
    import pyarrow as pa

    first = min(rows.schema, key=_width)
    others = [field for field in rows.schema if field.name != first.name]
    engine.register(f"_{name}", rows.replace_schema(pa.schema([first, *others])))
    columns = ", ".join(f'"{own}"' for own in rows.schema.names)
    engine.execute(f"CREATE TEMP VIEW {name} AS SELECT {columns} FROM _{name}")


def _width(field: pa.Field) -> int:
    """Bits of a value; of a text or a list, more than any number has."""
    import pyarrow as pa

    try:
        return 1 << 16 if pa.types.is_dictionary(field.type) else int(field.type.bit_width)
    except ValueError:
        return 1 << 16


def _answer(engine: duckdb.DuckDBPyConnection, expectation: Expectation, text: str) -> Answer:
    # The hash has every column computed: one that cannot be must not pass for a row not found.
    asked = f"SELECT count(*), bit_xor(hash(q)) FROM ({text}\n) AS q"
    [(found, _)] = engine.execute(asked).fetchall()
    outcome = Outcome(expectation, found == 0, None, str(found))
    if not found or expectation.severity == "critical":
        return Answer(outcome)
    least = engine.sql(f"SELECT * FROM ({text}\n) AS q ORDER BY ALL LIMIT 1").to_arrow_table()
    [row] = least.to_pylist()
    return Answer(outcome, row)
