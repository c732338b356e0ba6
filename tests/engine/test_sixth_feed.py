"""A feed of one's own: twenty statements beside its contracts and suites, with no change to
the library.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from strata import feeds
from strata.cli import main

from tests.conftest import TOY, forget_declarations

MODULE = '''\
"""Weather: readings of stations, and each day's mean temperature."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from strata.kit.table import Rows, Source, Table


def readings(raw: DataFrame) -> DataFrame:
    temperature = F.expr("try_cast(temperature as double)")
    unread = F.when(
        F.col("temperature").isNotNull() & temperature.isNull(),
        F.array(F.lit("temperature is not a number")),
    )
    day = F.expr("try_cast(day as date)").alias("reading_date")
    return raw.select(
        "station",
        day,
        temperature.alias("temperature_c"),
        unread.alias("_reasons"),
        "_file_sha256",
        "_record_number",
    )


def days(reading: DataFrame) -> DataFrame:
    mean, count = F.avg("temperature_c").alias("mean_temperature_c"), F.count("*")
    return reading.groupBy("reading_date").agg(mean, count.alias("readings"), count.alias("_rows"))


SOURCES = (Source("readings"),)
TABLES = (
    Table("silver.weather_readings", ("bronze.weather_readings",), readings),
    Table(
        "gold.weather_days",
        ("silver.weather_readings",),
        days,
        Rows.AGGREGATE,
        group=("reading_date",),
    ),
)
'''

JOB = '''\
"""spark-submit jobs/weather.py [--raw DIR] [--warehouse DIR]: the weather feed, raw to gold."""

import sys

from strata.cli import job

if __name__ == "__main__":
    sys.exit(job("weather"))
'''

HEAD = (
    "apiVersion: v3.1.0\nkind: DataContract\nid: {id}\nversion: 1.0.0\nstatus: "
    "active\ndescription: {{purpose: {purpose}}}\n"
)
TABLE = HEAD + (
    "schema:\n  - name: {name}\n    physicalName: {id}\n    dataGranularityDescription: "
    "{grain}\n    properties:\n{properties}"
)
PROVENANCE = """\
      - {name: _file_sha256, logicalType: string, physicalType: string, required: true, description: Raw file., tags: [provenance]}
      - {name: _record_number, logicalType: integer, physicalType: bigint, required: true, description: Record., tags: [provenance]}
"""
NOT_NULL = (
    "  - {{type: expect_column_values_to_not_be_null, kwargs: {{column: {0}}}, severity: "
    "critical, description: {0} is known}}\n"
)
BETWEEN = (
    "  - {{type: expect_column_values_to_be_between, kwargs: {{column: {0}, min_value: -90, "
    "max_value: 60}}, severity: critical,"
    " description: {0} is one of the earth}}\n"
)
DEGREES = "customProperties: [{property: unit, value: °C}]"

FILES = {
    "feeds/weather.py": MODULE,
    "jobs/weather.py": JOB,
    "schemas/source/weather_readings.plain.yaml": HEAD.format(id="weather_readings.plain", purpose="Readings as CSV.")
    + """\
customProperties: [{property: table, value: bronze.weather_readings}, {property: format, value: csv}]
schema:
  - name: weather_readings
    properties:
      - {name: station, physicalName: Station, logicalType: string, required: true, description: The station.}
      - {name: day, physicalName: Day, logicalType: string, required: true, description: The day.}
      - {name: temperature, physicalName: T, logicalType: string, required: true, description: Temperature at noon.}
""",
    "schemas/bronze/weather_readings.yaml": TABLE.format(
        id="bronze.weather_readings", name="weather_readings", purpose="Readings as they came.", grain="one row per record",
        properties="""\
      - {name: station, logicalType: string, physicalType: string, description: The station.}
      - {name: day, logicalType: string, physicalType: string, description: The day.}
      - {name: temperature, logicalType: string, physicalType: string, description: Temperature at noon.}
""",
    ),
    "schemas/silver/weather_readings.yaml": TABLE.format(
        id="silver.weather_readings", name="weather_readings", purpose="Readings.", grain="one row per station and day",
        properties=f"""\
      - {{name: station, logicalType: string, physicalType: string, required: true, primaryKey: true, description: S.}}
      - {{name: reading_date, logicalType: date, physicalType: date, required: true, primaryKey: true, description: D.}}
      - {{name: temperature_c, logicalType: number, physicalType: double, required: true, description: T., {DEGREES}}}
""" + PROVENANCE,
    ),
    "schemas/gold/weather_days.yaml": TABLE.format(
        id="gold.weather_days", name="weather_days", purpose="Each day's weather.", grain="one row per day",
        properties=f"""\
      - {{name: reading_date, logicalType: date, physicalType: date, required: true, primaryKey: true, description: D.}}
      - {{name: mean_temperature_c, logicalType: number, physicalType: double, required: true, description: Mean., {DEGREES}}}
      - {{name: readings, logicalType: integer, physicalType: bigint, required: true, description: Readings of the day.}}
""",
    ),
    "expectations/bronze/weather_readings.yaml": "table: bronze.weather_readings\nmax_rejected_share: 0.5\nexpectations:\n"
    + NOT_NULL.format("station"),
    "expectations/silver/weather_readings.yaml": "table: silver.weather_readings\nmax_rejected_share: 0.5\nexpectations:\n"
    + "".join(NOT_NULL.format(name) for name in ("station", "reading_date", "temperature_c"))
    + BETWEEN.format("temperature_c")
    + "  - {type: expect_compound_columns_to_be_unique, kwargs: {column_list: [station, "
"reading_date]}, severity: critical,"
    " description: one reading a station and day}\n",
    "expectations/gold/weather_days.yaml": "table: gold.weather_days\nmax_rejected_share: 0\nexpectations:\n"
    + "".join(NOT_NULL.format(name) for name in ("reading_date", "mean_temperature_c", "readings"))
    + BETWEEN.format("mean_temperature_c")
    + ("  - {type: expect_column_values_to_be_unique, kwargs: {column: reading_date}, severity: "
"critical, description: one row a day}\n"),
}  # fmt: skip

READINGS = "Station,Day,T\nA,2024-01-01,10.5\nB,2024-01-01,-3.5\nA,2024-01-02,4\nB,2024-01-02,warm\nC,2024-01-02,99\n"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the feed's files and nothing else, and its raw files beside it."""
    root = tmp_path_factory.mktemp("own")
    for name, text in FILES.items():
        path = root / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    raw = root / "raw" / "weather" / "readings" / "delivery=2024-01-03" / "noon.csv"
    raw.parent.mkdir(parents=True)
    raw.write_text(READINGS)
    return root / "project"


def strata(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, from a folder that is no checkout."""
    environment = {**os.environ, "STRATA_PROJECT": str(project)}
    command = [str(Path(sys.executable).parent / "strata"), *arguments]
    return subprocess.run(
        command, cwd=project.parent, env=environment, capture_output=True, text=True, timeout=300
    )


def test_the_feed_is_at_most_twenty_statements() -> None:
    statements = [
        node
        for node in ast.walk(ast.parse(MODULE))
        if isinstance(node, ast.stmt) and not isinstance(node, ast.Expr)
    ]
    assert len(statements) <= 20


@pytest.fixture
def own_feed(project: Path, spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process with the feed beside the library's, as a new one would find it."""
    monkeypatch.setenv("STRATA_PROJECT", str(project))
    library = [path for path in feeds.__path__ if path != str(TOY / "feeds")]
    monkeypatch.setattr(feeds, "__path__", [*library, str(project / "feeds")])
    forget_declarations()
    yield
    forget_declarations()


def test_validate_accepts_it(project: Path) -> None:
    ended = strata(project, "validate")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("all declarations hold: ")


@pytest.mark.spark
def test_validate_accepts_it_no_more_without_its_job(
    own_feed: None, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = project / "jobs" / "weather.py"
    job.rename(job.with_suffix(".away"))
    try:
        assert main(["validate"]) == 2
    finally:
        job.with_suffix(".away").rename(job)
    assert "jobs/weather.py is missing" in capsys.readouterr().err


def in_a_process(project: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    ended = strata(project, *arguments)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def in_this_process(project: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(arguments) == 0
    return capsys.readouterr().out


@pytest.mark.spark
@pytest.mark.parametrize(
    "command", [in_this_process, pytest.param(in_a_process, marks=pytest.mark.nightly)]
)
def test_it_runs_from_raw_files_to_published_gold(
    spark: SparkSession,
    own_feed: None,
    project: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    command: Callable[..., str],
) -> None:
    warehouse = ("--warehouse", str(tmp_path / "warehouse"))
    raw = ("--raw", str(project.parent / "raw"))
    command(project, capsys, "run", "weather", *raw, *warehouse, "--quiet")

    def shown(*arguments: str) -> list[dict[str, object]]:
        return json.loads(command(project, capsys, *arguments, *warehouse, "--format", "json"))

    days = [
        (row["reading_date"], row["mean_temperature_c"], row["readings"])
        for row in shown("show", "gold.weather_days")
    ]
    assert days == [("2024-01-01", 3.5, 2), ("2024-01-02", 4.0, 1)]
    gates = {
        row["table"]: (row["in"], row["accepted"], row["quarantined"])
        for row in shown("gates", "weather")
    }
    assert gates == {
        "bronze.weather_readings": (5, 5, 0),
        "silver.weather_readings": (5, 3, 2),
        "gold.weather_days": (3, 3, 0),
    }
