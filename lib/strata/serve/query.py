"""Names that people query: views over published versions, made for one session, and the read-only
check.

A name such as `gold.soil_country_stats` is a view pinned to the version of its feed's newest
publication. Only the views that a query names are made: each costs a look at its table's log.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from strata import failpoint
from strata.declare import feed as feeds
from strata.declare.contract import quarantine_name
from strata.errors import UsageError
from strata.lake.versions import Warehouse, assert_whole, read_arrow
from strata.ledger import publication as ledger

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

OPS = ("ops.publications", "ops.files", "ops.gates")

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


def published_names(warehouse: Warehouse) -> dict[str, tuple[str, int]]:
    """Every published name, with the physical table and the version that it shows."""
    names: dict[str, tuple[str, int]] = {}
    for name in feeds.feed_names():
        latest = ledger.newest(ledger.read(warehouse, name))
        for state in latest.tables if latest else ():
            names[state.table] = (state.table, state.version)
            if state.quarantine_version is not None:
                own = quarantine_name(state.table)
                names[own] = (own, state.quarantine_version)
    return names


def assert_intact(warehouse: Warehouse, name: str) -> None:
    """Raises Damaged unless the log of a published name says what it said when it was published."""
    from strata.ledger import seal as integrity

    for feed in feeds.feed_names():
        latest = ledger.newest(ledger.read(warehouse, feed))
        for state in latest.tables if latest else ():
            for part in integrity.parts(state):
                if part[0] == name:
                    integrity.assert_version(warehouse, *part)


def read_table(warehouse: Warehouse, name: str) -> pa.Table:
    """A published table, quarantine table or `ops` view as Arrow, without Spark."""
    if name in OPS:
        return _ops_arrow(warehouse, name)
    names = published_names(warehouse)
    if name not in names:
        raise unknown(warehouse, name, names)
    assert_intact(warehouse, name)
    return read_arrow(warehouse, *names[name])


def unknown(warehouse: Warehouse, name: str, names: dict[str, Any]) -> UsageError:
    import difflib

    if not names:
        return UsageError(f"nothing is published in {warehouse.root} yet; run `strata run` first")
    near = difflib.get_close_matches(name, [*names, *OPS], 3, 0.5)
    hint = f"did you mean {', '.join(near)}?" if near else "`strata show` lists what is published"
    return UsageError(
        f"a table must be published to be read; {name} is not in {warehouse.root}: {hint}"
    )


def query(spark: SparkSession, warehouse: Warehouse, text: str) -> DataFrame:
    """Runs one read-only query over the published views."""
    relations = check_read_only(spark, text)
    names = published_names(warehouse)
    for relation in sorted(relations):
        if relation not in names and relation not in OPS:
            raise unknown(warehouse, relation, names)
        if relation in names:
            assert_intact(warehouse, relation)
        _create_view(spark, warehouse, relation, names)
    from pyspark.errors import PySparkException

    try:
        return spark.sql(text)
    except PySparkException as error:
        raise UsageError(f"the query cannot be answered: {_first_sentence(error)}") from None


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
        name = ".".join(_strings(plan.name()))
        if name.lower() not in _TABLE_FUNCTIONS:
            raise UsageError(
                f"the table function {name} is not allowed here; allowed are "
                f"{', '.join(sorted(_TABLE_FUNCTIONS))}"
            )
    if kind == "UnresolvedWith":
        aliases.update(str(pair._1()) for pair in _items(plan.cteRelations()))
    for name in _FUNCTION.findall(plan.toJSON()):
        if name.lower() in _REFUSED_FUNCTIONS or "," in name:
            raise UsageError(
                f"the function {name} is not allowed here: it reaches beyond the published tables"
            )
    for part in (plan.children(), plan.innerChildren(), plan.subqueries()):
        for child in _items(part):
            _walk(child, relations, aliases)


def _items(sequence: Any) -> list[Any]:
    return [sequence.apply(number) for number in range(sequence.size())]


def _strings(sequence: Any) -> list[str]:
    return [str(item) for item in _items(sequence)]


def _create_view(
    spark: SparkSession, warehouse: Warehouse, name: str, names: dict[str, tuple[str, int]]
) -> None:
    layer, _ = name.split(".", 1)
    spark.sql(f"CREATE DATABASE IF NOT EXISTS {layer}")
    if name in OPS:
        text = _ops_sql(warehouse, name)
    else:
        table, version = names[name]
        assert_whole(warehouse, table, version)
        text = f"SELECT * FROM delta.`{warehouse.spark_path(table)}` VERSION AS OF {int(version)}"
    failpoint.reach("view.before", name)
    spark.sql(f"CREATE OR REPLACE VIEW {name} AS {text}")
    failpoint.reach("view.after", name)


def _ops_sql(warehouse: Warehouse, name: str) -> str:
    parts = []
    for feed in feeds.feed_names():
        version = ledger.version_of(warehouse, feed)
        if version is not None:
            parts.append(
                f"SELECT * FROM delta.`{warehouse.spark_path(ledger.table_path(feed))}` "
                f"VERSION AS OF {version}"
            )
    if not parts:
        raise UsageError(f"nothing is published in {warehouse.root} yet; run `strata run` first")
    publications = " UNION ALL ".join(parts)
    if name == "ops.publications":
        return publications
    nested = "files" if name == "ops.files" else "gates"
    return (
        f"SELECT feed, publication, run_id, published_at, item.* FROM "
        f"(SELECT feed, publication, run_id, published_at, explode({nested}) AS item FROM "
        f"({publications}))"
    )


def _ops_arrow(warehouse: Warehouse, name: str) -> pa.Table:
    import pyarrow as pa

    parts = []
    for feed in feeds.feed_names():
        version = ledger.version_of(warehouse, feed)
        if version is not None:
            parts.append(read_arrow(warehouse, ledger.table_path(feed), version))
    if not parts:
        raise UsageError(f"nothing is published in {warehouse.root} yet; run `strata run` first")
    rows = [row for part in parts for row in part.to_pylist()]
    rows.sort(key=lambda row: (row["feed"], row["publication"]))
    if name == "ops.publications":
        return pa.Table.from_pylist(rows, schema=parts[0].schema)
    nested = "files" if name == "ops.files" else "gates"
    keep = ("feed", "publication", "run_id", "published_at")
    flat = [{**{k: row[k] for k in keep}, **item} for row in rows for item in row[nested] or ()]
    inner = parts[0].schema.field(nested).type.value_type
    schema = pa.schema(
        [parts[0].schema.field(k) for k in keep] + [inner.field(i) for i in range(inner.num_fields)]
    )
    return pa.Table.from_pylist(flat, schema=schema)
