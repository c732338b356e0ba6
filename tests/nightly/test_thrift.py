"""The Spark Thrift server as people start it, asked by every kind of client, and attacked."""

from __future__ import annotations

import csv
import importlib
import io
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyhive import hive
from strata.lake.versions import Warehouse
from strata.serve import duck
from strata.serve.published import Published
from strata.serve.thrift import guard, passwords

from tests import ldap_server
from tests.samples import Samples
from tests.spark.test_thrift import generation
from tests.thrift_server import ROOT, Running, refused_by, serving
from tests.unit.serve import small

pytestmark = pytest.mark.nightly
FEEDS = ("commerce", "fleet", "launches", "residents", "soil")
QUESTIONS = sorted((ROOT / "docs" / "sql").glob("*.sql"))
TOY = ROOT / "tests" / "toy_project"


@pytest.fixture(scope="module")
def server(samples: Samples) -> Iterator[Running]:
    with serving(samples.warehouse.root) as running:
        yield running


def by_duckdb(samples: Samples, path: Path) -> list[dict[str, Any]]:
    rows = duck.query(Published(samples.warehouse), path.read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = rows.to_pylist(maps_as_pydicts="strict")
    return found


def plain(value: Any) -> Any:
    """As text that every client can be compared by: numbers by value, times in UTC."""
    if isinstance(value, datetime):
        utc = value.astimezone(timezone.utc) if value.tzinfo else value
        return utc.strftime("%Y-%m-%d %H:%M:%S") + (
            f".{utc.microsecond:06d}".rstrip("0").rstrip(".")
        )
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: None}[value]
    if isinstance(value, (int, Decimal)):
        return str(Decimal(value).normalize() + 0)
    return repr(value) if isinstance(value, float) else str(value)


@pytest.mark.spark
@pytest.mark.samples(*FEEDS)
@pytest.mark.parametrize("path", QUESTIONS, ids=lambda path: path.stem)
def test_the_questions_by_pyhive(path: Path, server: Running, samples: Samples) -> None:
    expected = [[plain(value) for value in row.values()] for row in by_duckdb(samples, path)]
    asked = server.ask(path.read_text(encoding="utf-8"))
    assert expected
    assert [[plain(value) for value in row] for row in asked] == expected


@pytest.mark.spark
@pytest.mark.samples(*FEEDS)
def test_the_questions_by_beeline_over_jdbc(
    server: Running, samples: Samples, tmp_path: Path
) -> None:
    script = tmp_path / "all.sql"
    texts = [path.read_text(encoding="utf-8").rstrip() for path in QUESTIONS]
    script.write_text("".join(f"{text};\nSELECT 'end';\n" for text in texts))
    command = [
        str(guard.spark_home() / "bin" / "beeline"),
        "-u",
        f"jdbc:hive2://127.0.0.1:{server.port}/gold",
        "--silent=true",
    ]
    done = subprocess.run(
        [*command, "--outputformat=csv2", "--nullemptystring=true", "--showHeader=false", "-f", str(script)],
        capture_output=True, timeout=300, env={**os.environ, "HADOOP_CLIENT_OPTS": "-Xmx200m"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    # Beeline writes the prompt of a script over itself.
    told = re.sub(r"\rnull *\rnull", "", done.stdout.decode())
    answers = told.split("end\n")[:-1]
    assert len(answers) == len(QUESTIONS)
    for path, answer in zip(QUESTIONS, answers, strict=True):
        expected = [
            [plain(value) or "" for value in row.values()] for row in by_duckdb(samples, path)
        ]
        lines = list(csv.reader(io.StringIO(answer)))
        assert [[same(cell) for cell in row] for row in lines if row] == [
            [same(cell) for cell in row] for row in expected
        ]


def same(cell: str) -> str:
    """`1.50` and `1.5` are one number."""
    try:
        return repr(float(cell))
    except ValueError:
        return cell.removesuffix(".0")


@pytest.mark.spark
@pytest.mark.samples(*FEEDS)
def test_the_questions_by_dbt_spark(server: Running, samples: Samples, tmp_path: Path) -> None:
    sys.path.insert(0, str(ROOT / "infra" / "local"))
    dbt = importlib.import_module("environments").install("dbt") / "bin" / "dbt"
    (tmp_path / "dbt_project.yml").write_text(
        "name: asked\nversion: 1.0.0\nconfig-version: 2\nprofile: strata\n"
    )
    thrift = {"type": "spark", "method": "thrift", "host": "127.0.0.1", "port": server.port}
    output = thrift | {"schema": "gold", "threads": 1}
    profile = {"strata": {"target": "thrift", "outputs": {"thrift": output}}}
    (tmp_path / "profiles.yml").write_text(json.dumps(profile))
    own = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    for path in QUESTIONS:
        text = path.read_text(encoding="utf-8")
        done = subprocess.run(
            [dbt, "--quiet", "show", "--inline", text, "--output", "json", "--limit", "-1"],
            cwd=tmp_path, env=own, capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-2000:]
        shown = json.loads(done.stdout[done.stdout.index("{") :])["show"]
        expected = by_duckdb(samples, path)
        assert [list(row) for row in shown] == [list(row) for row in expected]
        assert len(shown) == len(expected) > 0


@pytest.mark.spark
@pytest.mark.samples(*FEEDS)
def test_every_published_table_is_listed_with_its_words(server: Running, samples: Samples) -> None:
    published = Published(samples.warehouse)
    names = [n for n in published.tables() if not n.startswith("bronze.")]
    listed: set[str] = set()
    end = time.monotonic() + 120
    while len(listed) < 35 and time.monotonic() < end:
        listed = {
            f"{d}.{row[1]}"
            for d in ("gold", "silver", "quarantine", "ops")
            for row in server.ask(f"SHOW TABLES IN {d}")
        }
        time.sleep(1)
    personal = {n for n in names if n not in listed}
    assert {n for n in personal if not n.startswith("quarantine.")} == {
        "gold.residents_by_authority_internal", "gold.residents_history_internal", *(n for n in personal if n.startswith("silver.residents_")),
    }  # fmt: skip
    assert listed <= set(names)
    for name in sorted(listed):
        assert server.ask(f"SELECT count(*) FROM {name}") == [(published.table(name).rows,)], name
    described = server.ask("DESCRIBE gold.launches_core_turnarounds")
    assert all(row[2] for row in described)


# --- publications ---------------------------------------------------------------------------------

PUBLISHER = """
import sys
from strata.lake.versions import Warehouse
from tests.spark.test_thrift import generation
from tests.unit.serve import small
for number in range(2, int(sys.argv[2]) + 1):
    small.publish(Warehouse(sys.argv[1]), generation(number))
    print(number, flush=True)
"""


@pytest.mark.spark
def test_readers_see_100_publications_whole_and_at_once(tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path / "warehouse"))
    small.publish(warehouse, generation(1))
    told, is_done, seen, wrong = [1], threading.Event(), set(), []
    both = "SELECT min(d.sales), max(d.sales), min(s.sales), max(s.sales) FROM gold.toy_days d JOIN silver.toy_sales s USING (sale_date)"

    def read(server: Running) -> None:
        cursor = server.connect().cursor()
        while not is_done.is_set() or told[0] not in seen:
            announced = told[0]
            try:
                cursor.execute(both)
                found = set(cursor.fetchall()[0])
            except Exception as error:
                wrong.append(refused_by(error))
                return
            if len(found) != 1 or min(found) < announced:
                wrong.append((announced, found))
            seen.update(found)

    with serving(warehouse.root, project=TOY) as server:
        readers = [threading.Thread(target=read, args=(server,)) for _ in range(3)]
        for reader in readers:
            reader.start()
        command = [sys.executable, "-c", PUBLISHER, warehouse.root, "101"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as publisher:
            assert publisher.stdout
            for line in publisher.stdout:
                told[0] = int(line)
        is_done.set()
        for reader in readers:
            reader.join(120)
    assert wrong == []
    assert told == [101]
    assert 101 in seen
    assert len(seen) > 3


@pytest.mark.spark
def test_a_query_that_takes_too_long_is_cancelled(tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path / "warehouse"))
    small.publish(warehouse, generation(1))
    options = ["--max-seconds", "20"]
    with serving(warehouse.root, *options, project=TOY) as server:
        count = "SELECT count(*) FROM gold.toy_days"
        assert server.ask(count) == [(3,)]
        with pytest.raises(hive.OperationalError):
            server.ask(
                "SELECT sum(a.id * b.id) FROM range(10000000) a CROSS JOIN range(10000000) b"
            )
        # It does not go on: the next one finds the cores free.
        started = time.monotonic()
        assert server.ask(count) == [(3,)]
        assert time.monotonic() - started < 20


@pytest.mark.spark
def test_spark_submit_starts_it_too(tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path / "warehouse"))
    small.publish(warehouse, generation(1))
    with serving(warehouse.root, project=TOY, submit=True) as server:
        assert server.ask("SELECT count(*) FROM gold.toy_days") == [(3,)]
        with pytest.raises(hive.OperationalError):
            server.ask("DROP VIEW gold.toy_days")


# --- who may come in ------------------------------------------------------------------------------


@pytest.fixture
def toy(tmp_path: Path) -> str:
    root = str(tmp_path / "warehouse")
    small.publish(Warehouse(root), generation(1))
    return root


def keystore(folder: Path, secret: str) -> tuple[Path, Path]:
    """A key and certificate of this machine as PKCS12, and the certificate alone."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        Encoding,
        pkcs12,
    )

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(timezone.utc)
    import ipaddress

    certificate = (
        x509.CertificateBuilder(
            name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1)
        )
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(True, None), True)
        .sign(key, hashes.SHA256())
    )
    stored, alone = folder / "server.p12", folder / "server.pem"
    stored.write_bytes(
        pkcs12.serialize_key_and_certificates(
            b"server", key, certificate, None, BestAvailableEncryption(secret.encode())
        )
    )
    alone.write_bytes(certificate.public_bytes(Encoding.PEM))
    return stored, alone


def over_tls(server: Running, trusted: Path, user: str, password: str) -> list[Any]:
    """One question by PyHive over TLS, with the transport that it takes from its caller."""
    import thrift_sasl
    from pyhive.sasl_compat import PureSASLClient
    from thrift.transport.TSSLSocket import TSSLSocket

    context = ssl.create_default_context(cafile=str(trusted))
    secured = TSSLSocket("127.0.0.1", server.port, ssl_context=context, server_hostname="127.0.0.1")

    def client() -> Any:
        return PureSASLClient("127.0.0.1", username=user, password=password, service="hive")

    transport = thrift_sasl.TSaslClientTransport(client, "PLAIN", secured)
    cursor = hive.connect(thrift_transport=transport).cursor()
    cursor.execute("SELECT count(*) FROM gold.toy_days")
    return list(cursor.fetchall())


@pytest.mark.spark
def test_a_password_file_and_tls_keep_others_out(toy: str, tmp_path: Path) -> None:
    people = tmp_path / "people"
    passwords.add(people, "ada", "correct horse")
    stored, alone = keystore(tmp_path, "a secret of the keystore")
    options = ["--passwords", str(people), "--keystore", str(stored)]
    secret = {"STRATA_THRIFT_KEYSTORE_PASSWORD": "a secret of the keystore"}
    with serving(toy, *options, project=TOY, **secret) as server:
        assert over_tls(server, alone, "ada", "correct horse") == [(3,)]
        for user, password in [
            ("ada", "wrong horse"),
            ("bob", "correct horse"),
            ("nobody", ""),
            ("", ""),
        ]:
            with pytest.raises(Exception, match=r"(?i)valid|auth|sasl|peer|username|password"):
                over_tls(server, alone, user, password)
        stranger = ssl.create_default_context()
        with (
            pytest.raises(ssl.SSLCertVerificationError),
            socket.create_connection(("127.0.0.1", server.port), 10) as plain_socket,
        ):
            stranger.wrap_socket(plain_socket, server_hostname="127.0.0.1")
        with pytest.raises(
            Exception, match=r"(?i)socket|sasl|read|connect|ssl|transport|closed|reset|size"
        ):
            server.ask("SELECT 1", auth="CUSTOM", username="ada", password="correct horse")
        passwords.add(people, "ada", "another horse")
        assert over_tls(server, alone, "ada", "another horse") == [(3,)]
        listed = subprocess.run(["ps", "-ewwo", "args"], capture_output=True, text=True).stdout
        assert str(stored.name) in listed
        assert "a secret of the keystore" not in listed


@contextmanager
def directory() -> Iterator[int]:
    command = [sys.executable, "-m", "tests.ldap_server"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stdout
        yield int(process.stdout.readline())
        process.communicate("")


@pytest.mark.spark
def test_a_directory_says_who_comes_in(toy: str) -> None:
    with directory() as port:
        options = [
            "--ldap",
            f"ldap://127.0.0.1:{port}",
            "--ldap-dn",
            f"uid=%s,{ldap_server.PEOPLE}",
        ]
        with serving(toy, *options, project=TOY) as server:
            known = {"auth": "LDAP", "username": ldap_server.NAME}
            assert server.ask(
                "SELECT count(*) FROM gold.toy_days", password=ldap_server.PASSWORD, **known
            ) == [(3,)]
            for wrong in (
                {**known, "password": "wrong"},
                {**known, "username": "bob", "password": ldap_server.PASSWORD},
            ):
                with pytest.raises(Exception, match=r"(?i)auth|sasl|valid"):
                    server.ask("SELECT 1", **wrong)


# --- a metastore that several applications share ---------------------------------------------------

OTHER = """
import sys
from pyspark.sql import SparkSession
spark = (SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
    .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
    .config("spark.driver.extraClassPath", sys.argv[1]).enableHiveSupport().getOrCreate())
print("rows", spark.sql("SELECT max(sales) FROM gold.toy_days").collect()[0][0])
print("words", {row[0]: row[2] for row in spark.sql("DESCRIBE gold.toy_days").collect()}["amount_eur"])
"""


@pytest.mark.spark
def test_a_metastore_on_postgresql_is_shared(toy: str, tmp_path: Path) -> None:
    import psycopg
    from strata.serve.postgres.local import running
    from strata.serve.thrift import metastore, site

    secret = "a secret of 'the' metastore \\ and more"
    # PostgreSQL runs as a user of its own where the tests run as root, and must reach its folder.
    place = Path(tempfile.mkdtemp(prefix="strata-pg-"))
    place.chmod(0o755)
    with running(place / "cluster") as database, pytest.MonkeyPatch.context() as patch:
        patch.setenv(site.METASTORE_PASSWORD, secret)
        with psycopg.connect(database.superuser_url, autocommit=True) as connection:
            quoted = psycopg.sql.Literal(secret)
            connection.execute(psycopg.sql.SQL("CREATE ROLE hive LOGIN PASSWORD {}").format(quoted))
            connection.execute("CREATE DATABASE metastore OWNER hive")
        shared = site.Metastore(f"jdbc:postgresql://127.0.0.1:{database.port}/metastore", "hive")
        metastore.create(shared)
        metastore.create(shared)  # Again: it leaves what is there.
        options = ["--metastore", shared.url, "--metastore-user", "hive"]
        with serving(toy, *options, project=TOY) as server:
            assert server.ask("SELECT max(sales) FROM gold.toy_days") == [(1,)]
            small.publish(Warehouse(toy), generation(2))
            assert server.ask("SELECT max(sales) FROM gold.toy_days") == [(2,)]
            time.sleep(10)
            folder = tmp_path / "site"
            folder.mkdir()
            site.write(folder, site.values("127.0.0.1", 0, site.OPEN, shared, folder))
            told = subprocess.run(
                [sys.executable, "-c", OTHER, str(folder)],
                capture_output=True,
                text=True,
                timeout=300,
                cwd=tmp_path,
            )
            assert told.returncode == 0, told.stderr[-2000:]
            assert "rows 2\nwords Amount of the day. [EUR]" in told.stdout
        # The names outlive the server.
        with serving(toy, *options, project=TOY) as server:
            assert [row[1] for row in server.ask("SHOW TABLES IN gold")] == ["toy_days"]
