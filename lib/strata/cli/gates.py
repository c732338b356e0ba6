"""`strata gates`: what every gate of a publication counted."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from typing import Any

from strata.cli import common
from strata.cli.output import Sentence
from strata.cli.warnings import tell_nothing, tell_unpublished, warnings_of
from strata.lake.versions import Warehouse
from strata.ledger import attempts
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
_ATTEMPT = ("feed", "attempt", "table", "result", "rows", "rule", "for example")
_RULES = ("table", "severity", "result", "rows", "observed", "rule")


def add(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `gates`."""
    common.add_feeds(parser)
    text = "that publication instead of the newest"
    parser.add_argument("--publication", type=common.count, metavar="N", help=text)
    attempt = "the last attempt, published or not: why rows were rejected, and which rules warned"
    parser.add_argument("--attempt", action="store_true", help=attempt)
    parser.add_argument("--expectations", action="store_true", help="one row an expectation")
    common.add_format(parser)
    common.add_warehouse(parser)


def run(options: argparse.Namespace) -> int:
    """Prints one row a gate, or one row an expectation."""
    warehouse = common.settings_of(options).open_warehouse()
    if options.attempt:
        return print_attempts(warehouse, common.chosen_feeds(options), options.format)
    rows: list[tuple[Any, ...]] = []
    told: list[str] = []
    for name in common.chosen_feeds(options):
        every = ledger.read(warehouse, name)
        if not every:
            if options.feeds:
                tell_unpublished(warehouse, name)
            continue
        wanted = options.publication
        publication = every[-1] if wanted is None else ledger.find(every, name, wanted)
        rows += _listed(publication, options.expectations)
        told += warnings_of(publication)
    common.print_rows(_RULES if options.expectations else _COLUMNS, rows, options.format)
    for line in told:
        print(f"warning: {line}", file=sys.stderr)
    if not rows and not options.feeds:
        tell_nothing(warehouse)
    return 0


def _listed(publication: Publication, by_rule: bool) -> list[tuple[Any, ...]]:
    """The rows of its gates. A rollback has none: it shows tables that were judged before."""
    rows: list[tuple[Any, ...]] = []
    for gate in publication.gates:
        rows += _rules(gate) if by_rule else [_counts(publication, gate)]
    if not rows:
        of, number = publication.restores, publication.publication
        what = f"a rollback to {of}" if of is not None else f"of kind {publication.kind}"
        other = of if of is not None else "N"
        told = f"publication {number} is {what}, and no gate ran: see --publication {other}"
        print(f"{publication.feed}: {told}", file=sys.stderr)
    return rows


def print_attempts(warehouse: Warehouse, names: Iterable[str], form: str) -> int:
    """One row a reason or warning of each feed's last attempt."""
    rows: list[tuple[Any, ...]] = []
    for name in names:
        attempt = attempts.last_run(warehouse, name)
        if attempt is None:
            continue
        for what, key, every in (
            ("rejected", "reason", attempt.reasons),
            ("warned", "rule", attempt.warnings),
        ):
            rows += [
                (name, attempt.outcome, told["table"], what, told["rows"], Sentence(told[key]),
                 Sentence(told.get("example", "")))
                for told in every
            ]  # fmt: skip
    common.print_rows(_ATTEMPT, rows, form)
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
