"""Runs one feed, or any command, on EMR Serverless, and ends as the job does.

    python infra/emr/submit.py run soil --samples 20
    python infra/emr/submit.py maintain --keep 10

Starts the job, prints each change of its state and, at the end, the sentence that it ended with.
Where STRATA_LOG_GROUP names a log group of CloudWatch, the driver's lines are printed as they come.
Exit codes are the job's own (`strata --help`); 1 where the job tells none, 2 for wrong usage, 130
after Ctrl-C or a TERM signal, which cancel the job. Places come from the environment, set by
`eval "$(terraform output -raw submit)"` in infra/aws: STRATA_EMR_APPLICATION, STRATA_EMR_ROLE,
STRATA_ARTIFACTS, STRATA_RAW, STRATA_WAREHOUSE, STRATA_SECRET, STRATA_PSEUDONYM_KEY_ID.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

sys.path.insert(0, str(Path(__file__).resolve().parent))

from follow import RETRIES, DriverLines, carry_out, read_log, sentences, tell, to_end
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
# How Spark, YARN and EMR Serverless each word the exit code of a driver written in Python.
_EXIT_CODES = (r"ExitCode: (\d+)", r"exited with (?:status )?(\d+)", r"SystemExit: (\d+)")


def main(arguments: Sequence[str], environment: Mapping[str, str], wait_s: float = 10) -> int:
    """Submits, waits, tells; returns the job's exit code."""
    missing = [name for name in NEEDED.values() if not environment.get(name)]
    if missing or not arguments:
        what = f"{', '.join(missing)} must be set" if missing else "name a command, e.g. run soil"
        say(f"{what}; see the outputs of infra/aws")
        return 2
    given = {key: environment[name].rstrip("/") for key, name in NEEDED.items()}
    application, role = given.pop("application"), given.pop("role")
    places = Places(**given)
    job = Job(application, role, places, environment.get("STRATA_LOG_GROUP", ""))
    return carry_out(job, lambda: job.start(arguments), wait_s, say)


def say(what: str) -> None:
    """One line to whoever waits."""
    print(f"submit: {what}", file=sys.stderr, flush=True)


class Job:
    """One job run of an application."""

    service = "EMR Serverless"

    def __init__(self, application: str, role: str, places: Places, log_group: str) -> None:
        self.application, self.role, self.places = application, role, places
        self.log_group = log_group
        self.client = boto3.client("emr-serverless", config=RETRIES)
        # A start that is asked for again, for want of an answer, is the same start.
        self.token = str(uuid.uuid4())
        self.run = ""

    @property
    def name(self) -> str:
        """What it is called where it runs."""
        return f"job run {self.run} of application {self.application}"

    def start(self, arguments: Sequence[str]) -> None:
        """Starts it, as `strata ARGUMENTS`."""
        request = job_request(self.application, self.role, self.places, arguments)
        if self.log_group:
            request["configurationOverrides"]["monitoringConfiguration"] |= {
                "cloudWatchLoggingConfiguration": {
                    "enabled": True,
                    "logGroupName": self.log_group,
                    "logStreamNamePrefix": self.token,
                }
            }
        self.run = str(self.client.start_job_run(clientToken=self.token, **request)["jobRunId"])
        say(f"job run {self.run} of application {self.application}")

    def wait(self, wait_s: float) -> int:
        """Waits for its end, and returns the job's exit code."""
        lines = DriverLines(self.log_group, self.token, say) if self.log_group else None
        ended = to_end(self._read, wait_s, say, lines.read if lines else list)
        details = ended.get("stateDetails", "")
        log = ""
        if ended["state"] != "CANCELLED":
            address = f"{self.places.logs}applications/{self.application}/jobs/{self.run}"
            log = read_log(f"{address}/SPARK_DRIVER/stderr.gz", tries=7, wait_s=wait_s)
        tell(sentences(log), details, say, lines.seen if lines else ())
        return exit_code(ended["state"], details, log)

    def _read(self) -> dict[str, Any]:
        asked = {"applicationId": self.application, "jobRunId": self.run}
        return dict(self.client.get_job_run(**asked)["jobRun"])

    def cancel(self) -> None:
        """Asks for its end; whether it had published by then, its ledger knows."""
        try:
            self.client.cancel_job_run(applicationId=self.application, jobRunId=self.run)
        except (ClientError, BotoCoreError) as error:
            say(f"job run {self.run} could not be cancelled: {error}")
        else:
            say(f"job run {self.run} is being cancelled; what it had published by now stands")


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
    # A scheduler that gives up sends TERM: the job must not go on behind its back.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main(sys.argv[1:], os.environ))
