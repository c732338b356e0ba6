"""Terraform of AWS, held by rules on the parsed files; a rule that could not fail is shown to fail."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import hcl2
import pytest
from strata.declare.feed import feed_names

from tests.infra import terraform_rules as rules

PROJECT = Path(__file__).resolve().parents[2]
AWS = PROJECT / "infra" / "aws"
ROOTS = sorted(
    {
        path.parent
        for path in (PROJECT / "infra").rglob("versions.tf")
        if ".terraform" not in path.parts
    }
)


@pytest.mark.parametrize("root", ROOTS, ids=lambda root: str(root.relative_to(PROJECT)))
def test_terraform_keeps_the_rules(root: Path) -> None:
    assert rules.check(root) == []


# Each line: a file, what stands there, what takes its place, and the finding that must follow.
MUTANTS = [
    (
        "modules/bucket/main.tf",
        'status = "Enabled"\n  }\n}',
        'status = "Suspended"\n  }\n}',
        "keeps no versions",
    ),
    (
        "modules/bucket/main.tf",
        "block_public_policy     = true",
        "block_public_policy     = false",
        "public",
    ),
    ("modules/bucket/main.tf", "sse_algorithm ", "other ", "is not encrypted"),
    ("modules/bucket/main.tf", "aws:SecureTransport", "aws:SourceIp", "without TLS"),
    ("modules/bucket/main.tf", "BucketOwnerEnforced", "ObjectWriter", "lists of rights"),
    ("main.tf", '"emr-serverless:StartJobRun"', '"emr-serverless:*"', "allows emr-serverless:*"),
    ("main.tf", "resources  = [module.job_role.arn]", 'resources  = ["*"]', "every resource"),
    ("main.tf", "module.data_key.arn", "module.lost_key.arn", "module.lost_key is not declared"),
    ("main.tf", "module.raw.arn", "module.raw.address", "has no output address"),
    ("main.tf", "var.release_label", "var.release", "var.release is not declared"),
    ("main.tf", "  log_retention    = var.log_retention_days\n", "", "is not given log_retention"),
    ("main.tf", "  dead_letter     =", "  dead_letters    =", "is given dead_letters"),
    ("modules/keys/main.tf", "id says nothing.\n", "id says nothing.\n\n", "has no comment"),
    ("modules/emr/main.tf", 'description = "EMR release."', "", "has no description"),
    ("outputs.tf", "# What", 'locals { password = "hunter2" }\n# What', "credential"),
]


@pytest.mark.parametrize(("file", "old", "new", "finding"), MUTANTS)
def test_each_rule_finds_its_breach(
    tmp_path: Path, file: str, old: str, new: str, finding: str
) -> None:
    copy = tmp_path / "aws"
    shutil.copytree(AWS, copy)
    path = copy / file
    source = path.read_text()
    assert old in source
    path.write_text(
        re.sub(re.escape(old), new, source) if old == "module.raw.arn" else source.replace(old, new)
    )
    assert any(finding in found for found in rules.check(copy)), rules.check(copy)


@pytest.mark.parametrize(
    "path", sorted((AWS / "environments").glob("*.tfvars")), ids=lambda p: p.stem
)
def test_an_environment_sets_known_variables_and_known_feeds(path: Path) -> None:
    values = {
        key: value
        for key, value in hcl2.loads(path.read_text()).items()
        if not key.startswith("__")
    }
    declared = dict(rules.Module(AWS).blocks("variable"))
    assert values.keys() <= declared.keys()
    assert {name for name, body in declared.items() if "default" not in body} <= values.keys()
    scheduled = {name.strip('"') for name in values["feeds"]} - {"__is_block__", "__comments__"}
    assert scheduled <= set(feed_names()) | {"fleet"}


def test_archiving_waits_for_maintenance_and_leaves_small_objects() -> None:
    declared = dict(rules.Module(AWS).blocks("variable"))
    assert declared["archive_after_days"]["default"] == 7
    assert declared["maintenance_every_days"]["default"] < 7
    bucket = (AWS / "modules/bucket/main.tf").read_text()
    assert "GLACIER_IR" in bucket
    assert "object_size_greater_than = 131072" in bucket


def test_alarms_count_sentences_that_runs_print() -> None:
    watched = (AWS / "modules/monitoring/main.tf").read_text()
    sentences = set(re.findall(r"\$\{each\.key\}: ([a-z ]+)", watched))
    assert sentences == {"published as publication", "nothing new since publication"}
    printed = "".join(each.read_text() for each in (PROJECT / "lib/strata/cli").glob("*.py"))
    assert [text for text in sentences if f": {text} {{" not in printed] == []
