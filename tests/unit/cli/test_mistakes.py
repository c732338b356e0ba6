"""What people mistype is one sentence on standard error, exit code 2 and nothing else, on a warehouse
with something in it. `test_cli.py` has those of an empty one.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from strata.errors import ResourceMissing

from tests.unit.cli.test_cli import run

FIXTURE = Path(__file__).resolve().parents[2] / "corpus" / "warehouse_0_1_0.tar.gz"
FLIGHTS = "silver.launches_flights"
MISTAKES: dict[str, tuple[list[str], str]] = {
    "why of nothing": (["why"], "why takes a TABLE with COLUMN=VALUE, or --record FILE:NUMBER"),
    "why of a table and a record": (
        ["why", FLIGHTS, "--record", "a.json:1"],
        "why takes a TABLE with COLUMN=VALUE, or --record FILE:NUMBER",
    ),
    "a key without its value": (
        ["why", "gold.launches_core_reuse", "core_id"],
        "a row is named by COLUMN=VALUE; got 'core_id'",
    ),
    "half a key": (
        ["why", "silver.launches_core_flights", "flight_id=5eb87d13ffd86e000604b360"],
        "one row is explained at a time; 3 rows of silver.launches_core_flights match: give its "
        "key, flight_id, core_number, as COLUMN=VALUE",
    ),
    "a key that no row has": (
        ["why", "gold.launches_core_reuse", "core_id=B9999"],
        "no row of gold.launches_core_reuse has core_id=B9999; `strata show "
        "gold.launches_core_reuse --limit 0` lists its rows",
    ),
    "no key": (
        ["why", "gold.launches_core_reuse"],
        "a row of gold.launches_core_reuse is named by its key: give core_id as COLUMN=VALUE",
    ),
    "a key of another table": (
        ["why", "gold.launches_core_reuse", "flight_id=5"],
        "a row of gold.launches_core_reuse is named by its columns; flight_id is none of them: its "
        "key is core_id",
    ),
    "a key twice": (
        ["why", "gold.launches_core_reuse", "core_id=a", "core_id=b"],
        "a row has one value of each column; core_id is told twice",
    ),
    "a number that is none": (
        ["why", "gold.launches_core_reuse", "reuse_count=often"],
        "the row cannot be looked up: Conversion Error: Could not convert string 'often' to "
        "INT64\n",
    ),
    "an answer into a folder that is not there": (
        ["sql", "SELECT 1", "--output", "/nowhere/x.csv"],
        "an answer is written into a folder that is there; /nowhere/x.csv is no place for a file: "
        "No such file or directory",
    ),
    "a Parquet answer into a folder that is not there": (
        ["sql", "SELECT 1", "--format", "parquet", "--output", "/nowhere/x.parquet"],
        "an answer is written into a folder that is there; /nowhere/x.parquet is no place for a "
        "file: ",
    ),
    "an answer over a folder": (
        ["sql", "SELECT 1", "--output", "/"],
        "an answer is written into a folder that is there; / is no place for a file: ",
    ),
    "damage in a feed that never ran": (
        ["doctor", "soil"],
        "nothing of soil is published in ",
    ),
    "a record without its number": (
        ["why", "--record", "sample.json"],
        "--record is FILE:NUMBER; got 'sample.json'",
    ),
    "a parameter without its value": (
        ["sql", "SELECT :n", "--param", "n"],
        "--param is NAME=VALUE, each name once; got 'n'",
    ),
    "a parameter twice": (
        ["sql", "SELECT :n", "--param", "n=1", "--param", "n=2"],
        "--param is NAME=VALUE, each name once; got 'n=2'",
    ),
    "a parameter that is not given": (
        ["sql", "SELECT $day"],
        "the query has a parameter without a value: --param day=…",
    ),
    "a parameter that is not given, as Spark writes it": (
        ["sql", "SELECT ':x', :day, 5::INTEGER -- :y"],
        "the query has a parameter without a value: --param day=…",
    ),
    "a query that is none, with a parameter": (
        ["sql", "SELEC :n", "--param", "n=1"],
        "the query does not parse: ",
    ),
    "a copy named like a CSV": (
        ["export", "gold.launches_landing_years", "--to", "years.csv"],
        "a copy is a folder of parquet or csv, or a file that ends in .sqlite or .sqlite3 or .db "
        "or .duckdb; years.csv is named like another file: for CSV, name a folder and add --as csv",
    ),
    "a query that is none": (["sql", "SELEC 1"], "the query does not parse: "),
    "a function of the other engine": (
        ["sql", "SELECT ST_SubDivide('x', 5)", "--engine", "duckdb"],
        "st_subdivide is a function of Sedona: use --engine spark",
    ),
    "a feed's number twice": (
        ["sql", "SELECT 1", "--at", "launches=1,launches=1"],
        "--at names each feed once, of ",
    ),
    "another feed's table": (
        ["quarantine", "show", "silver.launches_moons"],
        "launches has the tables bronze.launches_launches, ",
    ),
    "a discard of no row": (
        ["quarantine", "discard", FLIGHTS, "--why", "x"],
        "discard names its rows: give --file (a SHA-256 or its beginning) with --record, or "
        "--reason",
    ),
    "a discard of a row that was accepted": (
        ["quarantine", "discard", FLIGHTS, "--file", "881e", "--record", "1", "--why", "x"],
        f"no quarantined row of {FLIGHTS} matches; `strata quarantine show {FLIGHTS}` lists them",
    ),
    "a source that the feed lacks": (
        ["run", "launches", "--raw", ".", "--from", "moons=moons.json"],
        "launches has the sources launches; --from names 'moons'",
    ),
    "an address that nobody knows": (
        ["run", "launches", "--raw", "ftp://a/b"],
        "ftp: is not known",
    ),
    "a variable that is not set": (
        ["run", "launches", "--raw", ""],
        "a raw folder must be told: give --raw DIR, or set STRATA_RAW",
    ),
    "half an address": (
        ["run", "launches", "--raw", "s3:///b"],
        "an address there is s3://bucket/path",
    ),
    "cells that H3 lacks": (
        ["run", "fleet", "--raw", ".", "--cell-resolution", "16"],
        "--cell-resolution is from 0 to 15; got 16",
    ),
    "a zone that nobody lives in": (
        ["run", "fleet", "--raw", ".", "--day-zone", "Mars/Base"],
        "--day-zone is UTC, vehicle, or a zone such as America/Chicago; got 'Mars/Base'",
    ),
    "a day in words": (
        ["run", "fleet", "--raw", ".", "--not-after", "soon"],
        "--not-after is a date, YYYY-MM-DD; got 'soon'",
    ),
    "a day before GPS": (
        ["run", "fleet", "--raw", ".", "--not-after", "1979-12-31"],
        "--not-after is from 1980-01-01 to 2100-01-01; got '1979-12-31'",
    ),
    "a trip that never ends": (
        ["run", "fleet", "--raw", ".", "--stop-minutes", "0"],
        "--stop-minutes is at least 1; got 0",
    ),
    "a trip of centuries": (
        ["run", "fleet", "--raw", ".", "--stop-minutes", "99999999999"],
        "--stop-minutes is at most a million; got 99999999999",
    ),
    "a seed of 65 bits": (
        ["run", "soil", "--raw", ".", "--seed", str(2**63)],
        f"seed must fit in 64 bits; got {2**63}",
    ),
    "holidays of nowhere": (
        ["run", "commerce", "--raw", ".", "--holidays-of", "Atlantis"],
        "--holidays-of is a country that the library `holidays` knows, such as GB; got 'Atlantis'",
    ),
    "a feed that is mistyped": (["run", "launchs"], "got 'launchs'; perhaps launches"),
    "a report of before anything was published": (
        ["report", "--at", "2000-01-01"],
        "at that time: `strata publications` lists when",
    ),
    "a report that cannot be written": (
        ["report", "--output", "/dev/null/report.html"],
        "the report is a file; /dev/null/report.html cannot be written: ",
    ),
    "a key with an empty part": (
        ["run", "launches", "--raw", "s3://a//b"],
        "a key has no empty part here; found s3://a//b",
    ),
    "people who may not be fewer than one": (
        ["run", "residents", "--raw", ".", "--suppress-below", "1"],
        "suppress-below must be in [2, 1000000]; got 1",
    ),
    "a rounding that tells small groups": (
        ["run", "residents", "--raw", ".", "--suppress-below", "10", "--round-to", "3"],
        "round-to must be a whole number that divides suppress-below, 10; got 3",
    ),
    "a record behind the last": (
        ["why", "--record", "spacex_launches_v5.json:206"],
        "records are numbered from 1; spacex_launches_v5.json has 205, not 206",
    ),
    "a whole number of 65 bits": (
        ["sql", "SELECT 9223372036854775808"],
        "a whole number must fit into 64 bits, as in Spark: ",
    ),
    "a query that takes too long": (
        [
            "sql",
            "SELECT sum(a.range * b.range) FROM range(1000000) a, range(1000000) b",
            "--seconds",
            "0.2",
        ],
        "a query may take 0.2 seconds, and this one took longer: ask for less, or give --seconds",
    ),
    "a copy into a folder that is not there": (
        ["export", "gold.launches_landing_years", "--to", "/nowhere/x.sqlite"],
        "a copy goes into a folder that is there; /nowhere is not: make it",
    ),
    "areas of nowhere": (
        ["soil", "areas", "/nowhere.geojson"],
        "a file or folder must be there; nothing lies at /nowhere.geojson",
    ),
    "a map of a file that is not there": (
        ["soil", "map", "/nowhere.csv", "soc=OC [g/kg]", "--raw", "."],
        "a file must be there to be mapped; /nowhere.csv is not",
    ),
    "a map that guesses the unit": (
        ["soil", "map", __file__, "soc=OC", "--raw", "."],
        "soc tells its unit, and nobody guesses it: soc=OC[%], [g/kg] or [fraction]; got 'soc=OC'",
    ),
    "boundaries of a day before the map": (
        ["soil", "boundaries", "--from", "overpass", "--date", "2010-01-01", "--raw", "."],
        "--date must be in [2012-09-13, today], the days of which Overpass has the map; got "
        "2010-01-01",
    ),
    "a copy of a table that is none": (
        ["export", "gold.launches_moons", "--to", "moons.sqlite"],
        "a table must be published to be copied; gold.launches_moons is not: did you mean ",
    ),
}


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published")
    with tarfile.open(FIXTURE) as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.mark.parametrize("what", MISTAKES)
def test_a_mistake_is_one_sentence_that_says_what_to_do(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    warehouse: Path,
    what: str,
) -> None:
    argv, sentence = MISTAKES[what]
    monkeypatch.setenv("STRATA_WAREHOUSE", str(warehouse))
    code, out, err = run(capsys, *argv)
    assert (code, out) == (2, ""), err
    assert sentence in err
    assert "Traceback" not in err


def test_a_figure_of_an_older_warehouse_lacks_the_younger_columns(
    capsys: pytest.CaptureFixture[str], warehouse: Path
) -> None:
    core = "core_id=5e9e28a7f3591817f23b2663"
    code, out, err = run(
        capsys, "why", "gold.launches_core_reuse", core, "--warehouse", str(warehouse)
    )
    assert code == 0, err
    assert "  reuse_count: 13\n" in out
    assert "repeated_flights" not in out


@pytest.mark.parametrize("name", ["notes.sqlite", "notes.duckdb"])
def test_a_copy_does_not_go_over_another_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, warehouse: Path, name: str
) -> None:
    place = tmp_path / name
    place.write_text("notes of mine\n" * 100)
    code, out, err = run(
        capsys, "export", "gold.launches_landing_years", "--to", str(place), "--warehouse",
        str(warehouse),
    )  # fmt: skip
    assert (code, out) == (2, "")
    assert err == (
        "strata: a copy goes into a new file or a database of its own kind; "
        f"{place} is none: name another file, or remove it\n"
    )
    assert place.read_text() == "notes of mine\n" * 100


def test_one_value_throughout_is_said_of_the_rows_shown_alone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, warehouse: Path
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("STRATA_WAREHOUSE", str(warehouse))
    assert run(capsys, "show", "gold.launches_core_reuse", "--limit", "3")[1].startswith(
        "all rows shown: flights 1, reuse_count 0, "
    )
    whole = run(capsys, "show", "gold.launches_core_reuse", "--limit", "0")[1]
    assert whole.startswith("all rows: upcoming_flights 0\n")


def test_the_gates_of_a_rollback_are_those_of_what_it_shows(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with tarfile.open(FIXTURE) as archive:
        archive.extractall(tmp_path, filter="data")
    monkeypatch.setenv("STRATA_WAREHOUSE", str(tmp_path))
    assert run(capsys, "rollback", "launches", "1")[0] == 0
    code, out, err = run(capsys, "gates", "launches")
    assert code == 0
    assert out.endswith("(no rows)\n")
    assert err == (
        "launches: publication 2 is a rollback to 1, and no gate ran: see --publication 1\n"
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
@pytest.mark.parametrize(
    "argv", [["report", "--output", "/dev/full"], ["sql", "select 1", "--output", "/dev/full"]]
)
def test_a_full_disk_is_no_mistake_of_the_callers(
    capsys: pytest.CaptureFixture[str], warehouse: Path, argv: list[str]
) -> None:
    code, out, err = run(capsys, *argv, "--warehouse", str(warehouse))
    assert (code, out) == (ResourceMissing.exit_code, "")
    assert "a run needs room on the disk; the system says: No space left on device" in err


def test_an_answer_that_does_not_fit_leaves_the_one_before(tmp_path: Path, warehouse: Path) -> None:
    answer = tmp_path / "answer.csv"
    answer.write_text("before\n")
    limited = (
        "import resource, sys\n"
        "from strata.cli import main\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    query = "select * from range(9999)"
    done = subprocess.run(
        [sys.executable, "-c", limited, "sql", query, "--limit", "0", "--format", "csv",
         "--output", str(answer), "--warehouse", str(warehouse)],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == ResourceMissing.exit_code, done.stderr
    assert "leave to write a file of this size" in done.stderr
    assert answer.read_text() == "before\n"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["answer.csv"]
