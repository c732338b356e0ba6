"""A feed's own parameters as options of the command line."""

from __future__ import annotations

import argparse
import dataclasses
from typing import Any

from strata.declare.feed import Feed


def add_params(parser: argparse.ArgumentParser, feed: Feed) -> None:
    """The feed's own parameters as command-line options."""
    if feed.params_class is None:
        return
    group = parser.add_argument_group(f"parameters of {feed.name}")
    for field in dataclasses.fields(feed.params_class):
        option = f"--{field.name.replace('_', '-')}"
        if option in parser._option_string_actions:
            continue  # Two feeds may share a name, such as `seed`: the option is then for both.
        choices = field.metadata.get("choices")
        group.add_argument(
            option,
            dest=f"param_{field.name}",
            type=type(field.default),
            default=None,
            choices=choices,
            metavar=None if choices else field.name.upper(),
            help=f"{field.metadata.get('help', '')} (default: {field.default})",
        )


def params_of(options: argparse.Namespace, feed: Feed) -> dict[str, Any]:
    """The parameters of this run: the defaults, and what the command line says."""
    said = {key: getattr(options, f"param_{key}", None) for key in feed.default_params()}
    return feed.checked_params({key: value for key, value in said.items() if value is not None})
