"""`strata runs`: attempts, failed ones too."""

from __future__ import annotations

import argparse

from strata.cli import common
from strata.cli.warnings import tell_nothing
from strata.ledger import attempts

_COLUMNS = ("run", "feed", "started", "ended", "outcome", "publication", "message")


def add(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `runs`."""
    common.add_feeds(parser)
    common.add_format(parser)
    common.add_warehouse(parser)


def run(options: argparse.Namespace) -> int:
    """Prints one row an attempt."""
    warehouse = common.settings_of(options).open_warehouse()
    rows = [
        (a.run_id, a.feed, a.started_at[:19], a.ended_at[:19], a.outcome, a.publication, a.message)
        for name in common.chosen_feeds(options)
        for a in attempts.read(warehouse, name)
    ]
    common.print_rows(_COLUMNS, rows, options.format)
    if not rows:
        tell_nothing(warehouse, "no run is noted")
    return 0
