"""Where the declarations lie: contracts, suites and settings.

In the package, which a checkout links to its top-level folders and the wheel holds as copies; and,
in front of it, in the folder that `STRATA_PROJECT` names, so that a feed of one's own (`feeds/`,
`schemas/`, `expectations/`) needs no change to the installed library.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


def project() -> Path | None:
    """The folder of the caller's own feeds, or None."""
    named = os.environ.get("STRATA_PROJECT")
    return Path(named) if named else None


def folder(name: str) -> Path:
    """The package's own folder `schemas`, `expectations` or `conf`."""
    return _PACKAGE / name


def find(name: str, relative: str) -> Path:
    """One declaration; where there is none, the path at which it should be."""
    own = project()
    if own is not None and (own / name / relative).is_file():
        return own / name / relative
    return folder(name) / relative


def search(name: str, pattern: str) -> Iterator[Path]:
    """Every declaration whose path below the folder matches, in order of name."""
    own = project()
    roots = [folder(name)] + ([own / name] if own is not None else [])
    yield from sorted(
        (path for root in roots for path in root.glob(pattern)), key=lambda path: path.name
    )


def program_folders() -> list[str]:
    """Where the code and the declarations lie that decide what a run does."""
    own = project()
    parts = ("feeds", "schemas", "expectations")
    return [str(_PACKAGE)] + [str(own.resolve() / part) for part in parts if own is not None]
