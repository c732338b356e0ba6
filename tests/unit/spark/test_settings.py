"""Required settings: each place's file has them, and a session that lacks one is told which."""

from __future__ import annotations

from pathlib import Path

import pytest
from strata.declare.feed import all_feeds
from strata.spark import session
from strata.spark.settings import EXTENSIONS, IN_SESSION, REQUIRED, UNTOLD, lacking, s3_settings

CONF = Path(__file__).resolve().parents[3] / "conf" / "spark"


def settings_of(place: str) -> dict[str, str]:
    lines = (CONF / f"{place}.conf").read_text().splitlines()
    pairs = [line.split(maxsplit=1) for line in lines if line and not line.startswith("#")]
    return {key: value.strip() for key, value in pairs}


@pytest.mark.parametrize(("place", "on_databricks"), [("emr", False), ("databricks", True)])
def test_the_file_of_each_place_has_all_that_a_session_needs(
    place: str, on_databricks: bool
) -> None:
    assert lacking(settings_of(place).get, on_databricks) == []


@pytest.mark.parametrize("key", REQUIRED)
def test_each_setting_that_is_missing_or_another_is_named(key: str) -> None:
    for has in (None, "something else"):
        told = lacking({**REQUIRED, key: has}.get)
        assert len(told) == 1
        assert told[0].startswith(f"{key}=")
        assert f"(it has {has or 'none'})" in told[0]


def test_further_extensions_and_databricks_own_delta_are_no_lack() -> None:
    more = {**REQUIRED, EXTENSIONS: f"com.acme.Audit,{REQUIRED[EXTENSIONS]}"}
    assert lacking(more.get) == []
    of_theirs = {
        **REQUIRED,
        EXTENSIONS: "org.apache.sedona.sql.SedonaSqlExtensions",
        "spark.sql.catalog.spark_catalog": "com.databricks.sql.transaction.Catalog",
    }
    assert lacking(of_theirs.get, on_databricks=True) == []
    assert len(lacking(of_theirs.get)) == 2


def test_what_a_running_session_takes_is_set_and_not_asked_of_the_cluster() -> None:
    assert "spark.sql.ansi.enabled" in IN_SESSION
    assert not set(IN_SESSION) & {EXTENSIONS, "spark.serializer", "spark.kryo.registrator"}


def test_a_feed_that_asks_nothing_of_places_does_without_sedona() -> None:
    delta = "io.delta.sql.DeltaSparkSessionExtension"
    plain = {**REQUIRED, EXTENSIONS: delta, "spark.serializer": None}
    del plain["spark.kryo.registrator"]
    assert lacking(plain.get, spatial=False) == []
    assert len(lacking(plain.get)) == 3
    assert {feed.name: feed.is_spatial for feed in all_feeds() if feed.name != "toy"} == {
        "commerce": False, "fleet": True, "launches": False, "residents": False, "soil": True,
    }  # fmt: skip


def test_serverless_compute_may_keep_to_itself_what_nobody_can_set_there() -> None:
    session = {**dict.fromkeys(REQUIRED, UNTOLD), **{key: REQUIRED[key] for key in IN_SESSION}}
    assert lacking(session.get, on_databricks=True, spatial=False) == []
    # Elsewhere each session tells of all.
    assert lacking(session.get, spatial=False) != []
    # A setting that it does tell of must be right.
    assert lacking({**session, "spark.sql.ansi.enabled": "false"}.get, True, False) == [
        "spark.sql.ansi.enabled=true (it has false)"
    ]


def test_a_server_that_speaks_s3_is_asked_in_its_own_region(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """S3A signs for us-east-2 where it is told none; versitygw answers that with 400."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:7070")
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    assert s3_settings()["spark.hadoop.fs.s3a.endpoint.region"] == "us-east-1"
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    told = s3_settings()
    assert told["spark.hadoop.fs.s3a.endpoint.region"] == "eu-west-1"
    assert told["spark.hadoop.fs.s3a.endpoint"] == "http://127.0.0.1:7070"
    # AWS itself is asked where the SDK says.
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
    assert "spark.hadoop.fs.s3a.endpoint.region" not in s3_settings()


def test_java_gives_back_what_a_large_load_no_longer_needs() -> None:
    large, small = (session.local(rows)["spark.driver.extraJavaOptions"] for rows in (False, True))
    assert "-XX:G1PeriodicGCInterval=10000" in large
    assert "-XX:+UseSerialGC" in small
    assert "G1" not in small
