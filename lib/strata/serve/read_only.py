"""Whether a query only reads published tables: asked of DuckDB's own parse of the text.

There is no second grammar to slip between. What is not known to read is refused: any other kind
of statement, any relation that is not published, and every function that reaches beyond rows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from strata.errors import UsageError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_QUERIES = {"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"}
_SOURCES = {
    "BASE_TABLE",
    "SUBQUERY",
    "JOIN",
    "TABLE_FUNCTION",
    "EMPTY",
    "EXPRESSION_LIST",
    "PIVOT",
}
TABLE_FUNCTIONS = frozenset({"range", "generate_series", "unnest"})
"""Functions that may stand in FROM; every other one could read a file or the engine's state."""
REFUSED_FUNCTIONS = frozenset({
    # The environment, the engine's settings and state.
    "getenv", "getvariable", "current_setting", "current_query", "current_query_id",
    "current_connection_id", "current_transaction_id", "txid_current", "in_search_path",
    "current_schemas", "vector_type", "stats",
    # Sequences, seeds, logs, waiting, failing on purpose.
    "nextval", "currval", "setval", "setseed", "write_log", "sleep_ms", "pg_sleep", "error",
    # Spark's own, which DuckDB lacks: one sentence for both engines.
    "reflect", "try_reflect", "java_method", "input_file_name", "raise_error", "assert_true",
    "from_protobuf", "to_protobuf",
})  # fmt: skip
SPATIAL = re.compile(r"(st|rs|h3|s2)_\w+", re.IGNORECASE)
"""Functions that Sedona has and DuckDB has not."""


class Unparsed(UsageError):
    """The query is not SQL, as DuckDB writes it."""


@dataclass
class Reading:
    """What a query reads."""

    tables: set[str] = field(default_factory=set)
    """Qualified names, as `gold.soil_country_stats`."""
    functions: set[str] = field(default_factory=set)
    parameters: set[str] = field(default_factory=set)


def check(connection: DuckDBPyConnection, text: str) -> Reading:
    """What the query reads; a UsageError when it could do more than read published tables."""
    ((parsed,),) = connection.execute("SELECT json_serialize_sql(?)", [text]).fetchall()
    tree = json.loads(parsed)
    if tree.get("error"):
        message = str(tree.get("error_message", "")).partition("\n")[0]
        if tree.get("error_type") == "not implemented":
            raise _refused("another kind of statement")
        raise Unparsed(f"the query does not parse: {message[:300]}")
    statements = tree.get("statements") or []
    if len(statements) != 1:
        raise _refused(f"{len(statements)} statements")
    reading = Reading()
    aliases: set[str] = set()
    bare: set[str] = set()
    _look(statements[0]["node"], reading, aliases, bare)
    unqualified = sorted(bare - aliases)
    if unqualified:
        raise UsageError(
            "a table is named with its layer, as gold.soil_country_stats; "
            f"got {unqualified[0]!r}: `strata show` lists the tables"
        )
    return reading


def _look(node: dict[str, Any], reading: Reading, aliases: set[str], bare: set[str]) -> None:
    for kind, item in _nodes(node):
        if kind == "query" and item["type"] not in _QUERIES:
            raise _refused(item["type"])
        if kind == "from":
            _look_at_source(item, reading, bare)
        if kind == "function":
            _look_at_function(item, reading)
        if kind == "parameter":
            reading.parameters.add(str(item.get("identifier")))
        if kind == "cte":
            aliases.update(str(pair["key"]).lower() for pair in item["map"])


def _nodes(node: Any, key: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every node of the parse with its role; those of roles that only hold others are left out."""
    if isinstance(node, list):
        for item in node:
            yield from _nodes(item, key)
    elif isinstance(node, dict):
        role = _role(node, key)
        if role:
            yield role, node
        for name, value in node.items():
            yield from _nodes(value, name)


def _role(node: dict[str, Any], key: str) -> str:
    kind = str(node.get("type", ""))
    if kind.endswith("_NODE"):
        return "query"
    if key in ("from_table", "left", "right", "source") and "alias" in node and "class" not in node:
        return "from"
    if key == "cte_map":
        return "cte"
    by_class = {"FUNCTION": "function", "WINDOW": "function", "PARAMETER": "parameter"}
    return by_class.get(str(node.get("class", "")), "")


def _look_at_source(item: dict[str, Any], reading: Reading, bare: set[str]) -> None:
    kind = item["type"]
    if kind not in _SOURCES:
        raise _refused(kind)
    if kind == "TABLE_FUNCTION":
        name = str(item["function"]["function_name"]).lower()
        if name not in TABLE_FUNCTIONS:
            allowed = ", ".join(sorted(TABLE_FUNCTIONS))
            raise UsageError(f"the table function {name} is not allowed here; allowed: {allowed}")
    if kind == "BASE_TABLE":
        if item.get("catalog_name"):
            raise _refused(f"a table of the catalog {item['catalog_name']}")
        schema, table = item.get("schema_name") or "", str(item["table_name"])
        if schema:
            reading.tables.add(f"{schema}.{table}".lower())
        else:
            bare.add(table.lower())


def _look_at_function(item: dict[str, Any], reading: Reading) -> None:
    name = str(item.get("function_name", "")).lower()
    if name in REFUSED_FUNCTIONS or item.get("schema") or item.get("catalog"):
        raise UsageError(
            f"the function {name} is not allowed here: it reaches beyond the published tables"
        )
    reading.functions.add(name)


def _refused(what: str) -> UsageError:
    return UsageError(
        "only queries are allowed here, and only of published tables; "
        f"found {what}: use a single SELECT"
    )
