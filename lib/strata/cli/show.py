"""`strata show`: what is published, or one table."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from strata.cli import common
from strata.cli.answers import print_table
from strata.cli.warnings import made_from, standing_warnings
from strata.declare import feed as feeds
from strata.declare.contract import LAYERS, grain_of, load_contract
from strata.errors import UsageError
from strata.lake.versions import Warehouse
from strata.ledger import publication as ledger
from strata.serve import query


def add(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `show`."""
    text = "e.g. gold.soil_country_stats; without it: the list of tables"
    parser.add_argument("table", nargs="?", metavar="TABLE", help=text)
    common.add_limit(parser, 50)
    common.add_format(parser)
    common.add_warehouse(parser)


def run(options: argparse.Namespace) -> int:
    """Prints one published table, or the list of them."""
    warehouse = common.settings_of(options).open_warehouse()
    if options.table is None:
        return _list(warehouse, options.format)
    arrow = query.read_table(warehouse, options.table)
    print_table(arrow, _key(options.table), options.format, options.limit)
    _tell_warnings(warehouse, options.table)
    return 0


def _tell_warnings(warehouse: Warehouse, table: str) -> None:
    """On standard error, the rules that warned on the way to a table of a feed."""
    layer, _, rest = table.partition(".")
    owner = rest.partition("_")[0]
    if layer not in LAYERS or owner not in feeds.feed_names():
        return
    line = ledger.lineage(ledger.read(warehouse, owner))
    for told in standing_warnings(line, made_from(feeds.load_feed(owner), table)):
        print(f"warning: {told}", file=sys.stderr)


def _key(table: str) -> Sequence[str]:
    is_table = table.split(".", 1)[0] in ("bronze", "silver", "gold")
    return load_contract(table).key if is_table else ()


def _list(warehouse: Warehouse, form: str) -> int:
    rows = []
    for name in feeds.feed_names():
        latest = ledger.newest(ledger.read(warehouse, name))
        for state in latest.tables if latest else ():
            number = latest.publication if latest else 0
            grain = grain_of(state.table)
            rows.append((state.table, state.rows, state.rejected, number, state.version, grain))
    if not rows:
        raise UsageError(f"nothing is published in {warehouse.root} yet; run `strata run` first")
    columns = ("table", "rows", "quarantined", "publication", "version", "grain")
    common.print_rows(columns, rows, form)
    return 0
