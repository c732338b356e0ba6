"""dbt's marts, computed in SQL from silver, equal gold on DuckDB and on PostgreSQL; compiled for Redshift
and turned into PostgreSQL's words, the same statements give the same rows. A changed figure is refused.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest
from pyarrow import parquet
from strata.serve.export import copy_tables
from strata.serve.postgres.local import running
from strata.serve.postgres.server import Server
from strata.serve.redshift import statements

from tests.samples import Samples

pytestmark = [pytest.mark.nightly, pytest.mark.samples("launches", "commerce", "residents")]
PROJECT = Path(__file__).resolve().parents[2]
DBT = PROJECT / "infra" / "redshift" / "dbt"
MODELS = {path.stem: path for path in (DBT / "models").rglob("*.sql")}
TABLES = [
    *("silver.launches_core_flights", "gold.launches_*", "silver.residents_people", "gold.commerce_trends"),
    *("gold.residents_by_authority_internal", "gold.residents_history_internal", "silver.commerce_order_lines"),
]  # fmt: skip
sys.path.insert(0, str(PROJECT / "infra" / "local"))
environments = importlib.import_module("environments")

# A model in Redshift's words, in PostgreSQL's.
TRANSPILE = """
import pathlib, sqlglot, sys
for path in sorted(pathlib.Path(sys.argv[1]).rglob('*.sql')):
    (tree,) = sqlglot.parse(path.read_text(), dialect='redshift')
    pathlib.Path(sys.argv[2], path.name).write_text(tree.sql(dialect='postgres', pretty=True))
"""


@pytest.fixture(scope="module")
def copy(samples: Samples, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published samples, copied by the export."""
    target = tmp_path_factory.mktemp("dbt") / "copy.duckdb"
    copy_tables(samples.warehouse, TABLES, str(target), allow_internal=True)
    return target


@pytest.fixture(scope="module")
def postgres(samples: Samples, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A PostgreSQL with the published samples in the schema `published`, made by Redshift's own
    statements.
    """
    folder = Path(tempfile.mkdtemp(prefix="strata-pg-"))
    folder.chmod(0o755)
    export = tmp_path_factory.mktemp("export") / "copy"
    copy_tables(samples.warehouse, TABLES, str(export), allow_internal=True)
    try:
        with running(folder / "cluster") as server:
            with psycopg.connect(server.superuser_url) as connection:
                fill(connection, export)
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def fill(connection: psycopg.Connection[Any], export: Path) -> None:
    for sql in statements.prepare("published"):
        connection.execute(sql)  # type: ignore[arg-type]
    for entry in json.loads((export / "manifest.json").read_text())["tables"]:
        for sql in statements.create("published", entry):
            connection.execute(sql)  # type: ignore[arg-type]
        for file in entry["files"]:
            into = f'COPY published."{entry["table_name"]}" FROM STDIN'
            with connection.cursor().copy(into) as sink:  # type: ignore[arg-type]
                for row in parquet.read_table(export / file["path"]).to_pylist():
                    sink.write_row(tuple(row.values()))


def dbt(*arguments: str, folder: Path, **told: str) -> subprocess.CompletedProcess[str]:
    program = environments.install("dbt") / "bin" / "dbt"
    own = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    own |= {"DBT_TARGET_PATH": str(folder / "target"), "DBT_LOG_PATH": str(folder / "logs"), **told}
    command = [program, "--no-use-colors", *arguments, "--project-dir", DBT, "--profiles-dir", DBT]
    return subprocess.run(command, env=own, capture_output=True, text=True, check=False)


def test_marts_equal_gold_and_a_changed_figure_is_found(copy: Path, tmp_path: Path) -> None:
    built = dbt("build", folder=tmp_path, STRATA_COPY=str(copy))
    assert built.returncode == 0, built.stdout[-3000:]
    assert "ERROR=0 SKIP=0" in built.stdout

    forged = tmp_path / "forged.duckdb"
    shutil.copy2(copy, forged)
    with duckdb.connect(str(forged)) as connection:
        connection.execute(
            "UPDATE launches_core_reuse SET flights = flights + 1 WHERE flights = 14"
        )
        connection.execute("DELETE FROM commerce_trends WHERE period_start = DATE '2011-01-01'")
    refused = dbt("build", folder=tmp_path, STRATA_COPY=str(forged))
    assert refused.returncode == 1
    failed = [line for line in refused.stdout.splitlines() if " FAIL " in line]
    assert len(failed) == 2
    assert any("core_reuse" in line for line in failed)
    assert any("revenue_months" in line for line in failed)


def test_redshifts_statements_give_the_same_rows_on_postgresql(
    postgres: Server, tmp_path: Path
) -> None:
    """By dbt on PostgreSQL, and by what dbt compiles for Redshift without ever asking it."""
    told = {
        "STRATA_POSTGRES_PORT": str(postgres.port),
        "STRATA_POSTGRES_PASSWORD": postgres.passwords["postgres"],
    }
    built = dbt("build", "--target", "postgres", folder=tmp_path / "pg", **told)
    assert built.returncode == 0, built.stdout[-3000:]
    assert "ERROR=0 SKIP=0" in built.stdout

    asked = ["compile", "--target", "redshift", "--no-introspect", "--no-populate-cache"]
    compiled = dbt(*asked, folder=tmp_path / "rs")
    assert compiled.returncode == 0, compiled.stdout[-3000:]
    models = tmp_path / "rs" / "target" / "compiled" / "strata" / "models"
    turnarounds = models / "marts" / "launches" / "core_turnarounds.sql"
    assert "datediff(microsecond" in turnarounds.read_text()
    (tmp_path / "words").mkdir()
    python = environments.install("dbt") / "bin" / "python"
    subprocess.run([python, "-c", TRANSPILE, models, tmp_path / "words"], check=True)
    # Tests are compiled too; they were asked on PostgreSQL above.
    words = {name: (tmp_path / "words" / f"{name}.sql").read_text() for name in MODELS}

    with psycopg.connect(postgres.superuser_url) as connection:
        connection.execute("SET TIME ZONE 'UTC'")
        connection.execute("CREATE SCHEMA rs")
        # Staging first, and what reads another mart last.
        for name in sorted(
            words,
            key=lambda n: (
                not n.startswith("stg"),
                n == "stg_launches__flown",
                n == "turnaround_years",
                n,
            ),
        ):
            sql = (
                words[name]
                .replace('"strata"."dbt".', "rs.")
                .replace('"strata"."published".', "published.")
            )
            connection.execute(f"CREATE TABLE rs.{name} AS {sql}")  # type: ignore[arg-type]
            if name.startswith("stg"):
                continue
            for one, other in (("rs", "dbt"), ("dbt", "rs")):
                differ = f"SELECT * FROM {one}.{name} EXCEPT SELECT * FROM {other}.{name}"
                assert connection.execute(differ).fetchall() == [], name  # type: ignore[arg-type]
            (rows,) = connection.execute(f"SELECT count(*) FROM rs.{name}").fetchone() or (0,)  # type: ignore[arg-type]
            assert rows, name


def test_spark_gives_the_same_over_thrift(samples: Samples, tmp_path: Path) -> None:
    """The door is for reading: nothing is built, each test asks its model whole."""
    thrift_server = pytest.importorskip("tests.thrift_server")
    with thrift_server.serving(samples.warehouse.root) as running_server:
        asked = [
            "test",
            "--target",
            "spark",
            "--no-populate-cache",
            "--select",
            "marts.launches",
            "marts.commerce",
        ]
        said = dbt(*asked, folder=tmp_path, STRATA_THRIFT_PORT=str(running_server.port))
    assert said.returncode == 0, said.stdout[-3000:]
    assert "FAIL" not in said.stdout
    assert "ERROR=0 SKIP=0" in said.stdout
