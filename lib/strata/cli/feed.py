"""`strata FEED …`: commands that concern one feed alone."""

from __future__ import annotations

import argparse

from strata.declare import feed as feeds


def add(parser: argparse.ArgumentParser, name: str) -> None:
    """Adds the feed's own commands; a feed that knows persons can forget them."""
    from strata.cli import forget

    if not feeds.load_feed(name).identifying:
        parser.epilog = f"{name} has no commands of its own; `strata run {name}` runs it."
        return
    text = "forget a person, in every table and version, and prove it"
    actions = parser.add_subparsers(metavar="ACTION", title="actions")
    own = actions.add_parser("forget", help=text, description=f"{text.capitalize()}.")
    forget.add_options(own)
    own.set_defaults(action=forget.run, feed=name)
