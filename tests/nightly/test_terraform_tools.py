"""Terraform held by programs of others: checkov's rules, and terraform itself where there is one."""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.nightly
PROJECT = Path(__file__).resolve().parents[2]
AWS = PROJECT / "infra" / "aws"
ROOTS = sorted(
    {p.parent for p in (PROJECT / "infra").rglob("versions.tf") if ".terraform" not in p.parts}
)
needs_terraform = pytest.mark.skipif(not shutil.which("terraform"), reason="terraform is not here")
sys.path[:0] = [str(PROJECT / "infra" / "emr"), str(PROJECT / "infra" / "local")]
settings = importlib.import_module("settings")
environments = importlib.import_module("environments")


def run(*command: str | Path, cwd: Path) -> str:
    own = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "TF_CLI_CONFIG_FILE")}
    own |= {"BC_SKIP_MAPPING": "TRUE", "TF_IN_AUTOMATION": "1"}
    said = subprocess.run(command, cwd=cwd, env=own, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr
    return said.stdout


@pytest.mark.parametrize("root", ROOTS, ids=lambda root: str(root.relative_to(PROJECT)))
def test_checkov_finds_nothing_and_every_skip_is_argued(root: Path) -> None:
    checkov = environments.install("checkov") / "bin" / "checkov"
    asked = ["--skip-download", "--framework", "terraform", "--output", "json", "--quiet"]
    found = json.loads(run(checkov, "--directory", root, *asked, cwd=root))
    assert found["summary"]["failed"] == 0
    assert found["summary"]["passed"] > 50
    skips = [
        line
        for path in root.rglob("*.tf")
        for line in path.read_text().splitlines()
        if ":skip=" in line
    ]
    assert [line for line in skips if not re.search(r":skip=CKV2?_AWS_\d+:\S.{20,}", line)] == []


@needs_terraform
def test_terraform_would_change_no_layout() -> None:
    run("terraform", "fmt", "-check", "-recursive", "infra", cwd=PROJECT)


@needs_terraform
def test_terraform_starts_jobs_with_the_settings_that_submit_gives(tmp_path: Path) -> None:
    """The module's own expressions, evaluated by terraform; AWS's provider is not needed for them."""
    source = (AWS / "modules" / "schedule" / "main.tf").read_text()
    block = source[source.index("locals {") : source.index("# Schedules of one environment")]
    given = {
        "artifacts_bucket": "artifacts", "raw_bucket": "raw", "warehouse_bucket": "warehouse",
        "secret_name": "strata/key", "key_id": "2026", "maintenance_days": 3,
        "feeds": {"soil": {"schedule": "rate(1 day)", "arguments": ["--samples", "20"]}},
    }  # fmt: skip
    block = block.replace("${path.module}/../../../..", str(PROJECT))
    for name, value in given.items():
        block = block.replace(f"var.{name}", json.dumps(value))
    # In a text of its own, a quoted value would end the text.
    block = re.sub(r'\$\{"([^"]*)"\}', r"\1", block)
    (tmp_path / "main.tf").write_text(
        block + 'output "found" { value = merge(local.settings, local.environment, '
        '{ "spark.jars" = local.jars }) }\noutput "jobs" { value = local.jobs }\n'
    )
    run("terraform", "init", "-input=false", cwd=tmp_path)
    run("terraform", "apply", "-auto-approve", "-input=false", cwd=tmp_path)
    found = json.loads(run("terraform", "output", "-json", cwd=tmp_path))
    places = settings.Places("s3://artifacts", "s3://raw", "s3://warehouse", "strata/key", "2026")
    assert found["found"]["value"] == settings.spark_settings(places)
    assert found["jobs"]["value"]["soil"]["arguments"] == ["--samples", "20"]
    assert found["jobs"]["value"]["maintain"]["when"] == "rate(3 days)"
