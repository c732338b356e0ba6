"""Runs one feed, or any command, as a step of EMR on EC2, and ends as the job does.

    python infra/emr/ec2.py run soil --samples 20       # a cluster for this one step (cluster.json)
    STRATA_EMR_CLUSTER=j-… python infra/emr/ec2.py run soil

Exit codes as in submit.py. Places come from the environment: STRATA_ARTIFACTS, STRATA_RAW,
STRATA_WAREHOUSE; for a new cluster STRATA_EMR_INSTANCE_PROFILE, STRATA_EMR_SERVICE_ROLE and
STRATA_EMR_SUBNET too. EMR on EC2 puts no secret into a job: a feed of persons, which needs the
pseudonym key, runs on EMR Serverless (submit.py).
"""

from __future__ import annotations

import gzip
import json
import os
import re
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import BotoCoreError, ClientError

sys.path.insert(0, str(Path(__file__).resolve().parent))

from settings import PROJECT, Places, jars, read_conf
from submit import sentences

NEEDED = ("STRATA_ARTIFACTS", "STRATA_RAW", "STRATA_WAREHOUSE")
FOR_A_CLUSTER = ("STRATA_EMR_INSTANCE_PROFILE", "STRATA_EMR_SERVICE_ROLE", "STRATA_EMR_SUBNET")
ENDED = {"COMPLETED", "FAILED", "CANCELLED", "INTERRUPTED"}


def main(arguments: Sequence[str], environment: Mapping[str, str], wait_s: float = 20) -> int:
    """Adds the step, waits, tells; returns the job's exit code."""
    cluster = environment.get("STRATA_EMR_CLUSTER")
    needed = NEEDED if cluster else NEEDED + FOR_A_CLUSTER
    missing = [name for name in needed if not environment.get(name)]
    if missing or not arguments:
        what = f"{', '.join(missing)} must be set" if missing else "name a command, e.g. run soil"
        print(f"ec2: {what}; see infra/emr/ec2.py", file=sys.stderr)
        return 2
    given = [environment[name].rstrip("/") for name in NEEDED]
    places = Places(*given, secret="", key_id="")
    client = boto3.client("emr")
    try:
        if not cluster:
            cluster = client.run_job_flow(**cluster_request(environment))["JobFlowId"]
        added = client.add_job_flow_steps(JobFlowId=cluster, Steps=[step(places, arguments)])
        ended = follow(client, cluster, added["StepIds"][0], wait_s)
    except (ClientError, BotoCoreError) as error:
        print(f"ec2: EMR refused: {error}", file=sys.stderr)
        return 1
    place = f"{places.logs}{cluster}/steps/{ended['Id']}/"
    for line in sentences(_read(place + "stderr.gz")):
        print(line, file=sys.stderr)
    return exit_code(ended["Status"]["State"], _read(place + "controller.gz"))


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


def follow(client: Any, cluster: str, step_id: str, wait_s: float) -> dict[str, Any]:
    """Waits for the step's end, telling each state once."""
    state = ""
    while True:
        seen = client.describe_step(ClusterId=cluster, StepId=step_id)["Step"]
        if seen["Status"]["State"] != state:
            state = seen["Status"]["State"]
            print(f"ec2: {cluster} {step_id} {state}", file=sys.stderr)
        if state in ENDED:
            return dict(seen)
        time.sleep(wait_s)


def exit_code(state: str, controller_log: str) -> int:
    """The job's own exit code, which only the step's controller log has; 1 where it tells none."""
    if state == "COMPLETED":
        return 0
    found = re.search(r"exiting with ret '(\d+)'", controller_log)
    return int(found.group(1)) if found and int(found.group(1)) else 1


def _read(address: str) -> str:
    """A gzipped log in S3; empty where there is none yet."""
    place = urlsplit(address)
    try:
        body = boto3.client("s3").get_object(Bucket=place.netloc, Key=place.path.lstrip("/"))
        return gzip.decompress(body["Body"].read()).decode(errors="replace")
    except (ClientError, BotoCoreError, OSError):
        return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
