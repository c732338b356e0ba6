"""Runs an operation: a query by one SQL statement, a mutation by the library."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
from graphql import ExecutionResult, GraphQLError, OperationType, execute
from graphql.execution.values import VariableValues, get_variable_values

from strata.serve.graphql.answers import Plan
from strata.serve.graphql.context import Context
from strata.serve.graphql.documents import Document
from strata.serve.graphql.errors import LOST, Refused, worded
from strata.serve.graphql.schema import schema
from strata.serve.graphql.selections import Selected

Fetch = Callable[[str, Sequence[Any]], Awaitable[str]]
"""Runs a statement that gives one text."""
Answer = tuple[bytes, int]
"""The JSON of an answer, and how many SQL statements it took."""
_MOST_ERRORS = 50


@dataclass(frozen=True)
class Asked:
    """What a request asks."""

    document: Document
    name: str | None
    """Of the operation, where the document has several."""
    variables: Mapping[str, Any]


async def run(asked: Asked, context: Context, fetch: Fetch) -> Answer:
    """The answer of an operation. Refused where it breaks a rule, or is unclear."""
    document = asked.document
    if document.parsed is None or document.errors:
        return _failed(document.errors), 0
    operation = document.operation(asked.name)
    document.assert_cost(operation, asked.variables)
    if operation.operation is not OperationType.QUERY:
        return await _by_library(asked, context), 0
    variables = get_variable_values(
        schema._schema, operation.variable_definitions or (), dict(asked.variables), _MOST_ERRORS
    )
    if isinstance(variables, list):
        return _failed(variables), 0
    plan = document.plan(operation, variables)
    if any(one.name in ("__schema", "__type") for one in plan.selected):
        _assert_alone(plan.selected)
        return await _by_library(asked, context), 0
    if all(one.field is None for one in plan.selected):
        return as_json({"data": {one.key: "Query" for one in plan.selected}}), 0
    return await _by_statement(plan, variables, fetch)


async def _by_statement(plan: Plan, variables: VariableValues, fetch: Fetch) -> Answer:
    """A query. Its errors leave nothing of the answer: it is one statement."""
    try:
        text, values = plan.statement(variables)
    except GraphQLError as error:
        return _failed([error]), 0
    try:
        return b'{"data":%b}' % (await fetch(text, values)).encode(), 1
    except asyncpg.PostgresError as error:
        if isinstance(error, LOST) and not isinstance(error, asyncpg.QueryCanceledError):
            raise
        return _failed([GraphQLError("", original_error=error)]), 1


async def _by_library(asked: Asked, context: Context) -> bytes:
    """A mutation, or a question about the schema."""
    assert asked.document.parsed is not None
    found = execute(
        schema._schema,
        asked.document.parsed,
        context_value=context,
        variable_values=dict(asked.variables),
        operation_name=asked.name,
        executor_class=schema.execution_context_class,
    )
    result = found if isinstance(found, ExecutionResult) else await found
    if result.errors:
        return _failed(result.errors, result.data)
    return as_json({"data": result.data})


def _assert_alone(selected: Iterable[Selected]) -> None:
    if any(one.field is not None for one in selected):
        raise Refused("a question about the schema is a query of its own")


def _failed(errors: Iterable[GraphQLError], data: Any = None) -> bytes:
    return as_json({"data": data, "errors": [worded(error) for error in errors]})


def as_json(content: Any) -> bytes:
    """JSON, whatever a message repeats of what was asked: half a letter becomes a question mark."""
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8", "replace")
