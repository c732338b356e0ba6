"""What a gate that passes has lost all the same is told above a share, by column and reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from strata.cli.warnings import sentence, share_of
from strata.declare.feed import Feed, load_feed
from strata.declare.layout import Layout
from strata.declare.suite import Suite
from strata.fs.listing import RawFile
from strata.ledger.entries import GateEntry
from strata.raw.look import look
from strata.run.audit.losses import taken_as_null

# Features of which every tenth has a clay of NaN, as programs write a gap.
FEATURES = [
    f'{{"type":"Feature","properties":{{"site_id":"s{n}","soc_pct":2.5,"clay_pct":'
    f'{"14" if n % 10 else "NaN"}}},"geometry":{{"type":"Point","coordinates":[5.5,50.5]}}}}'
    for n in range(100)
]
COLLECTION = '{"type":"FeatureCollection","features":[' + ",".join(FEATURES) + "]}"


@pytest.mark.parametrize(("share", "warns"), [(0.05, True), (0.1, False), (0.0, True)])
def test_a_value_taken_as_null_is_told_above_the_share_of_its_table(
    tmp_path: Path, share: float, warns: bool
) -> None:
    path = tmp_path / "s.geojson"
    path.write_text(COLLECTION)
    feed = load_feed("soil")
    seen = look(RawFile("s.geojson", str(path), path.stat().st_size), of_source(feed, "samples"))
    contract = feed.contract(seen.table)

    found = taken_as_null([seen], contract, Suite(seen.table, (), 0.1, share))

    assert seen.taken_as_null == (("clay", 10),)
    assert [sentence(told) for told in warnings(seen.table, found)] == (
        [
            "10 of 100 rows (10 %) lost a value for clay: NaN and Infinity are no numbers of JSON, "
            "and are taken as null in clay; for example a NaN or Infinity in samples/s.geojson"
        ]
        if warns
        else []
    )


def of_source(feed: Feed, source: str) -> list[Layout]:
    return [layout for layout in feed.layouts if layout.source == source]


def warnings(table: str, found: list[dict[str, object]]) -> list[dict[str, object]]:
    """As a gate tells them."""
    counts = (0,) * 4
    return GateEntry(
        table, "append", "", *counts, {}, {}, 0, 0, 0, 0.0, expectations=tuple(found)
    ).told_warnings


def test_of_persons_no_field_is_named(tmp_path: Path) -> None:
    path = tmp_path / "u.json"
    users = [
        {"email": f"p{n}@x.org", "address": {"postcode": "YO1 7HH"}, "Ann Onymous": float("nan")}
        for n in range(3)
    ]
    path.write_text(json.dumps(users))
    feed = load_feed("residents")
    seen = look(RawFile("u.json", str(path), path.stat().st_size), of_source(feed, "users"))
    contract = feed.contract(seen.table)
    [told] = taken_as_null([seen], contract, Suite(seen.table, (), 0.1))
    assert (seen.taken_as_null, told["columns"]) == ((("", 3),), [])
    assert "Onymous" not in str(told)


def test_a_share_has_two_digits_that_say_something() -> None:
    assert [share_of(*pair) for pair in ((1, 20), (2, 3), (7, 1205), (1, 1_000_000))] == [
        "5 %",
        "67 %",
        "0.58 %",
        "0.0001 %",
    ]
