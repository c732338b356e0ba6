"""Local rules of the codebase, held by reading its imports."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

LIBRARY = Path(__file__).resolve().parents[2] / "lib" / "strata"
MODULES = sorted(LIBRARY.rglob("*.py"))
JOBS = sorted((LIBRARY.parents[1] / "jobs").glob("*.py"))


def imports(path: Path) -> set[str]:
    """Every module that the file imports, in full."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def picture(library: Path) -> tuple[int, str]:
    """What the command for the import picture says of a library."""
    command = [sys.executable, str(LIBRARY.parents[1] / "infra/local/imports.py"), str(library)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return ended.returncode, ended.stdout + ended.stderr


def test_every_import_points_down_and_to_a_public_name() -> None:
    code, said = picture(LIBRARY)
    assert (code, [line for line in said.splitlines() if line.startswith("broken")]) == (0, [])


def test_no_modules_import_each_other() -> None:
    _, said = picture(LIBRARY)
    assert [line for line in said.splitlines() if line.startswith("circle")] == []


BROKEN = {
    "kit/table.py": ("from strata.fs.files import read", "kit.table imports fs.files"),
    "fs/files.py": ("from strata.errors import _hidden", "imports the private errors._hidden"),
    "feeds/soil.py": ("from strata import errors", "a feed is written with kit"),
    "serve/query.py": ("from strata.run import plan", "serve.query imports run.plan"),
    "shed/tool.py": ("from strata import errors", "is on no floor"),
}


def test_each_broken_rule_is_found(tmp_path: Path) -> None:
    library = tmp_path / "strata"
    files = {"errors.py": "", "run/plan.py": ""} | {
        name: text for name, (text, _) in BROKEN.items()
    }
    for name, text in files.items():
        path = library / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    code, said = picture(library)
    assert code == 1
    assert [sentence for _, sentence in BROKEN.values() if sentence not in said] == []


@pytest.mark.parametrize(
    ("package", "homes"),
    [
        ("great_expectations", {"gate"}),
        ("sedona", {"kit"}),
        ("delta", {"lake"}),
        ("deltalake", {"lake"}),
        # Redshift's Data API is one of its doors.
        ("boto3", {"fs", "ledger", "light", "serve"}),
        ("urllib3", {"raw", "light"}),
        ("redis", {"light"}),
    ],
)
def test_a_library_has_one_home(package: str, homes: set[str]) -> None:
    users = {
        path.relative_to(LIBRARY).parts[0]
        for path in MODULES
        if any(name.split(".")[0] == package for name in imports(path))
    }
    assert users <= homes


INSIDE_THE_JVM = {"_jvm", "_jsparkSession", "_jsc", "_jdf", "_jc", "sparkContext", "_sc", "rdd"}
ONE_DOOR = {"spark/session.py"}
"""`session.java`, for SQL that Spark itself must parse and serve: refused over Spark Connect."""


def test_no_module_reaches_into_the_jvm() -> None:
    """What needs it runs neither over Spark Connect nor on Databricks' shared compute."""
    found = {
        path.relative_to(LIBRARY).as_posix()
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in INSIDE_THE_JVM
    }
    assert found <= ONE_DOOR, f"these reach into the JVM: {found - ONE_DOOR}"


def test_the_core_does_not_know_the_feeds() -> None:
    named = {
        path.name: name
        for path in MODULES
        if "feeds" not in path.parts
        for name in imports(path)
        if name.startswith("strata.feeds.")
    }
    assert named == {}


@pytest.mark.parametrize("path", JOBS, ids=lambda path: path.name)
def test_jobs_are_thin(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 12
    door = "main" if path.name == "thrift.py" else "job"
    assert {n for n in imports(path) if n.startswith("strata")} == {f"strata.cli.{door}"}


def test_duckdb_draws_no_progress_into_an_answer() -> None:
    """It writes a bar to standard output, a pipe too, once a query takes two seconds."""
    drawing = [
        path.relative_to(LIBRARY).as_posix()
        for path in sorted(LIBRARY.rglob("*.py"))
        if "duckdb.connect(" in (text := path.read_text(encoding="utf-8"))
        and "enable_progress_bar = false" not in text
    ]
    assert drawing == []


def test_nothing_unsafe_is_read_or_run() -> None:
    text = {path.name: path.read_text(encoding="utf-8") for path in MODULES}
    for forbidden in (
        "DROPMALFORMED",
        'ignoreCorruptFiles": "true',
        "pickle.load",
        "shell=True",
        "eval(",
    ):
        assert [name for name, body in text.items() if forbidden in body] == [], forbidden
