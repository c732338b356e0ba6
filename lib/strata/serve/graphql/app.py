"""The API as an ASGI application: POST /graphql, a page to try it, and the dashboard."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from strata.serve.graphql import documents
from strata.serve.graphql.access import Door
from strata.serve.graphql.connections import Connections
from strata.serve.graphql.context import Context
from strata.serve.graphql.decisions import Desk
from strata.serve.graphql.errors import AWAY, LOST, Refused, note
from strata.serve.graphql.operations import Asked, as_json, run
from strata.serve.graphql.persisted import Persisted

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
_RAW_HEADERS = [
    (b"content-type", b"application/json"),
    *((name.lower().encode(), value.encode()) for name, value in _HEADERS.items()),
]
_SESSION = {
    # A statement's text says which conditions it has, so one plan is right for all its values. To
    # plan a nested one takes longer than to run it.
    "plan_cache_mode": "force_generic_plan",
    "default_transaction_read_only": "on",
    # A nested statement looks dear to the planner; to compile one takes longer than to run it.
    "jit": "off",
}
_PLANS = {"statement_cache_size": 50, "max_cacheable_statement_size": 6 * 1024}
"""What a connection keeps planned. PostgreSQL holds up to a megabyte for a large statement, as it
plans for each month, and clients may ask many of them.
"""
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
    connections: Connections | None = None
    """While the application runs."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        status, body, statements = await self._answered(scope, receive)
        size = (b"content-length", str(len(body)).encode())
        cost = (b"server-timing", b"sql;desc=%d" % statements)
        headers = [*_RAW_HEADERS, size, cost]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answered(self, scope: Scope, receive: Receive) -> tuple[int, bytes, int]:
        """The status, the body, and how many SQL statements it took."""
        told = dict(scope["headers"])
        caller = self.door.caller(told.get(b"authorization", b"").decode("latin-1"))
        if caller is None:
            return _refuse(
                401, "a request needs a token: Authorization: Bearer …", "UNAUTHENTICATED"
            )
        if not self.door.lets_in(caller):
            return _refuse(
                429, f"a token has {self.door.a_minute} requests a minute", "RATE_LIMITED"
            )
        try:
            with _Deadline():
                asked = await self._asked(told.get(b"content-type", b""), receive)
                assert self.connections is not None
                return 200, *await run(asked, Context(caller, self.desk), self.connections.fetch)
        except Refused as error:
            return _refuse(400, str(error), error.code)
        except asyncio.TimeoutError:
            return _refuse(503, f"an answer takes at most {SECONDS:g} seconds", "TIMEOUT")
        except LOST:
            log.exception("the database does not answer")
            return _refuse(503, *AWAY)
        except Exception as error:
            return _fault(error)

    async def _asked(self, kind: bytes, receive: Receive) -> Asked:
        """One operation. Batches are not taken: they would get round the limits."""
        # Other kinds of body are refused, as browsers send them across sites.
        if kind.split(b";")[0].strip() != b"application/json":
            raise Refused("a request is application/json")
        body = _object(await _read(receive))
        query = self.persisted.find(body)
        variables, name = body.get("variables") or {}, body.get("operationName")
        if not isinstance(variables, dict):
            raise Refused("variables are an object")
        if not query.strip() or not isinstance(name, str | None):
            raise Refused(
                "a request is a query, with the name of its operation where it has several"
            )
        return Asked(documents.read(query), name, variables)


class _Deadline:
    """Ends its task's work after SECONDS by a TimeoutError. asyncio's wait_for would make a task
    more of each request, and its timeout is not in Python 3.10.
    """

    is_over = False

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.timer = asyncio.get_running_loop().call_later(SECONDS, self._end, task)

    def _end(self, task: asyncio.Task[Any]) -> None:
        self.is_over = True
        task.cancel()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.timer.cancel()
        if self.is_over and kind is asyncio.CancelledError:
            raise asyncio.TimeoutError


async def _read(receive: Receive) -> bytes:
    """All that was sent. Refused where it is too much, or breaks off."""
    read = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused("the client went away before its request was whole")
        read += message.get("body", b"")
        if len(read) > MOST_BYTES:
            raise Refused(f"a request has at most {MOST_BYTES:,} bytes", "TOO_LARGE")
        if not message.get("more_body"):
            return read


def _object(read: bytes) -> dict[str, Any]:
    try:
        body = json.loads(read)
    except (ValueError, RecursionError):
        raise Refused("a request is a JSON object") from None
    if not isinstance(body, dict):
        raise Refused("a request is one JSON object")
    return body


def _refuse(status: int, message: str, code: str) -> tuple[int, bytes, int]:
    error = {"message": message, "extensions": {"code": code}}
    return status, as_json({"data": None, "errors": [error]}), 0


def _fault(error: Exception) -> tuple[int, bytes, int]:
    """A fault of ours; the log has it."""
    told = f"the API could not answer; its log says why under {note(error)}"
    return _refuse(500, told, "INTERNAL")


async def _page(request: Request) -> Response:
    name, kind = _STATIC[request.url.path]
    return Response((_PAGES / name).read_text(encoding="utf-8"), media_type=kind, headers=_HEADERS)


def make_app(url: str, door: Door, desk: Desk, persisted: Persisted | None = None) -> ASGIApp:
    """The application over a database; the address is that of a role which reads only."""
    api = Api(door, desk, persisted or Persisted())

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        # None is opened yet: an API may start before its database.
        api.connections = Connections(url, _SESSION, _PLANS)
        try:
            await desk.flush()
            yield
        finally:
            await api.connections.close()

    routes = [Route(path, _page) for path in _STATIC]
    site = Starlette(routes=[*routes, Route("/graphql", api, methods=["POST"])], lifespan=lifespan)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        # A question needs nothing of what Starlette does for each request.
        is_asked = scope["type"] == "http" and scope["path"] == "/graphql"
        to = api if is_asked and scope["method"] == "POST" else site
        await to(scope, receive, send)

    return app
