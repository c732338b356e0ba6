"""What a command does while its feeds run."""

from __future__ import annotations

import signal
from types import SimpleNamespace
from typing import Any

import pytest
from strata.cli.work import cancelling_at_interrupt
from strata.spark.session import Starting


def test_an_interrupt_ends_sparks_jobs_while_feeds_run_and_is_the_callers_afterwards() -> None:
    ended: list[str] = []
    context = SimpleNamespace(cancelAllJobs=lambda: ended.append("jobs"))
    session: Any = SimpleNamespace(sparkContext=context)
    spark = Starting(lambda: session)
    assert spark.sparkContext is context, "it stands"

    def own(*_: object) -> None:
        ended.append("own")

    before = signal.signal(signal.SIGINT, own)
    try:
        with pytest.raises(KeyboardInterrupt), cancelling_at_interrupt(spark):
            signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is own
    finally:
        signal.signal(signal.SIGINT, before)
    assert ended == ["jobs", "own"]
