"""What schedulers need to know of the feeds, from the feeds' own declarations.

    python infra/feeds.py > feeds.json

Airflow reads the file (it has an environment of its own, without Strata); Databricks' bundle is
rendered from the same facts. So a sixth feed is scheduled without an edit here.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import yaml
from strata.declare.feed import Feed, all_feeds

SCHEDULES = Path(__file__).resolve().parent / "schedules.yaml"
MARTS = SCHEDULES.with_name("marts.yaml")


@dataclass(frozen=True)
class FeedFacts:
    """One feed, as a scheduler sees it."""

    name: str
    schedule: str
    """Cron, in UTC."""
    sources: list[str]
    reads: list[str]
    """Other feeds whose published tables it reads; it runs after they publish."""
    publishes: list[str]
    """Its gold tables."""
    is_spatial: bool
    """Whether it needs Sedona's jars, which serverless Spark does not take."""
    is_personal: bool
    """Whether it needs the pseudonym key."""
    exports: list[str]
    """Tables that go on to Redshift; none for a feed that ends with its publication."""


def read_facts() -> list[FeedFacts]:
    """Every feed of this installation, by name."""
    schedules = yaml.safe_load(SCHEDULES.read_text())
    exports = yaml.safe_load(MARTS.read_text())
    return [_facts(feed, schedules, exports.get(feed.name, [])) for feed in all_feeds()]


def _facts(feed: Feed, schedules: dict[str, str], exports: list[str]) -> FeedFacts:
    inputs = {name.partition(".")[2].partition("_")[0] for t in feed.tables for name in t.inputs}
    return FeedFacts(
        feed.name,
        schedules.get(feed.name, schedules["default"]),
        [source.name for source in feed.sources],
        sorted(inputs - {feed.name}),
        [table.name for table in feed.tables if table.name.startswith("gold.")],
        feed.is_spatial,
        bool(feed.identifying),
        exports,
    )


def main() -> int:
    """Writes the facts as JSON."""
    json.dump([asdict(facts) for facts in read_facts()], sys.stdout, indent=2)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
