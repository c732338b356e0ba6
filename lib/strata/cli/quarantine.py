"""`strata quarantine`: rejected rows counted, shown, judged again, discarded."""

from __future__ import annotations

import argparse
import getpass
import json
from typing import Any

from strata.cli import common, output
from strata.cli.gates import print_attempts
from strata.cli.output import Progress
from strata.cli.warnings import tell_nothing, tell_unpublished
from strata.cli.work import tell_report
from strata.declare import feed as feeds
from strata.declare.contract import split_name
from strata.errors import UsageError
from strata.lake.versions import Warehouse
from strata.ledger import attempts
from strata.ledger import publication as ledger
from strata.ledger.publication import Publication
from strata.run.options import Options
from strata.run.plan import Plan, make_plan
from strata.serve import rejected


def add(parser: argparse.ArgumentParser) -> None:
    """Adds the four actions of `quarantine` and their options."""
    actions = parser.add_subparsers(metavar="ACTION", title="actions")
    text = "count rejected rows by table, reason and age"
    listing = actions.add_parser("list", help=text, description=f"{text.capitalize()}.")
    attempt = "why rows of that feed's last attempt were rejected, published or not"
    listing.add_argument("--attempt", metavar="FEED", choices=feeds.feed_names(), help=attempt)
    common.add_format(listing)
    listing.set_defaults(action=_list)
    _add_show(actions)
    _add_replay(actions)
    _add_discard(actions)
    for one in actions.choices.values():
        common.add_warehouse(one)


def _add_show(actions: Any) -> None:
    text = "show a table's rejected rows, with reasons, file and record"
    show = actions.add_parser("show", help=text, description=f"{text.capitalize()}.")
    show.add_argument("table", metavar="TABLE", help="e.g. silver.soil_measurements")
    common.add_limit(show, 50)
    show.add_argument("--reason", metavar="TEXT", help="only rows with this reason")
    common.add_format(show)
    show.set_defaults(action=_show)


def _add_replay(actions: Any) -> None:
    text = "judge rejected rows again, with today's rules"
    replay = actions.add_parser("replay", help=text, description=f"{text.capitalize()}.")
    which = "only this table (default: every table with rejected rows)"
    replay.add_argument("table", nargs="?", metavar="TABLE", help=which)
    raw = "read raw files that still lie there again; what has gone comes from bronze"
    replay.add_argument("--raw", metavar="DIR", help=raw)
    replay.set_defaults(action=_replay)


def _add_discard(actions: Any) -> None:
    text = "decide that rejected rows need no more attention; they stay accounted for"
    discard = actions.add_parser("discard", help=text, description=f"{text.capitalize()}.")
    discard.add_argument("table", metavar="TABLE")
    file = "rows of this file (a beginning of the hash is enough)"
    discard.add_argument("--file", metavar="SHA256", help=file)
    discard.add_argument("--record", type=int, metavar="N", help="this record of the file")
    discard.add_argument("--reason", metavar="TEXT", help="rows with this reason")
    discard.add_argument("--why", required=True, metavar="TEXT", help="why; stands in the ledger")
    discard.set_defaults(action=_discard)


# --- looking -------------------------------------------------------------------------------------


def _list(options: argparse.Namespace) -> int:
    warehouse = common.settings_of(options).open_warehouse()
    if options.attempt:
        return print_attempts(warehouse, (options.attempt,), options.format)
    missing = [name for name in feeds.feed_names() if not ledger.read(warehouse, name)]
    if len(missing) == len(feeds.feed_names()):
        tell_nothing(warehouse)
    for name in missing:
        if attempts.last_run(warehouse, name):
            tell_unpublished(warehouse, name, f"--attempt {name}")
    rows = [
        (w.table, w.rows, w.discarded, w.since, output.Sentence(w.reason))
        for w in rejected.waiting(warehouse)
    ]
    columns = ("table", "rows", "discarded", "since (UTC)", "reason")
    common.print_rows(columns, rows, options.format)
    return 0


def _show(options: argparse.Namespace) -> int:
    warehouse = common.settings_of(options).open_warehouse()
    publication = _publication_of(warehouse, options.table)
    rows = rejected.rows_of(warehouse, publication, options.table)
    if options.reason:
        rows = [row for row in rows if options.reason in row["_reasons"]]
    shown = rows[: options.limit] if options.limit else rows
    if options.format == "table":
        told = rejected.told_of(warehouse, publication, options.table, shown)
        _print_records(shown, len(rows), rejected.paths_of(warehouse, publication.feed), told)
        return 0
    columns = list(rows[0]) if rows else ["_reasons"]
    common.print_rows(columns, [[row[c] for c in columns] for row in shown], options.format)
    return 0


def _print_records(
    rows: list[dict[str, Any]],
    total: int,
    paths: dict[str, str],
    told: dict[tuple[str, int], dict[str, str]],
) -> None:
    """One block a row: rejected rows are wide, and most of their columns are empty."""
    shown_above = ("_reasons", "_file_sha256", "_record_number")
    for row in rows:
        sha256 = str(row.get("_file_sha256"))
        file = f"{paths.get(sha256, 'a file')} (SHA-256 {sha256[:12]}…)"
        print(f"record {row.get('_record_number')} of {file}")
        print("  because: " + "; ".join(row["_reasons"]))
        for name, text in told.get((sha256, row.get("_record_number") or 0), {}).items():
            print(f"  told as {name}: {output.cell(text)}")
        for name, value in row.items():
            if value is not None and name not in shown_above:
                # At full precision: a rounded number may hide what is wrong with it.
                exact = repr(value) if isinstance(value, float) else output.cell(value)
                print(f"  {name}: {exact}")
    print(f"{len(rows):,} of {total:,} rows")


def _publication_of(warehouse: Warehouse, table: str) -> Publication:
    _, owner, _ = split_name(table)
    feed = feeds.load_feed(owner)
    if table not in feed.table_names:
        raise UsageError(f"{feed.name} has the tables {', '.join(feed.table_names)}; got {table!r}")
    latest = ledger.newest(ledger.read(warehouse, owner))
    if latest is None:
        raise UsageError(
            f"nothing of {owner} is published in {warehouse.root} yet; run `strata run "
            f"{owner}` first"
        )
    return latest


# --- deciding ------------------------------------------------------------------------------------


def _replay(options: argparse.Namespace) -> int:
    """A forced look: the tables that hold rejected rows, and their descendants, are recomputed."""
    from strata.run.run import run_feed

    settings = common.settings_of(options)
    warehouse, say = settings.open_warehouse(), Progress(settings.log == "json")
    spark = None
    for latest, plan, run_options in _replays(options, warehouse, settings.raw):
        spark = spark or common.start_spark(settings)
        report = run_feed(spark, warehouse, plan, run_options, say)
        tell_report(report, warehouse, say)
        for table in run_options.tables:
            after = report.publication.state(table) if report.publication else None
            print(
                f"{table}: {_rejected(latest.state(table))} rejected before, {_rejected(after)} now"
            )
    if spark is None:
        print("nothing is quarantined")
    return 0


def _replays(
    options: argparse.Namespace, warehouse: Warehouse, raw: str
) -> list[tuple[Publication, Plan, Options]]:
    """Of each feed with something to judge again: where it stands, and what is to be done."""
    named = options.table
    names = [_publication_of(warehouse, named).feed] if named else list(feeds.feed_names())
    found = []
    for name in names:
        latest = ledger.newest(ledger.read(warehouse, name))
        held = tuple(s.table for s in latest.tables if s.rejected) if latest else ()
        tables = (named,) if named else held
        if latest is None or not tables:
            continue
        own = Options(raw, tables=tables, takes_new_files=False)
        feed = feeds.load_feed(name)
        params = {**feed.default_params(), **json.loads(latest.params)}
        found.append((latest, make_plan(feed, params, warehouse, own), own))
    return found


def _rejected(state: ledger.TableState | None) -> int:
    return state.rejected if state else 0


def _discard(options: argparse.Namespace) -> int:
    from strata.run.decisions import record_decisions

    settings = common.settings_of(options)
    warehouse = settings.open_warehouse()
    publication = _publication_of(warehouse, options.table)
    which = rejected.Which(options.table, options.file, options.record, options.reason)
    decisions = rejected.decide_discard(
        warehouse, publication, which, getpass.getuser(), options.why
    )
    published = record_decisions(warehouse, publication.feed, tuple(decisions))
    print(
        f"{options.table}: {len(decisions)} discarded; they stay in the quarantine and in "
        f"its counts (publication {published.publication})"
    )
    return 0
