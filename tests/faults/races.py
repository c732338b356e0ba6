"""Threads that go at once."""

from __future__ import annotations

import threading
from collections.abc import Callable


def race(threads: int, work: Callable[[int], None]) -> None:
    """Lets that many threads go at once; raises what any of them raised."""
    start, failed = threading.Barrier(threads), []

    def go(number: int) -> None:
        try:
            start.wait()
            work(number)
        except BaseException as error:
            failed.append(error)

    every = [threading.Thread(target=go, args=(number,)) for number in range(threads)]
    for thread in every:
        thread.start()
    for thread in every:
        thread.join()
    if failed:
        raise failed[0]
