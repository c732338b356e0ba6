"""`strata export`: copies of published tables for people who want no lakehouse."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from strata.cli import common
from strata.serve.export import copy_tables


def add(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `export`."""
    text = "e.g. launches_core_reuse, or a pattern: 'gold.commerce_*'"
    parser.add_argument("tables", nargs="+", metavar="TABLE", help=text)
    text = "a folder, s3://…, FILE.sqlite, FILE.duckdb or postgresql://…: see docs/EXPORT.md"
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
    done: Sequence[Any]
    if options.to.startswith(("postgresql://", "postgres://")):
        from strata.serve.postgres.load import load_tables

        done = load_tables(warehouse, options.tables, options.to, options.allow_internal)
    else:
        done = copy_tables(
            warehouse, options.tables, options.to, options.form, options.allow_internal
        )
    rows = [(one.table, one.publication, one.rows, one.outcome) for one in done]
    common.print_rows(("table", "publication", "rows", "outcome"), rows, options.format)
    return 0
