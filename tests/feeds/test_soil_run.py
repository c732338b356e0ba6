"""The main job as people run it: `strata run` on the shipped samples."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from strata.cli import command as cli
from strata.lake.versions import read_arrow
from strata.ledger import publication as ledger

from tests.feeds import oracle_soil as oracle
from tests.samples import RAW, SOIL, Samples

pytestmark = [pytest.mark.spark, pytest.mark.samples("soil")]

SAMPLES = RAW / "soil"


def test_it_succeeds_and_tells_what_a_person_wants_to_know(samples: Samples) -> None:
    """A process of its own ran it: see `tests.samples`."""
    assert "country_code  country_name" in samples.out
    assert "soil: published as publication 1 in" in samples.err
    assert f"tables are in {samples.warehouse.root}" in samples.err
    assert "Next: strata show gold.soil_country_stats" in samples.out
    for noise in ("WARN", "Exception", "Traceback", "incubator", "Ivy"):
        assert noise not in samples.err + samples.out


def test_every_gate_balances_down_to_the_records_counted_outside_spark(
    samples: Samples,
) -> None:
    counted: dict[str, int] = {"bronze.soil_sites": 0, "bronze.soil_samples": 0}
    for path in (SAMPLES / "samples").glob("*.csv"):
        table = "bronze.soil_sites" if "sites" in path.name else "bronze.soil_samples"
        with path.open(newline="", encoding="utf-8-sig") as file:
            counted[table] += sum(1 for _ in csv.DictReader(file))
    [boundaries] = (SAMPLES / "boundaries").glob("*.geojson")
    counted["bronze.soil_boundaries"] = len(json.loads(boundaries.read_text())["features"])

    gates = {gate.table: gate for gate in samples.newest("soil").gates}
    assert {table: gates[table].rows_in for table in counted} == counted
    assert len(gates) == 12
    for gate in gates.values():
        assert gate.rows_in == gate.accepted + gate.quarantined + gate.folded, gate.table
        assert sum(gate.folds.values()) == gate.folded
    bronze = counted["bronze.soil_sites"] + counted["bronze.soil_samples"]
    assert gates["silver.soil_sites"].rows_in == bronze
    assert (
        gates["gold.soil_country_stats"].rows_in == gates["silver.soil_site_countries"].total_rows
    )


def test_the_published_figures_are_those_of_the_independent_program(
    samples: Samples,
) -> None:
    sites = oracle.read_sites(SAMPLES / "samples")
    countries = oracle.read_countries(next((SAMPLES / "boundaries").glob("*.geojson")))
    home = {
        site: oracle.find_country(*position, countries).country for site, position in sites.items()
    }
    layers = oracle.read_layers(SAMPLES / "samples")
    expected = oracle.country_stats(home, layers, 10, 7, "all")

    state = samples.newest("soil").state("gold.soil_country_stats")
    assert state is not None
    rows = read_arrow(samples.warehouse, state.table, state.version).to_pylist()
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
    samples: Samples, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    warehouse = samples.copy("soil", tmp_path)
    again = ["run", "soil", "--raw", str(RAW), "--warehouse", warehouse.root, *SOIL]
    assert cli.main(again) == 0
    told = capsys.readouterr().err
    assert "nothing new since publication 1; nothing to do" in told
    assert "starting Spark" not in told
    assert len(ledger.read(warehouse, "soil")) == 1


def test_sql_reads_the_published_tables_and_only_reads(
    spark: SparkSession, samples: Samples, capsys: pytest.CaptureFixture[str]
) -> None:
    query = (
        "SELECT count(*) AS n, sum(n_drawn) AS drawn FROM gold.soil_country_stats WHERE "
        "n_available >= 10"
    )
    at = ("--warehouse", samples.warehouse.root)
    assert cli.main(["sql", query, *at, "--format", "json"]) == 0
    [row] = json.loads(capsys.readouterr().out)
    assert row["drawn"] == 10 * row["n"] > 0
    assert cli.main(["sql", "SELECT * FROM text.`/etc/hostname`", *at]) == 2
    assert capsys.readouterr().out == ""
