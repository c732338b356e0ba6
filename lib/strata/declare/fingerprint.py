"""Fingerprints: what a table's rows depend on besides its input, so that a changed rule recomputes
it.

A transform's fingerprint covers its own code and every function and constant of this library that
it reaches, by their syntax trees: a comment or a docstring changes nothing, a bound does.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import json
import re
import sys
import textwrap
from collections.abc import Callable, Iterator
from functools import cache
from types import CodeType, ModuleType
from typing import Any

from strata.declare.contract import Contract
from strata.declare.suite import Suite


def digest(*parts: str) -> str:
    """A short, stable hash of the parts in their order."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def of_contract(contract: Contract) -> str:
    """Covers what readers and Delta see of it."""
    return digest(repr(contract))


def of_suite(suite: Suite) -> str:
    """Changes with any rule of the suite."""
    return digest(suite.text)


def of_params(params: dict[str, Any]) -> str:
    """Changes with any parameter."""
    return digest(json.dumps(params, sort_keys=True, default=str))


def of_code(function: Callable[..., Any]) -> str:
    """Covers the function and all that it reaches in this library."""
    seen: dict[str, str] = {}
    _visit(function, seen)
    return digest(*[f"{name}={text}" for name, text in sorted(seen.items())])


def _visit(thing: Any, seen: dict[str, str]) -> None:
    function = _unwrap(thing)
    name = (
        f"{getattr(function, '__module__', '')}.{getattr(function, '__qualname__', repr(function))}"
    )
    if name in seen:
        return
    seen[name] = _syntax(function)
    if inspect.isclass(function):
        for member in vars(function).values():
            if inspect.isfunction(member):
                _visit(member, seen)
        return
    code = getattr(function, "__code__", None)
    for reached_name, reached in _reached(code, _scope(function)) if code else ():
        if _is_ours(reached):
            _visit(reached, seen)
        elif _is_constant(reached):
            seen.setdefault(f"{function.__module__}:{reached_name}", _constant_text(reached))


def _scope(function: Any) -> dict[str, Any]:
    """What the function's names stand for: its module's globals, and what it encloses."""
    names, cells = function.__code__.co_freevars, function.__closure__ or ()
    inner = {name: cell.cell_contents for name, cell in zip(names, cells, strict=False)}
    return {**function.__globals__, **inner}


def _unwrap(thing: Any) -> Any:
    """The Python function behind a decorator, a partial or a Spark UDF."""
    for attribute in ("func", "__wrapped__"):
        inner = getattr(thing, attribute, None)
        if callable(inner):
            return _unwrap(inner)
    return thing


@cache
def _syntax(function: Any) -> str:
    """Its syntax tree as text, without docstrings."""
    node = _node(function)
    if node is not None:
        return ast.dump(ast.Module(body=[node], type_ignores=[]))
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        code = getattr(function, "__code__", None)
        return repr((code.co_code, code.co_consts)) if code else repr(function)
    return ast.dump(_without_docstrings(tree))


def _node(function: Any) -> Any:
    """Where its module's tree defines it; None where that cannot be told for sure.

    A module is parsed once: to cut each function's text out of it takes ten times as long.
    """
    scope: list[ast.stmt] = _tree(getattr(function, "__module__", None) or "")
    found: list[Any] = []
    for name in getattr(function, "__qualname__", "").split("."):
        found = [
            node
            for node in scope
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name == name
        ]
        if len(found) != 1:
            return None
        scope = found[0].body
    return found[0]


@cache
def _tree(module: str) -> list[ast.stmt]:
    """The statements of a module of this library; none of any other."""
    if not module.startswith("strata."):
        return []
    try:
        return _without_docstrings(ast.parse(inspect.getsource(sys.modules[module]))).body
    except (KeyError, OSError, TypeError, SyntaxError):
        return []


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if (
            isinstance(node, (ast.FunctionDef, ast.ClassDef))
            and ast.get_docstring(node, clean=False) is not None
        ):
            node.body = node.body[1:] or [ast.Pass()]
    return tree


def _reached(code: CodeType, scope: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Names that the code looks up in its scope, and attributes that it takes from our modules."""
    names = set(code.co_names) | set(code.co_freevars)
    for name in sorted(names):
        found = scope.get(name)
        if isinstance(found, ModuleType) and found.__name__.startswith("strata"):
            for attribute in sorted(names):
                if hasattr(found, attribute):
                    yield f"{name}.{attribute}", getattr(found, attribute)
        elif name in scope:
            yield name, found
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _reached(constant, scope)


def _is_ours(thing: Any) -> bool:
    inner = _unwrap(thing)
    return (inspect.isfunction(inner) or inspect.isclass(inner)) and str(
        inner.__module__
    ).startswith("strata")


def _is_constant(thing: Any) -> bool:
    return isinstance(
        thing, (bool, int, float, str, bytes, tuple, frozenset, set, dict, list, re.Pattern)
    )


def _constant_text(thing: Any) -> str:
    """Sets are sorted: their order depends on the hash seed."""
    return repr(sorted(thing, key=repr)) if isinstance(thing, (set, frozenset)) else repr(thing)
