"""`strata rollback`: an older set of tables, published again."""

from __future__ import annotations

import argparse

from strata.cli import common
from strata.declare import feed as feeds
from strata.ledger import publication as ledger


def add(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `rollback`."""
    parser.add_argument("feed", metavar="FEED")
    text = "its number, see `strata publications`"
    parser.add_argument("publication", type=common.count, metavar="PUBLICATION", help=text)
    common.add_warehouse(parser)


def run(options: argparse.Namespace) -> int:
    """Publishes the tables of an earlier publication again."""
    from strata.run.decisions import rollback

    settings = common.settings_of(options)
    warehouse, feed = settings.open_warehouse(), feeds.load_feed(options.feed)
    ledger.find(ledger.read(warehouse, feed.name), feed.name, options.publication)
    published = rollback(warehouse, feed.name, options.publication)
    print(
        f"{feed.name}: publication {published.publication} shows the tables of publication "
        f"{options.publication} again"
    )
    print(
        "files that later publications had taken are new again: the next run takes them if "
        "they still lie in the raw folder"
    )
    return 0
