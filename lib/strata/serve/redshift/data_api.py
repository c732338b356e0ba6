"""Redshift by its Data API: statements over HTTPS, without a driver, a network path or a password.

`redshift://WORKGROUP/DATABASE` is a serverless workgroup, `redshift://CLUSTER/DATABASE?user=NAME` a
provisioned cluster; `secret=ARN` names a secret instead of the caller's own role.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from strata.errors import CommitUnknown, GateFailed, ResourceMissing, UsageError

MOST = 40
"""Statements of one transaction, by the API's own limit."""
_OPTIONS = {"user", "secret", "schema", "role", "seconds"}
_ENDED = ("FINISHED", "FAILED", "ABORTED")


@dataclass(frozen=True)
class Target:
    """Where to load: a workgroup or cluster, a database, a schema, and the role that COPY takes."""

    name: str
    database: str
    user: str = ""
    secret: str = ""
    schema: str = "published"
    role: str = "default"
    seconds: float = 3600
    """How long a statement may take."""

    @property
    def request(self) -> dict[str, str]:
        """What every call of the API names."""
        place = {"ClusterIdentifier" if self.user else "WorkgroupName": self.name}
        if self.secret:
            place["SecretArn"] = self.secret
        elif self.user:
            place["DbUser"] = self.user
        return {**place, "Database": self.database}


def parse(url: str) -> Target:
    """A target from its address. UsageError where it is none."""
    parts = urlsplit(url)
    options = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    database = parts.path.strip("/")
    unknown = sorted(options.keys() - _OPTIONS)
    if parts.scheme != "redshift" or not parts.netloc or not database or unknown:
        what = f"unknown option {unknown[0]}" if unknown else f"got {url!r}"
        raise UsageError(
            "a load goes to redshift://WORKGROUP/DATABASE, with ?user=NAME for a cluster, "
            f"&schema=, &role=, &secret= and &seconds= where needed; {what}"
        )
    seconds = options.pop("seconds", "3600")
    if not re.fullmatch(r"[0-9]+", seconds):
        raise UsageError(f"seconds must be a whole number; got {seconds!r}")
    return Target(parts.netloc, database, seconds=float(seconds), **options)


@dataclass
class DataApi:
    """One database, asked by the Data API."""

    target: Target
    _client: Any = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self._client is None:
            import boto3

            self._client = boto3.client("redshift-data")

    def transact(self, statements: Sequence[str]) -> None:
        """Runs the statements in one transaction: all of them, or none.

        GateFailed with Redshift's own words where one fails; CommitUnknown where the end is not
        seen in time.
        """
        if len(statements) > MOST:
            raise UsageError(
                f"one transaction has at most {MOST} statements; this load has "
                f"{len(statements)}: export fewer tables to one folder"
            )
        if len(statements) == 1:
            self._wait(self._call("execute_statement", Sql=statements[0])["Id"])
        elif statements:
            self._wait(self._call("batch_execute_statement", Sqls=list(statements))["Id"])

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """The rows of a query, in its own order."""
        number = self._call("execute_statement", Sql=query)["Id"]
        self._wait(number)
        found: list[tuple[Any, ...]] = []
        token: dict[str, str] = {}
        while True:
            page = self._ask("get_statement_result", Id=number, **token)
            found += [tuple(map(_value, record)) for record in page["Records"]]
            if not page.get("NextToken"):
                return found
            token = {"NextToken": page["NextToken"]}

    def _call(self, name: str, **more: Any) -> Any:
        return self._ask(name, **self.target.request, **more)

    def _ask(self, name: str, **more: Any) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return getattr(self._client, name)(**more)
        except (BotoCoreError, ClientError) as error:
            first = " ".join(str(error).split())[:300]
            raise ResourceMissing(
                f"Redshift must answer for {self.target.name}; it said: {first}"
            ) from error

    def _wait(self, number: str) -> None:
        until, pause = time.monotonic() + self.target.seconds, 0.1
        while True:
            told = self._ask("describe_statement", Id=number)
            if told["Status"] in _ENDED:
                break
            if time.monotonic() > until:
                self._ask("cancel_statement", Id=number)
                raise CommitUnknown(
                    f"a load ends within {self.target.seconds:g} seconds; statement {number} did "
                    "not, and was cancelled: run again, which finds out what stands"
                )
            time.sleep(pause)
            pause = min(pause * 1.5, 5)
        if told["Status"] != "FINISHED":
            raise GateFailed(
                f"a load is done whole or not at all; Redshift has undone this one: {_why(told)}"
            )


def _why(told: dict[str, Any]) -> str:
    """Redshift's words, and the statement that failed."""
    failed = [s for s in told.get("SubStatements", ()) if s.get("Status") == "FAILED"]
    sql = " ".join(str(failed[0].get("QueryString", "")).split())[:160] if failed else ""
    error = (failed[0].get("Error") if failed else None) or told.get("Error") or "no reason given"
    return f"{' '.join(str(error).split())}{f' (in: {sql})' if sql else ''}"


def _value(cell: dict[str, Any]) -> Any:
    return None if cell.get("isNull") else next(iter(cell.values()))
