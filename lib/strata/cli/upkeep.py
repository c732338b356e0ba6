"""What the commands that look after stored tables do: doctor, maintain and forget."""

from __future__ import annotations

import argparse
import sys

from strata.cli.actions import _chosen, _overrides, _print, _settings, _start_spark
from strata.cli.output import Progress
from strata.declare import feed as feeds
from strata.errors import Damaged, UsageError
from strata.ledger import erasures as erasure
from strata.ledger import publication as ledger
from strata.run.plan import Options
from strata.upkeep import doctor as examination
from strata.upkeep import forget as forgetting
from strata.upkeep import maintain as keeping
from strata.upkeep.maintain import Maintained


def doctor(arguments: argparse.Namespace) -> int:
    """Prints every finding; the exit code tells whether anything is damaged."""
    report = examination.examine(_settings(arguments).open_warehouse(), _chosen(arguments))
    rows = [
        ("damage" if f.is_damage else "note", f.table, f.file, f.what, f.advice)
        for f in report.findings
    ]
    if arguments.format == "table":
        for kind, table, file, what, advice in rows:
            print(_printable(f"{kind}: {table}{'/' + file if file else ''}"))
            print(_printable(f"  {what}"))
            print(_printable(f"  → {advice}"))
        looked = (
            f"{report.tables} tables, {report.versions} versions, {report.files} files, "
            f"{report.rows:,} rows, {report.bytes:,} bytes"
        )
        print(
            f"{len(report.damage)} damaged, {len(rows) - len(report.damage)} notes; looked at "
            f"{looked}"
        )
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
        print(
            _maintained(
                keeping.maintain(spark, warehouse, name, arguments.keep, arguments.days, say)
            )
        )
    return 0


def _maintained(done: Maintained) -> str:
    fewer = sum(before - after for before, after in done.compacted.values())
    published = (
        f"published as publication {done.publication}" if done.publication else "nothing to publish"
    )
    ended = (
        f"publications up to {done.ended} have ended" if done.ended else "every publication is kept"
    )
    freed = f"{done.freed.files} files removed, {done.freed.bytes:,} bytes freed"
    return (
        f"{done.feed}: {len(done.compacted)} tables compacted, {fewer} files fewer; {published}; "
        f"{ended}; {freed}"
    )


def forget(arguments: argparse.Namespace) -> int:
    """Forgets one person, or lists what was asked; what it prints does not name them."""
    settings = _settings(arguments)
    warehouse = settings.open_warehouse()
    feed = feeds.load_feed(arguments.feed)
    if arguments.list:
        rows = [
            (e.id, e.asked_at, e.done_at or "not finished: ask again")
            for e in erasure.read(warehouse, feed.name)
        ]
        _print(("erasure", "asked (UTC)", "proved (UTC)"), rows, arguments.format)
        return 0
    if arguments.who is None:
        raise UsageError(
            "forget needs to know whom: name the person, or - to read them from standard input"
        )
    who = sys.stdin.readline() if arguments.who == "-" else arguments.who
    person = forgetting.identify(feed, who.strip())
    options = Options(settings.raw, overrides=_overrides(arguments, [feed]))
    spark, say = _start_spark(settings), Progress(settings.log == "json")
    done = forgetting.forget(spark, warehouse, feed, person, options, say)
    published = (
        f"publication {done.publication} shows {feed.name} without the person"
        if done.publication
        else "no table had to be written"
    )
    print(
        f"{feed.name}: erasure {done.erasure.id}: {published}; {done.freed.files} older files "
        "removed"
    )
    print(
        f"{feed.name}: proved: none of the {done.files:,} files left ({done.bytes:,} bytes) "
        "holds the person; no rollback goes behind this"
    )
    for path, records in done.still_raw.items():
        print(
            f"{feed.name}: {settings.raw}/{feed.name}/{path} still holds the person "
            f"({records} records): raw files are yours to change"
        )
    if done.still_raw:
        print(
            f"{feed.name}: until you do, each run counts those records and writes nothing of them"
        )
    return 0
