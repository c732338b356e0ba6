"""What a client is told of an error: its own mistakes in full, everything else by a number in our
log.
"""

from __future__ import annotations

import logging
import secrets

from graphql import GraphQLError

log = logging.getLogger("strata.graphql")


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
    number = note(cause)
    hint = f"the API could not answer; its log says why under {number}"
    return {**told, "message": hint, "extensions": {"code": "INTERNAL"}}


def note(error: BaseException) -> str:
    """Logs an error that is ours, and returns the number by which its client may ask for it."""
    number = secrets.token_hex(4)
    log.error("error %s", number, exc_info=error)
    return number
