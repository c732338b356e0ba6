"""What the residents feed's contracts and suites do not tell of a valid row, and how its rules on
whole tables break.
"""

from __future__ import annotations

import datetime as dt

from tests.mutants import Row, Whole

_OPEN = dt.date(9999, 12, 31)
_TOKEN, _OTHER_KEY = "k1.00aa11:p", "k2.00bb22:p"
_FIGURES = ("people", "people_f", "people_m", "people_sex_unknown", "people_0_15", "people_16_24", "people_25_34", "people_35_44",
            "people_45_54", "people_55_64", "people_65_74", "people_75_plus", "people_age_unknown")  # fmt: skip

_PERSON: Row = {"person_token": _TOKEN, "valid_from": dt.date(2024, 1, 1), "valid_to": _OPEN, "is_current": True, "is_resident": True,
                "identity_token": "k1.00aa11:i", "sex": "F", "birth_year": 1980,
                "authority_code": "S12000036", "unplaced": None}  # fmt: skip
_POSTCODE: Row = {
    "postcode_token": "k1.00aa11:c",
    "authority_code": "S12000036",
    "authority_name": "Edinburgh",
    "is_terminated": False,
}
_HISTORY: Row = {
    "authority_code": "S12000036",
    "sex": "F",
    "birth_year": "1980",
    "valid_to": _OPEN,
    "people": 1,
}
_COUNTED: Row = {
    "as_of_date": dt.date(2024, 1, 1),
    **dict.fromkeys(_FIGURES, 0),
    "people": 1,
    "people_f": 1,
    "people_35_44": 1,
}
_PUBLISHED: Row = {
    **dict.fromkeys(_FIGURES, 20),
    "authority_code": "S12000036",
    "is_suppressed": False,
    "suppressed_below": 10,
    "rounded_to": 1,
}
_LIMITS: Row = {"is_suppressed": False, "suppressed_below": 10, "rounded_to": 1}
_CELL: Row = {"age_band": "25-34", "sex": "F", "people": 20, **_LIMITS}
_MONTH: Row = {"month_start": dt.date(2024, 3, 1), "moves": 20, "people": 20, **_LIMITS}
_COVERED: Row = {"authority_code": "S12000036", "is_authority": True, "postcodes_in_use": 9, "postcodes_terminated": 1,
                 "addresses": 90, "people": 20, "is_suppressed": False}  # fmt: skip
_MOVE: Row = {"from_authority_code": "S12000036", "to_authority_code": "E06000014", "moves": 20, "people": 20, "is_suppressed": False,
              "suppressed_below": 10, "rounded_to": 1}  # fmt: skip

_people = {"silver.residents_people": [_PERSON]}
_two_people = {"silver.residents_people": [_PERSON, {**_PERSON, "person_token": f"{_TOKEN}2"}]}
_first_months: Row = {**_PERSON, "valid_to": dt.date(2024, 3, 1), "is_current": False}

VALID = {
    "bronze.residents_users": (
        {"person_token": _TOKEN, "birth_year": "1980", "sex": "f", "postcode_form": "full"},
    ),
    "bronze.residents_postcodes": ({"postcode_token": _TOKEN},),
    "silver.residents_postcodes": (_POSTCODE,),
    "silver.residents_people": (_PERSON,),
    "gold.residents_history_internal": (_HISTORY,),
    "gold.residents_by_authority_internal": (_COUNTED,),
    "gold.residents_by_authority": (_PUBLISHED,),
    "gold.residents_moves": (_MOVE,),
    "gold.residents_by_age_and_sex": (_CELL,),
    "gold.residents_moves_by_month": (_MONTH,),
    "gold.residents_lookup_coverage": (_COVERED,),
}
VIEWS = {
    "gold.residents_lookup_coverage": {"gold.residents_by_authority": [_PUBLISHED]},
    "silver.residents_people": {"silver.residents_postcodes": [_POSTCODE]},
    "gold.residents_history_internal": _people,
    "gold.residents_by_authority_internal": _people,
}

_NEW_KEY = (
    "one key must have made all pseudonyms: to use a new key, or if the old one is lost, run "
    "with --full while all raw files lie there"
)
WHOLE = {
    (
        "bronze.residents_authorities",
        "an authority should have one name in a delivery; the one that most records tell is taken",
    ): Whole(
        [
            {"authority_code": "S12000036", "authority_name": name, "name_e09000001": None}
            for name in ("Edinburgh", "City of Edinburgh")
        ]
    ),
    ("silver.residents_people", "a person should not be born after the date of the record"): Whole(
        [{**_PERSON, "birth_year": 2025}], VIEWS["silver.residents_people"]
    ),
    ("bronze.residents_users", _NEW_KEY): Whole(
        [{"person_token": _TOKEN}, {"person_token": _OTHER_KEY}]
    ),
    ("bronze.residents_postcodes", _NEW_KEY): Whole(
        [{"postcode_token": _TOKEN}, {"postcode_token": _OTHER_KEY}]
    ),
    (
        "bronze.residents_authorities",
        "a record should tell a code and its name, or map codes to names",
    ): Whole([{"authority_code": None, "name_e09000001": None}]),
    (
        "silver.residents_postcodes",
        "the code of an authority should be in the file of names, which holds the newest "
        "codes only",
    ): Whole([{**_POSTCODE, "authority_name": None}]),
    ("silver.residents_people", "the periods of a person must not overlap"): Whole(
        [_first_months, {**_PERSON, "valid_from": dt.date(2024, 2, 1)}],
        VIEWS["silver.residents_people"],
    ),
    ("silver.residents_people", "a person must have one current period"): Whole(
        [_first_months], VIEWS["silver.residents_people"]
    ),
    ("silver.residents_people", "no period but the current one may be open"): Whole(
        [
            {**_PERSON, "valid_to": dt.date(2024, 3, 1)},
            {**_PERSON, "valid_from": dt.date(2024, 4, 1), "is_current": False},
        ],
        VIEWS["silver.residents_people"],
    ),
    (
        "silver.residents_people",
        "a resident must be in an authority, or in none for one reason",
    ): Whole([{**_PERSON, "unplaced": "postcode_missing"}], VIEWS["silver.residents_people"]),
    (
        "silver.residents_people",
        "one key must have made the pseudonyms of people and of postcodes: run with --full "
        "while all raw files lie there",
    ): Whole(
        [_PERSON], {"silver.residents_postcodes": [{**_POSTCODE, "postcode_token": _OTHER_KEY}]}
    ),
    (
        "silver.residents_people",
        "an e-mail address should stay with one person: another name or date of birth came "
        "with a later date",
    ): Whole(
        [
            _first_months,
            {**_PERSON, "valid_from": dt.date(2024, 3, 1), "identity_token": "k1.00aa11:j"},
        ],
        VIEWS["silver.residents_people"],
    ),
    ("gold.residents_history_internal", "a group of people must have one row a period"): Whole(
        [_HISTORY, _HISTORY], _two_people
    ),
    (
        "gold.residents_history_internal",
        "the people of all open periods must be the distinct current residents of "
        "silver.residents_people",
    ): Whole([_HISTORY], _two_people),
    ("gold.residents_by_authority_internal", "an authority must have one row"): Whole(
        [_COUNTED, _COUNTED], _two_people
    ),
    (
        "gold.residents_by_authority_internal",
        "people by sex, and people by age, must add up to all people",
    ): Whole([{**_COUNTED, "people_f": 0}], _people),
    (
        "gold.residents_by_authority_internal",
        "people of all rows must be the distinct residents of silver.residents_people on the date",
    ): Whole([_COUNTED], _two_people),
    (
        "gold.residents_by_authority",
        "no number above zero and below the limit must be visible",
    ): Whole([{**_PUBLISHED, "people_f": 9}]),
    (
        "gold.residents_by_authority",
        "a row is suppressed where a number is hidden, and only there",
    ): Whole([{**_PUBLISHED, "is_suppressed": True}]),
    (
        "gold.residents_by_authority",
        "one hidden total alone would be told by the sum of all",
    ): Whole(
        [
            _PUBLISHED,
            {**_PUBLISHED, "authority_code": "E06000014", "people": None, "is_suppressed": True},
        ]
    ),
    (
        "gold.residents_moves",
        "no number of people below the limit must be visible, nor its moves",
    ): Whole([{**_MOVE, "people": 9}]),
    ("gold.residents_moves", "a move must be between two authorities"): Whole(
        [{**_MOVE, "to_authority_code": "S12000036"}]
    ),
    ("gold.residents_moves", "one hidden pair alone would be told by the sum of all"): Whole(
        [
            _MOVE,
            {
                **_MOVE,
                "to_authority_code": "E06000010",
                "moves": None,
                "people": None,
                "is_suppressed": True,
            },
        ]
    ),
    (
        "gold.residents_by_age_and_sex",
        "no number above zero and below the limit must be visible",
    ): Whole([{**_CELL, "people": 9}]),
    (
        "gold.residents_by_age_and_sex",
        "a number is hidden where the row says so, and only there",
    ): Whole([{**_CELL, "people": None}]),
    ("gold.residents_by_age_and_sex", "a band must be shown whole or not at all"): Whole(
        # Of two bands: one hidden band alone is another rule's.
        [
            {**_CELL, "age_band": band, "sex": sex, **hidden}
            for band in ("25-34", "35-44")
            for sex, hidden in (("F", {}), ("M", {"people": None, "is_suppressed": True}))
        ]
    ),
    (
        "gold.residents_by_age_and_sex",
        "one hidden band alone would be told by the sums of the sexes",
    ): Whole([_CELL, {**_CELL, "age_band": "35-44", "people": None, "is_suppressed": True}]),
    (
        "gold.residents_moves_by_month",
        "no number of people below the limit must be visible, nor its moves",
    ): Whole([{**_MONTH, "people": 9}]),
    ("gold.residents_moves_by_month", "a month must be given by its first day"): Whole(
        [{**_MONTH, "month_start": dt.date(2024, 3, 2)}]
    ),
    (
        "gold.residents_moves_by_month",
        "one hidden month alone would be told by the sum of all",
    ): Whole(
        [
            _MONTH,
            {
                **_MONTH,
                "month_start": dt.date(2024, 4, 1),
                "moves": None,
                "people": None,
                "is_suppressed": True,
            },
        ]
    ),
    (
        "gold.residents_lookup_coverage",
        "people must be those of gold.residents_by_authority, hidden where they are hidden there",
    ): Whole([{**_COVERED, "people": 21}], VIEWS["gold.residents_lookup_coverage"]),
    (
        "gold.residents_lookup_coverage",
        "a number of people is hidden where the row says so, and only there",
    ): Whole([{**_COVERED, "is_suppressed": True}], VIEWS["gold.residents_lookup_coverage"]),
    ("gold.residents_lookup_coverage", "most postcodes should be in an authority"): Whole(
        [{**_COVERED, "is_authority": False}], VIEWS["gold.residents_lookup_coverage"]
    ),
}
