"""Runs one feed, or any command, on EMR Serverless, and ends as the job does.

    python infra/emr/submit.py run soil --samples 20
    python infra/emr/submit.py maintain --keep 10

Starts the job, prints each change of its state and, at the end, the sentence that it ended with.
Exit codes are the job's own (`strata --help`); 1 where the job tells none, 2 for wrong usage, 130
after Ctrl-C, which cancels the job. Places come from the environment, as Terraform's outputs name
them: STRATA_EMR_APPLICATION, STRATA_EMR_ROLE, STRATA_ARTIFACTS, STRATA_RAW, STRATA_WAREHOUSE,
STRATA_SECRET, STRATA_PSEUDONYM_KEY_ID.
"""

from __future__ import annotations

import gzip
import os
import re
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import BotoCoreError, ClientError

sys.path.insert(0, str(Path(__file__).resolve().parent))

from settings import Places, spark_settings

NEEDED = {
    "application": "STRATA_EMR_APPLICATION",
    "role": "STRATA_EMR_ROLE",
    "artifacts": "STRATA_ARTIFACTS",
    "raw": "STRATA_RAW",
    "warehouse": "STRATA_WAREHOUSE",
    "secret": "STRATA_SECRET",
    "key_id": "STRATA_PSEUDONYM_KEY_ID",
}
ENDED = {"SUCCESS", "FAILED", "CANCELLED"}
# How Spark, YARN and EMR Serverless each word the exit code of a driver written in Python.
_EXIT_CODES = (r"ExitCode: (\d+)", r"exited with (?:status )?(\d+)", r"SystemExit: (\d+)")


def main(arguments: Sequence[str], environment: Mapping[str, str], wait_s: float = 10) -> int:
    """Submits, waits, tells; returns the job's exit code."""
    missing = [name for name in NEEDED.values() if not environment.get(name)]
    if missing or not arguments:
        what = f"{', '.join(missing)} must be set" if missing else "name a command, e.g. run soil"
        print(f"submit: {what}; see the outputs of infra/aws", file=sys.stderr)
        return 2
    given = {key: environment[name].rstrip("/") for key, name in NEEDED.items()}
    application, role = given.pop("application"), given.pop("role")
    places = Places(**given)
    client = boto3.client("emr-serverless")
    try:
        run = start(client, application, role, places, arguments)
        ended = follow(client, application, run, wait_s)
    except (ClientError, BotoCoreError) as error:
        print(f"submit: EMR Serverless refused: {error}", file=sys.stderr)
        return 1
    said = driver_log(places.logs, application, run)
    for line in sentences(said):
        print(line, file=sys.stderr)
    return exit_code(ended["state"], ended.get("stateDetails", ""), said)


def start(
    client: Any, application: str, role: str, places: Places, arguments: Sequence[str]
) -> str:
    """Starts the job; returns its id."""
    request = job_request(application, role, places, arguments)
    run = str(client.start_job_run(clientToken=str(uuid.uuid4()), **request)["jobRunId"])
    print(f"submit: job run {run} of application {application}", file=sys.stderr)
    return run


def job_request(
    application: str, role: str, places: Places, arguments: Sequence[str]
) -> dict[str, Any]:
    """The request for `strata ARGUMENTS`: a feed by its own job, all else by command.py."""
    is_feed = len(arguments) > 1 and arguments[0] == "run" and not arguments[1].startswith("-")
    entry, rest = (arguments[1], arguments[2:]) if is_feed else ("command", arguments)
    driver = {"entryPoint": places.entry(entry), "entryPointArguments": list(rest)}
    defaults = {"classification": "spark-defaults", "properties": spark_settings(places)}
    return {
        "applicationId": application,
        "executionRoleArn": role,
        "name": "-".join(arguments[:2]),
        # A run that takes longer is stuck: what was published stands, and the next run goes on.
        "executionTimeoutMinutes": 360,
        "jobDriver": {"sparkSubmit": driver},
        "configurationOverrides": {
            "applicationConfiguration": [defaults],
            "monitoringConfiguration": {"s3MonitoringConfiguration": {"logUri": places.logs}},
        },
    }


def follow(client: Any, application: str, run: str, wait_s: float) -> dict[str, Any]:
    """Waits for the end, telling each state once; Ctrl-C cancels the job."""
    state = ""
    try:
        while True:
            seen = client.get_job_run(applicationId=application, jobRunId=run)["jobRun"]
            if seen["state"] != state:
                state = seen["state"]
                print(f"submit: {state}", file=sys.stderr)
            if state in ENDED:
                return dict(seen)
            time.sleep(wait_s)
    except KeyboardInterrupt:
        client.cancel_job_run(applicationId=application, jobRunId=run)
        print("submit: cancelled; nothing of this run was published", file=sys.stderr)
        raise SystemExit(130) from None


def driver_log(logs: str, application: str, run: str) -> str:
    """The driver's standard error, from the logs in S3; empty where there are none yet."""
    address = urlsplit(logs)
    key = f"{address.path.strip('/')}/applications/{application}/jobs/{run}/SPARK_DRIVER/stderr.gz"
    try:
        body = boto3.client("s3").get_object(Bucket=address.netloc, Key=key)["Body"].read()
        return gzip.decompress(body).decode(errors="replace")
    except (ClientError, BotoCoreError, OSError):
        return ""


def sentences(log: str) -> list[str]:
    """The lines in which Strata says why it ended."""
    return [line for line in log.splitlines() if line.startswith("strata: ")]


def exit_code(state: str, details: str, log: str = "") -> int:
    """The job's own exit code, read from what Spark said of it; 1 where nothing tells."""
    if state == "SUCCESS":
        return 0
    for pattern in _EXIT_CODES:
        found = re.search(pattern, details) or re.search(pattern, log)
        if found and int(found.group(1)):
            return int(found.group(1))
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
