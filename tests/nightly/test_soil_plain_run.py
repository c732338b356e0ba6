"""Whole runs of soil with plain rows and without: what is published, rejected and counted is the
same, also when a later delivery speaks of sites whose plain rows are published.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from strata.lake.versions import Warehouse

from tests.plain import BY_TRANSFORMS
from tests.ways import Way

pytestmark = [pytest.mark.spark, pytest.mark.nightly]

HEADER = "site_id,sample_id,lon,lat,soc_pct,clay_pct,upper_depth_cm,lower_depth_cm,sampled_on\n"
SOUND = [
    f"p{n},,{5 + n / 1000},{50 + n / 777:.6f},{n % 9},{'' if n % 3 else n % 50},0,30,2015-0{1 + n % 9}-11"
    for n in range(400)
]
ODD = [
    "twice,,5,50,1,2,0,30,", "twice,,5.5,50,1,2,0,30,",  # two positions of one site
    "profile,a,5,51,1,2,0,30,", "profile,b,5,51,3,4,30,60,",
    "nowhere,,0,0,1,2,0,30,", "wide,,5,50,1,2,30,0,", "much,,5,50.2,101,2,0,30,",
    "comma,,5,50.3,1,2,0,30,spring", ",,5.00001,50.4,1,2,0,30,", "padded ,,5,50.5,1,2,0,30,",
    "nothing,,5,50.6,NA,,0,30,", "1.0,,5,50.7,1,2,0,30,", "exact,,5.123456789,50.8,1.5e1,2,,,",
]  # fmt: skip
LATER = ["p7,,5.007,50.009009,2,3,0,30,", "p8,,6,50,2,3,0,30,", "new,,6,50.5,2,3,0,30,"]
MORE = [
    "p10,,5.01,50.01287,2,3,30,60,", "p11,,5.011,50.014157,7,3,0,30,", "p9,,x,50,2,3,0,30,", "p7,,,,2,3,0,30,",
    ",,5.3,50.3,1,2,0,30,", ",,5.30,50.3,1,2,30,60,", "e,,7e-06,50,1,2,0,30,", ",,,,1,2,0,30,",
]  # fmt: skip
"""Layers of sites that are published, records without an id, one that tells no place."""
TABLES = ("silver.soil_sites", "silver.soil_measurements", "silver.soil_site_countries",
          "silver.soil_curve_ranks", "gold.soil_country_stats")  # fmt: skip


def write(raw: Path, delivery: str, rows: list[str]) -> None:
    target = raw / "soil" / "samples" / f"delivery={delivery}" / "points.csv"
    target.parent.mkdir(parents=True)
    target.write_text(HEADER + "\n".join(rows) + "\n")


def test_plain_rows_change_nothing_that_is_published(spark: SparkSession, tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    write(raw, "2024-01-01", [*SOUND, *ODD])
    square = [[[4, 49], [8, 49], [8, 51], [4, 51], [4, 49]]]
    country = {"name": "Belgium", "iso_n3": "056", "name_en": "Belgium"}
    feature = {"type": "Feature", "properties": country}
    feature |= {"geometry": {"type": "Polygon", "coordinates": square}}
    (raw / "soil" / "boundaries").mkdir()
    (raw / "soil" / "boundaries" / "one.geojson").write_text(
        json.dumps({"type": "FeatureCollection", "features": [feature]})
    )
    quick = Way(spark, "soil", raw, Warehouse(str(tmp_path / "quick")), 0)
    slow = Way(spark, "soil", raw, Warehouse(str(tmp_path / "slow")), BY_TRANSFORMS)
    expected = slow.told(slow.run(), TABLES)
    assert quick.told(quick.run(), TABLES) == expected
    assert expected["silver.soil_sites"][1], "some records must be rejected"
    assert sum(expected["silver.soil_measurements"][0].values()) > 500
    write(raw, "2024-02-01", LATER)
    assert quick.told(quick.run(), TABLES) == slow.told(slow.run(), TABLES)
    write(raw, "2024-02-02", MORE)
    assert quick.told(quick.run(), TABLES) == slow.told(slow.run(), TABLES)
