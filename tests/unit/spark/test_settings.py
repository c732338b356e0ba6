"""Required settings: each place's file has them, and a session that lacks one is told which."""

from __future__ import annotations

from pathlib import Path

import pytest
from strata.spark.settings import EXTENSIONS, IN_SESSION, REQUIRED, lacking

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
