"""Exports loaded into Redshift, with PostgreSQL in its place: one transaction, counted, never older."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import boto3
import psycopg
import pytest
from strata.cli import main
from strata.errors import CommitUnknown, Damaged, GateFailed, ResourceMissing, UsageError
from strata.lake.versions import Warehouse
from strata.serve.export import copy_tables
from strata.serve.postgres.server import Server
from strata.serve.redshift import load_export, statements
from strata.serve.redshift.data_api import DataApi, parse

from tests import s3_server
from tests.doors.publishing import publish
from tests.redshift_stand_in import Redshift, serving

REUSE, TURNS = "gold.launches_core_reuse", "gold.launches_core_turnarounds"
AT = datetime(2020, 3, 1, 12, 0, 0, 1, timezone.utc)
CORES = [
    {
        "core_id": f"c'{n}", "flights": n, "reuse_count": n - 1, "first_launch_at": AT, "last_launch_at": AT,
        "coarse_flights": 0, "upcoming_flights": 0, "repeated_flights": 0, "source_disagreements": 0,
    }
    for n in (1, 2, 3)
]  # fmt: skip
AGAIN = [
    {
        "core_id": "c'2", "reuse_number": 1, "flight_id": "f2", "launch_at": AT, "launch_year": 2020,
        "previous_flight_id": "f1", "previous_launch_at": AT, "turnaround_rule": "measured",
        "least_turnaround_days": 0.1, "turnaround_days": 0.1,
    }
]  # fmt: skip
PLACE, TO = "s3://exports/launches", "redshift://analysts/strata"


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    with s3_server.serve() as endpoint:
        yield endpoint


@pytest.fixture
def redshift(
    s3: str, cluster: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Redshift]:
    for name, value in s3_server.environment(s3).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3)
    client = boto3.client("s3", endpoint_url=s3)
    client.create_bucket(Bucket="exports")
    for item in client.list_objects_v2(Bucket="exports").get("Contents", ()):
        client.delete_object(Bucket="exports", Key=item["Key"])
    with psycopg.connect(cluster.superuser_url) as connection:
        connection.execute("DROP SCHEMA IF EXISTS published CASCADE")
    database = Redshift(cluster.superuser_url)
    with serving(database) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL_REDSHIFT_DATA", address)
        yield database


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    made = Warehouse(str(tmp_path / "warehouse"))
    publish(made, "launches", {REUSE: CORES, TURNS: AGAIN})
    return made


def export(warehouse: Warehouse) -> None:
    copy_tables(warehouse, [REUSE, TURNS], PLACE)


def load(**more: Any) -> dict[str, tuple[int, str]]:
    return {
        one.table: (one.publication, one.outcome) for one in load_export(PLACE, parse(TO), **more)
    }


def ask(redshift: Redshift, sql: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(redshift.url) as connection:
        return connection.execute(sql).fetchall()  # type: ignore[arg-type]


def test_a_load_has_the_publications_rows_and_says_so(
    redshift: Redshift, warehouse: Warehouse
) -> None:
    export(warehouse)
    made = (1, "made and loaded")
    assert load(check=True) == {"launches_core_reuse": made, "launches_core_turnarounds": made}
    rows = ask(
        redshift,
        "SELECT core_id, flights, first_launch_at FROM published.launches_core_reuse ORDER BY flights",
    )
    assert rows == [(core["core_id"], core["flights"], AT) for core in CORES]
    notes = "SELECT table_name, feed, publication, run_id, row_count FROM published.strata_exports ORDER BY 1"
    assert ask(redshift, notes) == [
        ("launches_core_reuse", "launches", 1, "run-launches-1", 3),
        ("launches_core_turnarounds", "launches", 1, "run-launches-1", 1),
    ]
    comment = "SELECT obj_description('published.launches_core_reuse'::regclass), col_description('published.launches_core_turnarounds'::regclass, 10)"
    ((table, column),) = ask(redshift, comment)
    assert "one row per core that has flown" in table
    assert column.endswith("Unit: d.")
    # All tables of a load move in one transaction, each by a COPY of exactly its manifest.
    (filled,) = [batch for batch in redshift.seen if any(sql.startswith("COPY") for sql in batch)]
    assert [sql.split(" IAM_ROLE")[0] for sql in filled if sql.startswith("COPY")] == [
        f'COPY "published"."{name}" FROM \'{PLACE}/{name}/publication-1.manifest\''
        for name in ("launches_core_reuse", "launches_core_turnarounds")
    ]


def test_the_next_publication_replaces_all_and_the_same_one_nothing(
    redshift: Redshift, warehouse: Warehouse
) -> None:
    export(warehouse)
    load()
    before = len(redshift.seen)
    assert {outcome for _, outcome in load().values()} == {"up to date"}
    assert not any(sql.startswith("COPY") for batch in redshift.seen[before:] for sql in batch)
    publish(warehouse, "launches", {REUSE: CORES[:1]})
    export(warehouse)
    assert set(load().values()) == {(2, "loaded")}
    assert ask(redshift, "SELECT count(*) FROM published.launches_core_reuse") == [(1,)]


def test_what_does_not_add_up_is_undone_whole(redshift: Redshift, warehouse: Warehouse) -> None:
    export(warehouse)
    load()
    publish(warehouse, "launches", {REUSE: CORES[:1], TURNS: []})
    export(warehouse)
    client = boto3.client("s3", endpoint_url=None)
    key = "launches/manifest.json"
    text = client.get_object(Bucket="exports", Key=key)["Body"].read().decode()
    client.put_object(
        Bucket="exports", Key=key, Body=text.replace('"row_count": 1', '"row_count": 7').encode()
    )
    with pytest.raises(GateFailed, match="undone this one: division by zero"):
        load()
    assert ask(redshift, "SELECT count(*) FROM published.launches_core_reuse") == [(3,)]
    assert ask(redshift, "SELECT DISTINCT publication FROM published.strata_exports") == [(1,)]


def test_an_object_that_is_another_one_is_not_loaded(
    redshift: Redshift, warehouse: Warehouse
) -> None:
    export(warehouse)
    client = boto3.client("s3")
    listed = client.list_objects_v2(Bucket="exports")["Contents"]
    key = next(o["Key"] for o in listed if o["Key"].endswith(".parquet"))
    size = len(client.get_object(Bucket="exports", Key=key)["Body"].read())
    client.put_object(Bucket="exports", Key=key, Body=b"x" * size)
    with pytest.raises(Damaged, match="is another one"):
        load()
    client.delete_object(Bucket="exports", Key=key)
    with pytest.raises(Damaged, match="is gone"):
        load()
    assert redshift.seen == [], "Redshift was asked for nothing"


def test_never_older_over_newer_even_if_both_began_at_once(
    redshift: Redshift, warehouse: Warehouse
) -> None:
    export(warehouse)
    load()
    with psycopg.connect(redshift.url) as connection:
        connection.execute("UPDATE published.strata_exports SET publication = 9")
    with pytest.raises(
        UsageError, match="holds publication 9 of launches, and the export publication 1"
    ):
        load()
    # The transaction itself refuses too: what another load did since the look.
    entry = {
        "table_name": "launches_core_reuse",
        "feed": "launches",
        "publication": 1,
        "row_count": 3,
    }
    filling = statements.fill(
        "published",
        [
            entry
            | dict.fromkeys(("source", "run_id", "digest"), "x")
            | {"published_at": None, "version": 1}
        ],
        ["s3://exports/none"],
        "default",
    )
    with pytest.raises(GateFailed, match="division by zero"):
        DataApi(parse(TO)).transact(filling)


def test_a_table_of_other_columns_is_made_anew(redshift: Redshift, warehouse: Warehouse) -> None:
    export(warehouse)
    load()
    with psycopg.connect(redshift.url) as connection:
        connection.execute("ALTER TABLE published.launches_core_reuse DROP COLUMN reuse_count")
        connection.execute(
            "CREATE VIEW published.mine AS SELECT core_id FROM published.launches_core_reuse"
        )
    assert load()["launches_core_reuse"] == (1, "made anew and loaded")
    assert ask(redshift, "SELECT max(reuse_count) FROM published.launches_core_reuse") == [(2,)]


@pytest.mark.parametrize("change", ["DROP TABLE {}", "ALTER TABLE {} DROP COLUMN reuse_count"])
def test_a_table_made_anew_whose_filling_failed_is_filled_by_the_next_load(
    redshift: Redshift, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    export(warehouse)
    load()
    with psycopg.connect(redshift.url) as connection:
        connection.execute(change.format("published.launches_core_reuse"))  # type: ignore[arg-type]
    with monkeypatch.context() as broken:
        broken.setattr("tests.redshift_stand_in._copy", lambda *_: 1 / 0)
        with pytest.raises(GateFailed):
            load()
    assert ask(redshift, "SELECT count(*) FROM published.launches_core_reuse") == [(0,)]
    assert load() == {
        "launches_core_reuse": (1, "loaded"),
        "launches_core_turnarounds": (1, "up to date"),
    }
    assert ask(redshift, "SELECT count(*) FROM published.launches_core_reuse") == [(3,)]


def test_the_unload_check_finds_a_figure_that_changed(
    redshift: Redshift, warehouse: Warehouse
) -> None:
    export(warehouse)
    load()
    with psycopg.connect(redshift.url) as connection:
        connection.execute("UPDATE published.launches_core_reuse SET flights = 8 WHERE flights = 3")
    with pytest.raises(GateFailed, match="total of flights is 11 and should be 6"):
        load(check=True)


def test_the_command(
    redshift: Redshift, warehouse: Warehouse, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["load", PLACE, "--to", TO]) == 2
    assert "is not there" in capsys.readouterr().err
    export(warehouse)
    assert main(["load", PLACE, "--to", TO, "--check"]) == 0
    assert "made and loaded" in capsys.readouterr().out


# --- without a database --------------------------------------------------------------------------

ENTRY = {
    "table_name": "shop_days", "source": "gold.shop_days", "feed": "shop", "publication": 3, "run_id": "r", "version": 4,
    "published_at": None, "row_count": 2, "digest": "d", "purpose": "The shop's days.", "grain": "one row per day",
    "columns": [
        {"name": "sale_date", "type": "date", "unit": None, "required": True, "is_key": True, "description": "Day"},
        {"name": "revenue", "type": "decimal(18,2)", "unit": "EUR", "required": False, "is_key": False, "description": "It's \\ sum"},
    ],
}  # fmt: skip


def test_what_redshift_is_told() -> None:
    assert statements.create("published", ENTRY) == [
        'CREATE TABLE "published"."shop_days" ("sale_date" date NOT NULL, "revenue" numeric(18,2), PRIMARY KEY ("sale_date"))',
        "COMMENT ON TABLE \"published\".\"shop_days\" IS 'The shop''s days. Grain: one row per day.'",
        'COMMENT ON COLUMN "published"."shop_days"."sale_date" IS \'Day\'',
        'COMMENT ON COLUMN "published"."shop_days"."revenue" IS \'It\'\'s / sum Unit: EUR.\'',
    ]
    role = "arn:aws:iam::123456789012:role/copy"
    assert statements.fill("published", [ENTRY], ["s3://b/shop_days/publication-3.manifest"], role) == [
        'LOCK TABLE "published"."strata_exports"',
        "SELECT 1 / CASE WHEN count(*) = 0 THEN 1 ELSE 0 END AS holds FROM \"published\".\"strata_exports\" WHERE (feed = 'shop' AND publication > 3)",
        'DELETE FROM "published"."shop_days"',
        f"COPY \"published\".\"shop_days\" FROM 's3://b/shop_days/publication-3.manifest' IAM_ROLE '{role}' FORMAT AS PARQUET MANIFEST",
        'SELECT 1 / CASE WHEN count(*) = 2 THEN 1 ELSE 0 END AS holds FROM "published"."shop_days"',
        "DELETE FROM \"published\".\"strata_exports\" WHERE table_name IN ('shop_days')",
        'INSERT INTO "published"."strata_exports" (table_name, source, feed, publication, run_id, published_at, version, row_count, digest) '
        "VALUES ('shop_days', 'gold.shop_days', 'shop', 3, 'r', NULL, 4, 2, 'd')",
    ]  # fmt: skip
    with pytest.raises(UsageError, match=r"shop_days.tags is array<string>"):
        statements.create(
            "s",
            ENTRY | {"columns": [{**ENTRY["columns"][0], "name": "tags", "type": "array<string>"}]},
        )  # type: ignore[index,operator]


def test_an_address_names_a_workgroup_or_a_cluster() -> None:
    assert parse(TO).request == {"WorkgroupName": "analysts", "Database": "strata"}
    assert parse("redshift://big/strata?user=loader&schema=lake").request == {
        "ClusterIdentifier": "big", "DbUser": "loader", "Database": "strata",
    }  # fmt: skip
    for wrong in (
        "redshift://analysts",
        "postgresql://a/b",
        TO + "?colour=red",
        TO + "?seconds=soon",
    ):
        with pytest.raises(UsageError):
            parse(wrong)


class Slow:
    """A client whose statement never ends; it remembers what was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Any:
        self.asked.append(name)
        return lambda **_: {"Id": "7", "Status": "STARTED"}


def test_a_statement_that_does_not_end_is_cancelled_and_its_outcome_called_unknown() -> None:
    client = Slow()
    with pytest.raises(CommitUnknown, match="statement 7"):
        DataApi(parse(TO + "?seconds=0"), client).transact(["SELECT 1"])
    assert client.asked[-1] == "cancel_statement"
    with pytest.raises(UsageError, match="at most 40 statements; this load has 41"):
        DataApi(parse(TO), client).transact(["SELECT 1"] * 41)


def test_calls_are_those_that_an_independent_emulator_takes(
    s3: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Moto runs no SQL and ends no statement, but holds each call to the API's own shapes."""
    for name, value in s3_server.environment(s3).items():
        monkeypatch.setenv(name, value)
    for to in (f"{TO}?seconds=0", "redshift://big/strata?user=loader&seconds=0"):
        # Asked, described and cancelled: a call of another shape would be told as one.
        with pytest.raises(CommitUnknown, match="was cancelled"):
            DataApi(parse(to)).transact(["SELECT 1"])


def test_without_redshift_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in s3_server.environment("http://127.0.0.1:9").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(ResourceMissing, match="Redshift must answer for analysts"):
        DataApi(parse(TO)).rows("SELECT 1")
