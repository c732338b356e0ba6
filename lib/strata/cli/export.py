"""`strata export`: copies of published tables for people who want no lakehouse."""

from __future__ import annotations

import argparse

from strata.cli import common
from strata.serve.export import copy_tables


def add(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `export`."""
    text = "e.g. launches_core_reuse, or a pattern: 'gold.commerce_*'"
    parser.add_argument("tables", nargs="+", metavar="TABLE", help=text)
    text = "a folder, FILE.sqlite, FILE.duckdb or postgresql://…; docs/EXPORT.md says which when"
    parser.add_argument("--to", required=True, metavar="PLACE", help=text)
    text = "what a folder holds (default: parquet)"
    parser.add_argument(
        "--as", dest="form", choices=("parquet", "csv"), default="parquet", help=text
    )
    text = "let tables with personal or unsuppressed values leave the warehouse"
    parser.add_argument("--allow-internal", action="store_true", help=text)
    common.add_format(parser)
    common.add_warehouse(parser)


def run(options: argparse.Namespace) -> int:
    """Copies, and prints what became of each table."""
    warehouse = common.settings_of(options).open_warehouse()
    done = copy_tables(warehouse, options.tables, options.to, options.form, options.allow_internal)
    rows = [(one.table, one.publication, one.rows, one.outcome) for one in done]
    common.print_rows(("table", "publication", "rows", "outcome"), rows, options.format)
    return 0
