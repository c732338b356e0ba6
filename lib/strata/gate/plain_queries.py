"""Rules that are queries of sums, answered by DuckDB over the tables' files.

A suite says by `meta: {plain: true}` that the text of a query means the same to DuckDB as to Spark,
which takes longer to plan it than DuckDB to answer. A test asks both of the same tables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from strata.declare.suite import Expectation, Suite
from strata.gate import queries
from strata.gate.outcome import Outcome

if TYPE_CHECKING:
    from pyarrow import dataset as ds

_SETTINGS = (
    "SET memory_limit = '512MB'",
    "SET TimeZone = 'UTC'",
    "SET python_enable_replacements = false",
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET enable_external_access = false",
)


def of_suite(suite: Suite) -> list[Expectation]:
    """The queries that DuckDB may answer. One that warns shows a row that it finds: that is
    Spark's."""
    return [
        e
        for e in suite.expectations
        if e.is_plain and queries.is_query(e) and e.severity == "critical"
    ]


def audit(
    expectations: Sequence[Expectation], tables: Mapping[str, Callable[[], ds.Dataset]]
) -> list[Outcome]:
    """The outcome of each query; GateFailed when one cannot be answered.

    `{batch}` in a query is the candidate, as it is named in `tables` too.
    """
    import duckdb

    outcomes = []
    with duckdb.connect() as engine:
        for setting in _SETTINGS:
            engine.execute(setting)
        offered: dict[str, str] = {}
        for e in expectations:
            for name in [n for n in tables if n not in offered and queries.reads(e, n)]:
                offered[name] = name.replace(".", "_")
                engine.register(offered[name], tables[name]())
            # The hash has every column computed: one that cannot be must not pass for a row that
            # is not found.
            asked = f"SELECT count(*), bit_xor(hash(q)) FROM ({queries.text_of(e, offered)}\n) AS q"
            try:
                [(found, _)] = engine.execute(asked).fetchall()
            except duckdb.Error as error:
                raise queries.cannot_answer(e, error) from None
            outcomes.append(Outcome(e, found == 0, None, str(found)))
    return outcomes
