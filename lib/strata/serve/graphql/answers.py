"""One SQL statement an answer: the rows of a query's fields, nested as the query nests them.

PostgreSQL writes the JSON. Python would read each value, and write it again: most of the time of an
answer went there. Several statements would need a transaction of one snapshot; one is a snapshot.

    { customer(customerId: "c1") { country values { orders } } }

    SELECT json_build_object('customer',
      (SELECT row_to_json(o) FROM (SELECT t1.country AS "country",
        (SELECT coalesce(json_agg(o), '[]') FROM (SELECT t2.orders AS "orders"
          FROM (… WHERE customer_id = t1.customer_id …) t2) o) AS "values"
       FROM (… WHERE customer_id = $1) t1) o))::text
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from graphql import GraphQLError, GraphQLObjectType, get_nullable_type, is_list_type
from graphql.execution.values import VariableValues

from strata.serve.graphql import questions
from strata.serve.graphql.arguments import STRAWBERRY
from strata.serve.graphql.cursors import Order
from strata.serve.graphql.errors import Refused
from strata.serve.graphql.questions import Rows
from strata.serve.graphql.selections import Selected

_ROW = '"/"'
"""A row as a whole. No field may be named so: a column would come before it."""
_EXPRESSIONS = {
    # As the API promises them; all others are in JSON as they are in PostgreSQL.
    "Money": "{}::text",
    "ID": "{}::text",
    "DateTime": "replace(to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US')"
    " || '+00:00', '.000000', '')",
}


@dataclass
class Statement:
    """A statement while it is written. Values are added in the order of their marks."""

    variables: VariableValues
    values: list[Any] = field(default_factory=list)
    names: int = 0

    def name(self) -> str:
        """A name for rows that no other rows of the statement have."""
        self.names += 1
        return f"t{self.names}"

    def value(self, value: Any) -> str:
        """The mark of a value that comes next."""
        self.values.append(value)
        return "%s"

    def rows(self, found: Rows) -> str:
        """Rows as they are read from."""
        self.values += found.values
        return f"({found.text})"


def statement(asked: Iterable[Selected], variables: VariableValues) -> tuple[str, list[Any]]:
    """The statement that answers, and its values. GraphQLError where an argument is refused."""
    made = Statement(variables)
    parts = [(one.key, _column(made, "Query", one, "", (one.key,))) for one in asked]
    return numbered(f"SELECT {_built(parts)}::text"), made.values


@lru_cache(maxsize=500)
def numbered(query: str) -> str:
    """The text with its values marked as PostgreSQL does: $1, $2, …"""
    first, *rest = query.split("%s")
    return first + "".join(f"${n}{part}" for n, part in enumerate(rest, 1))


def _columns(
    made: Statement, kind: str, asked: Iterable[Selected], parent: str, path: tuple[str, ...]
) -> str:
    """What is asked of rows, as columns named by the keys of the answer."""
    columns = []
    for one in asked:
        columns.append(f'{_column(made, kind, one, parent, (*path, one.key))} AS "{one.key}"')
    return ", ".join(columns)


def _column(made: Statement, kind: str, one: Selected, parent: str, path: tuple[str, ...]) -> str:
    if one.field is None:
        return f"'{kind}'::text"
    own = one.field.extensions[STRAWBERRY]
    if own.base_resolver:
        return _nested(made, one, _rows(made, one, parent, path), path)
    if one.below:
        return _unpacked(made, one, f"{parent}.{own.python_name}", path)
    return _EXPRESSIONS.get(one.kind.name, "{}").format(f"{parent}.{own.python_name}")


def _rows(made: Statement, one: Selected, parent: str, path: tuple[str, ...]) -> Rows:
    """The rows of a field, by its resolver."""
    assert one.field is not None
    own = one.field.extensions[STRAWBERRY]
    try:
        arguments = one.arguments(made.variables)
        if own.base_resolver.parent_parameter:
            arguments["parent"] = parent
        return own.base_resolver.wrapped_func(None, **arguments)
    except (Refused, GraphQLError) as error:
        raise GraphQLError(str(error), one.node, path=path, original_error=error) from None


def _nested(made: Statement, one: Selected, rows: Rows, path: tuple[str, ...]) -> str:
    """The rows of a field as JSON: a page, a list, or an object."""
    assert one.field is not None
    if rows.order:
        return _page(made, one, rows, rows.order, path)
    name = made.name()
    columns = _columns(made, one.kind.name, one.below, name, path)
    found = f"SELECT {columns} FROM {made.rows(rows)} {name}"
    return _list(found) if is_list_type(get_nullable_type(one.field.type)) else _object(found)


def _page(made: Statement, one: Selected, rows: Rows, order: Order, path: tuple[str, ...]) -> str:
    """A page: its rows, and where the next one begins, if that is asked: then one row more is read,
    and all are numbered.
    """
    page, parts, told = made.name(), [], ""
    is_told = any(part.name == "pageInfo" for part in one.below)
    if is_told:
        every = f"SELECT row_number() OVER () AS place, every.* FROM {made.rows(rows)} every"
        told = f"WITH {page} AS ({every}) "
    for part in one.below:
        if part.name == "nodes":
            name = made.name()
            columns = _columns(made, part.kind.name, part.below, name, (*path, part.key))
            found = page if is_told else made.rows(rows)
            limit = made.value(rows.first)
            own = _list(f"SELECT {columns} FROM {found} {name} LIMIT {limit}")
        elif part.name == "pageInfo":
            own = _page_info(made, part, page, rows.first, order)
        else:
            own = f"'{one.kind.name}'::text"
        parts.append((part.key, own))
    return f"({told}SELECT {_built(parts)})"


def _page_info(made: Statement, asked: Selected, page: str, first: int, order: Order) -> str:
    """What is told of a page."""
    parts = []
    for one in asked.below:
        if one.name == "hasNextPage":
            own = f"(SELECT count(*) > {made.value(first)} FROM {page})"
        elif one.name == "endCursor":
            last = f"WHERE place <= {made.value(first)} ORDER BY place DESC LIMIT 1"
            own = f"(SELECT {order.cursor()} FROM {page} {last})"
        elif one.name == "publication":
            own = f"(SELECT number FROM {made.rows(questions.publication())} shown)"
        else:
            own = f"'{asked.kind.name}'::text"
        parts.append((one.key, own))
    return _built(parts)


def _unpacked(made: Statement, one: Selected, column: str, path: tuple[str, ...]) -> str:
    """A list of objects of texts that stands in a column as JSON."""
    assert isinstance(one.kind, GraphQLObjectType)
    name = made.name()
    names = [each.extensions[STRAWBERRY].python_name for each in one.kind.fields.values()]
    told = ", ".join(f"{each} text" for each in names)
    columns = _columns(made, one.kind.name, one.below, name, path)
    return _list(f"SELECT {columns} FROM jsonb_to_recordset({column}) AS {name} ({told})")


def _built(parts: Iterable[tuple[str, str]]) -> str:
    """An object of few keys. It takes at most fifty: more fields and aliases no query may have."""
    pairs = ", ".join(f"'{key}', {own}" for key, own in parts)
    return f"json_build_object({pairs})"


def _object(rows: str) -> str:
    return f"(SELECT row_to_json({_ROW}) FROM ({rows}) {_ROW})"


def _list(rows: str) -> str:
    return f"(SELECT coalesce(json_agg({_ROW}), '[]') FROM ({rows}) {_ROW})"
