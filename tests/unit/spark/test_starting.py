"""A session that starts in a thread: once, at once or when it is asked."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from strata.spark.session import Starting


class Starts:
    """Counts them."""

    def __init__(self) -> None:
        self.number = 0

    def __call__(self) -> Any:
        time.sleep(0.05)
        self.number += 1
        return SimpleNamespace(version="4.0.1")


def test_it_starts_once_however_many_ask_and_not_before() -> None:
    starts = Starts()
    session = Starting(starts, when_asked=True)
    assert (session.has_begun, starts.number) == (False, 0)
    session.cancel_jobs()  # nothing to end, and no reason to start
    assert not session.has_begun
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: session.version, range(8)))
    assert (found, starts.number, session.has_begun) == (["4.0.1"] * 8, 1, True)


def test_one_that_does_not_wait_starts_unasked_and_once() -> None:
    starts = Starts()
    session = Starting(starts)
    assert session.has_begun
    assert (session.version, starts.number) == ("4.0.1", 1)


def test_why_none_could_start_is_raised_wherever_it_is_asked() -> None:
    def fail() -> Any:
        raise OSError("no Java")

    session = Starting(fail, when_asked=True)
    for _ in range(2):
        with pytest.raises(OSError, match="no Java") as told:
            session.version  # noqa: B018
    assert session.failed_by(told.value)


def test_what_it_does_is_ended_when_it_stands() -> None:
    ended: list[str] = []
    context = SimpleNamespace(cancelAllJobs=lambda: ended.append("jobs"))
    built: Any = SimpleNamespace(sparkContext=context)
    session = Starting(lambda: built)
    assert session.sparkContext is context, "it stands"
    session.cancel_jobs()
    assert ended == ["jobs"]
