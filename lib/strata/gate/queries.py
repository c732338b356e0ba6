"""Rules that are queries: a query must find no row. Counted here, all of a suite's in one pass.

Great Expectations would register the candidate under one fixed name of the session, so that two
threads would take each other's; and it would run each query twice, for the rows and their number.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from strata.declare.suite import Expectation
from strata.errors import GateFailed

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

QUERY = "unexpected_rows_query"
"""The argument by which an expectation is known to be a query."""


def is_query(expectation: Expectation) -> bool:
    """Whether the expectation is that a query finds no row."""
    return expectation.type == "unexpected_rows_expectation" and set(expectation.kwargs) == {QUERY}


def count_found(
    expectations: Sequence[Expectation], candidate: DataFrame, views: dict[str, DataFrame]
) -> list[int]:
    """How many rows each query finds; GateFailed when one cannot be answered.

    `{batch}` in a query is the candidate, `{silver.other_table}` another table of `views`, and a
    doubled brace stands for one.
    """
    from pyspark.errors import PySparkException

    spark = candidate.sparkSession
    with _named(("batch", candidate), *views.items(), only=expectations) as names:
        asked = [_counting(n, text_of(e, names)) for n, e in enumerate(expectations)]
        try:
            found = _ask(spark, " UNION ALL ".join(asked))
        except PySparkException:
            # One by one, to say which of them it is.
            found = [
                _ask_alone(spark, e, text) for e, text in zip(expectations, asked, strict=True)
            ]
    return found


def first_found(
    expectation: Expectation, candidate: DataFrame, views: dict[str, DataFrame]
) -> dict[str, Any] | None:
    """The least row that the query finds; None where it finds none."""
    with _named(("batch", candidate), *views.items(), only=(expectation,)) as names:
        asked = f"SELECT * FROM ({text_of(expectation, names)}\n) AS q ORDER BY ALL LIMIT 1"
        # By Arrow: `collect` would tell a moment in the machine's own zone.
        rows: list[dict[str, Any]] = candidate.sparkSession.sql(asked).toArrow().to_pylist()
    return rows[0] if rows else None


@contextmanager
def _named(*every: tuple[str, DataFrame], only: Sequence[Expectation]) -> Iterator[dict[str, str]]:
    """Views of the tables that the queries read, under names of their own: another thread of the
    session has other tables under these.
    """
    mark, names = secrets.token_hex(4), {}
    try:
        for name, frame in every:
            if any(reads(expectation, name) for expectation in only):
                names[name] = f"strata_{name.replace('.', '_')}_{mark}"
                frame.createOrReplaceTempView(names[name])
        yield names
    finally:
        for view in names.values():
            every[0][1].sparkSession.catalog.dropTempView(view)


def reads(expectation: Expectation, name: str) -> bool:
    """Whether the query names this table."""
    return "{" + name + "}" in expectation.kwargs[QUERY]


def text_of(expectation: Expectation, names: Mapping[str, str]) -> str:
    """The query with these names in the place of `{table}`."""
    query = expectation.kwargs[QUERY]
    for name, view in names.items():
        query = query.replace("{" + name + "}", view)
    try:
        return str(query.format())
    except (LookupError, ValueError) as error:
        raise cannot_answer(expectation, error) from None


def _counting(number: int, query: str) -> str:
    # The hash has every column computed: one that cannot be must not pass for a row not found.
    return f"SELECT {number}, count(*), bit_xor(xxhash64(q.*)) FROM ({query}\n) AS q"


def _ask(spark: SparkSession, counting: str) -> list[int]:
    return [found for _, found, _ in sorted(spark.sql(counting).collect())]


def _ask_alone(spark: SparkSession, expectation: Expectation, counting: str) -> int:
    from pyspark.errors import PySparkException

    try:
        return _ask(spark, counting)[0]
    except PySparkException as error:
        raise cannot_answer(expectation, error) from None


def cannot_answer(expectation: Expectation, why: object) -> GateFailed:
    """The error of an expectation that has no answer."""
    text = " ".join(str(why).split())[:300]
    return GateFailed(
        f"an expectation must be able to answer; {expectation.type} could not: {text}"
    )
