"""Plain samples: what the queries write is what the transforms accept, value by value."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema
from strata.declare.contract import load_contract
from strata.feeds.soil.measurements import soil_measurements
from strata.feeds.soil.sites import soil_sites
from strata.gate import judging

from tests.feeds.test_soil import judge
from tests.frames import local_frame
from tests.plain import Row, plain_rows, schema_of

SAMPLES, DESCRIBED = "bronze.soil_samples", "bronze.soil_sites"
SITES, MEASUREMENTS = "silver.soil_sites", "silver.soil_measurements"

SOUND = {"source": "points", "lon": "5.5", "lat": "50.25", "soc": "2.5", "soc_unit": "%",
         "clay": "14.3", "clay_unit": "%", "upper_depth_cm": "0", "lower_depth_cm": "30"}  # fmt: skip
ODD_IDS = (
    "a b", " blank", "blank ", "no-break\u00a0", "Müller", "NA", "", None, "1.0", "5E+11", "=1", "'12",
    "#N/A", "NULL", "nan", "line\n", "x:y", "twice", "twice", "padded", " padded\t", "described",
)  # fmt: skip
ODD_DEGREES = (
    "5", "-5", "+5", "-0", "-0.00000001", "180", "-180", "-179.99999999", "179.99999999", "181", "90",
    "-90", "90.0000001", "50.6166666666667", "0.12345675", "0.123456749999", "0.12345676", "0.12345674",
    "-0.123456781", "13.376598750000001", "13.376598764999999", "5.9166700000000000",
    "0.00000005", "1e1", "5,5", " 5", "5\n", ".5", "5.", "NaN", "NA", "", None,
)  # fmt: skip
ODD_NUMBERS = (
    "0", "0.0", "-0", "-1", "7", "07", "+7", "0.1", "0.001", "0.0009", "0.1234", "0.12345", "62.599999999999994",
    "99.9999", "100", "100.1", "1e1", "1,5", " 7", "7\n", ".5", "5.", "NaN", "NA", "", None,
)  # fmt: skip
ODD_DAYS = (
    "1985", "1985-06", "1985-06-01", "2023-02-29", "1985-??-??", "1985-06-01T12:00:00Z", "0985-06-01",
    "1985 or so", " 1985", "NA", "", None,
)  # fmt: skip
ODD_UNITS = ("%", "g/kg", "1", " %", "mg", "", None)
TOLD: list[Row] = [
    *[{"source_site_id": one} for one in ODD_IDS],
    *[{"source_sample_id": one} for one in ODD_IDS],
    *[{"dataset": one} for one in ODD_IDS],
    *[{kind: one} for kind in ("lon", "lat") for one in ODD_DEGREES],
    *[{"lon": None, "lat": "", "epsg": code, "x": x, "y": "7.25"}
      for x in ODD_DEGREES for code in ("4326", "EPSG:4326")],
    *[{"lon": None, "lat": None, "epsg": code, "x": "5", "y": "7"}
      for code in ("4258", "4326.0", "25833", "EPSG:", "", None)],
    {"lon": "0", "lat": "0"}, {"lon": "0.00000004", "lat": "-0.00000004"},
    {"lon": "5", "lat": "7", "x": "500000", "y": "1", "epsg": "25833"},
    *[{"geometry_type": kind} for kind in ("Point", "MultiPoint", "none", "empty", "", None)],
    *[{kind: one} for kind in ("soc", "clay", "upper_depth_cm", "lower_depth_cm") for one in ODD_NUMBERS],
    *[{"soc": one, "soc_unit": "g/kg", "clay": one, "clay_unit": "1"} for one in ODD_NUMBERS],
    *[{"clay": one, "clay_unit": "g/kg", "soc": None} for one in ODD_NUMBERS],
    *[{f"{kind}_unit": unit} for kind in ("soc", "clay") for unit in ODD_UNITS],
    *[{"soc": first, "clay": second} for first in ("", "NA", None) for second in ("", "NA", None, "9")],
    *[{"upper_depth_cm": None, "lower_depth_cm": None, "depth_range": one} for one in ("0-20 cm", "0-20", "", None)],
    {"depth_range": "0-20 cm"}, {"upper_depth_cm": "30", "lower_depth_cm": "30"},
    {"upper_depth_cm": "4999.9999", "lower_depth_cm": "5000"}, {"lower_depth_cm": "5000.5"},
    {"soc_json": '{"value": "3"}'}, {"clay_json": "{}"}, {"soc_json": ""},
    *[{"sampled_on": day} for day in ODD_DAYS],
]  # fmt: skip


def records() -> list[Row]:
    """Each oddity in a record of its own, and once more where its site tells a date."""
    return [
        {"source_site_id": f"s{n}", **SOUND, **told, "_file_sha256": "fe"[n % 2] * 64}
        | {"_record_number": n}
        for n, told in enumerate(TOLD, 1)
    ]


DATED = {"s1": ("1985", "year"), "s2": ("Frühling 1985", "unread"), "s3": ("1985-06-01", "day")}
"""Sites whose own file tells when they were sampled; a note in no known notation is kept."""


def frame(spark: SparkSession, table: str, rows: list[Row]) -> DataFrame:
    schema = from_arrow_schema(schema_of(table))
    return local_frame(spark, ([row.get(name) for name in schema.names] for row in rows), schema)


def accepted(made: DataFrame, table: str) -> dict[Any, Row]:
    """The rows that the transform and the gate accept, by their key and record."""
    columns = load_contract(table).columns
    rows = judge(made, table).where(judging.is_accepted()).select(*columns).collect()
    return {(row[0], row["_record_number"]): row.asDict() for row in rows}


def assert_plain(table: str, expected: dict[Any, Row], read: dict[str, list[Row]], at: Path) -> int:
    """All rows of a record are written, or the record is left out; returns how many are written."""
    written, left, _ = plain_rows(at, table, read)
    key = load_contract(table).columns[0]
    plain = {(row[key], row["_record_number"]): row for row in written}
    told = {number for _, number in plain}
    assert {one: expected.get(one) for one in plain} == plain
    assert {one for one in expected if one[1] in told} == set(plain)
    assert sorted([*told, *(row["_record_number"] for row in left)]) == [
        row["_record_number"] for row in read[SAMPLES]
    ]
    return len(plain)


@pytest.mark.spark
def test_plain_sites_are_those_that_the_transform_accepts(
    spark: SparkSession, tmp_path: Path
) -> None:
    described = [
        {"source": "points", "source_site_id": one, "lon": "5", "lat": "50", "_file_sha256": "d" * 64}
        | {"_record_number": 1000 + n}
        for n, one in enumerate(("described ", "Müller", "nowhere"))
    ]  # fmt: skip
    read = {SAMPLES: records(), DESCRIBED: described}
    made = soil_sites(*(frame(spark, name, rows) for name, rows in read.items()))
    expected = accepted(made, SITES)
    plain = assert_plain(SITES, expected, read, tmp_path)
    assert plain > len(expected) * 0.6
    assert ("points:described", ODD_IDS.index("described") + 1) not in expected


@pytest.mark.spark
def test_plain_measurements_are_those_that_the_transform_accepts(
    spark: SparkSession, tmp_path: Path
) -> None:
    many = [row | {"source_site_id": f"s{n}"} for n, row in enumerate(records())]
    many += [{**SOUND, "source_site_id": one} for one in ODD_IDS]
    for number, row in enumerate(many, 1):
        row |= {"_record_number": number, "_file_sha256": "f" * 64}
    sites = [
        {"site_id": f"points:{one}", "sampled_on": day, "sampled_on_precision": precision}
        for one in [f"s{n}" for n in range(len(many)) if n % 50 != 9] + ["a b", "x:y", "padded", "Müller"]
        for day, precision in [DATED.get(one, (None, None))]
    ]  # fmt: skip
    read = {SAMPLES: many, SITES: sites}
    made = soil_measurements(*(frame(spark, name, rows) for name, rows in read.items()))
    expected = accepted(made, MEASUREMENTS)
    plain = assert_plain(MEASUREMENTS, expected, read, tmp_path)
    assert plain > len(expected) * 0.6
    assert {row["sampled_on_precision"] for row in expected.values()} >= {
        "year",
        "day",
        "unread",
        None,
    }
