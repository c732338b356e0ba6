"""Which fields of a record a reason speaks of: so that what was told there can be shown with it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from strata.declare.contract import Contract, Field

_SMALL = frozenset({"a", "an", "and", "as", "at", "be", "id", "in", "is", "it", "of", "on", "to"})
"""Words of every sentence, and parts of names that say little."""
_BEGINNING, _CUT_OFF = 3, 5
"""`latitude` is `lat`: so many letters of a word stand for it, if so many are cut off; `later` is
not."""
_MOST = 2
_ENOUGH = 0.5
"""The share of its words by which a field is taken for named."""


def fields_in(contract: Contract, sentence: str) -> tuple[Field, ...]:
    """The fields of the contract that the sentence names, the surest first, two at most.

    A field that stands there by its whole name excludes those that share a word with the sentence.
    """
    business = [field for field in contract.fields if not field.is_provenance]
    whole = set(re.findall(r"[a-z0-9_]+", sentence.casefold()))
    named = [field for field in business if field.name in whole and field.name not in _SMALL]
    if named:
        return tuple(named[:_MOST])
    words = set(re.findall(r"[a-z0-9]+", sentence.casefold())) - _SMALL
    scored = [(_score(field.name.split("_"), words), field) for field in business]
    scored = [(score, field) for score, field in scored if score >= _ENOUGH]
    scored.sort(key=lambda item: -item[0])
    return tuple(field for _, field in scored[:_MOST])


def _score(parts: Sequence[str], words: set[str]) -> float:
    """The share of a name's words that the sentence has."""
    told = [part for part in parts if part not in _SMALL]
    if not told:
        return 0.0
    return sum(any(_same(part, word) for word in words) for part in told) / len(told)


def _same(part: str, word: str) -> bool:
    short, long = sorted((part, word), key=len)
    is_short = len(short) >= _BEGINNING and len(long) - len(short) >= _CUT_OFF
    return long in (short, f"{short}s") or (is_short and long.startswith(short))
