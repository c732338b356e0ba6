"""Canonical forms of what identifies people: text, e-mail addresses, postcodes. What is hashed is
always such a form.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

_INVISIBLE = re.compile("[\u200b-\u200f\u2060\ufeff\u00ad]")
_SPACE = re.compile(r"\s+")
_EMAIL = re.compile(r"[^@]+@[^@]+")

# The format of BS 7666 and of Royal Mail's Programmers' Guide: an outward code of six shapes, of
# which some places exclude some letters, and an inward code of a digit and two letters. GIR 0AA is
# older than the format.
_OUTWARD = (
    r"(?:[A-PR-UWYZ][0-9]{1,2}|[A-PR-UWYZ][A-HK-Y][0-9]{1,2}|[A-PR-UWYZ][0-9][A-HJKPSTUW]"
    r"|[A-PR-UWYZ][A-HK-Y][0-9][ABEHMNPRVWXY]|GIR)"
)
_INWARD = "[0-9][ABD-HJLNP-UW-Z]{2}"
_FULL = re.compile(f"({_OUTWARD})({_INWARD})")
# What the NHS writes for an address that is abroad, not known or not there, e.g. ZZ99 3VZ; in no
# lookup of places.
_PSEUDO = re.compile("(ZZ99)([0-9][A-Z]{2})")
_OUTWARD_ONLY = re.compile(f"({_OUTWARD})")
_AREA = re.compile("[A-Z]+")
# British Forces Post Office: a box number, which many still write in place of the postcode BF1.
_FORCES = re.compile(r"(BFPO)(?:C/O)?([0-9]{1,4})")
# The overseas territories with a postcode of Royal Mail's; each has one.
_OVERSEAS = re.compile("(ASCN|BBND|BIQQ|FIQQ|PCRN|SIQQ|STHL|TDCU|TKCA)(1ZZ)")

# Those that number their own, with or without a hyphen: Anguilla, Cayman Islands (whose KY is no
# Kirkcaldy), Montserrat, British Virgin Islands.
_NUMBERED = re.compile("(AI|KY[1-3]|MSR|VG)-?([0-9]{4})")

# Postcode areas outside Great Britain: a lookup of Great Britain does not hold them.
TERRITORIES = {
    "BT": "northern_ireland",
    "GY": "channel_islands",
    "JE": "channel_islands",
    "IM": "isle_of_man",
    "BF": "forces_post",
    "BFPO": "forces_post",
    "GX": "overseas_territory",
    **dict.fromkeys(
        ("ASCN", "BBND", "BIQQ", "FIQQ", "PCRN", "SIQQ", "STHL", "TDCU", "TKCA"),
        "overseas_territory",
    ),
}


def canonical(text: str) -> str:
    """NFKC, without invisible characters, every run of blanks one space, trimmed, case folded."""
    plain = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))
    # Folding may leave letters that compose, so the form is made once more.
    return unicodedata.normalize("NFKC", _SPACE.sub(" ", plain).strip().casefold())


def email(text: str) -> str | None:
    """The address in its canonical form, without any blank; None for what is no `name@domain`.

    Case folding reaches the part before the `@` too, which mail servers may tell apart by case,
    though hardly any does. Dots and `+tags` stay: only some servers ignore them, and dropping them
    could merge two people.
    """
    address = canonical(text).replace(" ", "")
    return address if _EMAIL.fullmatch(address) else None


@dataclass(frozen=True)
class Postcode:
    """A postcode as far as it is told: `EH13 9DJ`, or its outward code `EH13` alone."""

    outward: str
    inward: str | None

    @property
    def full(self) -> str | None:
        """Outward code, one space, inward code; None where only the outward code is told."""
        return f"{self.outward} {self.inward}" if self.inward else None

    @property
    def territory(self) -> str | None:
        """Which part of the British Isles outside Great Britain; None within it."""
        if self.inward and _NUMBERED.fullmatch(self.outward + self.inward):
            return "overseas_territory"
        area = _AREA.match(self.outward)
        return TERRITORIES.get(area[0]) if area else None


def postcode(text: str) -> Postcode | None:
    """The postcode, however spaced or cased; None where the text has not the form of one.

    | text      | outward | inward |
    | --------- | ------- | ------ |
    | `cf11 6nb`| CF11    | 6NB    |
    | `CV37  9PW` | CV37  | 9PW    |
    | `EH20  `  | EH20    | None   |
    | `bfpo 57` | BFPO    | 57     |
    | `FIQQ 1ZZ` | FIQQ   | 1ZZ    |
    | `KY1-1102` | KY1    | 1102   |
    | `N/A`     | None            |
    """
    plain = canonical(text).replace(" ", "").upper()
    for form in (_FULL, _PSEUDO, _FORCES, _OVERSEAS, _NUMBERED):
        if match := form.fullmatch(plain):
            return Postcode(match[1], match[2])
    match = _OUTWARD_ONLY.fullmatch(plain)
    return Postcode(match[1], None) if match else None


def full_postcode(text: str) -> str | None:
    """A full postcode in its one spelling; None for anything else."""
    # Nearly all of a lookup's are written so, and a canonical form of these characters is no other.
    if match := _FULL.fullmatch(text.replace(" ", "")):
        return f"{match[1]} {match[2]}"
    code = postcode(text)
    return code.full if code else None
