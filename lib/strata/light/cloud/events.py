"""What tells a function that a file has come, in each of the shapes that AWS knows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import unquote_plus

from strata.errors import BadFile
from strata.light.look import Look


@dataclass(frozen=True)
class Arrival:
    """One object, and how far it has been read."""

    bucket: str
    key: str
    version: str = ""  # empty where the bucket keeps no versions
    first_seen: str = ""  # ISO 8601, when S3 told of it
    seen: Look | None = None  # None: it has not been looked at
    start: int = 0  # the byte of its text from which on it is to be read
    number: int = 1  # of the record there

    @property
    def place(self) -> str:
        """Its address."""
        return f"s3://{self.bucket}/{self.key}"

    def path(self, source: str) -> str:
        """Its path within the folder of its source, as the batch path has it."""
        parts = self.key.split("/")
        return "/".join(parts[parts.index(source) + 1 :]) if source in parts[:-1] else self.key


def parse_place(place: str) -> Arrival:
    """The object of an address."""
    bucket, _, key = place.removeprefix("s3://").partition("/")
    return Arrival(bucket, key)


def arrivals(event: Mapping[str, Any]) -> Iterator[Arrival]:
    """The objects of one event: S3's own, EventBridge's, a continuation, or a test by S3 (none).

    BadFile for anything else.
    """
    if event.get("Event") == "s3:TestEvent":
        return
    if "continue" in event:
        told = dict(event["continue"])
        seen = Look(**{**told.pop("seen"), "header": tuple(event["continue"]["seen"]["header"])})
        yield Arrival(**told, seen=seen)
    elif event.get("detail-type") == "Object Created":
        detail = event["detail"]
        s3 = detail["object"]
        # EventBridge gives the key as it is; S3's own notice gives it URL-encoded.
        yield Arrival(detail["bucket"]["name"], s3["key"], s3.get("version-id", ""), event["time"])
    elif "Records" in event and all("s3" in record for record in event["Records"]):
        for record in event["Records"]:
            s3 = record["s3"]
            key = unquote_plus(s3["object"]["key"])
            version = s3["object"].get("versionId", "")
            if record["eventName"].startswith("ObjectCreated"):
                yield Arrival(s3["bucket"]["name"], key, version, record["eventTime"])
    else:
        raise BadFile("an event must be S3's, EventBridge's or a continuation; it is none of them")


def continuation(arrival: Arrival) -> str:
    """The message by which the splitter goes on where it stopped."""
    return json.dumps({"continue": asdict(arrival)})
