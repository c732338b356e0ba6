"""The import picture of the library: packages, floors, arrows, circles, and rules that are broken.

    python infra/local/imports.py [FOLDER]     # FOLDER is lib/strata by default

Standard library only, so that it also reads an older checkout. `tests/unit/test_layout.py` holds
the rules; this command shows the picture. Exit code 1 where a rule is broken.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ORDER = (
    ("errors", "failpoint"),
    ("kit",),
    ("feeds",),
    ("fs",),
    ("declare",),
    ("raw",),
    ("light",),
    ("gate",),
    ("lake",),
    ("ledger",),
    ("serve", "run"),
    ("upkeep",),
    ("spark",),
    ("cli",),
)
"""Packages from the ground up: each imports only from floors below its own, or from itself."""

KIT_ONLY = "feeds"
"""A feed is written with `kit` alone, though other floors lie below it."""


@dataclass(frozen=True, order=True)
class Arrow:
    """One import of one module by another, as dotted names below the library, and its names."""

    source: str
    target: str
    name: str


def modules_of(library: Path) -> dict[str, Path]:
    """Every module below the library by its dotted name."""
    found = {}
    for path in sorted(library.rglob("*.py")):
        parts = path.relative_to(library).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def arrows_of(library: Path) -> list[Arrow]:
    """Every import within the library, those inside functions too."""
    modules = modules_of(library)
    found = [
        Arrow(source, *_resolve(modules, module, name))
        for source, path in modules.items()
        for module, name in _imports(path, library.name)
    ]
    return sorted({arrow for arrow in found if arrow.target})


def _imports(path: Path, root: str) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == root:
            for alias in node.names:
                yield (node.module or "").removeprefix(root).lstrip("."), alias.name
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == root:
                    yield alias.name.removeprefix(root).lstrip("."), ""


def _resolve(modules: dict[str, Path], module: str, name: str) -> tuple[str, str]:
    """`from strata.lake import log` names a module, `from strata.lake.log import f` a thing."""
    inner = f"{module}.{name}".strip(".")
    return (inner, "") if inner in modules else (module, name)


def package_of(module: str) -> str:
    """The first part of a dotted name."""
    return module.split(".")[0]


def broken_rules(library: Path) -> list[str]:
    """Every import that goes up, sideways, or to a private name."""
    floor = {name: height for height, names in enumerate(ORDER) for name in names}
    findings = []
    for arrow in arrows_of(library):
        here, there = package_of(arrow.source), package_of(arrow.target)
        if arrow.name.startswith("_") and not arrow.name.startswith("__"):
            findings.append(f"{arrow.source} imports the private {arrow.target}.{arrow.name}")
        if here == there or not here:
            continue
        if here not in floor or there not in floor:
            findings.append(f"{arrow.source} or {arrow.target} is on no floor")
        elif floor[there] >= floor[here]:
            findings.append(f"{arrow.source} imports {arrow.target}, which is not below it")
        elif here == KIT_ONLY and there != "kit":
            findings.append(f"{arrow.source} imports {arrow.target}; a feed is written with kit")
    return findings


def circles(library: Path) -> list[tuple[str, ...]]:
    """Groups of modules that reach each other by imports."""
    below: dict[str, set[str]] = {name: set() for name in modules_of(library)}
    for arrow in arrows_of(library):
        below[arrow.source].add(arrow.target)
    reached = {name: _reached(below, name) for name in below}
    groups = {
        tuple(sorted(other for other in reached[name] if name in reached[other]))
        for name in below
        if name in reached[name]
    }
    return sorted(group for group in groups if len(group) > 1)


def _reached(below: dict[str, set[str]], start: str) -> set[str]:
    found: set[str] = set()
    waiting = list(below[start])
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += below[name]
    return found


def main(argv: list[str]) -> int:
    """Prints the picture; returns 1 where a rule is broken."""
    library = Path(argv[0]) if argv else Path(__file__).resolve().parents[2] / "lib" / "strata"
    modules, arrows = modules_of(library), arrows_of(library)
    lines = {name: len(path.read_text("utf-8").splitlines()) for name, path in modules.items()}
    between = {
        (package_of(a.source), package_of(a.target))
        for a in arrows
        if package_of(a.source) != package_of(a.target)
    }
    for name in sorted({package_of(module) for module in modules} - {""}):
        own = [module for module in modules if package_of(module) == name]
        uses = sorted(target for source, target in between if source == name)
        size = sum(lines[module] for module in own)
        print(f"{name:10} {len(own):3} modules {size:6,} lines  imports {', '.join(uses) or '–'}")
    pairs = {(a.source, a.target) for a in arrows}
    found, findings = circles(library), broken_rules(library)
    print(f"{len(modules)} modules, {sum(lines.values()):,} lines, {len(pairs)} arrows")
    print(f"{len(between)} arrows between packages, {len(found)} circles of modules")
    for circle in found:
        print(f"circle: {', '.join(circle)}")
    for finding in findings:
        print(f"broken: {finding}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
