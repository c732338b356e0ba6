"""The command `strata`, and what `jobs/*.py` call under `spark-submit`.

Standard output carries the answer, standard error the progress. A user's mistake is one sentence
and an exit code, never a stack trace.
"""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from strata import __version__
from strata.cli import actions, upkeep
from strata.cli import settings as config
from strata.cli.output import FORMATS
from strata.declare import feed as feeds
from strata.declare.contract import LAYERS
from strata.errors import StrataError
from strata.fs import trouble as resource_trouble

EXIT_CODES = """exit codes:
  0  done, or nothing new to do
  1  something went wrong that is not the caller's doing
  2  wrong usage: option, table, feed, setting or declaration
  3  a gate said no; nothing was published
  4  another run holds the feed's lease
  5  a raw file was rejected and left out whole; what is sound was published
  6  the outcome of a commit is unknown; run again to find out
  7  rows did not balance: a defect in a transform; nothing was published
  8  a stored table, its log or the ledger is damaged; `strata doctor` tells where, and what to do
  9  disk space, permission, memory or the network is missing; what was published stands
"""


def main(argv: Sequence[str] | None = None) -> int:
    """The console command."""
    return _guard(lambda: _dispatch(list(sys.argv[1:] if argv is None else argv)))


def job(feed: str, argv: Sequence[str] | None = None) -> int:
    """One feed's job under `spark-submit`, with the options of `strata run`."""
    return _guard(lambda: _dispatch(["run", feed, *(sys.argv[1:] if argv is None else argv)]))


def _guard(work: Callable[[], int]) -> int:
    try:
        return work()
    except StrataError as error:
        print(f"strata: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("strata: stopped; nothing of this run was published", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        log = actions.log_file()
        trouble = resource_trouble.explain(error)
        with suppress(OSError), open(log, "a", encoding="utf-8") as sink:  # The disk may be full.
            traceback.print_exc(file=sink)
        if trouble is not None:
            print(f"strata: {trouble}", file=sys.stderr)
            return trouble.exit_code
        first = " ".join(str(error).split())[:300]
        print(
            f"strata: {type(error).__name__}: {first}; the whole trace is in {log}", file=sys.stderr
        )
        return 1


def _dispatch(argv: list[str]) -> int:
    parser = _parser()
    arguments = parser.parse_args(argv)
    if not hasattr(arguments, "action"):
        parser.print_help()
        return 2
    return int(arguments.action(arguments))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="strata",
        description="Raw files to bronze, silver and gold tables, with a gate at every layer.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"strata {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", title="commands")
    _add_run(commands)
    _add_reading(commands)
    _add_ledger(commands)
    _add_quarantine(commands)
    _add_upkeep(commands)
    validate = _command(
        commands,
        "validate",
        "check every contract, suite, job and setting, without Spark",
        actions.validate,
        places=False,
    )
    validate.set_defaults(action=actions.validate)
    return parser


def _command(
    commands: Any, name: str, text: str, action: Any, places: bool = True
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        help=text,
        description=text[0].upper() + text[1:] + ".",
        epilog=EXIT_CODES if name == "run" else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    if places:
        parser.add_argument(
            "--warehouse", metavar="DIR", help="folder or s3:// address of the tables"
        )
        parser.add_argument(
            "--profile",
            choices=config.PROFILES,
            help="settings in conf/<profile>.yaml (default: local)",
        )
    parser.set_defaults(action=action)
    return parser


def _add_format(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--format", choices=FORMATS, default="table", help="how to print (default: table)"
    )


def _add_run(commands: Any) -> None:
    run = _command(commands, "run", "run feeds from raw files to published tables", actions.run)
    run.add_argument(
        "feeds",
        nargs="*",
        metavar="FEED",
        help=f"feeds to run (default: all: {', '.join(feeds.feed_names())})",
    )
    run.add_argument(
        "--raw",
        metavar="DIR",
        help="folder or s3:// address of the raw files, at <raw>/<feed>/<source>/",
    )
    run.add_argument(
        "--from",
        action="append",
        default=[],
        dest="places",
        metavar="SOURCE=PLACE",
        help="take files from there too: a web address, which is downloaded into the raw folder, "
        "or a file, folder or s3:// address, "
        "which is read where it lies; FEED/SOURCE=PLACE with several feeds; may be repeated",
    )
    run.add_argument(
        "--full", action="store_true", help="recompute every table whole; the result is the same"
    )
    run.add_argument(
        "--table",
        action="append",
        metavar="TABLE",
        help="recompute this table and what is computed from it",
    )
    run.add_argument("--layer", choices=LAYERS, help="go no further than this layer")
    run.add_argument(
        "--dry-run",
        action="store_true",
        help="tell what would be read, computed and written, and why; write nothing",
    )
    run.add_argument(
        "--override",
        action="append",
        default=[],
        metavar="TABLE=REASON",
        help="publish though that table's gate says no; the reason stands in the ledger",
    )
    run.add_argument(
        "--master",
        metavar="URL",
        help="Spark master (default: local[*], or what spark-submit says)",
    )
    run.add_argument("--log", choices=("text", "json"), help="progress as text or as JSON lines")
    run.add_argument("--quiet", action="store_true", help="no progress and no tables; errors only")
    for feed in feeds.all_feeds():
        feeds.add_params(run, feed)


def _add_reading(commands: Any) -> None:
    show = _command(commands, "show", "list what is published, or show one table", actions.show)
    show.add_argument(
        "table",
        nargs="?",
        metavar="TABLE",
        help="e.g. gold.soil_country_stats; without it: the list of tables",
    )
    show.add_argument(
        "--limit",
        type=_count,
        default=50,
        metavar="N",
        help="rows to print, 0 for all (default: 50)",
    )
    _add_format(show)
    sql = _command(
        commands, "sql", "run one read-only SQL query over the published tables", actions.sql
    )
    sql.add_argument(
        "query",
        metavar="QUERY",
        help='e.g. "select * from gold.soil_country_stats"; - reads standard input',
    )
    sql.add_argument(
        "--limit",
        type=_count,
        default=1000,
        metavar="N",
        help="rows to print, 0 for all (default: 1000)",
    )
    _add_format(sql)


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be a whole number, 0 or more; got {text!r}")
    return int(text)


def _add_ledger(commands: Any) -> None:
    for name, text, action in (
        ("runs", "list attempts, failed ones too", actions.runs),
        ("gates", "list what every gate of the newest publication counted", actions.gates),
        ("publications", "list publications: what readers saw, and when", actions.publications),
    ):
        parser = _command(commands, name, text, action)
        parser.add_argument("feeds", nargs="*", metavar="FEED", help="only these feeds")
        if name == "gates":
            parser.add_argument(
                "--publication",
                type=_count,
                metavar="N",
                help="that publication instead of the newest",
            )
            parser.add_argument(
                "--expectations", action="store_true", help="one row an expectation"
            )
        _add_format(parser)
    rollback = _command(
        commands, "rollback", "publish an older set of tables anew", actions.rollback
    )
    rollback.add_argument("feed", metavar="FEED")
    rollback.add_argument(
        "publication",
        type=_count,
        metavar="PUBLICATION",
        help="its number, see `strata publications`",
    )


def _add_quarantine(commands: Any) -> None:
    parser = commands.add_parser(
        "quarantine", help="look after rejected rows", description="Look after rejected rows."
    )
    parser.set_defaults(action=lambda _: parser.print_help() or 2)
    inner = parser.add_subparsers(metavar="ACTION", title="actions")
    listing = _command(
        inner, "list", "count rejected rows by table, reason and age", actions.quarantine_list
    )
    _add_format(listing)
    show = _command(
        inner,
        "show",
        "show a table's rejected rows, with reasons, file and record",
        actions.quarantine_show,
    )
    show.add_argument("table", metavar="TABLE", help="e.g. silver.soil_measurements")
    show.add_argument(
        "--limit",
        type=_count,
        default=50,
        metavar="N",
        help="rows to print, 0 for all (default: 50)",
    )
    show.add_argument("--reason", metavar="TEXT", help="only rows with this reason")
    _add_format(show)
    replay = _command(
        inner, "replay", "judge rejected rows again, with today's rules", actions.quarantine_replay
    )
    replay.add_argument(
        "table",
        nargs="?",
        metavar="TABLE",
        help="only this table (default: every table with rejected rows)",
    )
    replay.add_argument(
        "--raw",
        metavar="DIR",
        help="read raw files that still lie there anew; what has gone comes from bronze",
    )
    text = "decide that rejected rows need no more attention; they stay accounted for"
    discard = _command(inner, "discard", text, actions.quarantine_discard)
    discard.add_argument("table", metavar="TABLE")
    discard.add_argument(
        "--file", metavar="SHA256", help="rows of this file (a beginning of the hash is enough)"
    )
    discard.add_argument("--record", type=int, metavar="N", help="this record of the file")
    discard.add_argument("--reason", metavar="TEXT", help="rows with this reason")
    discard.add_argument("--why", required=True, metavar="TEXT", help="why; stands in the ledger")


def _add_upkeep(commands: Any) -> None:
    text = (
        "look for damage in stored tables, their logs and the ledger; exit code 8 where there is "
        "any"
    )
    doctor = _command(commands, "doctor", text, upkeep.doctor)
    doctor.add_argument("feeds", nargs="*", metavar="FEED", help="only these feeds")
    _add_format(doctor)
    text = (
        "compact small files, end old publications, and remove files that no kept publication needs"
    )
    maintain = _command(commands, "maintain", text, upkeep.maintain)
    maintain.add_argument("feeds", nargs="*", metavar="FEED", help="only these feeds")
    maintain.add_argument(
        "--keep",
        type=_count,
        default=10,
        metavar="N",
        help="keep the newest N publications (default: 10)",
    )
    maintain.add_argument(
        "--days",
        type=_count,
        default=30,
        metavar="N",
        help="keep all of the last N days besides, at most 60 (default: 30)",
    )
    text = "forget a person, in every table and version, and prove it"
    general = _command(commands, "forget", text, upkeep.forget)
    general.add_argument("feed", metavar="FEED", choices=feeds.feed_names(), help="whose person")
    _add_forget(general)
    for feed in feeds.all_feeds():
        if feed.identifying:
            own = commands.add_parser(
                feed.name,
                help=f"forget a person of {feed.name}",
                description=f"Look after {feed.name}.",
            )
            own.set_defaults(action=lambda _, own=own: own.print_help() or 2)
            forget = _command(
                own.add_subparsers(metavar="ACTION", title="actions"), "forget", text, upkeep.forget
            )
            forget.set_defaults(feed=feed.name)
            _add_forget(forget)


def _add_forget(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "who",
        nargs="?",
        metavar="WHO",
        help="what identifies them, e.g. an e-mail address; - reads standard input",
    )
    parser.add_argument(
        "--list",
        action="store_true",
        help="list the erasures asked for, and which are not finished",
    )
    parser.add_argument(
        "--raw", metavar="DIR", help="raw files, to tell which still hold the person"
    )
    parser.add_argument(
        "--override",
        action="append",
        default=[],
        metavar="TABLE=REASON",
        help="publish though that table's gate says no",
    )
    parser.add_argument("--log", choices=("text", "json"), help="progress as text or as JSON lines")
    _add_format(parser)
