"""`strata sql`: one read-only query over the published tables, by DuckDB or by Spark."""

from __future__ import annotations

import argparse
import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strata.cli import common, output
from strata.cli.settings import Settings
from strata.errors import UsageError
from strata.fs.whole import written_whole

if TYPE_CHECKING:
    import pyarrow as pa

FORMATS = (*output.FORMATS, "parquet")
ENGINES = ("auto", "duckdb", "spark")


def add(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `sql`."""
    parser.add_argument(
        "query",
        metavar="QUERY",
        help='e.g. "select * from gold.soil_country_stats"; - reads standard input; '
        "serve starts a server for SQL clients: `strata sql serve --help`",
    )
    common.add_limit(parser, 1000)
    common.add_warehouse(parser)
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        default="auto",
        help="duckdb answers in this process; spark starts a JVM, and knows Sedona's functions "
        "(default: spark where the query calls one, else duckdb)",
    )
    parser.add_argument(
        "--at",
        metavar="WHEN",
        help="an older state: FEED=PUBLICATION, a publication's number, or a time, UTC unless "
        "it has a zone, e.g. 2026-11-01T12:00",
    )
    parser.add_argument(
        "--param",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a value for :NAME in the query: a number, true, false or null as in JSON, else "
        "text; may be repeated",
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=0,
        metavar="N",
        help="stop a query of DuckDB that takes longer (default: 0, no limit)",
    )
    parser.add_argument("--format", choices=FORMATS, default="table", help="(default: table)")
    parser.add_argument(
        "--output", metavar="FILE", help="write there; needed for parquet unless it is piped"
    )


def run(options: argparse.Namespace) -> int:
    """Answers the query on standard output, or into a file."""
    text = sys.stdin.read() if options.query == "-" else options.query
    found = _answer(options, common.settings_of(options), text)
    shown = found.slice(0, options.limit) if options.limit else found
    try:
        if options.output is None:
            _print(shown, options.format)
        else:
            with written_whole(Path(options.output)) as part:
                _write(shown, options.format, part)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise UsageError(
            f"an answer is written into a folder that is there; {options.output} is no place for "
            f"a file: {(error.strerror or str(error)).splitlines()[0]}"
        ) from None
    if found.num_rows > shown.num_rows:
        told = f"only the first {options.limit} rows are shown; --limit 0 shows all"
        print(f"strata: {told}", file=sys.stderr)
    return 0


def _answer(options: argparse.Namespace, settings: Settings, text: str) -> pa.Table:
    """One row more than is shown, by which it is known whether there are more."""
    from strata.serve import duck
    from strata.serve.published import Published

    if options.engine == "spark":
        return _by_spark(options, settings, text)
    params, limit = parse_params(options.param), options.limit + 1 if options.limit else 0
    published = Published(settings.open_warehouse(), options.at)
    try:
        return duck.query(published, text, params, limit, options.seconds)
    except duck.NeedsSpark:
        if options.engine == "duckdb":
            raise
        return _by_spark(options, settings, text)


def _by_spark(options: argparse.Namespace, settings: Settings, text: str) -> pa.Table:
    from strata.serve import query
    from strata.serve.thrift import guard_settings
    from strata.spark import session
    from strata.spark.settings import EXTENSIONS, REQUIRED

    params = parse_params(options.param)
    guarded = {**settings.spark, **guard_settings(REQUIRED[EXTENSIONS])}
    spark = session.build(settings=guarded, log_file=common.log_file())
    java = session.java(spark)
    reader = query.Reader(spark, java, settings.open_warehouse(), options.at)
    frame = reader.query(text, params)
    return query.to_arrow(frame.limit(options.limit + 1) if options.limit else frame)


def parse_params(given: list[str]) -> dict[str, Any]:
    """`n=5` is a number, `code=007` text, `code="5"` text too; UsageError for anything else."""
    found: dict[str, Any] = {}
    for item in given:
        name, is_there, text = item.partition("=")
        if not is_there or not name.isidentifier() or name in found:
            raise UsageError(f"--param is NAME=VALUE, each name once; got {item!r}")
        try:
            value = json.loads(text, parse_float=Decimal, parse_constant=str)
        except ValueError:
            value = text
        found[name] = text if isinstance(value, (list, dict)) else value
    return found


def _print(table: pa.Table, form: str) -> None:
    if form != "parquet":
        print(_text(table, form))
    elif sys.stdout.isatty():
        raise UsageError("Parquet is not for a terminal: give --output FILE, or pipe it")
    else:
        from pyarrow import parquet

        parquet.write_table(table, sys.stdout.buffer)


def _write(table: pa.Table, form: str, path: Path) -> None:
    if form != "parquet":
        path.write_text(_text(table, form) + "\n", encoding="utf-8")
        return
    from pyarrow import parquet

    parquet.write_table(table, str(path))


def _text(table: pa.Table, form: str) -> str:
    rows = [list(row.values()) for row in _rows(table)]
    return output.render(table.column_names, rows, form)


def _rows(table: pa.Table) -> list[dict[int, Any]]:
    """By place, for a query may give two columns one name."""
    numbered = table.rename_columns([str(place) for place in range(table.num_columns)])
    rows: list[dict[int, Any]] = numbered.to_pylist(maps_as_pydicts="lossy")
    return rows
