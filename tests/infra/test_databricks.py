"""The Asset Bundle: rendered from the feeds, and valid by Databricks' own classes of its API."""

from __future__ import annotations

import dataclasses
import enum
import importlib
import re
import sys
import types
import typing
from pathlib import Path
from typing import Any

import pytest
import yaml
from databricks.sdk.service.catalog import Privilege, SchemaInfo, VolumeInfo
from databricks.sdk.service.jobs import JobPermissionLevel, JobSettings
from strata.declare.feed import all_feeds

BUNDLE = Path(__file__).resolve().parents[2] / "infra" / "databricks"
sys.path.insert(0, str(BUNDLE))
render = importlib.import_module("render")
# What bundles add to the API's own fields.
BUNDLES_OWN = {"permissions", "grants", "lifecycle"}
TARGETS = ("dev", "prod")


def bundle(target: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The bundle file, and every resource with its variables put in, as `databricks bundle` would."""
    document = yaml.safe_load((BUNDLE / "databricks.yml").read_text())
    values = {name: item.get("default") for name, item in document["variables"].items()}
    values |= document["targets"][target].get("variables", {})
    known = {f"var.{name}": value for name, value in values.items()}
    known |= {"bundle.target": target, "workspace.file_path": "/Workspace/files"}
    known["resources.schemas.raw.name"] = "raw"
    merged: dict[str, Any] = {}
    for resources in render.render(render.read_facts()).values():
        for kind, named in resources.items():
            merged.setdefault(kind, {}).update(named)
    return document, fill(merged, known)


def fill(value: Any, known: dict[str, Any]) -> Any:
    if isinstance(value, dict):
        return {key: fill(inner, known) for key, inner in value.items()}
    if isinstance(value, list):
        return [fill(inner, known) for inner in value]
    if not isinstance(value, str):
        return value
    whole = re.fullmatch(r"\$\{([\w.]+)\}", value)
    if whole:
        return known[whole.group(1)]
    return re.sub(r"\$\{([\w.]+)\}", lambda found: str(known[found.group(1)]), value)


def unknown(value: Any, kind: Any, where: str) -> list[str]:
    """Keys and enum values that the class does not know, each with its path."""
    kind = bare(kind)
    if typing.get_origin(kind) is list:
        return [
            x
            for i, v in enumerate(value)
            for x in unknown(v, typing.get_args(kind)[0], f"{where}[{i}]")
        ]
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return [] if value in {item.value for item in kind} else [f"{where}: {value!r}"]
    if not dataclasses.is_dataclass(kind):
        return []
    hints = typing.get_type_hints(kind)
    found = [f"{where}.{key}" for key in value if key not in hints]
    return found + [
        x for k, v in value.items() if k in hints for x in unknown(v, hints[k], f"{where}.{k}")
    ]


def bare(kind: Any) -> Any:
    """`Optional[X]` as X."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return next(item for item in typing.get_args(kind) if item is not type(None))
    return kind


KINDS = {"jobs": JobSettings, "schemas": SchemaInfo, "volumes": VolumeInfo}


@pytest.mark.parametrize("target", TARGETS)
def test_every_resource_is_one_that_the_api_knows(target: str) -> None:
    _, resources = bundle(target)
    assert resources.keys() <= KINDS.keys()
    findings = [
        finding
        for kind, named in resources.items()
        for name, body in named.items()
        for finding in unknown(
            {k: v for k, v in body.items() if k not in BUNDLES_OWN}, KINDS[kind], name
        )
    ]
    assert findings == []


@pytest.mark.parametrize("target", TARGETS)
def test_rights_are_those_that_the_api_knows(target: str) -> None:
    document, resources = bundle(target)
    told = [body for named in resources.values() for body in named.values()]
    told.append(document["targets"][target])
    levels = {one["level"] for body in told for one in body.get("permissions", [])}
    granted = {p for body in told for one in body.get("grants", []) for p in one["privileges"]}
    assert levels
    assert granted
    assert levels <= {level.value for level in JobPermissionLevel}
    assert granted <= {privilege.value for privilege in Privilege}


def test_the_check_finds_what_the_api_does_not_know() -> None:
    _, resources = bundle("dev")
    job = {k: v for k, v in resources["jobs"]["launches"].items() if k not in BUNDLES_OWN}
    job["tasks"][0]["max_retry"] = 1
    job["schedule"]["pause_status"] = "STOPPED"
    assert unknown(job, JobSettings, "launches") == [
        "launches.schedule.pause_status: 'STOPPED'",
        "launches.tasks[0].max_retry",
    ]


def test_each_feed_has_its_job_and_serverless_where_it_can() -> None:
    _, resources = bundle("dev")
    names = {feed.name for feed in all_feeds()}
    assert names | {"maintain"} <= resources["jobs"].keys()
    assert "soil_serverless" not in resources["jobs"]  # needs Sedona's jars
    assert "residents_serverless" not in resources["jobs"]  # needs the pseudonym key
    assert "launches_serverless" in resources["jobs"]


@pytest.mark.parametrize("target", TARGETS)
def test_a_schedule_runs_one_variant(target: str) -> None:
    _, resources = bundle(target)
    for name in (n for n in resources["jobs"] if n.endswith("_serverless")):
        pair = [resources["jobs"][n]["schedule"] for n in (name, name.removesuffix("_serverless"))]
        assert [s["pause_status"] for s in pair].count("UNPAUSED") <= 1


def test_no_gate_is_asked_twice_and_no_key_is_written() -> None:
    _, resources = bundle("prod")
    for job in resources["jobs"].values():
        assert [task["max_retries"] for task in job["tasks"]] == [0] * len(job["tasks"])
    cluster = resources["jobs"]["residents"]["job_clusters"][0]["new_cluster"]
    assert cluster["spark_env_vars"]["STRATA_PSEUDONYM_KEY"] == "{{secrets/strata/pseudonym-key}}"
    assert resources["jobs"]["soil"]["job_clusters"][0]["new_cluster"]["spark_env_vars"] == {}


# The seed of a schedule, and as Quartz writes it.
CRONS = [
    ("15 2 * * *", "0 15 2 * * ?"),
    ("0 4 * * 1", "0 0 4 ? * MON"),
    ("0 4 * * 0", "0 0 4 ? * SUN"),
    ("30 1 1 * *", "0 30 1 1 * ?"),
    ("0 6 * * 1-5", "0 0 6 ? * MON-FRI"),
]


@pytest.mark.parametrize(("cron", "expected"), CRONS)
def test_cron_as_quartz(cron: str, expected: str) -> None:
    assert render.quartz(cron) == expected


def test_files_of_the_bundle_are_there(tmp_path: Path) -> None:
    assert render.main([str(tmp_path)]) == 0
    written = {path.stem for path in tmp_path.glob("*.yml")}
    assert written == {feed.name for feed in all_feeds()} | {"shared"}
    for job in bundle("dev")[1]["jobs"].values():
        for task in job["tasks"]:
            assert (
                (BUNDLE / "resources" / task["spark_python_task"]["python_file"])
                .resolve()
                .is_file()
            )
        for cluster in job.get("job_clusters", []):
            for script in cluster["new_cluster"]["init_scripts"]:
                place = script["workspace"]["destination"].removeprefix("/Workspace/files/")
                assert (BUNDLE / place).is_file()
