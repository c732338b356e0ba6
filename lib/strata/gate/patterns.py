"""Which regular expressions mean the same in Java, whose Spark asks, and in RE2, which Arrow asks.

The two differ in much: Java's `$` matches before a last line break, its `.` knows more line
breaks, its `\\s` one blank more, its classes know `&&`, its quantifiers may be possessive. So none
of that is let in, only what both manuals define alike.
"""

from __future__ import annotations

import re
from functools import cache

# ASCII letters, digits, blanks and signs that neither dialect gives a meaning to.
_LITERAL = r"""[A-Za-z0-9 _,:;/@%=<>!"'#~&-]"""
# A sign behind a backslash is itself; of escaped letters only these two are the same ASCII sets.
_ESCAPED = r"\\(?:[.+*?()\[\]{}|^$\\/-]|[dw])"
_RANGE = "(?:[A-Z]-[A-Z]|[a-z]-[a-z]|[0-9]-[0-9])"
_OF_CLASS = rf"""(?:{_RANGE}|[A-Za-z0-9 _.,:;/@%=+*?(){{}}|$!"'#<>]|{_ESCAPED})"""
_CLASS = rf"\[\^?-?{_OF_CLASS}+-?\]"
_COUNT = r"(?:[*+?]|\{[0-9]{1,3}(?:,[0-9]{0,3})?\})?"
# A group may be there or not. Of repeated groups Java goes back by its stack, which can end.
_TOKEN = rf"(?:\^|\\z|\||\((?:\?:)?|\)\??|(?:{_LITERAL}|{_ESCAPED}|{_CLASS}){_COUNT})"
_PLAIN = re.compile(f"{_TOKEN}+")


@cache
def is_alike(pattern: str) -> bool:
    """Whether both dialects know the pattern and find it in the same texts of valid Unicode."""
    return _PLAIN.fullmatch(pattern) is not None and _compiles(pattern)


def _compiles(pattern: str) -> bool:
    """What RE2 refuses, an open group or a range from high to low, is Spark's to refuse too."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        pc.match_substring_regex(pa.array([""]), pattern)
    except pa.ArrowInvalid:
        return False
    return True
