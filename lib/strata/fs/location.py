"""Where something lies: one parser of addresses for Arrow, delta-rs, Spark and boto3.

A name is taken exactly as it stands: nothing here globs, percent-decodes or normalises.

| address | what it is | raw files | warehouse |
| --- | --- | --- | --- |
| a path, `file:` | a local disk | yes | yes |
| `s3:` `s3a:` `s3n:` | S3, or a server that speaks it | yes | yes |
| `gs:` `abfss:` | Google's and Azure's object stores | yes | no: they have no lease here |
| `dbfs:` `/Volumes/…` | Databricks' mounts | where mounted | no: they lack locks and hard links |
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from strata.errors import UsageError

if TYPE_CHECKING:
    from pyarrow import fs

_SCHEME = re.compile(r"(\s*[A-Za-z][A-Za-z0-9+.-]*):")
_OBJECT_STORES = {"s3": "s3", "s3a": "s3", "s3n": "s3", "gs": "gs", "abfss": "abfss"}
_MOUNTS = ("/Volumes/", "/dbfs/")
KNOWN = "a path, file:, s3:, s3a:, gs:, abfss:, dbfs: or /Volumes/"
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_PLAIN_KEY = re.compile(r"[A-Za-z0-9._=/-]*")
_ACCOUNT = re.compile(r"([a-z0-9-]+)@([a-z0-9]+)\.dfs\.core\.windows\.net")


@dataclass(frozen=True)
class Location:
    """One address, taken apart."""

    text: str
    """As it was given."""
    store: str
    """`local`, `s3`, `gs` or `abfss`."""
    bucket: str
    """The bucket; of `abfss`, container and account; empty on a local disk."""
    path: str
    """On a local disk absolute; in an object store the key, without a slash around it."""

    @property
    def is_local(self) -> bool:
        """Whether it is on a disk of this machine."""
        return self.store == "local"

    @property
    def in_store(self) -> str:
        """The path as Arrow's file system takes it."""
        if self.is_local:
            return self.path
        bucket = self.bucket.partition("@")[0]
        return f"{bucket}/{self.path}" if self.path else bucket

    def uri_of(self, in_store: str) -> str:
        """The address of something that Arrow has found in the same store, by Arrow's path."""
        if self.is_local:
            return in_store
        scheme, bucket = self.text.partition("://")[0], self.bucket
        return f"{scheme}://{bucket}{in_store.removeprefix(bucket.partition('@')[0])}"

    @property
    def is_mounted(self) -> bool:
        """Whether it is a folder that Databricks mounts, which has not all that a disk's has."""
        return self.is_local and self.path.startswith(_MOUNTS)

    @property
    def for_spark(self) -> str:
        """The address as Hadoop's file systems read it."""
        if self.store == "s3":
            return f"s3a://{self.in_store}"
        return self.path if self.is_local else self.text

    @property
    def for_delta(self) -> str:
        """The address as delta-rs reads it."""
        return f"s3://{self.in_store}" if self.store == "s3" else self.for_spark

    def arrow(self) -> fs.FileSystem:
        """Arrow's file system for it."""
        return _file_system(self.store, self.bucket, *_settings(), os.getpid())

    def delta_options(self) -> dict[str, str]:
        """What delta-rs must be told to reach the same store; nothing on local disks."""
        if self.store != "s3":
            return {}
        # An entry of a log is put on condition that none is there: a commit wins or loses.
        options = {"aws_conditional_put": "etag"}
        endpoint, region = _settings()
        if not endpoint:
            return options
        return options | {
            "aws_endpoint_url": endpoint,
            "aws_region": region or "us-east-1",
            "aws_allow_http": str(endpoint.startswith("http://")).lower(),
        }

    def assert_can_hold_tables(self) -> None:
        """UsageError where no warehouse can lie: its store must refuse whoever commits second."""
        why = ""
        if self.store in ("gs", "abfss"):
            why = f"{self.store}:// has no lease here yet; its raw files can be read"
        elif self.is_mounted:
            why = "a mount of Databricks' has neither locks nor hard links; name its bucket instead"
        elif self.is_local and "%" in self.path:
            why = "delta-rs takes a % in a path for an encoded character"
        elif self.store == "s3" and not _PLAIN_KEY.fullmatch(self.path):
            why = "delta-rs encodes all but plain letters, digits and ._=/- twice there"
        elif self.store == "s3" and {".", ".."} & set(self.path.split("/")):
            why = "in a store . and .. are names like any other, and no library agrees"
        if why:
            raise UsageError(
                f"a warehouse lies on a local disk or on S3; {self.text} cannot hold one: {why}",
                location=self.text,
            )


def absolute(text: str) -> str:
    """The address as it is kept: a local path whole, its links followed; any other as given."""
    here = parse(os.path.expanduser(text))
    return os.path.realpath(here.path) if here.is_local else text.rstrip("/")


@lru_cache(maxsize=4096)
def parse(text: str) -> Location:
    """The address; UsageError where its scheme is unknown or it is not whole."""
    if not text.strip():
        raise UsageError(f"an address is {KNOWN}; found none, as of a variable that is not set")
    found = _SCHEME.match(text)
    scheme = found[1].lower() if found else ""
    if scheme == "file":
        return _local(text, text[len("file:") :])
    if scheme == "dbfs":
        return _mounted(text)
    if scheme in _OBJECT_STORES:
        return _in_object_store(text, _OBJECT_STORES[scheme])
    if found and text[found.end() :].startswith("/"):
        raise UsageError(
            f"an address is {KNOWN}; {scheme}: is not known, found {text}", location=text
        )
    return Location(text, "local", "", os.path.abspath(text))


def _in_object_store(text: str, store: str) -> Location:
    scheme, _, rest = text.partition("://")
    bucket, _, path = rest.rstrip("/").partition("/")
    if store != "abfss" and "@" in bucket:
        raise UsageError(
            f"keys come from the environment, never by an address, for addresses are logged; "
            f"found {scheme}://…@{bucket.rpartition('@')[2]}"
        )
    is_whole = (_ACCOUNT if store == "abfss" else _BUCKET).fullmatch(bucket)
    if not is_whole:
        form = "container@account.dfs.core.windows.net" if store == "abfss" else "bucket"
        raise UsageError(
            f"an address there is {scheme.split(':')[0]}://{form}/path; found {text}",
            location=text,
        )
    if "//" in f"/{path}":
        raise UsageError(f"a key has no empty part here; found {text}", location=text)
    return Location(text, store, bucket, path)


def _local(text: str, path: str) -> Location:
    """`///path` and `/path` are one."""
    plain = path.removeprefix("//localhost").removeprefix("//")
    if not plain.startswith("/"):
        raise UsageError(
            f"a file: address is file:///path, whole and of this machine; found {text}",
            location=text,
        )
    return Location(text, "local", "", os.path.abspath(plain))


def _mounted(text: str) -> Location:
    if not os.path.isdir("/dbfs"):
        raise UsageError(
            f"dbfs: is read where Databricks mounts it at /dbfs; here is no such mount: {text}",
            location=text,
        )
    return Location(text, "local", "", "/dbfs/" + text[len("dbfs:") :].strip("/"))


def _settings() -> tuple[str | None, str | None]:
    """The S3 server that the AWS SDKs' own variables name, and the region."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    return (f"https://{endpoint}" if endpoint and "://" not in endpoint else endpoint), region


def s3_endpoint() -> str | None:
    """The S3-compatible server that the environment names; None for AWS itself."""
    return _settings()[0]


def s3_region() -> str:
    """The region for which requests to an S3-compatible server are signed."""
    return _settings()[1] or "us-east-1"


@lru_cache(maxsize=16)
def _file_system(
    store: str, bucket: str, endpoint: str | None, region: str | None, _process: int
) -> fs.FileSystem:
    """Made once a process: a client of a store costs more than a request."""
    from pyarrow import fs

    if store == "local":
        return fs.LocalFileSystem()
    if store == "gs":
        return fs.GcsFileSystem()
    if store == "abfss":
        found = _ACCOUNT.fullmatch(bucket)
        options: dict[str, Any] = {"account_name": found[2] if found else bucket}
        if os.environ.get("AZURE_STORAGE_KEY"):
            options["account_key"] = os.environ["AZURE_STORAGE_KEY"]
        return fs.AzureFileSystem(**options)
    if not endpoint:
        return fs.S3FileSystem(region=region)
    parts = urlsplit(endpoint)
    return fs.S3FileSystem(
        endpoint_override=parts.netloc + parts.path.rstrip("/"),
        scheme=parts.scheme,
        # Such servers take any region, but the SDK refuses to sign without one.
        region=region or "us-east-1",
    )
