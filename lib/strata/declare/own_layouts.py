"""Layouts of a user's own: source contracts in `<raw>/<feed>/_layouts/`, beside the files that they
describe.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from strata.declare.feed import Feed
from strata.declare.layout import Layout
from strata.declare.source_contract import load_layouts

FOLDER = "_layouts"
"""Its name begins with `_`, so no file in it is taken for data."""


def own_layouts(feed: str, raw: str) -> tuple[Layout, ...]:
    """The layouts that lie beside the raw files of the feed; none where these lie elsewhere than on
    this machine.
    """
    folder = Path(raw) / feed / FOLDER
    return load_layouts(feed, folder) if "://" not in raw and folder.is_dir() else ()


def with_own_layouts(feed: Feed, raw: str) -> Feed:
    """The feed with those layouts besides its own."""
    own = own_layouts(feed.name, raw)
    if not own:
        return feed
    every = sorted((*feed.layouts, *own), key=lambda layout: (layout.source, layout.name))
    return replace(feed, layouts=tuple(every))
