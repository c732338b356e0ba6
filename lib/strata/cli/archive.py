"""`strata archive`: raw days leave bronze for compressed files, and come back when asked."""

from __future__ import annotations

import argparse
from datetime import date
from typing import TYPE_CHECKING

from strata.cli import common
from strata.cli.output import Progress
from strata.errors import UsageError
from strata.ledger import publication as ledger

if TYPE_CHECKING:
    from strata.upkeep.archive_content import Moved


def add(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `archive`."""
    parser.add_argument(
        "feed", metavar="FEED", help="a feed whose sources say what a record's day is"
    )
    chosen = parser.add_mutually_exclusive_group()
    days = "keep the newest N days of the data in bronze (default: 7)"
    chosen.add_argument("--days", type=common.count, default=7, metavar="N", help=days)
    back = "bring back one day, a range FIRST..LAST, or `all`"
    chosen.add_argument("--restore", metavar="DAYS", help=back)
    chosen.add_argument("--list", action="store_true", help="list what is archived, without Spark")
    common.add_warehouse(parser)


def run(options: argparse.Namespace) -> int:
    """Archives, restores or lists the raw days of one feed."""
    from strata.upkeep import archive  # It loads Spark, which help does without.

    between = days_between(options.restore) if options.restore else None
    settings = common.settings_of(options)
    warehouse, name = settings.open_warehouse(), options.feed
    if options.list:
        _show(archive.listed(warehouse, name))
        return 0
    if not ledger.read(warehouse, name):
        print(f"{name} has published nothing in {warehouse.root}; nothing to do")
        return 0
    spark, say = common.start_spark(settings), Progress(settings.log == "json")
    if between is not None:
        done = archive.restore(spark, warehouse, name, between, say)
    else:
        done = archive.archive(spark, warehouse, name, options.days, say)
    for moved in done:
        print(_told(moved, "came back to bronze" if between else "left bronze for the archive"))
    return 0


def days_between(text: str) -> tuple[date, date]:
    """The first and last day that `--restore` names."""
    if text == "all":
        return date.min, date.max
    first, _, last = text.partition("..")
    try:
        found = date.fromisoformat(first), date.fromisoformat(last or first)
    except ValueError:
        found = (date.max, date.min)
    if found[0] > found[1]:
        raise UsageError(f"--restore takes YYYY-MM-DD, YYYY-MM-DD..YYYY-MM-DD or all; got {text!r}")
    return found


def _told(moved: Moved, what: str) -> str:
    if not moved.days:
        return f"{moved.table}: no day {what}; {_held(moved)}"
    span = f"{moved.days[0]} to {moved.days[-1]}" if len(moved.days) > 1 else f"{moved.days[0]}"
    days = "1 day" if len(moved.days) == 1 else f"{len(moved.days)} days"
    return (
        f"{moved.table}: {days} ({span}), {_rows(moved.rows)}, {what}, as publication "
        f"{moved.publication}; {_held(moved)}"
    )


def _held(moved: Moved) -> str:
    if moved.ratio is None:
        return "its archive is empty"
    rows = _rows(sum(stretch.rows for stretch in moved.stretches))
    files = "1 file" if len(moved.stretches) == 1 else f"{len(moved.stretches)} files"
    return (
        f"its archive holds {rows} in {files} of {moved.bytes:,} bytes, which took "
        f"{moved.raw_bytes:,.0f} bytes raw: {moved.ratio:.2g} to 1"
    )


def _rows(number: int) -> str:
    return "1 row" if number == 1 else f"{number:,} rows"


def _show(found: list[Moved]) -> None:
    for moved in found:
        print(f"{moved.table}: {_held(moved)}")
        for stretch in moved.stretches:
            days = (
                stretch.first
                if stretch.first == stretch.last
                else f"{stretch.first} to {stretch.last}"
            )
            print(f"  {days}: {_rows(stretch.rows)}, {stretch.bytes:,} bytes")
