"""`strata doctor`: damage in stored tables, their logs and the ledger."""

from __future__ import annotations

import argparse

from strata.cli import common
from strata.errors import Damaged, UsageError
from strata.upkeep.doctor import examine
from strata.upkeep.findings import Report

_COLUMNS = ("kind", "table", "file", "what", "advice")


def add(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `doctor`."""
    common.add_feeds(parser)
    common.add_format(parser)
    common.add_warehouse(parser)


def run(options: argparse.Namespace) -> int:
    """Prints every finding; the exit code tells whether anything is damaged.

    UsageError where nothing is published.
    """
    warehouse = common.settings_of(options).open_warehouse()
    names = common.chosen_feeds(options)
    report = examine(warehouse, names)
    if not report.tables and not report.findings:
        # A mistyped address must not look like a sound warehouse.
        which = f" of {', '.join(names)}" if options.feeds else ""
        raise UsageError(f"nothing{which} is published in {warehouse.root}: nothing was looked at")
    rows = [
        ("damage" if f.is_damage else "note", f.table, f.file, f.what, f.advice)
        for f in report.findings
    ]
    if options.format == "table":
        _print_findings(rows, report)
    else:
        common.print_rows(_COLUMNS, rows, options.format)
    return Damaged.exit_code if report.damage else 0


def _print_findings(rows: list[tuple[str, str, str, str, str]], report: Report) -> None:
    for kind, table, file, what, advice in rows:
        print(_printable(f"{kind}: {table}{'/' + file if file else ''}"))
        print(_printable(f"  {what}"))
        print(_printable(f"  → {advice}"))
    looked = (
        f"{report.tables} tables, {report.versions} versions, {report.files} files, "
        f"{report.rows:,} rows, {report.bytes:,} bytes"
    )
    damaged = len(report.damage)
    print(f"{damaged} damaged, {len(rows) - damaged} notes; looked at {looked}")


def _printable(text: str) -> str:
    """A damaged name may hold anything; no control character of it reaches the terminal."""
    return "".join(ch if ch.isprintable() else " " for ch in text)
