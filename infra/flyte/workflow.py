"""Commerce by Flyte: raw files to published tables, their quality as a report, then PostgreSQL.

Every task runs the command `strata`, so that a run by Flyte is the run by hand. What a task has
done is known by its
publication, so a task that is tried again does nothing twice.

    pyflyte run infra/flyte/workflow.py commerce --raw raw --warehouse warehouse
    pyflyte --pkgs infra.flyte serialize --image strata:latest package
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import subprocess
from datetime import timedelta
from pathlib import Path

import yaml
from flytekit import CronSchedule, Deck, Email, LaunchPlan, Resources, task, workflow
from flytekit.exceptions.user import FlyteRecoverableException
from flytekit.models.core.execution import WorkflowExecutionPhase
from fsspec.core import url_to_fs

STRATA = shlex.split(os.environ.get("STRATA_COMMAND", "strata"))
TRANSIENT = {
    4: "another run holds the lease",
    6: "a commit's outcome is unknown",
    9: "a resource is missing",
}
"""Exit codes after which the same call may succeed; all others are faults of data or of ours, and
end the workflow.
"""
STAMPS = ("ETag", "LastModified", "mtime", "created")
"""What a file system says of a file that was written again; each says one of them or more."""
SCHEDULES = yaml.safe_load(
    (Path(__file__).parents[1] / "schedules.yaml").read_text(encoding="utf-8")
)
"""When each feed runs, whatever starts it."""
DATABASE = "STRATA_DATABASE_URL"
"""Names the environment variable with the loader's address: a secret, and no input."""


def run_strata(*arguments: str) -> str:
    """The command's answer. FlyteRecoverableException where trying again may help, RuntimeError
    where it cannot.
    """
    done = subprocess.run([*STRATA, *arguments], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return done.stdout
    why = done.stderr.strip().splitlines()[-1:] or ["no word"]
    if done.returncode in TRANSIENT:
        raise FlyteRecoverableException(f"{TRANSIENT[done.returncode]}: {why[0]}")
    raise RuntimeError(
        f"strata {arguments[0]} ended with {done.returncode}, and would again: {why[0]}"
    )


@task(requests=Resources(cpu="100m", mem="256Mi"), timeout=timedelta(minutes=10))
def look(raw: str) -> str:
    """A digest of the raw files' names, sizes and times: the input that the other tasks' cache
    goes by. `raw` is a folder or an address that fsspec knows, such as s3://bucket.
    """
    digest = hashlib.sha256()
    files, place = url_to_fs(f"{raw.rstrip('/')}/commerce")
    for path, facts in sorted(files.find(place, detail=True).items()):
        if not path.rpartition("/")[2].startswith((".", "_")):
            told = [facts.get(name) for name in ("size", *STAMPS)]
            digest.update(f"{path.removeprefix(place)}\0{told}\n".encode())
    return digest.hexdigest()


@task(
    retries=3,
    cache=True,
    cache_version="1",
    cache_serialize=True,
    requests=Resources(cpu="2", mem="4Gi"),
    limits=Resources(mem="8Gi"),
    timeout=timedelta(hours=4),
)
def ingest(raw: str, warehouse: str, files: str) -> int:
    """Takes new files, holds every gate, and publishes; returns the publication's number."""
    run_strata("run", "commerce", "--raw", raw, "--warehouse", warehouse, "--quiet")
    publications = json.loads(
        run_strata("publications", "commerce", "--warehouse", warehouse, "--format", "json")
    )
    return max(int(row["publication"]) for row in publications)


@task(
    retries=2,
    enable_deck=True,
    requests=Resources(cpu="500m", mem="1Gi"),
    timeout=timedelta(minutes=20),
)
def quality(warehouse: str, publication: int) -> int:
    """The gates of the publication as a report; returns how many rows they rejected."""
    text = run_strata(
        "gates",
        "commerce",
        "--publication",
        str(publication),
        "--warehouse",
        warehouse,
        "--format",
        "json",
    )
    gates = json.loads(text)
    for gate in gates:
        if gate["in"] != gate["accepted"] + gate["quarantined"] + gate["folded"]:
            raise RuntimeError(f"rows of {gate['table']} do not balance")
    cells = "".join(
        f"<tr><td>{g['table']}</td><td>{g['in']}</td><td>{g['accepted']}</td><td>{g['quarantined']}</td></tr>"
        for g in gates
    )
    Deck(
        "Quality",
        f"<table><tr><th>table</th><th>in</th><th>accepted</th><th>rejected</th></tr>{cells}</table>",
    )
    return sum(int(gate["quarantined"]) for gate in gates)


@task(retries=3, requests=Resources(cpu="1", mem="1Gi"), timeout=timedelta(hours=2))
def load(warehouse: str, publication: int, rejected: int) -> str:
    """Loads what changed into PostgreSQL; does nothing where no database is named, or the number
    stands there already.
    """
    url = os.environ.get(DATABASE)
    if not url:
        return f"publication {publication} is in the warehouse; {DATABASE} names no database"
    tables = ("silver.commerce_*", "gold.commerce_*")
    done = json.loads(
        run_strata("export", *tables, "--to", url, "--warehouse", warehouse, "--format", "json")
    )
    return ", ".join(sorted(f"{row['table']} {row['outcome']}" for row in done))


@workflow
def commerce(raw: str, warehouse: str) -> str:
    """Ingest, gates and publication; then their report; then the database."""
    files = look(raw=raw)
    publication = ingest(raw=raw, warehouse=warehouse, files=files)
    rejected = quality(warehouse=warehouse, publication=publication)
    return load(warehouse=warehouse, publication=publication, rejected=rejected)


nightly = LaunchPlan.get_or_create(
    commerce,
    name="commerce_nightly",
    schedule=CronSchedule(schedule=SCHEDULES["commerce"]),
    fixed_inputs={"raw": "s3://strata-raw", "warehouse": "s3://strata-warehouse"},
    notifications=[
        Email(
            phases=[WorkflowExecutionPhase.FAILED, WorkflowExecutionPhase.TIMED_OUT],
            recipients_email=["data@example.org"],
        )
    ],
)
