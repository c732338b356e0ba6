"""A run with nothing new says so from a note, and looks again as soon as anything differs."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from strata.cli import main, unchanged
from strata.declare import resources

SAID = {"progress": ["soil: nothing new since publication 3; nothing to do"], "answers": "42\n"}
LATER_NS = 10 * 10**9
PROGRAM = """
import sys
from strata.cli import main
code = main(sys.argv[1:])
print(sorted({"pydantic", "pyarrow", "pyspark", "strata.run.plan"} & set(sys.modules)))
sys.exit(code)
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A raw folder with a file in it, the ledger, and the caller's own feeds."""
    for name in ("raw/soil/samples/a.csv", "ledger/soil/_delta_log/0.json", "own/feeds/x.py"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("1\n")
    monkeypatch.setenv("STRATA_PROJECT", str(tmp_path / "own"))
    # What is printed depends on it; a process without a terminal asks elsewhere.
    monkeypatch.setenv("COLUMNS", "120")
    return tmp_path


def argv(place: Path, *more: str) -> list[str]:
    own = ["--raw", str(place / "raw"), "--warehouse", str(place / "warehouse")]
    return ["run", "soil", *own, *more]


def keep(
    place: Path, since_ns: int = LATER_NS, meanwhile: Callable[[], object] = lambda: None
) -> None:
    """The note that a run would leave that began so long after now."""
    places = [*resources.program_folders(), f"{place}/raw/soil", f"{place}/ledger"]
    watch = unchanged.Watch.begin(places)
    meanwhile()
    watch = replace(watch, began_ns=time.time_ns() + since_ns)
    watch.keep(f"{place}/warehouse", argv(place), SAID)


def recall(place: Path, *more: str) -> object:
    return unchanged.recall(f"{place}/warehouse", argv(place, *more))


def test_while_nothing_changes_the_command_plans_and_imports_nothing(place: Path) -> None:
    keep(place)
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, *argv(place)], capture_output=True, text=True, timeout=60
    )
    assert (ended.returncode, ended.stdout) == (0, "42\n[]\n"), ended.stderr
    assert "soil: nothing new since publication 3; nothing to do" in ended.stderr


CHANGES: dict[str, Callable[[Path], object]] = {
    "a new raw file": lambda p: (p / "raw/soil/samples/b.csv").write_text("1\n"),
    "a new raw folder": lambda p: (p / "raw/soil/sites").mkdir(),
    "other bytes of one length": lambda p: (p / "raw/soil/samples/a.csv").write_text("2\n"),
    "a raw file gone": lambda p: (p / "raw/soil/samples/a.csv").unlink(),
    "another file under the name": lambda p: swap(p / "raw/soil/samples/a.csv"),
    "a publication": lambda p: (p / "ledger/soil/_delta_log/1.json").write_text("{}"),
    "the caller's own feed": lambda p: (p / "own/feeds/x.py").write_text("2\n"),
    "a contract where there was none": lambda p: (p / "own/schemas").mkdir(),
}


def swap(path: Path) -> None:
    """The same bytes and times, as a tool that copies them leaves."""
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    told = path.stat()
    os.utime(other, ns=(told.st_atime_ns, told.st_mtime_ns))
    other.replace(path)


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_a_run_rests_on_makes_it_look_again(place: Path, change: str) -> None:
    keep(place)
    assert recall(place) == SAID
    CHANGES[change](place)
    assert recall(place) is None


def test_another_command_or_setting_has_a_note_of_its_own(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(place)
    assert recall(place, "--samples", "10") is None
    monkeypatch.setenv("STRATA_LOG", "json")
    assert recall(place) is None
    monkeypatch.delenv("STRATA_LOG")
    assert recall(place) == SAID


def test_what_changed_just_before_a_run_is_not_trusted(place: Path) -> None:
    keep(place, since_ns=0)
    assert recall(place) is None


def test_what_comes_while_a_run_looks_is_never_noted_whatever_the_clock_says(place: Path) -> None:
    keep(place, meanwhile=lambda: (place / "raw/soil/samples/b.csv").write_text("1\n"))
    assert recall(place) is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"x": 1}', "\0" * 50])
def test_a_damaged_note_makes_a_run_look_again(place: Path, content: str) -> None:
    keep(place)
    (place / "warehouse/ops/looks/_nothing_new.json").write_text(content)
    assert recall(place) is None


def test_no_note_holds_the_pseudonym_key(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRATA_PSEUDONYM_KEY", "s3cret" * 8)
    keep(place)
    note = (place / "warehouse/ops/looks/_nothing_new.json").read_text()
    assert "s3cret" not in note
    # `make run` makes a new key each time.
    monkeypatch.setenv("STRATA_PSEUDONYM_KEY", "0ther" * 8)
    assert recall(place) == SAID


def test_a_run_that_finds_nothing_leaves_the_note(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "raw/soil").mkdir(parents=True)
    time.sleep(2.1)  # What changed within two seconds is not trusted.
    assert main(argv(tmp_path)) == 0
    first = capsys.readouterr().err
    assert "soil: no raw files in" in first
    assert recall(tmp_path) is not None
    assert main(argv(tmp_path)) == 0
    assert "soil: no raw files in" in capsys.readouterr().err
    # The first file is taken up at once: the run says what else it cannot do without.
    (tmp_path / "raw/soil/samples").mkdir()
    (tmp_path / "raw/soil/samples/a.csv").write_text("lat,lon\n1,2\n")
    assert main(argv(tmp_path)) != 0
