"""`strata light`: the serverless path on this machine, and the commands that look after it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from strata.cli.output import FORMATS, render
from strata.errors import UsageError

_QUEUES = ("moving", "idle", "arrivals")


def add(parser: argparse.ArgumentParser) -> None:
    """Adds what the path can do."""
    commands = parser.add_subparsers(metavar="ACTION", title="actions")
    _add_run(commands)
    _add_redrive(commands)
    _add_replay(commands)
    _add_reconcile(commands)


def _add_run(commands: Any) -> None:
    text = "judge GPS events as `strata run fleet` does, within a fixed memory"
    own = commands.add_parser("run", help=text, description=text)
    own.add_argument("events", nargs="+", metavar="EVENTS", help="files or folders of events")
    own.add_argument(
        "--vehicles", required=True, action="append", metavar="FILE", help="metadata of vehicles"
    )
    own.add_argument("--out", required=True, metavar="DIR", help="where the records go")
    own.add_argument("--format", choices=FORMATS, default="table", help="of the counts")
    own.set_defaults(action=run_events)


def _add_redrive(commands: Any) -> None:
    text = "send dead letters back to their queues"
    own = commands.add_parser(
        "redrive", help=text, description=text + "; see docs/fleet/PLAYBOOK.md"
    )
    own.add_argument("--reason", default="", help="only those whose reason contains this")
    own.add_argument("--file", default="", help="only those whose file contains this")
    own.add_argument("--list", action="store_true", help="show them and leave them there")
    own.add_argument("--format", choices=FORMATS, default="table", help="of the list")
    own.set_defaults(action=redrive_letters)


def _add_replay(commands: Any) -> None:
    text = "have every raw file of a day's delivery, or of a prefix, read again"
    own = commands.add_parser("replay", help=text, description=text)
    own.add_argument("bucket", help="bucket of the raw files")
    own.add_argument("prefix", help="e.g. fleet/events/delivery=2026-10-02/")
    own.set_defaults(action=replay_files)


def _add_reconcile(commands: Any) -> None:
    text = "compare the tables of the serverless path with the published warehouse, by record"
    own = commands.add_parser("reconcile", help=text, description=text)
    own.add_argument("--warehouse", required=True, help="folder or address of the warehouse")
    own.add_argument("--format", choices=("table", "json"), default="table", help="of the answer")
    own.set_defaults(action=reconcile_paths)


# --- on this machine ------------------------------------------------------------------------------


def run_events(options: argparse.Namespace) -> int:
    """Judges the events and prints the counts."""
    from strata.light.local.run import run

    counts = run(options.events, options.vehicles, Path(options.out)).counts()
    _tell(counts, options.format)
    return 0


def _tell(counts: Mapping[str, Any], form: str) -> None:
    if form == "json":
        print(json.dumps(counts, indent=2, ensure_ascii=False))
    else:
        print(render(("count", "of"), _lines(counts), form))


def _lines(counts: Mapping[str, Any]) -> list[tuple[Any, str]]:
    """One line a count; a reason's count stands under the rejected, a fold's under the folded."""
    lines: list[tuple[Any, str]] = []
    for name, value in counts.items():
        if isinstance(value, dict):
            lines += [(count, f"{name}: {text}") for text, count in value.items()]
        else:
            lines.append((value, name))
    return lines


# --- on AWS ---------------------------------------------------------------------------------------


def redrive_letters(options: argparse.Namespace) -> int:
    """Sends the chosen letters back, or lists them."""
    from strata.light.cloud import dead

    clients = _clients("dead", *_QUEUES)

    def choose(told: Mapping[str, str]) -> bool:
        return options.reason in told.get("reason", "") and options.file in told.get("file", "")

    if options.list:
        names = ("file", "record", "attempt", "failed_at", "reason")
        found = [letter for group in dead.letters(clients) for letter in group]
        dead.release(clients, found)
        chosen = [letter.attributes for letter in found if choose(letter.attributes)]
        rows = [tuple(told.get(name, "") for name in names) for told in chosen]
        print(render(names, rows, options.format))
        return 0
    queues = {name_of(getattr(clients.settings, n)): getattr(clients.settings, n) for n in _QUEUES}
    back, stay = dead.redrive(clients, choose, queues)
    print(f"{back} letters went back to their queues; {stay} stay", file=sys.stderr)
    return 0


def name_of(url: str) -> str:
    """The name of a queue."""
    return url.rpartition("/")[2]


def replay_files(options: argparse.Namespace) -> int:
    """Tells the splitter of objects that lie there as if they came now."""
    from strata.light.cloud.replay import replay

    told = replay(_clients("arrivals"), options.bucket, options.prefix)
    if not told:
        raise UsageError(f"some object must lie at s3://{options.bucket}/{options.prefix}")
    print(f"{told} files are read again", file=sys.stderr)
    return 0


def reconcile_paths(options: argparse.Namespace) -> int:
    """Prints how both paths agree; exit code 1 where they differ."""
    from strata.lake.versions import Warehouse
    from strata.light.cloud.reconcile import compare
    from strata.serve.published import Published

    clients = _clients("fixes", "rejected")
    published = Published(Warehouse(options.warehouse))
    found = compare(clients, fixes_of(published), rejected_of(published))
    counts = {"fixes": found.fixes, "same": found.same, "differences": dict(found.counts)}
    if options.format == "json":
        print(json.dumps({**counts, "records": found.differences}, indent=2, default=str))
    else:
        print(render(("count", "of"), _lines(counts), "table"))
        for told in found.differences[:20]:
            print(json.dumps(told, default=str))
    return 1 if found.counts else 0


_VALUES = ("lat_deg", "lon_deg", "speed_kmh", "engine_status", "fuel_level_pct", "versions")
_PLACE = ("distance_from_depot_m", "_file_sha256", "_record_number")
_FIX = ("vehicle_id", "fixed_at", *_VALUES, *_PLACE)


def fixes_of(published: Any) -> Any:
    """The published rows of `silver.fleet_fixes`."""
    for batch in published.table("silver.fleet_fixes").batches(_FIX):
        yield from batch.to_pylist()


def rejected_of(published: Any) -> Any:
    """The published rejected rows of the same: file, number, reasons."""
    names = ("_file_sha256", "_record_number", "_reasons")
    for batch in published.table("quarantine.silver_fleet_fixes").batches(names):
        for row in batch.to_pylist():
            yield row["_file_sha256"], row["_record_number"], tuple(row["_reasons"])


def _clients(*needed: str) -> Any:
    import time

    from strata.light.cloud.settings import Clients, Settings

    settings = Settings.from_environment()
    missing = [f"STRATA_FLEET_{name.upper()}" for name in needed if not getattr(settings, name)]
    if missing:
        raise UsageError(
            f"the environment must name the queues and tables; {', '.join(missing)} is not set: "
            "take them from `terraform output` of infra/aws/fleet"
        )
    return Clients(settings, time.sleep)
