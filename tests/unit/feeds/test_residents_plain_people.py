"""People by DuckDB and numpy, and their counts, without Spark, against a plain program that looks at
one person after the other.
"""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest
from strata.feeds.residents.people import SAME_STATEMENT, UNCHANGED

from tests.feeds import oracle_residents as oracle
from tests.plain import plain_rows

Row = dict[str, Any]
DAYS = (None, dt.date(2024, 1, 1), dt.date(2024, 3, 1), dt.date(2024, 5, 1))
PLACES = {"y1": ("E06000014", False), "y2": ("E06000014", False), "h1": ("E06000010", False), "old": ("E06000010", True), "none": (None, False)}  # fmt: skip
REASONS = {
    None: "postcode_missing",
    "old": "postcode_terminated",
    "none": "postcode_without_authority",
}


def made_up(seed: int, persons: int, records: int) -> list[Row]:
    chance = random.Random(seed)
    return [
        {
            "person_token": f"k1.00aa11:{chance.randrange(persons)}",
            "identity_token": "i",
            "sex": chance.choice(["f"] * 30 + ["male", None]),
            "birth_year": chance.choice(["1980"] * 60 + ["1849", None, "unreadable"]),
            "postcode_token": (place := chance.choice(["y1"] * 9 + [*PLACES, "nowhere", None])),
            "postcode_form": "full" if place else None,
            "as_of": chance.choice([None] * 6 + ["2024-02-01", "2024-02-30", "unreadable"]),
            "deleted": chance.choice([None] * 30 + ["true", "false", "unreadable"]),
            "_delivery_date": chance.choice(DAYS),
            "_file_sha256": chance.choice("acb"),
            "_record_number": number,
        }
        for number in range(1, records + 1)
    ]


def date_of(row: Row) -> dt.date | None:
    """Since when a record tells; None where it is rejected."""
    if row["as_of"] in ("2024-02-30", "unreadable") or row["deleted"] == "unreadable":
        return None
    told = row["as_of"] and dt.date.fromisoformat(row["as_of"])
    delivered = row["_delivery_date"]
    if told and delivered and told > delivered:
        return None
    return told or delivered or oracle.UNDATED


def state_of(row: Row) -> oracle.State:
    if row["deleted"] == "true":
        return oracle.State(False)
    sex = {"f": "F", "male": "M"}.get(row["sex"], "unknown")
    born = 1980 if row["birth_year"] == "1980" else None
    return oracle.State(True, ("i",), sex, born, row["postcode_token"])


def place_of(state: oracle.State) -> tuple[str | None, str | None]:
    if not state.is_resident:
        return None, None
    code, is_terminated = PLACES.get(state.place or "", (None, False))
    if code and not is_terminated:
        return code, None
    return None, REASONS.get(state.place, "postcode_unknown")


def inputs_of(rows: list[Row]) -> dict[str, list[Row]]:
    lookup = [
        {"postcode_token": token, "authority_code": code, "is_terminated": is_terminated}
        for token, (code, is_terminated) in PLACES.items()
    ]
    return {"bronze.residents_users": rows, "silver.residents_postcodes": lookup}


@pytest.mark.parametrize(("tasks", "persons"), [(0, 150), (1, 400), (3, 150)])
def test_each_person_has_the_periods_that_a_plain_program_finds(
    tmp_path: Path, tasks: int, persons: int
) -> None:
    rows = made_up(persons, persons, 1000)
    told: dict[str, list[tuple[dt.date, oracle.State]]] = defaultdict(list)
    for row in rows:
        if (date := date_of(row)) is not None:
            told[row["person_token"]].append((date, state_of(row)))
    expected = Counter(
        (person, period.start, period.end, period.end == oracle.OPEN, period.state.is_resident,
         period.state.sex, period.state.birth_year, period.authority, period.unplaced)
        for person, own in told.items()
        for period in oracle.periods(own, place_of)
    )  # fmt: skip
    statements = {person: Counter(own) for person, own in told.items()}
    differ = Counter(
        (person, date) for person, own in statements.items() for date in {date for date, _ in own}
        if sum(one == date for one, _ in own) > 1
    )  # fmt: skip
    conflicts = sum(
        (row["person_token"], date_of(row)) in differ for row in rows if date_of(row) is not None
    )
    same = sum(
        count - 1 for person, own in statements.items() for (date, _), count in own.items()
        if (person, date) not in differ
    )  # fmt: skip
    written, left, done = plain_rows(tmp_path, "silver.residents_people", inputs_of(rows), tasks)
    found = Counter(
        (row["person_token"], row["valid_from"], row["valid_to"], row["is_current"],
         row["is_resident"], row["sex"], row["birth_year"], row["authority_code"], row["unplaced"])
        for row in written
    )  # fmt: skip
    assert found == expected
    assert len(left) == conflicts + sum(date_of(row) is None for row in rows)
    unchanged = len(rows) - len(left) - same - len(written)
    assert done.folds == {SAME_STATEMENT: same, UNCHANGED: unchanged}
    assert min(conflicts, same, unchanged) > 5


def history_of(chance: random.Random, groups: int) -> list[Row]:
    days = [dt.date(2024, month, 1) for month in (1, 3, 5)]
    return [
        {
            "authority_code": chance.choice(("E06000014", "E06000010", "postcode_unknown")),
            "authority_name": None,
            "is_authority": True,
            "sex": chance.choice(("F", "M", "unknown")),
            "birth_year": chance.choice(("unknown", "1850", "1980", "2008", "2009", "2030")),
            "valid_from": (start := chance.choice(days[:2])),
            "valid_to": chance.choice([day for day in (*days, oracle.OPEN) if day > start]),
            "people": chance.randrange(1, 9),
        }
        for _ in range(groups)
    ]


@pytest.mark.parametrize(("as_of", "day"), [("", dt.date(2024, 4, 1)), ("2024-02-01", None)])
def test_people_are_counted_on_the_date_that_is_asked_for_or_the_newest_told(
    tmp_path: Path, as_of: str, day: dt.date | None
) -> None:
    history = history_of(random.Random(5), 200)
    users = [
        {"person_token": "a", "_delivery_date": dt.date(2024, 3, 1)},
        {"person_token": "b", "as_of": "2024-04-01"},
        # None of these is sound.
        {"person_token": None, "as_of": "2024-09-01"},
        {"person_token": "c", "as_of": "2024-09-01", "_delivery_date": dt.date(2024, 3, 1)},
        {"person_token": "d", "as_of": "9999-12-31"},
        {"person_token": "e", "deleted": "unreadable", "_delivery_date": dt.date(2024, 9, 1)},
    ]
    day = day or dt.date.fromisoformat(as_of)
    expected: dict[str, Counter[str]] = defaultdict(Counter)
    for row in history:
        if row["valid_from"] <= day < row["valid_to"]:
            age = 200 if row["birth_year"] == "unknown" else day.year - int(row["birth_year"])
            band = {174: "people_age_unknown", 44: "people_35_44", 16: "people_16_24", 15: "people_0_15"}.get(age, "people_age_unknown")  # fmt: skip
            sex = {"F": "people_f", "M": "people_m"}.get(row["sex"], "people_sex_unknown")
            for name in ("people", sex, band):
                expected[row["authority_code"]][name] += row["people"]
    name = "gold.residents_by_authority_internal"
    inputs = {"gold.residents_history_internal": history, "bronze.residents_users": users}
    written, _, done = plain_rows(tmp_path, name, inputs, params={"as_of": as_of})
    found = {
        row["authority_code"]: Counter(
            {n: v for n, v in row.items() if n.startswith("people") and v}
        )
        for row in written
    }
    assert found == expected
    assert {row["as_of_date"] for row in written} == {day}
    assert done.rows + sum(done.folds.values()) == len(history)
