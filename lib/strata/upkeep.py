"""What the commands that look after stored tables do: doctor and maintain."""

from __future__ import annotations

import argparse

from strata import doctor as examination
from strata import ledger
from strata import maintain as keeping
from strata.actions import _chosen, _print, _settings, _start_spark
from strata.errors import Damaged
from strata.maintain import Maintained
from strata.output import Progress


def doctor(arguments: argparse.Namespace) -> int:
    """Prints every finding; the exit code tells whether anything is damaged."""
    report = examination.examine(_settings(arguments).open_warehouse(), _chosen(arguments))
    rows = [("damage" if f.is_damage else "note", f.table, f.file, f.what, f.advice) for f in report.findings]
    if arguments.format == "table":
        for kind, table, file, what, advice in rows:
            print(_printable(f"{kind}: {table}{'/' + file if file else ''}"))
            print(_printable(f"  {what}"))
            print(_printable(f"  → {advice}"))
        looked = f"{report.tables} tables, {report.versions} versions, {report.files} files, {report.rows:,} rows, {report.bytes:,} bytes"
        print(f"{len(report.damage)} damaged, {len(rows) - len(report.damage)} notes; looked at {looked}")
    else:
        _print(("kind", "table", "file", "what", "advice"), rows, arguments.format)
    return Damaged.exit_code if report.damage else 0


def _printable(text: str) -> str:
    """A damaged name may hold anything; no control character of it reaches the terminal."""
    return "".join(ch if ch.isprintable() else " " for ch in text)


def maintain(arguments: argparse.Namespace) -> int:
    settings = _settings(arguments)
    warehouse = settings.open_warehouse()
    names = [name for name in _chosen(arguments) if ledger.read(warehouse, name)]
    if not names:
        print(f"nothing is published in {warehouse.root}; nothing to do")
        return 0
    spark, say = _start_spark(settings), Progress(settings.log == "json")
    for name in names:
        print(_maintained(keeping.maintain(spark, warehouse, name, arguments.keep, arguments.days, say)))
    return 0


def _maintained(done: Maintained) -> str:
    fewer = sum(before - after for before, after in done.compacted.values())
    published = f"published as publication {done.publication}" if done.publication else "nothing to publish"
    ended = f"publications up to {done.ended} have ended" if done.ended else "every publication is kept"
    freed = f"{done.freed.files} files removed, {done.freed.bytes:,} bytes freed"
    return f"{done.feed}: {len(done.compacted)} tables compacted, {fewer} files fewer; {published}; {ended}; {freed}"
