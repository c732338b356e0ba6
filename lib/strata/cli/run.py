"""`strata run`: feeds from raw files to published tables."""

from __future__ import annotations

import argparse
import io
import os
import sys
from contextlib import redirect_stdout
from dataclasses import replace

from strata.cli import common, stopped, unchanged
from strata.cli.answers import answers_of, print_answers
from strata.cli.invalid import tell_invalid
from strata.cli.output import Progress, Sentence
from strata.cli.params import add_params, params_of
from strata.cli.settings import Settings
from strata.cli.work import Job, run_all
from strata.declare import feed as feeds
from strata.declare import known, resources
from strata.declare.contract import LAYERS
from strata.declare.feed import Feed
from strata.declare.own_layouts import with_own_layouts
from strata.errors import BadFile, StrataError, UsageError
from strata.fs import files
from strata.ledger import publication as ledger
from strata.ledger.book import Book
from strata.ledger.publication import FileEntry
from strata.raw.fetch import places
from strata.run import look_cache
from strata.run.options import Options
from strata.run.plan import Plan, make_plan


def add(parser: argparse.ArgumentParser) -> None:
    """Adds the options of a run, the feeds' own parameters among them."""
    parser.add_argument(
        "feeds",
        nargs="*",
        metavar="FEED",
        help=f"feeds to run (default: all: {', '.join(feeds.feed_names())})",
    )
    parser.add_argument(
        "--raw",
        metavar="DIR",
        help="folder or s3:// address of the raw files, at <raw>/<feed>/<source>/",
    )
    parser.add_argument(
        "--from",
        action="append",
        default=[],
        dest="places",
        metavar="SOURCE=PLACE",
        help="take files from there too: a web address, which is downloaded into the raw folder, "
        "or a file, folder or s3:// address, "
        "which is read where it lies; FEED/SOURCE=PLACE with several feeds; may be repeated",
    )
    _add_extent(parser)
    common.add_override(parser)
    parser.add_argument(
        "--rejects",
        metavar="DIR",
        help="write each feed's rejected rows and files there, as JSON Lines with their reasons "
        "and without personal fields",
    )
    parser.add_argument(
        "--master",
        metavar="URL",
        help="Spark master (default: local[*], or what spark-submit says)",
    )
    common.add_log(parser)
    parser.add_argument(
        "--quiet", action="store_true", help="no progress and no tables; errors only"
    )
    common.add_warehouse(parser)
    for feed in feeds.all_feeds():
        add_params(parser, feed)


def _add_extent(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--full", action="store_true", help="recompute every table whole; the result is the same"
    )
    parser.add_argument(
        "--table",
        action="append",
        metavar="TABLE",
        help="recompute this table and what is computed from it",
    )
    parser.add_argument("--layer", choices=LAYERS, help="go no further than this layer")
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="tell what would be read, computed and written, and why; write nothing",
    )


def run(arguments: argparse.Namespace) -> int:
    """Runs the feeds that are named, or all; the least exit code other than 0 of them."""
    with stopped.telling(lambda: stopped.NOTHING):
        job, plans, watch = _look(arguments)
    if arguments.dry_run:
        for plan in plans:
            _print_plan(plan, job.settings)
        return _code([_rejections(plan) for plan in plans])
    with stopped.telling(lambda: _what_stands(plans, job)):
        codes = _carry_out(plans, job)
        answers = _answers(plans, job)
        print(answers, end="")
        if any(not plan.is_empty for plan in plans):
            _write_report(job)
        elif watch and not any(codes):
            said = {"progress": job.say.said, "answers": answers}
            watch.keep(job.warehouse.root, arguments.argv, said)
    return _code(codes)


def _look(arguments: argparse.Namespace) -> tuple[Job, list[Plan], unchanged.Watch | None]:
    """What there is to do, which is told; nothing is written yet but what is downloaded."""
    settings = common.settings_of(arguments)
    named = [feeds.load_feed(name) for name in arguments.feeds] or list(feeds.all_feeds())
    chosen = [with_own_layouts(feed, settings.raw) for feed in named]
    say = Progress(settings.log == "json", arguments.quiet)
    options = _with_places(_options(arguments, settings, chosen), arguments, chosen, say)
    job = Job(arguments, settings, Book(settings.open_warehouse()), options, say)
    watch = _watch(chosen, job)
    say("looking at the raw files")
    plans = [_plan(feed, job) for feed in chosen]
    known.save()
    for plan in plans:
        _tell_files(plan, say)
    return job, plans, watch


def _what_stands(plans: list[Plan], job: Job) -> str:
    """What was published since a run began that is stopped: the ledger tells, whichever feed was
    interrupted where. Another run's is told too, for the tables stand as it says.
    """
    published, others = [], []
    for plan in plans:
        name, newest = plan.feed.name, job.book.newest(plan.feed.name)
        before = plan.base.publication if plan.base else ledger.NOTHING
        if newest is not None and newest.publication > before:
            published.append(f"{name} (publication {newest.publication})")
        elif not plan.is_empty:
            others.append(name)
    if not published:
        return stopped.NOTHING
    rest = f", but not {', '.join(others)}: run again" if others else ""
    return f"published since it began: {', '.join(published)}{rest}"


def _rejections(plan: Plan) -> int:
    return BadFile.exit_code if plan.looked.rejected else 0


def _code(codes: list[int]) -> int:
    """The least exit code other than 0."""
    return min((code for code in codes if code), default=0)


def _plan(feed: Feed, job: Job) -> Plan:
    params = params_of(job.arguments, feed)
    told = feeds.known_fingerprints(feed, params)
    return make_plan(feed, params, job.book, job.options_of(feed), fingerprints=told)


def _answers(plans: list[Plan], job: Job) -> str:
    quiet, folder = job.arguments.quiet, job.arguments.rejects
    with redirect_stdout(io.StringIO()) as printed:
        for plan in () if quiet else plans:
            print_answers(job.book, plan.feed)
        tell_invalid(plans, job.warehouse, folder, quiet)
    return printed.getvalue()


def _watch(chosen: list[Feed], job: Job) -> unchanged.Watch | None:
    """By which the same command can say again that nothing is new, without looking."""
    raw, warehouse, asked = job.options.raw, job.warehouse, job.arguments
    does_more = asked.dry_run or asked.places or asked.rejects
    if does_more or not unchanged.can_be_watched(raw, warehouse.root):
        return None
    tables = sorted({answer.table for feed in chosen for answer in answers_of(feed)})
    places = [*resources.program_folders(), warehouse.path("ops.publications")]
    places += [f"{raw}/{feed.name}" for feed in chosen] + [*map(warehouse.path, tables)]
    return unchanged.Watch.begin(places)


def _write_report(job: Job) -> None:
    """Says where the page lies. What cannot be written never fails a run.

    Beside a warehouse on S3 it would lie in whatever folder the run was started from: there it is
    written only by `strata report`.
    """
    from strata.cli.report import default_path
    from strata.serve import metrics, report

    if not files.is_local(job.warehouse.root):
        return
    path = default_path(job.settings)
    try:
        job.say(f"report: {report.write_report(job.warehouse, path)}")
        metrics.write(job.warehouse, path.with_name(metrics.FILE_NAME))
    except StrataError as error:
        job.say(f"no report was written: {error}")


def _carry_out(plans: list[Plan], job: Job) -> list[int]:
    """The exit codes of what was run and of what was rejected."""
    for plan in plans:
        if plan.is_empty:
            job.say(_nothing_new(plan, job.settings))
            look_cache.save(job.warehouse, plan.feed.name, plan.looked.remembered)
    work = [plan for plan in plans if not plan.is_empty]
    codes = run_all(work, job) if work else []
    return codes + [_rejections(plan) for plan in plans]


def _options(arguments: argparse.Namespace, settings: Settings, chosen: list[Feed]) -> Options:
    overrides = common.overrides_of(arguments, chosen)
    tables = tuple(arguments.table or ())
    known = {name for feed in chosen for name in feed.table_names}
    for table in tables:
        if table not in known:
            raise UsageError(
                f"--table names a table of the feeds that run: {', '.join(sorted(known))}; "
                f"got {table!r}"
            )
    at_once = max(2, os.cpu_count() or 2)
    alone = common.is_one_machine(settings, arguments.master)
    return Options(
        settings.raw,
        arguments.full,
        tables,
        arguments.layer,
        overrides,
        at_once=at_once,
        on_one_machine=alone,
    )


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


# --- what is told --------------------------------------------------------------------------------


def _nothing_new(plan: Plan, settings: Settings) -> str:
    name = plan.feed.name
    if plan.base is None:
        folder = f"{settings.raw}/{name}/{_folders(plan.feed)}"
        return f"{name}: no raw files in {folder}, and nothing published yet"
    return f"{name}: nothing new since publication {plan.base.publication}; nothing to do"


def _folders(feed: Feed) -> str:
    """`orders`, or `{orders,products}`, as a shell writes several."""
    names = sorted(source.name for source in feed.sources)
    return names[0] if len(names) == 1 else f"{{{','.join(names)}}}"


def _tell_files(plan: Plan, say: Progress) -> None:
    looked, name = plan.looked, plan.feed.name
    say = say.about(feed=name)
    for entry in looked.folded:
        say(f"{name}: {entry.source}/{entry.path}: {entry.detail}; folded")
    details: dict[tuple[str, str], list[str]] = {}
    for entry in looked.entries:
        if entry.status == "taken" and entry.detail:
            details.setdefault((entry.source, entry.detail), []).append(entry.path)
    # What many files say alike is said once.
    for (source, detail), paths in details.items():
        others = len(paths) - 1
        more = f" and {others:,} more file{'' if others == 1 else 's'}" if others else ""
        say(f"{name}: {source}/{paths[0]}{more}: {detail}")
    for item in looked.ignored:
        say(f"{name}: {item.path}: ignored, {item.reason}")
    for entry in looked.rejected:
        file = f"{entry.source}/{entry.path}"
        print(f"strata: {name}: rejected {file}: {_why(entry)}", file=sys.stderr)


def _why(entry: FileEntry) -> str:
    """What the ledger says of a file, without its name, which stands before it here."""
    return entry.detail.removeprefix(f"{entry.path}: ")


def _print_plan(plan: Plan, settings: Settings) -> None:
    name, base = plan.feed.name, plan.base
    standing = f"publication {base.publication}" if base else "nothing: first run"
    print(f"{name}: builds on {standing}")
    rows = [
        (e.status, f"{e.source}/{e.path}", e.layout or "–", e.table or "–", e.records, _why(e))
        for e in plan.looked.entries
    ]
    if rows:
        common.print_rows(("file", "path", "layout", "goes to", "records", "note"), rows, "table")
    steps = [(s.table, "whole" if s.whole else "what changed", Sentence(s.why)) for s in plan.steps]
    if steps:
        common.print_rows(("would write", "how much", "why"), steps, "table")
    elif base is None and not rows:
        print(_nothing_new(plan, settings))
    else:
        print("would write nothing: no new file, no changed rule")
