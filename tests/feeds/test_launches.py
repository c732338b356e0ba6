"""The launches feed: what each rule does to made-up flights, and how files of other layouts are
met.
"""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from strata.declare.contract import load_contract, struct_type
from strata.declare.source_contract import load_layouts
from strata.declare.suite import load_suite
from strata.errors import BadFile
from strata.feeds import launches
from strata.feeds.launches.core_flights import NO_CORE, launches_core_flights
from strata.feeds.launches.flights import SAME_FLIGHT, SUPERSEDED, launches_flights
from strata.feeds.launches.reuse import (
    FIRST,
    NO_KNOWN_CORE,
    NOT_FLOWN,
    TWIN,
    launches_core_reuse,
    launches_core_turnarounds,
)
from strata.feeds.launches.years import (
    NONE_FLOWN,
    launches_landing_years,
    launches_turnaround_years,
)
from strata.fs.listing import list_raw
from strata.gate import gate, judging
from strata.kit.table import Rows
from strata.kit.whole import ENDED, Whole
from strata.raw.look import Look, look
from strata.raw.read import bronze_frame
from strata.run.arrivals import drift

from tests.frames import local_frame

SAMPLE = Path(__file__).parents[2] / "samples" / "launches" / "launches" / "spacex_launches_v5.json"
BRONZE = "bronze.launches_launches"
FLIGHTS, CORE_FLIGHTS = "silver.launches_flights", "silver.launches_core_flights"
ENGINE_ONLY = ("_run_id", "_ingested_at")
UTC = dt.timezone.utc


# --- frames --------------------------------------------------------------------------------------


def flight(
    name: str, at: str = "2020-01-01T00:00:00.000Z", cores: Any = (), **more: Any
) -> dict[str, Any]:
    """A bronze record of layout v5: flown, dated to the hour."""
    told = {
        "id": name,
        "name": name,
        "date_utc": at,
        "date_precision": "hour",
        "upcoming": "false",
        "source": "spacex",
    }
    return {
        **told,
        "cores": cores if cores is None or isinstance(cores, str) else json.dumps(list(cores)),
        **more,
    }


def bronze(spark: SparkSession, *rows: dict[str, Any]) -> DataFrame:
    """Bronze rows as told, the rest null; numbered from 1 in a file of their own."""
    fields = tuple(field for field in load_contract(BRONZE).fields if field.name not in ENGINE_ONLY)
    full = [{"_file_sha256": "f", "_record_number": n} | row for n, row in enumerate(rows, 1)]
    schema = struct_type(fields, enforce_required=False)
    return local_frame(spark, ([row.get(field.name) for field in fields] for row in full), schema)


def judge(frame: DataFrame, table: str) -> DataFrame:
    """The frame after its gate's row rules."""
    rows = next((t.rows for t in launches.TABLES if t.name == table), Rows.ONE_TO_ONE)
    return judging.judge(frame, gate.row_rules(frame, load_suite(table)), rows)


def accepted(frame: DataFrame, table: str) -> DataFrame:
    return judge(frame, table).where(judging.is_accepted()).select(*load_contract(table).columns)


def outcomes(frame: DataFrame, table: str, key: str) -> dict[Any, str | list[str] | None]:
    """What becomes of each row: its fold, its reasons, or None."""
    return {
        row[key]: row["_fold"] or sorted(row["_reasons"]) or None
        for row in judge(frame, table).collect()
    }


def core_flights_of(spark: SparkSession, *rows: dict[str, Any]) -> DataFrame:
    """silver.launches_core_flights of these bronze records."""
    flights = accepted(launches_flights(bronze(spark, *rows)), FLIGHTS)
    return accepted(launches_core_flights(flights), CORE_FLIGHTS)


# --- flights -------------------------------------------------------------------------------------

DATED = {"_delivery_date": dt.date(2024, 1, 2)}
CONFLICT = (
    "the records of its flight differ, and no order is stated: put each delivery in a folder "
    "delivery=YYYY-MM-DD"
)
# Each record, and what becomes of it.
RECORDS: list[tuple[dict[str, Any], str | list[str] | None]] = [
    (flight("a"), None),
    (flight("a", links='{"other": 1}'), SAME_FLIGHT),
    (flight("b"), SUPERSEDED),
    (flight("b", success="true", **DATED), None),
    (flight("b", success="false", _delivery_date=dt.date(2024, 1, 1)), SUPERSEDED),
    (flight("c", success="true"), [CONFLICT]),
    (flight("c", success="false"), [CONFLICT]),
    # A later delivery that cannot be read supersedes nothing.
    (flight("d"), None),
    (flight("d", upcoming="maybe", **DATED), ["upcoming must be true or false"]),
    (flight("e", date_precision="week", **DATED), ["date_precision must be hour, day, month, quarter, half or year"]),
    (flight("e"), None),
    (flight("f", flight_number="0", **DATED), ["flight_number must be at least 1"]),
    (flight("f", flight_number="12"), None),
    (flight("g", at="2020-01-01 00:00:00"),
     ["date_utc must be a date and time with its zone, as 2006-03-24T22:30:00.000Z"]),
    (flight("h", at="2020-02-30T00:00:00Z"),
     ["date_utc must be a date and time with its zone, as 2006-03-24T22:30:00.000Z"]),
    (flight("h2", at="0000-01-01T00:00:00Z", date_unix="-9223372036854775808"),
     ["date_utc must be of the years 1957 to 2099"]),
    (flight("i", cores='{"core": "x"}'), ["cores must be an array of objects"]),
    (flight("j", cores='["x"]'), ["cores must be an array of objects"]),
    (flight("k", cores='[{"core": "x"}, {"core": "x"}]'), ["a core must stand once in a flight"]),
    (flight("l", cores='[{"core": null}, {"core": null}]'), None),
    (flight("m", success="1", payloads="5", date_unix="soon", flight_number="1.5"),
     ["date_unix must be a whole number of seconds", "flight_number must be a whole number", "payloads must be an array",
      "success must be true, false or null"]),
    (flight("m2", id="5.01235E+23"),
     ["the flight's id is in exponent form: a spreadsheet has cut its digits; export it as text"]),
    (flight("m3", id="None"), ["the flight's id is a program's word for nothing, and no id: leave it empty"]),
    (flight("n", id=" "), ["a flight must have an id, or in layout v3 a number"]),
    (flight("o") | {"name": None}, ["a flight must have a name"]),
    (flight("p", source="spacex_v3", id=None, flight_number="7"), None),
    (flight("p", source="spacex_v3", id=None, flight_number="7"), SAME_FLIGHT),
    (flight("q", cores=None), None),
]  # fmt: skip


@pytest.mark.spark
@pytest.mark.parametrize("order", [1, -1], ids=["as told", "reversed"])
def test_what_becomes_of_each_record(spark: SparkSession, order: int) -> None:
    numbered = [{**row, "_record_number": n} for n, (row, _) in enumerate(RECORDS)]
    frame = launches_flights(bronze(spark, *numbered[::order]))
    assert outcomes(frame, FLIGHTS, "_record_number") == {
        n: expected for n, (_, expected) in enumerate(RECORDS)
    }


@pytest.mark.spark
def test_a_flight_is_typed(spark: SparkSession) -> None:
    record = flight(
        "a",
        "2012-05-22T07:44:00.500+02:00",
        [{"core": "x"}],
        flight_number="21",
        date_unix="1337665441",
        success="true",
        payloads='["p", "q"]',
    )
    [row] = accepted(launches_flights(bronze(spark, record)), FLIGHTS).collect()
    assert (
        row["flight_id"],
        row["flight_number"],
        row["is_upcoming"],
        row["is_success"],
        row["payload_count"],
    ) == (
        "a",
        21,
        False,
        True,
        2,
    )
    assert row["launch_at"].astimezone(UTC) == dt.datetime(2012, 5, 22, 5, 44, 0, 500_000, UTC)
    assert row["date_difference_s"] == 1


# --- core flights --------------------------------------------------------------------------------


@pytest.mark.spark
def test_each_core_of_a_flight_has_a_row_and_a_rule(spark: SparkSession) -> None:
    records = [
        flight(
            "heavy",
            cores=[{"core": "x", "flight": 2, "reused": True}, {"core": "y"}, {"core": None}],
        ),
        flight("upcoming", cores=[{"core": "x"}], upcoming="true"),
        flight("coarse", cores=[{"core": "x"}], date_precision="day"),
        flight("unknown, upcoming", cores=[{"core": ""}], upcoming="true"),
        flight("v3", cores=[{"core_serial": "B1", "landing_intent": True, "land_success": False}]),
        flight("no cores"),
        flight("cores of null", cores=None),
        flight("newer", cores=[{"core": "z", "mass": {"kg": 1}, "age": 2}]),
        flight(
            "retyped",
            cores=[
                {"core": "z", "flight": "two", "reused": "yes", "landing_success": 1},
                {"core": "w"},
            ],
        ),
        flight("too low", cores=[{"core": "z", "flight": 0}]),
        flight("of no core", cores=[{"core": "None"}]),
    ]
    flights = accepted(launches_flights(bronze(spark, *records)), FLIGHTS)
    rows = judge(launches_core_flights(flights), CORE_FLIGHTS).collect()
    told = {(row["flight_id"], row["core_number"]): row for row in rows}

    assert sum(row["_rows"] for row in rows) == len(records)
    rules = {
        ("heavy", 1): "counted", ("heavy", 2): "counted", ("heavy", 3): "unknown_core", ("upcoming", 1): "upcoming",
        ("coarse", 1): "coarse_date", ("unknown, upcoming", 1): "unknown_core", ("v3", 1): "counted",
    }  # fmt: skip
    assert {key: told[key]["reuse_rule"] for key in rules} == rules
    assert (told["heavy", 1]["source_flight"], told["heavy", 1]["is_source_reused"]) == (2, True)
    v3 = told["v3", 1]
    assert (v3["core_id"], v3["is_landing_attempted"], v3["is_landed"]) == ("B1", True, False)
    assert (told["no cores", None]["_fold"], told["cores of null", None]["_fold"]) == (
        NO_CORE,
        NO_CORE,
    )
    assert (told["newer", 1]["unknown_members"], told["newer", 1]["_reasons"]) == ("age, mass", [])
    assert told["retyped", 1]["_reasons"] == [
        "a core's flight must be a whole number",
        "a core's reused must be true, false or null",
        "a core's landing success must be true, false or null",
    ]
    assert told["retyped", 2]["_reasons"] == []
    assert told["too low", 1]["_reasons"] == ["a core's flight must be at least 1"]
    assert told["of no core", 1]["_reasons"] == [
        "a core's id is a program's word for nothing, and no id: leave it empty"
    ]


def delivered(day: int, *names: str) -> list[dict[str, Any]]:
    """A delivery of these flights, each saying the same every day."""
    dated = {"_delivery_date": dt.date(2024, 1, day), "_layout": "v5"}
    return [flight(name, _file_sha256=f"file {day}", **dated) for name in names]


@pytest.mark.spark
def test_a_whole_delivery_takes_back_what_it_lacks(spark: SparkSession) -> None:
    """The day and one that was told without a date; a flight of the other API has its own."""
    records = [
        *delivered(1, "a", "b", "late"),
        *delivered(2, "a"),
        *delivered(3, "late"),
        flight("undated", _layout="v5"),
        flight("x", source="spacex_v3", flight_number="65", _layout="v3"),
        # What is wrong with it need not be mended any more.
        flight("broken", "soon", _delivery_date=dt.date(2024, 1, 1), _layout="v5"),
    ]
    whole = Whole({"v5": "v5"}, {"v5": (dt.date(2024, 1, 2),)})
    found = launches_flights(bronze(spark, *records), whole=whole).collect()
    assert {row["flight_id"] for row in found if row["_fold"] is None} == {"a", "late", "v3:65"}
    assert sorted(row["flight_id"] for row in found if row["_fold"] == ENDED) == [
        "b",
        "broken",
        "undated",
    ]
    assert not any(row["_reasons"] for row in found)


# --- reuse ---------------------------------------------------------------------------------------


def chain(core: str, *times: str, precision: str = "hour", **more: Any) -> list[dict[str, Any]]:
    return [
        flight(f"{core} {at}", at, [{"core": core}], date_precision=precision, **more)
        for at in times
    ]


MADE = [
    # Exactly 50 days, a millisecond less, a millisecond more; across a leap day and a change of
    # summer time.
    *chain(
        "fifty",
        "2020-02-01T12:00:00.000Z",
        "2020-03-22T12:00:00.000Z",
        "2020-05-11T11:59:59.999Z",
        "2020-06-30T12:00:00.000Z",
    ),
    *chain("offset", "2021-01-01T00:00:00+14:00", "2021-02-19T00:00:00-10:00"),
    # A day, or a month, that lies wholly between two flights bounds both turnarounds.
    *chain("between", "2021-01-01T10:00:00Z", "2021-03-01T10:00:00Z", "2021-03-20T10:00:00Z"),
    *chain("between", "2021-02-10T00:00:00Z", precision="day"),
    *chain("between", "2020-11-01T00:00:00Z", precision="month"),
    # The day of another flight leaves open which of the two came first.
    *chain("same day", "2021-01-01T10:00:00Z", "2021-01-20T10:00:00Z", "2021-02-05T10:00:00Z"),
    *chain("same day", "2021-01-20T00:00:00Z", precision="day"),
    # So does a half-year within which others flew; a flight after it is known again.
    *chain("half", "2021-06-30T10:00:00Z", "2021-07-02T00:00:00Z", "2022-01-05T00:00:00Z"),
    *chain("half", "2022-01-07T00:00:00Z"),
    *chain("half", "2021-08-01T00:00:00Z", precision="half"),
    # A mission that was entered twice is one flight of its core.
    *chain("twice", "2021-01-01T00:00:00Z", "2021-02-20T00:00:00Z"),
    flight("copy", "2021-02-20T00:00:00Z", [{"core": "twice"}]),
    # An upcoming flight, be it dated between two others, hides nothing.
    *chain("planned", "2021-01-01T00:00:00Z", "2021-01-11T00:00:00Z"),
    *chain("planned", "2021-01-05T00:00:00Z", upcoming="true"),
    *chain("planned", "2021-01-06T00:00:00Z", upcoming="true", precision="month"),
    *chain("only coarse", "2021-01-01T00:00:00Z", precision="year"),
    flight("unknown 1", "2021-01-01T00:00:00Z", [{"core": None}]),
    flight("unknown 2", "2021-01-02T00:00:00Z", [{"core": None}]),
]


@pytest.fixture(scope="module")
def made(spark: SparkSession) -> DataFrame:
    return core_flights_of(spark, *MADE).localCheckpoint()


# The rule, the least and the most days of each reuse, by core and number.
REUSES = {
    ("fifty", 1): ("measured", 50.0, 50.0),
    ("fifty", 2): ("measured", 49.99999998842593, 49.99999998842593),
    ("fifty", 3): ("measured", 50.00000001157407, 50.00000001157407),
    ("offset", 1): ("measured", 50.0, 50.0),
    # 1 January 10:00 lies 31 days and 10 hours after November's end, and 61 after its start.
    ("between", 1): ("bounded", 31 + 10 / 24, 61 + 10 / 24),
    ("between", 2): ("bounded", 39 + 14 / 24, 40 + 14 / 24),
    ("between", 3): ("bounded", 18 + 10 / 24, 19 + 10 / 24),
    ("between", 4): ("measured", 19.0, 19.0),
    ("same day", 1): ("bounded", 0.0, 19 + 14 / 24),
    ("same day", 2): ("bounded", 0.0, 19.0),
    ("same day", 3): ("bounded", 15 + 10 / 24, 16.0),
    ("half", 1): ("bounded", 0.0, 184 + 14 / 24),
    ("half", 2): ("bounded", 0.0, 1 + 14 / 24),
    ("half", 3): ("bounded", 4.0, 187.0),
    ("half", 4): ("measured", 2.0, 2.0),
    ("planned", 1): ("measured", 10.0, 10.0),
    ("twice", 1): ("measured", 50.0, 50.0),
}


@pytest.mark.spark
def test_a_turnaround_is_measured_or_bounded_by_coarse_dates(made: DataFrame) -> None:
    table = "gold.launches_core_turnarounds"
    judged = judge(launches_core_turnarounds(made), table).collect()
    assert len(judged) == made.count()
    kept = {(row["core_id"], row["reuse_number"]): row for row in judged if row["_fold"] is None}
    assert {key: row["turnaround_rule"] for key, row in kept.items()} == {
        key: rule for key, (rule, _, _) in REUSES.items()
    }
    for key, (_, least, most) in REUSES.items():
        found = kept[key]["least_turnaround_days"], kept[key]["turnaround_days"]
        assert found == pytest.approx((least, most), rel=1e-14), key
    assert kept["between", 2]["previous_flight_id"] == "between 2021-01-01T10:00:00Z"
    assert kept["between", 4]["previous_flight_id"] == "between 2021-03-01T10:00:00Z"
    assert {key for key, row in kept.items() if row["previous_flight_id"] is None} == {
        ("same day", 1), ("same day", 2), ("same day", 3), ("half", 1), ("half", 2), ("half", 3),
    }  # fmt: skip
    folds = [row["_fold"] for row in judged]
    assert {fold: folds.count(fold) for fold in set(folds) - {None}} == {
        FIRST: 8,
        TWIN: 1,
        NOT_FLOWN: 2,
        NO_KNOWN_CORE: 2,
    }


@pytest.mark.spark
def test_reuse_is_flown_flights_less_one(made: DataFrame) -> None:
    rows = {row["core_id"]: row for row in launches_core_reuse(made).collect()}
    assert sum(row["_rows"] for row in rows.values()) == made.count()
    named = ("flights", "reuse_count", "coarse_flights", "repeated_flights", "upcoming_flights")
    assert {core: (*(row[name] for name in named), row["_fold"]) for core, row in rows.items()} == {
        "fifty": (4, 3, 0, 0, 0, None), "offset": (2, 1, 0, 0, 0, None), "between": (5, 4, 2, 0, 0, None),
        "same day": (4, 3, 1, 0, 0, None), "half": (5, 4, 1, 0, 0, None), "twice": (2, 1, 0, 1, 0, None),
        "planned": (2, 1, 0, 0, 2, None), "only coarse": (1, 0, 1, 0, 0, None),
        None: (0, -1, 0, 0, 0, NO_KNOWN_CORE),
    }  # fmt: skip
    first, last = (
        rows["fifty"][name].astimezone(UTC) for name in ("first_launch_at", "last_launch_at")
    )
    assert first == dt.datetime(2020, 2, 1, 12, tzinfo=UTC)
    assert last == dt.datetime(2020, 6, 30, 12, tzinfo=UTC)


@pytest.mark.spark
@pytest.mark.parametrize(
    ("told", "core"),
    [
        ("B1032", "B1032"),
        ("b1032", "B1032"),
        ("B1032.2", "B1032"),
        ("B1049-12", "B1049"),
        ("Merlin1A", "MERLIN1A"),
    ],
)
def test_a_serial_that_carries_the_flights_number_is_the_cores(
    spark: SparkSession, told: str, core: str
) -> None:
    [row] = core_flights_of(spark, flight("f", cores=[{"core_serial": told}])).collect()
    assert row["core_id"] == core


@pytest.mark.spark
def test_the_sources_own_numbers_are_checked_against_the_order_in_time(spark: SparkSession) -> None:
    def flights(core: str, *told: tuple[Any, Any]) -> list[dict[str, Any]]:
        return [
            flight(
                f"{core}{n}",
                f"2021-01-0{n}T00:00:00Z",
                [{"core": core, "flight": number, "reused": reused}],
            )
            for n, (number, reused) in enumerate(told, 1)
        ]

    records = [
        *flights("right", (1, False), (2, True)),
        *flights("untold", (None, None), (2, None)),
        *flights("gap", (1, False), (3, True)),
        *flights("slip", (1, False), (2, False), (3, True)),
        *flights("late", (4, True)),
        # Entered twice, a flight has one place, and those after it keep theirs.
        *flights("twin", (1, False), (2, True), (3, True)),
        flight("twin2b", "2021-01-02T00:00:00Z", [{"core": "twin", "flight": 2, "reused": True}]),
        # An upcoming flight's number is a plan.
        flight(
            "later",
            "2021-02-01T00:00:00Z",
            [{"core": "right", "flight": 9, "reused": False}],
            upcoming="true",
        ),
    ]
    rows = launches_core_reuse(core_flights_of(spark, *records)).collect()
    assert {row["core_id"]: (row["source_flights"], row["source_disagreements"]) for row in rows} == {
        "right": (2, 0), "untold": (2, 0), "gap": (3, 1), "slip": (3, 1), "late": (4, 1),
        "twin": (3, 0),
    }  # fmt: skip


@pytest.mark.spark
def test_years_sum_up_turnarounds_and_landings(spark: SparkSession, made: DataFrame) -> None:
    turnarounds = accepted(launches_core_turnarounds(made), "gold.launches_core_turnarounds")
    years = {
        row["launch_year"]: row.asDict() for row in launches_turnaround_years(turnarounds).collect()
    }
    named = (
        "reuses",
        "turnarounds",
        "turnarounds_under_50_days",
        "turnarounds_perhaps_under_50_days",
    )
    assert {year: tuple(row[name] for name in named) for year, row in years.items()} == {
        2020: (3, 3, 1, 0), 2021: (12, 4, 8, 2), 2022: (2, 1, 1, 1),
    }  # fmt: skip
    least, median, most = (
        years[2021][f"{name}_turnaround_days"] for name in ("min", "median", "max")
    )
    assert (least, median, most) == (10.0, 34.5, 50.0)
    assert years[2021]["mean_turnaround_days"] == pytest.approx(129 / 4, rel=1e-15)

    def landing(name: str, attempted: Any, landed: Any, **more: Any) -> dict[str, Any]:
        return flight(
            name,
            cores=[{"core": name, "landing_attempt": attempted, "landing_success": landed}],
            **more,
        )

    records = [
        landing("a", True, True), landing("b", True, False), landing("c", True, True, date_precision="year"), landing("d", True, None),
        landing("e", False, None), landing("f", None, None), landing("g", None, None, upcoming="true"),
        landing("h", True, True, upcoming="true", date_utc="2030-01-01T00:00:00Z"),
    ]  # fmt: skip
    rows = {
        row["launch_year"]: row.asDict()
        for row in launches_landing_years(core_flights_of(spark, *records)).collect()
    }
    assert rows[2020] == {
        "launch_year": 2020, "core_flights": 6, "landing_attempts": 4, "landings": 2, "failed_landings": 1, "untold_landings": 1,
        "landing_success_share": 2 / 3, "_rows": 7, "_fold": None,
    }  # fmt: skip
    assert (rows[2030]["_rows"], rows[2030]["_fold"]) == (1, NONE_FLOWN)


# --- layouts and their changes -------------------------------------------------------------------

V3 = {
    "flight_number": 65, "mission_name": "Telstar 19V", "launch_date_utc": "2018-07-22T05:50:00.000Z", "launch_date_unix": 1532238600,
    "tentative_max_precision": "hour", "upcoming": False, "launch_success": True, "mission_id": ["F4F83DE"],
    "rocket": {
        "rocket_id": "falcon9", "rocket_type": "FT",
        "first_stage": {"cores": [{"core_serial": "B1047", "flight": 1, "block": 5, "reused": False, "land_success": True,
                                   "landing_intent": True, "landing_type": "ASDS", "landing_vehicle": "JRTI"}]},
        "second_stage": {"block": 5, "payloads": [{"payload_id": "Telstar 19V", "customers": ["Telesat"], "orbit": "GTO"}]},
    },
}  # fmt: skip


def looked(folder: Path, records: Any) -> Look:
    path = folder / "launches" / "launches" / "x.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(records), encoding="utf-8")
    [file] = list_raw(str(folder), "launches", "launches")[0]
    return look(file, load_layouts("launches"))


def first_records(count: int = 3, **changes: Any) -> list[dict[str, Any]]:
    return [
        {**record, **changes} for record in json.loads(SAMPLE.read_text(encoding="utf-8"))[:count]
    ]


def test_version_5_has_every_field_and_version_4_is_read_alike(tmp_path: Path) -> None:
    seen = looked(tmp_path, first_records())
    assert (seen.layout, seen.records, drift(seen)) == ("v5", 3, "")
    old = [
        {key: value for key, value in record.items() if key != "net"} | {"crew": ["5ebf"]}
        for record in first_records()
    ]
    assert (looked(tmp_path, old).layout, drift(looked(tmp_path, old))) == (
        "v5",
        "not in the file: net",
    )


def test_a_new_field_is_kept_and_told_and_a_missing_one_is_told(tmp_path: Path) -> None:
    records = [
        {key: value for key, value in record.items() if key != "ships"}
        for record in first_records(orbit="LEO")
    ]
    assert drift(looked(tmp_path, records)) == "kept in _extra: orbit; not in the file: ships"


@pytest.mark.parametrize("field", ["id", "name", "date_utc", "date_precision", "upcoming", "cores"])
def test_a_file_without_a_field_that_is_needed_is_refused(tmp_path: Path, field: str) -> None:
    records = [
        {key: value for key, value in record.items() if key != field} for record in first_records()
    ]
    with pytest.raises(
        BadFile, match=f"must be those of a known layout; the nearest, v5, also needs '{field}'"
    ):
        looked(tmp_path, records)


def test_a_flat_file_without_the_precision_of_its_dates_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="the nearest, v3, also needs 'tentative_max_precision'"):
        looked(
            tmp_path,
            [{key: value for key, value in V3.items() if key != "tentative_max_precision"}],
        )


@pytest.mark.spark
def test_version_3_is_read_by_numbers_and_serials(spark: SparkSession, tmp_path: Path) -> None:
    seen = looked(tmp_path, [V3])
    assert (seen.layout, "mission_id" in drift(seen)) == ("v3", True)
    frame = bronze_frame(spark, [seen], load_layouts("launches"), load_contract(BRONZE).columns)
    flights = accepted(launches_flights(frame), FLIGHTS)
    [row] = flights.collect()
    assert (row["flight_id"], row["flight_name"], row["rocket_id"], row["payload_count"]) == (
        "v3:65",
        "Telstar 19V",
        "falcon9",
        1,
    )
    assert (row["date_difference_s"], row["is_success"]) == (0, True)
    [core] = accepted(launches_core_flights(flights), CORE_FLIGHTS).collect()
    assert (core["core_id"], core["source_flight"], core["is_landed"], core["landpad_id"]) == (
        "B1047",
        1,
        True,
        "JRTI",
    )
    assert (core["reuse_rule"], core["unknown_members"]) == ("counted", None)
