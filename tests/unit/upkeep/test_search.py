"""A text is found in whatever form a file of the warehouse may hold it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from strata.lake.versions import Warehouse
from strata.ledger import attempts
from strata.ledger.attempts import Attempt
from strata.upkeep.search import holds

WHO = ["ann@example.org", "jürgen.maß@example.org", "\U0001f600.ann@example.org"]


@pytest.mark.parametrize("who", WHO)
def test_a_person_is_found_in_the_note_of_a_run(tmp_path: Path, who: str) -> None:
    message = f"new.csv/{who.upper().replace('SS', 'ß')}.csv: cannot be read"
    attempts.note(Warehouse(str(tmp_path)), Attempt("r1", "residents", "t", message=message))
    uri = str(tmp_path / "ops/runs/residents/r1.json")
    assert holds(uri, (who.encode(),))
    assert not holds(uri, ("jörgen.maß@example.org".encode(),))


@pytest.mark.parametrize("who", WHO)
def test_a_person_is_found_in_plain_text_and_in_json_within_json(tmp_path: Path, who: str) -> None:
    file = tmp_path / "file"
    for text in (who, json.dumps([who]), json.dumps({"stats": json.dumps({"max": who})})):
        file.write_text(text, encoding="utf-8")
        assert holds(str(file), (who.encode(),))
