"""An address of Spark Connect: known by its scheme, and told at once where nobody answers."""

from __future__ import annotations

import pytest
from strata.errors import UsageError
from strata.spark import connect


def test_a_server_is_meant_by_the_master_or_else_by_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(connect.ADDRESS, raising=False)
    assert connect.is_remote("sc://host:15002")
    assert not connect.is_remote("local[2]")
    assert not connect.is_remote(None)
    monkeypatch.setenv(connect.ADDRESS, "sc://host")
    assert connect.is_remote(None)
    # A master that is named wins.
    assert not connect.is_remote("spark://host:7077")


def test_where_no_server_answers_one_sentence_says_so_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with pytest.raises(UsageError, match=r"at sc://127\.0\.0\.1:1/;user_id=x none does: "):
        connect.session("sc://127.0.0.1:1/;user_id=x")
