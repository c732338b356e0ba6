"""Canonical forms of e-mail addresses and postcodes: what counts as the same, and what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strata.declare import identifiers


@pytest.mark.parametrize(
    "spelling",
    [
        "Ann@Example.org",
        " ann@example.org\t",
        "ANN@EXAMPLE.ORG",
        "ann\u200b@example.org",
        "\uff41nn@example.org",
        "ann @ example.org",
    ],
)
def test_spellings_of_one_address_are_one(spelling: str) -> None:
    assert identifiers.email(spelling) == "ann@example.org"


@pytest.mark.parametrize("other", ["a.nn@example.org", "ann+x@example.org", "ann@example.com"])
def test_different_addresses_stay_different(other: str) -> None:
    assert identifiers.email(other) != "ann@example.org"


@pytest.mark.parametrize("text", ["", " ", "unknown", "@example.org", "ann@", "a@b@c"])
def test_what_is_no_address_is_none(text: str) -> None:
    assert identifiers.email(text) is None


def test_composed_and_decomposed_letters_are_one() -> None:
    assert identifiers.canonical("Zo\u00eb  Stra\u00dfe") == identifiers.canonical(
        " ZOE\u0308 STRASSE"
    )


@given(st.text())
def test_a_canonical_form_is_its_own(text: str) -> None:
    once = identifiers.canonical(text)
    assert identifiers.canonical(once) == once


@pytest.mark.parametrize(
    ("text", "standard"),
    [
        ("M1 1AE", "M1 1AE"), ("B338TH", "B33 8TH"), ("cr2  6xh", "CR2 6XH"), ("DN55 1PT", "DN55 1PT"), ("W1A 1HQ", "W1A 1HQ"),
        ("EC1A1BB", "EC1A 1BB"), (" e1w 1YR ", "E1W 1YR"), ("GIR0AA", "GIR 0AA"), ("CV13LY", "CV1 3LY"), ("BT48 6DQ", "BT48 6DQ"),
        ("zz993vz", "ZZ99 3VZ"), ("bfpo 57", "BFPO 57"), ("BFPO c/o 105", "BFPO 105"), ("fiqq1zz", "FIQQ 1ZZ"), ("TDCU 1ZZ", "TDCU 1ZZ"),
        ("BF1 2AY", "BF1 2AY"), ("GX11 1AA", "GX11 1AA"),
    ],
)  # fmt: skip
def test_a_full_postcode_has_the_official_form(text: str, standard: str) -> None:
    code = identifiers.postcode(text)
    assert code is not None
    assert code.full == standard


@pytest.mark.parametrize("text", ["EH20  ", "cf11", "E1W", "SO14"])
def test_an_outward_code_alone_is_known_as_such(text: str) -> None:
    code = identifiers.postcode(text)
    assert code is not None
    assert (code.outward, code.full) == (text.strip().upper(), None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "N/A",
        "QA1 1AA",
        "AI1 1AA",
        "M1 1AC",
        "M1 AAA",
        "SO16 O5A",
        "12345",
        "EH13 9D",
        "EH13 9DJJ",
        "W1I 1AA",
        "BFPO",
        "BFPO 12345",
        "FIQQ 2ZZ",
    ],
)
def test_what_has_not_the_form_is_none(text: str) -> None:
    assert identifiers.postcode(text) is None


@pytest.mark.parametrize(
    ("text", "territory"),
    [
        ("BT1 5GS", "northern_ireland"),
        ("JE2", "channel_islands"),
        ("GY1 1AA", "channel_islands"),
        ("IM1 1AG", "isle_of_man"),
        ("BFPO 57", "forces_post"),
        ("BF1 2AY", "forces_post"),
        ("FIQQ 1ZZ", "overseas_territory"),
        ("GX11 1AA", "overseas_territory"),
        ("KY1-1102", "overseas_territory"),
        ("AI-2640", "overseas_territory"),
        ("VG 1110", "overseas_territory"),
        ("MSR1350", "overseas_territory"),
        ("KY1 1XX", None),
        ("B1 1AA", None),
    ],
)
def test_places_outside_great_britain_are_told_by_the_area(
    text: str, territory: str | None
) -> None:
    code = identifiers.postcode(text)
    assert code is not None
    assert code.territory == territory
