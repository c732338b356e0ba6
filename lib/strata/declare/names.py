"""Which feeds there are, without reading any of them."""

from __future__ import annotations

import ast
import pkgutil
from pathlib import Path

from strata import feeds


def feed_names() -> tuple[str, ...]:
    """The names of the feeds, in alphabetical order."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(feeds.__path__)))


def imports_module(feed: str, module: str) -> bool:
    """Whether any module of a feed imports that one."""
    parent, _, name = module.rpartition(".")
    for folder in feeds.__path__:
        package = Path(folder) / feed
        for path in [*package.glob("**/*.py"), *package.parent.glob(f"{feed}.py")]:
            text = path.read_text(encoding="utf-8")
            for node in ast.walk(ast.parse(text if name in text else "")):
                if isinstance(node, ast.ImportFrom) and (
                    node.module == module
                    or (node.module == parent and name in {alias.name for alias in node.names})
                ):
                    return True
    return False
