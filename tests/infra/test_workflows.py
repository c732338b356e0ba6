"""GitHub's workflows: valid, pinned, of little power, and calling targets that exist."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import check_jsonschema
import jsonschema
import pytest
import yaml

PROJECT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((PROJECT / ".github" / "workflows").glob("*.yml"))
SCHEMAS = Path(check_jsonschema.__file__).parent / "builtin_schemas" / "vendor"


def read(path: Path) -> dict[str, Any]:
    # YAML 1.1 reads the key `on` as true.
    document = yaml.safe_load(path.read_text())
    return {"on" if key is True else key: value for key, value in document.items()}


def steps(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in document["jobs"].values() for step in job.get("steps", [])]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_is_valid_pinned_and_of_little_power(path: Path) -> None:
    document = read(path)
    jsonschema.validate(document, json.loads((SCHEMAS / "github-workflows.json").read_text()))
    used = [step["uses"] for step in steps(document) if "uses" in step]
    assert [name for name in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", name)] == []
    assert document["permissions"] == {"contents": "read"}
    for name, job in document["jobs"].items():
        assert "uses" in job or "timeout-minutes" in job, f"{name} may hang for six hours"
    for step in steps(document):
        # A title or a branch name put into a script is code that a stranger wrote.
        assert "${{ github." not in step.get("run", "")


def test_workflows_call_targets_that_the_makefile_has() -> None:
    targets = set(re.findall(r"^([a-z][\w-]*):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    called = {
        target
        for path in WORKFLOWS
        for step in steps(read(path))
        for target in re.findall(r"^make ([\w-]+)", step.get("run", ""), re.MULTILINE)
    }
    assert {"check", "test", "nightly", "images"} <= called
    assert called <= targets


def test_every_supported_python_is_tested() -> None:
    classifier = re.search(
        r'requires-python = ">=3\.(\d+),<3\.(\d+)"', (PROJECT / "pyproject.toml").read_text()
    )
    assert classifier is not None
    first, after = map(int, classifier.groups())
    matrix = read(PROJECT / ".github/workflows/check.yml")["jobs"]["test"]["strategy"]["matrix"]
    assert matrix["python"] == [f"3.{minor}" for minor in range(first, after)]


def test_dependabot_is_valid() -> None:
    document = yaml.safe_load((PROJECT / ".github/dependabot.yml").read_text())
    jsonschema.validate(document, json.loads((SCHEMAS / "dependabot.json").read_text()))
