"""Where jobs run and what they work on: from the environment of Airflow's own processes.

STRATA_TARGET chooses the place: `spark` (spark-submit), `emr` (EMR Serverless) or `databricks`.
`python infra/airflow/deploy.py` lays feeds.json, and emr.json where that is the target, beside the
DAGs.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parents[1]
TARGETS = ("spark", "emr", "databricks")


@dataclass(frozen=True)
class Feed:
    """One feed, as its declarations have it (infra/feeds.py)."""

    name: str
    schedule: str
    sources: list[str]
    reads: list[str]
    publishes: list[str]
    is_spatial: bool
    is_personal: bool
    exports: list[str]
    """Tables that go on to Redshift."""


@dataclass(frozen=True)
class Marts:
    """What follows a publication: an export to S3, a COPY into Redshift, and dbt."""

    exports: str
    """Address in S3 below which each feed's export lies."""
    redshift: str
    """redshift://WORKGROUP/DATABASE, as `strata load` takes it."""
    dbt: str
    """The program dbt; it has an environment of its own."""
    project: str
    """Folder of the dbt project: infra/redshift/dbt."""
    target: str
    """Which output of its profile."""


@dataclass(frozen=True)
class Settings:
    """What all DAGs share."""

    target: str
    raw: str
    warehouse: str
    jobs: str
    """Folder of jobs/<feed>.py; for `spark` only."""
    spark_connection: str
    aws_connection: str
    databricks_connection: str
    bundle_target: str
    """The part in brackets of the bundle's job names."""
    late_hours: float | None
    """A run that is not done so long after it was queued is told of; None for no such alert.

    `airflow dags test` of 3.3.2 fails on any DAG with one, so none is the default.
    """
    marts: Marts | None = None
    """None where STRATA_EXPORTS is not set: then a feed's DAG ends with its publication."""


def load(environment: Mapping[str, str] = os.environ) -> Settings:
    """Settings of this deployment; a ValueError names what is missing, and Airflow shows it."""
    target = environment.get("STRATA_TARGET", "spark")
    if target not in TARGETS:
        raise ValueError(f"STRATA_TARGET is one of {', '.join(TARGETS)}; got {target!r}")
    needed = ["STRATA_RAW"] + (["STRATA_WAREHOUSE", "STRATA_JOBS"] if target == "spark" else [])
    missing = [name for name in needed if not environment.get(name)]
    if missing:
        raise ValueError(f"{', '.join(missing)} must be set for STRATA_TARGET={target}")
    return Settings(
        target,
        environment["STRATA_RAW"].rstrip("/"),
        environment.get("STRATA_WAREHOUSE", "").rstrip("/"),
        environment.get("STRATA_JOBS", "").rstrip("/"),
        environment.get("STRATA_SPARK_CONNECTION", "strata_spark"),
        environment.get("STRATA_AWS_CONNECTION", "aws_default"),
        environment.get("STRATA_DATABRICKS_CONNECTION", "databricks_default"),
        environment.get("STRATA_BUNDLE_TARGET", "prod"),
        float(environment["STRATA_LATE_HOURS"]) if environment.get("STRATA_LATE_HOURS") else None,
        _load_marts(environment),
    )


def _load_marts(environment: Mapping[str, str]) -> Marts | None:
    if not environment.get("STRATA_EXPORTS"):
        return None
    needed = ("STRATA_REDSHIFT", "STRATA_DBT_PROJECT")
    missing = [name for name in needed if not environment.get(name)]
    if missing:
        raise ValueError(f"{', '.join(missing)} must be set where STRATA_EXPORTS is")
    return Marts(
        environment["STRATA_EXPORTS"].rstrip("/"),
        environment["STRATA_REDSHIFT"],
        environment.get("STRATA_DBT", "dbt"),
        environment["STRATA_DBT_PROJECT"],
        environment.get("STRATA_DBT_TARGET", "redshift"),
    )


def read_feeds(folder: Path = HERE) -> list[Feed]:
    """The feeds, each after those whose tables it reads."""
    feeds = {item["name"]: Feed(**item) for item in json.loads((folder / "feeds.json").read_text())}
    ordered: dict[str, Feed] = {}
    while len(ordered) < len(feeds):
        ready = [
            f for f in feeds.values() if f.name not in ordered and set(f.reads) <= set(ordered)
        ]
        if not ready:
            raise ValueError("feeds.json: feeds read each other's tables in a circle")
        ordered |= {feed.name: feed for feed in ready}
    return list(ordered.values())


def read_request(name: str, folder: Path = HERE) -> dict[str, Any]:
    """The request that starts one job on EMR Serverless."""
    return dict(json.loads((folder / "emr.json").read_text())[name])
