"""The API as an ASGI application: POST /graphql, a page to try it, and the dashboard."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
from graphql import ExecutionResult, execute
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from strata.serve.graphql import documents
from strata.serve.graphql.access import Door
from strata.serve.graphql.context import Caller, Context
from strata.serve.graphql.decisions import Desk
from strata.serve.graphql.errors import AWAY, LOST, Refused, note, worded
from strata.serve.graphql.execution import RowExecutor
from strata.serve.graphql.limits import assert_cost
from strata.serve.graphql.persisted import Persisted
from strata.serve.graphql.schema import schema
from strata.serve.graphql.store import Store

MOST_BYTES, SECONDS = 64 * 1024, 10.0
log = logging.getLogger("strata.graphql")
_PAGES = Path(__file__).parent / "pages"
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_STATIC = {
    "/": ("playground.html", "text/html"),
    "/dashboard": ("dashboard.html", "text/html"),
    "/playground.js": ("playground.js", "text/javascript"),
    "/dashboard.js": ("dashboard.js", "text/javascript"),
    "/page.css": ("page.css", "text/css"),
}


@dataclass
class Api:
    """The application's parts."""

    door: Door
    desk: Desk
    persisted: Persisted = field(default_factory=Persisted)
    pool: asyncpg.Pool = None
    """Open while the application runs."""

    async def graphql(self, request: Request) -> Response:
        """Answers one operation. Batches are not taken: they would get round the limits."""
        caller = self.door.caller(request.headers.get("authorization", ""))
        if caller is None:
            return _refuse(
                401, "a request needs a token: Authorization: Bearer …", "UNAUTHENTICATED"
            )
        if not self.door.lets_in(caller):
            return _refuse(
                429, f"a token has {self.door.a_minute} requests a minute", "RATE_LIMITED"
            )
        try:
            answer, cost = await asyncio.wait_for(self._answer(caller, request), SECONDS)
        except Refused as error:
            return _refuse(400, str(error), error.code)
        except ClientDisconnect:
            return _refuse(400, "the client went away before its request was whole", "BAD_REQUEST")
        except asyncio.TimeoutError:
            return _refuse(503, f"an answer takes at most {SECONDS:g} seconds", "TIMEOUT")
        except LOST:
            log.exception("the database does not answer")
            return _refuse(503, *AWAY)
        return _Json(answer, headers=_HEADERS | {"Server-Timing": f"sql;desc={cost}"})

    async def _answer(self, caller: Caller, request: Request) -> tuple[dict[str, Any], int]:
        """The answer, and how many SQL statements it took."""
        body = await _body(request)
        query = self.persisted.find(body)
        variables, operation = body.get("variables") or {}, body.get("operationName")
        if not isinstance(variables, dict):
            raise Refused("variables are an object")
        if not query.strip() or not isinstance(operation, str | None):
            raise Refused(
                "a request is a query, with the name of its operation where it has several"
            )
        document = documents.read(query)
        if document.parsed is None or document.errors:
            return {"data": None, "errors": [worded(error) for error in document.errors]}, 0
        assert_cost(document.parsed, document.operation(operation), variables)
        async with (
            self.pool.acquire() as connection,
            # One snapshot an answer.
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            context = Context(caller, Store(connection), self.desk)
            found = execute(
                schema._schema,
                document.parsed,
                context_value=context,
                variable_values=variables,
                operation_name=operation,
                executor_class=RowExecutor,
            )
            result: ExecutionResult = await found if inspect.isawaitable(found) else found
        answer: dict[str, Any] = {"data": result.data}
        if result.errors:
            answer["errors"] = [worded(error) for error in result.errors]
        return answer, context.store.statements


async def _body(request: Request) -> dict[str, Any]:
    """The JSON object that was sent. Other kinds of body are refused, as browsers send them
    across sites.
    """
    if request.headers.get("content-type", "").split(";")[0].strip() != "application/json":
        raise Refused("a request is application/json")
    read = b""
    async for part in request.stream():
        read += part
        if len(read) > MOST_BYTES:
            raise Refused(f"a request has at most {MOST_BYTES:,} bytes", "TOO_LARGE")
    try:
        body = json.loads(read)
    except (ValueError, RecursionError):
        raise Refused("a request is a JSON object") from None
    if not isinstance(body, dict):
        raise Refused("a request is one JSON object")
    return body


def _refuse(status: int, message: str, code: str) -> Response:
    error = {"message": message, "extensions": {"code": code}}
    return _Json({"data": None, "errors": [error]}, status, headers=_HEADERS)


async def _fail(_: Request, error: Exception) -> Response:
    """A fault of ours; the server logs it as well."""
    number = note(error)
    return _refuse(500, f"the API could not answer; its log says why under {number}", "INTERNAL")


class _Json(JSONResponse):
    """JSON, whatever a message repeats of what was asked: half a letter becomes a question mark."""

    def render(self, content: Any) -> bytes:
        """The bytes of an answer."""
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode("utf-8", "replace")


async def _page(request: Request) -> Response:
    name, kind = _STATIC[request.url.path]
    return Response((_PAGES / name).read_text(encoding="utf-8"), media_type=kind, headers=_HEADERS)


async def _prepare(connection: asyncpg.Connection) -> None:
    """JSON of the database as Python has it."""
    kind = {"encoder": json.dumps, "decoder": json.loads, "schema": "pg_catalog"}
    await connection.set_type_codec("jsonb", **kind)


async def _reset(connection: asyncpg.Connection) -> None:
    """A request leaves nothing behind but its transaction, and that only where it was cut off: the
    library's own reset would cost each request a statement more.
    """
    if connection.is_in_transaction():
        await connection.reset()


def make_app(url: str, door: Door, desk: Desk, persisted: Persisted | None = None) -> Starlette:
    """The application over a database; the address is that of a role which reads only."""
    api = Api(door, desk, persisted or Persisted())

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        # Opened without a connection: an API may start before its database.
        pool = asyncpg.create_pool(url, min_size=0, max_size=8, init=_prepare, reset=_reset)
        async with pool as api.pool:
            await desk.flush()
            yield

    # The one that is asked most comes first: they are tried in turn.
    routes = [Route("/graphql", api.graphql, methods=["POST"])]
    routes += [Route(path, _page) for path in _STATIC]
    return Starlette(routes=routes, lifespan=lifespan, exception_handlers={Exception: _fail})
