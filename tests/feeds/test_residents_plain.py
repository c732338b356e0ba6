"""People and their counts without Spark: what DuckDB, numpy and Arrow make of rows by chance is what
the transforms make of them, and what they doubt is the transforms'.
"""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from strata.feeds.residents.ages import residents_by_age_and_sex
from strata.feeds.residents.authorities import (
    residents_by_authority,
    residents_by_authority_internal,
    residents_history,
)
from strata.feeds.residents.params import Params
from strata.feeds.residents.plain_names import names_here
from strata.feeds.residents.postcodes import authority_names

from tests.feeds.test_residents import (
    HULL,
    JANUARY,
    LEEDS,
    MARCH,
    MAY,
    PLACES,
    YORK,
    Row,
    frame,
    kept,
    lookup,
    people,
    said,
)
from tests.plain import plain_rows, schema_of

pytestmark = pytest.mark.spark

PEOPLE = "silver.residents_people"


def by_chance(seed: int, persons: int, records: int) -> list[Row]:
    """Statements of few people: of one date more than one, that differ or not, and odd ones."""
    chance = random.Random(seed)

    def home() -> Row:
        token = chance.choice([*PLACES, *PLACES, "nowhere", None])
        form = "full" if token else chance.choice([None, "outward", "malformed"])
        territory = chance.choice([None, None, "isle_of_man"]) if form != "malformed" else None
        return {"postcode_token": token, "postcode_form": form, "postcode_territory": territory}

    homes = [home() for _ in range(5)]
    return [
        {
            **said(f"p{chance.randrange(persons)}"),
            **chance.choice([homes[0]] * 16 + homes),
            "person_token": chance.choice([None] + [f"p{chance.randrange(persons)}"] * 40),
            "identity_token": chance.choice(["one"] * 60 + [None, "other"]),
            "sex": chance.choice(["f"] * 60 + ["male", None, "unreadable"]),
            "birth_year": chance.choice(["1980"] * 60 + ["1849", "2020", None, "unreadable"]),
            "as_of": chance.choice(
                [None] * 60
                + ["2024-02-29", "2024-02-30", "2024-04-01", "1899-12-31", "9999-12-31"]
                + ["0001-01-01", "unreadable"]
            ),
            "deleted": chance.choice([None] * 60 + ["true", "false", "unreadable"]),
            "_delivery_date": chance.choice([None, JANUARY, MARCH, MARCH, MAY]),
            "_file_sha256": chance.choice("fbz"),
        }
        for _ in range(records)
    ]


def collected(table: DataFrame) -> list[Row]:
    return [row.asDict() for row in table.collect()]


def told(rows: list[Row], columns: list[str]) -> Counter[str]:
    return Counter(repr([row[name] for name in columns]) for row in rows)


@pytest.mark.parametrize(("persons", "records"), [(100, 300), (400, 600)])
def test_plain_people_are_those_that_the_transform_makes(
    spark: SparkSession, tmp_path: Path, persons: int, records: int
) -> None:
    rows = by_chance(records, persons, records)
    found = collected(people(spark, rows))
    accepted = [row for row in found if not row["_reasons"] and not row["_fold"]]
    rejected = {row["_record_number"] for row in found if row["_reasons"]}
    folds = Counter(row["_fold"] for row in found if row["_fold"])
    inputs = {
        "bronze.residents_users": collected(frame(spark, "bronze.residents_users", rows)),
        "silver.residents_postcodes": collected(lookup(spark)),
    }
    for tasks in (0, 1, 3):
        (tmp_path / str(tasks)).mkdir()
        written, left, done = plain_rows(tmp_path / str(tasks), PEOPLE, inputs, tasks)
        columns = schema_of(PEOPLE).names
        assert told(written, columns) == told(accepted, columns)
        assert {row["_record_number"] for row in left} == rejected
        assert done.folds == dict(folds)
        # The transform tells the same of them where it sees no other one.
        alone = collected(people(spark, left))
        every = [*columns, "_reasons"]
        assert told(alone, every) == told([row for row in found if row["_reasons"]], every)
    assert min(len(accepted), len(rejected), *folds.values()) > 9
    assert len(folds) == 2


@pytest.mark.parametrize(
    "odd",
    [{"as_of": "2024-1-5"}, {"as_of": "2024"}, {"birth_year": " 1990"}, {"birth_year": "1990.0"}],
)
def test_a_value_that_the_reader_would_not_leave_is_the_transforms(
    spark: SparkSession, tmp_path: Path, odd: Row
) -> None:
    inputs = {
        "bronze.residents_users": collected(
            frame(spark, "bronze.residents_users", [said("a"), {**said("b"), **odd}])
        ),
        "silver.residents_postcodes": collected(lookup(spark)),
    }
    written, left, done = plain_rows(tmp_path, PEOPLE, inputs)
    assert done.gave_up
    assert (written, left) == ([], [])


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"as_of": "2024-02-01", "suppress_below": 3},
        {"as_of": "2024-03-01", "suppress_below": 10, "round_to": 5},
        {"as_of": "2019-01-01", "suppress_below": 2},
    ],
)
def test_plain_counts_of_people_are_those_of_the_transforms(
    spark: SparkSession, tmp_path: Path, given: dict[str, Any]
) -> None:
    params, rows = Params(**given), by_chance(7, 300, 500)
    users = frame(spark, "bronze.residents_users", rows)
    periods = kept(people(spark, rows)).drop("_reasons", "_fold")
    history = residents_history(periods).where("_fold IS NULL").drop("_fold", "_rows").cache()
    internal = residents_by_authority_internal(history, users, params=params).cache()
    standing = internal.where("_fold IS NULL").drop("_fold", "_rows")
    made = {
        "gold.residents_by_authority_internal": internal,
        "gold.residents_by_age_and_sex": residents_by_age_and_sex(history, users, params=params),
        "gold.residents_by_authority": residents_by_authority(standing, params=params),
    }
    inputs = {
        "gold.residents_history_internal": collected(history),
        "bronze.residents_users": collected(users),
        "gold.residents_by_authority_internal": collected(standing),
    }
    for name, by_spark in made.items():
        (tmp_path / name).mkdir()
        written, _, done = plain_rows(tmp_path / name, name, inputs, params=vars(params))
        every = collected(by_spark)
        shown = [row for row in every if row.get("_fold") is None]
        columns = schema_of(name).names
        assert told(written, columns) == told(shown, columns), name
        folds: Counter[str] = Counter()
        for row in every:
            if row.get("_fold") is not None:
                folds[row["_fold"]] += row["_rows"]
        assert (done.rows, done.folds) == (sum(row["_rows"] for row in shown), dict(folds))


def test_names_of_authorities_are_those_that_spark_makes(spark: SparkSession) -> None:
    def codes(day: Any, text: str | None, **named: str | None) -> Row:
        return {"name_e09000001": "City of London", "_delivery_date": day, "_extra": text, **named}

    def own(code: str | None, name: str | None, day: Any = None) -> Row:
        return {"authority_code": code, "authority_name": name, "_delivery_date": day}

    rows = [
        codes(None, f'{{"{YORK}":"Old York","{HULL}":" Hull ","E1":"","E2":" ","":"none"}}'),
        codes(JANUARY, f'{{"{YORK}":"York","L1":"Gr\u00fc\u00dfe, \u00f4","L2":"\\u00e9\\/\\""}}'),
        codes(JANUARY, None, name_w06000015="Caerdydd"),
        codes(MARCH, "{}", name_s12000033="\tAberdeen"),
        *[own(LEEDS, name) for name in ("Leeds", "Leeds ", "Ljus", "\u00c4", "Leed")],
        own(" E08000036", "b"), own("E08000036", "a"), own("E08000037", "\U0001f600"),
        own("E08000037", "\uff01"), own(None, "nowhere"), own("E9", None), own("E9", "nine", MARCH),
    ]  # fmt: skip
    records = frame(spark, "bronze.residents_authorities", rows)
    here = names_here(records.toArrow())
    assert here is not None
    by_spark = {row[0]: row[1] for row in authority_names(records).collect()}
    assert dict(zip(*here.to_pydict().values(), strict=True)) == by_spark
    assert by_spark[LEEDS] == "Leeds"
    assert by_spark["E08000037"] == "\uff01"
    assert len(by_spark) > 10


@pytest.mark.parametrize(
    "text",
    [
        '{"E1":1}',
        '{"E1":null}',
        '{"E1":{}}',
        '{"E1":"a","E1":"b"}',
        "[]",
        '[["E1","a"]]',
        "{",
        '{"E1":"\\ud800"}',
    ],
)
def test_a_map_that_spark_may_read_otherwise_is_left_to_it(spark: SparkSession, text: str) -> None:
    row = {"name_e09000001": "City of London", "_extra": text}
    assert names_here(frame(spark, "bronze.residents_authorities", [row]).toArrow()) is None
