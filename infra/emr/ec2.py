"""Runs one feed, or any command, as a step of EMR on EC2, and ends as the job does.

    python infra/emr/ec2.py run soil --samples 20       # a cluster for this one step (cluster.json)
    STRATA_EMR_CLUSTER=j-… python infra/emr/ec2.py run soil

Exit codes as in submit.py; after Ctrl-C or TERM the step is cancelled, and a cluster made for it
ends. Places come from the environment: STRATA_ARTIFACTS, STRATA_RAW, STRATA_WAREHOUSE; for a new
cluster STRATA_EMR_INSTANCE_PROFILE, STRATA_EMR_SERVICE_ROLE and STRATA_EMR_SUBNET too, which
`terraform output -raw cluster` in infra/aws names. EMR on EC2 puts no secret into a job: a feed of
persons, which needs the pseudonym key, runs on EMR Serverless (submit.py).
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

sys.path.insert(0, str(Path(__file__).resolve().parent))

from follow import RETRIES, carry_out, read_log, sentences, tell, to_end
from settings import PROJECT, Places, jars, read_conf

NEEDED = ("STRATA_ARTIFACTS", "STRATA_RAW", "STRATA_WAREHOUSE")
FOR_A_CLUSTER = ("STRATA_EMR_INSTANCE_PROFILE", "STRATA_EMR_SERVICE_ROLE", "STRATA_EMR_SUBNET")
# EMR copies a step's logs to S3 every five minutes.
LOG_TRIES = 21


def main(arguments: Sequence[str], environment: Mapping[str, str], wait_s: float = 20) -> int:
    """Adds the step, waits, tells; returns the job's exit code."""
    cluster = environment.get("STRATA_EMR_CLUSTER")
    needed = NEEDED if cluster else NEEDED + FOR_A_CLUSTER
    missing = [name for name in needed if not environment.get(name)]
    if missing or not arguments:
        what = f"{', '.join(missing)} must be set" if missing else "name a command, e.g. run soil"
        say(f"{what}; see infra/emr/ec2.py")
        return 2
    given = [environment[name].rstrip("/") for name in NEEDED]
    places = Places(*given, secret="", key_id="")
    job = Step(places)
    return carry_out(job, lambda: job.start(cluster, environment, arguments), wait_s, say)


def say(what: str) -> None:
    """One line to whoever waits."""
    print(f"ec2: {what}", file=sys.stderr, flush=True)


class Step:
    """One step of a cluster, which may have been made for it alone."""

    service = "EMR"

    def __init__(self, places: Places) -> None:
        self.places = places
        self.client = boto3.client("emr", config=RETRIES)
        self.cluster, self.step, self.is_own = "", "", False

    @property
    def name(self) -> str:
        """What it is called where it runs."""
        return f"step {self.step} of cluster {self.cluster}"

    def start(
        self, cluster: str | None, environment: Mapping[str, str], arguments: Sequence[str]
    ) -> None:
        """Adds it to the cluster named, else to a new one, which ends with it."""
        steps = [step(self.places, arguments)]
        if cluster:
            self.cluster = cluster
            added = self.client.add_job_flow_steps(JobFlowId=cluster, Steps=steps)["StepIds"]
            self.step = added[0]
        else:
            # With the step in it from the start: a cluster without one would end at once.
            self.is_own = True
            request = cluster_request(environment) | {"Steps": steps}
            self.cluster = self.client.run_job_flow(**request)["JobFlowId"]
            self.step = self.client.list_steps(ClusterId=self.cluster)["Steps"][0]["Id"]

    def wait(self, wait_s: float) -> int:
        """Waits for its end, and returns the job's exit code."""
        ended = to_end(self._read, wait_s, lambda state: say(f"{self.cluster} {self.step} {state}"))
        place = f"{self.places.logs}{self.cluster}/steps/{self.step}/"
        tries = LOG_TRIES if ended["state"] == "FAILED" else 1
        controller = read_log(place + "controller.gz", tries, wait_s)
        found = sentences(read_log(place + "stderr.gz"))
        tell(found, ended["reason"], say)
        return exit_code(ended["state"], controller)

    def _read(self) -> dict[str, Any]:
        asked = {"ClusterId": self.cluster, "StepId": self.step}
        status = self.client.describe_step(**asked)["Step"]["Status"]
        why = status.get("FailureDetails") or status.get("StateChangeReason") or {}
        return {"state": status["State"], "reason": why.get("Message") or why.get("Reason", "")}

    def cancel(self) -> None:
        """Ends the cluster that was made for the step, else the step."""
        asked = {"ClusterId": self.cluster, "StepIds": [self.step]}
        try:
            if self.is_own:
                self.client.terminate_job_flows(JobFlowIds=[self.cluster])
            else:
                self.client.cancel_steps(**asked, StepCancellationOption="TERMINATE_PROCESS")
        except (ClientError, BotoCoreError) as error:
            say(f"{self.cluster} {self.step} could not be cancelled: {error}")
        else:
            say(f"step {self.step} is being cancelled; what it had published by now stands")


def cluster_request(environment: Mapping[str, str]) -> dict[str, Any]:
    """The cluster of cluster.json, with this deployment's names put in."""
    template = (PROJECT / "infra" / "emr" / "cluster.json").read_text()
    for name in ("ARTIFACTS", *(name.removeprefix("STRATA_") for name in FOR_A_CLUSTER)):
        key = name.removeprefix("EMR_").lower()
        template = template.replace(f"{{{key}}}", environment[f"STRATA_{name}"].rstrip("/"))
    return dict(json.loads(template))


def step(places: Places, arguments: Sequence[str]) -> dict[str, Any]:
    """`spark-submit` of a feed's job, or of command.py; the driver runs on the primary node."""
    is_feed = len(arguments) > 1 and arguments[0] == "run" and not arguments[1].startswith("-")
    entry, rest = (arguments[1], arguments[2:]) if is_feed else ("command", arguments)
    settings = read_conf(PROJECT / "conf" / "spark" / "emr.conf") | jars(places)
    archive = f"{places.artifacts}/environment/environment.tar.gz"
    settings |= {
        # YARN unpacks the archive beside each container.
        "spark.yarn.dist.archives": f"{archive}#environment",
        "spark.executorEnv.PYSPARK_PYTHON": "./environment/bin/python",
    }
    confs = [word for item in settings.items() for word in ("--conf", "=".join(item))]
    options = ["--warehouse", places.warehouse]
    options += ["--raw", places.raw] if is_feed else []
    return {
        "Name": "-".join(arguments[:2]),
        # A cluster of one step ends with it; one that serves others goes on.
        "ActionOnFailure": "CONTINUE",
        "HadoopJarStep": {
            "Jar": "command-runner.jar",
            "Args": [
                *("spark-submit", "--deploy-mode", "client", *confs, places.entry(entry)),
                *(*rest, *options, "--profile", "emr"),
            ],
        },
    }


def exit_code(state: str, controller_log: str) -> int:
    """The job's own exit code, which only the step's controller log has; 1 where it tells none."""
    if state == "COMPLETED":
        return 0
    found = re.search(r"exiting with ret '(\d+)'", controller_log)
    return int(found.group(1)) if found and int(found.group(1)) else 1


if __name__ == "__main__":
    # A scheduler that gives up sends TERM: the job must not go on behind its back.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main(sys.argv[1:], os.environ))
