"""The lease: one run of a feed at a time.

On a file system the process that commits holds a lock of the operating system's; the kernel frees
it with the process, so a lease never needs clearing by hand. Spark's JVM may outlive that process
by half a second: it may go on to write files that no commit names, and it commits nothing but an
OPTIMIZE, which changes no row. On S3 a small object is put on condition (`If-None-Match`), renewed
by its holder, and taken over, again on condition, once it has run out.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TextIO

from strata import failpoint
from strata.errors import CommitUnknown, LeaseHeld
from strata.fs import location
from strata.lake.versions import Warehouse

S3_LEASE_SECONDS = 60
"""An S3 lease whose holder died is free after this long; the holder renews at a third of it."""


@dataclass
class Lease:
    """A held lease; `assert_held` is asked once more right before a publication."""

    feed: str

    def assert_held(self) -> None:
        """A lock of the operating system's cannot be lost by a living process."""


@contextmanager
def hold(warehouse: Warehouse, feed: str, run_id: str) -> Iterator[Lease]:
    """Holds the feed's lease, or raises LeaseHeld, naming the holder, without waiting."""
    holder = {
        "run_id": run_id,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "since": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }
    local = location.parse(warehouse.root).is_local
    with (_hold_file if local else _hold_s3)(warehouse, feed, holder) as lease:
        failpoint.reach("lease.taken", feed)
        yield lease
    failpoint.reach("lease.released", feed)


_held_here: dict[str, str] = {}
"""The lock files that this process holds, each with its holder as the file has it."""
_one_asks = threading.Lock()


@contextmanager
def _hold_file(warehouse: Warehouse, feed: str, holder: dict[str, Any]) -> Iterator[Lease]:
    """A POSIX record lock, as releases whose JVM held it took it: the two exclude each other.

    Closing any descriptor of a file frees all locks that its process has on it. So a second run in
    one process is refused before it opens the file.
    """
    path = (Path(location.parse(warehouse.root).path) / "ops" / "leases" / f"{feed}.lock").resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    text, name = json.dumps(holder), str(path)
    with _one_asks:
        if name in _held_here:
            raise _held(feed, _held_here[name])
        _held_here[name] = text
    try:
        with open(path, "a+", encoding="utf-8", errors="replace") as file:
            _lock(file, feed)
            file.truncate(0)
            file.write(text)
            file.flush()
            yield Lease(feed)
    finally:
        del _held_here[name]


def _lock(file: TextIO, feed: str) -> None:
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        file.seek(0)
        raise _held(feed, file.read()) from None


def _held(feed: str, text: str) -> LeaseHeld:
    try:
        holder = json.loads(text)
        who = (
            f"run {holder['run_id']} (process {holder['pid']} on {holder['host']}, since "
            f"{holder['since']})"
        )
    except (ValueError, KeyError):
        holder, who = {}, "another run, which has just begun"
    return LeaseHeld(
        f"one run of a feed works at a time; {feed} is held by {who}: wait for it to end, "
        "then run again",
        feed=feed,
        holder=holder,
    )


@dataclass
class S3Lease(Lease):
    """A lease object on S3, renewed in the background."""

    client: Any = None
    bucket: str = ""
    key: str = ""
    holder: dict[str, Any] = field(default_factory=dict)
    etag: str = ""
    expires: float = 0.0
    stop: threading.Event = field(default_factory=threading.Event)
    one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    def take(self) -> None:
        """Takes the lease; LeaseHeld where another holder has it."""
        body = self._object()
        try:
            current = self.client.get_object(Bucket=self.bucket, Key=self.key)
        except self.client.exceptions.NoSuchKey:
            condition = {"IfNoneMatch": "*"}
        else:
            text = current["Body"].read().decode()
            if json.loads(text).get("expires", 0) > time.time():
                raise _held(self.feed, text)
            condition = {"IfMatch": current["ETag"]}
        self._put(body, condition)

    def renew(self) -> None:
        """Renews the lease until it is let go, or is another's."""
        from botocore.exceptions import BotoCoreError, ClientError

        while not self.stop.wait(S3_LEASE_SECONDS / 3):
            try:
                self.assert_held()
            except LeaseHeld:
                return  # assert_held says so, in the run's own thread.
            except (CommitUnknown, BotoCoreError, ClientError):
                continue  # S3 may answer before the lease ends; else assert_held says so.

    def assert_held(self) -> None:
        """Renews on condition: a holder that slept past its time finds another's object and
        stops."""
        with self.one_at_a_time:  # The renewing thread swaps the object too.
            self._put(self._object(), {"IfMatch": self.etag})

    def release(self) -> None:
        """Lets the lease go, unless another holder has it. It never raises for S3's trouble: what
        was published stands, and a lease runs out by itself."""
        from botocore.exceptions import BotoCoreError, ClientError

        self.stop.set()
        try:
            with self.one_at_a_time:
                self._put(json.dumps({**self.holder, "expires": 0}), {"IfMatch": self.etag})
        except LeaseHeld:
            pass  # Another run has it by now; its lease is not ours to touch.
        except (CommitUnknown, ClientError, BotoCoreError):
            pass  # S3 does not answer, or says no: the next run waits until the lease has run out.

    def _own_etag(self) -> str | None:
        """That of the object, if this run has written it."""
        try:
            current = self.client.get_object(Bucket=self.bucket, Key=self.key)
        except self.client.exceptions.NoSuchKey:
            return None
        held = json.loads(current["Body"].read().decode())
        return str(current["ETag"]) if held.get("run_id") == self.holder["run_id"] else None

    def _object(self) -> str:
        return json.dumps({**self.holder, "expires": time.time() + S3_LEASE_SECONDS})

    def _put(self, body: str, condition: dict[str, str]) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = self.client.put_object(
                Bucket=self.bucket, Key=self.key, Body=body.encode(), **condition
            )
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            own = self._own_etag() if status == 412 else None
            if own is not None and own != self.etag:
                # The answer to an earlier try was lost, and its object is there.
                self.etag = own
                self._put(body, {"IfMatch": own})
                return
            if status in (409, 412, 404):
                raise LeaseHeld(
                    "one run of a feed works at a time; another run took the lease of "
                    f"{self.feed} meanwhile: "
                    "wait for it to end, then run again",
                    feed=self.feed,
                ) from None
            raise
        except BotoCoreError as error:
            raise CommitUnknown(
                f"the lease of {self.feed} must be renewed to go on; S3 did not answer: {error}"
            ) from None
        self.etag = answer["ETag"]


@contextmanager
def _hold_s3(warehouse: Warehouse, feed: str, holder: dict[str, Any]) -> Iterator[Lease]:
    import boto3

    place = location.parse(f"{warehouse.root}/ops/leases/{feed}.json")
    lease = S3Lease(feed, boto3.client("s3"), place.bucket, place.path, holder)
    lease.take()
    thread = threading.Thread(target=lease.renew, daemon=True)
    thread.start()
    try:
        yield lease
    finally:
        lease.release()
        thread.join(timeout=5)
