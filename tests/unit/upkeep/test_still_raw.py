"""Which raw files still hold a person, those that no run takes included."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import pytest
import strata.feeds
from strata.cli.forget import _tell
from strata.declare.feed import load_feed
from strata.ledger.erasures import Erasure
from strata.upkeep import search
from strata.upkeep.forget import Forgotten, still_raw
from strata.upkeep.person import identify

from tests.conftest import forget_declarations, people_project

GOOD = b"email,name,town,since\nann@example.org,Ann,Leith,2024-01-01\n"
NOT_UTF8 = GOOD + b"bob@example.org,J\xfcrgen,Leith,2024-01-01\n"


def test_files_that_no_run_takes_are_told_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project = people_project(tmp_path / "own")
    monkeypatch.setenv("STRATA_PROJECT", str(project))
    monkeypatch.setattr(strata.feeds, "__path__", [*strata.feeds.__path__, str(project / "feeds")])
    forget_declarations()
    feed = load_feed("people")
    raw = tmp_path / "raw"
    folder = raw / "people" / "users"
    folder.mkdir(parents=True)
    (raw / "people" / "user").mkdir()
    (folder / "good.csv").write_bytes(GOOD)
    (folder / "bad.csv").write_bytes(NOT_UTF8.replace(b"ann@", b"ANN@"))
    (folder / "packed.csv.gz").write_bytes(gzip.compress(NOT_UTF8))
    (folder / "other.csv").write_bytes(b"nobody\n")
    (folder / "torn.parquet").write_bytes(b"PAR1 ann@example.org")
    (folder / "_draft.csv").write_bytes(GOOD)
    with zipfile.ZipFile(folder / "all.zip", "w") as archive:
        archive.writestr("in.csv", GOOD)
        archive.writestr("licence.txt", "Free.")

    found, unread = still_raw(feed, identify(feed, "Ann@example.org"), str(raw))
    assert found == {"users/all.zip/in.csv": 1, "users/good.csv": 1}
    assert unread == {
        "user/": False,
        "users/_draft.csv": False,
        "users/all.zip/licence.txt": False,
        "users/bad.csv": True,
        "users/other.csv": False,
        "users/packed.csv.gz": False,
        "users/torn.parquet": True,
    }
    _tell(feed, "raw", Forgotten(Erasure("e1", (), ""), still_raw=found, unread_raw=unread))
    told = capsys.readouterr().out
    assert "raw/people/users/bad.csv was not read, for no run takes it; it holds the person" in told
    assert "packed.csv.gz was not read, for no run takes it; it may hold the person" in told
    forget_declarations()


def test_a_text_is_seen_across_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"..ann@example.org..")
    for size in range(1, 20):
        monkeypatch.setattr(search, "_BLOCK_BYTES", size)
        assert search.lies_in(str(file), (b"Ann@example.org",))
        assert not search.lies_in(str(file), (b"ann@example.net", b"ann@example..org"))
