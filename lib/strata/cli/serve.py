"""`strata serve`: doors that stay open until they are stopped, on loopback by default."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from strata.cli import common, thrift
from strata.errors import UsageError

SHOP = ("silver.commerce_*", "gold.commerce_*")
ADMIN, READER, EDITOR = "STRATA_ADMIN_URL", "STRATA_READER_URL", "STRATA_EDITOR_URL"
"""Addresses hold passwords, which a list of processes would show: the environment names them."""
PASSWORDS = "STRATA_OWNER_PASSWORD, …_LOADER_…, …_READER_… and …_EDITOR_…"
TOKENS = "STRATA_GRAPHQL_TOKENS"


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
    text = f"only make roles and database on the server of {ADMIN}, with passwords of {PASSWORDS}"
    postgres.add_argument("--prepare", action="store_true", help=text)
    common.add_metrics(postgres)
    common.add_warehouse(postgres)
    postgres.set_defaults(action=run_postgres)
    text = "a Spark Thrift server of the published tables; the same as `strata sql serve`"
    thrift.add(doors.add_parser("sql", help=text, description=text))
    text = "the shop's API, with a page to try it and a dashboard"
    graphql = doors.add_parser("graphql", help=text, description=text)
    text = (
        f"as strata_reader (or {READER}); without it, a PostgreSQL of your own starts and is loaded"
    )
    graphql.add_argument("--database", default=os.environ.get(READER), metavar="URL", help=text)
    text = f"as strata_editor (or {EDITOR}); without it, decisions on products are refused"
    graphql.add_argument("--editor", default=os.environ.get(EDITOR), metavar="URL", help=text)
    text = "the folder of that PostgreSQL (default: postgres)"
    graphql.add_argument("--data", default="postgres", metavar="DIR", help=text)
    text = f"who may ask (default: tokens.json); {TOKENS} in its place holds its text"
    graphql.add_argument("--tokens", default="tokens.json", metavar="FILE", help=text)
    text = "only add a caller to that file, NAME=reader or NAME=editor, and print the token"
    graphql.add_argument("--token", metavar="NAME=ROLE", help=text)
    text = "address to listen on; a container's own is 0.0.0.0 (default: 127.0.0.1)"
    graphql.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help=text)
    text = "port (default: 8000)"
    graphql.add_argument("--port", type=int, default=8000, metavar="N", help=text)
    text = "requests that a token has a minute (default: 600)"
    graphql.add_argument("--a-minute", type=int, default=600, metavar="N", help=text)
    text = "processes that answer, one a core where many ask (default: 1)"
    graphql.add_argument("--workers", type=_workers, default=1, metavar="N", help=text)
    text = "raw files, where decisions on products are written (default: samples/shop)"
    graphql.add_argument("--raw", default="samples/shop", metavar="DIR", help=text)
    common.add_metrics(graphql)
    common.add_warehouse(graphql)
    graphql.set_defaults(action=run_graphql)


def _workers(text: str) -> int:
    number = common.count(text)
    if not 1 <= number <= 64:
        raise argparse.ArgumentTypeError(f"must be from 1 to 64; got {text!r}")
    return number


def run_postgres(options: argparse.Namespace) -> int:
    """Starts, migrates and loads; prints where to read, and waits."""
    if options.migrate:
        return _migrate(options.migrate)
    if options.prepare:
        return _prepare()
    from strata.serve.postgres.load import load_tables
    from strata.serve.postgres.local import running

    warehouse = common.settings_of(options).open_warehouse()
    common.stop_what_runs_at_sigterm()
    with running(Path(options.data), options.port) as server:
        done = _load(load_tables, warehouse, server.url("loader"))
        print(f"{done} tables loaded; read them with: psql {server.url('reader')}", flush=True)
        common.serve_metrics(options)
        common.wait_for_stop()
    return 0


def run_graphql(options: argparse.Namespace) -> int:
    """Serves until it is stopped; prints where to look."""
    from strata.serve.graphql import access

    tokens = Path(options.tokens)
    if options.token:
        name, _, role = options.token.partition("=")
        print(access.new_token(tokens, name, role))
        return 0
    if TOKENS in os.environ:
        door = access.Door.from_text(os.environ[TOKENS], TOKENS, options.a_minute)
    else:
        door = access.Door.from_file(tokens, options.a_minute)
    common.stop_what_runs_at_sigterm()
    if options.database:
        return _serve_api(options, door, options.database, options.editor)
    from strata.serve.postgres.load import load_tables
    from strata.serve.postgres.local import running

    warehouse = common.settings_of(options).open_warehouse()
    with running(Path(options.data)) as server:
        _load(load_tables, warehouse, server.url("loader"))
        return _serve_api(options, door, server.url("reader"), server.url("editor"))


def _serve_api(options: argparse.Namespace, door: Any, database: str, editor: str | None) -> int:
    from strata.serve.graphql.decisions import Desk
    from strata.serve.graphql.workers import serve

    place = f"http://{options.host}:{options.port}/"
    common.serve_metrics(options)
    print(f"the API is at {place} (dashboard: {place}dashboard)", flush=True)
    desk = Desk(editor, options.raw)
    serve(database, door, desk, (options.host, options.port), options.workers)
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


def _prepare() -> int:
    from strata.serve.postgres.migrate import prepare
    from strata.serve.postgres.server import ROLES

    names = {role: f"STRATA_{role.upper()}_PASSWORD" for role in ROLES}
    missing = [name for name in (ADMIN, *names.values()) if not os.environ.get(name)]
    if missing:
        raise UsageError(f"--prepare reads the environment; {', '.join(missing)} is not set")
    prepare(os.environ[ADMIN], {role: os.environ[name] for role, name in names.items()})
    print("roles, database and tables are as this release needs them")
    return 0
