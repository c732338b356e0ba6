"""What several commands share: their options, the settings, Spark's start."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from strata.cli import output, settings
from strata.cli.settings import Settings
from strata.declare import feed as feeds
from strata.declare.feed import Feed
from strata.errors import UsageError
from strata.spark import connect, session

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_LOG_FILE = session.default_log_file()


def log_file() -> str:
    """Where this process keeps Spark's noise and stack traces."""
    return _LOG_FILE


# --- options -------------------------------------------------------------------------------------


def add_warehouse(parser: argparse.ArgumentParser) -> None:
    """Where the tables are, and which settings apply."""
    parser.add_argument("--warehouse", metavar="DIR", help="folder or s3:// address of the tables")
    parser.add_argument(
        "--profile",
        choices=settings.PROFILES,
        help="settings in conf/<profile>.yaml (default: local)",
    )


def add_feeds(parser: argparse.ArgumentParser) -> None:
    """Names of feeds, by which a command is limited to them."""
    parser.add_argument("feeds", nargs="*", metavar="FEED", help="only these feeds")


def add_format(parser: argparse.ArgumentParser) -> None:
    """How the answer is printed."""
    parser.add_argument(
        "--format", choices=output.FORMATS, default="table", help="how to print (default: table)"
    )


def add_limit(parser: argparse.ArgumentParser, default: int) -> None:
    """How many rows are printed."""
    text = f"rows to print, 0 for all (default: {default})"
    parser.add_argument("--limit", type=count, default=default, metavar="N", help=text)


def add_override(parser: argparse.ArgumentParser) -> None:
    """Tables that are published though their gate says no."""
    parser.add_argument(
        "--override",
        action="append",
        default=[],
        metavar="TABLE=REASON",
        help="publish though that table's gate says no; the reason stands in the ledger",
    )


def add_log(parser: argparse.ArgumentParser) -> None:
    """How progress is told."""
    parser.add_argument("--log", choices=("text", "json"), help="progress as text or as JSON lines")


def add_metrics(parser: argparse.ArgumentParser) -> None:
    """Whether a door that stays open answers a collector of metrics too."""
    text = "answer a collector of metrics at http://127.0.0.1:N/metrics; 0 takes a free port"
    parser.add_argument("--serve-metrics", type=int, metavar="N", help=text)


def count(text: str) -> int:
    """An option's whole number, 0 or more."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be a whole number, 0 or more; got {text!r}")
    return int(text)


# --- what the options say ------------------------------------------------------------------------


def settings_of(options: argparse.Namespace) -> Settings:
    """The settings of this command: its options, the environment, then `conf/`."""
    given = {key: getattr(options, key, None) for key in ("raw", "warehouse", "log")}
    return settings.load(getattr(options, "profile", None), **given)


def chosen_feeds(options: argparse.Namespace) -> list[str]:
    """The feeds that are named, or all; a UsageError where there is none of a name."""
    for name in options.feeds:
        feeds.load_feed(name)
    return list(options.feeds) or list(feeds.feed_names())


def overrides_of(
    options: argparse.Namespace, chosen: Sequence[Feed]
) -> tuple[tuple[str, str], ...]:
    """Each `--override` as (table, reason)."""
    overrides = []
    for text in options.override:
        table, _, reason = text.partition("=")
        if not reason.strip() or not any(table in feed.table_names for feed in chosen):
            raise UsageError(
                f"--override is TABLE=REASON, with a table of the feed and a reason; got {text!r}"
            )
        overrides.append((table, reason.strip()))
    return tuple(overrides)


# --- work ----------------------------------------------------------------------------------------


def is_one_machine(of: Settings, master: str | None = None) -> bool:
    """Whether Spark would stand on this machine alone, told without starting it: nobody names
    another place, and no `spark-submit` has started this process."""
    elsewhere = ("DATABRICKS_RUNTIME_VERSION", "PYSPARK_GATEWAY_PORT")
    if any(name in os.environ for name in elsewhere) or connect.is_remote(master):
        return False
    return (master or of.spark.get("spark.master") or "local").startswith("local")


def start_spark(
    of: Settings,
    master: str | None = None,
    with_gate: bool = True,
    small: bool = False,
    spatial: bool = True,
) -> SparkSession:
    """Starts the JVM while Great Expectations loads: each takes seconds, and neither needs the
    other. Without a gate that needs it, the library is not loaded. `small` tunes Spark for few
    rows; what is not `spatial` does without Sedona.
    """
    if not with_gate:
        return session.build(master, of.spark, _LOG_FILE, small, spatial)
    from strata.gate import gate

    loading = threading.Thread(target=gate.library, daemon=True)
    loading.start()
    spark = session.build(master, of.spark, _LOG_FILE, small, spatial)
    loading.join()
    return spark


def print_rows(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], form: str, total: int | None = None
) -> None:
    """Prints the rows in one of `output.FORMATS`."""
    print(output.render(columns, rows, form, total))


def serve_metrics(options: argparse.Namespace) -> None:
    """Answers them until the process ends, where the option asks for it; says where."""
    if options.serve_metrics is None:
        return
    from strata.serve import metrics

    port = metrics.serve(settings_of(options).open_warehouse(), options.serve_metrics)
    print(f"metrics are at http://127.0.0.1:{port}/metrics", file=sys.stderr, flush=True)


def stop_what_runs_at_sigterm() -> None:
    """A service manager's SIGTERM then ends the command by its own way out, so that a server which
    it has started is stopped too.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))


def wait_for_stop() -> None:
    """Until Ctrl-C or a service manager's SIGTERM."""
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    stopped.wait()
