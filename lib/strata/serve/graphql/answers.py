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

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache, partial
from itertools import chain, count
from typing import Any

from graphql import GraphQLError, GraphQLObjectType, get_nullable_type, is_list_type
from graphql.execution.values import VariableValues

from strata.serve.graphql import questions
from strata.serve.graphql.arguments import STRAWBERRY
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
class Request:
    """A request while its statement is written: its values stand in the order of their marks."""

    variables: VariableValues
    values: list[Any] = field(default_factory=list)
    rows: dict[str, Rows] = field(default_factory=dict)
    """What the resolvers said, by the names that their rows have in the statement."""

    def value(self, value: Any) -> str:
        """The mark of a value that comes next."""
        self.values.append(value)
        return "%s"


Part = str | Callable[[Request], str]
"""Of a statement: what is the same for each request, or what a request decides."""
Parts = Iterator[Part]


@dataclass(frozen=True)
class Plan:
    """What a query selects, and its statement but for what a request's variables decide."""

    selected: tuple[Selected, ...]

    def statement(self, variables: VariableValues) -> tuple[str, list[Any]]:
        """The statement that answers, and its values. GraphQLError where an argument is refused."""
        made = Request(variables)
        text = "".join(part if isinstance(part, str) else part(made) for part in self.parts)
        return numbered(text), made.values

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """Texts that stand side by side are one."""
        names = (f"t{number}" for number in count(1))
        own = [(one.key, _column(names, "Query", one, "", (one.key,))) for one in self.selected]
        every = chain(["SELECT "], _built(own), ["::text"])
        joined: list[Part] = []
        for part in every:
            before = joined[-1] if joined else None
            if isinstance(part, str) and isinstance(before, str):
                joined[-1] = before + part
            else:
                joined.append(part)
        return tuple(joined)


@lru_cache(maxsize=500)
def numbered(query: str) -> str:
    """The text with its values marked as PostgreSQL does: $1, $2, …"""
    first, *rest = query.split("%s")
    return first + "".join(f"${n}{part}" for n, part in enumerate(rest, 1))


Names = Iterator[str]
"""Names for rows, each once a statement."""
Path = tuple[str, ...]
"""The keys that lead to a field of the answer."""


def _columns(names: Names, kind: str, asked: Iterable[Selected], parent: str, path: Path) -> Parts:
    """What is asked of rows, as columns named by the keys of the answer."""
    for number, one in enumerate(asked):
        yield ", " if number else ""
        yield from _column(names, kind, one, parent, (*path, one.key))
        yield f' AS "{one.key}"'


def _column(names: Names, kind: str, one: Selected, parent: str, path: Path) -> Parts:
    if one.field is None:
        yield f"'{kind}'::text"
        return
    own = one.field.extensions[STRAWBERRY]
    if own.base_resolver:
        yield from _nested(names, one, parent, path)
    elif one.below:
        yield from _unpacked(names, one, f"{parent}.{own.python_name}", path)
    else:
        yield _EXPRESSIONS.get(one.kind.name, "{}").format(f"{parent}.{own.python_name}")


def _nested(names: Names, one: Selected, parent: str, path: Path) -> Parts:
    """The rows of a field as JSON: a page, a list, or an object."""
    assert one.field is not None
    name = next(names)
    yield partial(_find, one, parent, path, name)
    if "pageInfo" in getattr(one.kind, "fields", ()):
        yield from _page(names, one, name, path)
        return
    columns = _columns(names, one.kind.name, one.below, name, path)
    read_from: list[Part] = [" FROM ", partial(_rows, name), f" {name}"]
    found = chain(["SELECT "], columns, read_from)
    yield from _list(found) if is_list_type(get_nullable_type(one.field.type)) else _object(found)


def _find(one: Selected, parent: str, path: Path, name: str, made: Request) -> str:
    """Asks a field's resolver for its rows, and writes nothing."""
    assert one.field is not None
    own = one.field.extensions[STRAWBERRY]
    try:
        arguments = one.arguments(made.variables)
        if own.base_resolver.parent_parameter:
            arguments["parent"] = parent
        made.rows[name] = own.base_resolver.wrapped_func(None, **arguments)
    except (Refused, GraphQLError) as error:
        raise GraphQLError(str(error), one.node, path=path, original_error=error) from None
    return ""


def _rows(name: str, made: Request) -> str:
    """Rows as they are read from."""
    found = made.rows[name]
    made.values += found.values
    return f"({found.text})"


def _first(name: str, made: Request) -> str:
    """How many rows a page has."""
    return made.value(made.rows[name].first)


def _cursor(name: str, made: Request) -> str:
    """The cursor of a page's row."""
    order = made.rows[name].order
    assert order is not None
    return order.cursor()


def _page(names: Names, one: Selected, name: str, path: Path) -> Parts:
    """A page: its rows, and where the next one begins, if that is asked: then one row more is read,
    and all are numbered.
    """
    page, parts = next(names), []
    is_told = any(part.name == "pageInfo" for part in one.below)
    for part in one.below:
        if part.name == "nodes":
            own = next(names)
            columns = _columns(names, part.kind.name, part.below, own, (*path, part.key))
            found: Part = page if is_told else partial(_rows, name)
            rows = chain(["SELECT "], columns, [" FROM ", found, f" {own} LIMIT "])
            parts.append((part.key, _list(chain(rows, [partial(_first, name)]))))
        elif part.name == "pageInfo":
            parts.append((part.key, _page_info(part, page, name)))
        else:
            parts.append((part.key, iter([f"'{one.kind.name}'::text"])))
    yield "("
    if is_told:
        yield f"WITH {page} AS (SELECT row_number() OVER () AS place, every.* FROM "
        yield partial(_rows, name)
        yield " every) "
    yield "SELECT "
    yield from _built(parts)
    yield ")"


def _page_info(asked: Selected, page: str, name: str) -> Parts:
    """What is told of a page."""
    first, cursor = partial(_first, name), partial(_cursor, name)
    told: dict[str, tuple[Part, ...]] = {
        "hasNextPage": ("(SELECT count(*) > ", first, f" FROM {page})"),
        "endCursor": (
            *("(SELECT ", cursor, f" FROM {page} WHERE place <= ", first),
            " ORDER BY place DESC LIMIT 1)",
        ),
        "publication": (f"(SELECT number FROM ({questions.publication().text}) shown)",),
        "__typename": (f"'{asked.kind.name}'::text",),
    }
    yield from _built([(one.key, iter(told[one.name])) for one in asked.below])


def _unpacked(names: Names, one: Selected, column: str, path: Path) -> Parts:
    """A list of objects of texts that stands in a column as JSON."""
    assert isinstance(one.kind, GraphQLObjectType)
    name = next(names)
    own = [each.extensions[STRAWBERRY].python_name for each in one.kind.fields.values()]
    told = ", ".join(f"{each} text" for each in own)
    columns = _columns(names, one.kind.name, one.below, name, path)
    rows = f" FROM jsonb_to_recordset({column}) AS {name} ({told})"
    yield from _list(chain(["SELECT "], columns, [rows]))


def _built(parts: Iterable[tuple[str, Parts]]) -> Parts:
    """An object of few keys. It takes at most fifty: more fields and aliases no query may have."""
    yield "json_build_object("
    for number, (key, own) in enumerate(parts):
        yield f"{', ' if number else ''}'{key}', "
        yield from own
    yield ")"


def _object(rows: Iterable[Part]) -> Parts:
    yield f"(SELECT row_to_json({_ROW}) FROM ("
    yield from rows
    yield f") {_ROW})"


def _list(rows: Iterable[Part]) -> Parts:
    yield f"(SELECT coalesce(json_agg({_ROW}), '[]') FROM ("
    yield from rows
    yield f") {_ROW})"
