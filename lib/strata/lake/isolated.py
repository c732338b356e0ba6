"""Calls that may end the process that makes them, made in a process of their own.

Some damaged Parquet footers do: pyarrow lets an exception of its C++ library pass through code that
cannot throw ("terminate called"), and a length that a flipped bit made huge may exhaust the memory.
The doctor must outlive what it finds.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection
from typing import Any, TypeVar

from strata.errors import ResourceMissing

T = TypeVar("T")

_pool: ProcessPoolExecutor | None = None
"""Of one process, which lives on from call to call, since a new one takes most of a second."""
_owner = 0
"""The process that made it; a fork of that has no use for it."""


class Ended(Exception):
    """The call ended its process, twice."""


def call(function: Callable[..., T], *arguments: Any) -> T:
    """What the function gives; Ended where it ends its process, ResourceMissing where no such
    process lives at all.

    Function, arguments and result must be such as can be pickled. A script that comes here must
    guard its main part by `if __name__ == "__main__"`, for the new process imports it.
    """
    if multiprocessing.current_process().daemon:
        return function(*arguments)  # Such a process may not have one of its own.
    try:
        return _submit(function, *arguments)
    except BrokenProcessPool:
        _end()
    # It may have been ended from outside, as where the machine lacks memory; that must not be laid
    # at the file's door.
    try:
        _submit(_do_nothing)
    except BrokenProcessPool:
        _end()
        raise ResourceMissing(
            "damaged files are read in a process of its own; none could be started: free "
            "some memory, or guard the main part of the "
            'script that asks by `if __name__ == "__main__"`'
        ) from None
    try:
        return _submit(function, *arguments)
    except BrokenProcessPool:
        _end()
        raise Ended from None


def _submit(function: Callable[..., T], *arguments: Any) -> T:
    global _pool, _owner
    if _pool is None or _owner != os.getpid():
        # Not forked: the parent's threads (Arrow's, the JVM gateway's) may hold locks that no
        # thread of the child would free.
        _pool = ProcessPoolExecutor(
            1, mp_context=multiprocessing.get_context("spawn"), initializer=_begin
        )
        _owner = os.getpid()
    return _pool.submit(_in_environment, dict(os.environ), function, arguments).result()


def _begin() -> None:
    """In the new process: it says nothing, holds nobody's output, and does not outlive who
    asked."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)


def _in_environment(
    environment: dict[str, str], function: Callable[..., T], arguments: tuple[Any, ...]
) -> T:
    # A store's address and credentials, as they are now and not when the process began.
    os.environ.clear()
    os.environ.update(environment)
    return function(*arguments)


def _do_nothing() -> None:
    pass


@atexit.register
def _end() -> None:
    global _pool
    if _pool is not None and _owner == os.getpid():
        _pool.shutdown()
    _pool = None
