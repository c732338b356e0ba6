"""Whole processes on the toy feed: two at once, and `spark-submit` on S3. tests/faults kills
them."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from pyspark.sql import SparkSession
from strata.cli import main
from strata.errors import LeaseHeld
from strata.lake.versions import Warehouse
from strata.ledger import lease
from strata.ledger import publication as ledger

from tests.conftest import SETTINGS, TOY
from tests.unit.cli.test_stopped import StopsAt

pytestmark = pytest.mark.spark

BIN = Path(sys.executable).parent
SALES = [
    "id,shop,day,amount",
    "a1,s1,2024-01-01,10.50",
    "a2,s2,2024-01-01,3",
    "a2,s2,2024-01-01,3",
    "a3,s9,2024-01-02,5",
]


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    for source, lines in (("shops", ["shop,name", "s1,Alpha", "s2,Beta"]), ("sales", SALES)):
        folder = tmp_path / "raw" / "toy" / source
        folder.mkdir(parents=True)
        (folder / "a.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "raw"


def environment(**more: str) -> dict[str, str]:
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "STRATA_PROJECT": str(TOY), "PATH": path, **more}


def start(*command: str, **more: str) -> subprocess.Popen[str]:
    """A process that leads a group of its own, so that a kill takes its JVM too."""
    return subprocess.Popen(
        command,
        env=environment(**more),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def test_while_one_process_holds_a_feed_another_is_told_who_does(
    spark: SparkSession, raw: Path, tmp_path: Path
) -> None:
    with lease.hold(Warehouse(str(tmp_path / "warehouse")), "toy", "the-first"):
        second = start(
            str(BIN / "strata"),
            "run",
            "toy",
            "--raw",
            str(raw),
            "--warehouse",
            str(tmp_path / "warehouse"),
        )
        _, told = second.communicate(timeout=300)

    assert second.returncode == LeaseHeld.exit_code, told
    assert f"toy is held by run the-first (process {os.getpid()} on {socket.gethostname()}" in told
    assert ledger.read(Warehouse(str(tmp_path / "warehouse")), "toy") == ()


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket of an S3 server on loopback."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    for key, value in settings.items():
        monkeypatch.setenv(key, value)
    server = subprocess.Popen(
        [str(BIN / "moto_server"), "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for_port(port)
        boto3.client("s3").create_bucket(Bucket="lake")
        yield "lake"
    finally:
        server.terminate()
        server.wait()


def _wait_for_port(port: int) -> None:
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("the S3 server did not start")


def test_spark_submit_reads_and_writes_s3(
    raw: Path, bucket: str, capsys: pytest.CaptureFixture[str]
) -> None:
    client = boto3.client("s3")
    for file in raw.rglob("*.csv"):
        client.upload_file(str(file), bucket, f"raw/{file.relative_to(raw)}")
    # Few rows need neither many partitions nor compiled code.
    settings = [word for item in SETTINGS.items() for word in ("--conf", "=".join(item))]
    submit = [shutil.which("spark-submit", path=str(BIN)) or "", *settings]
    job = [*submit, str(TOY / "jobs" / "toy.py")]
    first = start(*job, "--raw", f"s3://{bucket}/raw", "--warehouse", f"s3a://{bucket}/lake")
    out, told = first.communicate(timeout=400)

    assert first.returncode == 0, out + told
    assert "2024-01-01       13.50      2" in out
    gates = {
        g.table: (g.rows_in, g.accepted, g.quarantined, g.folded)
        for g in _newest(f"s3://{bucket}/lake").gates
    }
    assert gates["bronze.toy_sales"] == (4, 4, 0, 0)
    assert gates["silver.toy_sales"] == (4, 2, 1, 1)
    # The other spelling of the address is the same warehouse: nothing is new.
    other = ["--raw", f"s3a://{bucket}/raw", "--warehouse", f"s3://{bucket}/lake"]
    assert main(["run", "toy", *other]) == 0
    assert "nothing new since publication 1" in capsys.readouterr().err


def _newest(root: str) -> ledger.Publication:
    latest = ledger.newest(ledger.read(Warehouse(root), "toy"))
    assert latest is not None
    return latest


def test_who_stops_a_run_behind_its_publication_is_told_what_was_published(
    spark: SparkSession, raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRATA_PROJECT", str(TOY))
    told = StopsAt("published as publication 1")
    monkeypatch.setattr(sys, "stderr", told)
    place = ["--raw", str(raw), "--warehouse", str(tmp_path / "warehouse")]
    assert main(["run", "toy", *place]) == 130
    assert told.getvalue().endswith(
        "strata: stopped; published since it began: toy (publication 1)\n"
    )
