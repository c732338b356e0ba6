"""dbt's marts, computed in SQL from silver, equal gold; and are refused where a figure differs."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

pytestmark = pytest.mark.nightly
PROJECT = Path(__file__).resolve().parents[2]
DBT = PROJECT / "infra" / "redshift" / "dbt"
KEY = {
    "STRATA_PSEUDONYM_KEY": "a-key-for-tests-only-0123456789abcdef",
    "STRATA_PSEUDONYM_KEY_ID": "t",
}
TABLES = [
    *("silver.launches_*", "gold.launches_*", "silver.residents_people", "gold.commerce_trends"),
    *("gold.residents_by_authority_internal", "silver.commerce_order_lines"),
]
sys.path.insert(0, str(PROJECT / "infra" / "local"))
environments = importlib.import_module("environments")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The samples published, and copied by `strata export`."""
    folder = tmp_path_factory.mktemp("dbt")
    own = {k: v for k, v in os.environ.items() if k != "STRATA_PROJECT"} | KEY
    strata = [str(Path(sys.executable).with_name("strata"))]
    place = ["--warehouse", str(folder / "warehouse")]
    feeds = ["launches", "commerce", "residents"]
    run = [*strata, "run", *feeds, "--raw", str(PROJECT / "samples"), "--quiet", *place]
    subprocess.run(run, env=own, check=True)
    target = folder / "copy.duckdb"
    asked = ["export", *TABLES, "--allow-internal", "--to", str(target)]
    subprocess.run([*strata, *asked, *place], env=own, check=True)
    return target


def dbt(
    *arguments: str, folder: Path, copy: Path | None = None
) -> subprocess.CompletedProcess[str]:
    program = environments.install("dbt") / "bin" / "dbt"
    own = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    own |= {"DBT_TARGET_PATH": str(folder / "target"), "DBT_LOG_PATH": str(folder / "logs")}
    own |= {"STRATA_COPY": str(copy)} if copy else {}
    command = [program, *arguments, "--project-dir", DBT, "--profiles-dir", DBT]
    return subprocess.run(command, env=own, capture_output=True, text=True, check=False)


def test_marts_equal_gold_and_a_changed_figure_is_found(copy: Path, tmp_path: Path) -> None:
    built = dbt("build", folder=tmp_path, copy=copy)
    assert built.returncode == 0, built.stdout[-3000:]
    assert "ERROR=0 SKIP=0" in built.stdout

    forged = tmp_path / "forged.duckdb"
    shutil.copy2(copy, forged)
    with duckdb.connect(str(forged)) as connection:
        connection.execute(
            "UPDATE launches_core_reuse SET flights = flights + 1 WHERE flights = 14"
        )
        connection.execute("DELETE FROM commerce_trends WHERE period_start = DATE '2011-01-01'")
    refused = dbt("build", folder=tmp_path, copy=forged)
    assert refused.returncode == 1
    failed = [line for line in refused.stdout.splitlines() if " FAIL " in line]
    assert len(failed) == 2
    assert any("core_reuse" in line for line in failed)
    assert any("revenue_months" in line for line in failed)


def test_every_model_is_sql_of_redshift_too(tmp_path: Path) -> None:
    """Compiled without a connection, and parsed in Redshift's own grammar."""
    asked = ["compile", "--target", "redshift", "--no-introspect", "--no-populate-cache"]
    compiled = dbt(*asked, folder=tmp_path)
    assert compiled.returncode == 0, compiled.stdout[-3000:]
    code = (
        "import sqlglot, sys, pathlib\n"
        "for path in sorted(pathlib.Path(sys.argv[1]).rglob('*.sql')):\n"
        "    sqlglot.parse_one(path.read_text(), dialect='redshift'); print(path.stem)\n"
    )
    python = environments.install("dbt") / "bin" / "python"
    models = tmp_path / "target" / "compiled" / "strata" / "models"
    said = subprocess.run([python, "-c", code, models], capture_output=True, text=True, check=True)
    assert {path.stem for path in (DBT / "models").rglob("*.sql")} <= set(said.stdout.split())
    assert "datediff(microsecond" in (models / "marts" / "core_turnarounds.sql").read_text()
