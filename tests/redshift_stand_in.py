"""A stand-in for Redshift: its Data API over HTTP on loopback, with PostgreSQL behind it.

Statements run as they come; only COPY and UNLOAD, which PostgreSQL lacks, are done here as Redshift
documents them: exactly the manifest's files, each of the size that it names, columns by place. A
batch is one transaction. `main` serves until its standard input ends, for tests of processes:

    python -m tests.redshift_stand_in postgresql://…
"""

from __future__ import annotations

import io
import json
import os
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import psycopg
import pyarrow as pa
from pyarrow import parquet

_COPY = re.compile(
    r"COPY (?P<table>\S+) FROM '(?P<place>s3://[^']+)' IAM_ROLE \S+ FORMAT AS PARQUET MANIFEST"
)
_UNLOAD = re.compile(
    r"UNLOAD \('(?P<query>.+)'\) TO '(?P<place>s3://[^']+)' IAM_ROLE \S+ FORMAT AS PARQUET MANIFEST CLEANPATH"
)


class Redshift:
    """Statements, by number, and what became of them."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.ended: dict[str, dict[str, Any]] = {}
        self.results: dict[str, list[tuple[Any, ...]]] = {}
        self.seen: list[list[str]] = []

    def answer(self, action: str, asked: dict[str, Any]) -> dict[str, Any]:
        if action in ("ExecuteStatement", "BatchExecuteStatement"):
            return self._run(asked.get("Sqls") or [asked["Sql"]])
        if action == "DescribeStatement":
            return self.ended[asked["Id"]]
        if action == "GetStatementResult":
            rows = [[_cell(value) for value in row] for row in self.results[asked["Id"]]]
            return {"Records": rows, "TotalNumRows": len(rows)}
        return {"Status": True}

    def _run(self, statements: list[str]) -> dict[str, Any]:
        assert len(statements) <= 40, "the API's own limit"
        self.seen.append(statements)
        number = f"{len(self.seen):08d}-0000-0000-0000-000000000000"
        self.ended[number] = {"Id": number, "Status": "FINISHED"}
        sql = ""
        try:
            # One transaction: rolled back by whatever fails.
            with psycopg.connect(self.url) as connection:
                for sql in statements:
                    self.results[number] = _execute(connection, sql)
        except Exception as error:
            failed = {"Id": number, "Status": "FAILED", "Error": str(error), "QueryString": sql}
            self.ended[number] |= {
                "Status": "FAILED",
                "Error": str(error),
                "SubStatements": [failed],
            }
        return {"Id": number, "CreatedAt": 0}


def _execute(connection: psycopg.Connection[Any], sql: str) -> list[tuple[Any, ...]]:
    if sql.startswith("COPY "):
        found = _COPY.fullmatch(sql)
        assert found, f"no COPY of Redshift: {sql}"
        _copy(connection, found["table"], found["place"])
        return []
    if sql.startswith("UNLOAD "):
        found = _UNLOAD.fullmatch(sql)
        assert found, f"no UNLOAD of Redshift: {sql}"
        _unload(connection, found["query"].replace("''", "'"), found["place"])
        return []
    cursor = connection.execute(sql.replace("%", "%%"))  # type: ignore[arg-type]
    return cursor.fetchall() if cursor.description else []


def _copy(connection: psycopg.Connection[Any], table: str, manifest: str) -> None:
    for item in json.loads(_get(manifest))["entries"]:
        content = _get(item["url"])
        if len(content) != item["meta"]["content_length"]:
            raise ValueError("content_length of the manifest does not match the file")
        with connection.cursor().copy(f"COPY {table} FROM STDIN") as sink:  # type: ignore[arg-type]
            for batch in parquet.ParquetFile(io.BytesIO(content)).iter_batches():
                for row in batch.to_pylist():
                    sink.write_row(tuple(row.values()))


def _unload(connection: psycopg.Connection[Any], query: str, place: str) -> None:
    cursor = connection.execute(query)  # type: ignore[arg-type]
    names = [column.name for column in cursor.description or ()]
    rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    sink = io.BytesIO()
    parquet.write_table(
        pa.Table.from_pylist(rows) if rows else pa.table({n: pa.nulls(0) for n in names}), sink
    )
    _put(f"{place}0000_part_00.parquet", sink.getvalue())
    listed = {"entries": [{"url": f"{place}0000_part_00.parquet"}]}
    _put(f"{place}manifest", json.dumps(listed).encode())


def _s3() -> Any:
    return boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL_S3"])


def _get(address: str) -> bytes:
    bucket, _, key = address.removeprefix("s3://").partition("/")
    return bytes(_s3().get_object(Bucket=bucket, Key=key)["Body"].read())


def _put(address: str, content: bytes) -> None:
    bucket, _, key = address.removeprefix("s3://").partition("/")
    _s3().put_object(Bucket=bucket, Key=key, Body=content)


def _cell(value: Any) -> dict[str, Any]:
    if value is None:
        return {"isNull": True}
    return {"longValue": value} if isinstance(value, int) else {"stringValue": str(value)}


@contextmanager
def serving(redshift: Redshift) -> Iterator[str]:
    """The address of the API, as AWS_ENDPOINT_URL_REDSHIFT_DATA takes it."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            action = self.headers["X-Amz-Target"].split(".")[-1]
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = json.dumps(redshift.answer(action, asked)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


if __name__ == "__main__":
    with serving(Redshift(sys.argv[1])) as address:
        print(address, flush=True)
        sys.stdin.read()
