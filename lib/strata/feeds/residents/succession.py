"""Local authorities that have become others: which code took over from which.

Source: the Code History Database and the guides to the postcode products of the Office for National
Statistics. Whoever lived in Allerdale and lives in Cumberland has not moved: Allerdale became a
part of it.
"""

from __future__ import annotations

# The new code, and the codes whose whole area it took over.
_MERGED = """
E06000058 E06000028 E06000029 E07000048
E06000059 E07000049 E07000050 E07000051 E07000052 E07000053
E07000244 E07000205 E07000206
E07000245 E07000201 E07000204
E07000246 E07000190 E07000191
E06000060 E07000004 E07000005 E07000006 E07000007
E06000061 E07000150 E07000152 E07000153 E07000156
E06000062 E07000151 E07000154 E07000155
E06000063 E07000026 E07000028 E07000029
E06000064 E07000027 E07000030 E07000031
E06000065 E07000163 E07000164 E07000165 E07000166 E07000167 E07000168 E07000169
E06000066 E07000187 E07000188 E07000189 E07000246
"""
# A new code for the same authority, after a small change of its boundary.
_RECODED = """
E06000057 E06000048
E07000240 E07000100
E07000241 E07000104
E07000242 E07000097
E07000243 E07000101
E08000037 E08000020
S12000047 S12000015
S12000048 S12000024
S12000049 S12000046
S12000050 S12000044
E08000038 E08000016
E08000039 E08000019
"""

SUCCESSOR: dict[str, str] = {
    old: new
    for line in (_MERGED + _RECODED).split("\n")
    if line
    for new, *olds in [line.split()]
    for old in olds
}
"""The code that took over from each code that is no more; one may have a successor of its own."""

_LONGEST = 2
"""Successions that follow each other: Taunton Deane, Somerset West and Taunton, Somerset."""


def is_same_area(one: str, other: str) -> str:
    """Whether one authority became the other, as SQL over two columns: then a person who was in the
    one and is in the other need not have moved.
    """
    pairs = [f"'{old} {new}', '{new} {old}'" for old in SUCCESSOR for new in _successors(old)]
    return f"({one} || ' ' || {other} IN ({', '.join(pairs)}))"


def _successors(old: str) -> list[str]:
    found = []
    for _ in range(_LONGEST):
        if old in SUCCESSOR:
            old = SUCCESSOR[old]
            found.append(old)
    return found
