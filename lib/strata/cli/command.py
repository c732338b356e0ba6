"""The command `strata`: finds the command that is named, and words what goes wrong.

Standard output carries the answer, standard error the progress. A user's mistake is one sentence
and an exit code, never a stack trace. A command is a module of this package with two functions:
`add(parser)` adds its options, `run(options)` does the work and returns the exit code. Only the
module of the command that is named is imported, for some of them load Spark.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from strata import __version__
from strata.cli import stopped
from strata.cli.parser import Parser
from strata.declare.names import feed_names
from strata.errors import StrataError

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
  130  stopped by Ctrl-C; a sentence tells what was published
  143  stopped by SIGTERM; the same
"""

COMMANDS = {
    "run": "run feeds from raw files to published tables",
    "show": "list what is published, or show one table",
    "sql": "run one read-only SQL query over the published tables",
    "export": "copy published tables to SQLite, DuckDB, Parquet, CSV or PostgreSQL",
    "load": "load an export from S3 into Redshift, in one transaction",
    "serve": "keep a door open on loopback: sql, postgres, graphql",
    "light": "judge GPS events without Spark, as the serverless path does",
    "report": "write one HTML page of what is published, and how well",
    "why": "show the rows and files behind a figure, or where a raw record went",
    "runs": "list attempts, failed ones too",
    "gates": "list what every gate of the newest publication counted",
    "publications": "list publications: what readers saw, and when",
    "rollback": "publish an older set of tables again",
    "quarantine": "look after rejected rows",
    "doctor": "look for damage in stored tables, their logs and the ledger; exit code 8 where "
    "there is any",
    "archive": "move raw days that are old out of bronze into compressed files, or back",
    "maintain": "compact small files, end old publications, and remove files that no kept "
    "publication needs",
    "forget": "forget a person, in every table and version, and prove it",
    "validate": "check every contract, suite, job and setting, without Spark",
}
"""Each command, which is also the name of its module, and what it does."""


def main(argv: Sequence[str] | None = None) -> int:
    """The console command."""
    return _guard(list(sys.argv[1:] if argv is None else argv))


def job(feed: str, argv: Sequence[str] | None = None) -> int:
    """One feed's job under `spark-submit`, with the options of `strata run`."""
    return _guard(["run", feed, *(sys.argv[1:] if argv is None else argv)])


def _dispatch(argv: list[str]) -> int:
    if argv[:1] == ["run"]:
        from strata.cli import unchanged

        if unchanged.repeat(argv):
            return 0
    parser = parser_for(argv)
    options = parser.parse_args(argv)
    options.argv = tuple(argv)
    if not hasattr(options, "action"):
        parser.print_help()
        return 2
    return int(options.action(options))


def parser_for(argv: Sequence[str]) -> argparse.ArgumentParser:
    """The parser of all commands, in which only the one that `argv` names has its options."""
    named = next((word for word in argv if not word.startswith("-")), "")
    parser = Parser(
        prog="strata",
        description="Raw files to bronze, silver and gold tables, with a gate at every layer.",
        epilog=f"`strata FEED --help` lists what a feed can do besides, FEED being one of "
        f"{', '.join(feed_names())}.\n\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"strata {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", title="commands")
    for name, text in COMMANDS.items():
        own = _add_command(commands, name, text, help=text)
        if name == named:
            serves = list(argv[:2]) == ["sql", "serve"]
            module = importlib.import_module(f"strata.cli.{'thrift' if serves else name}")
            if serves:
                own.add_argument("door", choices=["serve"], metavar="serve", help=argparse.SUPPRESS)
            module.add(own)
            if hasattr(module, "run"):
                own.set_defaults(action=module.run)
    _add_feeds(commands, named)
    return parser


def _add_command(commands: Any, name: str, text: str, **listed: str) -> argparse.ArgumentParser:
    own: argparse.ArgumentParser = commands.add_parser(
        name,
        **listed,
        description=text[0].upper() + text[1:] + ".",
        epilog=EXIT_CODES if name == "run" else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )

    def show_help(_: argparse.Namespace) -> int:
        own.print_help()
        return 2

    own.set_defaults(action=show_help)
    return own


def _add_feeds(commands: Any, named: str) -> None:
    """A feed that has commands of its own has them under its name: `strata residents forget`."""
    for name in feed_names():
        own = _add_command(commands, name, f"what concerns the feed {name} alone")
        if name == named:
            from strata.cli import feed

            feed.add(own, name)


# --- what goes wrong -----------------------------------------------------------------------------


def _guard(argv: list[str]) -> int:
    try:
        with stopped.stoppable():
            return _dispatch(argv)
    except KeyboardInterrupt as stop:
        return _tell_stop(stop, argv)
    except Exception as error:
        # An error behind a stop is of its making.
        asked = stopped.asked()
        return _tell_stop(asked, argv) if asked else _tell_error(error)


def _tell_stop(stop: KeyboardInterrupt, argv: list[str]) -> int:
    print(f"strata: {stopped.sentence(stop, argv)}", file=sys.stderr)
    # A library may have raised an interrupt of its own in the place of what was asked.
    return stopped.exit_code(stopped.asked() or stop)


def _tell_error(error: Exception) -> int:
    if isinstance(error, BrokenPipeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    if isinstance(error, StrataError):
        print(f"strata: {error}", file=sys.stderr)
        return error.exit_code
    return _unforeseen(error)


def _unforeseen(error: Exception) -> int:
    """The trace goes to a file, one sentence to the user."""
    import traceback

    from strata.cli.common import log_file
    from strata.fs import trouble

    log = log_file()
    lacking = trouble.explain(error)
    with suppress(OSError), open(log, "a", encoding="utf-8") as sink:  # The disk may be full.
        traceback.print_exc(file=sink)
    if lacking is not None:
        print(f"strata: {lacking}", file=sys.stderr)
        return lacking.exit_code
    first = " ".join(trouble.text_of(error).split())[:300]
    whole = f"the whole trace is in {log}"
    print(f"strata: {type(error).__name__}: {first}; {whole}", file=sys.stderr)
    return 1
