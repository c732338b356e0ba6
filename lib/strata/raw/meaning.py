"""Whether a field that no layout names changes what the numbers beside it mean: their currency,
unit, scale, coordinate system, time zone or language, by the field's name or by what it holds.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from strata.declare.layout import Layout

# --- by its name ----------------------------------------------------------------------------------

_SYSTEMS = frozenset(
    {"crs", "srs", "epsg", "srid", "datum", "projection", "ellipsoid", "timezone", "tz",
     "utcoffset", "gmtoffset", "zeitzone"}
)  # fmt: skip
_MONEY = frozenset(
    {"currency", "currencies", "curr", "ccy", "fx", "waehrung", "währung", "monnaie", "moneda",
     "moeda", "valuta", "devise", "divisa", "waluta", "валюта", "通貨", "货币"}
)  # fmt: skip
_UNITS = frozenset(
    {"unit", "units", "uom", "scalefactor", "multiplier", "einheit", "einheiten", "unite", "unité",
     "unidad", "unidade", "unità", "eenheid"}
)  # fmt: skip
_NAMED_MONEY = frozenset({"eur", "usd", "gbp", "jpy", "chf", "cny", "nok", "dkk"})
"""`total_eur` tells the currency of every amount beside it."""
_WHOLE_NAMES = frozenset(
    {"coordinatesystem", "coordinatereferencesystem", "coordsys", "referencesystem",
     "spatialreference", "spatialref", "utm", "utmzone", "gridzone", "koordinatensystem",
     "bezugssystem", "isdst", "daylightsaving", "fuseauhoraire", "zonahoraria", "offsetminutes",
     "exchangerate", "wechselkurs", "unitofmeasure", "unitofmeasurement", "measurementunit",
     "masseinheit", "maßeinheit", "scale", "scaling", "factor", "faktor", "multiplikator",
     "conversionfactor", "conversionrate", "incents", "inthousands", "thousands",
     "decimals", "decimalplaces", "percent", "percentage", "inpercent", "ispercent"}
)  # fmt: skip
"""Names that mean this alone, and may stand for something else within a longer name."""
_LANGUAGES = frozenset({"language", "lang", "locale"})
_KINDS = frozenset({"type", "mode", "basis", "in"})
"""`discount_type` beside `discount` says what the number is."""
_PERCENTS = frozenset({"percent", "percentage", "pct"})
_SMALL_WORDS = frozenset({"is", "in", "as", "of"})
_MEANING = _SYSTEMS | _MONEY | _UNITS
_AMOUNTS = frozenset(
    {"price", "pricing", "amount", "value", "quantity", "measure", "measurement", "result",
     "discount", "speed", "depth", "fuel", "tax", "rate", "weight", "distance", "base", "selling"}
)  # fmt: skip
_DATES = re.compile(r"[0-9].*")


def changes_meaning(name: str, layout: Layout, found: Collection[str] = ()) -> bool:
    """Whether a field says by its name that it gives the currency, unit, scale, coordinate system,
    time zone or language of what stands beside it; `found` are the names of the file.

    `currency`, `Currency Code`, `crs`, `timezone`, `soc_unit`, and `discount_type` beside
    `discount`; not `business_unit`, `unit_id`.
    """
    words = _words(name)
    if not words:
        return False
    if len(words) > 1 and _NAMED_MONEY & set(words):
        return True
    joined = "".join(words)
    if joined in _MEANING | _WHOLE_NAMES or words[0] in _SYSTEMS | _MONEY:
        return True
    if words[-1] in _LANGUAGES:
        return any(f.column.endswith(("name", "description")) for f in layout.fields)
    if words[-1] in _KINDS | _PERCENTS:
        return _says_of_an_amount(words, layout, found)
    if words[-1] not in _MEANING:
        return False
    measured = {word for named in layout.named for word in _words(named)} | _AMOUNTS
    return words[-1] not in _UNITS or bool(measured & set(words[:-1]))


def _says_of_an_amount(words: list[str], layout: Layout, found: Collection[str]) -> bool:
    """`price_type` beside `unit_price`; `discount_percent` wherever a discount may be told, for one
    in percent alone would be read as none.
    """
    of = set(words[:-1]) - _SMALL_WORDS
    known = layout.named if words[-1] in _PERCENTS else layout.named & set(found)
    return bool(of & _AMOUNTS) and any(of <= set(_words(other)) for other in known)


def may_be_a_date(name: str, values: Collection[str]) -> bool:
    """Whether `datum` is a date, as in German, Dutch and Swedish, and no geodetic datum."""
    told = [value.strip() for value in values if value.strip()]
    return _words(name) == ["datum"] and bool(told) and all(map(_DATES.fullmatch, told))


def _words(name: str) -> list[str]:
    """`Currency Code`, `currencyCode` and `currency_code` alike: currency, code."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name.rsplit(".", 1)[-1])
    return [word for word in re.split(r"[\W_]+", parted.casefold()) if word]


# --- by what it holds -----------------------------------------------------------------------------

# Codes of ISO 4217 that are no words, and no country's code of ISO 3166.
_CURRENCIES = frozenset(
    {"AED", "AMD", "ANG", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT", "BGN", "BHD",
     "BIF", "BMD", "BOB", "BRL", "BSD", "BWP", "BYN", "BZD", "CAD", "CDF", "CHF", "CLP", "CNY",
     "COP", "CRC", "CZK", "DJF", "DKK", "DOP", "DZD", "EGP", "ERN", "ETB", "EUR", "FJD", "GBP",
     "GEL", "GHS", "GMD", "GTQ", "GYD", "HKD", "HNL", "HRK", "HTG", "HUF", "IDR", "ILS", "INR",
     "IQD", "IRR", "ISK", "JMD", "JOD", "JPY", "KES", "KGS", "KHR", "KRW", "KWD", "KYD", "KZT",
     "LBP", "LKR", "LRD", "LYD", "MAD", "MDL", "MGA", "MKD", "MMK", "MNT", "MUR", "MVR", "MWK",
     "MXN", "MYR", "MZN", "NAD", "NGN", "NIO", "NOK", "NPR", "NZD", "OMR", "PAB", "PGK", "PHP",
     "PKR", "PLN", "PYG", "QAR", "RON", "RSD", "RUB", "RWF", "SAR", "SBD", "SCR", "SDG", "SEK",
     "SGD", "SRD", "SYP", "SZL", "THB", "TJS", "TND", "TRY", "TTD", "TWD", "TZS", "UAH", "UGX",
     "USD", "UYU", "UZS", "VES", "VND", "VUV", "WST", "XAF", "XCD", "XOF", "XPF", "YER", "ZAR",
     "ZMW", "ZWL"}
)  # fmt: skip
_OFTEN_SMALL = frozenset({"eur", "usd", "gbp", "jpy", "chf", "cny", "inr", "sek", "nok", "dkk"})
_SYMBOLS = ("€", "$", "£", "¥", "₹", "₽", "₺", "₩", "zł", "kr", "Fr.", "R$", "US$", "A$", "C$")
_SIGN = "|".join(map(re.escape, (*_SYMBOLS, *sorted(_CURRENCIES))))
_MONEY_TEXT = re.compile(
    # `EUR/100 pcs`, `k EUR`, `EUR (Euro)`, `12.50 €`, `€12.50`.
    rf"(?:[kKmM] ?)?(?:{_SIGN})(?:[ /(].*)?|[-+]?[0-9][0-9.,' ]* ?(?:{_SIGN})|(?:{_SIGN}) ?[0-9].*"
)
_UNIT_TEXTS = frozenset(
    {"%", "‰", "percent", "per mille", "g/kg", "mg/kg", "g/100g", "cg/kg", "dag/kg", "mol/kg",
     "cmol/kg", "ppm", "km/h", "kmh", "kph", "mph", "m/s", "knots", "kn", "kg", "g", "mg", "lb",
     "lbs", "oz", "litre", "litres", "ml", "gallon", "gallons", "cm", "mm", "dozen", "pcs",
     "pieces", "each"}
)  # fmt: skip
"""As they are written: `FT` is a rocket, and `M` a man."""
_SYSTEM_TEXT = re.compile(
    r".*(EPSG:+|urn:ogc:def:crs:)\S*[0-9]{4,6}.*|(WGS|CRS|ETRS|NAD|OSGB|GDA|JGD|SWEREF)[ _-]?[0-9]+"
    r"|ED ?50|UTM.*[0-9].*|\+proj=\S+.*|(PROJCS|GEOGCS|PROJCRS|GEOGCRS)\[.*",
    re.IGNORECASE | re.DOTALL,
)
_PERCENT = re.compile(r"[+-]?[0-9]+([.,][0-9]+)? ?(%|‰|percent|per cent|pct)", re.IGNORECASE)
_ZONE = re.compile(
    r"(UTC|GMT)? ?[+-][0-9]{1,2}:[0-9]{2}|[+-](0[0-9]|1[0-4])(00|15|30|45)"
    r"|(UTC|GMT) ?[+-] ?[0-9]{1,2}|UTC|GMT|Zulu"
    r"|(Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Europe|Indian|Pacific|Etc|US|Canada)"
    r"/\S+|(CE|EE|WE|MS|MD|ES|ED|CS|CD|PS|PD|JS|AES|AED|CES|EES|WES|BS)T|MSK"
)


def meaning_of(values: Collection[str]) -> str:
    """What a field's values say of the numbers beside it, if all of them do; empty if nothing.

    `codes of currencies, as EUR`, `a unit, as g/kg`, `a coordinate system, as EPSG:3035`.
    """
    told = sorted({value.strip() for value in values} - {""})
    if not told:
        return ""
    kinds = (
        ("codes of currencies", _is_currency),
        ("a unit", _UNIT_TEXTS.__contains__),
        ("a coordinate system", _SYSTEM_TEXT.fullmatch),
        ("percentages", _PERCENT.fullmatch),
        ("a time zone", _ZONE.fullmatch),
        ("amounts of a currency", _MONEY_TEXT.fullmatch),
    )
    return next(
        (f"{what}, as {told[0][:30]}" for what, is_it in kinds if all(map(is_it, told))), ""
    )


def _is_currency(text: str) -> bool:
    return text in _CURRENCIES or text in _OFTEN_SMALL or text in _SYMBOLS
