"""What several workers of one API share: how often a caller has asked, and persisted queries."""

from __future__ import annotations

import hashlib
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from strata.errors import UsageError
from strata.serve.graphql.access import Door
from strata.serve.graphql.context import Caller
from strata.serve.graphql.errors import Refused
from strata.serve.graphql.persisted import KEPT, Persisted

ANN, BOB = Caller("ann", "reader"), Caller("bob", "editor")
CALLERS = {"a" * 64: ANN, "b" * 64: BOB}
ASKS = """
import pickle, sys
door, caller = pickle.loads(bytes.fromhex(sys.argv[1]))
print(sum(door.lets_in(caller) for _ in range(200)))
"""


def hashed(digest: str) -> dict[str, Any]:
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": digest}}}


def test_workers_count_a_caller_together(tmp_path: Path) -> None:
    door = Door(CALLERS, 350).shared(tmp_path / "rates")
    command = [sys.executable, "-c", ASKS, pickle.dumps((door, ANN)).hex()]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    let_in = [int(worker.communicate(timeout=60)[0]) for worker in workers]
    assert sum(let_in) == 350, let_in
    assert not door.lets_in(ANN)
    assert door.lets_in(BOB), "each caller has a minute of its own"


def test_one_worker_counts_without_a_file() -> None:
    door = Door(CALLERS, 3)
    assert [door.lets_in(ANN) for _ in range(5)] == [True, True, True, False, False]
    with pytest.raises(UsageError, match="at least one request"):
        Door(CALLERS, 0)


def test_workers_know_each_others_queries(tmp_path: Path) -> None:
    query = "{ publication { number } }"
    digest = hashlib.sha256(query.encode()).hexdigest()
    one, other = Persisted(folder=tmp_path), Persisted(folder=tmp_path)
    with pytest.raises(Refused, match="PersistedQueryNotFound"):
        other.find(hashed(digest))
    assert one.find({"query": query, **hashed(digest)}) == query
    assert other.find(hashed(digest)) == query


def test_no_file_is_named_by_a_caller(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("{ a }")
    (tmp_path / "queries").mkdir()
    known = Persisted(folder=tmp_path / "queries")
    for digest in ("../secret", str(tmp_path / "secret"), "", "A" * 64):
        with pytest.raises(Refused, match="PersistedQueryNotFound"):
            known.find(hashed(digest))
    for number in range(KEPT + 20):
        text = f"{{ a{number} }}"
        known.find({"query": text, **hashed(hashlib.sha256(text.encode()).hexdigest())})
    assert len(known.known) == len(list((tmp_path / "queries").iterdir())) == KEPT
