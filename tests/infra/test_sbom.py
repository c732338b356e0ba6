"""The list of what is delivered, and the licences that it lets through."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import pytest

LOCAL = Path(__file__).resolve().parents[2] / "infra" / "local"
sys.path.insert(0, str(LOCAL))
sbom = importlib.import_module("sbom")


def test_what_is_installed_may_be_delivered(tmp_path: Path) -> None:
    target = tmp_path / "strata.cdx.json"
    assert sbom.main([str(target)]) == 0
    listed = json.loads(target.read_text())
    names = {component["name"] for component in listed["components"]}
    assert {"pyspark", "deltalake", "sedona-spark-shaded-4.0_2.13"} <= names
    jars = [component for component in listed["components"] if "hashes" in component]
    assert all(len(jar["hashes"][0]["content"]) == 64 for jar in jars)


# A package's name, what its metadata says, whether it is let through.
LICENCES = [
    ("a", ["Apache-2.0"], True),
    ("a", ["BSD License"], True),
    ("a", ["MIT"], True),
    ("a", ["GPL-3.0-only"], False),
    ("a", ["GNU Affero General Public License v3"], False),
    ("a", ["Proprietary"], False),
    ("a", ["LIMITED"], False),
    ("a", [], False),
    ("psycopg", ["LGPL-3.0-only"], True),
]


@pytest.mark.parametrize(("name", "said", "allowed"), LICENCES)
def test_a_licence_that_nobody_allowed_is_refused(
    name: str, said: list[str], allowed: bool
) -> None:
    assert (sbom.refuse(name, said) == []) == allowed
