"""`strata publications`: what readers saw, and when."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from strata.cli import common
from strata.cli.warnings import tell_nothing
from strata.ledger import publication as ledger
from strata.ledger.publication import Publication

_COLUMNS = (
    "feed",
    "publication",
    "published (UTC)",
    "current",
    "run",
    "files",
    "records",
    "gates",
    "parameters",
)


def add(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `publications`."""
    common.add_feeds(parser)
    common.add_format(parser)
    common.add_warehouse(parser)


def run(options: argparse.Namespace) -> int:
    """Prints one row a publication."""
    warehouse = common.settings_of(options).open_warehouse()
    rows = []
    for name in common.chosen_feeds(options):
        every = ledger.read(warehouse, name)
        rows += [_row(every, publication) for publication in every]
    common.print_rows(_COLUMNS, rows, options.format)
    if not rows:
        tell_nothing(warehouse)
    return 0


def _row(every: Sequence[Publication], one: Publication) -> tuple[Any, ...]:
    taken = [entry for entry in one.files if entry.status == "taken"]
    records = sum(entry.records for entry in taken)
    counts = (len(taken), records, len(one.gates))
    current = _current(every, one)
    shown = (one.feed, one.publication, one.published_at, current, one.run_id)
    return (*shown, *counts, _note(one))


def _current(every: Sequence[Publication], one: Publication) -> str:
    if one is every[-1]:
        return "yes"
    return "ended" if one.publication <= ledger.ended(every) else ""


def _note(one: Publication) -> str:
    if one.restores is not None:
        return f"rollback to {one.restores}"
    return one.params if one.kind == "run" else one.kind
