"""`strata serve`: doors that stay open until they are stopped. Each listens on loopback."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from strata.cli import common
from strata.errors import UsageError

SHOP = ("silver.commerce_*", "gold.commerce_*")


def add(parser: argparse.ArgumentParser) -> None:
    """Adds the doors."""
    doors = parser.add_subparsers(metavar="DOOR", title="doors")
    text = "a PostgreSQL of your own with the shop's tables"
    postgres = doors.add_parser("postgres", help=text, description=text)
    text = "the folder of the database, made where there is none (default: postgres)"
    postgres.add_argument("--data", default="postgres", metavar="DIR", help=text)
    text = "port of loopback (default: one that is free)"
    postgres.add_argument("--port", type=int, default=0, metavar="N", help=text)
    text = "only bring that database to the newest migration, as its owner"
    postgres.add_argument("--migrate", metavar="URL", help=text)
    common.add_warehouse(postgres)
    postgres.set_defaults(action=run_postgres)


def run_postgres(options: argparse.Namespace) -> int:
    """Starts, migrates and loads; prints where to read, and waits."""
    if options.migrate:
        return _migrate(options.migrate)
    from strata.serve.postgres.load import load_tables
    from strata.serve.postgres.local import running

    warehouse = common.settings_of(options).open_warehouse()
    with running(Path(options.data), options.port) as server:
        done = _load(load_tables, warehouse, server.url("loader"))
        print(f"{done} tables loaded; read them with: psql {server.url('reader')}", flush=True)
        wait_for_stop()
    return 0


def _load(load_tables: Any, warehouse: Any, url: str) -> int:
    """A newcomer may start the door before the first run: then there is nothing to load yet."""
    try:
        return len(load_tables(warehouse, SHOP, url))
    except UsageError as error:
        print(f"strata: nothing was loaded: {error}", file=sys.stderr)
        return 0


def _migrate(url: str) -> int:
    from strata.serve.postgres.migrate import migrate

    applied = migrate(url)
    print(f"applied {', '.join(applied)}" if applied else "up to date")
    return 0


def wait_for_stop() -> None:
    """Until Ctrl-C or a service manager's SIGTERM."""
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    stopped.wait()
