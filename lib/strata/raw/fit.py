"""Whether a file fits its layout beyond the key by which the layout is known.

A layout is known by a few required fields. A file that has these and nothing else of it would be
accepted and say nothing; and a field that no layout names may change what a number means.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

from strata.declare.layout import Layout
from strata.declare.near import perhaps
from strata.errors import BadFile

_SYSTEMS = frozenset(
    {"crs", "srs", "epsg", "srid", "datum", "projection", "timezone", "tz", "utcoffset"}
)
_MONEY = frozenset({"currency", "currencies", "curr", "ccy"})
_UNITS = frozenset({"unit", "units", "uom", "scalefactor", "multiplier"})
_WHOLE_NAMES = frozenset(
    {"coordinatesystem", "coordsys", "referencesystem", "spatialreference", "utmzone", "gridzone",
     "scale", "scaling", "factor", "conversionfactor", "percent", "percentage"}
)  # fmt: skip
"""Names that mean this alone, and may stand for something else within a longer name."""
_LANGUAGES = frozenset({"language", "lang", "locale"})
_KINDS = frozenset({"type", "mode", "basis"})
"""`discount_type` beside `discount` says what the number is."""
_PERCENTS = frozenset({"percent", "percentage", "pct"})
_MEANING = _SYSTEMS | _MONEY | _UNITS
_AMOUNTS = frozenset(
    {"price", "amount", "value", "quantity", "measure", "measurement", "result", "discount",
     "speed", "depth", "fuel", "tax", "rate", "weight", "distance"}
)  # fmt: skip

# Codes that are no words, and no country's code.
_CURRENCIES = frozenset(
    {"AED", "ARS", "AUD", "BGN", "BRL", "CAD", "CHF", "CLP", "CNY", "COP", "CZK", "DKK",
     "EGP", "EUR", "GBP", "HKD", "HUF", "IDR", "ILS", "INR", "ISK", "JPY", "KES", "KRW",
     "MXN", "MYR", "NGN", "NOK", "NZD", "PHP", "PLN", "RON", "RUB", "SAR", "SEK", "SGD",
     "THB", "TRY", "TWD", "UAH", "USD", "VND", "ZAR"}
)  # fmt: skip
_UNIT_TEXTS = frozenset(
    {"%", "g/kg", "mg/kg", "g/100g", "cg/kg", "dag/kg", "mol/kg", "cmol/kg", "ppm", "km/h",
     "kmh", "kph", "mph", "m/s", "knots", "kg", "lb", "lbs", "oz", "litre", "litres",
     "gallon", "gallons", "cm", "mm"}
)  # fmt: skip
"""As they are written: `FT` is a rocket, and `M` a man."""
_SYSTEM_TEXT = re.compile(r"(EPSG:+|urn:ogc:def:crs:)\S*[0-9]{4,6}", re.IGNORECASE)
_PERCENT = re.compile(r"[+-]?[0-9]+([.,][0-9]+)? ?%")
_ZONE = re.compile(r"(UTC|GMT)?[+-][0-9]{2}:?[0-9]{2}|UTC|GMT|[A-Z][a-z]+/[A-Z][A-Za-z_]+")


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
    named = sorted(name for name in unnamed if changes_meaning(name, layout, found))
    told = {name: repr(name) for name in named}
    for name in sorted(unnamed - told.keys()):
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


def meaning_of(values: Collection[str]) -> str:
    """What a field's values say of the numbers beside it, if all of them do; empty if nothing.

    `codes of currencies, as EUR`, `a unit, as g/kg`, `a coordinate system, as EPSG:3035`.
    """
    told = sorted({value.strip() for value in values} - {""})
    if not told:
        return ""
    kinds = (
        ("codes of currencies", _CURRENCIES.__contains__),
        ("a unit", _UNIT_TEXTS.__contains__),
        ("a coordinate system", _SYSTEM_TEXT.search),
        ("percentages", _PERCENT.fullmatch),
        ("a time zone", _ZONE.fullmatch),
    )
    return next(
        (f"{what}, as {told[0][:30]}" for what, is_it in kinds if all(map(is_it, told))), ""
    )


def _is_key_alone(found: frozenset[str], layout: Layout) -> bool:
    """Whether most of the layout is missing, and most of the file is something else."""
    used, unnamed = found & layout.known, found - layout.known
    is_key = used == layout.required and 2 * len(used) < len(layout.named)
    return is_key and len(unnamed) > len(used)


def changes_meaning(name: str, layout: Layout, found: Collection[str] = ()) -> bool:
    """Whether a field says by its name that it gives the currency, unit, scale, coordinate system,
    time zone or language of what stands beside it; `found` are the names of the file.

    `currency`, `Currency Code`, `crs`, `timezone`, `soc_unit`, and `discount_type` beside
    `discount`; not `business_unit`, `unit_id`.
    """
    words = _words(name)
    if not words:
        return False
    joined = "".join(words)
    if joined in _MEANING | _WHOLE_NAMES or words[0] in _SYSTEMS | _MONEY:
        return True
    if words[-1] in _LANGUAGES:
        return any(f.column.endswith(("name", "description")) for f in layout.fields)
    if words[-1] in _KINDS | _PERCENTS:
        # A discount in percent alone would be read as none.
        known = layout.named if words[-1] in _PERCENTS else layout.named & set(found)
        is_amount = bool(_AMOUNTS & set(words[:-1]))
        return is_amount and any(_words(other) == words[:-1] for other in known)
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
