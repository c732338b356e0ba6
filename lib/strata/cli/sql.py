"""`strata sql`: one read-only query over the published tables."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from strata.cli import common
from strata.serve import query


def add(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `sql`."""
    text = 'e.g. "select * from gold.soil_country_stats"; - reads standard input'
    parser.add_argument("query", metavar="QUERY", help=text)
    common.add_limit(parser, 1000)
    common.add_format(parser)
    common.add_warehouse(parser)


def run(options: argparse.Namespace) -> int:
    """Prints the rows of the query."""
    settings = common.settings_of(options)
    text = sys.stdin.read() if options.query == "-" else options.query
    spark = common.start_spark(settings, with_gate=False)
    frame = query.query(spark, settings.open_warehouse(), text)
    limit = options.limit
    rows = frame.limit(limit + 1).collect() if limit else frame.collect()
    shown = rows[:limit] if limit else rows
    values = [[_plain(value) for value in row] for row in shown]
    common.print_rows(frame.columns, values, options.format)
    if len(rows) > len(shown):
        hint = f"only the first {limit} rows are shown; --limit 0 shows all"
        print(f"strata: {hint}", file=sys.stderr)
    return 0


def _plain(value: Any) -> Any:
    return value.asDict(recursive=True) if hasattr(value, "asDict") else value
