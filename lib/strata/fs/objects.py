"""Objects of S3 with what Arrow's file system lacks: checksums that S3 itself compares, and writes
on condition.

Credentials and endpoint are those of the AWS SDKs' own variables.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from strata.errors import LeaseHeld, ResourceMissing, UsageError
from strata.fs import location


@dataclass(frozen=True)
class Facts:
    """What S3 says of one object."""

    size: int
    sha256: str | None
    """Hexadecimal, as S3 computed it when the object came; None where it did not."""
    notes: Mapping[str, str]
    """What the writer noted beside it."""


@dataclass
class ObjectFolder:
    """Objects below one address of S3. ResourceMissing where S3 does not answer or allow it."""

    address: str
    _client: Any = field(default=None, repr=False)

    def __post_init__(self) -> None:
        place = location.parse(self.address)
        if place.store != "s3":
            raise UsageError(f"objects with checksums lie in S3; got {self.address}")
        self._bucket, self._prefix = place.bucket, place.path
        if self._client is None:
            import boto3

            self._client = boto3.client("s3", endpoint_url=location.s3_endpoint())

    def address_of(self, name: str) -> str:
        """The whole address of an object, as every AWS service takes it."""
        return f"s3://{self._bucket}/{self._key(name)}"

    def read(self, name: str) -> tuple[bytes, str] | None:
        """A small object and its ETag, by which it can be replaced; None where there is none."""
        with self._trouble(name):
            try:
                answer = self._client.get_object(Bucket=self._bucket, Key=self._key(name))
            except self._client.exceptions.NoSuchKey:
                return None
            return answer["Body"].read(), answer["ETag"]

    def facts(self, name: str) -> Facts | None:
        """What S3 says of an object; None where there is none."""
        from botocore.exceptions import ClientError

        with self._trouble(name):
            try:
                answer = self._client.head_object(
                    Bucket=self._bucket, Key=self._key(name), ChecksumMode="ENABLED"
                )
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                    return None
                raise
        coded = answer.get("ChecksumSHA256")
        sha256 = base64.b64decode(coded).hex() if coded and "-" not in coded else None
        return Facts(answer["ContentLength"], sha256, answer.get("Metadata", {}))

    def put_file(self, name: str, path: Path, sha256: str, notes: Mapping[str, str]) -> None:
        """Sends a file; S3 refuses it unless what arrived has the checksum."""
        with path.open("rb") as body:
            checked = {"ChecksumAlgorithm": "SHA256", "ChecksumSHA256": _coded(sha256)}
            self._put(name, body, {**checked, "Metadata": dict(notes)})

    def replace(self, name: str, content: bytes, etag: str | None) -> None:
        """Puts a small object where one with that ETag stands, or none at all.

        LeaseHeld where somebody else has put another there meanwhile.
        """
        self._put(name, content, {"IfMatch": etag} if etag else {"IfNoneMatch": "*"})

    def names(self) -> Iterator[str]:
        """Every object below the folder, by its name there."""
        pages = self._client.get_paginator("list_objects_v2")
        start = self._key("")
        with self._trouble(""):
            for page in pages.paginate(Bucket=self._bucket, Prefix=start):
                yield from (item["Key"][len(start) :] for item in page.get("Contents", ()))

    def remove(self, names: Iterable[str]) -> None:
        """Removes objects; one that has gone already is no error."""
        for name in names:
            with self._trouble(name):
                self._client.delete_object(Bucket=self._bucket, Key=self._key(name))

    def _key(self, name: str) -> str:
        return f"{self._prefix}/{name}" if self._prefix else name

    def _put(self, name: str, body: Any, more: Mapping[str, Any]) -> None:
        from botocore.exceptions import ClientError

        with self._trouble(name):
            try:
                self._client.put_object(Bucket=self._bucket, Key=self._key(name), Body=body, **more)
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] not in (409, 412):
                    raise
                raise LeaseHeld(
                    f"one writer at a time puts {self.address_of(name)}; another has done so "
                    "meanwhile: run again"
                ) from None

    @contextmanager
    def _trouble(self, name: str) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except (BotoCoreError, ClientError) as error:
            first = " ".join(str(error).split())[:300]
            raise ResourceMissing(
                f"S3 must answer for {self.address_of(name)}; it said: {first}"
            ) from error


def _coded(sha256: str) -> str:
    return base64.b64encode(bytes.fromhex(sha256)).decode()
