"""Whole runs of residents with plain rows and without: what is published, rejected and counted is
the same, after a correction of a few postcodes and after a lookup of them all, and the same again
as in one run over all files.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from strata.declare.feed import load_feed
from strata.lake.versions import Warehouse

from tests.plain import BY_TRANSFORMS
from tests.ways import Way

pytestmark = [pytest.mark.spark, pytest.mark.nightly]

TABLES = tuple(
    name for name in load_feed("residents").table_names if name != "bronze.residents_authorities"
)
CODES = ("E06000014", "E06000010", "E08000035", "S12000036")
PLACES = [
    f"{area}{district}{sector}{last}"
    for area in ("YO", "HU")
    for district in range(1, 6)
    for sector in range(9)
    for last in ("AA", "AB", "DE")
]


def put(raw: Path, path: str, text: str) -> None:
    file = raw / "residents" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def put_lookup(raw: Path, path: str, told: Iterable[tuple[str, str]]) -> None:
    """In the layout of Code-Point Open."""
    lines = (
        f'"{place}",10,1,2,"E92000001","","","","{code}","E05000001"\n' for place, code in told
    )
    put(raw, f"postcodes/{path}", "".join(lines))


def put_users(raw: Path, path: str, homes: Iterable[tuple[int, str]]) -> None:
    users: list[dict[str, Any]] = [
        {"email": f"u{n}@example.org", "sex": "fm"[n % 2], "address": {"postcode": place}}
        for n, place in homes
    ]
    put(raw, f"users/{path}", "\n".join(map(json.dumps, users)))


def held(told: dict[str, Any]) -> dict[str, Any]:
    """What stands and what is rejected, without what the gates of this run counted."""
    return {name: own[:3] for name, own in told.items()}


def test_plain_rows_change_nothing_that_is_published(spark: SparkSession, tmp_path: Path) -> None:
    raw, chance = tmp_path / "raw", random.Random(3)
    codes = {place: chance.choice(CODES) for place in PLACES}
    odd = [
        ("no postcode", CODES[0]),
        (PLACES[0], CODES[3]),
        (PLACES[1], "York"),
        ("YO51 9ZZ", "E99999999"),
    ]
    put_lookup(
        raw, "delivery=2024-01-01/lookup.csv", [*codes.items(), *odd, *list(codes.items())[5:9]]
    )
    put_users(
        raw, "delivery=2024-02-01/users.json", ((n, chance.choice(PLACES)) for n in range(300))
    )
    ways = [
        Way(spark, "residents", raw, Warehouse(str(tmp_path / name)), fewest)
        for name, fewest in (("quick", 0), ("slow", BY_TRANSFORMS))
    ]

    def run_both(changed: Sequence[str] = TABLES) -> tuple[dict[str, Any], dict[str, Any]]:
        quick, slow = (way.told(way.run(), changed) for way in ways)
        assert held(quick) == held(slow)
        return quick, slow

    first, by_spark = run_both()
    assert first == by_spark
    assert first["silver.residents_postcodes"][3][2] > 0, "some records must be rejected"
    assert first["silver.residents_people"][3][1] > 250
    put_lookup(raw, "delivery=2024-02-10/few.csv", [(place, CODES[1]) for place in PLACES[:7]])
    few, by_spark = run_both([name for name in TABLES if name != "bronze.residents_users"])
    assert few == by_spark
    assert few["silver.residents_postcodes"][3][0] < 30, "only touched postcodes are made anew"
    assert few["silver.residents_people"][3][0] < 60, "and whoever lives there"
    for place in PLACES[::40]:
        codes[place] = CODES[2]
    # Late: what the correction told of seven postcodes still holds.
    put_lookup(raw, "delivery=2024-02-01/lookup.csv", codes.items())
    put_users(
        raw, "delivery=2024-03-01/users.json", ((n, chance.choice(PLACES)) for n in range(20))
    )
    last, _ = run_both()
    assert last["silver.residents_postcodes"][3][0] > 2 * len(PLACES)
    anew = Way(spark, "residents", raw, Warehouse(str(tmp_path / "anew")), 0)
    assert held(anew.told(anew.run(), TABLES)) == held(last)
