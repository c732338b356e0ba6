"""`strata forget`: a person forgotten in every table and version, and the proof of it."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from strata.cli import common
from strata.cli.output import Progress
from strata.declare import feed as feeds
from strata.declare.feed import Feed
from strata.declare.names import feed_names
from strata.errors import UsageError
from strata.lake.versions import Warehouse
from strata.ledger import erasures
from strata.run.options import Options

if TYPE_CHECKING:
    from strata.upkeep.forget import Forgotten


def add(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `forget`, and the feed whose person it is."""
    parser.add_argument("feed", metavar="FEED", choices=feed_names(), help="whose person")
    add_options(parser)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `forget` for a feed that is known."""
    who = "what identifies them, e.g. an e-mail address; - reads standard input"
    parser.add_argument("who", nargs="?", metavar="WHO", help=who)
    listed = "list the erasures asked for, and which are not finished"
    parser.add_argument("--list", action="store_true", help=listed)
    raw = "raw files, to tell which still hold the person"
    parser.add_argument("--raw", metavar="DIR", help=raw)
    common.add_override(parser)
    common.add_log(parser)
    common.add_format(parser)
    common.add_warehouse(parser)


def run(options: argparse.Namespace) -> int:
    """Forgets one person, or lists what was asked; what it prints does not name them."""
    from strata.upkeep.forget import forget  # It loads Spark, which help does without.
    from strata.upkeep.person import identify

    settings = common.settings_of(options)
    warehouse, feed = settings.open_warehouse(), feeds.load_feed(options.feed)
    if options.list:
        return _list(warehouse, feed, options.format)
    if options.who is None:
        raise UsageError(
            "forget needs to know whom: name the person, or - to read them from standard input"
        )
    who = sys.stdin.readline() if options.who == "-" else options.who
    person = identify(feed, who.strip())
    run_options = Options(settings.raw, overrides=common.overrides_of(options, [feed]))
    spark, say = common.start_spark(settings), Progress(settings.log == "json")
    _tell(feed, settings.raw, forget(spark, warehouse, feed, person, run_options, say))
    return 0


def _list(warehouse: Warehouse, feed: Feed, form: str) -> int:
    rows = [
        (e.id, e.asked_at, e.done_at or "not finished: ask again")
        for e in erasures.read(warehouse, feed.name)
    ]
    common.print_rows(("erasure", "asked (UTC)", "proved (UTC)"), rows, form)
    return 0


def _tell(feed: Feed, raw: str, done: Forgotten) -> None:
    name = feed.name
    published = "no table had to be written"
    if done.publication:
        published = f"publication {done.publication} shows {name} without the person"
    removed = f"{done.freed.files} older files removed"
    print(f"{name}: erasure {done.erasure.id}: {published}; {removed}")
    print(
        f"{name}: proved: none of the {done.files:,} files left ({done.bytes:,} bytes) "
        "holds the person; no rollback goes behind this"
    )
    for path, records in done.still_raw.items():
        print(
            f"{name}: {raw}/{name}/{path} still holds the person "
            f"({records} records): raw files are yours to change"
        )
    for path, is_there in done.unread_raw.items():
        told = "holds the person" if is_there else "may hold the person: look yourself"
        print(f"{name}: {raw}/{name}/{path} was not read, for no run takes it; it {told}")
    if done.still_raw:
        print(f"{name}: until you do, each run counts those records and writes nothing of them")
