"""Declarations as documents: a YAML mapping in which no key stands twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from strata.errors import DeclarationError


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML mapping; a file that is none, or repeats a key, is a DeclarationError."""
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeyLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        detail = " ".join(str(error).split())
        raise DeclarationError(f"{path} is not valid YAML: {detail}") from None
    if not isinstance(document, dict):
        raise DeclarationError(
            f"{path} must hold a mapping of keys; found {type(document).__name__}"
        )
    return document


# By libyaml, which every wheel of PyYAML has: PyYAML's own parser took seconds of each command.
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _UniqueKeyLoader(_SafeLoader):
    """PyYAML keeps the last of two equal keys in silence; a repeated key is a mistake here."""


def _construct_unique_mapping(loader: Any, node: yaml.MappingNode, deep: bool = False) -> Any:
    keys = [loader.construct_object(key, deep=True) for key, _ in node.value]
    repeated = {str(key) for key in keys if keys.count(key) > 1}
    if repeated:
        raise yaml.YAMLError(f"key {', '.join(sorted(repeated))} stands twice {node.start_mark}")
    return yaml.constructor.SafeConstructor.construct_mapping(loader, node, deep=True)


_UniqueKeyLoader.add_constructor(
    yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _construct_unique_mapping
)
