"""The serverless path's surroundings in one process: moto for AWS, a real Redis, and a pump that
calls the functions with what lies in the queues, as Lambda's event source mapping does."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from moto import mock_aws
from strata.light.cloud import handlers, store
from strata.light.cloud.metadata import Vehicles
from strata.light.cloud.settings import Clients, Settings
from strata.light.order import Settled

BUCKET, REGION = "raw", "eu-west-2"
Handler = Callable[[Mapping[str, Any], Any], Mapping[str, Any]]
HEADER = "vehicle_id,timestamp,lat,lon,speed_kmh,engine_status,fuel_level\n"


class Killed(BaseException):
    """The function's process is gone: nobody catches this."""


@dataclass
class Context:
    """What Lambda tells a function: here, that so many looks at the clock find time left."""

    looks: int = 1_000_000

    def get_remaining_time_in_millis(self) -> int:
        self.looks -= 1
        return 900_000 if self.looks > 0 else 0


@dataclass
class World:
    clients: Clients
    vehicles: Vehicles
    slept: list[float] = field(default_factory=list)

    @property
    def settings(self) -> Settings:
        return self.clients.settings

    def put(self, key: str, content: str | bytes) -> dict[str, Any]:
        """Puts an object; returns S3's notice of it."""
        body = content.encode() if isinstance(content, str) else content
        self.clients.s3.put_object(Bucket=BUCKET, Key=key, Body=body)
        return notice(key)

    def arrive(self, *notices: Mapping[str, Any]) -> None:
        for one in notices:
            self.clients.sqs.send_message(
                QueueUrl=self.settings.arrivals, MessageBody=json.dumps(one)
            )

    def load(self, key: str, vehicles: Mapping[str, Any]) -> Mapping[str, Any]:
        return handlers.load_vehicles(self.put(key, json.dumps(vehicles)), Context())

    def pump(self, queue: str, handler: Handler, most: int = 1000, context: Any = None) -> int:
        """Calls a function with ten messages at a time until the queue is empty; deletes what it
        does not call failed. Returns the calls."""
        calls = 0
        while calls < most:
            event = self.receive(queue)
            if not event["Records"]:
                return calls
            calls += 1
            answer = handler(event, context or Context())
            failed = {item["itemIdentifier"] for item in answer["batchItemFailures"]}
            for record in event["Records"]:
                if record["messageId"] not in failed:
                    self.clients.sqs.delete_message(
                        QueueUrl=queue, ReceiptHandle=record["receiptHandle"]
                    )
                else:
                    self.clients.sqs.change_message_visibility(
                        QueueUrl=queue, ReceiptHandle=record["receiptHandle"], VisibilityTimeout=0
                    )
        raise AssertionError(f"the queue is not empty after {most} calls")

    def receive(self, queue: str) -> dict[str, Any]:
        found = self.clients.sqs.receive_message(
            QueueUrl=queue, MaxNumberOfMessages=10, AttributeNames=["All"], VisibilityTimeout=600
        ).get("Messages", [])
        name = queue.rpartition("/")[2]
        return {
            "Records": [
                {
                    "messageId": message["MessageId"],
                    "receiptHandle": message["ReceiptHandle"],
                    "body": message["Body"],
                    "attributes": message["Attributes"],
                    "messageAttributes": {},
                    "eventSource": "aws:sqs",
                    "eventSourceARN": f"arn:aws:sqs:{REGION}:123456789012:{name}",
                }
                for message in found
            ]
        }

    def drain(self) -> None:
        """Until every queue but the dead letters' is empty; moving ones first."""
        calls = 1
        while calls:
            calls = self.pump(self.settings.arrivals, handlers.split_events)
            calls += self.pump(self.settings.moving, handlers.judge)
            calls += self.pump(self.settings.idle, handlers.judge)

    def settled(self) -> list[Settled]:
        items = store.pages(self.clients.dynamodb.scan, {"TableName": self.settings.fixes})
        return list(store.settled(sorted(items, key=lambda i: (i["vehicle_id"], i["claim"]))))

    def fixes(self) -> list[tuple[Any, ...]]:
        """What stands: vehicle, instant, speed, versions."""
        return [
            (
                s.stands.fix.vehicle_id,
                f"{s.stands.fix.fixed_at:%H:%M:%S}",
                s.stands.fix.speed_kmh,
                s.versions,
            )
            for s in self.settled()
            if s.stands
        ]

    def rejected(self) -> list[dict[str, Any]]:
        items = store.pages(self.clients.dynamodb.scan, {"TableName": self.settings.rejected})
        return sorted(items, key=lambda i: (i["file"], i["record_number"]))

    def dead(self) -> list[dict[str, str]]:
        found = self.clients.sqs.receive_message(
            QueueUrl=self.settings.dead, MaxNumberOfMessages=10, MessageAttributeNames=["All"],
            VisibilityTimeout=0,
        ).get("Messages", [])  # fmt: skip
        return [
            {"body": m["Body"], **{k: v["StringValue"] for k, v in m["MessageAttributes"].items()}}
            for m in found
        ]


def notice(key: str) -> dict[str, Any]:
    """S3's notice of an object, its key URL-encoded as S3 has it."""
    from urllib.parse import quote_plus

    s3 = {"bucket": {"name": BUCKET}, "object": {"key": quote_plus(key, safe="/"), "size": 1}}
    record = {"eventName": "ObjectCreated:Put", "eventTime": "2026-10-02T00:00:00.000Z", "s3": s3}
    return {"Records": [record]}


@cache
def _session() -> boto3.Session:
    return boto3.Session()


@contextmanager
def world(redis_url: str, monkeypatch: Any) -> Iterator[World]:
    for name, value in (("AWS_DEFAULT_REGION", REGION), ("AWS_ACCESS_KEY_ID", "test"),
                        ("AWS_SECRET_ACCESS_KEY", "test")):  # fmt: skip
        monkeypatch.setenv(name, value)
    with mock_aws():
        # Models of services are read once, not for each test.
        monkeypatch.setattr("boto3.DEFAULT_SESSION", _session())
        slept: list[float] = []
        clients = Clients(make_resources(redis_url), slept.append)
        made = World(clients, Vehicles(clients), slept)
        handlers.clients.cache_clear()
        handlers.vehicles.cache_clear()
        for name, value in clients.settings.__dict__.items():
            monkeypatch.setenv(f"STRATA_FLEET_{name.upper()}", str(value))
        # The functions make their own clients; that they sleep in no test is all that is changed.
        monkeypatch.setattr("time.sleep", slept.append)
        yield made


def make_resources(redis_url: str) -> Settings:
    """Makes bucket, queues and tables where the environment says that AWS is."""
    boto3.client("s3").create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    sqs = boto3.client("sqs")
    queues = {
        n: sqs.create_queue(QueueName=n)["QueueUrl"] for n in ("moving", "idle", "arrivals", "dead")
    }
    tables = {
        "fixes": (("vehicle_id", "S"), ("claim", "S")),
        "rejected": (("file_sha256", "S"), ("record_number", "N")),
        "vehicles": (("vehicle_id", "S"),),
        "files": (("sha256", "S"),),
    }
    dynamodb = boto3.client("dynamodb")
    for name, keys in tables.items():
        _create(dynamodb, name, keys)
    return Settings(**{name: name for name in tables}, **queues, redis=redis_url)


def _create(dynamodb: Any, name: str, keys: Any) -> None:
    index = {}
    attributes = dict(keys)
    if name == "rejected":
        attributes["vehicle_id"] = "S"
        schema = [{"AttributeName": "vehicle_id", "KeyType": "HASH"}]
        index = {
            "GlobalSecondaryIndexes": [
                {
                    "IndexName": "by_vehicle",
                    "KeySchema": schema,
                    "Projection": {"ProjectionType": "ALL"},
                }
            ]
        }
    dynamodb.create_table(
        TableName=name,
        KeySchema=[
            {"AttributeName": n, "KeyType": kind}
            for (n, _), kind in zip(keys, ("HASH", "RANGE"), strict=False)
        ],
        AttributeDefinitions=[
            {"AttributeName": n, "AttributeType": t} for n, t in attributes.items()
        ],
        BillingMode="PAY_PER_REQUEST",
        **index,
    )


# --- Redis ----------------------------------------------------------------------------------------


class RedisServer:
    """A real one, on loopback, that keeps nothing."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("redis-server") or shutil.which("valkey-server")
        assert program, "no Redis is here: run infra/local/redis.sh"
        self._program, self._folder = program, folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        # On a busy machine an answer may take longer than the 0.2 s that functions wait for it.
        self.url = f"redis://127.0.0.1:{self.port}?socket_timeout=20&socket_connect_timeout=20"
        self.start()

    def start(self) -> None:
        import redis

        self._process = subprocess.Popen(
            [self._program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
             "--appendonly", "no", "--dir", str(self._folder)],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        client, until = redis.Redis(port=self.port), time.monotonic() + 20
        while time.monotonic() < until:
            try:
                client.ping()
                return
            except redis.ConnectionError:
                self._process.poll()
                threading_wait()
        raise AssertionError("Redis did not start")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=20)


def threading_wait() -> None:
    """A wait that no patched `sleep` shortens."""
    import threading

    threading.Event().wait(0.02)
