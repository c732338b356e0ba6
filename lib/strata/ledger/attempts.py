"""Attempts: `ops/runs/<feed>/<run>.json` notes each run and archiving as it ends, best effort.

What is published never rests on a note; only whether a torn last entry of the ledger is a
publication that was lost.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from typing import Any

from strata import failpoint
from strata.errors import GateFailed, StrataError
from strata.fs import files
from strata.lake.versions import Warehouse

UNREADABLE = "unreadable"
RUN = "run"


@dataclass
class Attempt:
    """One run, as noted when it ends; kept so that a failed run can be looked at."""

    run_id: str
    feed: str
    started_at: str
    ended_at: str = ""
    outcome: str = "running"
    """`published`, `nothing new`, `gate failed`, `failed`; `unreadable` where the note itself is
    damaged.
    """
    publication: int | None = None
    message: str = ""
    params: dict[str, Any] = field(default_factory=dict)
    counts: dict[str, Any] = field(default_factory=dict)
    reasons: list[dict[str, Any]] = field(default_factory=list)
    """Why rows were rejected: `table`, `reason`, `rows`, and of the table whose gate said no one
    `example` each.
    """
    warnings: list[dict[str, Any]] = field(default_factory=list)
    """The rules that warned: `table`, `rule`, `rows`."""
    kind: str = RUN
    """What was attempted: a `run`, or to `archive` or `restore` raw days."""


def now() -> str:
    """The time, in UTC, as attempts note it."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


@contextmanager
def noted(warehouse: Warehouse, attempt: Attempt) -> Iterator[None]:
    """Notes how the attempt ended, whatever ends it."""
    try:
        yield
    except StrataError as error:
        attempt.outcome = "gate failed" if isinstance(error, GateFailed) else "failed"
        attempt.message = str(error)
        attempt.reasons += error.facts.get("reasons", ())
        raise
    except BaseException as error:
        was_stopped = isinstance(error, KeyboardInterrupt)
        attempt.message = "stopped" if was_stopped else type(error).__name__
        attempt.outcome = "failed"
        raise
    finally:
        attempt.ended_at = now()
        note(warehouse, attempt)


def note(warehouse: Warehouse, attempt: Attempt) -> None:
    """Writes the note; a failure to write it never fails a run."""
    failpoint.reach("attempt.before", attempt.feed)
    try:
        uri = f"{warehouse.root}/ops/runs/{attempt.feed}/{attempt.run_id}.json"
        files.write_bytes(uri, json.dumps(asdict(attempt), sort_keys=True).encode())
    except OSError:
        pass
    failpoint.reach("attempt.after", attempt.feed)


def read(warehouse: Warehouse, feed: str) -> list[Attempt]:
    """Every attempt noted for the feed, oldest first."""
    notes = [_read_note(warehouse, feed, run_id) for run_id in _run_ids(warehouse, feed)]
    return sorted(notes, key=lambda attempt: (attempt.started_at, attempt.run_id))


def last_run(warehouse: Warehouse, feed: str) -> Attempt | None:
    """The newest run of the feed that was noted, published or not; archiving is no run, and a note
    that cannot be read tells nothing of one.
    """
    # Ids sort by time: of a thousand notes one is read.
    for run_id in sorted(_run_ids(warehouse, feed), reverse=True):
        attempt = _read_note(warehouse, feed, run_id)
        if attempt.kind == RUN and attempt.outcome != UNREADABLE:
            return attempt
    return None


def _run_ids(warehouse: Warehouse, feed: str) -> list[str]:
    names = files.list_names(f"{warehouse.root}/ops/runs/{feed}")
    return [name.removesuffix(".json") for name in names if name.endswith(".json")]


def _read_note(warehouse: Warehouse, feed: str, run_id: str) -> Attempt:
    text = files.read_bytes(f"{warehouse.root}/ops/runs/{feed}/{run_id}.json")
    try:
        return Attempt(**json.loads(text))
    except ValueError:  # Cut off by a power loss.
        return Attempt(run_id, feed, "", outcome=UNREADABLE)
