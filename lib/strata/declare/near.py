"""Names that nearly fit: what a field of a file may be called in a layout."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import SequenceMatcher

_ALIKE = 0.75
"""Share of letters in common from which on two names are taken for alike."""
_SHORTEST = 4
"""A name of fewer letters stands within too many others to suggest one."""
_ABBREVIATED = 3
"""`lat` and `lon` begin longer names of the same."""
_MOST = 5


def near_names(wanted: Iterable[str], found: Iterable[str]) -> dict[str, str]:
    """For names that are missing, the name in the file that each perhaps is: the same but for case,
    spaces, marks or a plural; one within the other; or most letters in common. Each name of the
    file is suggested once at most.
    """
    free = sorted(set(found))
    near: dict[str, str] = {}
    for name in sorted(set(wanted)):
        scored = sorted((-_likeness(name, other), other) for other in free)
        if scored and -scored[0][0] >= _ALIKE:
            near[name] = scored[0][1]
            free.remove(scored[0][1])
    return near


def perhaps(wanted: Iterable[str], found: Iterable[str]) -> str:
    """`; perhaps 'Price' is 'UnitPrice'`, or nothing where no name is near."""
    near = near_names(wanted, found)
    told = [f"{found_!r} is {name!r}" for name, found_ in near.items()]
    more = f" and {len(told) - _MOST} more" if len(told) > _MOST else ""
    return f"; perhaps {', '.join(told[:_MOST])}{more}" if told else ""


_UNITS = frozenset(
    {"kmh", "kph", "mph", "ms", "mps", "knots", "pct", "percent", "gkg", "km", "m", "cm", "mm",
     "ft", "in", "eur", "usd", "gbp", "kg", "g", "lb", "s", "min", "h"}
)  # fmt: skip


def _units_differ(name: str, other: str) -> bool:
    """`speed_mph` is not `speed_kmh`, whatever letters they share."""
    ends = {re.split(r"[^a-z0-9]+", text.casefold())[-1] for text in (name, other)}
    return len(ends) == 2 and ends <= _UNITS


def _likeness(name: str, other: str) -> float:
    if _units_differ(name, other):
        return 0.0
    one, two = _letters(name), _letters(other)
    if one == two:
        return 1.0
    short, long = sorted((one, two), key=len)
    if len(short) >= _SHORTEST and short in long:
        return 0.9
    if len(short) >= _ABBREVIATED and long.startswith(short):
        return 0.8
    return SequenceMatcher(None, one, two).ratio()


def _letters(name: str) -> str:
    """The last part of a dotted name, in small letters and digits, without a plural's s."""
    last = name.rsplit(".", 1)[-1].casefold()
    letters = re.sub(r"[^a-z0-9]+", "", last)
    return letters[:-1] if len(letters) > _SHORTEST and letters.endswith("s") else letters
