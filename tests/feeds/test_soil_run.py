"""The main job as people run it: `strata run` on the shipped samples, in a process of its own."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from strata.lake.versions import Warehouse, read_arrow
from strata.ledger import publication as ledger

from tests.feeds import oracle_soil as oracle

pytestmark = pytest.mark.spark

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "samples" / "soil"


def strata(*command: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "STRATA_PROJECT"}
    return subprocess.run(
        [str(Path(sys.executable).parent / "strata"), *command],
        env=environment,
        cwd=ROOT,
        text=True,
        capture_output=True,
        timeout=900,
    )


@pytest.fixture(scope="module")
def first(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A warehouse after the first run, and what that run told."""
    warehouse = tmp_path_factory.mktemp("soil") / "warehouse"
    return warehouse, strata(
        "run", "soil", "--raw", "samples", "--warehouse", str(warehouse), "--samples", "10"
    )


def newest(warehouse: Path) -> ledger.Publication:
    latest = ledger.newest(ledger.read(Warehouse(str(warehouse)), "soil"))
    assert latest is not None
    return latest


def test_it_succeeds_and_tells_what_a_person_wants_to_know(
    first: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    warehouse, told = first
    assert told.returncode == 0, told.stderr
    assert "country_code  country_name" in told.stdout
    assert "published as publication 1 in" in told.stderr
    assert f"tables are in {warehouse}" in told.stderr
    assert "Next: strata show gold.soil_country_stats" in told.stdout
    for noise in ("WARN", "Exception", "Traceback", "incubator", "Ivy"):
        assert noise not in told.stderr + told.stdout


def test_every_gate_balances_down_to_the_records_counted_outside_spark(
    first: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    counted: dict[str, int] = {"bronze.soil_sites": 0, "bronze.soil_samples": 0}
    for path in (SAMPLES / "samples").glob("*.csv"):
        table = "bronze.soil_sites" if "sites" in path.name else "bronze.soil_samples"
        with path.open(newline="", encoding="utf-8-sig") as file:
            counted[table] += sum(1 for _ in csv.DictReader(file))
    [boundaries] = (SAMPLES / "boundaries").glob("*.geojson")
    counted["bronze.soil_boundaries"] = len(json.loads(boundaries.read_text())["features"])

    gates = {gate.table: gate for gate in newest(first[0]).gates}
    assert {table: gates[table].rows_in for table in counted} == counted
    assert len(gates) == 8
    for gate in gates.values():
        assert gate.rows_in == gate.accepted + gate.quarantined + gate.folded, gate.table
        assert sum(gate.folds.values()) == gate.folded
    bronze = counted["bronze.soil_sites"] + counted["bronze.soil_samples"]
    assert gates["silver.soil_sites"].rows_in == bronze
    assert (
        gates["gold.soil_country_stats"].rows_in == gates["silver.soil_site_countries"].total_rows
    )


def test_the_published_figures_are_those_of_the_independent_program(
    first: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    sites = oracle.read_sites(SAMPLES / "samples")
    countries = oracle.read_countries(next((SAMPLES / "boundaries").glob("*.geojson")))
    home = {
        site: oracle.find_country(*position, countries).country for site, position in sites.items()
    }
    layers = oracle.read_layers(SAMPLES / "samples")
    expected = oracle.country_stats(home, layers, 10, 7, "all")

    state = newest(first[0]).state("gold.soil_country_stats")
    assert state is not None
    rows = read_arrow(Warehouse(str(first[0])), state.table, state.version).to_pylist()
    assert {row["country_name"] for row in rows} == set(expected)
    for row in rows:
        assert (row["n_asked"], row["seed"], row["method"]) == (10, 7, "random")
        # How many sites a country has is counted by the gate; it is no column of the table.
        figures = {
            name: value for name, value in expected[row["country_name"]].items() if name != "sites"
        }
        exact = {
            k: v if v is None else pytest.approx(v, rel=1e-12, abs=1e-14)
            for k, v in figures.items()
        }
        assert {name: row[name] for name in figures} == exact, row["country_code"]


def test_a_second_run_with_nothing_new_needs_no_spark_and_publishes_nothing(
    first: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    again = strata(
        "run", "soil", "--raw", "samples", "--warehouse", str(first[0]), "--samples", "10"
    )
    assert again.returncode == 0, again.stderr
    assert "nothing new since publication 1; nothing to do" in again.stderr
    assert "starting Spark" not in again.stderr
    assert len(ledger.read(Warehouse(str(first[0])), "soil")) == 1


def test_sql_reads_the_published_tables_and_only_reads(
    first: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    query = (
        "SELECT count(*) AS n, sum(n_drawn) AS drawn FROM gold.soil_country_stats WHERE "
        "n_available >= 10"
    )
    told = strata("sql", query, "--warehouse", str(first[0]), "--format", "json")
    assert told.returncode == 0, told.stderr
    [row] = json.loads(told.stdout)
    assert row["drawn"] == 10 * row["n"] > 0
    refused = strata("sql", "SELECT * FROM text.`/etc/hostname`", "--warehouse", str(first[0]))
    assert refused.returncode == 2
    assert refused.stdout == ""
