"""The residents feed's transforms on made-up rows; people's histories against the reference model
of the oracle.
"""

from __future__ import annotations

import datetime as dt
import itertools
import random
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from strata.declare.contract import load_contract, struct_type
from strata.feeds.residents.ages import residents_by_age_and_sex
from strata.feeds.residents.authorities import (
    residents_by_authority,
    residents_by_authority_internal,
    residents_history,
)
from strata.feeds.residents.coverage import residents_lookup_coverage
from strata.feeds.residents.moves import residents_moves, residents_moves_by_month
from strata.feeds.residents.params import Params
from strata.feeds.residents.people import residents_people
from strata.feeds.residents.plain import PLAIN
from strata.feeds.residents.postcodes import residents_postcodes
from strata.kit.shared import UNKNOWN, find_shared

from tests.feeds import oracle_residents as oracle
from tests.frames import local_frame
from tests.plain import plain_rows, schema_of

pytestmark = pytest.mark.spark

Row = dict[str, Any]
JANUARY, MARCH, MAY, JULY = (dt.date(2024, month, 1) for month in (1, 3, 5, 7))
YORK, HULL, LEEDS = "E06000014", "E06000010", "E08000035"
# Postcodes of the tests, as the lookup and the reference model know them: authority, and whether
# terminated.
PLACES: dict[str, tuple[str | None, bool]] = {
    "y1": (YORK, False), "y2": (YORK, False), "h1": (HULL, False), "l1": (LEEDS, False), "old": (YORK, True), "none": (None, False),
}  # fmt: skip


def frame(spark: SparkSession, table: str, rows: list[Row]) -> DataFrame:
    """Rows of the table, numbered in one file where they do not say otherwise; what they do not
    name is null.
    """
    fields = tuple(
        field
        for field in load_contract(table).fields
        if field.name not in ("_run_id", "_ingested_at")
    )
    full = [{"_file_sha256": "f", "_record_number": n} | row for n, row in enumerate(rows, 1)]
    schema = struct_type(fields, enforce_required=False)
    return local_frame(spark, ([row.get(field.name) for field in fields] for row in full), schema)


def said(
    person: str, postcode: str | None = "y1", day: dt.date | None = JANUARY, **more: Any
) -> Row:
    """A statement of bronze.residents_users; the postcode stands for its own pseudonym."""
    own = {
        "person_token": person,
        "postcode_token": postcode,
        "postcode_form": "full" if postcode else None,
        "_delivery_date": day,
    }
    return {**own, "identity_token": f"i-{person}", "sex": "f", "birth_year": "1980", **more}


def lookup(spark: SparkSession) -> DataFrame:
    rows = [
        {"postcode_token": token, "authority_code": code, "is_terminated": is_terminated}
        for token, (code, is_terminated) in PLACES.items()
    ]
    return frame(spark, "silver.residents_postcodes", rows)


def people(spark: SparkSession, rows: list[Row]) -> DataFrame:
    return residents_people(frame(spark, "bronze.residents_users", rows), lookup(spark))


def kept(found: DataFrame) -> DataFrame:
    return found.where("size(_reasons) = 0 AND _fold IS NULL")


# --- histories -----------------------------------------------------------------------------------


def state_of(row: Row) -> oracle.State:
    if row.get("deleted") == "true":
        return oracle.State(False)
    sex = {"f": "F", "m": "M"}.get(row["sex"], "unknown")
    return oracle.State(
        True, (row["identity_token"],), sex, int(row["birth_year"]), row["postcode_token"] or ""
    )


def place_of(state: oracle.State) -> tuple[str | None, str | None]:
    if not state.is_resident:
        return None, None
    if not state.place:
        return None, "postcode_missing"
    code, is_terminated = PLACES.get(state.place, (None, False))
    if code and not is_terminated:
        return code, None
    return (
        None,
        "postcode_terminated"
        if is_terminated
        else "postcode_without_authority"
        if state.place in PLACES
        else "postcode_unknown",
    )


def by_model(rows: list[Row]) -> dict[str, list[tuple[Any, ...]]]:
    told: dict[str, list[tuple[dt.date, oracle.State]]] = defaultdict(list)
    for row in rows:
        told[row["person_token"]].append((row["_delivery_date"] or oracle.UNDATED, state_of(row)))
    found = {person: oracle.periods(own, place_of) for person, own in told.items()}
    return {
        person: [
            (
                p.start,
                p.end,
                p.end == oracle.OPEN,
                p.state.is_resident,
                p.state.sex,
                p.authority,
                p.unplaced,
            )
            for p in own
        ]
        for person, own in found.items()
        if own
    }


def by_spark(found: DataFrame) -> dict[str, list[tuple[Any, ...]]]:
    own: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    names = (
        "valid_from",
        "valid_to",
        "is_current",
        "is_resident",
        "sex",
        "authority_code",
        "unplaced",
    )
    for row in (
        kept(found).select("person_token", *names).orderBy("person_token", "valid_from").collect()
    ):
        own[row["person_token"]].append(tuple(row)[1:])
    return dict(own)


SIX = [
    said("p", "y1", JANUARY),
    said("p", "h1", MARCH),
    said("p", "h1", MARCH),
    said("p", None, MAY, deleted="true"),
    said("p", "y1", JULY),
    said("p", "h1", None),
]


def test_a_history_is_the_models_in_all_720_orders_of_arrival_and_for_1000_random_histories(
    spark: SparkSession,
) -> None:
    """Each order is a person of its own: the file hash and record number tell when a record
    arrived.
    """
    rows: list[Row] = []
    for n, order in enumerate(itertools.permutations(SIX)):
        rows += [
            {**row, "person_token": f"order-{n}", "_file_sha256": f"f{k}", "_record_number": n + 1}
            for k, row in enumerate(order)
        ]
    chance = random.Random(7)
    for n in range(1000):
        for k in range(chance.randint(1, 9)):
            row = said(
                f"random-{n}",
                chance.choice(["y1", "y1", "y2", "h1", "l1", "old", "none", "unheard of", None]),
                chance.choice([JANUARY, MARCH, MAY, JULY, None]),
                identity_token=chance.choice(["i", "i", "i", "j"]),
                sex=chance.choice(["f", "f", "m", "unreadable"]),
                deleted=chance.choice([None, None, None, "false", "true"]),
            )
            rows.append({**row, "_file_sha256": f"g{chance.random()}", "_record_number": k})
    chance.shuffle(rows)

    found = people(spark, rows).cache()

    assert by_spark(found) == by_model(rows)
    orders = {person: own for person, own in by_spark(found).items() if person.startswith("order-")}
    assert len(orders) == 720
    assert len({tuple(own) for own in orders.values()}) == 1
    assert len(next(iter(orders.values()))) == 5
    # Each record is accounted for once.
    assert (
        found.count()
        == len(rows)
        == found.select("_file_sha256", "_record_number").distinct().count()
    )
    found.unpersist()


def test_what_becomes_of_each_record(spark: SparkSession) -> None:
    """One behaviour a person; the result is the record's fold, its reasons, or the period it
    begins.
    """
    claim, differ = (
        "different people claim its e-mail address on one date",
        "the records of its person on one date differ, and nothing orders them",
    )
    same, unchanged = (
        "same statement as another record of its person and date",
        "nothing has changed since the person's earlier record",
    )
    cases: list[tuple[Row, str]] = [
        (said("moves within", "y1"), f"2024-01-01 {YORK}"),
        (said("moves within", "y2", MARCH), unchanged),
        (said("repeated"), f"2024-01-01 {YORK}"),
        (said("repeated"), same),
        (said("claimed", "h1"), f"2024-01-01 {HULL}"),
        (said("claimed", "y1", MARCH), claim),
        (said("claimed", "y1", MARCH, identity_token="another"), claim),
        (said("claimed", "h1", MAY), unchanged),
        (said("differs", "y1"), differ),
        (said("differs", "h1"), differ),
        (said("hands over"), f"2024-01-01 {YORK}"),
        (said("hands over", day=MARCH, identity_token="another"), f"2024-03-01 {YORK}"),
        (said("by column", day=MAY, as_of="2024-02-29"), f"2024-02-29 {YORK}"),
        (said("bad date", as_of="unreadable"), "asOf must be a date, YYYY-MM-DD"),
        (said("late date", as_of="2024-01-02"), "asOf must not lie after the delivery"),
        (
            said("early date", day=None, as_of="1850-01-01"),
            "the date of a record must be in [1900-01-01, 9999-12-30]",
        ),
        (said("bad mark", deleted="unreadable"), "deleted must be true or false"),
        (said("undated", day=None), f"1900-01-01 {YORK}"),
        ({**said("x"), "person_token": None}, "the e-mail address must be told, as name@domain"),
        ({**said("x"), "person_token": None}, "the e-mail address must be told, as name@domain"),
        (said("missing", None), "2024-01-01 postcode_missing"),
        (said("malformed", None, postcode_form="malformed"), "2024-01-01 postcode_malformed"),
        (said("outward", None, postcode_form="outward"), "2024-01-01 postcode_outward_only"),
        (
            said("ulster", None, postcode_form="outward", postcode_territory="northern_ireland"),
            "2024-01-01 northern_ireland",
        ),
        (said("jersey", "j", postcode_territory="channel_islands"), "2024-01-01 channel_islands"),
        (said("terminated", "old"), "2024-01-01 postcode_terminated"),
        (said("no authority", "none"), "2024-01-01 postcode_without_authority"),
        (said("unknown", "unheard of"), "2024-01-01 postcode_unknown"),
    ]
    found = people(spark, [row for row, _ in cases]).orderBy("_record_number").collect()
    told = [
        ", ".join(r["_reasons"])
        or r["_fold"]
        or f"{r['valid_from']} {r['authority_code'] or r['unplaced']}"
        for r in found
    ]
    assert told == [expected for _, expected in cases]


def test_nothing_is_kept_of_who_has_left(spark: SparkSession) -> None:
    rows = [said("p"), said("p", "y1", MARCH, deleted="true"), said("p", "h1", MAY)]
    [_, left, back] = kept(people(spark, rows)).orderBy("valid_from").collect()
    assert (left["valid_from"], left["valid_to"], left["is_resident"], left["is_current"]) == (
        MARCH,
        MAY,
        False,
        False,
    )
    assert [
        left[name] for name in ("identity_token", "sex", "birth_year", "authority_code", "unplaced")
    ] == [None] * 5
    assert (back["is_resident"], back["authority_code"]) == (True, HULL)


# --- postcodes -----------------------------------------------------------------------------------


def test_what_becomes_of_each_postcode(spark: SparkSession) -> None:
    def code(
        token: str | None,
        authority: str | None = YORK,
        day: dt.date | None = None,
        month: str | None = None,
    ) -> Row:
        return {
            "postcode_token": token,
            "authority_code": authority,
            "_delivery_date": day,
            "terminated": month,
        }

    conflict = "the records of its postcode differ, and no order is stated: put each delivery in a folder delivery=YYYY-MM-DD"
    cases: list[tuple[Row, str]] = [
        (code("plain"), f"{YORK} York False"),
        (code("ended", month="199606"), f"{YORK} York True"),
        (code("pseudo", "L99999999"), "None None False"),
        (code("merged", "E07000169"), "E07000169 None False"),
        (code("twice"), f"{YORK} York False"),
        (code("twice"), "same postcode as another record"),
        (code("newer", HULL, MARCH), f"{HULL} Hull False"),
        (code("newer", YORK, JANUARY), "superseded by a later delivery"),
        (code("newer", LEEDS), "superseded by a later delivery"),
        (code("contested", HULL), conflict),
        (code("contested", YORK), conflict),
        (code(None), "the postcode must be a full one of the official format"),
        (code("odd", "York"), "the authority must be a nine-character code such as S12000036"),
        (code("odd month", month="1996"), "the month of termination must be YYYYMM"),
    ]
    names = [
        {"authority_code": YORK, "authority_name": "York"},
        # A later delivery of names, as one object that maps codes to names.
        {
            "name_e09000001": "City of London",
            "_extra": f'{{"{HULL}":"Hull"}}',
            "_delivery_date": MARCH,
        },
        {"authority_code": HULL, "authority_name": "Kingston upon Hull"},
    ]
    found = residents_postcodes(
        frame(spark, "bronze.residents_postcodes", [row for row, _ in cases]),
        frame(spark, "bronze.residents_authorities", names),
    )
    rows = found.orderBy("_record_number").collect()
    told = [
        ", ".join(r["_reasons"])
        or r["_fold"]
        or f"{r['authority_code']} {r['authority_name']} {r['is_terminated']}"
        for r in rows
    ]
    assert told == [expected for _, expected in cases]


def test_plain_postcodes_are_those_that_the_transform_accepts(
    spark: SparkSession, tmp_path: Path
) -> None:
    codes = (
        HULL,
        LEEDS,
        "L99999999",
        "",
        None,
        f" {YORK}",
        f"{YORK}\n",
        f"{YORK}\u00a0",
        "e06000014",
        "York",
    )
    months = ("", "199606", "1996", " 199606", "\uff1200101", "199606\n")
    homes = ("", "0", "0012", "+5", "-5", " 5", "1e3", "+-5", "9" * 18, "9" * 19, "0" * 30 + "7")
    odd: list[Row] = [
        *[{"authority_code": code} for code in codes],
        *[{"terminated": month} for month in months],
        *[{"addresses": n} for n in homes],
        *[{"postcode_token": token} for token in (None, None, "")],
    ]
    rows: list[Row] = [
        {"postcode_token": f"p{n}", "authority_code": YORK, **more} for n, more in enumerate(odd)
    ]
    chance = random.Random(11)
    rows += [
        {
            "postcode_token": f"shared {chance.randrange(150)}",
            "authority_code": chance.choice([YORK] * 5 + [HULL, "L99999999", "York"]),
            "terminated": chance.choice([None] * 7 + ["199606", "1996"]),
            "addresses": chance.choice([None, None, "3", "12", "-1", "many"]),
            "_delivery_date": chance.choice([None, JANUARY, MARCH]),
            "_file_sha256": chance.choice("fbz"),
        }
        for _ in range(400)
    ]
    names = frame(
        spark,
        "bronze.residents_authorities",
        [
            {"authority_code": YORK, "authority_name": "York"},
            {"name_e09000001": "London", "_extra": f'{{"{HULL}":"Hull","L99999999":"nowhere"}}'},
        ],
    )
    name, raw = "silver.residents_postcodes", frame(spark, "bronze.residents_postcodes", rows)
    found = [row.asDict() for row in residents_postcodes(raw, names).collect()]
    folded = Counter(row["_fold"] for row in found if row["_fold"])
    accepted = {
        row["_record_number"]: {column: row[column] for column in schema_of(name).names}
        for row in found
        if not row["_reasons"] and not row["_fold"]
    }
    made = {own: make(names).toArrow() for own, (_, make) in PLAIN.made.items()}
    records = {"bronze.residents_postcodes": [row.asDict() for row in raw.collect()]}
    for tasks in (0, 1, 3):
        folder = tmp_path / str(tasks)
        folder.mkdir()
        written, left, done = plain_rows(folder, name, records, tasks, made)
        assert {row["_record_number"]: row for row in written} == accepted
        rejected = {row["_record_number"] for row in found if row["_reasons"]}
        assert {row["_record_number"] for row in left} == rejected
        assert done.folds == dict(folded)
        # The transform tells the same of them where it sees no other one.
        alone = residents_postcodes(frame(spark, "bronze.residents_postcodes", left), names)
        assert in_full(row.asDict() for row in alone.collect()) == in_full(
            row for row in found if row["_reasons"]
        )
    assert min(len(accepted), len(rejected), *folded.values()) > 15


def in_full(rows: Iterable[Any]) -> list[str]:
    """Each row with all its columns, in any order."""
    return sorted(repr(sorted(dict(row).items())) for row in rows)


# --- gold ----------------------------------------------------------------------------------------


def counted(spark: SparkSession, rows: list[Row], as_of: str = "") -> dict[str, dict[str, Any]]:
    """gold.residents_by_authority_internal by authority or reason."""
    history = (
        residents_history(kept(people(spark, rows)).drop("_reasons", "_fold"))
        .where("_fold IS NULL")
        .drop("_fold", "_rows")
    )
    users = frame(spark, "bronze.residents_users", rows)
    found = (
        residents_by_authority_internal(history, users, params=Params(as_of=as_of))
        .where("_fold IS NULL")
        .collect()
    )
    return {row["authority_code"]: row.asDict() for row in found}


def test_people_are_counted_on_the_newest_date_of_the_data_or_the_date_asked_for(
    spark: SparkSession,
) -> None:
    rows = [
        said("a", "y1", JANUARY, birth_year="2009"),
        said("b", "y1", JANUARY, sex="m", birth_year="1900"),
        said("c", "y1", JANUARY, sex=None, birth_year=None),
        said("a", "h1", MARCH, birth_year="2009"),
        said("b", None, MARCH, deleted="true"),
        # Nothing changes, yet the newest date is this one; what is rejected tells no date.
        said("c", "y1", MAY, sex=None, birth_year=None),
        said("d", day=JULY, deleted="unreadable"),
    ]
    now = counted(spark, rows)
    assert {code: (row["people"], row["as_of_date"]) for code, row in now.items()} == {
        YORK: (1, MAY),
        HULL: (1, MAY),
    }
    assert (now[YORK]["people_sex_unknown"], now[YORK]["people_age_unknown"]) == (1, 1)
    assert (now[HULL]["people_f"], now[HULL]["people_0_15"]) == (1, 1)
    then = counted(spark, rows, "2024-02-29")
    assert {code: row["people"] for code, row in then.items()} == {YORK: 3}
    # In 2024 somebody born in 1900 is 124.
    assert (then[YORK]["people_m"], then[YORK]["people_75_plus"], then[YORK]["people_0_15"]) == (
        1,
        1,
        1,
    )
    assert counted(spark, rows, "2023-12-31") == {}


def test_without_any_date_all_are_counted_and_no_age_is_known(spark: SparkSession) -> None:
    [row] = counted(spark, [said("a", day=None), said("b", day=None)]).values()
    assert (row["as_of_date"], row["people"], row["people_age_unknown"]) == (None, 2, 2)


def test_small_numbers_are_hidden_in_the_published_table(spark: SparkSession) -> None:
    sizes = {YORK: 3, HULL: 12, LEEDS: 40}
    rows = [
        {
            "authority_code": code,
            "is_authority": True,
            "as_of_date": MAY,
            "people": n,
            "people_f": n,
            "people_25_34": n,
        }
        for code, n in sizes.items()
    ]
    names = [
        f.name
        for f in load_contract("gold.residents_by_authority_internal").fields
        if f.name.startswith("people")
    ]
    full = [{**dict.fromkeys(names, 0), **row} for row in rows]
    shown = residents_by_authority(
        frame(spark, "gold.residents_by_authority_internal", full), params=Params(suppress_below=10)
    )
    assert {row["authority_code"]: row["people"] for row in shown.collect()} == {
        YORK: None,
        HULL: None,
        LEEDS: 40,
    }
    wider = residents_by_authority(
        frame(spark, "gold.residents_by_authority_internal", full), params=Params(suppress_below=2)
    ).collect()
    assert {row["authority_code"]: (row["people"], row["is_suppressed"]) for row in wider} == {
        c: (n, False) for c, n in sizes.items()
    }


def test_moves_are_counted_from_one_authority_straight_to_another(spark: SparkSession) -> None:
    rows = [
        said(f"m{n}", code, day)
        for n in range(3)
        for code, day in (("y1", JANUARY), ("h1", MARCH), ("y1", MAY), ("h1", JULY))
    ]
    rows += [
        said("through", code, day) for code, day in (("y1", JANUARY), (None, MARCH), ("l1", MAY))
    ]
    rows += [said("stays", code, day) for code, day in (("y1", JANUARY), ("y2", MARCH))]
    found = residents_moves(
        kept(people(spark, rows)).drop("_reasons", "_fold"), params=Params(suppress_below=2)
    ).collect()
    moves = {
        (r["from_authority_code"], r["to_authority_code"]): (r["moves"], r["people"])
        for r in found
        if r["_fold"] is None
    }
    assert moves == {(YORK, HULL): (6, 3), (HULL, YORK): (3, 3)}
    # Every period is accounted for: 12 of those who move, 3 through no place, 1 of who stays.
    assert sum(row["_rows"] for row in found) == 16


def test_moves_are_counted_by_month_as_by_pair(spark: SparkSession) -> None:
    rows = [
        said(f"m{n}", code, day)
        for n in range(3)
        for code, day in (("y1", JANUARY), ("h1", MARCH), ("y1", MAY))
    ]
    # Twice in one month is two moves of one person; within an authority it is none.
    rows += [said("m0", "h1", dt.date(2024, 5, 20)), said("n", "y1"), said("n", "y2", MARCH)]
    periods = kept(people(spark, rows)).drop("_reasons", "_fold")
    found = residents_moves_by_month(periods, params=Params(suppress_below=2)).collect()
    told = {r["month_start"]: (r["moves"], r["people"]) for r in found if r["_fold"] is None}
    assert told == {MARCH.replace(day=1): (3, 3), MAY.replace(day=1): (4, 3)}
    by_pair = residents_moves(periods, params=Params(suppress_below=2)).collect()
    assert sum(row["_rows"] for row in found) == sum(row["_rows"] for row in by_pair)
    hidden = residents_moves_by_month(periods, params=Params(suppress_below=10)).collect()
    assert {r["moves"] for r in hidden if r["_fold"] is None} == {None}


def test_people_by_age_and_sex_on_any_date(spark: SparkSession) -> None:
    rows = [said(f"f{n}", "y1", JANUARY, birth_year="1990") for n in range(12)]
    rows += [said(f"m{n}", "h1", JANUARY, sex="m", birth_year="1990") for n in range(11)]
    rows += [said(f"u{n}", None, JANUARY, sex=None, birth_year=None) for n in range(10)]
    rows += [said(f"f{n}", "y1", MARCH, birth_year="1990", deleted="true") for n in range(12)]
    periods = kept(people(spark, rows)).drop("_reasons", "_fold")
    history = residents_history(periods).where("_fold IS NULL").drop("_fold", "_rows")
    users = frame(spark, "bronze.residents_users", rows)

    def told(**params: Any) -> dict[tuple[str, str], int | None]:
        found = residents_by_age_and_sex(history, users, params=Params(**params)).collect()
        assert sum(row["_rows"] for row in found) == history.count()
        return {(r["age_band"], r["sex"]): r["people"] for r in found if r["_fold"] is None}

    then = told(as_of="2024-02-01")
    assert len(then) == 27
    assert {cell: n for cell, n in then.items() if n} == {
        ("25-34", "F"): 12, ("25-34", "M"): 11, ("unknown", "unknown"): 10,
    }  # fmt: skip
    assert {cell: n for cell, n in told().items() if n} == {
        ("25-34", "M"): 11,
        ("unknown", "unknown"): 10,
    }
    assert {n for n in told(suppress_below=12).values() if n != 0} == {None}
    assert {n for n in told(suppress_below=10, round_to=5).values() if n} == {10}
    assert told(as_of="2023-01-01") == {}


@pytest.mark.parametrize("is_told", [False, True])
def test_addresses_come_from_whichever_lookup_of_a_delivery_counts_them(
    spark: SparkSession, is_told: bool
) -> None:
    """Whether the engine has told which postcodes several records have, or not."""
    rows = [
        {"postcode_token": token, "authority_code": YORK, "addresses": addresses, "_delivery_date": day}
        for token, addresses, day in (
            ("a", None, MARCH), ("a", "12", MARCH), ("b", "7", JANUARY), ("b", None, MARCH), ("c", "many", MARCH),
            ("d", "3", MARCH),
        )
    ]  # fmt: skip
    names = frame(spark, "bronze.residents_authorities", [])
    raw = frame(spark, "bronze.residents_postcodes", rows)
    shared = find_shared(raw, ("postcode_token",), len(rows)) if is_told else UNKNOWN
    found = residents_postcodes(raw, names, shared=shared)
    assert {row["postcode_token"]: row["addresses"] for row in kept(found).collect()} == {
        "a": 12,
        "b": None,
        "d": 3,
    }
    (refused,) = found.where("size(_reasons) > 0").collect()
    assert refused["_reasons"] == ["the number of addresses must be a whole number"]


def test_what_the_lookup_holds_of_each_authority(spark: SparkSession, tmp_path: Path) -> None:
    def place(
        token: str, code: str | None, addresses: int | None, is_terminated: bool = False
    ) -> Row:
        more = {"authority_name": code, "is_terminated": is_terminated, "addresses": addresses}
        return {"postcode_token": token, "authority_code": code, **more}

    lookup = [
        place("a", YORK, 30),
        place("b", YORK, 10),
        place("c", YORK, 99, True),
        place("d", HULL, None),
        place("e", None, 5),
        place("f", LEEDS, 0),
    ]
    public = [
        {
            "authority_code": code,
            "is_authority": code != "postcode_unknown",
            "people": n,
            "is_suppressed": n is None,
            "suppressed_below": 10,
            "rounded_to": 1,
        }
        for code, n in ((YORK, 12), (HULL, None), ("postcode_unknown", 40))
    ]
    name, read = (
        "gold.residents_lookup_coverage",
        [
            frame(spark, "silver.residents_postcodes", lookup),
            frame(spark, "gold.residents_by_authority", public),
        ],
    )
    found = residents_lookup_coverage(*read).collect()
    names = (
        "postcodes_in_use",
        "postcodes_terminated",
        "addresses",
        "people",
        "is_suppressed",
        "people_per_1000_addresses",
    )
    assert {row["authority_code"]: tuple(row[name] for name in names) for row in found} == {
        YORK: (2, 1, 40, 12, False, 300.0),
        HULL: (1, 0, None, None, True, None),
        LEEDS: (1, 0, 0, 0, False, None),
        "postcode_without_authority": (1, 0, 5, 0, False, 0.0),
    }
    assert sum(row["_rows"] for row in found) == len(lookup)
    own = ("silver.residents_postcodes", "gold.residents_by_authority")
    held = {
        table: [row.asDict() for row in f.collect()] for table, f in zip(own, read, strict=True)
    }
    for tasks in (1, 3):
        folder = tmp_path / str(tasks)
        folder.mkdir()
        written, _, done = plain_rows(folder, name, held, tasks)
        by_spark = {row["authority_code"]: row.asDict() for row in found}
        assert {
            row["authority_code"]: {**row, "_rows": by_spark[row["authority_code"]]["_rows"]}
            for row in written
        } == by_spark
        assert done.rows == len(lookup)


def test_who_stays_while_an_authority_becomes_another_has_not_moved(spark: SparkSession) -> None:
    periods = [
        # Allerdale became a part of Cumberland; Taunton Deane, twice over, of Somerset.
        ("stays", "E07000026", "E06000063"), ("stays too", "E07000190", "E06000066"),
        ("recoded", "S12000015", "S12000047"), ("back", "E06000063", "E07000028"),
        # These are two places: of one time, or of others.
        ("moves", "E07000026", "E07000028"), ("moves far", "E07000026", "E06000066"),
    ]  # fmt: skip
    columns = (
        "person_token string, authority_code string, authority_name string, "
        "valid_from date, valid_to date"
    )
    rows = [
        (person, code, code, *days)
        for person, *codes in periods
        for code, days in zip(codes, ((JANUARY, MARCH), (MARCH, MAY)), strict=True)
    ]
    # Between the two the person was nowhere: a whole delivery told so.
    rows += [("came back", "E07000026", "E07000026", JANUARY, MARCH)]
    rows += [("came back", "E07000191", "E07000191", MAY, JULY)]
    found = residents_moves(
        spark.createDataFrame(rows, columns), params=Params(suppress_below=2)
    ).collect()
    moves = {(r["from_authority_code"], r["to_authority_code"]) for r in found if not r["_fold"]}
    assert moves == {("E07000026", "E07000028"), ("E07000026", "E06000066")}
    assert sum(row["_rows"] for row in found) == len(rows)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("as_of", "2024-02-30"),
        ("as_of", "today"),
        ("as_of", "20240101"),
        ("suppress_below", 1),
        ("round_to", 0),
        ("round_to", 3),
    ],
)
def test_a_wrong_parameter_is_told(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=name.replace("_", "-")):
        Params(**{name: value})
