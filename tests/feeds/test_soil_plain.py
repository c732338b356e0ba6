"""Plain samples: what the queries write is what the transforms accept, value by value."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema
from strata.declare.contract import load_contract
from strata.feeds.soil.measurements import soil_measurements
from strata.feeds.soil.plain_sites import may_be_of, site_of
from strata.feeds.soil.sites import add_site_id, soil_sites
from strata.gate import judging
from strata.kit.plain import Doubtful

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
    "NULL ", " 5E+11",
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


@dataclass
class Outcome:
    """What becomes of a record."""

    verdict: int = judging.ACCEPTED
    rows: list[Row] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    fold: str | None = None


def outcomes(made: DataFrame, table: str) -> dict[tuple[str, int], Outcome]:
    """What the transform and the gate make of each record: its verdict, its accepted rows, its
    reasons and its fold."""
    columns, found = load_contract(table).columns, {}
    for row in judge(made, table).collect():
        own = found.setdefault((row["_file_sha256"], row["_record_number"]), Outcome())
        # Of a record's rows the first counts for it.
        if row.asDict().get("_rows", 1) == 1:
            own.verdict, own.fold = row["_verdict"], row["_fold"]
        if row["_verdict"] == judging.ACCEPTED:
            own.rows.append({name: row[name] for name in columns})
        own.reasons.extend(row["_reasons"])
    return found


def in_order(rows: list[Row]) -> list[str]:
    return sorted(map(repr, rows))


def assert_plain(
    table: str, expected: dict[tuple[str, int], Outcome], read: dict[str, list[Row]], at: Path
) -> tuple[int, dict[tuple[str, int], list[str]], set[tuple[str, int]]]:
    """All rows of a record are written, it is folded, its reasons are told, or it is left out;
    returns how many rows are written, the reasons told, and the records left out."""
    written, left, done = plain_rows(at, table, read)
    rows: dict[tuple[str, int], list[Row]] = {}
    for row in written:
        rows.setdefault((row["_file_sha256"], row["_record_number"]), []).append(row)
    told = {
        (row["_file_sha256"], row["_record_number"]): row["_reasons"]
        for part in done.rejected
        for row in part.to_pylist()
    }
    untold = {(row["_file_sha256"], row["_record_number"]) for row in left} - set(told)
    for one, own in rows.items():
        assert in_order(own) == in_order(expected[one].rows)
    for one, why in told.items():
        assert (why, expected[one].verdict) == (expected[one].reasons, judging.REJECTED)
    known = {one: own for one, own in expected.items() if one not in untold}
    assert {one for one, own in known.items() if own.rows} == set(rows)
    assert {one for one, own in known.items() if own.verdict == judging.REJECTED} == set(told)
    folded = [own.fold for own in known.values() if own.verdict == judging.FOLDED]
    assert Counter(folded) == Counter(done.folds)
    assert done.rows == sum(own.verdict == judging.ACCEPTED for own in known.values())
    assert not {one for one in rows if one in untold or one in told}
    return len(written), told, untold


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
    of_samples = {row["_file_sha256"] for row in read[SAMPLES]}
    expected = {one: told for one, told in outcomes(made, SITES).items() if one[0] in of_samples}
    plain, told, left = assert_plain(SITES, expected, read, tmp_path)
    assert plain > len(expected) * 0.6
    assert ("f" * 64, ODD_IDS.index("described") + 1) in left
    assert len(told) > 20


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
    expected = outcomes(made, MEASUREMENTS)
    plain, _, _ = assert_plain(MEASUREMENTS, expected, read, tmp_path)
    accepted = [row for own in expected.values() for row in own.rows]
    assert plain > len(accepted) * 0.6
    assert {row["sampled_on_precision"] for row in accepted} >= {"year", "day", "unread", None}


SITES_TOLD: list[list[Row]] = [
    # Records of one site: (lon, lat), delivered on a day of January 2024 or on none; in file e or f.
    [{"lon": "5"}, {"lon": "5.0"}, {"lon": "5.00000004"}],
    [{"lon": "5"}, {"lon": "6"}],
    [{"lon": "5"}, {"lon": "6"}, {"lon": None, "lat": None}],
    [{"lon": "5", "day": 1}, {"lon": "6", "day": 2}],
    [{"lon": "5", "day": 2}, {"lon": "6", "day": 1}, {"lon": "7"}],
    [{"lon": "5", "day": 2}, {"lon": "6", "day": 2}, {"lon": "5", "day": 1}],
    [{"lon": "5", "day": 1}, {"lon": "x", "day": 2}],
    [{"lon": "5", "day": 1}, {"lon": "185", "day": 2}],
    [{"lon": "5"}, {"lon": None, "lat": None}, {"lon": "0", "lat": "0"}],
    [{"lon": None, "lat": None}, {"lon": None, "lat": None}],
    [{"lon": "5"}, {"lon": "5", "file": "e"}],
    [{"lon": "5", "day": 1}, {"lon": "5", "file": "e", "day": 2}],
    [{"lon": "5"}, {"lon": "6", "file": "e"}],
    [{"lon": "5"}, {"lon": None, "lat": None, "epsg": "25833", "x": "500000", "y": "5500000"}],
    [{"lon": "5"}, {"lon": None, "lat": None, "epsg": "EPSG:4326.0", "x": "5", "y": "50.25"}],
    [{"lon": "5", "geometry_type": "MultiPoint"}, {"lon": "5"}],
    [{"lon": "-180"}, {"lon": "180"}, {"lon": "179.99999999"}],
    [{"lon": "5.00000005"}, {"lon": "5"}],
    [{"lon": "7e-06"}], [{"lon": "-7E-06"}], [{"lon": "+5.e0"}], [{"lon": "5e2"}],
    [{"lon": "5e-10"}], [{"lon": "-5e-10"}], [{"lon": "-1e-9"}], [{"lon": " 5\u00a0"}],
    [{"lon": "13.376598750000001"}], [{"lon": "13.376598749"}], [{"lon": "-13.376598751"}],
    [{"lon": "0", "lat": "0"}], [{"lon": "0"}], [{"lon": "1" * 100}], [{"lon": "5", "lat": None}],
]  # fmt: skip
NAMELESS = [
    {"lon": "5.5"}, {"lon": "5.50"}, {"lon": "5.5", "source": "other"}, {"lon": "-5e-7"},
    {"lon": "0.0000001"}, {"lon": "-0.9999999", "lat": "-0.5"}, {"lon": "-180"},
    {"lon": None, "lat": None}, {"lon": "x"}, {"lon": "190"}, {"lon": "6", "geometry_type": "Line"},
    {"lon": None, "lat": None, "x": "5", "y": "50", "epsg": "4326"},
    {"lon": None, "lat": None, "x": "5", "y": "50"}, {"lon": "0", "lat": "0"},
]  # fmt: skip
"""Records without an id of their site."""
PROJECTED = {"lon": None, "lat": None, "epsg": "25833", "x": "500000", "y": "5500000"}


def site_records(nameless: list[Row]) -> list[Row]:
    told = [(f"s{n}", one) for n, records in enumerate(SITES_TOLD) for one in records]
    told += [(("", "NA", " ")[n % 3], one) for n, one in enumerate(nameless)]
    rows = []
    for number, (site, one) in enumerate(told, 1):
        own = {"source_site_id": site, **SOUND, **one}
        day = own.pop("day", None)
        rows.append(own | {"_delivery_date": day and date(2024, 1, day), "_record_number": number}
                    | {"_file_sha256": own.pop("file", "f") * 64})  # fmt: skip
    return rows


@pytest.mark.spark
@pytest.mark.parametrize("nameless", [NAMELESS, [*NAMELESS, PROJECTED]], ids=["told", "projected"])
def test_sites_are_folded_and_rejected_as_by_the_transform(
    spark: SparkSession, tmp_path: Path, nameless: list[Row]
) -> None:
    read = {SAMPLES: site_records(nameless), DESCRIBED: []}
    made = soil_sites(*(frame(spark, name, rows) for name, rows in read.items()))
    expected = outcomes(made, SITES)
    _, told, left = assert_plain(SITES, expected, read, tmp_path)
    assert {why for reasons in told.values() for why in reasons} >= {
        "waits for the position of its site",
        "both coordinates must be told; only one is",
        "lon_deg must be in [-180, 180]",
    }
    nowhere = len(read[SAMPLES]) - len(nameless)
    # Sites of two files as late, of a projected position, or of one in the middle of two.
    assert len({one for one in left if one[1] <= nowhere}) < 20
    assert bool({one for one in left if one[1] > nowhere}) == (PROJECTED in nameless)


@pytest.mark.spark
def test_a_record_tells_its_site_without_spark(spark: SparkSession) -> None:
    rows = [*records(), *site_records(NAMELESS)]
    rows = [row for row in rows if row["source_site_id"] or row.get("epsg") in (None, "4326")]
    for number, row in enumerate(rows):
        row["_record_number"] = number
    told = add_site_id(frame(spark, SAMPLES, rows)).select("_record_number", "site_id").collect()
    expected = dict(sorted(told))
    table = pa.Table.from_pylist(rows, schema_of(SAMPLES))
    sites = site_of(table)
    assert isinstance(sites, pa.ChunkedArray)
    assert dict(zip(expected, sites.to_pylist(), strict=True)) == expected
    every = pa.array([*set(expected.values())])
    assert pc.all(may_be_of(table["source_site_id"], every)).as_py()
    told = table["source_site_id"]
    assert may_be_of(told, pa.array(["points:s1", None])).to_pylist() == [
        row["source_site_id"] == "s1" for row in rows
    ]
    assert may_be_of(told, pa.array(["points:s1", "at:5.0000000,50.0000000"])).to_pylist() == [
        row["source_site_id"] in ("s1", "", "NA", " ", None) for row in rows
    ]
    with pytest.raises(Doubtful):
        site_of(pa.Table.from_pylist([{**SOUND, **PROJECTED}], schema_of(SAMPLES)))


LAYERS: list[list[Row]] = [
    # Records of one site; the file, and the day of January 2024 on which it was delivered.
    [{}, {"upper_depth_cm": "30", "lower_depth_cm": "60"}],
    [{}, {}, {"soc": "3"}],
    [{"soc": "3"}, {"soc": "3", "clay": None}, {"clay": "20"}],
    [{"soc": None, "clay": "NA"}, {}],
    [{"soc": "", "clay": None, "source_sample_id": "a"}, {"source_sample_id": "a"}],
    [{"source_sample_id": "a"}, {"source_sample_id": "a"}, {"source_sample_id": "b", "soc": "9"}],
    [{"source_sample_id": "a"}, {"source_sample_id": "a", "soc": "9"}],
    [{"source_sample_id": "a", "day": 1}, {"source_sample_id": "a", "soc": "9", "day": 2}],
    [{"source_sample_id": "a", "day": 2}, {"source_sample_id": "a", "soc": "9"}],
    [{"source_sample_id": "a", "day": 1}, {"source_sample_id": "a", "soc": None, "day": 2}],
    [{"source_sample_id": "a", "day": 2}, {"source_sample_id": "a", "clay": "9", "day": 2}],
    [{"day": 1}, {"day": 2}], [{}, {"file": "e"}], [{}, {"file": "e", "soc": "7"}],
    [{"source_sample_id": "a", "file": "e", "day": 1}, {"source_sample_id": "a", "day": 2}],
    [{"dataset": "one", "source_sample_id": "a"}, {"dataset": "two", "source_sample_id": "a", "soc": "9"}],
    [{}, {"lower_depth_cm": "0"}], [{}, {"soc": "x"}], [{}, {"sampled_on": "1985"}],
    [{}, {"soc": "0.25", "soc_unit": "1"}, {"soc": "25", "soc_unit": "g/kg"}],
    [{}, {"unknown": True}, {"source_site_id": " s0"}],
]  # fmt: skip


@pytest.mark.spark
def test_measurements_are_folded_as_by_the_transform(spark: SparkSession, tmp_path: Path) -> None:
    rows: list[Row] = []
    for n, layers in enumerate(LAYERS):
        for one in layers:
            row = {"source_site_id": f"s{n}", **SOUND, **one}
            row |= {"_file_sha256": row.pop("file", "f") * 64, "_record_number": len(rows) + 1}
            day = row.pop("day", None)
            rows.append(row | {"_delivery_date": day and date(2024, 1, day)})
    sites = [{"site_id": f"points:s{n}"} for n in range(len(LAYERS) - 1)]
    read = {SAMPLES: rows, SITES: sites}
    made = soil_measurements(*(frame(spark, name, rows) for name, rows in read.items()))
    expected = outcomes(made, MEASUREMENTS)
    plain, _, left = assert_plain(MEASUREMENTS, expected, read, tmp_path)
    assert plain > 20
    doubtful = {row["source_site_id"].strip() for row in rows
                if (row["_file_sha256"], row["_record_number"]) in left}  # fmt: skip
    # Another file as late, different values of one sample, a reason, a second site of one name.
    assert doubtful == {"s0", "s6", "s10", "s12", "s13", "s16", "s17", "s20"}
