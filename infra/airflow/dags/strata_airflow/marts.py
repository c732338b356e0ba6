"""From a publication to marts: export → copy → dbt_build, each a task that can be run again alone.

The export is Parquet in S3 with a manifest, the copy one transaction in Redshift, and dbt computes
marts there and tests that they equal what was published. Each repeats without harm: what is up to
date is left alone.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from typing import Any

from airflow.sdk import Asset, TaskGroup, task
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from strata_airflow.operators import start_job
from strata_airflow.outcome import read_dbt
from strata_airflow.settings import Feed, Marts, Settings


def marts_tasks(feed: Feed, settings: Settings, marts: Marts, retries: dict[str, Any]) -> TaskGroup:
    """The three tasks of one feed, as a group."""
    place = f"{marts.exports}/{feed.name}"
    with TaskGroup("marts") as group:
        wanted = ["export", *feed.exports, "--to", place]
        export = start_job(settings, "command", wanted, task_id="export", **retries)
        wanted = ["load", place, "--to", marts.redshift]
        copy = start_job(settings, "command", wanted, task_id="copy", **retries)
        ready = Asset(
            name=f"strata_marts_{feed.name}", uri=f"strata://marts/{feed.name}", group="strata"
        )

        @task(outlets=[ready], **retries)
        def dbt_build(name: str) -> None:
            """The feed's models and what they read; red at once where a test fails."""
            run_dbt(marts, name)

        export >> copy >> dbt_build(feed.name)
    return group


def run_dbt(marts: Marts, feed: str) -> None:
    """Runs `dbt build` for a feed's models; the log has all that it said."""
    command = [marts.dbt, "--no-use-colors", "build", "--select", f"+marts.{feed}"]
    command += ["--project-dir", marts.project, "--profiles-dir", marts.project]
    with tempfile.TemporaryDirectory() as folder:
        # The project's folder may not be writable, and two runs must not share one.
        own = {"DBT_TARGET_PATH": f"{folder}/target", "DBT_LOG_PATH": f"{folder}/logs"}
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | own
        command += ["--target", marts.target]
        said = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    print(said.stdout, said.stderr, sep="\n")
    if said.returncode:
        outcome = read_dbt(said.returncode, said.stdout + said.stderr)
        kind = AirflowException if outcome.is_transient else AirflowFailException
        raise kind(outcome.sentence)
