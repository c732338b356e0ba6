"""What a machine lacks, told in one sentence, also of errors whose JVM is gone."""

from __future__ import annotations

import socket
from types import SimpleNamespace

import pytest
from py4j.java_gateway import GatewayClient
from py4j.protocol import Py4JJavaError
from strata.fs.trouble import explain, text_of


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("java.io.IOException: No space left on device", "room on the disk"),
        ("[Errno 28] No space left on device: '/lake/ops/x'", "room on the disk"),
        ("database or disk is full", "room on the disk"),  # SQLite's own words.
        (
            "org.apache.hadoop.security.AccessControlException: Permission denied: user=x, "
            "path=/lake",
            "permission to read or write there",
        ),
        ("java.io.IOException: File too large", "leave to write a file of this size"),
        (
            "java.io.FileNotFoundException: /lake/a.parquet (Read-only file system)",
            "leave to write: the file system is read-only",
        ),
        ("java.lang.OutOfMemoryError: Java heap space", "memory"),
        ("System memory 263192576 must be at least 471859200", "memory"),
        ("java.net.UnknownHostException: bucket.s3.amazonaws.com", "the network"),
    ],
)
def test_what_the_system_says_deep_in_a_chain_becomes_one_sentence(text: str, missing: str):
    try:
        try:
            raise OSError(text)
        except OSError as cause:
            raise RuntimeError(
                "An error occurred while calling o123.save.\n: "
                "org.apache.spark.SparkException: Job aborted."
            ) from cause
    except RuntimeError as error:
        told = explain(error)
    assert told is not None
    assert (told.resource, told.exit_code) == (missing, 9)
    assert "\n" not in str(told)


def test_an_error_of_another_kind_is_not_explained_away():
    assert explain(ValueError("invalid literal for int() with base 10: 'x'")) is None


def error_of_a_dead_jvm() -> Py4JJavaError:
    """An error whose text py4j asks the JVM for, behind a port that nobody listens at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    client = GatewayClient(address="127.0.0.1", port=port)
    return Py4JJavaError(
        "An error occurred", SimpleNamespace(_target_id="o1", _gateway_client=client)
    )


def test_an_error_of_a_dead_jvm_says_that_sparks_process_has_died():
    told = explain(error_of_a_dead_jvm())
    assert told is not None
    assert told.exit_code == 9
    assert "Spark's process to its end; it has died" in str(told)


def test_so_does_an_error_that_such_a_one_caused():
    try:
        raise ValueError("a table failed") from error_of_a_dead_jvm()
    except ValueError as error:
        told = explain(error)
    assert told is not None
    assert "it has died" in str(told)


def test_any_other_error_keeps_its_text():
    assert text_of(ValueError("not a number")) == "not a number"
