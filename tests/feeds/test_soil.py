"""The soil feed: what each rule does to made-up rows, and the shipped samples against an
independent program.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import random
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import IntegerType, StructField, StructType
from strata.declare.contract import load_contract, struct_type
from strata.declare.feed import load_feed
from strata.declare.source_contract import load_layouts
from strata.declare.suite import load_suite
from strata.feeds import soil
from strata.feeds.soil.countries import (
    soil_countries,
    soil_country_cells,
    soil_site_countries,
)
from strata.feeds.soil.figures import summarise
from strata.feeds.soil.iso3166 import ALPHA_2, ALPHA_2_OF_3
from strata.feeds.soil.measurements import soil_measurements
from strata.feeds.soil.params import Params
from strata.feeds.soil.sites import add_site_id, soil_sites
from strata.feeds.soil.stats import soil_country_stats
from strata.fs.listing import list_raw
from strata.gate import gate, judging
from strata.kit.shared import find_shared
from strata.kit.table import Rows
from strata.raw.look import look
from strata.raw.read import bronze_frame

from tests.feeds import oracle_soil as oracle
from tests.frames import local_frame
from tests.plain import plain_rows

SAMPLES = Path(__file__).parents[2] / "samples"
BOUNDARIES = SAMPLES / "soil" / "boundaries" / "natural_earth_10m_europe.geojson"
ENGINE_ONLY = ("_run_id", "_ingested_at")


# --- frames --------------------------------------------------------------------------------------


def bronze(
    spark: SparkSession, table: str, *rows: dict[str, Any], source: str = "points"
) -> DataFrame:
    """Bronze rows as told, the rest null; numbered from 1 in a file of their own."""
    fields = tuple(field for field in load_contract(table).fields if field.name not in ENGINE_ONLY)
    full = [
        {"source": source, "_file_sha256": "f", "_record_number": n} | row
        for n, row in enumerate(rows, 1)
    ]
    schema = struct_type(fields, enforce_required=False)
    return local_frame(spark, ([row.get(field.name) for field in fields] for row in full), schema)


def samples(spark: SparkSession, *rows: dict[str, Any], source: str = "points") -> DataFrame:
    return bronze(spark, "bronze.soil_samples", *rows, source=source)


def described(spark: SparkSession, *rows: dict[str, Any], source: str = "points") -> DataFrame:
    return bronze(
        spark, "bronze.soil_sites", *[{"_file_sha256": "s"} | row for row in rows], source=source
    )


def sites_of(spark: SparkSession, *rows: dict[str, Any], source: str = "points") -> DataFrame:
    return soil_sites(samples(spark, *rows, source=source), described(spark))


def boundaries(spark: SparkSession, *rows: dict[str, Any]) -> DataFrame:
    return bronze(spark, "bronze.soil_boundaries", *rows, source="natural_earth")


def point_sites(spark: SparkSession, points: dict[str, tuple[float, float]]) -> DataFrame:
    """silver.soil_sites with nothing but positions."""
    rows = [(name, lon, lat, "f", n) for n, (name, (lon, lat)) in enumerate(points.items(), 1)]
    return spark.createDataFrame(
        rows,
        "site_id string, lon_deg double, lat_deg double, _file_sha256 string, _record_number "
        "bigint",
    )


def judge(frame: DataFrame, table: str) -> DataFrame:
    """The frame after its gate's row rules."""
    suite = load_suite(table)
    rows = next((t.rows for t in soil.TABLES if t.name == table), Rows.ONE_TO_ONE)
    return judging.judge(frame, gate.row_rules(frame, suite), rows)


def accepted(frame: DataFrame, table: str) -> DataFrame:
    return judge(frame, table).where(judging.is_accepted()).select(*load_contract(table).columns)


def outcomes(frame: DataFrame) -> dict[Any, str | list[str] | None]:
    """What becomes of each record by its number: its fold, its reasons, or None."""
    return {
        row["_record_number"]: row["_fold"] or sorted(row["_reasons"]) or None
        for row in frame.collect()
    }


def business(frame: DataFrame, table: str) -> list[tuple[Any, ...]]:
    """The rows without what tells where they came from, in an order of their own."""
    rows = frame.select(*load_contract(table).business_columns).collect()
    return sorted(
        (tuple(bytes(v) if isinstance(v, bytearray) else v for v in row) for row in rows), key=repr
    )


# --- the shipped samples -------------------------------------------------------------------------


@dataclass(frozen=True)
class Shipped:
    """Every table of the feed from the shipped samples, kept on disk; `flagged` with folds and
    reasons.
    """

    bronze: dict[str, DataFrame]
    flagged: dict[str, DataFrame]
    tables: dict[str, DataFrame]


def read_bronze(spark: SparkSession, raw: Path) -> dict[str, DataFrame]:
    layouts = load_layouts("soil")
    looks = [
        look(file, [layout for layout in layouts if layout.source == source.name])
        for source in soil.SOURCES
        for file in list_raw(str(raw), "soil", source.name)[0]
    ]
    return {
        table: bronze_frame(
            spark,
            [seen for seen in looks if seen.table == table],
            layouts,
            load_contract(table).columns,
        )
        for table in load_feed("soil").bronze_tables
    }


@pytest.fixture(scope="module")
def shipped(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Shipped:
    folder = tmp_path_factory.mktemp("soil")

    def keep(name: str, frame: DataFrame) -> DataFrame:
        frame.write.parquet(str(folder / name))
        return spark.read.parquet(str(folder / name))

    raw = {name: keep(name, frame) for name, frame in read_bronze(spark, SAMPLES).items()}
    flagged: dict[str, DataFrame] = {}
    tables = dict(raw)
    for table in (table for table in soil.TABLES if table.name.startswith("silver.")):
        first = tables[table.inputs[0]]
        # As the engine asks where rows are many; the test of disorder below asks for none.
        told = {"shared": find_shared(first, table.unique, first.count())} if table.unique else {}
        made = table.transform(*[tables[name] for name in table.inputs], **told)
        flagged[table.name] = keep(f"flagged.{table.name}", made)
        tables[table.name] = keep(table.name, accepted(flagged[table.name], table.name))
    return Shipped(raw, flagged, tables)


@pytest.fixture(scope="module")
def facts() -> dict[str, Any]:
    """What the independent program finds in the shipped samples."""
    folder = SAMPLES / "soil" / "samples"
    sites, countries = oracle.read_sites(folder), oracle.read_countries(BOUNDARIES)
    found = {site: oracle.find_country(lon, lat, countries) for site, (lon, lat) in sites.items()}
    return {"sites": sites, "found": found, "layers": oracle.read_layers(folder)}


def counts(frame: DataFrame) -> dict[str | None, int]:
    """Rows by what became of them."""
    label = F.coalesce(
        F.col("_fold"), F.when(F.size("_reasons") > 0, F.concat_ws("; ", F.array_sort("_reasons")))
    )
    return {row[0]: row["count"] for row in frame.groupBy(label).count().collect()}


@pytest.mark.spark
def test_each_record_of_the_samples_is_accounted_for(shipped: Shipped) -> None:
    assert counts(shipped.flagged["silver.soil_sites"]) == {
        None: 690,
        "same site as another record": 1017,
    }
    measured = shipped.flagged["silver.soil_measurements"]
    assert counts(measured) == {None: 2712, "no soil property measured": 138}
    assert measured.agg(F.sum("_rows")).first()[0] == 1526  # type: ignore[index]
    assert shipped.tables["silver.soil_measurements"].count() == 2701
    assert counts(shipped.flagged["silver.soil_countries"]) == {None: 53}


@pytest.mark.spark
def test_litter_and_layers_without_thickness_are_rejected_by_the_gate(shipped: Shipped) -> None:
    judged = judge(
        shipped.flagged["silver.soil_measurements"].where("_fold is null"),
        "silver.soil_measurements",
    )
    rejected = (
        judged.where(judging.is_rejected())
        .select(F.explode("_reasons").alias("reason"))
        .groupBy("reason")
        .count()
        .collect()
    )
    assert {row["reason"]: row["count"] for row in rejected} == {
        "upper_depth_cm must be in [0, 5000]": 7,
        "lower_depth_cm must be greater than upper_depth_cm": 4,
    }


@pytest.mark.spark
def test_positions_and_ids_are_those_of_pyproj(shipped: Shipped, facts: dict[str, Any]) -> None:
    rows = shipped.tables["silver.soil_sites"].select("site_id", "lon_deg", "lat_deg").collect()
    assert {row["site_id"]: (row["lon_deg"], row["lat_deg"]) for row in rows} == facts["sites"]


@pytest.mark.spark
def test_each_site_has_the_country_that_brute_force_finds(
    shipped: Shipped, facts: dict[str, Any]
) -> None:
    rows = shipped.tables["silver.soil_site_countries"].collect()
    assert {r["site_id"]: (r["country_name"], r["rule"]) for r in rows} == {
        s: f[:2] for s, f in facts["found"].items()
    }
    distances = {r["site_id"]: r["coast_distance_m"] for r in rows if r["rule"] == "coast"}
    assert distances == pytest.approx(
        {s: f.distance_m for s, f in facts["found"].items() if f.rule == "coast"}, abs=0.01
    )
    assert distances.keys() == {"isis:FI5", "isis:NO1"}


@pytest.mark.spark
@pytest.mark.parametrize(
    ("asked", "seed", "depth"),
    [
        (30, 7, "all"),
        (1, 7, "all"),
        (10, 42, "all"),
        (1000, 7, "all"),
        (10, 7, "0-30"),
        (5, -1, "0-30"),
    ],
)
def test_statistics_are_those_of_the_independent_program(
    shipped: Shipped, facts: dict[str, Any], asked: int, seed: int, depth: str
) -> None:
    params = Params(samples=asked, seed=seed, depth=depth)
    rows = stats_of(shipped, params).collect()
    by_name = {row["country_name"]: row.asDict() | {"sites": row["_rows"]} for row in rows}
    site_country = {site: found.country for site, found in facts["found"].items()}
    expected = oracle.country_stats(site_country, facts["layers"], asked, seed, depth)
    assert by_name.keys() == expected.keys()
    for name, figures in expected.items():
        found = {key: by_name[name][key] for key in figures}
        assert found == {
            k: v if v is None else pytest.approx(v, rel=1e-12, abs=1e-14)
            for k, v in figures.items()
        }, name
    assert {
        (r["method"], r["n_asked"], r["seed"], r["sampling_unit"], r["depth_rule"]) for r in rows
    } == {("random", asked, seed, "site", depth)}


STATS_INPUTS = next(t.inputs for t in soil.TABLES if t.name == "gold.soil_country_stats")


def stats_of(shipped: Shipped, params: Params) -> DataFrame:
    return soil_country_stats(*(shipped.tables[name] for name in STATS_INPUTS), params=params)


@pytest.mark.spark
def test_plain_rows_of_the_samples_are_those_of_the_transforms(
    shipped: Shipped, tmp_path: Path
) -> None:
    """As a large load makes them, bit for bit; where rounding decides, a site is left out."""
    names = ("silver.soil_site_countries", "silver.soil_curve_ranks", "gold.soil_country_stats")
    made = shipped.tables | {names[2]: accepted(stats_of(shipped, Params()), names[2])}
    for table in (table for table in soil.TABLES if table.name in names):
        assert table.plain is not None
        read = {
            name: [row.asDict() for row in shipped.tables[name].select(*columns).collect()]
            for name, columns in table.plain.reads.items()
        }
        rows, left, done = plain_rows(tmp_path / table.name, table.name, read)
        expected = {row[0]: row.asDict() for row in made[table.name].collect()}
        gone = {row["site_id"] for row in left}
        assert {row[next(iter(row))]: row for row in rows} == {
            key: row for key, row in expected.items() if key not in gone
        }
        assert len(gone) < 5
        assert done.rows + sum(done.folds.values()) + len(gone) == len(read[table.inputs[0]])


@pytest.mark.spark
@pytest.mark.parametrize(
    ("method", "asked", "clusters", "depth"),
    [
        ("cluster", 10, 1, "all"),
        ("cluster", 30, 3, "all"),
        ("cluster_exact", 10, 1, "all"),
        ("cluster_exact", 7, 1, "0-30"),
    ],
)
def test_clusters_are_those_of_the_independent_program(
    shipped: Shipped, facts: dict[str, Any], method: str, asked: int, clusters: int, depth: str
) -> None:
    params = Params(asked, method=method, clusters=clusters, depth=depth)
    rows = [row for row in stats_of(shipped, params).collect() if row["n_available"]]
    assert len(rows) > 15
    value = oracle.values_by_site(facts["layers"], depth)
    for row in rows:
        of_country = [s for s, f in facts["found"].items() if f.country == row["country_name"]]
        available = sorted(
            (site for site in of_country if value(site, "soc") is not None),
            key=lambda site: (oracle.curve_place(*facts["sites"][site]), site),
        )
        drawn = oracle.draw_clusters(
            available, asked, clusters, method == "cluster_exact", 7, row["country_code"]
        )
        soc = [[value(site, "soc") for site in cluster] for cluster in drawn.sites]
        flat = [v for own in soc for v in own]
        mean = sum(flat) / len(flat)
        found = (
            row["n_available"],
            row["n_clusters"],
            row["n_drawn"],
            row["inclusion_probability_least"],
            row["inclusion_probability_greatest"],
            row["soc_mean_pct"],
        )
        assert found == (
            len(available),
            drawn.n_clusters,
            len(flat),
            pytest.approx(float(min(drawn.probabilities)), rel=1e-12),
            pytest.approx(float(max(drawn.probabilities)), rel=1e-12),
            pytest.approx(float(mean), rel=1e-12),
        ), row
        limits = row["soc_ci95_lower_pct"], row["soc_ci95_upper_pct"]
        if row["soc_ci95_rule"] == "between_clusters":
            expected = oracle.cluster_limits(soc, drawn.n_clusters, mean)
            assert limits == pytest.approx(expected, rel=1e-9), row
        elif row["soc_ci95_rule"] == "all_drawn":
            assert len(flat) == len(available)
        else:
            assert limits == (None, None)
            assert len(drawn.sites) == 1


@pytest.mark.spark
def test_statistics_pass_their_gate_and_count_every_site(shipped: Shipped) -> None:
    frame = stats_of(shipped, Params())
    rows = judge(frame, "gold.soil_country_stats").where(judging.is_accepted()).collect()
    assert sum(row["_rows"] for row in rows) == 690
    denmark = next(row for row in rows if row["country_code"] == "DK")
    assert (
        denmark["_rows"],
        denmark["n_available"],
        denmark["soc_mean_pct"],
        denmark["clay_mean_fraction"],
    ) == (3, 0, None, None)


@pytest.mark.spark
def test_nothing_depends_on_partitions_order_or_repeats(
    spark: SparkSession, shipped: Shipped, tmp_path: Path
) -> None:
    """Every record of two countries twice, the copies in another file, shuffled over other
    partitions. The engine's knowledge of keys that are not shared is left out.
    """
    codes = ["NL", "NO"]
    chosen = shipped.tables["silver.soil_site_countries"].where(F.col("country_code").isin(codes))
    chosen = spark.createDataFrame(chosen.select("site_id").collect())

    def of_countries(frame: DataFrame) -> DataFrame:
        if "iso_n3" in frame.columns:
            return frame.where(F.col("name").isin("Netherlands", "Norway"))
        if "country_code" in frame.columns:
            return frame.where(F.col("country_code").isin(codes))
        return restricted(frame, chosen)

    def shuffled(name: str, frame: DataFrame) -> DataFrame:
        kept = of_countries(frame).localCheckpoint()
        again = kept.withColumn("_file_sha256", F.concat(F.lit("copy of "), F.col("_file_sha256")))
        path = str(tmp_path / name)
        kept.unionByName(again).repartition(
            5, F.xxhash64("_record_number", "_file_sha256")
        ).sortWithinPartitions(F.desc("_record_number")).write.parquet(path)
        return spark.read.parquet(path)

    tables = {name: shuffled(name, frame) for name, frame in shipped.bronze.items()}
    for table in (table for table in soil.TABLES if table.name.startswith("silver.")):
        made = accepted(table.transform(*[tables[name] for name in table.inputs]), table.name)
        tables[table.name] = made.repartition(3).cache()
        expected = business(of_countries(shipped.tables[table.name]), table.name)
        assert business(tables[table.name], table.name) == expected, table.name
        assert len(expected) >= 2 or table.name == "silver.soil_areas"
    for params in (Params(10, depth="0-30"), Params(10, method="cluster", clusters=3)):
        found = soil_country_stats(*(tables[name] for name in STATS_INPUTS), params=params)
        # Equal to the last bit: repr tells doubles apart that print alike.
        assert business(found, "gold.soil_country_stats") == business(
            of_countries(stats_of(shipped, params)), "gold.soil_country_stats"
        )
    for frame in tables.values():
        frame.unpersist()


@pytest.mark.spark
def test_a_group_alone_gives_what_the_whole_gives_of_it(
    spark: SparkSession, shipped: Shipped
) -> None:
    ids = ["isis:NL33", "isis:NO1", "isis:XX", "at:14.4580930,52.3913506"]
    chosen = spark.createDataFrame([(site,) for site in ids], "site_id string")
    grouped = [table for table in soil.TABLES if table.group == ("site_id",)]
    # Kept, for a position is computed from its own system wherever an input is read.
    inputs = {
        name: restricted(shipped.tables[name], chosen).localCheckpoint()
        for table in grouped
        for name in table.inputs
    }
    for table in grouped:
        part = table.transform(*[inputs[name] for name in table.inputs])
        whole = shipped.flagged[table.name].join(chosen, "site_id", "left_semi")
        columns = sorted(whole.columns)
        found = part.select(*columns).collect()
        assert sorted(map(repr, found)) == sorted(map(repr, whole.select(*columns).collect())), (
            table.name
        )
        assert len(found) >= 2


def restricted(frame: DataFrame, chosen: DataFrame) -> DataFrame:
    """As the engine restricts an input: by its own group columns, or by those that `add_group`
    adds.
    """
    if "site_id" in frame.columns:
        return frame.join(chosen, "site_id", "left_semi").select(*frame.columns)
    if "source_site_id" in frame.columns:
        return add_site_id(frame).join(chosen, "site_id", "left_semi").select(*frame.columns)
    return frame


# --- sites ---------------------------------------------------------------------------------------

AT = {"lon": "5.5", "lat": "50.5"}
NOT_EPSG = "the coordinate system must be one of EPSG, named by its code as EPSG:25833"
POSITION_CASES: list[tuple[dict[str, Any], str | list[str] | None]] = [
    ({"lon": "5.91667", "lat": "50.6166666666667"}, None),
    ({"lon": " 5.1 ", "lat": "5e+01"}, None),
    ({"x": "463123.2129", "y": "5804704.947", "epsg": "25833"}, None),
    ({"x": "463124.2129", "y": "5804704.947", "epsg": "EPSG:25833"}, None),
    ({"x": "463125.2129", "y": "5804704.947", "epsg": "25833.0"}, None),
    ({"lon": "5.1"}, ["both coordinates must be told; only one is"]),
    ({"lat": "50", "lon": " "}, ["both coordinates must be told; only one is"]),
    ({"x": "463123", "epsg": "25833"}, ["both coordinates must be told; only one is"]),
    ({"lon": "NaN", "lat": "50"}, ["the longitude or easting must be a plain decimal number"]),
    ({"lon": "5.1", "lat": "1d"}, ["the latitude or northing must be a plain decimal number"]),
    ({"x": "463123", "y": "5804704"}, ["x and y need an EPSG code"]),
    ({"x": "463123", "y": "5804704", "epsg": "UTM33"}, [NOT_EPSG]),
    (
        {"x": "463123", "y": "5804704", "epsg": "99999"},
        ["the EPSG code must be of a projected or geographic system"],
    ),
    (
        {"x": "9", "y": "50", "epsg": "5773"},
        ["the EPSG code must be of a projected or geographic system"],
    ),
    (
        {"x": "9", "y": "50", "epsg": "4979"},
        ["the EPSG code must be of a projected or geographic system"],
    ),
    ({"x": "1e9", "y": "0", "epsg": "25833"}, ["the position must lie in its system's area"]),
    ({"x": "1e8", "y": "1e8", "epsg": "3035"}, ["the position must lie in its system's area"]),
    ({"x": "1", "y": "2", "epsg": "ESRI:54009"}, [NOT_EPSG]),
    ({"x": "4321000", "y": "3210000", "epsg": "EPSG:3035", "geometry_type": "Point"}, None),
    ({"geometry_type": "none"}, ["a feature must have a geometry; this one has none"]),
    ({"geometry_type": "empty"}, ["a geometry must not be empty"]),
    (
        {"geometry_type": "Polygon", "source_site_id": "P8"},
        ["a sample must be a point, not an area or line"],
    ),
    ({"lon": "0", "lat": "0.0"}, ["the position (0, 0) stands for a missing one"]),
    ({"source_site_id": "P9"}, ["waits for the position of its site"]),
    (
        {"source_site_id": "4.78627E+07", **AT},
        ["the site's id is in exponent form: a spreadsheet has cut its digits; export it as text"],
    ),
    (
        {"source_site_id": "101.0", **AT},
        ["the site's id ends in .0: a program has made it a number on the way; export it as text"],
    ),
    (
        {"source_site_id": "nan", **AT},
        ["the site's id is a program's word for nothing, and no id: leave it empty"],
    ),
    (
        {"source_site_id": "NULL ", **AT},
        ["the site's id is a program's word for nothing, and no id: leave it empty"],
    ),
    # As R writes a missing id: two places are two sites.
    ({"source_site_id": "NA", "lon": "17.51", "lat": "41.52"}, None),
    ({"source_site_id": "NA", "lon": "17.62", "lat": "41.52"}, None),
]


@pytest.mark.spark
def test_positions(spark: SparkSession) -> None:
    found = outcomes(sites_of(spark, *[row for row, _ in POSITION_CASES]))
    assert found == {n: outcome for n, (_, outcome) in enumerate(POSITION_CASES, 1)}


@pytest.mark.spark
def test_what_the_gate_says_of_positions(spark: SparkSession) -> None:
    rows = [
        {"lon": "180.5", "lat": "1"},
        {"lon": "1", "lat": "-90.5", "source_site_id": "A"},
        {},
        {"lon": "180", "lat": "90"},
    ]
    judged = judge(sites_of(spark, *rows), "silver.soil_sites")
    told = {r["_record_number"]: set(r["_reasons"]) for r in judged.collect()}
    assert "lon_deg must be in [-180, 180]" in told[1]
    assert told[2] == {"lat_deg must be in [-90, 90]"}
    assert {
        "a site must have an id or a position",
        "a site must have a longitude",
        "a site must have a latitude",
    } <= told[3]
    assert told[4] == set()


@pytest.mark.spark
@pytest.mark.parametrize("epsg", ["25833", "32633", "3035", "3857", "2154", "4258"])
def test_projected_positions_are_those_of_pyproj(spark: SparkSession, epsg: str) -> None:
    """Longitude first, whatever order of axes the system names, to a tenth of a millimetre or
    so."""
    from_wgs84 = oracle.pyproj.Transformer.from_crs("EPSG:4326", f"EPSG:{epsg}", always_xy=True)
    places = [(13.9 + n / 7, 48.1 + n / 3) for n in range(12)]
    told = [
        dict(zip("xy", map(repr, from_wgs84.transform(*place)), strict=True)) | {"epsg": epsg}
        for place in places
    ]
    rows = sorted(
        sites_of(spark, *told).select("_record_number", "lon_deg", "lat_deg", "epsg").collect()
    )
    assert [(r["lon_deg"], r["lat_deg"]) for r in rows] == [
        pytest.approx(place, abs=6e-8) for place in places
    ]
    assert {r["epsg"] for r in rows} == {int(epsg)}


@pytest.mark.spark
def test_datum_shifts_are_within_metres_of_pyproj(spark: SparkSession) -> None:
    told = [
        {"x": "400000", "y": "400000", "epsg": "27700"},
        {"x": "3500000", "y": "5500000", "epsg": "31467"},
    ]
    rows = sorted(sites_of(spark, *told).select("_record_number", "lon_deg", "lat_deg").collect())
    for row, record in zip(rows, told, strict=True):
        lon, lat = oracle.to_wgs84(record["epsg"]).transform(float(record["x"]), float(record["y"]))
        assert oracle.GEOD.inv(lon, lat, row["lon_deg"], row["lat_deg"])[2] < 5


@pytest.mark.spark
def test_a_site_without_an_id_is_its_position_to_seven_decimals(spark: SparkSession) -> None:
    rows = [
        {"lon": "5.12345678", "lat": "-50.1"},
        {"lon": "5.12345681", "lat": "-50.10", "source": "wosis"},
        {"lon": "5.1234569", "lat": "-50.1"},
        {"lon": "-180", "lat": "7"},
        {"lon": "180.0", "lat": "7"},
        {"lon": "-0.00000001", "lat": "1"},
    ]
    found = {
        r["_record_number"]: (r["site_id"], r["lon_deg"], r["_fold"])
        for r in sites_of(spark, *rows).collect()
    }
    assert found == {
        1: ("at:5.1234568,-50.1000000", 5.1234568, None),
        2: ("at:5.1234568,-50.1000000", 5.1234568, "same site as another record"),
        3: ("at:5.1234569,-50.1000000", 5.1234569, None),
        4: ("at:180.0000000,7.0000000", 180.0, None),
        5: ("at:180.0000000,7.0000000", 180.0, "same site as another record"),
        6: ("at:0.0000000,1.0000000", 0.0, None),
    }
    assert math.copysign(1, found[6][1]) == 1


@pytest.mark.spark
def test_records_of_one_id_are_one_site_and_the_description_stands_for_it(
    spark: SparkSession,
) -> None:
    told = described(
        spark, {"source_site_id": "A", **AT, "taxon_wrb": "Podzol", "sampled_on": "1985-??-??"}
    )
    rows = soil_sites(
        samples(spark, {"source_site_id": "A"}, {"source_site_id": " A ", **AT}), told
    ).collect()
    [site] = [row for row in rows if row["_fold"] is None]
    assert (
        site["site_id"],
        site["taxon_wrb"],
        site["sampled_on"],
        site["sampled_on_precision"],
    ) == ("points:A", "Podzol", "1985", "year")
    assert sum(row["_fold"] == "same site as another record" for row in rows) == 2


@pytest.mark.spark
def test_ids_of_different_sources_are_different_sites(spark: SparkSession) -> None:
    rows = sites_of(
        spark, {"source_site_id": "A", **AT}, {"source_site_id": "A", **AT, "source": "isis"}
    ).collect()
    assert {(row["site_id"], row["_fold"]) for row in rows} == {
        ("points:A", None),
        ("isis:A", None),
    }


CONFLICT = "the records of its site tell different positions, and no order is stated: put each delivery in a folder delivery=YYYY-MM-DD"


@pytest.mark.spark
def test_two_positions_of_one_id_are_a_conflict_of_all_its_records(spark: SparkSession) -> None:
    told = [
        {"source_site_id": "A", **AT},
        {"source_site_id": "A", "lon": "5.6", "lat": "50.5"},
        {"source_site_id": "A"},
        AT,
    ]
    assert outcomes(sites_of(spark, *told)) == {
        1: [CONFLICT],
        2: [CONFLICT],
        3: [CONFLICT],
        4: None,
    }


@pytest.mark.spark
def test_two_descriptions_of_one_site_are_a_conflict(spark: SparkSession) -> None:
    told = described(
        spark,
        {"source_site_id": "A", **AT, "taxon_wrb": "Podzol"},
        {"source_site_id": "A", **AT, "taxon_wrb": "Gleysol"},
    )
    reason = [
        "the records of its site describe it differently, and no order is stated: put each delivery in a folder delivery=YYYY-MM-DD"
    ]
    assert outcomes(soil_sites(samples(spark), told)) == {1: reason, 2: reason}


@pytest.mark.spark
def test_a_position_out_of_range_leaves_the_site_to_its_other_records(spark: SparkSession) -> None:
    told = [
        {"source_site_id": "A", "lon": "5", "lat": "95"},
        {"source_site_id": "A", **AT},
        {"source_site_id": "A"},
    ]
    judged = judge(sites_of(spark, *told), "silver.soil_sites")
    rejected = {
        r["_record_number"]: r["_reasons"] for r in judged.where(judging.is_rejected()).collect()
    }
    assert rejected[1] == ["lat_deg must be in [-90, 90]"]
    assert outcomes(judged.where("_record_number > 1"))[2] is None


@pytest.mark.spark
def test_a_later_delivery_supersedes_an_earlier_one(spark: SparkSession) -> None:
    told = [
        {"source_site_id": "A", "lon": "5.4", "lat": "50.5", "_delivery_date": dt.date(2024, 1, 1)},
        {"source_site_id": "A", **AT, "_delivery_date": dt.date(2024, 2, 1)},
        {"source_site_id": "A", "lon": "5.3", "lat": "50.5"},
    ]
    expected = {1: "superseded by a later delivery", 2: None, 3: "superseded by a later delivery"}
    for order in ([0, 1, 2], [2, 1, 0], [1, 0, 2]):
        rows = [told[n] | {"_record_number": n + 1} for n in order]
        assert outcomes(sites_of(spark, *rows)) == expected


DATES = {
    "1985-06-01": ("1985-06-01", "day"),
    "2012-04-18T10:00:00Z": ("2012-04-18", "day"),
    "1985-06-??": ("1985-06", "month"),
    "1985-06": ("1985-06", "month"),
    "1985-??-??": ("1985", "year"),
    "1985": ("1985", "year"),
    "2023-02-29": ("2023-02-29", "unread"),
    "1985-13-01": ("1985-13-01", "unread"),
    "1985-??-01": ("1985-??-01", "unread"),
    "01/06/1985": ("01/06/1985", "unread"),
    "85": ("85", "unread"),
    " ": (None, None),
}
DAY_NUMBERS = {
    "-1562.0": "1965",
    "264": "1970",
    "0": "1970",
    "NA": "NA",
    "1e3": "1e3",
    "99999999999": "99999999999",
    "-9223372036854775808": "-9223372036854775808",
}


@pytest.mark.spark
def test_dates_keep_the_precision_that_was_told(spark: SparkSession) -> None:
    dated = [{"source_site_id": f"D{n}", **AT, "sampled_on": text} for n, text in enumerate(DATES)]
    numbered = [
        {"source_site_id": f"N{n}", **AT, "sampled_day_number": text}
        for n, text in enumerate(DAY_NUMBERS)
    ]
    rows = soil_sites(samples(spark), described(spark, *dated, *numbered)).collect()
    found = {
        row["source_site_id"]: (row["sampled_on"], row["sampled_on_precision"]) for row in rows
    }
    assert [found[f"D{n}"] for n in range(len(DATES))] == list(DATES.values())
    assert [found[f"N{n}"][0] for n in range(len(DAY_NUMBERS))] == list(DAY_NUMBERS.values())
    assert found["N0"] == ("1965", "year")


# --- measurements --------------------------------------------------------------------------------

SOC_1 = {"soc": "1.5", "soc_unit": "%"}
DEPTH = {"upper_depth_cm": "0", "lower_depth_cm": "20.0"}
UNMEASURED = "no soil property measured"
NOT_DECIMAL = ["soc and clay must be plain decimal numbers"]
BAD_JSON = ["the property's JSON must be an object with a value"]

# A record, and (property, value, unit) or outcome of each of its parts.
MEASUREMENT_CASES: list[tuple[dict[str, Any], list[Any]]] = [
    (
        {"soc": "314.0", "soc_unit": "g/kg", "clay": "14.3", "clay_unit": "%"},
        [("soc", 31.4, "%"), ("clay", 14.3 / 100, "1")],
    ),
    ({"soc": "0.0", "soc_unit": "%"}, [("soc", 0.0, "%")]),
    ({"clay": "5e+01", "clay_unit": "g/kg"}, [("clay", 0.05, "1")]),
    # Pure sand; texture triangles begin at it: findings/soiltexture_edges.sh.
    ({"clay": "0", "clay_unit": "%"}, [("clay", 0.0, "1")]),
    ({"soc": "", "clay": "NA", "soc_unit": "%", "clay_unit": "%"}, [UNMEASURED]),
    ({"soc_unit": "%", "upper_depth_cm": "-1"}, [UNMEASURED]),
    ({"soc": "NaN", "soc_unit": "%"}, [NOT_DECIMAL]),
    (
        {"soc": "<0.5", "soc_unit": "%", "clay": "7", "clay_unit": "%"},
        [NOT_DECIMAL, ("clay", 0.07, "1")],
    ),
    ({"soc": "1", "soc_unit": "mg/g"}, [["the unit must be %, g/kg or 1 (a fraction)"]]),
    ({"soc": "1"}, [["the unit must be %, g/kg or 1 (a fraction)"]]),
    ({"clay": "101", "clay_unit": "%"}, [["a clay fraction must be at most 1"]]),
    ({**SOC_1, "upper_depth_cm": "5"}, [["both depths must be told, or neither; only one is"]]),
    (
        {**SOC_1, "upper_depth_cm": "5", "lower_depth_cm": "x"},
        [["depths must be plain decimal numbers"]],
    ),
    ({**SOC_1, "upper_depth_cm": "NA", "lower_depth_cm": ""}, [("soc", 1.5, "%")]),
    (
        {**SOC_1, "source_sample_id": "5.01235E+12"},
        [
            [
                "the sample's id is in exponent form: a spreadsheet has cut its digits; export it "
                "as text"
            ]
        ],
    ),
    ({**SOC_1, "source_sample_id": "NA"}, [("soc", 1.5, "%")]),
    (
        {
            "soc_json": '{"value": 0.49000000000000005, "method": "wet", "quality": null}',
            "soc_unit": "%",
        },
        [("soc", 0.49000000000000005, "%")],
    ),
    ({"soc_json": '{"value": null, "method": "wet"}', "soc_unit": "%"}, [UNMEASURED]),
    ({"soc_json": '{"value": "0.4"}', "soc_unit": "%"}, [("soc", 0.4, "%")]),
    ({"soc_json": '{"value": 1e-05}', "soc_unit": "%"}, [("soc", 1e-05, "%")]),
    ({"soc_json": '{"value": NaN}', "soc_unit": "%"}, [NOT_DECIMAL]),
    ({"soc_json": '{"value": {"a": 1}}', "soc_unit": "%"}, [NOT_DECIMAL]),
    ({"soc_json": '{"value": 1', "soc_unit": "%"}, [BAD_JSON]),
    ({"soc_json": "[]", "soc_unit": "%"}, [BAD_JSON]),
    ({"soc_json": "0.4", "soc_unit": "%"}, [BAD_JSON]),
]


def with_own_sites(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"source_site_id": f"S{n}", **AT} | row for n, row in enumerate(rows, 1)]


def measure(spark: SparkSession, *rows: dict[str, Any]) -> DataFrame:
    told = samples(spark, *rows)
    return soil_measurements(
        told, accepted(soil_sites(told, described(spark)), "silver.soil_sites")
    )


@pytest.mark.spark
def test_measurements(spark: SparkSession) -> None:
    frame = measure(spark, *with_own_sites([row for row, _ in MEASUREMENT_CASES])).collect()
    for number, (row, expected) in enumerate(MEASUREMENT_CASES, 1):
        parts = sorted(
            (part for part in frame if part["_record_number"] == number),
            key=lambda part: -part["_rows"],
        )
        found = [
            p["_fold"] or p["_reasons"] or (p["property"], p["value"], p["unit"]) for p in parts
        ]
        assert found == expected, row
        assert [part["_rows"] for part in parts] == [1] + [0] * (len(parts) - 1)


@pytest.mark.spark
def test_what_is_told_of_a_measurement_is_kept(spark: SparkSession) -> None:
    told = {
        "soc_json": '{"value": 2, "method": "dry", "quality": "A", "uncertainty": 0.1}',
        "soc_unit": "%",
        "source_sample_id": "12-3",
    }
    [row] = measure(spark, AT | DEPTH | told | {"sampled_on": "1985-06-??"}).collect()
    assert {k: v for k, v in row.asDict().items() if not k.startswith("_") and k != "measurement_id"} == {
        "site_id": "at:5.5000000,50.5000000", "source": "points", "dataset": None, "source_sample_id": "12-3", "property": "soc",
        "upper_depth_cm": 0.0, "lower_depth_cm": 20.0, "value": 2.0, "unit": "%", "method": "dry", "quality": "A", "uncertainty": "0.1",
        "sampled_on": "1985-06", "sampled_on_precision": "month",
    }  # fmt: skip


@pytest.mark.spark
def test_a_measurement_has_the_date_of_its_site_where_it_tells_none(spark: SparkSession) -> None:
    site = {"source_site_id": "A", **AT, "sampled_day_number": "264"}
    told = samples(
        spark,
        {"source_site_id": "A", **SOC_1},
        {"source_site_id": "A", **SOC_1, "sampled_on": "2001"},
    )
    sites = accepted(soil_sites(told, described(spark, site)), "silver.soil_sites")
    rows = soil_measurements(told, sites).collect()
    assert {r["_record_number"]: (r["sampled_on"], r["sampled_on_precision"]) for r in rows} == {
        1: ("1970", "year"),
        2: ("2001", "year"),
    }


@pytest.mark.spark
def test_a_measurement_waits_for_its_site(spark: SparkSession) -> None:
    found = outcomes(
        measure(
            spark,
            {"source_site_id": "A", **SOC_1},
            {"lon": "x", "lat": "1", **SOC_1},
            {**AT, **SOC_1},
        )
    )
    waits = ["waits for its site, which silver.soil_sites lacks"]
    assert found == {1: waits, 2: waits, 3: None}


@pytest.mark.spark
def test_equal_measurements_are_one_and_different_ones_are_replicates(spark: SparkSession) -> None:
    rows = [AT | DEPTH | SOC_1, AT | DEPTH | {"soc": "1.50", "soc_unit": "%"}, AT | DEPTH | {"soc": "15", "soc_unit": "g/kg"},
            AT | DEPTH | {"soc": "1.6", "soc_unit": "%"}, AT | SOC_1]  # fmt: skip
    repeated = "same measurement as another record"
    assert outcomes(measure(spark, *rows)) == {1: None, 2: repeated, 3: repeated, 4: None, 5: None}


@pytest.mark.spark
def test_two_values_of_one_sample_are_a_conflict_unless_one_is_delivered_later(
    spark: SparkSession,
) -> None:
    one, two = (
        AT | DEPTH | {"soc": value, "soc_unit": "%", "source_sample_id": "7"}
        for value in ("1", "2")
    )
    deeper = one | {"lower_depth_cm": "30"}
    conflict = [
        "the records of its sample tell different values, and no order is stated: put each delivery in a folder delivery=YYYY-MM-DD"
    ]
    assert outcomes(measure(spark, one, two, deeper)) == {1: conflict, 2: conflict, 3: None}
    later = two | {"_delivery_date": dt.date(2024, 1, 1)}
    assert outcomes(measure(spark, one, later, deeper)) == {
        1: "superseded by a later delivery",
        2: None,
        3: None,
    }


@pytest.mark.spark
@pytest.mark.parametrize("value", ["100.5", "-1"])
def test_a_value_out_of_range_supersedes_nothing(spark: SparkSession, value: str) -> None:
    good = AT | DEPTH | {"soc": "1", "soc_unit": "%", "source_sample_id": "7"}
    bad = good | {"soc": value}
    for first, second in ((good, bad), (bad, good)):
        for day in (None, dt.date(2024, 1, 1)):
            told = measure(spark, first, second | {"_delivery_date": day})
            rows = judge(told, "silver.soil_measurements").collect()
            found = {row["value"]: (row["_fold"], row["_reasons"]) for row in rows}
            assert found == {
                1.0: (None, []),
                float(value): (None, ["soc and clay must be in [0, 100] % by mass"]),
            }


# --- countries -----------------------------------------------------------------------------------


def square(west: float, south: float, size: float = 1.0) -> str:
    east, north = west + size, south + size
    return json.dumps(
        {
            "type": "Polygon",
            "coordinates": [
                [[west, south], [east, south], [east, north], [west, north], [west, south]]
            ],
        }
    )


BAD_SHAPE = ["the geometry must be a GeoJSON polygon or multipolygon of closed rings, with an area"]
SHAPES: dict[str, list[str] | None] = {
    square(0, 1): None,
    '{"type":"Polygon","coordinates":[[[50,0],[51,1],[51,0],[50,1],[50,0]]]}': None,
    (
        '{"type":"Polygon","coordinates":[[[60,0,1],[61,0,1],[61,1,2],[60,0,1]]], "bbox":[1,2,3,4]}'
    ): None,
    '{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,1]]]}': BAD_SHAPE,
    '{"type":"Polygon","coordinates":[[[0,0],[1,0],[2,0],[0,0]]]}': BAD_SHAPE,
    '{"type":"Polygon","coordinates":[[[0,0],[1,0],[0,0]]]}': BAD_SHAPE,
    '{"type":"Polygon","coordinates":[[[0,0],[1,"a"],[1,1],[0,0]]]}': BAD_SHAPE,
    '{"type":"Polygon","coordinates":[[[0,0],[1,null],[1,1],[0,0]]]}': BAD_SHAPE,
    '{"type":"Polygon","coordinates":[[[0,0],[1,NaN],[1,1],[0,0]]]}': BAD_SHAPE,
    '{"type":"MultiPolygon","coordinates":[[[[0,0],[1,0],[1,1],[0,0]]],[]]}': BAD_SHAPE,
    '{"type":"MultiPolygon","coordinates":[]}': BAD_SHAPE,
    '{"type":"Polygon","coordinates":[]}': BAD_SHAPE,
    '{"type":"Polygon"}': BAD_SHAPE,
    '{"type":"Point","coordinates":[1,2]}': BAD_SHAPE,
    '{"type":"GeometryCollection","geometries":[]}': BAD_SHAPE,
    "null": BAD_SHAPE,
    "{": BAD_SHAPE,
}


@pytest.mark.spark
def test_boundaries_are_repaired_or_rejected(spark: SparkSession) -> None:
    frame = soil_countries(
        boundaries(spark, *[{"name": f"C{n}", "geometry": text} for n, text in enumerate(SHAPES)])
    )
    assert outcomes(frame) == dict(enumerate(SHAPES.values(), 1))
    kept = {
        row["country_name"]: oracle.shapely.from_wkb(bytes(row["boundary_wkb"]))
        for row in frame.where("boundary_wkb is not null").collect()
    }
    assert kept["C0"].area == 1
    assert kept["C1"].is_valid
    assert kept["C1"].area == pytest.approx(0.5)


CODES: list[tuple[str | None, str | None, str | None, list[str] | None]] = [
    ("056", "Belgium", "BE", None),
    ("8", "Albania", "AL", None),
    ("40.0", "Austria", "AT", None),
    ("NaN", "Kosovo", "XK", None),
    (None, "N. Cyprus", None, None),
    ("-99", "Somaliland", None, None),
    ("999", "Nowhere", None, ["iso_n3 must be a numeric code of ISO 3166-1"]),
    ("FR", "France", None, ["iso_n3 must be a numeric code of ISO 3166-1"]),
]


@pytest.mark.spark
def test_country_codes(spark: SparkSession) -> None:
    rows = [
        {"iso_n3": code, "name": name, "geometry": square(n, 1)}
        for n, (code, name, _, _) in enumerate(CODES)
    ]
    found = {
        r["_record_number"]: (r["country_id"], r["country_code"], r["_reasons"] or None)
        for r in soil_countries(boundaries(spark, *rows)).collect()
    }
    assert found == {
        n: (code or f"name:{name}", code, reasons)
        for n, (_, name, code, reasons) in enumerate(CODES, 1)
    }


@pytest.mark.spark
def test_a_country_whose_code_stands_in_another_field_has_it(spark: SparkSession) -> None:
    rows = [
        {"name": "Norway", "iso_n3": "-99", "iso_n3_eh": "578", "iso_a2_eh": "NO"},
        {"name": "France", "iso_n3": "250", "iso_n3_eh": "250"},
        {"name": "Portugal", "iso_n3": "-99", "iso_n3_eh": "-99", "iso_a2_eh": "PT"},
        {"name": "Somaliland", "iso_n3": "-99", "iso_n3_eh": "-99", "iso_a2_eh": "-99"},
    ]
    shaped = [{**row, "geometry": square(n, 1)} for n, row in enumerate(rows)]
    found = soil_countries(boundaries(spark, *shaped)).collect()
    assert {row["country_name"]: row["country_code"] for row in found} == {
        "Norway": "NO", "France": "FR", "Portugal": "PT", "Somaliland": None,
    }  # fmt: skip
    assert [row["_reasons"] for row in found] == [[]] * 4


SOURCES_OF_BOUNDARIES = [
    # as OpenStreetMap: the code in either tag, names in several languages, land areas, border lines
    ({"country_level": "2", "level": "2", "kind": "administrative", "name": "België / Belgique",
      "name_en": "Belgium", "iso_a2": "BE"}, ("BE", "Belgium", None)),
    ({"country_level": "2", "level": "2", "kind": "administrative", "name": "Norge",
      "name_int": "Norway", "iso_a2_eh": "NO"}, ("NO", "Norway", None)),
    ({"country_level": "2", "kind": "land_area", "name": "Norge", "iso_a2": "NO"},
     ("NO", "Norge", "no country: a region, a land area or a border line")),
    ({"country_level": "2", "level": "2", "kind": "border", "name": "Norge - Sverige"},
     (None, "Norge - Sverige", "no country: a region, a land area or a border line")),
    # as the EU's NUTS and GISCO, which have codes of their own
    ({"country_level": "0", "level": "0", "name": "Elláda", "iso_a2": "EL"},
     ("GR", "Elláda", None)),
    ({"country_level": "0", "level": "2", "name": "Attikí", "iso_a2": "EL"},
     ("GR", "Attikí", "no country: a region, a land area or a border line")),
    ({"name": "United Kingdom", "iso_a2": "UK", "iso_a3": "GBR"}, ("GB", "United Kingdom", None)),
    # as geoBoundaries, and Natural Earth before it had fields that end in _EH
    ({"country_level": "ADM0", "level": "ADM0", "name": "Kosovo", "iso_a3": "XKX"},
     ("XK", "Kosovo", None)),
    ({"name": "France", "iso_n3": "-99", "iso_a3": "-99", "iso_a3_eh": "FRA"},
     ("FR", "France", None)),
]  # fmt: skip


@pytest.mark.spark
def test_countries_are_known_in_every_source(spark: SparkSession) -> None:
    rows = [{**row, "geometry": square(n, 1)} for n, (row, _) in enumerate(SOURCES_OF_BOUNDARIES)]
    found = soil_countries(boundaries(spark, *rows)).orderBy("_record_number").collect()
    assert [(r["country_code"], r["country_name"], r["_fold"]) for r in found] == [
        expected for _, expected in SOURCES_OF_BOUNDARIES
    ]
    assert [r["_reasons"] for r in found] == [[]] * len(found)


@pytest.mark.spark
def test_a_country_goes_on_when_a_later_record_tells_its_code(spark: SparkSession) -> None:
    rows = [
        {"name": "Norway", "iso_n3": "-99", "_delivery_date": dt.date(2024, 1, 1)},
        {"name": "Norway", "iso_n3": "578", "_delivery_date": dt.date(2024, 2, 1)},
    ]
    shaped = [{**row, "geometry": square(n, 1)} for n, row in enumerate(rows)]
    found = soil_countries(boundaries(spark, *shaped)).collect()
    assert sorted((row["country_id"], row["_fold"] or "stands") for row in found) == [
        ("NO", "stands"),
        ("NO", "superseded by a later delivery"),
    ]


@pytest.mark.spark
def test_a_boundary_is_transformed_from_the_system_that_its_file_names(
    spark: SparkSession,
) -> None:
    to_laea = oracle.pyproj.Transformer.from_crs(4326, 3035, always_xy=True).transform
    corners = [(5.0, 49.0), (7.0, 49.0), (7.0, 51.0), (5.0, 51.0), (5.0, 49.0)]
    geometry = json.dumps(
        {"type": "Polygon", "coordinates": [[list(to_laea(*place)) for place in corners]]}
    )
    rows = [
        {"name": "A", "iso_n3": "056", "epsg": "EPSG:3035", "geometry": geometry},
        {"name": "B", "iso_n3": "442", "epsg": "ESRI:54009", "geometry": geometry},
    ]
    found = {row["country_name"]: row for row in soil_countries(boundaries(spark, *rows)).collect()}
    shape = oracle.shapely.from_wkb(bytes(found["A"]["boundary_wkb"]))
    assert shape.bounds == pytest.approx((5.0, 49.0, 7.0, 51.0), abs=1e-7)
    assert found["B"]["_reasons"] == [
        "the file's coordinate system must be a projected or geographic one of EPSG"
    ]


def test_the_table_of_codes_is_that_of_a_maintained_package() -> None:
    iso3166 = pytest.importorskip("iso3166")
    listed = [c for c in iso3166.countries if c.alpha2 != "XK"]
    assert {c.numeric: c.alpha2 for c in listed} == ALPHA_2
    assert {c.alpha3: c.alpha2 for c in listed} | {"XKX": "XK"} == ALPHA_2_OF_3


@pytest.mark.spark
def test_boundaries_of_one_country(spark: SparkSession) -> None:
    def told(code: str, west: float, day: int | None = None) -> dict[str, Any]:
        return {
            "iso_n3": code,
            "name": code,
            "geometry": square(west, 1),
            "_delivery_date": day and dt.date(2024, 1, day),
        }

    rows = [
        told("056", 1),
        told("056", 1),
        told("040", 1),
        told("040", 2),
        told("276", 1, 1),
        told("276", 2, 2),
        told("276", 3),
    ]
    conflict = [
        "the records of its country draw different boundaries, and no order is stated: put each delivery in a folder delivery=YYYY-MM-DD"
    ]
    later = "superseded by a later delivery"
    assert outcomes(soil_countries(boundaries(spark, *rows))) == {
        1: None, 2: "same boundary as another record", 3: conflict, 4: conflict, 5: later, 6: None, 7: later
    }  # fmt: skip


@pytest.mark.spark
def test_a_boundary_that_the_gate_rejects_supersedes_nothing(spark: SparkSession) -> None:
    good = {"iso_n3": "056", "name": "Belgium", "geometry": square(1, 1)}
    for bad in ({"name": None}, {"geometry": square(179.5, 1)}, {"geometry": square(1, 89.5)}):
        for day in (None, dt.date(2024, 1, 1)):
            told = soil_countries(boundaries(spark, good, good | bad | {"_delivery_date": day}))
            rows = judge(told, "silver.soil_countries").collect()
            found = {row["_record_number"]: (row["_fold"], bool(row["_reasons"])) for row in rows}
            assert found == {1: (None, False), 2: (None, True)}, (bad, day)


def made_points() -> dict[str, tuple[float, float]]:
    """Corners of borders and coasts, islands, enclaves, the antimeridian, the sea, and places
    chosen at random.
    """
    countries = oracle.read_countries(BOUNDARIES)
    points = {
        "Valletta": (14.5146, 35.8989), "Monaco": (7.42, 43.735), "San Marino": (12.45, 43.94), "Vaduz": (9.5215, 47.141),
        "Mariehamn": (19.93, 60.1), "Pristina": (21.16, 42.66), "Kyrenia": (33.32, 35.33), "Nicosia, south": (33.35, 35.14),
        "Kaliningrad": (20.5, 54.71), "Ceuta": (-5.31, 35.89), "Cayenne": (-52.33, 4.92), "Reunion": (55.5, -21.1),
        "Wrangel": (-179.5, 71.2), "Chukotka": (179.5, 68.5), "180 E": (180.0, 68.5), "off Wrangel": (179.999, 71.6),
        "North Sea": (3.0, 56.0), "Atlantic": (-30.0, 45.0), "off Norway": (4.5, 61.0), "Baltic": (19.0, 57.0),
        "Brussels with its coordinates exchanged": (50.85, 4.35),
        "pole": (0.0, 90.0), "South Pole": (10.0, -90.0), "Dover Strait": (1.4, 51.05), "IJmuiden pier": (4.53, 52.46),
    }  # fmt: skip
    corners = {
        name: {tuple(xy) for xy in oracle.shapely.get_coordinates(area).tolist()}
        for name, area in countries.items()
    }
    for one, two in (
        ("France", "Germany"),
        ("Belgium", "Netherlands"),
        ("Spain", "Portugal"),
        ("Italy", "San Marino"),
        ("Cyprus", "N. Cyprus"),
    ):
        for n, corner in enumerate(sorted(corners[one] & corners[two])[:4]):
            points[f"{one}/{two} {n}"] = corner
    three = sorted(corners["France"] & corners["Germany"] & corners["Luxembourg"])
    points |= {f"three countries {n}": corner for n, corner in enumerate(three)}
    dice = random.Random(20260101)
    for name in ("Norway", "Greece", "Malta", "Iceland", "Russia"):
        for n, (x, y) in enumerate(dice.sample(sorted(corners[name]), 6)):
            points[f"coast of {name} {n}"] = (
                round(x + dice.uniform(-0.03, 0.03), 7),
                round(y + dice.uniform(-0.03, 0.03), 7),
            )
    points |= {
        f"anywhere {n}": (round(dice.uniform(-12, 40), 7), round(dice.uniform(34, 70), 7))
        for n in range(200)
    }
    return points


@pytest.mark.spark
def test_made_points_have_the_country_that_brute_force_finds(
    spark: SparkSession, shipped: Shipped
) -> None:
    points, areas = made_points(), oracle.read_countries(BOUNDARIES)
    countries = shipped.tables["silver.soil_countries"]
    mapped = shipped.tables["silver.soil_country_cells"]
    key = {
        row["country_name"]: row["country_id"]
        for row in countries.select("country_name", "country_id").collect()
    }
    rows = {
        row["site_id"]: row
        for row in soil_site_countries(point_sites(spark, points), mapped).collect()
    }
    assert rows.keys() == points.keys()
    expected = {
        name: oracle.find_country(lon, lat, areas, key) for name, (lon, lat) in points.items()
    }
    assert {name: (row["country_name"], row["rule"]) for name, row in rows.items()} == {
        name: found[:2] for name, found in expected.items()
    }
    assert {found.rule for found in expected.values()} == {"inside", "border", "coast", "none"}
    for name, found in expected.items():
        assert rows[name]["coast_distance_m"] == (
            None if found.distance_m is None else pytest.approx(found.distance_m, abs=0.02)
        ), name
    assert (
        rows["Kyrenia"]["country_id"],
        rows["Kyrenia"]["country_code"],
        rows["Kyrenia"]["rule"],
    ) == ("name:N. Cyprus", None, "inside")
    assert rows["180 E"]["country_code"] == "RU"
    assert rows["Brussels with its coordinates exchanged"]["rule"] == "none"


@pytest.mark.spark
def test_the_coast_ends_at_five_kilometres_also_across_the_antimeridian(
    spark: SparkSession,
) -> None:
    """A country from 179 to 180 E, and sites beyond 180; a degree of longitude at the equator is
    111,319.49 m.
    """
    countries = soil_countries(
        boundaries(spark, {"iso_n3": "242", "name": "Fiji", "geometry": square(179, -0.5)})
    )
    degree = 111319.490793
    at = {
        "on the line": 180.0,
        "4999.9 m": -180 + 4999.9 / degree,
        "5000.1 m": -180 + 5000.1 / degree,
        "far": -179.0,
    }
    rows = soil_site_countries(
        point_sites(spark, {name: (lon, 0.0) for name, lon in at.items()}),
        soil_country_cells(countries),
    ).collect()
    found = {row["site_id"]: (row["rule"], row["coast_distance_m"]) for row in rows}
    assert found == {
        "on the line": ("inside", None),
        "4999.9 m": ("coast", pytest.approx(4999.9, abs=0.002)),
        "5000.1 m": ("none", None),
        "far": ("none", None),
    }


@pytest.mark.spark
def test_without_any_country_every_site_has_a_row(spark: SparkSession, shipped: Shipped) -> None:
    nowhere = shipped.tables["silver.soil_country_cells"].limit(0)
    [row] = soil_site_countries(point_sites(spark, {"a": (5.0, 50.0)}), nowhere).collect()
    assert (row["rule"], row["country_id"]) == ("none", None)


# --- statistics ----------------------------------------------------------------------------------


def alone(*values: float) -> list[tuple[int | None, float]]:
    """Values of sites that were drawn one by one."""
    return [(None, value) for value in values]


def test_figures_of_a_sample() -> None:
    mean, variance, lower, upper, clay, rule = summarise(alone(1.0, 2.0, 3.0), [0.1, 0.3], 10)
    assert rule == "student_t"
    assert (mean, variance, clay) == (2.0, 1.0, 0.2)
    # Student's t has a closed form for two degrees of freedom: (2p - 1) / sqrt(2 p (1 - p)).
    half = 0.95 / math.sqrt(2 * 0.975 * 0.025) * math.sqrt(1 / 3 * 0.7)
    assert (lower, upper) == (
        pytest.approx(2 - half, rel=1e-12),
        pytest.approx(2 + half, rel=1e-12),
    )


def test_figures_of_no_site_and_of_one() -> None:
    assert summarise([], [], 0) == (None, None, None, None, None, "none_too_few")
    assert summarise(alone(2.5), [0.5], 1) == (2.5, None, None, None, 0.5, "none_too_few")


def test_one_cluster_has_no_limits_and_two_have() -> None:
    one = [(4, 1.0), (4, 3.0)]
    assert summarise(one, [], 10, 5) == (2.0, 2.0, None, None, None, "none_one_cluster")
    mean, _, lower, upper, _, rule = summarise([*one, (2, 5.0), (2, 7.0)], [], 10, 5)
    assert (mean, rule) == (4.0, "between_clusters")
    # Means 2 and 6, sizes 2: the variance of the mean is (1 - 2/5) / 2 * 8; t of one degree is
    # tan(0.475 pi).
    half = math.tan(0.475 * math.pi) * math.sqrt(0.6 / 2 * 8)
    assert (lower, upper) == (pytest.approx(4 - half), pytest.approx(4 + half))


def test_limits_close_on_the_mean_when_all_sites_are_drawn() -> None:
    assert summarise(alone(1.0, 4.0), [], 2) == (2.5, 4.5, 2.5, 2.5, None, "all_drawn")


def test_figures_do_not_depend_on_the_order_of_the_sites() -> None:
    values = [
        random.Random(1).uniform(0, 60) * 10 ** random.Random(n).randint(-6, 0) for n in range(500)
    ]
    backwards, shuffled = values[::-1], random.Random(2).sample(values, 500)
    assert (
        summarise(alone(*values), values, 900)
        == summarise(alone(*backwards), backwards, 900)
        == summarise(alone(*shuffled), shuffled, 900)
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("samples", 0),
        ("samples", -3),
        ("method", "best"),
        ("depth", "0-20"),
        ("seed", 2**63),
        ("clusters", 2),
    ],
)
def test_parameters_out_of_bounds_are_refused(field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"^{field} must "):
        Params(**{field: value})


def site_countries(
    spark: SparkSession, countries: dict[str, tuple[str | None, str | None]]
) -> DataFrame:
    """(country_id, country_code) by site."""
    rows = [(site, country_id, code, country_id) for site, (country_id, code) in countries.items()]
    return spark.createDataFrame(
        rows, "site_id string, country_id string, country_code string, country_name string"
    )


def no_ranks(spark: SparkSession) -> DataFrame:
    """Single sites are drawn without any ranks."""
    return spark.createDataFrame([], "site_id string, curve_rank bigint")


def layers(
    spark: SparkSession, *rows: tuple[str, str, float | None, float | None, float]
) -> DataFrame:
    typed = [
        (site, name, *[None if n is None else float(n) for n in numbers])
        for site, name, *numbers in rows
    ]
    return spark.createDataFrame(
        typed,
        "site_id string, property string, upper_depth_cm double, lower_depth_cm double, "
        "value double",
    )


@pytest.mark.spark
def test_sites_without_a_country_code_are_folded_and_counted(spark: SparkSession) -> None:
    where = site_countries(
        spark,
        {"a": ("BE", "BE"), "b": (None, None), "c": (None, None), "d": ("name:N. Cyprus", None)},
    )
    rows = soil_country_stats(
        where,
        layers(spark, ("a", "soc", 0.0, 10.0, 1.0), ("b", "soc", 0.0, 10.0, 9.0)),
        no_ranks(spark),
        params=Params(),
    ).collect()
    assert {(r["country_code"], r["_fold"], r["_rows"], r["n_drawn"]) for r in rows} == {
        ("BE", None, 1, 1),
        (None, "in no country", 2, 0),
        (None, "in a territory without a country code", 1, 0),
    }


# Layers of one site's organic carbon -> its value under "all" and under "0-30".
PROFILES: dict[
    str, tuple[list[tuple[float | None, float | None, float]], float | None, float | None]
] = {
    "one layer": ([(0, 10, 2.0)], 2.0, 2.0),
    "weighted by thickness": ([(0, 10, 4.0), (10, 40, 1.0)], 1.75, 2.0),
    "replicates are averaged first": ([(0, 10, 2.0), (0, 10, 4.0), (10, 20, 1.0)], 2.0, 2.0),
    "deep layers only": ([(30, 60, 1.0)], 1.0, None),
    "no depths": ([(None, None, 3.0), (None, None, 5.0)], 4.0, None),
    "some without depths": ([(0, 30, 2.0), (None, None, 4.0)], 3.0, 2.0),
    "a layer across 30 cm": ([(20, 50, 1.0), (0, 20, 4.0)], 2.2, 3.0),
}


@pytest.mark.spark
@pytest.mark.parametrize("depth", ["all", "0-30"])
def test_the_value_of_a_site(spark: SparkSession, depth: str) -> None:
    where = site_countries(spark, {name: (name, name) for name in PROFILES})
    told = layers(
        spark,
        *[(name, "soc", *layer) for name, (found, _, _) in PROFILES.items() for layer in found],
    )
    rows = soil_country_stats(where, told, no_ranks(spark), params=Params(depth=depth)).collect()
    assert {r["country_code"]: r["soc_mean_pct"] for r in rows} == {
        name: approximately(everything if depth == "all" else top)
        for name, (_, everything, top) in PROFILES.items()
    }


def approximately(value: float | None) -> Any:
    return value if value is None else pytest.approx(value, rel=1e-14)


@pytest.mark.spark
def test_a_sample_is_exact_and_part_of_a_larger_one(spark: SparkSession) -> None:
    """The sites' values are powers of two, so their sum tells which were drawn."""
    sites = [f"s{n}" for n in range(12)]
    where = site_countries(spark, dict.fromkeys(sites, ("BE", "BE")))
    told = layers(spark, *[(site, "soc", 0.0, 10.0, float(2**n)) for n, site in enumerate(sites)])

    def drawn(asked: int, seed: int) -> set[int]:
        params = Params(samples=asked, seed=seed)
        [row] = soil_country_stats(where, told, no_ranks(spark), params=params).collect()
        assert row["n_drawn"] == min(asked, 12)
        total = round(row["soc_mean_pct"] * row["n_drawn"])
        return {n for n in range(12) if total >> n & 1}

    ten, five, all_ = drawn(10, 7), drawn(5, 7), drawn(99, 7)
    assert len(five) == 5
    assert five < ten < all_ == set(range(12))
    assert drawn(5, 8) != five
    by_hash = sorted(range(12), key=lambda n: oracle.lot(7, sites[n]))
    assert five == set(by_hash[:5])


# --- suites --------------------------------------------------------------------------------------

FIGURES: dict[str, Any] = {
    "method": "random", "n_asked": 30, "n_clusters_asked": 1, "seed": 7, "sampling_unit": "site",
    "n_clusters": None, "inclusion_probability_least": 1.0, "inclusion_probability_greatest": 1.0, "soc_ci95_rule": "all_drawn",
    "depth_rule": "all", "n_available": 3, "n_drawn": 3, "n_clay": 3, "soc_mean_pct": 2.0, "soc_variance_pct2": 1.0,
    "soc_ci95_lower_pct": 2.0, "soc_ci95_upper_pct": 2.0, "clay_mean_fraction": 1.0,
}  # fmt: skip
GOOD: dict[str, dict[str, Any]] = {
    "bronze.soil_sites": {"source": "isis"},
    "bronze.soil_samples": {"source": "isis"},
    "bronze.soil_boundaries": {"source": "natural_earth", "geometry": "{}"},
    "bronze.soil_areas": {"source": "clients"},
    "silver.soil_areas": {"area_id": "A", "area_wkb": b"\x01", "area_km2": 2e7},
    "silver.soil_sites": {"site_id": "a", "source": "isis", "lon_deg": 180.0, "lat_deg": -90.0, "epsg": 4326, "position_error_m": 1.0},
    "silver.soil_measurements": {
        "measurement_id": "m", "site_id": "a", "source": "isis", "property": "soc", "value": 100.0, "unit": "%",
        "upper_depth_cm": 0.0, "lower_depth_cm": 5000.0, "sampled_on_precision": "day",
    },
    "silver.soil_countries": {
        "country_id": "BE", "country_name": "Belgium", "source": "natural_earth", "boundary_wkb": b"\x01", "boundary_srid": 4326,
        "min_lon_deg": -180.0, "max_lon_deg": 180.0, "min_lat_deg": -90.0, "max_lat_deg": 90.0,
    },
    "silver.soil_country_cells": {
        "cell_id": 1038960, "country_id": "BE", "country_name": "Belgium", "is_whole": True, "is_touching": True,
    },
    "silver.soil_site_countries": {"site_id": "a", "rule": "coast", "coast_distance_m": 5000.0, "s2_cell": -1},
    "silver.soil_curve_ranks": {"site_id": "a", "country_code": "BE", "s2_cell": -1, "curve_rank": 1},
    "gold.soil_country_stats": {"country_code": "BE", "country_name": "Belgium", **FIGURES},
    "gold.soil_area_stats": {"area_id": "A", "area_km2": 1.0, "n_sites": 3, **FIGURES},
}  # fmt: skip

# One value out of bounds on each side of each rule that is not about nulls; nulls are tried for
# every such rule.
BROKEN_FIGURES: list[dict[str, Any]] = [
    {"method": "best"}, {"sampling_unit": "row"}, {"depth_rule": "0-20"},
    {"n_clusters_asked": 0}, {"n_clusters": 0}, {"soc_ci95_rule": "guess"}, {"inclusion_probability_greatest": 1.1},
    {"inclusion_probability_least": -0.1}, {"inclusion_probability_greatest": 0.9},
    {"n_available": 2}, {"n_clay": 4}, {"soc_mean_pct": math.nan, "soc_ci95_lower_pct": None, "soc_ci95_upper_pct": None},
    {"soc_variance_pct2": -1.0}, {"soc_ci95_lower_pct": 2.1}, {"soc_ci95_lower_pct": -10001.0}, {"soc_ci95_upper_pct": 1.9},
    {"soc_ci95_upper_pct": 10001.0}, {"clay_mean_fraction": 1.01}, {"clay_mean_fraction": -0.01},
    {"n_clay": -1},
    {"n_asked": 0, "n_drawn": 0, "n_clay": 0}, {"n_drawn": 1, "n_clay": 1},
]  # fmt: skip
BREAKING: dict[str, list[dict[str, Any]]] = {
    "silver.soil_sites": [{"lon_deg": 180.01}, {"lon_deg": -180.01}, {"lon_deg": math.nan}, {"lat_deg": 90.01}, {"lat_deg": math.nan},
                          {"position_error_m": -0.1}, {"position_error_m": 1.01}, {"position_error_m": math.nan}],
    "silver.soil_measurements": [
        {"property": "ph"}, {"value": -0.01}, {"value": 100.01}, {"value": math.nan}, {"value": math.inf},
        {"upper_depth_cm": -0.01}, {"lower_depth_cm": 5000.01}, {"upper_depth_cm": 5.0, "lower_depth_cm": 5.0},
        {"sampled_on_precision": "unread"},
    ],
    "silver.soil_countries": [{"min_lon_deg": -180.01}, {"max_lon_deg": 180.01}, {"min_lat_deg": -90.01}, {"max_lat_deg": math.nan}],
    "silver.soil_curve_ranks": [{"curve_rank": 0}],
    "silver.soil_country_cells": [{"cell_id": -1}, {"cell_id": 1038961}],
    "silver.soil_site_countries": [{"rule": "sea"}, {"rule": "none"}, {"coast_distance_m": 5000.01}, {"coast_distance_m": -1.0}],
    "gold.soil_country_stats": BROKEN_FIGURES,
    "gold.soil_area_stats": [*BROKEN_FIGURES, {"n_sites": 2}, {"area_km2": 0.0}],
    "silver.soil_areas": [{"area_km2": 0.0}, {"area_km2": 2.1e7}],
}  # fmt: skip


@pytest.mark.spark
@pytest.mark.parametrize("table", sorted(GOOD))
def test_each_rule_of_a_suite_is_broken_by_data_of_its_own(spark: SparkSession, table: str) -> None:
    """A good row breaks none; each rule is broken by some row, and each breaking row is caught by
    some rule.
    """
    contract, suite = load_contract(table), load_suite(table)
    nulls = [
        {e.kwargs["column"]: None}
        for e in suite.expectations
        if e.type == "expect_column_values_to_not_be_null"
    ]
    rows = [GOOD[table] | change for change in [{}, *nulls, *BREAKING.get(table, [])]]
    fields = tuple(f for f in contract.fields if f.name not in ENGINE_ONLY)
    schema = struct_type(fields, enforce_required=False)
    frame = spark.createDataFrame(
        [(n, *[row.get(f.name) for f in fields]) for n, row in enumerate(rows)],
        schema_with_number(schema),
    )
    rules = gate.row_rules(frame, suite)
    broken = frame.select(
        "_n", *[rule.breaks.alias(str(n)) for n, rule in enumerate(rules)]
    ).collect()
    caught = {row["_n"]: {n for n in range(len(rules)) if row[str(n)]} for row in broken}
    assert caught[0] == set()
    assert all(caught[n] for n in range(1, len(rows))), [
        rows[n] for n in caught if n and not caught[n]
    ]
    critical = {n for n, rule in enumerate(rules) if rule.expectation.severity == "critical"}
    alone = {n for found in caught.values() for n in (found if len(found & critical) <= 1 else ())}
    assert alone == set(range(len(rules))), [
        rules[n].expectation.description for n in range(len(rules)) if n not in alone
    ]


def schema_with_number(schema: Any) -> Any:
    return StructType([StructField("_n", IntegerType()), *schema.fields])


# --- layouts -------------------------------------------------------------------------------------

CSV_LAYOUTS = {
    "points": "lon,lat,soc_pct,clay_pct,upper_depth_cm,lower_depth_cm,site_id,sample_id,sampled_on\n5,50,1,2,0,10,A,B,1985\n",
    "points_projected": "x,y,epsg,soc_pct\n1,2,25833,3\n",
    "isis_sites": "SOURCEID,LONWGS84,LATWGS84,TIMESTRR,TAXGWRB,TAXNUSDA,BDRICM,SOURCEDB\nBE1,5,50,0,,,,ISIS\n",
    "isis_horizons": "SOURCEID,UHDICM,LHDICM,ORCDRC,CLYPPT\nBE1,0,10,1,2\n",
    "limesoda": "dataset,SOC_target,pH_target,Clay_target,country,epsg,x,y\nB,1,6,2,Germany,25833,1,2\n",
}


@pytest.mark.parametrize("name", sorted(CSV_LAYOUTS))
def test_layouts_are_told_apart(tmp_path: Path, name: str) -> None:
    assert look_at(tmp_path, "x.csv", CSV_LAYOUTS[name].encode()).layout == name


def look_at(folder: Path, name: str, content: bytes, source: str = "samples") -> Any:
    target = folder / "soil" / source
    target.mkdir(parents=True, exist_ok=True)
    (target / name).write_bytes(content)
    [file] = list_raw(str(folder), "soil", source)[0]
    return look(file, [layout for layout in load_layouts("soil") if layout.source == source])


@pytest.mark.parametrize(
    ("names", "layout"),
    [(("name", "iso_n3"), "natural_earth"), (("NAME", "ISO_N3"), "natural_earth_full")],
)
def test_boundary_layouts_are_told_apart(
    tmp_path: Path, names: tuple[str, str], layout: str
) -> None:
    feature = {
        "type": "Feature",
        "properties": dict(zip(names, ("A", "056"), strict=True)),
        "geometry": json.loads(square(0, 1)),
    }
    content = json.dumps({"type": "FeatureCollection", "features": [feature]}).encode()
    assert look_at(tmp_path, "x.geojson", content, "boundaries").layout == layout


@pytest.mark.spark
def test_layers_of_wosis_in_flatgeobuf(spark: SparkSession, tmp_path: Path) -> None:
    """A made-up file in the layout of the real one, which may not be shipped."""
    folder = tmp_path / "soil" / "samples"
    folder.mkdir(parents=True)
    told = [
        {"value": v, "method": "wet", "quality": None, "uncertainty": None}
        for v in (1.1, 0.49000000000000005, None)
    ]
    fields = {
        "geom_uncertainty": np.array(["0", "1", "3"], dtype=object),
        "sampling_date": np.array(["1985-??-??", "2012-04-18", None], dtype=object),
        "top_depth_cm": np.array([0, 30, 0], dtype="int64"),
        "bottom_depth_cm": np.array([30, 60, 15], dtype="int64"),
        "raw_data_id": np.array(["1-10", "2-11", "3-12"], dtype=object),
        "soc_percent": np.array([json.dumps(value) for value in told], dtype=object),
    }
    points = oracle.shapely.to_wkb(
        oracle.shapely.points(
            [(4.46395, 50.582524), (4.46395, 50.582524), (-54.43333333333333, 2.430555555555556)]
        )
    )
    options = {"geometry_type": "Point", "driver": "FlatGeobuf", "crs": None, "SPATIAL_INDEX": "NO"}
    pyogrio.raw.write(folder / "layers.fgb", points, list(fields.values()), list(fields), **options)
    records = read_bronze(spark, tmp_path)["bronze.soil_samples"].cache()
    sites = accepted(soil_sites(records, described(spark)), "silver.soil_sites")
    rows = soil_measurements(records, sites).collect()
    assert sorted(
        (r["source_sample_id"], r["site_id"], r["value"], r["sampled_on"], r["_fold"]) for r in rows
    ) == [
        ("1-10", "at:4.4639500,50.5825240", 1.1, "1985", None),
        ("2-11", "at:4.4639500,50.5825240", 0.49000000000000005, "2012-04-18", None),
        ("3-12", "at:-54.4333333,2.4305556", None, None, "no soil property measured"),
    ]
    records.unpersist()


# --- declarations --------------------------------------------------------------------------------


def test_each_fold_is_declared() -> None:
    """The gate counts folds by the sentences that a table declares."""
    modules = {
        "silver.soil_sites": "sites",
        "silver.soil_measurements": "measurements",
        "silver.soil_countries": "countries",
    }
    for table in soil.TABLES:
        assert len(table.folds) == len(set(table.folds))
        if table.name in modules:
            assert "superseded by a later delivery" in table.folds


def test_sedona_is_called_in_the_kit_alone() -> None:
    library = Path(soil.__file__).parents[2]
    callers = {
        path.name
        for path in library.rglob("*.py")
        if re.search(r"\bST_[A-Z]", path.read_text(encoding="utf-8"))
    }
    assert callers == {"cell_join.py", "geo.py", "sedona.py", "systems.py"}
