"""Whole runs of soil with plain rows and without: what is published, rejected and counted is the
same, also when a later delivery speaks of sites whose plain rows are published.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from strata.declare.contract import load_contract, quarantine_name
from strata.declare.feed import load_feed
from strata.lake.versions import Warehouse, read_arrow
from strata.ledger.book import Book
from strata.ledger.publication import Publication
from strata.run.options import Options
from strata.run.plan import make_plan
from strata.run.run import run_feed

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
TABLES = ("silver.soil_sites", "silver.soil_measurements", "silver.soil_site_countries",
          "silver.soil_curve_ranks", "gold.soil_country_stats")  # fmt: skip


@dataclass
class Survey:
    """A warehouse of one raw folder."""

    spark: SparkSession
    raw: Path
    warehouse: Warehouse
    fewest: int | None

    def run(self) -> Publication:
        feed, options = load_feed("soil"), Options(str(self.raw), fewest_plain_rows=self.fewest)
        plan = make_plan(feed, feed.default_params(), Book(self.warehouse), options)
        published = run_feed(self.spark, self.warehouse, plan, options, lambda _: None).publication
        assert published is not None
        return published

    def told(self, published: Publication) -> dict[str, Any]:
        """Rows, rejected rows and gates of each table, free of order and of the run's own id."""
        gates = {gate.table: gate for gate in published.gates}
        found: dict[str, Any] = {}
        for name in TABLES:
            state, gate = published.state(name), gates[name]
            assert state is not None
            columns = [*load_contract(name).business_columns, *self._provenance(name)]
            rows = read_arrow(self.warehouse, name, state.version, columns).to_pylist()
            rejected: list[Any] = []
            if state.quarantine_version is not None:
                rejected = read_arrow(
                    self.warehouse, quarantine_name(name), state.quarantine_version,
                    ["_record_number", "_reasons"],
                ).to_pylist()  # fmt: skip
            found[name] = (
                Counter(map(repr, rows)), Counter(map(repr, rejected)), state.identity,
                (gate.rows_in, gate.accepted, gate.quarantined, gate.folded, gate.folds, gate.reasons),
                [(e["type"], e["success"], e["unexpected"]) for e in gate.expectations],
            )  # fmt: skip
        return found

    @staticmethod
    def _provenance(name: str) -> list[str]:
        held = load_contract(name).columns
        return [one for one in ("_file_sha256", "_record_number") if one in held]


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
    quick = Survey(spark, raw, Warehouse(str(tmp_path / "quick")), 0)
    slow = Survey(spark, raw, Warehouse(str(tmp_path / "slow")), None)
    expected = slow.told(slow.run())
    assert quick.told(quick.run()) == expected
    assert expected["silver.soil_sites"][1], "some records must be rejected"
    assert sum(expected["silver.soil_measurements"][0].values()) > 500
    write(raw, "2024-02-01", LATER)
    assert quick.told(quick.run()) == slow.told(slow.run())
