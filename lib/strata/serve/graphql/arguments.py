"""Arguments as resolvers take them. Strawberry's own way looks at each type anew for each request,
which took longer than all else of an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    get_named_type,
    print_ast,
)
from graphql.execution.values import VariableValues, get_argument_values

from strata.serve.graphql.schema import schema

Reader = Callable[[Any], Any]
Arguments = Callable[[VariableValues], dict[str, Any]]
"""A field's arguments, by their names in Python, from a request's variables."""
STRAWBERRY = "strawberry-definition"
"""Where strawberry keeps what a type or field of GraphQL is in Python."""


def arguments_of(kind: GraphQLField, node: FieldNode) -> Arguments:
    """How the arguments are read where a query names a field. GraphQLError where they are wrong."""
    if not kind.args:
        return nothing
    name_of = schema.config.name_converter.from_argument
    own = {name_of(each): each.python_name for each in kind.extensions[STRAWBERRY].arguments}
    readers = tuple((name, own[name], _reader(each.type)) for name, each in kind.args.items())
    read = partial(_read, kind, node, readers)
    takes_variables = any("$" in print_ast(each) for each in node.arguments or ())
    return read if takes_variables else partial(_once, read, [])


def nothing(_: VariableValues) -> dict[str, Any]:
    """The arguments of a field that takes none."""
    return {}


def _once(
    read: Arguments, found: list[dict[str, Any]], variables: VariableValues
) -> dict[str, Any]:
    """Arguments without variables: they are the same for each request."""
    if not found:
        found.append(read(variables))
    return dict(found[0])


def _read(
    kind: GraphQLField,
    node: FieldNode,
    readers: tuple[tuple[str, str, Reader], ...],
    variables: VariableValues,
) -> dict[str, Any]:
    given = get_argument_values(kind, node, variables)
    return {own: read(given[name]) for name, own, read in readers if name in given}


def _reader(kind: GraphQLInputType) -> Reader:
    named = get_named_type(kind)
    if not isinstance(named, GraphQLInputObjectType):
        return _as_it_is
    made = named.extensions[STRAWBERRY]
    name_of = schema.config.name_converter.get_graphql_name
    return partial(_read_object, made.origin, {name_of(f): f.python_name for f in made.fields})


def _as_it_is(value: Any) -> Any:
    return value


def _read_object(make: type, names: Mapping[str, str], value: Mapping[str, Any] | None) -> Any:
    return None if value is None else make(**{names[name]: own for name, own in value.items()})
