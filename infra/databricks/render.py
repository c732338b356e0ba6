"""Writes the bundle's resources from the feeds' own declarations.

    python infra/databricks/render.py [DIR]        # default: infra/databricks/resources

Each feed gets a job on a cluster. One that needs neither Sedona's jars nor the pseudonym key, which
serverless tasks cannot be given, gets a serverless job besides. Files are made anew each time, so
nobody edits them; git leaves them out.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from feeds import FeedFacts, read_facts

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
WHEEL = "../../../dist/*.whl"
# The last LTS with Spark 4.0, which Sedona's jar is for.
RUNTIME = "17.3.x-scala2.13"
LIMIT_S = 6 * 3600
EXPECTED_S = 3600


def main(arguments: list[str]) -> int:
    """Writes one file a feed, and one for what all share."""
    folder = Path(arguments[0]) if arguments else HERE / "resources"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.yml"):
        old.unlink()
    for name, resources in render(read_facts()).items():
        text = yaml.safe_dump({"resources": resources}, sort_keys=False, width=100)
        (folder / f"{name}.yml").write_text(f"# Made by infra/databricks/render.py.\n{text}")
    return 0


def render(feeds: list[FeedFacts]) -> dict[str, dict[str, Any]]:
    """Resources by file: each feed's jobs, and the schema and volume of all."""
    found: dict[str, dict[str, Any]] = {"shared": shared()}
    for feed in feeds:
        jobs = {feed.name: cluster_job(feed)}
        if not (feed.is_spatial or feed.is_personal):
            jobs[f"{feed.name}_serverless"] = serverless_job(feed)
        found[feed.name] = {"jobs": jobs}
    return found


def shared() -> dict[str, Any]:
    """The schema of raw files and its volume, and the upkeep of every feed."""
    return {
        "schemas": {
            "raw": {
                "catalog_name": "${var.catalog}",
                "name": "raw",
                "comment": "Raw files of Strata; tables lie in an external location.",
                "grants": [{"principal": "data-engineers", "privileges": ["USE_SCHEMA"]}],
            }
        },
        "volumes": {
            "files": {
                "catalog_name": "${var.catalog}",
                "schema_name": "${resources.schemas.raw.name}",
                "name": "files",
                "comment": "Raw files, at feed/source/…",
                "grants": [{"principal": "data-engineers", "privileges": ["WRITE_VOLUME"]}],
            }
        },
        "jobs": {
            # Compacts small files and ends old publications, twice a week.
            "maintain": _job("maintain", "0 0 1 ? * TUE,FRI", "${var.cluster_pause}", False)
            | {
                "tasks": [_cluster_task("maintain", ["maintain"])],
                "job_clusters": [_cluster(is_personal=False)],
            }
        },
    }


def cluster_job(feed: FeedFacts) -> dict[str, Any]:
    """A feed on a cluster of its own, which starts with the run and ends with it."""
    tasks = [_cluster_task(feed.name, ["run", feed.name])]
    job = _job(feed.name, quartz(feed.schedule), "${var.cluster_pause}", bool(feed.reads))
    return job | {"tasks": tasks, "job_clusters": [_cluster(feed.is_personal)]}


def serverless_job(feed: FeedFacts) -> dict[str, Any]:
    """The same without a cluster: Spark Connect, no jars, no Spark settings."""
    environment = {
        "environment_key": "strata",
        "spec": {"environment_version": "4", "dependencies": [WHEEL]},
    }
    task = _task(feed.name, ["run", feed.name]) | {"environment_key": "strata"}
    schedule = quartz(feed.schedule)
    job = _job(f"{feed.name} serverless", schedule, "${var.serverless_pause}", bool(feed.reads))
    return job | {"tasks": [task], "environments": [environment]}


def _job(name: str, schedule: str, pause: str, waits: bool) -> dict[str, Any]:
    """What every job has: one run at a time, a limit, a word to whoever is on duty."""
    return {
        "name": f"strata {name} (${{bundle.target}})",
        # A second run would only be told that the lease is held.
        "max_concurrent_runs": 1,
        "queue": {"enabled": True},
        "timeout_seconds": LIMIT_S + (LIMIT_S if waits else 0),
        "schedule": {
            "quartz_cron_expression": schedule,
            "timezone_id": "UTC",
            "pause_status": pause,
        },
        "email_notifications": {
            "on_failure": ["${var.notify}"],
            "on_duration_warning_threshold_exceeded": ["${var.notify}"],
            "no_alert_for_skipped_runs": True,
        },
        "health": {
            "rules": [{"metric": "RUN_DURATION_SECONDS", "op": "GREATER_THAN", "value": EXPECTED_S}]
        },
        "permissions": [{"group_name": "${var.readers}", "level": "CAN_VIEW"}],
        "tags": {"project": "strata"},
    }


def _cluster_task(name: str, arguments: list[str]) -> dict[str, Any]:
    return _task(name, arguments) | {"job_cluster_key": "strata", "libraries": [{"whl": WHEEL}]}


def _task(name: str, arguments: list[str]) -> dict[str, Any]:
    # Databricks tells a failed task's exit code to nobody: a retry would repeat a gate's no.
    places = ["--warehouse", "${var.warehouse}", "--profile", "databricks"]
    places += ["--raw", "${var.raw}"] if arguments[0] == "run" else []
    script = {"python_file": "../command.py", "parameters": arguments + places}
    return {"task_key": name, "max_retries": 0, "spark_python_task": script}


def _cluster(is_personal: bool) -> dict[str, Any]:
    """One user's cluster: path tables, Sedona's extension and jars need it; standard compute has
    Spark Connect only.
    """
    key = "{{secrets/${var.secret_scope}/pseudonym-key}}"
    personal = {
        "STRATA_PSEUDONYM_KEY": key,
        "STRATA_PSEUDONYM_KEY_ID": "${var.pseudonym_key_id}",
    }
    cluster = {
        "spark_version": RUNTIME,
        "node_type_id": "${var.node_type}",
        "data_security_mode": "SINGLE_USER",
        "autoscale": {"min_workers": 1, "max_workers": "${var.workers}"},
        "spark_conf": read_conf(PROJECT / "conf" / "spark" / "databricks.conf"),
        "spark_env_vars": personal if is_personal else {},
        # Extensions are loaded before a cluster's libraries are: the jars must lie there already.
        "init_scripts": [
            {"workspace": {"destination": "${workspace.file_path}/init/sedona.sh"}},
        ],
    }
    return {"job_cluster_key": "strata", "new_cluster": cluster}


def read_conf(path: Path) -> dict[str, str]:
    """A properties file of Spark."""
    return dict(re.findall(r"^(spark\.\S+)[ \t]+(\S.*)$", path.read_text(), re.MULTILINE))


def quartz(cron: str) -> str:
    """`15 2 * * 1` as Quartz writes it: seconds first, one of the two days a `?`, Sunday is 1."""
    minute, hour, day, month, weekday = cron.split()
    if weekday == "*":
        return f"0 {minute} {hour} {day} {month} ?"
    names = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
    days = re.sub(r"\d", lambda found: names[int(found.group())], weekday)
    return f"0 {minute} {hour} ? {month} {days}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
