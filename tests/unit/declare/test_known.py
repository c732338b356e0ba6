"""What is kept of the program's own declarations holds for that very program, and no other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from strata.declare import known
from strata.declare.contract import load_contract
from strata.declare.feed import feed_names, known_fingerprints, load_feed
from strata.declare.source_contract import known_layouts, load_layouts

from tests.conftest import forget_declarations

LATER_NS = 10 * 10**9


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache folder of its own, and the caller's own feeds."""
    for name in ("own/feeds/x.py", "own/schemas/source/x_y.z.yaml"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("1\n")
    monkeypatch.setenv("STRATA_PROJECT", str(tmp_path / "own"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    forget_declarations()
    yield tmp_path
    forget_declarations()


PROGRAM = """
import sys
from strata.cli import main
main(sys.argv[1:])
print("pydantic" in sys.modules)
"""


def test_a_second_look_checks_no_contract_again(tmp_path: Path) -> None:
    told = []
    for _ in range(2):
        ended = subprocess.run(
            [sys.executable, "-c", PROGRAM, "run", "soil", "--dry-run", "--raw", str(tmp_path)],
            env={**os.environ, "XDG_CACHE_HOME": str(tmp_path), "STRATA_WAREHOUSE": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=120,
        )
        told.append(ended.stdout.splitlines()[-1])
    assert told == ["True", "False"]


def answer(value: object = "new") -> object:
    """What is recalled by a process that would find this value; it keeps what it finds."""
    known.forget()
    found = known.recall("x", lambda: value)
    known.save(time.time_ns() + LATER_NS)
    return found


def kept(place: Path) -> list[Path]:
    return sorted((place / "cache").rglob("*.json"))


def test_the_same_program_is_asked_once(place: Path) -> None:
    assert [answer("first"), answer()] == ["first", "first"]


CHANGES: dict[str, Callable[[Path], object]] = {
    "a module": lambda p: (p / "own/feeds/x.py").write_text("2\n"),
    "a further module": lambda p: (p / "own/feeds/y.py").write_text("1\n"),
    "a source contract": lambda p: (p / "own/schemas/source/x_y.z.yaml").write_text("2\n"),
    "a suite where there was none": lambda p: suite(p / "own/expectations/gold/x_y.yaml"),
    "a module of one size and time": lambda p: silently(p / "own/feeds/x.py"),
    "a damaged file": lambda p: [path.write_text("{") for path in kept(p)],
    "no file": lambda p: [path.unlink() for path in kept(p)],
}


def suite(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_text("1\n")


def silently(path: Path) -> None:
    told = path.stat()
    path.write_text("2\n")
    os.utime(path, ns=(told.st_atime_ns, told.st_mtime_ns))


@pytest.mark.parametrize("change", CHANGES)
def test_another_program_is_asked_again(place: Path, change: str) -> None:
    answer("first")
    CHANGES[change](place)
    assert answer() == "new"


def test_a_further_package_is_another_program(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer("first")
    (place / "site/holidays-2.0.dist-info").mkdir(parents=True)
    monkeypatch.syspath_prepend(str(place / "site"))
    assert answer() == "new"


def test_nothing_is_kept_of_a_program_that_may_have_changed_while_it_was_imported(
    place: Path,
) -> None:
    known.recall("x", lambda: "found")
    known.save(time.time_ns())  # Its files were written less than two seconds ago.
    assert kept(place) == []
    (place / "own/feeds/x.py").write_text("2\n")
    known.save(time.time_ns() + LATER_NS)
    assert kept(place) == []


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives a file to another user")
def test_the_file_of_another_user_is_not_believed(place: Path) -> None:
    answer("first")
    (path,) = kept(place)
    os.chown(path, 12345, -1)
    assert answer() == "new"


def test_a_folder_that_cannot_be_made_keeps_nothing_and_fails_nothing(place: Path) -> None:
    (place / "cache").write_text("a file")
    assert [answer("first"), answer()] == ["first", "new"]


def test_old_programs_are_forgotten(place: Path) -> None:
    for number in range(6):
        (place / "own/feeds/x.py").write_text(f"{number}\n")
        answer()
    assert len(kept(place)) == 4


def test_every_feed_is_the_same_from_what_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    forget_declarations()
    feeds = [load_feed(name) for name in feed_names()]
    told = [known_fingerprints(feed, feed.default_params()) for feed in feeds]
    known.save(time.time_ns() + LATER_NS)
    (path,) = tmp_path.rglob("*.json")
    told_kinds = {name.split()[0] for name in json.loads(path.read_text())}
    assert told_kinds == {"contract", "findings", "fingerprints", "layouts"}
    tables = [name for feed in feeds for name in feed.table_names]
    contracts = {name: load_contract(name) for name in tables}
    forget_declarations()
    for feed, fingerprints in zip(feeds, told, strict=True):
        assert known_layouts(feed.name) == load_layouts(feed.name)
        assert repr(known_layouts(feed.name)) == repr(load_layouts(feed.name))
        assert known_fingerprints(feed, feed.default_params()) == fingerprints
        assert fingerprints == feed.fingerprints(feed.default_params())
    assert {name: load_contract(name) for name in tables} == contracts
    forget_declarations()
