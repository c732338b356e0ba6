"""Which feeds there are, without reading any of them."""

from __future__ import annotations

import pkgutil

from strata import feeds


def feed_names() -> tuple[str, ...]:
    """The names of the feeds, in alphabetical order."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(feeds.__path__)))
