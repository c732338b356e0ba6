"""The command line without Spark: help, exit codes, one clear sentence for a mistake, printing."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from strata.cli import output
from strata.cli import settings as config
from strata.cli.command import EXIT_CODES, main
from strata.declare.feed import feed_names
from strata.errors import BadFile, StrataError, UsageError


def run(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    try:
        code = main(list(argv))
    except SystemExit as stop:  # argparse's own way out
        code = int(stop.code or 0)
    told = capsys.readouterr()
    return code, told.out, told.err


def test_help_names_every_command_and_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "--help")
    assert code == 0
    for command in (
        "run",
        "show",
        "sql",
        "runs",
        "gates",
        "publications",
        "rollback",
        "quarantine",
        "validate",
    ):
        assert re.search(rf"\n    {command}\s", out)
    codes = {error.exit_code for error in _subclasses(StrataError)}
    assert codes <= {int(line.split()[0]) for line in EXIT_CODES.splitlines()[1:]}


def test_help_loads_no_spark() -> None:
    """But where a feed's own parameters are told."""
    program = (
        "import contextlib, io, sys\n"
        "from strata.cli import command\n"
        "for name in set(command.COMMANDS) - {'run'}:\n"
        "    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):\n"
        "        command.main([name, '--help'])\n"
        "print(sorted({'pyspark', 'pandas', 'great_expectations'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def _subclasses(root: type[StrataError]) -> list[type[StrataError]]:
    return [root] + [deeper for cls in root.__subclasses__() for deeper in _subclasses(cls)]


def test_a_feeds_parameters_are_options_of_run(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "run", "--help")
    for option in (
        "--samples",
        "--seed",
        "--method",
        "--depth",
        "--dry-run",
        "--override",
        "--full",
        "--layer",
        "--table",
    ):
        assert option in out


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["run", "soup"], f"a feed is one of {', '.join(feed_names())}; got 'soup'"),
        (
            ["run", "toy", "--raw", "/no/such/folder"],
            "the raw folder must exist; /no/such/folder is not a folder",
        ),
        (
            ["run", "toy", "--raw", ".", "--table", "silver.toy_sail"],
            "--table names a table of the feeds that run",
        ),
        (
            ["run", "toy", "--raw", ".", "--override", "silver.toy_sales"],
            "--override is TABLE=REASON",
        ),
        (["show", "gold.nothing"], "nothing is published in"),
        (["doctor"], "nothing is published in"),
        (["doctor", "toy"], "nothing of toy is published in"),
        (["rollback", "toy", "3"], "a publication is named by its number; toy has none, not 3"),
        (["quarantine", "show", "toy"], "a table is named layer.feed_noun"),
        (
            ["quarantine", "discard", "silver.toy_sales", "--record", "1", "--why", "x"],
            "nothing of toy is published",
        ),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, argv: list[str], sentence: str
) -> None:
    code, out, err = run(capsys, *argv, "--warehouse", str(tmp_path / "warehouse"))
    assert code == 2
    assert sentence in err
    assert "Traceback" not in err
    assert out == ""


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["runs"], "no run is noted in"),
        (["gates"], "nothing is published in"),
        (["publications"], "nothing is published in"),
        (["quarantine", "list"], "nothing is published in"),
    ],
)
def test_an_empty_list_says_which_warehouse_is_empty(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, argv: list[str], sentence: str
) -> None:
    warehouse = tmp_path / "mistyped"
    code, out, err = run(capsys, *argv, "--warehouse", str(warehouse))
    assert (code, err) == (0, f"strata: {sentence} {warehouse}\n")
    assert "(no rows)" in out


def test_samples_must_be_positive(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, _, err = run(
        capsys,
        "run",
        "soil",
        "--samples",
        "-3",
        "--raw",
        str(tmp_path),
        "--warehouse",
        str(tmp_path),
    )
    assert code == 2
    assert "samples" in err


def test_validate_needs_no_spark_and_counts_what_it_checked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, out, err = run(capsys, "validate")
    assert (code, err) == (0, "")
    assert out.startswith(f"all declarations hold: {len(feed_names())} feeds, ")


def test_validate_lists_every_finding(
    capsys: pytest.CaptureFixture[str], toy_project: Path
) -> None:
    suite = toy_project / "expectations" / "gold" / "toy_days.yaml"
    suite.write_text(suite.read_text().replace("{column: sales}", "{column: sails}"))
    (toy_project / "schemas" / "gold" / "toy_orphans.yaml").write_text("id: gold.toy_orphans\n")
    code, _, err = run(capsys, "validate")
    assert code == 2
    assert (
        "gold.toy_days: expect_column_values_to_not_be_null names column sails, which the "
        "contract lacks"
    ) in err
    assert (
        "gold.toy_days: required column sales has no critical expect_column_values_to_not_be_null"
        in err
    )
    assert "gold.toy_orphans has a contract and no feed makes it" in err


def test_dry_run_tells_what_it_would_do_and_writes_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    sales = tmp_path / "raw" / "toy" / "sales"
    sales.mkdir(parents=True)
    (sales / "a.csv").write_text("id,shop,day,amount\na1,s1,2024-01-01,1\n")
    (sales / "b.csv").write_text("id,shop,day,amount\na1,s1,2024-01-01,1\n")
    (sales / "_notes.csv").write_text("x")
    (sales / "wrong.csv").write_text("id,shop,day\na1,s1,2024-01-01\n")
    code, out, err = run(
        capsys,
        "run",
        "toy",
        "--dry-run",
        "--raw",
        str(tmp_path / "raw"),
        "--warehouse",
        str(tmp_path / "warehouse"),
    )
    assert code == BadFile.exit_code, "as the run would end"
    assert [line.split()[:2] for line in out.splitlines()[3:6]] == [
        ["taken", "sales/a.csv"],
        ["folded", "sales/b.csv"],
        ["rejected", "sales/wrong.csv"],
    ]
    assert "silver.toy_sales" in out
    assert "rejected sales/wrong.csv: its fields must be those of a known layout" in err
    assert "also needs 'amount'" in err
    assert "_notes.csv: ignored, names that start with _ are not read" in err
    assert not (tmp_path / "warehouse").exists()


def test_files_that_no_source_claims_are_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    raw = tmp_path / "raw"
    for place in ("toy/sale/a.csv", "toy/b.csv", "toy/licences/x.txt", "toy/README", "toy/_old/c"):
        (raw / place).parent.mkdir(parents=True, exist_ok=True)
        (raw / place).write_text("id,shop,day,amount\na1,s1,2024-01-01,1\n")
    warehouse = str(tmp_path / "warehouse")
    code, out, err = run(
        capsys, "run", "toy", "--dry-run", "--raw", str(raw), "--warehouse", warehouse
    )
    assert code == 0
    assert out.splitlines() == [
        "toy: builds on nothing: first run",
        f"toy: no raw files in {raw}/toy/{{sales,shops}}, and nothing published yet",
    ]
    because = "ignored, it lies in no folder of a source: sales, shops"
    assert [line.partition(" s  ")[2] for line in err.splitlines()[1:]] == [
        f"toy: b.csv: {because}",
        f"toy: sale/: {because}",
    ]


def test_settings_come_from_options_then_environment_then_conf(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert config.load().raw == "samples"
    monkeypatch.setenv("STRATA_RAW", "from-environment")
    assert config.load().raw == "from-environment"
    assert config.load(raw="from-option").raw == "from-option"
    with pytest.raises(UsageError, match="a profile is one of"):
        config.load("laptop")
    with pytest.raises(UsageError, match="log must be text or json"):
        config.load(log="xml")


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (("shwo",), "a command is one of run, show, "),
        (("shwo",), "; got 'shwo'; perhaps show; `strata --help` lists what it takes"),
        (("run", "soil", "--samples", "ten"), "--samples must be a whole number; got 'ten'; "),
        (("run", "soil", "--sampels", "3"), "must be known; got --sampels; perhaps --samples; "),
        (("run", "--seed"), "--seed takes one value; `strata run --help` lists what it takes"),
        (("show", "--format", "xml"), "--format is one of table, json, csv; got 'xml'; "),
        (("quarantine", "lst"), "is one of list, show, replay, discard; got 'lst'; perhaps list; "),
        (("rollback", "soil"), "PUBLICATION must be told; "),
    ],
)
def test_a_wrong_option_is_one_sentence(
    capsys: pytest.CaptureFixture[str], argv: tuple[str, ...], told: str
) -> None:
    code, out, err = run(capsys, *argv)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("strata: ")
    assert told in err


def test_tables_align_and_hide_control_characters() -> None:
    text = output.render(("name", "n"), [("naïve\x1b[31m", 1), ("日本", 1234.5), (None, None)])
    assert "\x1b" not in text
    lines = text.splitlines()
    assert lines[3].endswith("1,234.50")
    assert lines[4].split() == ["–", "–"]


def test_floats_have_the_places_that_help_and_json_has_them_all() -> None:
    rows = [(43578.0, 2.04251, 0.25), (120.0, 19433.2416, 0.12345), (None, None, None)]
    lines = output.render(("seconds", "metres", "share"), rows).splitlines()
    assert [line.split() for line in lines[2:]] == [
        ["43,578", "2.04", "0.2500"],
        ["120", "19,433.24", "0.1235"],
        ["–", "–", "–"],
    ]
    assert "19433.2416" in output.render(("metres",), [(19433.2416,)], "json")


def test_csv_defuses_formulas_in_text_and_leaves_numbers() -> None:
    text = output.render(("a", "b"), [("=1+1", -5), ("plain", Decimal("1.50"))], "csv")
    assert text.splitlines() == ["a,b", "'=1+1,-5", "plain,1.50"]


def test_json_keeps_decimals_exact_and_dates_iso() -> None:
    text = output.render(("d", "x"), [(date(2024, 1, 2), Decimal("0.10"))], "json")
    assert json.loads(text) == [{"d": "2024-01-02", "x": "0.10"}]


def test_progress_as_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    output.Progress(as_json=True)("looking", feed="toy")
    line = json.loads(capsys.readouterr().err)
    assert (line["message"], line["feed"]) == ("looking", "toy")
