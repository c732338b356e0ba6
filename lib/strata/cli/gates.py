"""`strata gates`: what every gate of a publication counted."""

from __future__ import annotations

import argparse
from typing import Any

from strata.cli import common
from strata.ledger import publication as ledger
from strata.ledger.publication import GateEntry, Publication

_COLUMNS = (
    "table",
    "publication",
    "mode",
    "in",
    "accepted",
    "quarantined",
    "folded",
    "rows now",
    "seconds",
    "folded because",
)
_RULES = ("table", "severity", "result", "rows", "observed", "rule")


def add(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `gates`."""
    common.add_feeds(parser)
    text = "that publication instead of the newest"
    parser.add_argument("--publication", type=common.count, metavar="N", help=text)
    parser.add_argument("--expectations", action="store_true", help="one row an expectation")
    common.add_format(parser)
    common.add_warehouse(parser)


def run(options: argparse.Namespace) -> int:
    """Prints one row a gate, or one row an expectation."""
    warehouse = common.settings_of(options).open_warehouse()
    rows: list[tuple[Any, ...]] = []
    for name in common.chosen_feeds(options):
        every = ledger.read(warehouse, name)
        if not every:
            continue
        wanted = options.publication
        publication = every[-1] if wanted is None else ledger.find(every, name, wanted)
        for gate in publication.gates:
            rows += _rules(gate) if options.expectations else [_counts(publication, gate)]
    common.print_rows(_RULES if options.expectations else _COLUMNS, rows, options.format)
    return 0


def _counts(publication: Publication, gate: GateEntry) -> tuple[Any, ...]:
    folds = "; ".join(f"{number:,} {why}" for why, number in gate.folds.items())
    counts = (gate.rows_in, gate.accepted, gate.quarantined, gate.folded, gate.total_rows)
    return (gate.table, publication.publication, gate.mode, *counts, gate.seconds, folds)


def _rules(gate: GateEntry) -> list[tuple[Any, ...]]:
    return [
        (
            gate.table,
            rule["severity"],
            _result(rule),
            rule["unexpected"],
            rule["observed"],
            rule["description"],
        )
        for rule in gate.expectations
    ]


def _result(rule: dict[str, Any]) -> str:
    if rule["success"]:
        return "passed"
    if rule["severity"] == "warning":
        return "warned"
    return "rejected" if rule["unexpected"] is not None else "overridden"
