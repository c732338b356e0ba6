"""Names that people query: views over published versions, made for one session, and the read-only
check.

A name such as `gold.soil_country_stats` is a view pinned to the version of its feed's newest
publication. Only the views that a query names are made: each costs a look at its table's log.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from strata import failpoint
from strata.errors import UsageError
from strata.lake.versions import Warehouse, assert_whole
from strata.ledger import publication as ledger
from strata.serve import ops
from strata.serve.published import Published, PublishedTable

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

# Plan nodes that only read. Whatever is not here, today's or a later Spark's, is refused.
_READING = {
    "Project",
    "Filter",
    "Aggregate",
    "Join",
    "LateralJoin",
    "Sort",
    "GlobalLimit",
    "LocalLimit",
    "Offset",
    "Tail",
    "Distinct",
    "Union",
    "Intersect",
    "Except",
    "SubqueryAlias",
    "UnresolvedWith",
    "Window",
    "WithWindowDefinition",
    "UnresolvedPivot",
    "Pivot",
    "UnresolvedUnpivot",
    "Unpivot",
    "Generate",
    "Sample",
    "UnresolvedInlineTable",
    "OneRowRelation",
    "UnresolvedRelation",
    "UnresolvedHaving",
    "Range",
    "UnresolvedSubqueryColumnAliases",
    "UnresolvedTableValuedFunction",
    "UnresolvedTVFAliases",
    "UnresolvedHint",
    "AsOfJoin",
    "Deduplicate",
    "LocalRelation",
    "ResolvedInlineTable",
    "UnresolvedOrdinal",
    "AggregateWithHaving",
}
_TABLE_FUNCTIONS = {
    "range",
    "explode",
    "explode_outer",
    "posexplode",
    "posexplode_outer",
    "inline",
    "inline_outer",
    "stack",
}
_REFUSED_FUNCTIONS = {
    "reflect",
    "try_reflect",
    "java_method",
    "input_file_name",
    "raise_error",
    "assert_true",
}
_FUNCTION = re.compile(r'UnresolvedFunction","num-children":\d+,"nameParts":"\[([^\]]*)\]"')


def read_table(warehouse: Warehouse, name: str) -> pa.Table:
    """A published table, quarantine table or `ops` table as Arrow, without Spark."""
    return Published(warehouse).table(name).to_arrow()


def query(
    spark: SparkSession,
    warehouse: Warehouse,
    text: str,
    at: str | None = None,
    args: dict[str, Any] | None = None,
) -> DataFrame:
    """Runs one read-only query over the published views, pinned as `Published` pins them.

    `args` are the values of its parameters, such as `:country`. UsageError where the query does
    more than read published tables, or cannot be answered.
    """
    from pyspark.errors import PySparkException

    relations = check_read_only(spark, text)
    published = Published(warehouse, at)
    for relation in sorted(relations):
        _create_view(spark, published, relation)
    try:
        return spark.sql(text, args=args or None)
    except PySparkException as error:
        raise UsageError(f"the query cannot be answered: {_first_sentence(error)}") from None


def to_arrow(frame: DataFrame) -> pa.Table:
    """A query's rows as Arrow, every time in UTC."""
    return frame.toArrow()


def _first_sentence(error: Any) -> str:
    text = error.getMessage() if hasattr(error, "getMessage") else str(error)
    told = " ".join((text or str(error)).split("SQLSTATE")[0].split("== SQL")[0].split())[:400]
    return re.sub(r"^\[[A-Z_.0-9]+\] ", "", told)


def check_read_only(spark: SparkSession, text: str) -> set[str]:
    """The tables that the query names; a UsageError when it could do more than read them.

    The plan is Spark's own parse of the text, so there is no second grammar to slip between.
    """
    from pyspark.errors import PySparkException

    try:
        plan = spark._jsparkSession.sessionState().sqlParser().parsePlan(text)
    except PySparkException as error:
        raise UsageError(f"the query does not parse: {_first_sentence(error)}") from None
    except Exception as error:  # py4j wraps some of the parser's exceptions
        message = str(getattr(error, "java_exception", error)).split("== SQL")[0]
        raise UsageError(f"the query does not parse: {' '.join(message.split())[:300]}") from None
    relations: set[str] = set()
    aliases: set[str] = set()
    _walk(plan, relations, aliases)
    return {name for name in relations if name not in aliases}


def _walk(plan: Any, relations: set[str], aliases: set[str]) -> None:
    kind = plan.getClass().getSimpleName()
    if kind not in _READING:
        raise UsageError(
            f"only queries are allowed here, and only of published tables; found {kind}: use "
            "a single SELECT"
        )
    if kind == "UnresolvedRelation":
        relations.add(".".join(_strings(plan.multipartIdentifier())))
    if kind == "UnresolvedTableValuedFunction":
        _check_table_function(".".join(_strings(plan.name())))
    if kind == "UnresolvedWith":
        aliases.update(str(pair._1()) for pair in _items(plan.cteRelations()))
    for name in _FUNCTION.findall(plan.toJSON()):
        _check_function(name)
    for part in (plan.children(), plan.innerChildren(), plan.subqueries()):
        for child in _items(part):
            _walk(child, relations, aliases)


def _check_table_function(name: str) -> None:
    if name.lower() not in _TABLE_FUNCTIONS:
        raise UsageError(
            f"the table function {name} is not allowed here; allowed are "
            f"{', '.join(sorted(_TABLE_FUNCTIONS))}"
        )


def _check_function(name: str) -> None:
    if name.lower() in _REFUSED_FUNCTIONS or "," in name:
        raise UsageError(
            f"the function {name} is not allowed here: it reaches beyond the published tables"
        )


def _items(sequence: Any) -> list[Any]:
    return [sequence.apply(number) for number in range(sequence.size())]


def _strings(sequence: Any) -> list[str]:
    return [str(item) for item in _items(sequence)]


def _create_view(spark: SparkSession, published: Published, name: str) -> None:
    warehouse = published.warehouse
    table = published.table(name)
    layer, _ = name.split(".", 1)
    spark.sql(f"CREATE DATABASE IF NOT EXISTS {layer}")
    if name in ops.TABLES:
        text = _ops_sql(published, name)
    else:
        assert_whole(warehouse, name, table.version)
        text = view_sql(warehouse, table)
    failpoint.reach("view.before", name)
    spark.sql(f"CREATE OR REPLACE VIEW {name} AS {text}")
    failpoint.reach("view.after", name)


def view_sql(warehouse: Warehouse, table: PublishedTable) -> str:
    """The query of a view on a published table, pinned to its version."""
    return _version_sql(warehouse, table.name, table.version)


def _version_sql(warehouse: Warehouse, name: str, version: int) -> str:
    return f"SELECT * FROM delta.`{warehouse.spark_path(name)}` VERSION AS OF {int(version)}"


def _ops_sql(published: Published, name: str) -> str:
    warehouse = published.warehouse
    parts = [
        # Each commit of a ledger is one publication, and version 0 the first.
        _version_sql(warehouse, ledger.table_path(feed), publication.publication - 1)
        for feed, publication in published.publications.items()
    ]
    publications = " UNION ALL ".join(parts)
    if name == "ops.publications":
        return publications
    nested = "files" if name == "ops.files" else "gates"
    return (
        f"SELECT feed, publication, run_id, published_at, item.* FROM "
        f"(SELECT feed, publication, run_id, published_at, explode({nested}) AS item "
        f"FROM ({publications}))"
    )
