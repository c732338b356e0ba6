"""`strata sql serve`: a Spark Thrift server of the published tables, until it is stopped."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from strata.cli import common
from strata.cli.output import Progress
from strata.errors import UsageError
from strata.spark.settings import EXTENSIONS, REQUIRED

if TYPE_CHECKING:
    from strata.serve.thrift import Door


def add(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the server."""
    text = "address to listen on (default: 127.0.0.1, this machine alone)"
    parser.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help=text)
    text = "port (default: one that is free)"
    parser.add_argument("--port", type=int, default=0, metavar="N", help=text)
    text = "a query that gives more rows fails (default: 1000000; 0: no limit)"
    parser.add_argument("--max-rows", type=common.count, default=1_000_000, metavar="N", help=text)
    text = "a query that takes longer is cancelled (default: 600; 0: no limit)"
    parser.add_argument("--max-seconds", type=common.count, default=600, metavar="N", help=text)
    text = (
        "listen beyond loopback and ask nobody, as in a container whose port only this machine sees"
    )
    parser.add_argument("--without-login", action="store_true", help=text)
    text = "who may come in: names and hashed passwords"
    parser.add_argument("--passwords", metavar="FILE", help=text)
    text = "only add a name to that file; the password is asked for, or read from standard input"
    parser.add_argument("--add", metavar="NAME", help=text)
    text = "who may come in: a directory, ldap:// or ldaps://"
    parser.add_argument("--ldap", metavar="URL", help=text)
    text = "how a name becomes one of the directory's, as uid=%%s,ou=people,dc=example,dc=org"
    parser.add_argument("--ldap-dn", metavar="PATTERN", help=text)
    text = (
        "speak TLS; the password of this PKCS12 or JKS file is in STRATA_THRIFT_KEYSTORE_PASSWORD"
    )
    parser.add_argument("--keystore", metavar="FILE", help=text)
    text = (
        "keep the names in this Hive metastore, as jdbc:postgresql://127.0.0.1/metastore; its "
        "password is in STRATA_METASTORE_PASSWORD"
    )
    parser.add_argument("--metastore", metavar="URL", help=text)
    text = "the metastore's user (default: strata)"
    parser.add_argument("--metastore-user", default="strata", metavar="NAME", help=text)
    text = "only make the tables of that metastore, in an empty database"
    parser.add_argument("--create-metastore", action="store_true", help=text)
    text = "show tables with personal columns, and numbers before suppression, too"
    parser.add_argument("--allow-internal", action="store_true", help=text)
    text = "only print what spark-submit takes as --driver-class-path for jobs/thrift.py"
    parser.add_argument("--class-path", action="store_true", help=text)
    parser.add_argument("--master", metavar="URL", help="Spark's master (default: local[*])")
    common.add_metrics(parser)
    common.add_log(parser)
    common.add_warehouse(parser)
    parser.description = "Serves the published tables to SQL clients, read-only, until Ctrl-C."
    parser.set_defaults(action=run)


def run(options: argparse.Namespace) -> int:
    """Starts the server, prints how to connect, and waits."""
    if options.add:
        from strata.serve.thrift import passwords

        passwords.add(Path(options.passwords or "passwords"), options.add, _password(options.add))
        return 0
    if options.class_path:
        from strata.serve.thrift.guard import compiled

        print(compiled())
        return 0
    if options.create_metastore:
        return _create_metastore(options)
    from strata.serve.thrift import Server, settings_of
    from strata.serve.thrift.connect import how_to
    from strata.spark import session

    settings = common.settings_of(options)
    door = _door(options)
    own = settings_of(door, REQUIRED[EXTENSIONS])
    spark = session.build(options.master, settings.spark | own, common.log_file())
    say = Progress(settings.log == "json")
    server = Server(spark, session.java(spark), settings.open_warehouse(), door, say)
    server.start()
    print(how_to(door, server.port), flush=True)
    common.serve_metrics(options)
    common.wait_for_stop()
    server.stop()
    spark.stop()
    return 0


def _door(options: argparse.Namespace) -> Door:
    from strata.serve.thrift import Door
    from strata.serve.thrift.site import Access, Metastore

    access = Access(options.passwords, options.ldap, options.ldap_dn, options.keystore)
    shared = Metastore(options.metastore, options.metastore_user) if options.metastore else None
    return Door(
        options.host,
        options.port,
        options.max_rows,
        options.max_seconds,
        access=access,
        metastore=shared,
        allow_internal=options.allow_internal,
        without_login=options.without_login,
    )


def _create_metastore(options: argparse.Namespace) -> int:
    from strata.serve.thrift import metastore
    from strata.serve.thrift.site import Metastore

    if not options.metastore:
        raise UsageError("--create-metastore makes the tables of --metastore URL; it is not given")
    metastore.create(Metastore(options.metastore, options.metastore_user))
    print(f"the tables are in {options.metastore}")
    return 0


def _password(name: str) -> str:
    import getpass

    if sys.stdin.isatty():
        return getpass.getpass(f"password of {name}: ")
    return sys.stdin.readline().rstrip("\n")
