"""Which regular expressions the gate asks of Arrow: those alone that Java and RE2 read alike."""

from __future__ import annotations

import pytest
from strata.gate.patterns import is_alike

ALIKE = (
    r"^[A-Z][0-9]{8}\z",
    r"^[a-z0-9]+\z",
    r"^[0-9]+([.,][0-9]+)?[eE][+]?[0-9]+\z|^[0-9]+[.]0+\z",
    r"^(18[5-9][0-9]|19[0-9]{2}|20[0-9]{2}|2100)\z",
    r"^[^-a-c\]]*-?\z",
    r"^(?:\d{3}|\w+)@[a-z.-]+\.(nl|be)\z",
)
# The pattern, and a text that Java and RE2 judge differently.
DIFFERENT = (
    (r"^a$", "a\n"),
    (r"^.b", "\rb"),
    (r"^\sb", "\x0bb"),
    (r"[a&&b]", "&"),
    (r"[[a]b]", "a"),
    (r"(?i)k", "\u212a"),  # the sign of Kelvin
)
# RE2 does not know them; or nothing proves that both mean the same.
REFUSED = (
    *(r"a++a", r"(a)\1", r"a\Z", r"(?=a)b", r"a{1001}", r"(a{999}){999}", r"[z-a]", r"(a", r"a)"),
    *(r"\bä", r"ä", r"(ab)*", r"(?:a|b)+", r"a{,2}", r"a*?", r"a**", r"^*", r"[a-\d]", r"\pL", r""),
    *(r"[[:alpha:]]", r"[a-c-e]", r"\Qa", r"\x41", r"(?s).", r"(?<n>a)", r"[^]", r"]", r"a\n"),
)


@pytest.mark.parametrize("pattern", ALIKE)
def test_a_pattern_of_what_both_define_alike_is_asked_of_arrow(pattern: str) -> None:
    assert is_alike(pattern)


@pytest.mark.parametrize("pattern", [*REFUSED, *(pattern for pattern, _ in DIFFERENT)])
def test_every_other_pattern_is_left_to_spark(pattern: str) -> None:
    assert not is_alike(pattern)
