"""`strata why`: the rows and files behind a figure, and where a raw record went."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from strata.cli import common
from strata.errors import UsageError

if TYPE_CHECKING:
    from strata.serve.why import Step


def add(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `why`."""
    parser.add_argument("table", nargs="?", metavar="TABLE", help="e.g. gold.launches_core_reuse")
    parser.add_argument(
        "key", nargs="*", metavar="COLUMN=VALUE", help="what names one row; nothing after = is NULL"
    )
    parser.add_argument(
        "--record",
        metavar="FILE:NUMBER",
        help="where a raw record went; FILE is the end of its path or the start of its SHA-256",
    )
    parser.add_argument("--at", metavar="WHEN", help="an older state, as that of sql")
    common.add_warehouse(parser)


def run(options: argparse.Namespace) -> int:
    """Prints the chain, or the record's fate."""
    if (options.record is None) == (options.table is None):
        raise UsageError("why takes a TABLE with COLUMN=VALUE, or --record FILE:NUMBER")
    return _record(options) if options.record else _figure(options)


def _figure(options: argparse.Namespace) -> int:
    from strata.serve import why
    from strata.serve.published import Published

    values = {}
    for item in options.key:
        name, is_there, text = item.partition("=")
        if not is_there:
            raise UsageError(f"a row is named by COLUMN=VALUE; got {item!r}")
        if name in values:
            raise UsageError(f"a row has one value of each column; {name} is told twice")
        values[name] = text
    published = Published(common.settings_of(options).open_warehouse(), options.at)
    row, step = why.figure(published, options.table, values)
    print(f"{options.table}, publication {published.table(options.table).publication}:")
    for name, value in row.items():
        print(f"  {name}: {'–' if value is None else value}")
    print("\nit rests on")
    for inner in step.inputs:
        if inner.rows:
            _print(inner, "")
    return 0


def _print(step: Step, indent: str) -> None:
    how = f"same {', '.join(step.by)}" if step.by else "all: no column tells them apart"
    print(f"{indent}└ {step.table} (version {step.version}): ", end="")
    print(f"{step.rows:,} of {step.total:,} rows, {how}")
    keys = [", ".join(f"{value}" for value in key.values()) for key in step.keys[:3]]
    if keys:
        more = f" … and {step.rows - 3:,} more" if step.rows > 3 else ""
        print(f"{indent}    {' · '.join(keys)}{more}")
    for file, numbers, count in step.files:
        listed = ", ".join(map(str, numbers)) + (" …" if count > len(numbers) else "")
        print(f"{indent}    {file}: {count:,} records ({listed})")
    for inner in step.inputs:
        if inner.rows:
            _print(inner, indent + "  ")


def _record(options: argparse.Namespace) -> int:
    from strata.serve import why
    from strata.serve.published import Published

    file, _, number = options.record.rpartition(":")
    if not file or not number.isdecimal():
        raise UsageError(f"--record is FILE:NUMBER; got {options.record!r}")
    published = Published(common.settings_of(options).open_warehouse(), options.at)
    entry, fates = why.record(published, file, int(number))
    print(f"{entry.source}/{entry.path} ({entry.sha256[:12]}), record {int(number)}:")
    for fate in fates:
        print(f"  {fate.table or 'the file'}: {fate.outcome}: {fate.detail}")
    return 0
