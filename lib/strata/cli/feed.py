"""`strata FEED …`: commands that concern one feed alone.

A feed's own commands are the module of `strata.cli` that bears its name, where there is one.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util

from strata.declare import feed as feeds


def add(parser: argparse.ArgumentParser, name: str) -> None:
    """Adds the feed's own commands; a feed that knows persons can forget them."""
    knows_persons = bool(feeds.load_feed(name).identifying)
    has_own = importlib.util.find_spec(f"strata.cli.{name}") is not None
    if not knows_persons and not has_own:
        parser.epilog = f"{name} has no commands of its own; `strata run {name}` runs it."
        return
    actions = parser.add_subparsers(metavar="ACTION", title="actions")
    if knows_persons:
        _add_forget(actions, name)
    if has_own:
        importlib.import_module(f"strata.cli.{name}").add_actions(actions)


def _add_forget(actions: argparse._SubParsersAction, name: str) -> None:
    from strata.cli import forget

    text = "forget a person, in every table and version, and prove it"
    own = actions.add_parser("forget", help=text, description=f"{text.capitalize()}.")
    forget.add_options(own)
    own.set_defaults(action=forget.run, feed=name)
