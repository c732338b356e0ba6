"""Follows a job of EMR to its end, on either kind of EMR.

It tells each state once and what the job's driver writes meanwhile. AWS may ask to be asked less
often, or not answer for a while: the job goes on, and so does the waiting.
"""

from __future__ import annotations

import gzip
import re
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    HTTPClientError,
)

# A call that is throttled is made again up to ten times, some two minutes long, by boto3 itself.
RETRIES = Config(retries={"mode": "standard", "max_attempts": 10})
ENDED = {"SUCCESS", "COMPLETED", "FAILED", "CANCELLED", "INTERRUPTED"}
STOPPED = 130
"""Exit code of whoever was told to stop by Ctrl-C or a TERM signal."""
_NOT_REACHED = (ConnectionClosedError, EndpointConnectionError, HTTPClientError)
_THROTTLED = re.compile("Throttl|TooManyRequests|RequestLimitExceeded|SlowDown")
# What Spark itself writes at its usual level; a person looks for what Strata and Python say.
_SPARK_SAYS = re.compile(r"\d\d/\d\d/\d\d \d\d:\d\d:\d\d (DEBUG|INFO|WARN) ")


class Lost(Exception):
    """The job cannot be watched any longer; it goes on. The message is AWS's own."""


class Job(Protocol):
    """What runs on EMR for whoever waits."""

    service: str

    @property
    def name(self) -> str:
        """What it is called where it runs."""

    def wait(self, wait_s: float) -> int:
        """Waits for its end; returns its exit code."""

    def cancel(self) -> None:
        """Ends it before its time."""


def carry_out(
    job: Job, start: Callable[[], None], wait_s: float, say: Callable[[str], None]
) -> int:
    """Starts the job and ends as it does: 1 where AWS refuses it or it can no longer be watched."""
    try:
        start()
    except (ClientError, BotoCoreError) as error:
        say(f"{job.service} refused: {error}")
        return 1
    try:
        return job.wait(wait_s)
    except Lost as error:
        say(f"{error}; {job.name} goes on unwatched")
        return 1
    except KeyboardInterrupt:
        job.cancel()
        return STOPPED


def to_end(
    read: Callable[[], dict[str, Any]],
    wait_s: float,
    say: Callable[[str], None],
    read_lines: Callable[[], list[str]] = list,
    patience: int = 60,
) -> dict[str, Any]:
    """Waits until `state` of what `read` returns is an end, and returns that.

    `read_lines` gives what the driver wrote since it was last asked. A call that fails for a
    passing reason is made again; after `patience` of them in a row, Lost is raised.
    """
    state, failures = "", 0
    while state not in ENDED:
        if state or failures:
            time.sleep(wait_s)
        try:
            seen = read()
        except (ClientError, BotoCoreError) as error:
            failures += 1
            if failures > patience or not is_passing(error):
                raise Lost(str(error)) from error
            continue
        failures = 0
        if seen["state"] != state:
            state = seen["state"]
            say(state)
        for line in read_lines():
            print(line, file=sys.stderr)
    return seen


def is_passing(error: ClientError | BotoCoreError) -> bool:
    """Whether the same call may succeed later: throttled, a fault of AWS, or no connection."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status >= 500 or bool(_THROTTLED.search(error.response["Error"]["Code"]))
    return isinstance(error, _NOT_REACHED)


def read_log(address: str, tries: int = 1, wait_s: float = 0) -> str:
    """A gzipped log in S3. EMR puts it there some time after the job's end: asks so many times;
    empty where there is none at last.
    """
    place = urlsplit(address)
    for number in range(tries):
        if number:
            time.sleep(wait_s)
        try:
            s3 = boto3.client("s3", config=RETRIES)
            body = s3.get_object(Bucket=place.netloc, Key=place.path.lstrip("/"))["Body"].read()
            return gzip.decompress(body).decode(errors="replace")
        except (ClientError, BotoCoreError, OSError):
            continue
    return ""


def sentences(log: str) -> list[str]:
    """The lines in which Strata says why it ended."""
    return [line for line in log.splitlines() if line.startswith("strata: ")]


def tell(
    found: Sequence[str], reason: str, say: Callable[[str], None], told: Sequence[str] = ()
) -> None:
    """Prints Strata's sentences that nobody has seen; without any, the platform's own reason."""
    for line in found:
        if line not in told:
            print(line, file=sys.stderr)
    if reason and not sentences("\n".join([*found, *told])):
        say(reason.splitlines()[0][:300])


class DriverLines:
    """What a job's driver writes to its standard error, as CloudWatch gets it.

    Streams are those whose names begin with the job's own prefix. The log is a help: where it
    cannot be read, that is said once, and the job's state is watched all the same.
    """

    def __init__(self, group: str, prefix: str, say: Callable[[str], None]) -> None:
        self.group, self.prefix, self.say = group, prefix, say
        self.client = boto3.client("logs", config=RETRIES)
        self.tokens: dict[str, str] = {}
        self.seen: list[str] = []
        self.is_readable = True

    def read(self) -> list[str]:
        """The lines since the last call, without Spark's own INFO and WARN."""
        if not self.is_readable:
            return []
        try:
            found = [line for name in self._streams() for line in self._lines(name)]
        except (ClientError, BotoCoreError) as error:
            if not isinstance(error, ClientError) or is_passing(error):
                return []
            self.is_readable = False
            self.say(f"the log group {self.group} cannot be read, going on without: {error}")
            return []
        lines = [line for line in found if not _SPARK_SAYS.match(line)]
        self.seen += lines
        return lines

    def _streams(self) -> list[str]:
        pages = self.client.get_paginator("describe_log_streams").paginate(
            logGroupName=self.group, logStreamNamePrefix=self.prefix
        )
        names = [stream["logStreamName"] for page in pages for stream in page["logStreams"]]
        return [name for name in names if "SPARK_DRIVER" in name and "stderr" in name.lower()]

    def _lines(self, stream: str) -> list[str]:
        """Everything after the stream's last token; the same token twice is the end of it."""
        lines: list[str] = []
        while True:
            before = self.tokens.get(stream)
            token = {"nextToken": before} if before else {}
            page = self.client.get_log_events(
                logGroupName=self.group, logStreamName=stream, startFromHead=True, **token
            )
            lines += [event["message"] for event in page["events"]]
            self.tokens[stream] = page["nextForwardToken"]
            if page["nextForwardToken"] == before or not page["events"]:
                return lines
