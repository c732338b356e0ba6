"""Completes rows at once, where graphql-core would look at each of their values by itself.

A row whose fields are plain attributes needs no resolver, no path and no wait: its selection is
compiled into one function, which makes the answer of each such row. Everything else goes
graphql-core's own way, and so does a row that does not fit its type: errors are the library's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from operator import attrgetter
from typing import Any

from graphql import (
    GraphQLList,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    Undefined,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)
from graphql.pyutils import Path
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

Completer = Callable[[Any], Any]
Details = Any
"""graphql-core's own list of the places where a query names one field."""
_STRAWBERRY = "strawberry-definition"


class _Unfit(Exception):
    """A value that is not of its type."""


class RowExecutor(StrawberryGraphQLCoreExecutionContext):
    """graphql-core's executor, with a quicker way for rows of plain attributes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._made: dict[tuple[str, int], Completer | None] = {}

    def complete_list_value(
        self,
        return_type: GraphQLList[GraphQLOutputType],
        field_details_list: Details,
        info: GraphQLResolveInfo,
        path: Path,
        result: Any,
        position_context: Any,
    ) -> Any:
        """A list of plain rows at once; any other as the library does."""
        complete = isinstance(result, list) and self._value(return_type, field_details_list)
        if complete:
            try:
                return complete(result)
            except Exception:
                pass
        return super().complete_list_value(
            return_type, field_details_list, info, path, result, position_context
        )

    def complete_object_value(
        self,
        return_type: GraphQLObjectType,
        field_details_list: Details,
        info: GraphQLResolveInfo,
        path: Path,
        result: Any,
        position_context: Any,
    ) -> Any:
        """A plain row at once; any other as the library does."""
        complete = self._row(return_type, field_details_list)
        if complete:
            try:
                return complete(result)
            except Exception:
                pass
        return super().complete_object_value(
            return_type, field_details_list, info, path, result, position_context
        )

    def _value(self, kind: Any, details: Details) -> Completer | None:
        """What completes a value of a type; None where that takes more than a function."""
        if is_non_null_type(kind):
            if is_leaf_type(kind.of_type):
                return partial(_complete_required_leaf, kind.of_type.coerce_output_value)
            inner = self._value(kind.of_type, details)
            return inner and partial(_complete_required, inner)
        if is_list_type(kind):
            inner = self._value(kind.of_type, details)
            return inner and partial(_complete_list, inner)
        if is_leaf_type(kind):
            return partial(_complete_leaf, kind.coerce_output_value)
        row = self._row(kind, details) if is_object_type(kind) else None
        return row and partial(_complete_object, row)

    def _row(self, kind: GraphQLObjectType, details: Details) -> Completer | None:
        """What completes a row of an object type; None where a field of it has a resolver."""
        key = (kind.name, id(details))  # The library keeps the details as long as this executor.
        if key not in self._made:
            self._made[key] = self._compile(kind, details)
        return self._made[key]

    def _compile(self, kind: GraphQLObjectType, details: Details) -> Completer | None:
        fields, deferred, _ = self.collect_subfields(kind, details)
        if kind.is_type_of or deferred:
            return None
        parts: list[tuple[str, Completer, Completer]] = []
        for name, places in fields.items():
            field = self.schema.get_field(kind, places[0].node.name.value)
            own = field.extensions.get(_STRAWBERRY) if field else None
            if field is None or own is None or not own.is_basic_field:
                return None
            complete = self._value(field.type, places)
            if complete is None:
                return None
            parts.append((name, attrgetter(own.python_name), complete))
        return partial(_complete_row, parts)


def _complete_row(parts: Iterable[tuple[str, Completer, Completer]], row: Any) -> dict[str, Any]:
    return {name: complete(read(row)) for name, read, complete in parts}


def _complete_object(row: Completer, value: Any) -> Any:
    return None if value is None else row(value)


def _complete_list(item: Completer, value: Any) -> Any:
    return None if value is None else [item(each) for each in value]


def _complete_leaf(coerce: Completer, value: Any) -> Any:
    return None if value is None else _complete_required_leaf(coerce, value)


def _complete_required_leaf(coerce: Completer, value: Any) -> Any:
    made = None if value is None else coerce(value)
    if made is None or made is Undefined:
        raise _Unfit
    return made


def _complete_required(inner: Completer, value: Any) -> Any:
    made = inner(value)
    if made is None:
        raise _Unfit
    return made
