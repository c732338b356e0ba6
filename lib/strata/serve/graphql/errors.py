"""What a client is told of an error: its own mistakes in full, everything else by a number in our
log.
"""

from __future__ import annotations

import logging
import secrets

import asyncpg
from graphql import GraphQLError

log = logging.getLogger("strata.graphql")


LOST = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.LockNotAvailableError,
    asyncpg.TooManyConnectionsError,
)
"""A database that is away, starts, stops, is locked, or takes nobody."""
AWAY = ("the database does not answer; ask again", "UNAVAILABLE")
SLOW = ("a statement of this query took too long; ask for less", "TIMEOUT")


class Refused(Exception):
    """The client's mistake, or a rule of the API; its text reaches the client."""

    def __init__(self, message: str, code: str = "BAD_REQUEST") -> None:
        super().__init__(message)
        self.code = code


def worded(error: GraphQLError) -> dict[str, object]:
    """The error as the client sees it: no SQL, no path of ours, no type name of Python's."""
    cause = error.original_error
    told: dict[str, object] = {"message": error.message}
    if error.path:
        told["path"] = list(error.path)
    if isinstance(cause, Refused):
        return {**told, "message": str(cause), "extensions": {"code": cause.code}}
    if cause is None or isinstance(cause, GraphQLError):
        return {**told, "extensions": {"code": "BAD_QUERY"}}
    if isinstance(cause, (asyncpg.QueryCanceledError, *LOST)):
        log.error("the database does not answer", exc_info=cause)
        message, code = SLOW if isinstance(cause, asyncpg.QueryCanceledError) else AWAY
        return {**told, "message": message, "extensions": {"code": code}}
    number = note(cause)
    hint = f"the API could not answer; its log says why under {number}"
    return {**told, "message": hint, "extensions": {"code": "INTERNAL"}}


def note(error: BaseException) -> str:
    """Logs an error that is ours, and returns the number by which its client may ask for it."""
    number = secrets.token_hex(4)
    log.error("error %s", number, exc_info=error)
    return number
