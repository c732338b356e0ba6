"""Jobs on EMR, submitted to moto: what is asked for, what is awaited, and how it ends."""

from __future__ import annotations

import gzip
import importlib
import json
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from moto import mock_aws
from moto.core import DEFAULT_ACCOUNT_ID
from moto.emr.models import emr_backends
from moto.emrserverless.models import emrserverless_backends

EMR = Path(__file__).resolve().parents[2] / "infra" / "emr"
REGION = "eu-west-2"
ARTIFACTS = "strata-test-artifacts"


def load(name: str) -> ModuleType:
    """A script of infra/emr as a module."""
    sys.path.insert(0, str(EMR))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(EMR))


settings, submit, ec2, package, follow = map(
    load, ("settings", "submit", "ec2", "package", "follow")
)
PLACES = settings.Places(f"s3://{ARTIFACTS}", "s3://raw", "s3://warehouse", "strata/key", "2026")


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    # moto's job runs otherwise end the moment they start.
    monkeypatch.setattr("moto.emrserverless.models.JOB_STATUS", "RUNNING")
    with mock_aws():
        where = {"LocationConstraint": REGION}
        boto3.client("s3").create_bucket(Bucket=ARTIFACTS, CreateBucketConfiguration=where)
        yield


def put_log(key: str, text: str) -> None:
    boto3.client("s3").put_object(Bucket=ARTIFACTS, Key=key, Body=gzip.compress(text.encode()))


def soon(act: Callable[[], Any]) -> None:
    """Does what AWS would do meanwhile, in a thread of its own."""
    # moto makes its store of clusters at the first call: of two at once, each would get its own.
    assert not emr_backends[DEFAULT_ACCOUNT_ID][REGION].clusters
    threading.Thread(target=act, daemon=True).start()


# --- EMR Serverless --------------------------------------------------------------------------------


def serverless_environment() -> dict[str, str]:
    client = boto3.client("emr-serverless")
    # moto knows no release with Spark 4.
    application = client.create_application(name="s", releaseLabel="emr-7.0.0", type="SPARK")
    return {
        "STRATA_EMR_APPLICATION": application["applicationId"],
        "STRATA_EMR_ROLE": "arn:aws:iam::123456789012:role/strata-job",
        "STRATA_ARTIFACTS": f"s3://{ARTIFACTS}/",
        "STRATA_RAW": "s3://raw",
        "STRATA_WAREHOUSE": "s3://warehouse",
        "STRATA_SECRET": "strata/key",
        "STRATA_PSEUDONYM_KEY_ID": "2026",
    }


def wait_for_run(environment: dict[str, str]) -> Any:
    """The job run that moto was asked for."""
    backend = emrserverless_backends[DEFAULT_ACCOUNT_ID][REGION]
    while not (found := backend.job_runs.get(environment["STRATA_EMR_APPLICATION"])):
        time.sleep(0.02)
    return found[0]


def end_serverless(environment: dict[str, str], state: str, details: str, log: str) -> None:
    """What EMR Serverless does: a log in S3, then the state."""
    application, run = environment["STRATA_EMR_APPLICATION"], wait_for_run(environment)
    put_log(f"logs/applications/{application}/jobs/{run.id}/SPARK_DRIVER/stderr.gz", log)
    run.state_details, run.state = details, state


# State, what EMR Serverless says of it, the driver's log, the exit code that must follow.
ENDS = [
    ("SUCCESS", "", "   1.0 s  soil: published as publication 4 in 60 s", 0),
    (
        "FAILED",
        "Job failed, please check logs. ExitCode: 3. Last few exceptions: …",
        "strata: soil: no",
        3,
    ),
    ("FAILED", "Job failed.", "strata: soil: held\nUser application exited with 4\n", 4),
    ("FAILED", "Job failed.", "", 1),
    ("CANCELLED", "", "", 1),
]


@pytest.mark.parametrize(("state", "details", "log", "code"), ENDS)
def test_submit_ends_as_the_job_does(
    aws: None, capsys: pytest.CaptureFixture[str], state: str, details: str, log: str, code: int
) -> None:
    environment = serverless_environment()
    soon(lambda: end_serverless(environment, state, details, log))
    assert submit.main(["run", "soil", "--samples", "20"], environment, wait_s=0.05) == code
    said = capsys.readouterr().err
    assert f"submit: {state}\n" in said
    assert ("strata: soil" in said) == ("strata: soil" in log)


SPARK_SAYS = "26/11/28 02:15:00 INFO SparkContext: Running Spark version 4.0.2"
LINES = [SPARK_SAYS, "   1.0 s  soil: 3 raw files", "strata: soil: no"]


def test_the_drivers_lines_come_by_cloudwatch_and_none_comes_twice(
    aws: None, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = serverless_environment() | {"STRATA_LOG_GROUP": "/strata/jobs"}
    logs = boto3.client("logs")
    logs.create_log_group(logGroupName="/strata/jobs")

    def write_and_end() -> None:
        run = wait_for_run(environment)
        asked = run.configuration_overrides["monitoringConfiguration"]
        stream = asked["cloudWatchLoggingConfiguration"]["logStreamNamePrefix"]
        stream += f"/applications/a/jobs/{run.id}/SPARK_DRIVER/stderr"
        logs.create_log_stream(logGroupName="/strata/jobs", logStreamName=stream)
        now = int(time.time() * 1000)
        for number, line in enumerate(LINES):
            logs.put_log_events(
                logGroupName="/strata/jobs", logStreamName=stream,
                logEvents=[{"timestamp": now + number, "message": line}],
            )  # fmt: skip
            time.sleep(0.1)
        end_serverless(environment, "FAILED", "ExitCode: 3.", "strata: soil: no\n")

    soon(write_and_end)
    assert submit.main(["run", "soil"], environment, wait_s=0.05) == 3
    said = capsys.readouterr().err.splitlines()
    assert said[-4:] == ["submit: RUNNING", LINES[1], LINES[2], "submit: FAILED"]


def test_a_log_that_cannot_be_read_is_told_once_and_ends_nothing(
    aws: None, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = serverless_environment() | {"STRATA_LOG_GROUP": "/none"}
    soon(lambda: (time.sleep(0.3), end_serverless(environment, "SUCCESS", "", "")))
    assert submit.main(["run", "soil"], environment, wait_s=0.05) == 0
    assert capsys.readouterr().err.count("the log group /none cannot be read") == 1


@pytest.mark.parametrize("signal_name", ["SIGINT", "SIGTERM"])
def test_who_is_stopped_cancels_the_job(
    aws: None, capsys: pytest.CaptureFixture[str], signal_name: str
) -> None:
    environment = serverless_environment()
    number = getattr(signal, signal_name)
    before = signal.signal(number, signal.default_int_handler)  # As the script itself does.
    try:
        soon(lambda: (wait_for_run(environment), time.sleep(0.3), signal.raise_signal(number)))
        assert submit.main(["run", "soil"], environment, wait_s=0.05) == 130
    finally:
        signal.signal(number, before)
    assert wait_for_run(environment).state in ("CANCELLING", "CANCELLED")
    assert "is being cancelled; what it had published by now stands" in capsys.readouterr().err


def refusal(code: str, status: int) -> ClientError:
    answer = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "GetJobRun")  # type: ignore[arg-type]


THROTTLED, BROKEN = refusal("ThrottlingException", 400), refusal("InternalServerException", 500)
UNREACHED, DENIED = EndpointConnectionError(endpoint_url="e"), refusal("AccessDeniedException", 403)


def answers(*given: str | Exception) -> Callable[[], dict[str, Any]]:
    rest = iter(given)

    def read() -> dict[str, Any]:
        found = next(rest)
        if isinstance(found, Exception):
            raise found
        return {"state": found}

    return read


def test_a_call_that_fails_for_a_while_ends_no_waiting() -> None:
    read = answers(THROTTLED, "RUNNING", BROKEN, UNREACHED, "RUNNING", "SUCCESS")
    said: list[str] = []
    assert follow.to_end(read, 0, said.append) == {"state": "SUCCESS"}
    assert said == ["RUNNING", "SUCCESS"]


@pytest.mark.parametrize("given", [["RUNNING", DENIED], ["RUNNING", *[THROTTLED] * 3]])
def test_a_job_that_cannot_be_watched_is_lost(given: list[str | Exception]) -> None:
    with pytest.raises(follow.Lost):
        follow.to_end(answers(*given), 0, lambda state: None, patience=2)


def test_a_feed_runs_by_its_own_job_and_the_rest_by_command() -> None:
    request = submit.job_request("a", "r", PLACES, ["run", "soil", "--samples", "20"])
    assert request["jobDriver"]["sparkSubmit"] == {
        "entryPoint": f"s3://{ARTIFACTS}/jobs/soil.py",
        "entryPointArguments": ["--samples", "20"],
    }
    other = submit.job_request("a", "r", PLACES, ["maintain", "--keep", "10"])
    assert other["jobDriver"]["sparkSubmit"]["entryPoint"].endswith("/jobs/command.py")
    assert other["jobDriver"]["sparkSubmit"]["entryPointArguments"] == ["maintain", "--keep", "10"]


def test_the_key_is_named_and_never_shown() -> None:
    given = settings.spark_settings(PLACES)
    assert given["spark.executorEnv.STRATA_PSEUDONYM_KEY"] == "EMR.secret@strata/key"
    assert given["spark.emr-serverless.driverEnv.STRATA_PSEUDONYM_KEY"] == "EMR.secret@strata/key"
    assert re.search(given["spark.redaction.regex"], "spark.executorEnv.STRATA_PSEUDONYM_KEY")
    assert "{" not in "".join(v for k, v in given.items() if k != "spark.redaction.regex")


def test_missing_places_are_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert submit.main(["run", "soil"], {"STRATA_EMR_ROLE": "r"}) == 2
    assert "STRATA_EMR_APPLICATION" in capsys.readouterr().err
    assert ec2.main([], {"STRATA_EMR_CLUSTER": "j-1"}) == 2


def test_terraform_tells_what_the_scripts_ask_for() -> None:
    outputs = (EMR.parent / "aws" / "outputs.tf").read_text()
    told = set(re.findall(r"^ +(STRATA_\w+) +=", outputs, re.MULTILINE))
    wanted = {*submit.NEEDED.values(), "STRATA_LOG_GROUP", *ec2.FOR_A_CLUSTER}
    assert told == wanted


def test_the_release_is_the_one_that_terraform_starts() -> None:
    variables = (EMR.parent / "aws" / "variables.tf").read_text()
    assert f'default     = "{settings.RELEASE}"' in variables
    assert json.loads((EMR / "cluster.json").read_text())["ReleaseLabel"] == settings.RELEASE
    # Sedona's jar and this release must be of one Spark: 4.0.
    assert any(name.startswith("sedona-spark-shaded-4.0_") for name in settings.jar_names())


# --- EMR on EC2 ------------------------------------------------------------------------------------


CLUSTER = {
    "STRATA_ARTIFACTS": f"s3://{ARTIFACTS}",
    "STRATA_RAW": "s3://raw",
    "STRATA_WAREHOUSE": "s3://warehouse",
    "STRATA_EMR_INSTANCE_PROFILE": "strata-emr",
    "STRATA_EMR_SERVICE_ROLE": "strata-emr-service",
    "STRATA_EMR_SUBNET": "subnet-1",
}


def test_ec2_makes_a_cluster_for_one_step_and_ends_as_it_does(
    aws: None, capsys: pytest.CaptureFixture[str]
) -> None:
    soon(end_step)
    assert ec2.main(["run", "soil"], CLUSTER, wait_s=0.05) == 3
    assert "strata: soil: a gate said no" in capsys.readouterr().err
    cluster = next(iter(emr_backends[DEFAULT_ACCOUNT_ID][REGION].clusters.values()))
    assert cluster.release_label == settings.RELEASE
    assert cluster.log_uri == f"s3://{ARTIFACTS}/logs/"
    arguments = cluster.steps[-1].args
    assert arguments[-6:] == [
        "--warehouse", "s3://warehouse", "--raw", "s3://raw", "--profile", "emr",
    ]  # fmt: skip
    assert f"s3://{ARTIFACTS}/jobs/soil.py" in arguments


def end_step() -> None:
    """What EMR does with a step whose job ends with 3: its logs, then its state."""
    cluster = wait_for_cluster()
    step = cluster.steps[-1]
    step.state = "FAILED"
    # EMR copies the logs some time after the end.
    time.sleep(0.2)
    put_log(f"logs/{cluster.id}/steps/{step.id}/stderr.gz", "strata: soil: a gate said no\n")
    put_log(f"logs/{cluster.id}/steps/{step.id}/controller.gz", "Command exiting with ret '3'\n")


def wait_for_cluster() -> Any:
    """The cluster that moto was asked for, with its step."""
    backend = emr_backends[DEFAULT_ACCOUNT_ID][REGION]
    while not (backend.clusters and next(iter(backend.clusters.values())).steps):
        time.sleep(0.02)
    return next(iter(backend.clusters.values()))


def test_who_is_stopped_ends_the_cluster_of_one_step(
    aws: None, capsys: pytest.CaptureFixture[str]
) -> None:
    soon(lambda: (wait_for_cluster(), time.sleep(0.3), signal.raise_signal(signal.SIGINT)))
    assert ec2.main(["run", "soil"], CLUSTER, wait_s=0.05) == 130
    assert wait_for_cluster().state == "TERMINATED"
    assert "is being cancelled" in capsys.readouterr().err


# --- packaging -------------------------------------------------------------------------------------


def test_uploads_only_what_differs(aws: None, tmp_path: Path) -> None:
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "soil.py").write_text("one")
    (tmp_path / "jobs" / "fleet.py").write_text("two")
    package.upload(tmp_path, f"s3://{ARTIFACTS}/v1")
    s3 = boto3.client("s3")
    first = s3.head_object(Bucket=ARTIFACTS, Key="v1/jobs/soil.py")
    (tmp_path / "jobs" / "fleet.py").write_text("three")
    package.upload(tmp_path, f"s3://{ARTIFACTS}/v1")
    assert (
        s3.head_object(Bucket=ARTIFACTS, Key="v1/jobs/soil.py")["LastModified"]
        == first["LastModified"]
    )
    assert s3.get_object(Bucket=ARTIFACTS, Key="v1/jobs/fleet.py")["Body"].read() == b"three"
