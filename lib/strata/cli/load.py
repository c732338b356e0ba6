"""`strata load`: an export in S3 into Redshift, in one transaction."""

from __future__ import annotations

import argparse

from strata.cli import common
from strata.serve.redshift import load_export
from strata.serve.redshift.data_api import parse


def add(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `load`."""
    text = "s3:// address of a folder that `strata export` has put"
    parser.add_argument("export", metavar="S3_FOLDER", help=text)
    text = "redshift://WORKGROUP/DATABASE, or redshift://CLUSTER/DATABASE?user=NAME"
    parser.add_argument("--to", required=True, metavar="PLACE", help=text)
    text = "unload the tables again, and compare them with the export"
    parser.add_argument("--check", action="store_true", help=text)
    common.add_format(parser)


def run(options: argparse.Namespace) -> int:
    """Loads, and prints what became of each table."""
    done = load_export(options.export, parse(options.to), options.check)
    rows = [(one.table, one.publication, one.rows, one.outcome) for one in done]
    common.print_rows(("table", "publication", "rows", "outcome"), rows, options.format)
    return 0
