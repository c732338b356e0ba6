"""Whether a file fits its layout beyond the key by which the layout is known.

A layout is known by a few required fields. A file that has these and nothing else of it would be
accepted and say nothing; and a field that no layout names may change what a number means.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from strata.declare.layout import Layout
from strata.declare.near import perhaps
from strata.errors import BadFile
from strata.raw.meaning import changes_meaning, may_be_a_date, meaning_of


def check_fit(
    header: Iterable[str], layout: Layout, beside: Mapping[str, Collection[str]] | None = None
) -> None:
    """BadFile where a field that the layout does not name may change a number, and where nothing
    but the key fits. `beside` is what unnamed fields hold in the first records.

    Of a source of persons every unnamed field is dropped, and says nothing of a number.
    """
    found = frozenset(header)
    unnamed = found - layout.known
    if not layout.personal:
        _check_meaning(unnamed, layout, found, beside or {})
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


def _check_meaning(
    unnamed: frozenset[str],
    layout: Layout,
    found: frozenset[str],
    beside: Mapping[str, Collection[str]],
) -> None:
    named = sorted(
        name
        for name in unnamed
        if changes_meaning(name, layout, found) and not may_be_a_date(name, beside.get(name, ()))
    )
    told = {name: repr(name) for name in named}
    inner = {name for name in beside if _is_within(name, unnamed, layout)}
    for name in sorted(inner):
        if changes_meaning(name, layout, found):
            told[name] = repr(name)
    told_within = {name for name in inner if any(name.startswith(f"{above}.") for above in told)}
    for name in sorted((unnamed | inner) - told.keys() - told_within):
        held = meaning_of(beside.get(name, ()))
        if held:
            told[name] = f"{name!r}, which holds {held},"
    if not told:
        return
    one = len(told) == 1
    raise BadFile(
        f"a field beside a number must not change what it means without being read; "
        f"{', '.join(told.values())} may, and {layout.name} does not name "
        f"{'it' if one else 'them'}: take {'it' if one else 'them'} away where that says nothing "
        "new, or name it in a source contract",
        fields=sorted(told),
    )


def _is_within(name: str, unnamed: frozenset[str], layout: Layout) -> bool:
    """Whether a field stands within an object that the layout does not read: its geometry's system
    too, which GeoJSON has for the whole file alone.
    """
    parts = name.split(".")
    above = {".".join(parts[:n]) for n in range(1, len(parts))}
    is_aside = bool(above & layout.known) and parts[0] not in ("geometry", "_geometry")
    return bool(above) and name not in layout.known and not is_aside


def _is_key_alone(found: frozenset[str], layout: Layout) -> bool:
    """Whether most of the layout is missing, and most of the file is something else."""
    used, unnamed = found & layout.known, found - layout.known
    is_key = used == layout.required and 2 * len(used) < len(layout.named)
    return is_key and len(unnamed) > len(used)


def _listed(names: list[str], most: int = 8) -> str:
    shown = ", ".join(repr(name[:60]) for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")
