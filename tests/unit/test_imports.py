"""What the path without Spark stands on imports neither Spark, nor pandas, nor Great Expectations.

Read in a process of its own: what these modules import may import more, which no reading of our
source would find.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

LIBRARY = Path(__file__).resolve().parents[2] / "lib" / "strata"
HEAVY = ("pyspark", "py4j", "pandas", "great_expectations", "sedona", "delta")
LIGHT = ("errors", "fs", "declare", "raw")

PROGRAM = """
import importlib, sys
for name in sys.argv[1].split(","):
    importlib.import_module(name)
print(",".join(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def modules_of(room: str) -> list[str]:
    """Every module of a package, or the module of that name."""
    if (LIBRARY / f"{room}.py").exists():
        return [f"strata.{room}"]
    paths = [path.relative_to(LIBRARY) for path in sorted((LIBRARY / room).rglob("*.py"))]
    parts = [path.parent if path.name == "__init__.py" else path.with_suffix("") for path in paths]
    return [".".join(("strata", *part.parts)) for part in parts]


def imported_by(*modules: str) -> set[str]:
    """The packages that a new process holds once it has imported these modules."""
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, ",".join(modules)],
        env={**os.environ, "PYTHONPATH": str(LIBRARY.parent)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr
    return set(ended.stdout.strip().split(","))


@pytest.mark.parametrize("room", LIGHT)
def test_it_imports_without_spark_pandas_and_great_expectations(room: str) -> None:
    modules = modules_of(room)
    assert modules
    assert imported_by(*modules) & set(HEAVY) == set()


def test_what_it_looks_for_is_found_where_it_is() -> None:
    """Else the test above could not fail."""
    assert {"pyspark", "py4j"} <= imported_by("pyspark.sql")
