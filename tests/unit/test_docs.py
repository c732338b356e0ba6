"""The documents: links resolve, commands parse, code on the page holds, and nothing stands there
that is out of date.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from strata.cli import command as cli

from tests.engine.test_sixth_feed import MODULE, READINGS

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
DOCUMENTS = [README, ROOT / "samples" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# A file of the feed that the how-to makes: its path, then its text.
FILE = re.compile(r"^`([a-z_./]+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def own_package(*command: str, **more: str) -> subprocess.CompletedProcess[str]:
    """A process of its own, with no project but the one named in `more`."""
    environment = {k: v for k, v in os.environ.items() if k != "STRATA_PROJECT"} | more
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    )


def test_the_data_dictionary_is_current() -> None:
    made = own_package(sys.executable, "-m", "strata.cli.dictionary")
    assert made.returncode == 0, made.stderr
    assert (ROOT / "docs" / "DATA_DICTIONARY.md").read_text() == made.stdout, (
        "run `make dictionary`"
    )


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_resolves(document: Path) -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", document.read_text()))
    broken = [
        t for t in targets if "://" not in t and not (document.parent / t.split("#")[0]).exists()
    ]
    assert broken == []


# --- tests that documents name --------------------------------------------------------------------


def test_every_test_that_a_document_names_is_there() -> None:
    """A function, a file, or a path, in code within a line."""
    files = list((ROOT / "tests").rglob("test_*.py"))
    text = "\n".join(file.read_text() for file in files)
    known = {*re.findall(r"^ *def (test_\w+)\(", text, re.MULTILINE)}
    known |= {name for file in files for name in (file.name, file.stem)}
    missing = [
        (document.name, name)
        for document in DOCUMENTS
        for name in re.findall(r"`((?:test_|tests/)[\w/.*]+)`", document.read_text())
        if name not in known and not any(ROOT.glob(name))
    ]
    assert missing == []


def test_every_field_case_is_shown() -> None:
    rows = re.findall(r"^\|(.*)\|$", (ROOT / "docs" / "FIELD_CASES.md").read_text(), re.MULTILINE)
    shown, empty = 0, []
    is_shown = False
    for row in rows:
        cells = [cell.strip() for cell in row.split(" | ")]
        if cells[-1] in ("shown by", "where"):
            is_shown = cells[-1] == "shown by"
        elif is_shown and not cells[-1].startswith("---"):
            shown += 1
            if not re.search(r"`|\]\(|^the same|^not shown", cells[-1]):
                empty.append(row)
    assert (shown > 80, empty) == (True, [])


# --- commands ------------------------------------------------------------------------------------


def commands_of(document: Path) -> list[str]:
    """Every `strata …` command line: in blocks of shell, and in code within a line."""
    text = document.read_text()
    blocks = "\n".join(
        body for language, body in FENCE.findall(text) if language in ("sh", "console")
    )
    lines = re.findall(r"^(?:\$ )?(?:[\w./]*/)?(strata .*)$", blocks, re.MULTILINE)
    return lines + re.findall(r"`(strata [^`]+)`", FENCE.sub("", text))


def test_the_readme_shows_commands() -> None:
    assert len(commands_of(README)) > 10


@pytest.mark.parametrize(
    "line", sorted({line for document in DOCUMENTS for line in commands_of(document)})
)
def test_every_command_line_parses(line: str) -> None:
    # What comes from a file or goes to one is the shell's affair.
    words = shlex.split(re.split(r"\s[<>|]\s", line)[0], comments=True)[1:]
    if len(words) == 1:  # A command's name alone, of which the text speaks.
        assert words[0] in cli.COMMANDS
        return
    parsed = cli.parser_for(words).parse_args(words)
    assert callable(parsed.action)


def test_every_command_stands_in_the_readme() -> None:
    shown = {line.split()[1] for line in commands_of(README)}
    assert set(cli.COMMANDS) - shown == set()


def test_every_exit_code_stands_in_the_readme_in_the_words_of_the_help() -> None:
    for line in cli.EXIT_CODES.splitlines()[1:]:
        code, meaning = line.split(maxsplit=1)
        assert f"| {code} | {meaning} |" in README.read_text()


def test_spark_submit_is_shown_with_jobs_and_settings_that_exist() -> None:
    text = README.read_text()
    named = re.findall(r"\b(?:jobs|conf)/[\w/]+\.\w+", text)
    assert "jobs/soil.py" in named
    assert [name for name in named if not (ROOT / name).is_file()] == []


# --- the architecture and the how-to -------------------------------------------------------------


def test_the_architecture_names_every_module() -> None:
    text = (ROOT / "docs" / "ARCHITECTURE.md").read_text()
    package = ROOT / "lib" / "strata"
    modules = {
        path.stem for folder in (package, package / "formats") for path in folder.glob("*.py")
    } - {"__init__"}
    assert {module for module in modules if f"`{module}`" not in text} == set()


def test_the_how_to_holds_the_feed_that_the_tests_run() -> None:
    files = dict(FILE.findall((ROOT / "docs" / "ADD_A_FEED.md").read_text()))
    assert files["feeds/weather.py"] == MODULE
    assert READINGS in (ROOT / "docs" / "ADD_A_FEED.md").read_text()


def test_every_file_of_the_how_to_is_valid(tmp_path: Path) -> None:
    for name, text in FILE.findall((ROOT / "docs" / "ADD_A_FEED.md").read_text()):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    told = own_package(
        str(Path(sys.executable).parent / "strata"), "validate", STRATA_PROJECT=str(tmp_path)
    )
    assert told.returncode == 0, told.stderr
    installed = [
        path
        for path in (ROOT / "lib" / "strata" / "feeds").iterdir()
        if not path.name.startswith("_")
    ]
    assert f"{len(installed) + 1} feeds" in told.stdout
