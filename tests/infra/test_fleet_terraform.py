"""Terraform of the serverless path and its code name the same things."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from strata.light.cloud import consumer, handlers, queues
from strata.light.cloud.settings import Settings

from tests.infra import terraform_rules as rules

FLEET = Path(__file__).resolve().parents[2] / "infra" / "aws" / "fleet"
TEXT = {path.name: path.read_text() for path in FLEET.glob("*.tf")}


def test_every_setting_is_given_and_none_is_unknown() -> None:
    given = set(re.findall(r"STRATA_FLEET_(\w+)\s+=", TEXT["main.tf"]))
    # The fetcher's own two are read by its handler.
    assert given - {"RAW", "API"} == {f.name.upper() for f in fields(Settings)}


def test_every_function_is_a_handler_with_a_role_of_its_own() -> None:
    called = dict(rules.Module(FLEET).blocks("module"))
    named = {name for name, body in called.items() if "modules/function" in str(body["source"])}
    assert named == {"split_events", "judge", "load_vehicles", "fetch_vehicles"}
    assert all(callable(getattr(handlers, name)) for name in named)
    # The module makes a role for each; every call hands in rights of its own.
    assert all(called[name]["name"].strip('"') == name for name in named)
    assert all(len(called[name]["statements"]) >= 1 for name in named)


def test_tries_batches_and_failures_are_those_that_the_code_counts_on() -> None:
    assert f"maxReceiveCount     = {consumer.TRIES}" in TEXT["queues.tf"]
    batches = {int(n) for n in re.findall(r"batch = (\d+)", TEXT["functions.tf"])}
    assert max(batches) == queues.MOST_MESSAGES
    assert '"ReportBatchItemFailures"' in TEXT["functions.tf"]
    # Hidden for six times as long as a call may take, as AWS advises.
    assert "each.value * 6" in TEXT["queues.tf"]


def test_tables_have_the_keys_that_the_code_writes() -> None:
    tables = {
        name: (body["hash_key"].strip('"'), str(body.get("range_key", "")).strip('"'))
        for kind, name, body in rules.Module(FLEET).typed("resource")
        if kind == "aws_dynamodb_table"
    }
    assert tables == {
        "fixes": ("vehicle_id", "claim"),
        "rejected": ("file_sha256", "record_number"),
        "vehicles": ("vehicle_id", ""),
        "files": ("sha256", ""),
    }
    assert TEXT["tables.tf"].count('attribute_name = "expires_at"') == 2
