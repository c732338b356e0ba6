"""Real Airflow, in its own environment, runs a feed's DAG to publication and on to Redshift and dbt
(PostgreSQL stands in Redshift's place), and fails as it should.
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
from contextlib import ExitStack
from pathlib import Path

import boto3
import psycopg
import pytest
from strata.declare.feed import feed_names
from strata.serve.postgres.local import running

from tests import s3_server

pytestmark = pytest.mark.nightly
PROJECT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(PROJECT / "infra" / "local"), str(PROJECT / "infra" / "airflow")]
environments = importlib.import_module("environments")
deploy = importlib.import_module("deploy")
SPARK = {"conn_type": "spark", "host": "local[1]"}


@pytest.fixture(scope="module")
def airflow(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, Path, dict[str, str]]:
    """The `bin` of its environment, a home with the DAGs deployed, and what its processes are told."""
    binaries = environments.install("airflow") / "bin"
    home = tmp_path_factory.mktemp("airflow")
    assert deploy.main([str(home / "dags")], {}) == 0
    kept = {
        k: v for k, v in os.environ.items() if k != "PYTHONPATH" and not k.startswith("STRATA_")
    }
    told = kept | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW_CONN_STRATA_SPARK": json.dumps(SPARK),
        "STRATA_RAW": str(home / "raw"),
        "STRATA_WAREHOUSE": str(home / "warehouse"),
        "STRATA_JOBS": str(PROJECT / "jobs"),
        # spark-submit and the jobs' Python are those of Strata's environment.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}",
        "PYTHONPATH": str(PROJECT / "lib"),
    }
    run(binaries / "airflow", "db", "migrate", told=told)
    return binaries, home, told


@pytest.fixture
def redshift(tmp_path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """The address of a PostgreSQL behind Redshift's API, and what the DAGs are told of it, of S3 and dbt."""
    folder = Path(tempfile.mkdtemp(prefix="strata-pg-"))
    folder.chmod(0o755)
    with ExitStack() as open_ones:
        open_ones.callback(shutil.rmtree, folder, ignore_errors=True)
        server = open_ones.enter_context(running(folder / "cluster"))
        s3 = open_ones.enter_context(s3_server.serve())
        aws = s3_server.environment(s3) | {"AWS_ENDPOINT_URL_S3": s3}
        boto3.client(
            "s3",
            endpoint_url=s3,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
            region_name="us-east-1",
        ).create_bucket(Bucket="exports")
        command = [sys.executable, "-m", "tests.redshift_stand_in", server.superuser_url]
        stand_in = subprocess.Popen(
            command, env=os.environ | aws, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        open_ones.callback(stand_in.wait)
        open_ones.callback(stand_in.kill)
        assert stand_in.stdout is not None
        yield (
            server.superuser_url,
            aws
            | {
                "AWS_ENDPOINT_URL_REDSHIFT_DATA": stand_in.stdout.readline().strip(),
                "STRATA_EXPORTS": "s3://exports",
                "STRATA_REDSHIFT": "redshift://analysts/strata",
                "STRATA_DBT": str(environments.install("dbt") / "bin" / "dbt"),
                "STRATA_DBT_PROJECT": str(PROJECT / "infra" / "redshift" / "dbt"),
                "STRATA_DBT_TARGET": "postgres",
                "STRATA_POSTGRES_PORT": str(server.port),
                "STRATA_POSTGRES_PASSWORD": server.passwords["postgres"],
            },
        )


def run(*command: str | Path, told: dict[str, str], code: int = 0) -> str:
    said = subprocess.run(command, env=told, capture_output=True, text=True, check=False)
    text = said.stdout + said.stderr
    assert (said.returncode == 0) == (code == 0), text[-4000:]
    return text


def publications(told: dict[str, str]) -> list[dict[str, object]]:
    strata = Path(sys.executable).with_name("strata")
    asked = ["publications", "launches", "--format", "json"]
    return list(
        json.loads(
            subprocess.run([strata, *asked], env=told, capture_output=True, check=True).stdout
        )
    )


def test_every_dag_is_read_without_an_error(airflow: tuple[Path, Path, dict[str, str]]) -> None:
    binaries, home, told = airflow
    code = (
        "from airflow.dag_processing.dagbag import DagBag; import json; "
        f"bag = DagBag({str(home / 'dags')!r}); assert not bag.import_errors, bag.import_errors; "
        "print('FOUND', json.dumps(sorted(bag.dags)))"
    )
    # With the alert for late runs, which `dags test` below cannot have, and with all that may follow.
    more = {
        "STRATA_LATE_HOURS": "3",
        "STRATA_EXPORTS": "s3://e",
        "STRATA_REDSHIFT": "redshift://w/d",
        "STRATA_DBT_PROJECT": "dbt",
    }
    said = run(binaries / "python", "-c", code, told=told | more)
    found = json.loads(said.split("FOUND ")[1].splitlines()[0])
    # The toy feed of the tests is not among them: Airflow's processes are not told of it.
    assert set(found) >= {f"strata_{name}" for name in feed_names() if name != "toy"}
    assert {"strata_all", "strata_maintain"} <= set(found)


def test_a_feed_runs_to_publication_and_to_dbt(
    airflow: tuple[Path, Path, dict[str, str]], redshift: tuple[str, dict[str, str]]
) -> None:
    binaries, home, told = airflow
    database, more = redshift
    told = told | more
    lay_raw(home)
    run(binaries / "airflow", "dags", "test", "strata_launches", told=told)
    assert len(publications(told)) == 1
    with psycopg.connect(database) as connection:
        notes = "SELECT DISTINCT feed, publication FROM published.strata_exports"
        assert connection.execute(notes).fetchall() == [("launches", 1)]
        most = "SELECT core_id, reuse_count FROM dbt.core_reuse ORDER BY reuse_count DESC LIMIT 1"
        assert connection.execute(most).fetchall() == [("5e9e28a7f3591817f23b2663", 13)]
        # Somebody edits a figure: dbt's second opinion differs, and no retry can help.
        connection.execute(
            "UPDATE published.launches_core_reuse SET flights = 15 WHERE flights = 14"
        )
    again = json.dumps({"force": True})
    said = run(
        binaries / "airflow", "dags", "test", "strata_launches", "--conf", again, told=told, code=1
    )
    assert "equals_published_core_reuse" in said
    assert len(publications(told)) == 1


def test_what_is_wrong_turns_a_run_red_by_its_exit_code_and_is_not_tried_again(
    airflow: tuple[Path, Path, dict[str, str]],
) -> None:
    """Five retries of five minutes would outlast any patience. Without an address for exports, the
    DAG ends with its publication.
    """
    binaries, home, told = airflow
    raw = lay_raw(home)
    test = (binaries / "airflow", "dags", "test", "strata_launches")
    # A file that cannot be read safely: what is sound stands, the run is red and says which and why.
    (raw / "torn.json").write_text('[{"id": "1", "name": "cut off')
    said = run(*test, told=told, code=1)
    assert "launches/torn.json" in said
    assert "exit code 5" in said
    assert len(publications(told)) == 1

    # `--layer` is wrong usage here, which ends with exit code 2 and is judged as a gate's no is.
    (raw / "torn.json").unlink()
    wrong = json.dumps({"force": True, "arguments": ["--layer", "platinum"]})
    said = run(*test, "--conf", wrong, told=told, code=1)
    assert "exit code 2" in said
    assert len(publications(told)) == 1


def lay_raw(home: Path) -> Path:
    """The folder of the feed's raw files, with the sample."""
    raw = home / "raw" / "launches" / "launches"
    if not raw.exists():
        shutil.copytree(PROJECT / "samples" / "launches" / "launches", raw)
    return raw
