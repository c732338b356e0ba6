"""`strata report`: writes one HTML page of what is published, and how well."""

from __future__ import annotations

import argparse
from pathlib import Path

from strata.cli import common
from strata.cli.settings import Settings
from strata.fs import files


def add(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `report`."""
    parser.add_argument(
        "--output",
        metavar="FILE",
        help="the page (default: report.html in the warehouse, or here where that is on S3)",
    )
    parser.add_argument("--at", metavar="WHEN", help="an older state, as `strata sql --at`")
    common.add_warehouse(parser)


def run(options: argparse.Namespace) -> int:
    """Writes the page, and prints where it lies."""
    from strata.serve import report

    settings = common.settings_of(options)
    path = Path(options.output) if options.output else default_path(settings)
    print(report.write_report(settings.open_warehouse(), path, options.at))
    return 0


def default_path(settings: Settings) -> Path:
    """Where the page lies unless a name is given."""
    from strata.serve.report import PAGE_NAME

    root = settings.open_warehouse().root
    return Path(root) / PAGE_NAME if files.is_local(root) else Path(PAGE_NAME)
