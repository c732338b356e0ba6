"""`strata maintain`: files compacted, old publications ended, files that nobody needs removed."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from strata.cli import common
from strata.cli.output import Progress
from strata.ledger import publication as ledger

if TYPE_CHECKING:
    from strata.upkeep.maintain import Maintained


def add(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `maintain`."""
    common.add_feeds(parser)
    keep = "keep the newest N publications (default: 10)"
    parser.add_argument("--keep", type=common.count, default=10, metavar="N", help=keep)
    days = "keep all of the last N days besides, at most 60 (default: 30)"
    parser.add_argument("--days", type=common.count, default=30, metavar="N", help=days)
    common.add_warehouse(parser)


def run(options: argparse.Namespace) -> int:
    """Looks after the tables of each feed that has published."""
    from strata.upkeep.maintain import maintain  # It loads Spark, which help does without.

    settings = common.settings_of(options)
    warehouse = settings.open_warehouse()
    names = [name for name in common.chosen_feeds(options) if ledger.read(warehouse, name)]
    if not names:
        print(f"nothing is published in {warehouse.root}; nothing to do")
        return 0
    spark, say = common.start_spark(settings), Progress(settings.log == "json")
    for name in names:
        print(_told(maintain(spark, warehouse, name, options.keep, options.days, say)))
    return 0


def _told(done: Maintained) -> str:
    fewer = sum(before - after for before, after in done.compacted.values())
    published = "nothing to publish"
    if done.publication:
        published = f"published as publication {done.publication}"
    ended = "every publication is kept"
    if done.ended:
        ended = f"publications up to {done.ended} have ended"
    freed = f"{done.freed.files} files removed, {done.freed.bytes:,} bytes freed"
    compacted = f"{len(done.compacted)} tables compacted, {fewer} files fewer"
    return f"{done.feed}: {compacted}; {published}; {ended}; {freed}"
