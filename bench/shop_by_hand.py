"""The questions of `bench shop-api` as a person would serve them over HTTP without GraphQL: Starlette, a pool of asyncpg, a token
that is compared, SQL by hand, and JSON by Python. `uvicorn bench.shop_by_hand:app` runs it.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.shop_questions import question

URL, TOKEN = os.environ["STRATA_READER_URL"], os.environ["BENCH_TOKEN"]


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    """The pool is open while the application runs."""
    async with asyncpg.create_pool(URL, min_size=1, max_size=8) as app.state.pool:
        yield


async def answer(request: Request) -> Response:
    """The rows of a question, each an object."""
    if request.headers.get("authorization") != f"Bearer {TOKEN}":
        return Response(status_code=401)
    asked = await request.json()
    _, statements = question(asked["name"], asked["number"], asked["customers"])
    async with request.app.state.pool.acquire() as connection:
        if len(statements) == 1:
            ((text, values),) = statements
            found = [await connection.fetch(text, *values)]
        else:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                found = [await connection.fetch(text, *values) for text, values in statements]
    told = json.dumps([[dict(row) for row in rows] for rows in found], default=str)
    return Response(told, media_type="application/json")


app = Starlette(routes=[Route("/", answer, methods=["POST"])], lifespan=lifespan)
