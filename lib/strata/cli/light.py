"""`strata light`: the serverless path on this machine, without Spark."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from strata.cli.output import FORMATS, render


def add(parser: argparse.ArgumentParser) -> None:
    """Adds what the path can do."""
    commands = parser.add_subparsers(metavar="ACTION", title="actions")
    text = "judge GPS events as `strata run fleet` does, within a fixed memory"
    own = commands.add_parser("run", help=text, description=text)
    own.add_argument("events", nargs="+", metavar="EVENTS", help="files or folders of events")
    own.add_argument(
        "--vehicles", required=True, action="append", metavar="FILE", help="metadata of vehicles"
    )
    own.add_argument("--out", required=True, metavar="DIR", help="where the records go")
    own.add_argument("--format", choices=FORMATS, default="table", help="of the counts")
    own.set_defaults(action=run_events)


def run_events(options: argparse.Namespace) -> int:
    """Judges the events and prints the counts."""
    from strata.light.run import run

    counts = run(options.events, options.vehicles, Path(options.out)).counts()
    if options.format == "json":
        import json

        print(json.dumps(counts, indent=2, ensure_ascii=False))
    else:
        print(render(("count", "of"), _lines(counts), options.format))
    return 0


def _lines(counts: dict[str, Any]) -> list[tuple[Any, str]]:
    """One line a count; a reason's count stands under the rejected, a fold's under the folded."""
    lines: list[tuple[Any, str]] = []
    for name, value in counts.items():
        if isinstance(value, dict):
            lines += [(count, f"{name}: {text}") for text, count in value.items()]
        else:
            lines.append((value, name))
    return lines
