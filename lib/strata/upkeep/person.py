"""Whom to forget, in every form in which they may stand anywhere."""

from __future__ import annotations

from dataclasses import dataclass

from strata.declare import protection as protect
from strata.declare import pseudonyms
from strata.declare.feed import Feed
from strata.errors import UsageError

_SHORTEST_TEXT = 6
"""An identifier shorter than this is searched for by its pseudonyms only."""


@dataclass(frozen=True, repr=False)
class Person:
    """Whom to forget, in every form in which they may stand anywhere; its text form shows none."""

    entries: tuple[str, ...]
    """In the suppression list: one a key, the current key's first."""
    tokens: tuple[tuple[str, str, str], ...]
    """(bronze table, column, pseudonym), for every key."""
    texts: tuple[str, ...]
    """Their identifier as it was given, and in its canonical form."""

    @property
    def needles(self) -> tuple[bytes, ...]:
        """What no file may hold: texts, and pseudonyms without their key's label."""
        digests = {token.partition(":")[2] for _, _, token in self.tokens}
        # A few letters stand in many words.
        return tuple(
            text.encode()
            for text in sorted({*[t for t in self.texts if len(t) >= _SHORTEST_TEXT], *digests})
        )


def identify(feed: Feed, who: str) -> Person:
    """The person behind an identifier; a UsageError where the feed knows no persons, or the text is
    no identifier.
    """
    if not feed.identifying:
        raise UsageError(
            "a person is forgotten in a feed whose source contract says what identifies one; "
            f"{feed.name} has no such field"
        )
    normal = {protect.normal_form(rule, who) for _, rule in feed.identifying} - {None}
    if not normal:
        raise UsageError(
            f"a person of {feed.name} is named by what identifies them, such as an e-mail "
            "address; what was given is none"
        )
    keys = pseudonyms.every_key()
    return Person(
        entries=tuple(
            protect.suppression_entry(key, text or "")
            for key in keys
            for text in sorted(map(str, normal))
        ),
        tokens=tuple(
            (table, rule.column, token)
            for key in keys
            for table, rule in feed.identifying
            if (token := protect.pseudonym_of(rule, key, who)) is not None
        ),
        texts=tuple(sorted({who.strip(), *map(str, normal)})),
    )
