"""How far positions that Sedona transforms to WGS 84 lie from where PROJ puts them, system by
system: the table of supported coordinate systems in docs/SOIL_SYSTEMS.md.

    python -m bench.crs

Both work without grids of datum shifts. Measured on a grid of 15 x 15 points within each system's
area of use, by geodesic distance.
"""

from __future__ import annotations

import numpy as np
import pyproj
from pyproj.aoi import AreaOfInterest
from pyspark.sql import functions as F

# Systems of Europe's surveys, and what clients of the world send most.
SYSTEMS = (
    3035, 3857, 4258, 4326, 2056, 21781, 2154, 27572, 27700, 29902, 2157, 28992, 31370, 3812, 2169,
    25828, 25829, 25830, 25831, 25832, 25833, 25834, 25835, 32628, 32629, 32630, 32631, 32632,
    32633, 32634, 32635, 23030, 23031, 23032, 31467, 31468, 5514, 3045, 3046, 2180, 3301, 3346,
    3059, 3067, 3006, 5972, 2100, 3763, 3765, 3794, 3844, 7801, 31287, 31256, 3003, 3004, 6707,
    4230, 4267, 4269, 4283, 4167, 2193, 7844, 5070, 3978,
)  # fmt: skip


def grid(code: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray] | None:
    """Longitudes and latitudes by PROJ, and the same places in the system."""
    system = pyproj.CRS.from_epsg(code)
    area = system.area_of_use
    if area is None:
        return None
    west, south, east, north = area.bounds
    inset_x, inset_y = (east - west) * 0.05, (north - south) * 0.05
    lon, lat = (
        part.ravel()
        for part in np.meshgrid(
            np.linspace(west + inset_x, east - inset_x, 15),
            np.linspace(max(south + inset_y, -84), min(north - inset_y, 84), 15),
        )
    )
    there = pyproj.Transformer.from_crs(
        4326, code, always_xy=True, area_of_interest=AreaOfInterest(west, south, east, north),
        allow_ballpark=True,
    )  # fmt: skip
    x, y = there.transform(lon, lat)
    back = pyproj.Transformer.from_crs(
        code, 4326, always_xy=True, area_of_interest=AreaOfInterest(west, south, east, north)
    )
    lon, lat = back.transform(x, y)
    sound = np.isfinite(x) & np.isfinite(y) & np.isfinite(lon) & np.isfinite(lat)
    return lon[sound], lat[sound], x[sound], y[sound]


def main() -> None:
    """Prints a Markdown row a system, the nearest first."""
    from strata.kit import systems
    from strata.spark import session

    spark = session.build()
    told = {code: found for code in SYSTEMS if (found := grid(code)) is not None}
    rows = [
        (code, n, float(x), float(y))
        for code, (_, _, xs, ys) in told.items()
        for n, (x, y) in enumerate(zip(xs, ys, strict=True))
    ]
    frame = spark.createDataFrame(rows, "code int, n int, x double, y double").repartition(4)
    placed = systems.add_wgs84(
        systems.add_geographic_system(frame, "code", "g"), "x", "y", "code", "g", "at"
    ).select("code", "n", F.col("at.lon").alias("lon"), F.col("at.lat").alias("lat"))
    geod, measured = pyproj.Geod(ellps="WGS84"), []
    by_code: dict[int, list[tuple[int, float | None, float | None]]] = {}
    for row in placed.collect():
        by_code.setdefault(row["code"], []).append((row["n"], row["lon"], row["lat"]))
    for code, (lon, lat, _, _) in told.items():
        found = [item for item in by_code[code] if item[1] is not None]
        if not found:
            measured.append((float("inf"), code, 0))
            continue
        index = [n for n, _, _ in found]
        apart = geod.inv(
            lon[index], lat[index], [item[1] for item in found], [item[2] for item in found]
        )[2]
        measured.append((float(np.max(apart)), code, len(found)))
    for apart, code, points in sorted(measured):
        name = pyproj.CRS.from_epsg(code).name
        print(f"| {code} | {name} | {apart:.4f} | {points} |")


if __name__ == "__main__":
    main()
