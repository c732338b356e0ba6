"""Vehicles' metadata from an HTTP address: tried again while the server fails, taken once, and again
when it has changed. No Spark.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from strata.declare.feed import load_feed
from strata.lake.versions import Warehouse
from strata.raw.fetch import download, places
from strata.raw.look import Look
from strata.run.options import Options
from strata.run.plan import make_plan

from tests.loopback import Answer, Site, serve

SAMPLE = Path(__file__).parents[3] / "samples" / "fleet" / "vehicles" / "metadata_api.json"


def looked(raw: Path, url: str) -> list[Look]:
    """What a run finds that takes the vehicles from this address."""
    feed = load_feed("fleet")
    asked = places.parse([f"vehicles={url}"], [feed])
    taken = places.download(asked, str(raw), lambda _: None)
    options = Options(str(raw), places=taken)
    plan = make_plan(feed, feed.default_params(), Warehouse(str(raw.parent / "none")), options)
    return list(plan.looked.new)


def test_metadata_come_by_http_through_failures_and_are_taken_once_until_they_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "FIRST_WAIT_SECONDS", 0.001)
    raw, told = tmp_path / "raw", json.loads(SAMPLE.read_bytes())
    with serve(Site(SAMPLE.read_bytes())) as site:
        url = f"{site.url}/metadata_api.json"
        # Out of order, too busy, then broken off in the middle.
        site.script = [Answer(503), Answer(429), lambda asked: site.sound(asked, cut_at=1000)]
        (first,) = looked(raw, url)
        assert (first.layout, first.records) == ("metadata_api", len(told))
        assert [asked.get("Range") for _, asked in site.asked] == [None] * 3 + ["bytes=1000-"]

        site.asked.clear()
        assert [look.sha256 for look in looked(raw, url)] == [first.sha256]
        assert [asked.get("If-None-Match") for _, asked in site.asked] == [site.etag]

        del told[sorted(told)[0]]
        site.content, site.etag = json.dumps(told).encode(), '"v2"'
        changed = looked(raw, url)
        assert [(look.layout, look.records) for look in changed] == [("metadata_api", len(told))]
        assert changed[0].sha256 != first.sha256
