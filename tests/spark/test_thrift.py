"""The Spark Thrift server over a published warehouse, asked by PyHive; more in tests/nightly."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyhive import hive
from pyspark.sql import SparkSession
from strata.lake.versions import Warehouse
from strata.serve.thrift import Door, Server
from strata.spark import session

from tests.thrift_server import refused_by
from tests.unit.serve import small

pytestmark = pytest.mark.spark
DAYS, SALES = "gold.toy_days", "silver.toy_sales"
REFUSED = Path(__file__).parents[1] / "unit" / "serve" / "refused.sql"
# Clients of a server look around, and choose a database for themselves.
CHOICES = {
    "USE gold",
    "USE DATABASE gold",
    "USE spark_catalog.gold",
    "SELECT * FROM spark_catalog.gold.toy_days",
}
TYPES = pa.schema(
    [("sale_date", pa.date32()), ("amount_eur", pa.decimal128(18, 2)), ("sales", pa.int64())]
)


def generation(number: int, rows: int = 3) -> dict[str, pa.Table]:
    """Two tables of one publication, which say its number in each row."""
    days = [
        {"sale_date": date(2026, 1, 1 + row), "amount_eur": Decimal("0.10"), "sales": number}
        for row in range(rows)
    ]
    return {DAYS: pa.Table.from_pylist(days, TYPES), SALES: pa.Table.from_pylist(days, TYPES)}


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    made = Warehouse(str(tmp_path_factory.mktemp("warehouse")))
    small.publish(made, generation(1))
    return made


@pytest.fixture(scope="module")
def server(spark: SparkSession, warehouse: Warehouse) -> Iterator[Server]:
    started = Server(spark, session.java(spark), warehouse, Door(max_rows=4), lambda _: None)
    started.start()
    yield started
    started.stop()


def ask(server: Server, text: str, **options: Any) -> list[tuple[Any, ...]]:
    connection = hive.connect(server.host, server.port, **{"database": "gold", **options})
    cursor = connection.cursor()
    try:
        cursor.execute(text)
        return list(cursor.fetchall())
    finally:
        connection.close()


def refusal(server: Server, text: str) -> str:
    with pytest.raises(hive.OperationalError) as caught:
        ask(server, text)
    return refused_by(caught.value)


def test_a_client_reads_what_is_published_and_sees_what_it_means(server: Server) -> None:
    assert ask(server, "SELECT amount_eur, sales FROM toy_days ORDER BY sale_date LIMIT 1") == [
        (Decimal("0.10"), 1)
    ]
    assert [row[0] for row in ask(server, "SHOW DATABASES")] == [
        "default",
        "gold",
        "ops",
        "quarantine",
        "silver",
    ]
    assert ask(server, "SELECT feed, publication FROM ops.publications") == [("toy", 1)]
    assert ask(server, "SELECT ST_AsText(ST_Point(1, 2))") == [("POINT (1 2)",)]
    described = {row[0]: row[2] for row in ask(server, "DESCRIBE gold.toy_days")}
    assert described["sale_date"] == "Day. (key)"
    assert described["amount_eur"] == "Amount of the day. [EUR]"
    assert ("strata.key", "sale_date") in ask(server, "SHOW TBLPROPERTIES gold.toy_days")


def test_a_query_reads_one_publication_from_the_moment_it_is_published(
    server: Server, warehouse: Warehouse
) -> None:
    both = f"SELECT max(d.sales), max(s.sales) FROM {DAYS} d JOIN {SALES} s USING (sale_date)"
    for number in range(2, 6):
        small.publish(warehouse, generation(number))
        assert ask(server, both) == [(number, number)]
    assert ask(server, f"SELECT max(sales) FROM {DAYS} VERSION AS OF 2") == [(2,)]
    assert ask(server, f"SELECT max(sales) FROM {DAYS} TIMESTAMP AS OF '2026-03-03'") == [(3,)]
    assert "99" in refusal(server, f"SELECT * FROM {DAYS} VERSION AS OF 99")


def test_what_does_more_than_read_is_refused(server: Server, warehouse: Warehouse) -> None:
    texts = [line for line in REFUSED.read_text().splitlines() if line and not line.startswith("#")]
    assert len(texts) >= 200
    connection = hive.connect(server.host, server.port, database="gold")
    answered = []
    for text in texts:
        if text in CHOICES:
            continue
        cursor = connection.cursor()
        try:
            cursor.execute(text)
        except hive.OperationalError:
            continue
        answered.append(text)
    assert answered == []
    # Spark would put the server's environment and settings in the place of these.
    assert ask(server, "SELECT '${env:HOME}', '${spark.app.name}'") == [
        ("${env:HOME}", "${spark.app.name}")
    ]
    assert "toy_secret is not" in refusal(server, "SELECT * FROM toy_secret")
    assert "must be published" in refusal(server, f"SELECT * FROM delta.`{warehouse.path(DAYS)}`")
    assert "must be published" in refusal(server, "SELECT * FROM information_schema.tables")
    hidden = f"SELECT count(*) OVER w FROM {DAYS} WINDOW w AS (ORDER BY reflect('java.util.UUID', 'randomUUID'))"
    assert "reflect" in refusal(server, hidden)


@pytest.mark.parametrize("prefix", ["", "set:", "set:hiveconf:", "set:hivevar:", "set:system:"])
def test_a_connection_brings_no_settings(prefix: str, server: Server) -> None:
    brought = {
        f"{prefix}spark.sql.variable.substitute": "true",
        f"{prefix}spark.sql.session.timeZone": "Asia/Tokyo",
    }
    text = "SELECT '${env:HOME}', CAST(TIMESTAMP '2026-01-01 00:00:00Z' AS STRING)"
    try:
        found = ask(server, text, configuration=brought)
    except hive.OperationalError as error:
        found = [refused_by(error)]
    allowed = (
        "the server's settings are fixed; this connection sets spark.sql",
        ("${env:HOME}", "2026-01-01 00:00:00"),
    )
    assert len(found) == 1
    assert found[0] == allowed[1] or allowed[0] in found[0]


def test_a_query_gives_all_of_its_rows_or_an_error(server: Server) -> None:
    assert ask(server, "SELECT id FROM range(4) ORDER BY id DESC") == [(3,), (2,), (1,), (0,)]
    assert "4 rows" in refusal(server, "SELECT id FROM range(5)")
    assert ask(server, "SELECT id FROM range(5) ORDER BY id LIMIT 2") == [(0,), (1,)]


def test_clients_ask_side_by_side(server: Server) -> None:
    def count(_: int) -> list[tuple[Any, ...]]:
        return ask(server, f"SELECT count(*) FROM {DAYS}")

    with ThreadPoolExecutor(4) as clients:
        assert list(clients.map(count, range(8))) == [[(3,)]] * 8


def test_no_client_is_refused_while_others_come_and_leave(server: Server) -> None:
    def visit(_: int) -> None:
        hive.connect(server.host, server.port, database="gold").close()

    with ThreadPoolExecutor(8) as clients:
        # A refusal is raised here.
        assert len(list(clients.map(visit, range(200)))) == 200
