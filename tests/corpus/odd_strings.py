"""Odd texts of every kind that a field may hold, of our own making. Each is harmless to any program
that takes it for text, which is all that is asked of one.
"""

from __future__ import annotations

import unicodedata

LIKE_NOTHING = ("", " ", "  ", "null", "NULL", "None", "nil", "undefined", "NaN", "N/A", "-", "\\N")
LIKE_NUMBERS = ("0", "-0", "007", "1e5", "1E400", "1,5", "1_000", "0x1F", "٣", "½", "∞", "9" * 60)
LIKE_WORDS = ("true", "FALSE", "yes", "2024-02-30", "24:00", "12/11/10", "=1+1", "+1", "@name")
QUOTES = (
    '"',
    '""',
    '"""',
    "'",
    "''",
    "`",
    '"a"',
    'a"b',
    '"a',
    'a"',
    '"a,b"',
    "O'Neil",
    "„a“",
    "«a»",
)
SEPARATORS = (",", ";", "\t", "|", ":", "a,b", "a;b", "a\tb", ",,", "a,", ",a", "，", "a b")  # noqa: RUF001
LINE_ENDS = (
    "\n",
    "\r",
    "\r\n",
    "a\nb",
    "a\rb",
    "a\r\nb",
    "a\n",
    "\na",
    "a\n\nb",
    "\u2028",
    "\u2029",
)
CODE = (
    "<b>a</b>",
    "a & b",
    "&amp;",
    "{{a}}",
    "${a}",
    "%s",
    "%d a",
    "\\",
    "\\n",
    "C:\\a\\b",
    "a/b",
    "-- a",
    "# a",
    "SELECT 1",
)
CONTROL = tuple(f"a{chr(code)}b" for code in (*range(1, 32), 127, *range(128, 160)))
SPACES = tuple(
    f"{chr(code)}a{chr(code)}"
    for code in range(0x10000)
    if unicodedata.category(chr(code)) in ("Zs", "Cf")
)
RIGHT_TO_LEFT = (
    "שלום",
    "مرحبا",
    "a שלום b",
    "שלום 123",
    "\u200fa",
    "\u202ba\u202c",
    "\u202ea\u202c",
    "\u2067a\u2069",
)
COMBINING = (
    "e\u0301",
    "\u0301",
    "a\u0308\u0323",
    "a" + "\u0300\u0316" * 40,
    "ก้ำ",
    "क्षि",
    "각",
    "\u1112\u1161\u11ab",
)
FORMS = ("é", "Å", "\u212b", "ﬁ", "ß", "İ", "ı", "ŉ", "ǅ", "ﷺ", "Ⅷ", "①")  # noqa: RUF001
WIDE = (
    "😀",
    "👩‍👩‍👧",
    "🇪🇺",
    "👍🏽",
    "\U0001d4b3",
    "𠀀",
    "\ufffd",
    "\ufffe",
    "\uffff",
    "\ue000",
    "\U0010ffff",
)
LONG = (
    "x" * 100_000,
    "é" * 50_000,
    "😀" * 20_000,
    "," * 10_000,
    '"' * 9_999,
    "a\n" * 5_000,
    " " * 10_000,
)

ODD_STRINGS = [
    *LIKE_NOTHING, *LIKE_NUMBERS, *LIKE_WORDS, *QUOTES, *SEPARATORS, *LINE_ENDS, *CODE, *CONTROL,
    *SPACES, *RIGHT_TO_LEFT, *COMBINING, *FORMS, *WIDE, *LONG,
]  # fmt: skip
