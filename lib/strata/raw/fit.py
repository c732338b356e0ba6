"""Whether a file fits its layout beyond the key by which the layout is known.

A layout is known by a few required fields. A file that has these and nothing else of it would be
accepted and say nothing; and a field that no layout names may change what a number means.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from strata.declare.layout import Layout
from strata.declare.near import perhaps
from strata.errors import BadFile

_SYSTEMS = frozenset({"crs", "srs", "epsg", "srid", "datum", "timezone", "tz", "utcoffset"})
_MONEY = frozenset({"currency", "currencies", "curr", "ccy"})
_UNITS = frozenset({"unit", "units", "uom"})
_MEANING = _SYSTEMS | _MONEY | _UNITS | {"scalefactor", "multiplier"}
_AMOUNTS = frozenset({"price", "amount", "value", "quantity", "measure", "measurement", "result"})


def check_fit(header: Iterable[str], layout: Layout) -> None:
    """BadFile where a field that the layout does not name may change a number, and where nothing
    but the key fits.
    """
    found = frozenset(header)
    unnamed = found - layout.named
    changing = sorted(name for name in unnamed if changes_meaning(name, layout))
    if changing:
        raise BadFile(
            f"a field beside a number must not change what it means without being read; "
            f"{_listed(changing)} may, and {layout.name} does not name "
            f"{'it' if len(changing) == 1 else 'them'}: take it away where it says nothing new, "
            "or name it in a source contract",
            fields=changing,
        )
    if layout.tells and not layout.tells & found:
        raise BadFile(
            f"a file of {layout.name} must have one of {_listed(sorted(layout.tells))}, for "
            f"without it says nothing; it has none{perhaps(layout.tells, unnamed)}",
            missing=sorted(layout.tells),
        )
    if _is_key_alone(found, layout):
        rest = layout.named - layout.required
        raise BadFile(
            f"it fits {layout.name} by its key alone: of its {len(found)} fields only "
            f"{_listed(sorted(layout.required))} belong to that layout, and none of its other "
            f"{len(rest)}{perhaps(rest, unnamed)}",
            missing=sorted(rest),
        )


def _is_key_alone(found: frozenset[str], layout: Layout) -> bool:
    """Whether most of the layout is missing, and most of the file is something else."""
    used, unnamed = found & layout.named, found - layout.named
    is_key = used == layout.required and 2 * len(used) < len(layout.named)
    return is_key and len(unnamed) > len(used)


def changes_meaning(name: str, layout: Layout) -> bool:
    """Whether a field says by its name that it gives the currency, unit, scale, coordinate system
    or time zone of the numbers beside it.

    `currency`, `Currency Code`, `crs`, `timezone` and `soc_unit`; not `business_unit`, `unit_id`.
    """
    words = _words(name)
    if not words:
        return False
    if "".join(words) in _MEANING or words[0] in _SYSTEMS | _MONEY:
        return True
    if words[-1] not in _MEANING:
        return False
    measured = {word for named in layout.named for word in _words(named)} | _AMOUNTS
    return words[-1] not in _UNITS or bool(measured & set(words[:-1]))


def _words(name: str) -> list[str]:
    """`Currency Code`, `currencyCode` and `currency_code` alike: currency, code."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name.rsplit(".", 1)[-1])
    return [word for word in re.split(r"[^a-z0-9]+", parted.casefold()) if word]


def _listed(names: list[str], most: int = 8) -> str:
    shown = ", ".join(repr(name[:60]) for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")
