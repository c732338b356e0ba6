"""Names that nearly fit: what a field of a file may be called in a layout, and which of our own
names somebody may have meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import SequenceMatcher

_ALIKE, SAME = 0.75, 1.0
"""Share of letters in common from which on two names are taken for alike, and for the same."""
SURE = 0.85
"""Where nothing is missing, only a name that holds the other is worth telling."""
_SHORTEST = 4
"""A name of fewer letters stands within too many others to suggest one."""
_ABBREVIATED = 3
"""`lat` and `lon` begin longer names of the same."""
_MOST = 5
_MEANT = 0.6
"""Somebody who types a name means one of a few: a weaker likeness is worth telling."""


def near_names(
    wanted: Iterable[str], found: Iterable[str], least: float = _ALIKE
) -> dict[str, str]:
    """For names that are missing, the name in the file that each perhaps is: the same but for case,
    spaces, marks or a plural; one within the other; or most letters in common. Each name of the
    file is suggested once at most.
    """
    others = set(found)
    scored = sorted(
        (-score, name, other)
        for name in set(wanted)
        for other in others
        if (score := likeness(name, other)) >= least
    )
    near: dict[str, str] = {}
    for _, name, other in scored:
        if name not in near and other not in near.values():
            near[name] = other
    return dict(sorted(near.items()))


def perhaps(wanted: Iterable[str], found: Iterable[str], least: float = _ALIKE) -> str:
    """`; perhaps 'Price' is 'UnitPrice'`, or nothing where no name is near."""
    near = near_names(wanted, found, least)
    told = [f"{found_!r} is {name!r}" for name, found_ in near.items()]
    more = f" and {len(told) - _MOST} more" if len(told) > _MOST else ""
    return f"; perhaps {', '.join(told[:_MOST])}{more}" if told else ""


def meant(told: str, known: Iterable[str], most: int = 3) -> list[str]:
    """The known names that somebody who typed another perhaps meant, the likest first."""
    scored = sorted((-likeness(name, told), name) for name in set(known))
    return [name for score, name in scored[:most] if -score >= _MEANT]


_UNITS = frozenset(
    {"kmh", "kph", "mph", "ms", "mps", "knots", "pct", "percent", "gkg", "km", "m", "cm", "mm",
     "ft", "in", "eur", "usd", "gbp", "cent", "cents", "pence", "kg", "g", "lb", "s", "min", "h"}
)  # fmt: skip
_SCALES = frozenset({"cent", "cents", "pence", "eur", "usd", "gbp", "pct", "percent"})
"""What a name without a unit does not mean."""
_SYNONYMS = (frozenset({"lon", "lng", "long"}), frozenset({"email", "mail"}))


def _units_differ(name: str, other: str) -> bool:
    """`speed_mph` is not `speed_kmh`, nor `price_cents` the `price`, whatever letters they
    share.
    """
    wanted, found = (re.split(r"[^a-z0-9]+", text.casefold())[-1] for text in (name, other))
    return wanted != found and found in _UNITS and (wanted in _UNITS or found in _SCALES)


def likeness(name: str, other: str) -> float:
    """How much two names are alike, from 0 to `SAME`: the same but for case, marks or a plural."""
    if _units_differ(name, other):
        return 0.0
    one, two = _letters(name), _letters(other)
    if one == two or any({one, two} <= same for same in _SYNONYMS):
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
