"""A file that appears whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from strata.fs.whole import written_whole


def test_what_fails_leaves_the_file_before_and_nothing_beside_it(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("before")
    with pytest.raises(UnicodeEncodeError), written_whole(page) as part:
        part.write_text("half\ud800", encoding="utf-8")
    assert page.read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_a_link_stays_and_leads_to_the_new_file(tmp_path: Path) -> None:
    (tmp_path / "pages").mkdir()
    page, link = tmp_path / "pages" / "page.html", tmp_path / "page.html"
    page.write_text("before")
    link.symlink_to(page)
    with written_whole(link) as part:
        part.write_text("after")
    assert link.is_symlink()
    assert page.read_text() == "after"


def test_a_device_is_written_to() -> None:
    with written_whole(Path(os.devnull)) as part:
        assert part == Path(os.devnull)


def test_who_may_read_a_file_may_read_what_takes_its_place_and_nobody_else(tmp_path: Path) -> None:
    answer = tmp_path / "answer.csv"
    answer.write_text("before")
    answer.chmod(0o600)
    with written_whole(answer) as part:
        assert part.stat().st_mode & 0o777 == 0o600
        part.write_text("after")
    assert (answer.read_text(), answer.stat().st_mode & 0o777) == ("after", 0o600)


def test_a_file_is_written_to_where_none_can_be_made_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = tmp_path / "answer.csv"
    answer.write_text("before")
    monkeypatch.setattr(os, "access", lambda path, _: Path(path) != tmp_path)
    with written_whole(answer) as part:
        assert part == answer
