"""Soil side by side: the country of each point, and files to published gold.

    python -m bench soil join --points 1000000 --rounds 3
    python -m bench soil feed --points 1000000 --rounds 1

`join`: points in a Parquet file, three quarters of them in one country, and Natural Earth 1:10m, by
Strata's cells in Spark's tasks, as on a cluster (`strata`), in this process, as on one machine (`strata-here`),
or by Spark and Sedona, as where the transform makes the rows (`strata-sedona`); plain Sedona (boundaries
subdivided and broadcast), SedonaDB, PyCanopy, DuckDB and geopandas. Each way reads positions alone of the
file, gives the country's name of each point that a country holds, and counts these. Every way does it twice in a process of its own and says the seconds of the second time;
the start of Python and Spark is left out, and so is what each makes of the boundaries beforehand:
Strata's cells are made when boundaries are published, and their seconds are told apart. All must
give each country the same number of points.

`feed`: a CSV to gold, by Strata with its gates and ledger, as `strata run soil` does it; and by plain
PySpark, Sedona and Delta, in an ordinary session (`plain`) and with the settings that Strata takes
for small runs, Java's quick compiler among them (`plain-small`).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from bench.figures import Figure, machine
from bench.kept import Kept, work_in

BOUNDARIES = Path(__file__).parents[1] / "samples/soil/boundaries/natural_earth_10m_europe.geojson"
JOIN_WAYS = (
    "strata",
    "strata-here",
    "strata-sedona",
    "sedona",
    "sedonadb",
    "pycanopy",
    "duckdb",
    "geopandas",
)
FEED_WAYS = ("strata", "plain", "plain-small")
_OWN = ("strata", "strata-here", "strata-sedona", "sedona", "plain", "plain-small")
# What the ways without Spark run on, apart from Strata's own packages.
_PINNED = (
    "sedonadb==0.5.0", "geoarrow-pyarrow==0.3.0", "pycanopy==0.4.1", "duckdb==1.4.4", "duckdb-ext-spatial==1.4.4.20260205",
    "geopandas==1.2.0", "pyarrow==26.0.1", "polars==2.1.0",
)  # fmt: skip
# geopandas holds all points as objects; DuckDB compares each point with whole countries, and takes
# minutes a million.
_MOST = {"geopandas": 1_000_000, "duckdb": 200_000}


def command(arguments: Sequence[str] | None = None) -> None:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m bench soil", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("what", choices=("join", "feed"))
    parser.add_argument("--points", type=int, default=1_000_000, help="default: a million")
    parser.add_argument("--rounds", type=int, default=3, help="in turns; default: 3")
    parser.add_argument(
        "--ways",
        nargs="+",
        choices=(*JOIN_WAYS, *FEED_WAYS[1:]),
        help="some of them (default: all)",
    )
    asked = parser.parse_args(arguments)
    ways = asked.ways or (JOIN_WAYS if asked.what == "join" else FEED_WAYS)
    main(asked.what, asked.points, asked.rounds, ways)


def main(
    what: str, points: int, rounds: int, ways: Sequence[str], kept: Kept | None = None
) -> dict[str, Figure]:
    """Prints the medians of each way, and the ratios to those they are measured against; returns
    the medians."""
    name, write = f"soil-{what}-{points}", _write_points if what == "join" else _write_csv
    with work_in(kept) as (folder, keeps):
        raw = keeps.raw(name, lambda to: write(to, points))
        chosen = [way for way in ways if points <= _MOST.get(way, points)]
        told: dict[str, list[dict[str, Any]]] = {way: [] for way in chosen}
        for number in range(rounds):
            for way in chosen:
                turn = partial(_turn, what, way, raw, folder / f"{number}-{way}")
                told[way].append(keeps.once(f"{name} {way} {number}", turn))
        return _tell(what, points, rounds, told)


def _turn(what: str, way: str, raw: Path, target: Path) -> dict[str, Any]:
    target.mkdir()
    found = _in_process(what, way, raw, target)
    shutil.rmtree(target)
    return found


def _in_process(what: str, way: str, folder: Path, target: Path) -> dict[str, Any]:
    python = sys.executable if way in _OWN else _other_python()
    code = (
        f"from bench import soil; soil.run_way({what!r}, {way!r}, {str(folder)!r}, {str(target)!r})"
    )
    done = subprocess.run([python, "-c", code], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{way}: {done.stdout[-2000:]}{done.stderr[-3000:]}")
    # Of files to gold, when each table began.
    print("".join(f"{x}\n" for x in done.stderr.splitlines() if x.startswith("  ")),
          end="", file=sys.stderr)  # fmt: skip
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    said = {key: value for key, value in answer.items() if key != "counts"}
    print(f"{way}: {said}", file=sys.stderr, flush=True)
    return answer


def _other_python() -> str:
    """An environment of its own, made once: these packages do not go with Strata's."""
    folder = Path(tempfile.gettempdir()) / f"strata-bench-soil-{os.getuid()}"
    python = folder / "bin" / "python"
    if not (folder / "done").exists():
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *_PINNED], check=True)
        (folder / "done").touch()
    return str(python)


def _tell(
    what: str, points: int, rounds: int, told: dict[str, list[dict[str, Any]]]
) -> dict[str, Figure]:
    found = {way: of[0]["counts"] for way, of in told.items()}
    first = next(iter(found.values()))
    for way, counts in found.items():
        if counts != first:
            raise SystemExit(f"every way must give a country the same points; {way} differs: "
                             f"{set(counts.items()) ^ set(first.items())}")  # fmt: skip
    medians, used = (
        {way: statistics.median(row[name] for row in of) for way, of in told.items()}
        for name in ("seconds", "cpu")
    )
    print(
        f"{what}: {points:,} points, {rounds} rounds; seconds (median), and CPU seconds; {machine()}"
    )
    bases = [way for way in ("sedonadb", "sedona", "plain", "plain-small") if way in told]
    for way, of in told.items():
        memory = statistics.median(row["memory_mib"] for row in of)
        against = ", ".join(
            f"{medians[way] / medians[base]:.2f} of {base} (CPU {used[way] / used[base]:.2f})"
            for base in bases
        )
        print(
            f"{way:13} {medians[way]:8.2f} s {used[way]:8.2f} s CPU {memory:7,.0f} MiB  {against}"
        )
    if "strata" in told and what == "join":
        cells = statistics.median(row["cells"] for row in told["strata"])
        print(f"strata's cells are made in {cells:.1f} s, when boundaries are published")
    return {way: Figure.of([row | {"gib": row["memory_mib"] / 1024} for row in of])
            for way, of in told.items()}  # fmt: skip


# --- data -----------------------------------------------------------------------------------------


def _places(points: int) -> tuple[np.ndarray, np.ndarray, np.random.Generator]:
    lot = np.random.default_rng(5)
    many = points * 3 // 4
    lon = np.r_[lot.uniform(0, 5, many), lot.uniform(-10, 30, points - many)].round(6)
    lat = np.r_[lot.uniform(44, 49, many), lot.uniform(36, 68, points - many)].round(6)
    return lon, lat, lot


def _write_points(folder: Path, points: int) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    lon, lat, _ = _places(points)
    table = pa.table(
        {
            "site_id": [f"p{n}" for n in range(points)],
            "lon_deg": lon,
            "lat_deg": lat,
            "_file_sha256": pa.array(["f"] * points).dictionary_encode(),
            "_record_number": np.arange(1, points + 1),
        }
    )
    parquet.write_table(table, folder / "points.parquet", row_group_size=250_000)


def _write_csv(folder: Path, points: int) -> None:
    lon, lat, lot = _places(points)
    soc, clay = lot.uniform(0, 8, points).round(2), lot.uniform(2, 60, points).round(1)
    target = folder / "raw" / "soil" / "samples"
    target.mkdir(parents=True)
    (folder / "raw" / "soil" / "boundaries").mkdir()
    shutil.copy(BOUNDARIES, folder / "raw" / "soil" / "boundaries")
    with open(target / "points.csv", "w") as sink:
        sink.write("site_id,lon,lat,soc_pct,clay_pct,upper_depth_cm,lower_depth_cm\n")
        for n, row in enumerate(zip(lon, lat, soc, clay, strict=True)):
            sink.write(f"p{n},{row[0]},{row[1]},{row[2]},{row[3]},0,30\n")


def countries() -> dict[str, Any]:
    """Each country's geometry by its name, made valid."""
    import shapely

    features = json.loads(BOUNDARIES.read_text())["features"]
    return {
        f["properties"]["name"]: shapely.make_valid(shapely.geometry.shape(f["geometry"]))
        for f in features
    }


# --- one way, in its own process ------------------------------------------------------------------


def run_way(what: str, way: str, folder: str, target: str) -> None:
    """Runs one way and prints what it took and found, as JSON."""
    ways: dict[tuple[str, str], Callable[[Path, Path], dict[str, Any]]] = {
        ("join", "strata"): _join_strata,
        ("join", "strata-here"): _join_strata_here,
        ("join", "strata-sedona"): _join_strata_sedona,
        ("join", "sedona"): _join_sedona,
        ("join", "sedonadb"): _join_sedonadb,
        ("join", "pycanopy"): _join_pycanopy,
        ("join", "duckdb"): _join_duckdb,
        ("join", "geopandas"): _join_geopandas,
        ("feed", "strata"): _feed_strata,
        ("feed", "plain"): _feed_plain,
        ("feed", "plain-small"): partial(_feed_plain, small=True),
    }
    answer = ways[what, way](Path(folder), Path(target))
    print(json.dumps(answer | {"memory_mib": _most_memory_mib()}))


def _processes() -> list[str]:
    """This process and all that descend from it: Spark's, and its executors' Python."""
    parents: dict[str, list[str]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parent = stat.read_text().rpartition(")")[2].split()[1]
            parents.setdefault(parent, []).append(stat.parent.name)
    found = [str(os.getpid())]
    for process in found:
        found += parents.get(process, [])
    return found


def _most_memory_mib() -> float:
    """The most that these processes held, as the system counted."""
    found = 0.0
    for process in _processes():
        with suppress(OSError):
            text = Path(f"/proc/{process}/status").read_text()
            # A process that has ended, and is not waited for, has none.
            found += sum(map(int, text.partition("VmHWM:")[2].split()[:1])) / 1024
    return found


def _twice(join: Callable[[], dict[str, int]]) -> dict[str, Any]:
    for _ in range(2):
        before, started = _cpu(), time.monotonic()
        counts = join()
        found = {"seconds": time.monotonic() - started, "cpu": _cpu() - before, "counts": counts}
    return found


def _cpu() -> float:
    """CPU seconds of these processes and of those that have ended, threads and all."""
    ticks = 0
    for process in _processes():
        with suppress(OSError):
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def _spark(small: bool = False) -> Any:
    from strata.spark import session

    return session.build(log_file=session.default_log_file(), small=small)


def _counted(frame: Any) -> dict[str, int]:
    return {row["country"]: row["count"] for row in frame.groupBy("country").count().collect()}


def _join_strata(folder: Path, target: Path) -> dict[str, Any]:
    from pyarrow import parquet

    spark = _spark()
    cells = _make_cells(spark, target)
    groups = parquet.ParquetFile(folder / "points.parquet").num_row_groups
    place = partial(_place_groups, folder, target)

    def join() -> dict[str, int]:
        numbers = spark.range(0, groups, 1, groups)
        return _counted(numbers.mapInArrow(place, "country string"))

    return _twice(join) | {"cells": cells}


def _join_strata_here(folder: Path, target: Path) -> dict[str, Any]:
    from pyarrow import parquet

    cells = _make_cells(_spark(), target)
    groups = list(range(parquet.ParquetFile(folder / "points.parquet").num_row_groups))

    def join() -> dict[str, int]:
        found: Counter[str] = Counter()
        for batch in _place(folder, target, groups):
            counted = batch.column(0).value_counts().to_pylist()
            found.update({one["values"]: one["counts"] for one in counted})
        return dict(found)

    return _twice(join) | {"cells": cells}


def _join_strata_sedona(folder: Path, target: Path) -> dict[str, Any]:
    from strata.feeds.soil.countries import soil_site_countries

    spark = _spark()
    cells = _make_cells(spark, target)

    def join() -> dict[str, int]:
        points = spark.read.parquet(str(folder / "points.parquet"))
        found = soil_site_countries(points, spark.read.parquet(str(target / "cells")))
        return _held(found.withColumnRenamed("country_name", "country"))

    return _twice(join) | {"cells": cells}


def _make_cells(spark: Any, target: Path) -> float:
    """Writes the map as cells, and returns the seconds."""
    from strata.feeds.soil.countries import soil_country_cells

    rows = [(name, name, name, bytearray(shape.wkb), "b", 1) for name, shape in countries().items()]
    made = spark.createDataFrame(
        rows,
        "country_id string, country_code string, country_name string, boundary_wkb binary, "
        "_file_sha256 string, _record_number bigint",
    )
    started = time.monotonic()
    soil_country_cells(made).write.parquet(str(target / "cells"))
    return time.monotonic() - started


def _held(found: Any) -> dict[str, int]:
    return _counted(found.where("rule in ('inside', 'border')"))


def _place_groups(folder: Path, target: Path, batches: Iterable[Any]) -> Iterator[Any]:
    """What a task of Spark's does, in an executor."""
    groups = [n for batch in batches for n in batch.column(0).to_pylist()]
    yield from _place(folder, target, groups)


def _place(folder: Path, target: Path, groups: list[int]) -> Iterator[Any]:
    """The country of each point of some row groups that a country holds: as
    `silver.soil_site_countries` of a large load is made."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import parquet

    points, places = parquet.ParquetFile(folder / "points.parquet"), _places_of(target)
    holds = pa.array(["inside", "border"])
    for batch in points.iter_batches(65_536, groups, ["lon_deg", "lat_deg"]):
        placed, _ = places.of(*(batch.column(n).to_numpy() for n in ("lon_deg", "lat_deg")))
        held = placed["country_name"].filter(pc.is_in(placed["rule"], holds))
        yield pa.RecordBatch.from_arrays([held], names=["country"])


@cache
def _places_of(target: Path) -> Any:
    """The map, once for each process of the executors'."""
    from pyarrow import parquet
    from strata.feeds.soil.plain_places import Places

    return Places(parquet.read_table(target / "cells"))


def _join_sedona(folder: Path, _: Path) -> dict[str, Any]:
    from pyspark.sql import functions as F

    spark = _spark()
    rows = [(name, shape.wkt) for name, shape in countries().items()]
    pieces = (
        spark.createDataFrame(rows, "country string, wkt string")
        .selectExpr("country", "ST_SubdivideExplode(ST_GeomFromWKT(wkt), 256) as piece")
        .localCheckpoint()
    )

    def join() -> dict[str, int]:
        points = spark.read.parquet(str(folder / "points.parquet"))
        placed = points.withColumn("point", F.expr("ST_Point(lon_deg, lat_deg)"))
        found = placed.join(F.broadcast(pieces), F.expr("ST_Intersects(piece, point)"))
        return _counted(found)

    return _twice(join)


def _join_sedonadb(folder: Path, target: Path) -> dict[str, Any]:
    import sedonadb

    connection = sedonadb.connect()
    connection.read_parquet(str(folder / "points.parquet")).to_view("points")
    connection.create_data_frame(_geopandas_countries()).to_view("countries")
    text = """
    select c.country, count(*) as n from points p
    join countries c on ST_Intersects(c.geometry, ST_Point(p.lon_deg, p.lat_deg, 4326))
    group by c.country"""

    def join() -> dict[str, int]:
        rows = connection.sql(text).to_pandas()
        return {row.country: int(row.n) for row in rows.itertuples()}

    return _twice(join)


def _join_pycanopy(folder: Path, _: Path) -> dict[str, Any]:
    import polars as pl
    import pycanopy

    shapes = countries()
    table = pl.DataFrame({"country": list(shapes), "geometry": [s.wkb for s in shapes.values()]})
    zones = pycanopy.SpatialFrame.from_wkb_polygons(table, wkb_col="geometry")

    def join() -> dict[str, int]:
        points = pl.read_parquet(folder / "points.parquet", columns=["lon_deg", "lat_deg"])
        found = (
            zones.lazy()
            .within_join(points, x_col="lon_deg", y_col="lat_deg")
            .group_by(["country"])
            .agg(n=pycanopy.agg.count())
        )
        rows = found.collect() if hasattr(found, "collect") else found
        return {row["country"]: int(row["n"]) for row in rows.to_dicts()}

    return _twice(join)


def _join_duckdb(folder: Path, _: Path) -> dict[str, Any]:
    import duckdb

    packages = Path(duckdb.__file__).parents[1]
    [extension] = packages.glob("duckdb_ext/extensions/*/*/spatial.duckdb_extension")
    connection = duckdb.connect()
    connection.execute(f"load '{extension}'")
    connection.execute("create table raw (country varchar, wkb blob)")
    rows = [(name, shape.wkb) for name, shape in countries().items()]
    connection.executemany("insert into raw values (?, ?)", rows)
    connection.execute(
        "create table countries as select country, ST_GeomFromWKB(wkb) as shape from raw"
    )
    text = f"""
    select c.country, count(*) from '{folder / "points.parquet"}' p
    join countries c on ST_Intersects(c.shape, ST_Point(p.lon_deg, p.lat_deg))
    group by c.country"""
    return _twice(lambda: dict(connection.execute(text).fetchall()))


def _geopandas_countries() -> Any:
    import geopandas

    shapes = countries()
    return geopandas.GeoDataFrame(
        {"country": list(shapes)}, geometry=list(shapes.values()), crs="EPSG:4326"
    )


def _join_geopandas(folder: Path, _: Path) -> dict[str, Any]:
    import geopandas
    import pandas as pd

    areas = _geopandas_countries()

    def join() -> dict[str, int]:
        table = pd.read_parquet(folder / "points.parquet", columns=["lon_deg", "lat_deg"])
        points = geopandas.GeoDataFrame(
            table, geometry=geopandas.points_from_xy(table.lon_deg, table.lat_deg), crs="EPSG:4326"
        )
        return dict(Counter(points.sjoin(areas, predicate="intersects")["country"]))

    return _twice(join)


# --- files to gold --------------------------------------------------------------------------------


def _feed_strata(folder: Path, target: Path) -> dict[str, Any]:
    import pyarrow as pa
    import pyarrow.compute as pc
    from strata.declare.feed import load_feed
    from strata.lake.versions import Warehouse, read_arrow
    from strata.ledger.book import Book
    from strata.run.options import Options
    from strata.run.plan import make_plan
    from strata.run.run import run_feed

    # As the command does: it plans before Spark starts, and tunes Spark for as many rows.
    steps: list[tuple[float, str]] = []
    started, before = time.monotonic(), _cpu()
    feed, warehouse = load_feed("soil"), Warehouse(str(target))
    options = Options(str(folder / "raw"), at_once=max(2, os.cpu_count() or 2))
    plan = make_plan(feed, feed.default_params(), Book(warehouse), options)
    seconds, used = time.monotonic() - started, _cpu() - before
    spark = _spark(plan.is_small)
    started, before = time.monotonic(), _cpu()
    tell = lambda text: steps.append((time.monotonic() - started, text))  # noqa: E731
    published = run_feed(spark, warehouse, plan, options, tell).publication
    seconds, used = seconds + time.monotonic() - started, used + _cpu() - before
    for at, text in steps:
        print(f"  {at:6.1f} s  {text}", file=sys.stderr)
    assert published is not None, "the run publishes"
    state = published.state("silver.soil_site_countries")
    assert state is not None, "the run publishes it"
    sites = read_arrow(warehouse, state.table, state.version)
    # The plain script knows no coasts, and so fewer sites of islands.
    held = sites.filter(pc.is_in(sites["rule"], pa.array(["inside", "border"])))
    counts = Counter(held["country_name"].to_pylist())
    return {
        "seconds": seconds,
        "cpu": used,
        "counts": {name: min(count, 30) for name, count in counts.items()},
    }


def _feed_plain(folder: Path, target: Path, small: bool = False) -> dict[str, Any]:
    from bench import soil_plain

    spark = _spark(small)
    started, before = time.monotonic(), _cpu()
    counts = soil_plain.build(spark, folder / "raw" / "soil", target)
    return {"seconds": time.monotonic() - started, "cpu": _cpu() - before, "counts": counts}


if __name__ == "__main__":
    command()
