"""Local rules of the codebase, held by reading its imports."""

from __future__ import annotations

import ast
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


@pytest.mark.parametrize(
    "path",
    sorted((LIBRARY / "feeds").rglob("*.py")),
    ids=lambda path: str(path.relative_to(LIBRARY)),
)
def test_feeds_import_nothing_of_the_engine(path: Path) -> None:
    helpers = {"kit", "feeds"}
    ours = {name for name in imports(path) if name.startswith("strata")}
    assert {name for name in ours if name.split(".")[1] not in helpers} == set()


@pytest.mark.parametrize(
    ("package", "homes"),
    [
        ("great_expectations", {"gate"}),
        ("sedona", {"kit"}),
        ("delta", {"lake"}),
        ("deltalake", {"lake"}),
        ("boto3", {"fs", "ledger"}),
        ("urllib3", {"raw"}),
    ],
)
def test_a_library_has_one_home(package: str, homes: set[str]) -> None:
    users = {
        path.relative_to(LIBRARY).parts[0]
        for path in MODULES
        if any(name.split(".")[0] == package for name in imports(path))
    }
    assert users <= homes


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
    assert {name for name in imports(path) if name.startswith("strata")} == {"strata.cli.job"}


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
