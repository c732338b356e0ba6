"""Notes of attempts: however one ends it is told, and archiving hides no run that failed."""

from __future__ import annotations

from pathlib import Path

import pytest
from strata.errors import GateFailed, StrataError
from strata.lake.versions import Warehouse
from strata.ledger import attempts
from strata.ledger.attempts import Attempt


def try_out(warehouse: Warehouse, attempt: Attempt, error: BaseException | None = None) -> None:
    with attempts.noted(warehouse, attempt):
        if error:
            raise error
        attempt.outcome = "published"


def test_an_attempt_is_noted_however_it_ends(tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path))
    said = GateFailed("no", reasons=[{"table": "silver.x", "reason": "r", "rows": 1}])
    try_out(warehouse, Attempt("1", "toy", "2024-01-01"))
    errors = (said, StrataError("full"), KeyboardInterrupt(), ZeroDivisionError())
    for number, error in enumerate(errors, 2):
        with pytest.raises(type(error)):
            try_out(warehouse, Attempt(str(number), "toy", "2024-01-01"), error)
    notes = attempts.read(warehouse, "toy")
    assert [(note.outcome, note.message, len(note.reasons)) for note in notes] == [
        ("published", "", 0),
        ("gate failed", "no", 1),
        ("failed", "full", 0),
        ("failed", "stopped", 0),
        ("failed", "ZeroDivisionError", 0),
    ]
    assert all(note.ended_at > note.started_at for note in notes)


def test_archiving_is_noted_and_is_no_run(tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path))
    try_out(warehouse, Attempt("1", "toy", "2024-01-01"))
    with pytest.raises(GateFailed):
        try_out(warehouse, Attempt("2", "toy", "2024-01-02"), GateFailed("no"))
    try_out(warehouse, Attempt("3", "toy", "2024-01-03", kind="archive"))
    assert [note.kind for note in attempts.read(warehouse, "toy")] == ["run", "run", "archive"]
    # A power loss has cut the newest note off: of what it told nothing is known.
    (tmp_path / "ops" / "runs" / "toy" / "4.json").write_text('{"run_id": "4"')
    last = attempts.last_run(warehouse, "toy")
    assert last is not None
    assert (last.run_id, last.outcome) == ("2", "gate failed")
