"""Names of queues and tables, from the environment of a function; clients of AWS."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config

from strata.errors import UsageError

# A function is billed while it waits: short limits, and few tries below the retries of our own.
_CONFIG = Config(
    connect_timeout=3, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 3}
)


@dataclass(frozen=True)
class Settings:
    """Where a function reads and writes; each field is `STRATA_FLEET_` and its name in capitals."""

    fixes: str = ""
    """Table of sound records, by vehicle, instant and claim."""
    rejected: str = ""
    """Table of rejected records, by file and number."""
    vehicles: str = ""
    """Table of what is known of each vehicle."""
    files: str = ""
    """Table of the files taken, by SHA-256."""
    moving: str = ""
    """URL of the queue of records of moving vehicles."""
    idle: str = ""
    """URL of the queue of all other records."""
    arrivals: str = ""
    """URL of the queue by which the splitter goes on with a file."""
    dead: str = ""
    """URL of the queue of what could not be done."""
    redis: str = ""
    """Address of the cache, e.g. rediss://host:6379; empty: none."""
    retention_days: int = 90
    """Days for which a fix is kept in the table, from when it is written."""

    @classmethod
    def from_environment(cls) -> Settings:
        """UsageError for a number that is none."""
        told = {f.name: os.environ.get(f"STRATA_FLEET_{f.name.upper()}", "") for f in fields(cls)}
        days = told.pop("retention_days") or "90"
        if not days.isdecimal():
            raise UsageError(f"STRATA_FLEET_RETENTION_DAYS must be a number of days; got {days!r}")
        return cls(**told, retention_days=int(days))


@dataclass(frozen=True)
class Clients:
    """What a function calls; made when first asked for, once a process."""

    settings: Settings
    sleep: Callable[[float], None] = field(default=lambda _: None)

    @cached_property
    def s3(self) -> Any:
        """Raw files."""
        return boto3.client("s3", config=_CONFIG)

    @cached_property
    def sqs(self) -> Any:
        """Queues."""
        return boto3.client("sqs", config=_CONFIG)

    @cached_property
    def dynamodb(self) -> Any:
        """Tables, with Python's own values."""
        return boto3.resource("dynamodb", config=_CONFIG).meta.client

    @cached_property
    def redis(self) -> Any:
        """The cache; None where there is none."""
        if not self.settings.redis:
            return None
        import redis

        # A cache that does not answer at once is no help.
        return redis.Redis.from_url(
            self.settings.redis, socket_connect_timeout=0.2, socket_timeout=0.2
        )


def backoff(attempt: int, base: float = 0.05, most: float = 5.0) -> float:
    """Seconds to wait before a further attempt, 0 being the first: anything up to a doubling limit,
    so that those who failed together do not come together again."""
    return random.uniform(0, min(most, base * 2**attempt))
