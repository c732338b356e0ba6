"""What each command does: thin, and in the words that people read."""

from __future__ import annotations

import argparse
import getpass
import shutil
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from strata.cli import output
from strata.cli import settings as config
from strata.cli.output import Progress
from strata.cli.settings import Settings
from strata.declare import feed as feeds
from strata.declare import protection as protect
from strata.declare.feed import Feed
from strata.errors import BadFile, StrataError, UsageError
from strata.kit.table import Answer
from strata.lake.versions import Warehouse, read_arrow
from strata.ledger import attempts
from strata.ledger import publication as ledger
from strata.ledger import seal as integrity
from strata.ledger.publication import Publication
from strata.raw.fetch import places
from strata.run import look_cache
from strata.run.plan import Options, Plan, make_plan
from strata.serve import rejected as waiting_room
from strata.spark import session

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from strata.run.run import Report

_LOG_FILE = session.default_log_file()
_SHOWN = 60
"""Rows of an answer that names no limit of its own."""


def log_file() -> str:
    """Where this process keeps Spark's noise and stack traces."""
    return _LOG_FILE


def _settings(arguments: argparse.Namespace) -> Settings:
    given = {key: getattr(arguments, key, None) for key in ("raw", "warehouse", "log")}
    return config.load(getattr(arguments, "profile", None), **given)


def _start_spark(settings: Settings, master: str | None = None) -> SparkSession:
    """Starts the JVM while Great Expectations loads: each takes seconds, and neither needs the
    other.
    """
    from strata.gate import gate

    loading = threading.Thread(target=gate.library, daemon=True)
    loading.start()
    spark = session.build(master, settings.spark, _LOG_FILE)
    loading.join()
    return spark


def _print(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], form: str, total: int | None = None
) -> None:
    print(output.render(columns, rows, form, total))


# --- run -----------------------------------------------------------------------------------------


def run(arguments: argparse.Namespace) -> int:
    settings = _settings(arguments)
    warehouse = settings.open_warehouse()
    say = Progress(settings.log == "json", arguments.quiet)
    chosen = [feeds.load_feed(name) for name in arguments.feeds] or list(feeds.all_feeds())
    options = _options(arguments, settings, chosen)
    options = _with_places(options, arguments, chosen, say)
    say("looking at the raw files")
    plans = [
        make_plan(
            feed, feeds.params_from(arguments, feed), warehouse, _for_feed(options, feed), None
        )
        for feed in chosen
    ]
    for plan in plans:
        _tell_files(plan, say)
    if arguments.dry_run:
        for plan in plans:
            _print_plan(plan)
        return 0
    work = [plan for plan in plans if not plan.is_empty]
    for plan in plans:
        if plan.is_empty:
            say(_nothing_new(plan, settings))
            look_cache.save(warehouse, plan.feed.name, plan.looked.remembered)
    codes = _run_all(work, arguments, settings, warehouse, options, say) if work else []
    codes += [BadFile.exit_code for plan in plans if plan.looked.rejected]
    if not arguments.quiet:
        for plan in plans:
            _print_answers(warehouse, plan.feed)
    return min((code for code in codes if code), default=0)


def _overrides(arguments: argparse.Namespace, chosen: list[Feed]) -> tuple[tuple[str, str], ...]:
    overrides = []
    for text in arguments.override:
        table, _, reason = text.partition("=")
        if not reason.strip() or not any(table in feed.table_names for feed in chosen):
            raise UsageError(
                f"--override is TABLE=REASON, with a table of the feed and a reason; got {text!r}"
            )
        overrides.append((table, reason.strip()))
    return tuple(overrides)


def _options(arguments: argparse.Namespace, settings: Settings, chosen: list[Feed]) -> Options:
    overrides = _overrides(arguments, chosen)
    tables = tuple(arguments.table or ())
    known = {name for feed in chosen for name in feed.table_names}
    for table in tables:
        if table not in known:
            raise UsageError(
                f"--table names a table of the feeds that run: {', '.join(sorted(known))}; "
                f"got {table!r}"
            )
    return Options(settings.raw, arguments.full, tables, arguments.layer, overrides)


def _with_places(
    options: Options, arguments: argparse.Namespace, chosen: list[Feed], say: Progress
) -> Options:
    """Downloads what lies at web addresses; a dry run only says so."""
    every = places.parse(arguments.places, chosen)
    if arguments.dry_run:
        for place in every:
            if place.is_web:
                say(
                    f"{place.feed}: would download a file into "
                    f"{options.raw}/{place.feed}/{place.source}, and look at it"
                )
        every = tuple(place for place in every if not place.is_web)
    return replace(options, places=places.download(every, options.raw, say))


def _for_feed(options: Options, feed: Feed) -> Options:
    return replace(
        options, tables=tuple(name for name in options.tables if name in feed.table_names)
    )


def _run_all(
    plans: list[Plan],
    arguments: argparse.Namespace,
    settings: Settings,
    warehouse: Warehouse,
    options: Options,
    say: Progress,
) -> list[int]:
    """Runs one feed after the other; one feed's failure does not stop the next."""
    from strata.run.run import run_feed

    codes: list[int] = []
    able = []
    for plan in plans:
        with _told(plan, codes):
            if plan.needs_key:
                protect.from_environment()  # Told before Spark starts, which takes a while.
            able.append(plan)
    if not able:
        return codes
    say("starting Spark")
    spark = _start_spark(settings, arguments.master)
    for plan in able:
        with _told(plan, codes):
            report = run_feed(spark, warehouse, plan, _for_feed(options, plan.feed), say)
            _tell_report(report, warehouse, say)
    return codes


@contextmanager
def _told(plan: Plan, codes: list[int]) -> Iterator[None]:
    """Tells one feed's failure and keeps its exit code, so that the next feed can go on."""
    try:
        yield
    except StrataError as error:
        print(f"strata: {plan.feed.name}: {error}", file=sys.stderr)
        codes.append(error.exit_code)


def _nothing_new(plan: Plan, settings: Settings) -> str:
    if plan.base is None:
        return (
            f"{plan.feed.name}: no raw files in {settings.raw}/{plan.feed.name}, and nothing "
            "published yet"
        )
    return f"{plan.feed.name}: nothing new since publication {plan.base.publication}; nothing to do"


def _tell_files(plan: Plan, say: Progress) -> None:
    looked = plan.looked
    for entry in looked.folded:
        say(f"{plan.feed.name}: {entry.source}/{entry.path}: {entry.detail}; folded")
    for entry in looked.entries:
        if entry.status == "taken" and entry.detail:
            say(f"{plan.feed.name}: {entry.source}/{entry.path}: {entry.detail}")
    for item in looked.ignored:
        say(f"{plan.feed.name}: {item.path}: ignored, {item.reason}")
    for entry in looked.rejected:
        print(
            f"strata: {plan.feed.name}: rejected {entry.source}/{entry.path}: {entry.detail}",
            file=sys.stderr,
        )


def _tell_report(report: Report, warehouse: Warehouse, say: Progress) -> None:
    if report.publication is None:
        say(f"{report.feed}: another run has done it meanwhile; nothing to do")
        return
    say(
        f"{report.feed}: published as publication {report.publication.publication} in "
        f"{report.seconds:.0f} s; "
        f"tables are in {warehouse.root}"
    )


def _print_plan(plan: Plan) -> None:
    name, base = plan.feed.name, plan.base
    print(
        f"{name}: builds on "
        + (f"publication {base.publication}" if base else "nothing: first run")
    )
    rows = [
        (e.status, f"{e.source}/{e.path}", e.layout or "–", e.table or "–", e.records, e.detail)
        for e in plan.looked.entries
    ]
    if rows:
        _print(("file", "path", "layout", "goes to", "records", "note"), rows, "table")
    steps = [(s.table, "whole" if s.whole else "what changed", s.why) for s in plan.steps]
    if steps:
        _print(("would write", "how much", "why"), steps, "table")
    else:
        print("would write nothing: no new file, no changed rule")


def _print_answers(warehouse: Warehouse, feed: Feed) -> None:
    """What the feed answers, once something is published."""
    latest = ledger.newest(ledger.read(warehouse, feed.name))
    if latest is None:
        return
    answers = feed.answers or tuple(
        Answer(table.name, table.name) for table in feed.tables if table.name.startswith("gold.")
    )
    for answer in answers:
        state = latest.state(answer.table)
        if state is None:
            continue
        integrity.assert_intact(warehouse, state)
        arrow = read_arrow(warehouse, state.table, state.version)
        print(
            f"\n{answer.question}"
            + (f" ({answer.table})" if answer.question != answer.table else "")
        )
        _print_answer(answer, arrow, feed.contract(answer.table).key)
    shown = answers[-1].table if answers else feed.table_names[-1]
    print(
        f"\n{feed.name}: publication {latest.publication}. Next: strata show {shown} · strata "
        f"gates {feed.name} · strata quarantine list"
    )


def _print_answer(answer: Answer, arrow: Any, key: Sequence[str]) -> None:
    if answer.where is not None:
        arrow = arrow.filter(answer.where(arrow))
    order = answer.order or tuple((name, "ascending") for name in key)
    if order:
        arrow = arrow.sort_by(list(order))
    total, limit = arrow.num_rows, answer.limit or _SHOWN
    arrow = arrow.slice(0, limit).select(list(answer.columns or arrow.column_names))
    _print_table(arrow, (), "table", 0)
    if total > limit:
        print(f"… {limit:,} of {total:,} rows; strata show {answer.table} --limit 0 shows all")


def _print_table(arrow: Any, key: Sequence[str], form: str, limit: int) -> None:
    """Rows by key; in a table, columns with one value throughout stand above it."""
    if key and set(key) <= set(arrow.column_names):
        arrow = arrow.sort_by([(name, "ascending") for name in key])
    total = arrow.num_rows
    rows = (arrow.slice(0, limit) if limit else arrow).to_pylist()
    columns = list(arrow.column_names)
    if form == "table" and len(rows) > 1:
        width = shutil.get_terminal_size((160, 24)).columns
        too_wide = (
            len(output.render(columns, [[r[c] for c in columns] for r in rows]).splitlines()[1])
            > width
        )
        same = [c for c in columns if too_wide and all(r[c] == rows[0][c] for r in rows)]
        if same:
            print(
                "all rows: "
                + ", ".join(f"{c} {'–' if rows[0][c] is None else rows[0][c]}" for c in same)
            )
            columns = [c for c in columns if c not in same]
    _print(columns, [[row[c] for c in columns] for row in rows], form, total)


# --- reading -------------------------------------------------------------------------------------


def show(arguments: argparse.Namespace) -> int:
    from strata.serve import query as views

    warehouse = _settings(arguments).open_warehouse()
    if arguments.table is None:
        return _show_list(warehouse, arguments.format)
    arrow = views.read_table(warehouse, arguments.table)
    _print_table(arrow, _key(arguments.table), arguments.format, arguments.limit)
    return 0


def _key(table: str) -> Sequence[str]:
    from strata.declare.contract import load_contract

    is_table = table.split(".", 1)[0] in ("bronze", "silver", "gold")
    return load_contract(table).key if is_table else ()


def _show_list(warehouse: Warehouse, form: str) -> int:
    from strata.declare.contract import load_contract

    rows = []
    for name in feeds.feed_names():
        latest = ledger.newest(ledger.read(warehouse, name))
        for state in latest.tables if latest else ():
            grain = load_contract(state.table).grain
            rows.append(
                (
                    state.table,
                    state.rows,
                    state.rejected,
                    latest.publication if latest else 0,
                    state.version,
                    grain,
                )
            )
    if not rows:
        raise UsageError(f"nothing is published in {warehouse.root} yet; run `strata run` first")
    _print(("table", "rows", "quarantined", "publication", "version", "grain"), rows, form)
    return 0


def sql(arguments: argparse.Namespace) -> int:
    from strata.serve import query as views

    settings = _settings(arguments)
    text = sys.stdin.read() if arguments.query == "-" else arguments.query
    spark = session.build(None, settings.spark, _LOG_FILE)
    frame = views.query(spark, settings.open_warehouse(), text)
    limit = arguments.limit
    rows = frame.limit(limit + 1).collect() if limit else frame.collect()
    shown = rows[:limit] if limit else rows
    _print(frame.columns, [[_plain(value) for value in row] for row in shown], arguments.format)
    if len(rows) > len(shown):
        print(
            f"strata: only the first {limit} rows are shown; --limit 0 shows all", file=sys.stderr
        )
    return 0


def _plain(value: Any) -> Any:
    return value.asDict(recursive=True) if hasattr(value, "asDict") else value


# --- the ledger ----------------------------------------------------------------------------------


def _chosen(arguments: argparse.Namespace) -> list[str]:
    for name in arguments.feeds:
        feeds.load_feed(name)
    return list(arguments.feeds) or list(feeds.feed_names())


def runs(arguments: argparse.Namespace) -> int:
    warehouse = _settings(arguments).open_warehouse()
    rows = [
        (a.run_id, a.feed, a.started_at[:19], a.ended_at[:19], a.outcome, a.publication, a.message)
        for name in _chosen(arguments)
        for a in attempts.read(warehouse, name)
    ]
    _print(
        ("run", "feed", "started", "ended", "outcome", "publication", "message"),
        rows,
        arguments.format,
    )
    return 0


def publications(arguments: argparse.Namespace) -> int:
    warehouse = _settings(arguments).open_warehouse()
    rows = []
    for name in _chosen(arguments):
        every = ledger.read(warehouse, name)
        for p in every:
            taken = [e for e in p.files if e.status == "taken"]
            note = (
                f"rollback to {p.restores}"
                if p.restores is not None
                else p.params
                if p.kind == "run"
                else p.kind
            )
            current = (
                "yes" if p is every[-1] else "ended" if p.publication <= ledger.ended(every) else ""
            )
            records = sum(entry.records for entry in taken)
            rows.append(
                (
                    name,
                    p.publication,
                    p.published_at,
                    current,
                    p.run_id,
                    len(taken),
                    records,
                    len(p.gates),
                    note,
                )
            )
    columns = (
        "feed",
        "publication",
        "published (UTC)",
        "current",
        "run",
        "files",
        "records",
        "gates",
        "parameters",
    )
    _print(columns, rows, arguments.format)
    return 0


def gates(arguments: argparse.Namespace) -> int:
    warehouse = _settings(arguments).open_warehouse()
    rows: list[tuple[Any, ...]] = []
    for name in _chosen(arguments):
        every = ledger.read(warehouse, name)
        if not every:
            continue
        wanted = arguments.publication
        publication = every[-1] if wanted is None else ledger.find(every, name, wanted)
        for g in publication.gates:
            if arguments.expectations:
                rows += [
                    (
                        g.table,
                        e["severity"],
                        "passed" if e["success"] else _not_passed(e),
                        e["unexpected"],
                        e["observed"],
                        e["description"],
                    )
                    for e in g.expectations
                ]
            else:
                folds = "; ".join(f"{n:,} {why}" for why, n in g.folds.items())
                counts = (g.rows_in, g.accepted, g.quarantined, g.folded, g.total_rows)
                rows.append((g.table, publication.publication, g.mode, *counts, g.seconds, folds))
    if arguments.expectations:
        _print(("table", "severity", "result", "rows", "observed", "rule"), rows, arguments.format)
    else:
        columns = (
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
        _print(columns, rows, arguments.format)
    return 0


def _not_passed(expectation: dict[str, Any]) -> str:
    if expectation["severity"] == "warning":
        return "warned"
    return "rejected" if expectation["unexpected"] is not None else "overridden"


def rollback(arguments: argparse.Namespace) -> int:
    from strata.run import run as runner

    settings = _settings(arguments)
    warehouse = settings.open_warehouse()
    feed = feeds.load_feed(arguments.feed)
    ledger.find(ledger.read(warehouse, feed.name), feed.name, arguments.publication)
    spark = _start_spark(settings)
    published = runner.rollback(spark, warehouse, feed.name, arguments.publication)
    print(
        f"{feed.name}: publication {published.publication} shows the tables of publication "
        f"{arguments.publication} again"
    )
    print(
        "files that later publications had taken are new again: the next run takes them if "
        "they still lie in the raw folder"
    )
    return 0


# --- quarantine ----------------------------------------------------------------------------------


def quarantine_list(arguments: argparse.Namespace) -> int:
    warehouse = _settings(arguments).open_warehouse()
    rows = [
        (w.table, w.rows, w.discarded, w.since, w.reason) for w in waiting_room.waiting(warehouse)
    ]
    _print(("table", "rows", "discarded", "since (UTC)", "reason"), rows, arguments.format)
    return 0


def quarantine_show(arguments: argparse.Namespace) -> int:
    warehouse = _settings(arguments).open_warehouse()
    publication = _publication_of(warehouse, arguments.table)
    rows = waiting_room.rows_of(warehouse, publication, arguments.table)
    if arguments.reason:
        rows = [row for row in rows if arguments.reason in row["_reasons"]]
    shown = rows[: arguments.limit] if arguments.limit else rows
    if arguments.format == "table":
        _print_records(shown, len(rows), waiting_room.paths_of(warehouse, publication.feed))
        return 0
    columns = list(rows[0]) if rows else ["_reasons"]
    _print(columns, [[row[c] for c in columns] for row in shown], arguments.format)
    return 0


def _print_records(rows: list[dict[str, Any]], total: int, paths: dict[str, str]) -> None:
    """One block a row: rejected rows are wide, and most of their columns are empty."""
    for row in rows:
        sha256 = str(row.get("_file_sha256"))
        print(
            f"record {row.get('_record_number')} of {paths.get(sha256, 'a file')} (SHA-256 "
            f"{sha256[:12]}…)"
        )
        print("  because: " + "; ".join(row["_reasons"]))
        told = {
            k: v
            for k, v in row.items()
            if v is not None and k not in ("_reasons", "_file_sha256", "_record_number")
        }
        for name, value in told.items():
            print(f"  {name}: {output._cell(value)}")
    print(f"{len(rows):,} of {total:,} rows")


def _publication_of(warehouse: Warehouse, table: str) -> Publication:
    from strata.declare.contract import split_name

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


def quarantine_replay(arguments: argparse.Namespace) -> int:
    """A forced look: the tables that hold rejected rows, and their descendants, are recomputed."""
    from strata.run.run import run_feed

    settings = _settings(arguments)
    warehouse = settings.open_warehouse()
    say = Progress(settings.log == "json")
    names = (
        [_publication_of(warehouse, arguments.table).feed]
        if arguments.table
        else list(feeds.feed_names())
    )
    spark = None
    for name in names:
        latest = ledger.newest(ledger.read(warehouse, name))
        held = tuple(s.table for s in latest.tables if s.rejected) if latest else ()
        tables = (arguments.table,) if arguments.table else held
        if latest is None or not tables:
            continue
        import json

        options = Options(settings.raw, tables=tables, takes_new_files=False)
        feed = feeds.load_feed(name)
        params = {**feed.default_params(), **json.loads(latest.params)}
        plan = make_plan(feed, params, warehouse, options)
        spark = spark or _start_spark(settings)
        report = run_feed(spark, warehouse, plan, options, say)
        _tell_report(report, warehouse, say)
        for table in tables:
            before, after = (
                latest.state(table),
                report.publication.state(table) if report.publication else None,
            )
            print(
                f"{table}: {before.rejected if before else 0} rejected before, "
                f"{after.rejected if after else 0} now"
            )
    if spark is None:
        print("nothing is quarantined")
    return 0


def quarantine_discard(arguments: argparse.Namespace) -> int:
    from strata.run import run as runner

    settings = _settings(arguments)
    warehouse = settings.open_warehouse()
    publication = _publication_of(warehouse, arguments.table)
    decisions = waiting_room.decide_discard(
        warehouse,
        publication,
        arguments.table,
        arguments.file,
        arguments.record,
        arguments.reason,
        getpass.getuser(),
        arguments.why,
    )
    spark = _start_spark(settings)
    published = runner.record_decisions(spark, warehouse, publication.feed, tuple(decisions))
    number = published.publication
    print(
        f"{arguments.table}: {len(decisions)} discarded; they stay in the quarantine and in "
        f"its counts (publication {number})"
    )
    return 0


# --- declarations --------------------------------------------------------------------------------


def validate(_: argparse.Namespace) -> int:
    from strata.cli import validate as declarations

    findings, counts = declarations.check_all()
    for finding in findings:
        print(finding, file=sys.stderr)
    if findings:
        raise UsageError(f"every declaration must hold; {len(findings)} findings, listed above")
    print(
        "all declarations hold: " + ", ".join(f"{number} {noun}" for noun, number in counts.items())
    )
    return 0
