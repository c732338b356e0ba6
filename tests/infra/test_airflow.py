"""What the DAGs rest on, without Airflow; with it, see tests/nightly/test_airflow.py."""

from __future__ import annotations

import ast
import importlib
import json
import re
import sys
from fnmatch import fnmatchcase
from pathlib import Path
from types import ModuleType

import hcl2
import pytest
import yaml
from strata.cli.command import EXIT_CODES
from strata.declare.feed import all_feeds, feed_names

INFRA = Path(__file__).resolve().parents[2] / "infra"


def load(name: str, *folders: str) -> ModuleType:
    for folder in folders:
        sys.path.insert(0, str(INFRA / folder))
    return importlib.import_module(name)


outcome = load("strata_airflow.outcome", "airflow/dags")
settings = load("strata_airflow.settings")
facts = load("feeds", "")
deploy = load("deploy", "airflow")

# What an operator's exception says; the exit code in it; whether another try may help; the sentence.
ENDS = [
    (
        "Cannot execute: spark-submit … jobs/soil.py. Error code is: 3.\nLast spark-submit output:\n"
        "   9.1 s  silver.soil_sites: 10 in\nstrata: soil: silver.soil_sites: too many rejects",
        3, False, "soil: silver.soil_sites: too many rejects",
    ),
    ("Cannot execute: spark-submit. Error code is: 4.\nstrata: soil: lease held by run 7",
     4, True, "soil: lease held by run 7"),
    ("EMR Serverless job failed: Job failed. ExitCode: 8. Last few exceptions: …",
     8, False, "EMR Serverless job failed: Job failed. ExitCode: 8. Last few exceptions: …"),
    ("Task failed. Errors: [{'error': 'SystemExit: 2'}]", 2, False,
     "Task failed. Errors: [{'error': 'SystemExit: 2'}]"),
    ("User application exited with 9", 9, True, "User application exited with 9"),
    ("User application exited with 143", 143, True, "User application exited with 143"),
    ("The node was lost", None, True, "The node was lost"),
    ("", None, True, "no reason given"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "code", "transient", "sentence"), ENDS)
def test_an_end_is_read_from_what_the_platform_says(
    said: str, code: int | None, transient: bool, sentence: str
) -> None:
    found = outcome.read_outcome(said)
    assert (found.code, found.is_transient, found.sentence) == (code, transient, sentence)


def test_every_exit_code_of_strata_is_judged() -> None:
    codes = {int(code) for code in re.findall(r"^  (\d+)  ", EXIT_CODES, re.MULTILINE)}
    judged = outcome.TRANSIENT | {outcome.PUBLISHED_WITHOUT_A_FILE}
    # Of these the same try gives the same end: usage, a gate's no, rows lost, damage.
    assert codes - {0} - judged == {2, 3, 7, 8}
    assert judged <= codes


def test_facts_are_the_feeds_own() -> None:
    found = {item.name: item for item in facts.read_facts()}
    assert found.keys() == {feed.name for feed in all_feeds()}
    assert found["residents"].is_personal
    assert not found["launches"].is_personal
    assert found["soil"].is_spatial
    assert not found["commerce"].is_spatial
    assert found["launches"].sources == ["launches"]
    assert "gold.launches_core_reuse" in found["launches"].publishes
    assert found["launches"].exports == ["silver.launches_core_flights", "gold.launches_*"]
    assert found["soil"].exports == []


def test_deployment_carries_what_the_dags_read(tmp_path: Path) -> None:
    places = {
        "STRATA_TARGET": "emr",
        "STRATA_EMR_APPLICATION": "00f1",
        "STRATA_EMR_ROLE": "arn:aws:iam::123456789012:role/strata-job",
        "STRATA_ARTIFACTS": "s3://artifacts",
        "STRATA_RAW": "s3://raw",
        "STRATA_WAREHOUSE": "s3://warehouse",
        "STRATA_SECRET": "strata/key",
        "STRATA_PSEUDONYM_KEY_ID": "2026",
    }
    assert deploy.main([str(tmp_path)], places) == 0
    assert {feed.name for feed in settings.read_feeds(tmp_path)} == {f.name for f in all_feeds()}
    request = settings.read_request("soil", tmp_path)
    assert request["jobDriver"]["sparkSubmit"]["entryPoint"] == "s3://artifacts/jobs/soil.py"
    assert settings.read_request("command", tmp_path)["applicationId"] == "00f1"
    assert (tmp_path / "strata_dags.py").is_file()
    assert (tmp_path / "command.py").is_file()
    assert "command.py" in (tmp_path / ".airflowignore").read_text().split()


def test_feeds_come_after_those_they_read(tmp_path: Path) -> None:
    def feed(name: str, *reads: str) -> dict[str, object]:
        given = {"name": name, "reads": list(reads), "schedule": "0 1 * * *"}
        more = {"is_spatial": False, "is_personal": False, "exports": []}
        return given | {"sources": [], "publishes": [], **more}

    file = tmp_path / "feeds.json"
    file.write_text(json.dumps([feed("a", "b"), feed("b", "c"), feed("c")]))
    assert [item.name for item in settings.read_feeds(tmp_path)] == ["c", "b", "a"]
    file.write_text(json.dumps([feed("a", "b"), feed("b", "a")]))
    with pytest.raises(ValueError, match="circle"):
        settings.read_feeds(tmp_path)


def test_settings_name_what_is_missing() -> None:
    with pytest.raises(ValueError, match="STRATA_WAREHOUSE, STRATA_JOBS must be set"):
        settings.load({"STRATA_RAW": "raw"})
    with pytest.raises(ValueError, match="spark, emr, databricks"):
        settings.load({"STRATA_TARGET": "yarn"})


def test_marts_follow_where_exports_are_set_up() -> None:
    places = {"STRATA_RAW": "raw", "STRATA_WAREHOUSE": "w", "STRATA_JOBS": "jobs"}
    assert settings.load(places).marts is None
    places["STRATA_EXPORTS"] = "s3://exports/"
    with pytest.raises(ValueError, match="STRATA_REDSHIFT, STRATA_DBT_PROJECT must be set"):
        settings.load(places)
    places |= {"STRATA_REDSHIFT": "redshift://w/d", "STRATA_DBT_PROJECT": "dbt"}
    found = settings.load(places).marts
    assert (found.exports, found.target, found.dbt) == ("s3://exports", "redshift", "dbt")


DBT_ENDS = [
    (1, "10:00:00  3 of 9 FAIL 2 equals_published_core_reuse_ ....... [FAIL 2 in 0.1s]", False,
     "dbt: 2 equals_published_core_reuse_"),
    (1, "10:00:00  1 of 9 ERROR creating sql table model dbt.core_reuse . [ERROR in 0.1s]", True,
     "dbt: creating sql table model dbt.core_reuse"),
    (2, "10:00:00  Encountered an error:\nRuntime Error\n  Could not find profile named 'strata'\n", False,
     "dbt: Could not find profile named 'strata'"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "said", "transient", "sentence"), DBT_ENDS)
def test_a_test_that_fails_is_not_tried_again(
    code: int, said: str, transient: bool, sentence: str
) -> None:
    found = outcome.read_dbt(code, said)
    assert (found.is_transient, found.sentence) == (transient, sentence)


def test_marts_name_tables_that_are_published() -> None:
    known = {name for feed in all_feeds() for name in feed.table_names}
    marts = yaml.safe_load((INFRA / "marts.yaml").read_text())
    for feed, patterns in marts.items():
        for pattern in patterns:
            assert any(fnmatchcase(name, pattern) for name in known), pattern
            assert pattern.split(".")[1].startswith(f"{feed}_")
        assert list((INFRA / "redshift/dbt/models/marts" / feed).glob("*.sql")), feed


def test_outcome_and_settings_import_nothing_but_the_standard_library() -> None:
    for name in ("outcome", "settings"):
        path = INFRA / "airflow/dags/strata_airflow" / f"{name}.py"
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert node.module is not None
                assert node.module.partition(".")[0] in sys.stdlib_module_names


def test_schedules_are_the_same_on_aws_and_elsewhere() -> None:
    schedules = yaml.safe_load((INFRA / "schedules.yaml").read_text())
    assert schedules.keys() - {"default", "fleet"} <= set(feed_names())
    production = hcl2.loads((INFRA / "aws/environments/prod.tfvars").read_text())
    feeds = {n.strip('"'): v for n, v in production["feeds"].items() if not n.startswith("__")}
    for name, job in feeds.items():
        assert job["schedule"].strip('"') == f"cron({as_aws(schedules[name])})", name


def as_aws(cron: str) -> str:
    """`0 4 * * 1` as EventBridge has it: one of the two days a `?`, names of weekdays, a year."""
    minute, hour, day, month, weekday = cron.split()
    days = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
    if weekday == "*":
        return f"{minute} {hour} {day} {month} ? *"
    return f"{minute} {hour} ? {month} {days[int(weekday)]} *"
