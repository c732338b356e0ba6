"""Flights: which records speak of the same flight, and what they say once typed."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from strata.kit.columns import blank_to_null, flag, parse_bigint, reasons
from strata.kit.history import SUPERSEDED, LatestOf, add_key, conflict_of, keep_latest
from strata.kit.values import mangled_text, parse_boolean, parse_instant
from strata.kit.whole import ENDED, NONE_WHOLE, Whole

SAME_FLIGHT = "same flight as another record"
FOLDS = (SAME_FLIGHT, SUPERSEDED, ENDED)

V3 = "spacex_v3"
"""The source whose flights have a number and no id."""

PRECISIONS = ("hour", "day", "month", "quarter", "half", "year")
"""How far a date is known, in the words of the API, the finest first."""

JSON_CORES = "array<map<string,string>>"
"""A flight's cores, each member as text whatever its JSON type."""

_CONTENT = (
    "flight_id",
    "source",
    "flight_number",
    "flight_name",
    "launch_at",
    "date_precision",
    "is_upcoming",
    "is_success",
    "rocket_id",
    "launchpad_id",
    "payload_count",
    "cores",
    "date_difference_s",
)
_FLIGHT = LatestOf(("_key",), _CONTENT, conflict_of("flight"), SAME_FLIGHT)
_REQUIRED = ("flight_id", "flight_name", "launch_at", "date_precision", "is_upcoming")


def launches_flights(launches: DataFrame, *, whole: Whole = NONE_WHOLE) -> DataFrame:
    """One row per record of a flight, of which one row per flight is neither rejected nor folded.

    A later delivery of a flight supersedes an earlier one. Of records that say the same the least
    by file and record number stands for the flight; where they differ and no order is stated, all
    of them are rejected. A flight that a later whole delivery lacks has been taken back.
    """
    flagged = add_key(_typed(add_flight_id(launches)), "flight_id")
    ordered = flagged.withColumn("_order", F.col("_delivery_date"))
    return keep_latest(ordered, _FLIGHT, _is_sound(), whole).select(
        *_CONTENT, "_file_sha256", "_record_number", "_reasons", "_fold"
    )


def add_flight_id(launches: DataFrame) -> DataFrame:
    """Adds `flight_id`, by which records speak of the same flight: the source's id, or `v3:` and
    the flight's number where the source has none. Null where neither is told. Same grain."""
    numbered = F.concat(F.lit("v3:"), blank_to_null(F.col("flight_number")))
    return launches.withColumn(
        "flight_id", F.when(F.col("source") == V3, numbered).otherwise(blank_to_null(F.col("id")))
    )


# --- types ---------------------------------------------------------------------------------------


def _typed(launches: DataFrame) -> DataFrame:
    """Columns with silver's names and types beside `_reasons`; a value of another type is null and
    a reason.
    """
    told_at, unix = parse_instant(F.col("date_utc")), parse_bigint(F.col("date_unix"))
    # Python and Arrow have no year 0: such a value would break the reading of the quarantine.
    launch_at = F.when(_is_of_the_space_age(told_at), told_at)
    typed = {
        "_flight_number": parse_bigint(F.col("flight_number")).try_cast("int"),
        "launch_at": launch_at,
        "date_precision": blank_to_null(F.col("date_precision")),
        "is_upcoming": parse_boolean(F.col("upcoming")),
        "is_success": parse_boolean(F.col("success")),
        "payload_count": F.json_array_length("payloads"),
        "date_difference_s": F.try_subtract(unix, F.unix_seconds(launch_at)),
        "_reasons": _type_reasons(),
    }
    names = {"flight_name": "name", "rocket_id": "rocket", "launchpad_id": "launchpad"}
    named = {column: blank_to_null(F.col(name)) for column, name in names.items()}
    return (
        launches.withColumns({**typed, **named})
        .drop("flight_number")
        .withColumnRenamed("_flight_number", "flight_number")
    )


def _is_of_the_space_age(at: Column) -> Column:
    return F.year(at).between(1957, 2099)


def _type_reasons() -> Column:
    def unread(name: str, parsed: Column, sentence: str) -> Column:
        return flag(F.col(name).isNotNull() & parsed.isNull(), f"{name} {sentence}")

    whole = parse_bigint(F.col("flight_number")).try_cast("int")
    return reasons(
        F.when(F.col("source") != V3, mangled_text(blank_to_null(F.col("id")), "the flight's id")),
        unread("flight_number", whole, "must be a whole number"),
        unread(
            "date_utc",
            parse_instant(F.col("date_utc")),
            "must be a date and time with its zone, as 2006-03-24T22:30:00.000Z",
        ),
        flag(
            ~_is_of_the_space_age(parse_instant(F.col("date_utc"))),
            "date_utc must be of the years 1957 to 2099",
        ),
        unread("date_unix", parse_bigint(F.col("date_unix")), "must be a whole number of seconds"),
        unread("upcoming", parse_boolean(F.col("upcoming")), "must be true or false"),
        unread("success", parse_boolean(F.col("success")), "must be true, false or null"),
        unread("payloads", F.json_array_length("payloads"), "must be an array"),
        flag(
            F.col("cores").isNotNull() & ~_is_array_of_objects(F.col("cores")),
            "cores must be an array of objects",
        ),
        flag(_has_core_twice(F.col("cores")), "a core must stand once in a flight"),
    )


def _is_array_of_objects(text: Column) -> Column:
    parsed = F.from_json(text, JSON_CORES)
    return F.coalesce(
        text.startswith("[") & ~F.exists(parsed, lambda core: core.isNull()), F.lit(False)
    )


def core_id_of(core: Column) -> Column:
    """The id of one core of a flight: `core`, or the serial number `core_serial` of layout v3.

    Lists of flights write `B1032.2` for the second flight of B1032: the number behind the point is
    the flight's, and the core is B1032. Narrow: a B, four digits, a point or
    hyphen, and one or two digits.
    """
    serial = F.upper(blank_to_null(core["core_serial"]))
    return F.coalesce(
        blank_to_null(core["core"]), F.regexp_replace(serial, r"^(B[0-9]{4})[.-][0-9]{1,2}\z", "$1")
    )


def _has_core_twice(text: Column) -> Column:
    known = F.filter(
        F.transform(F.from_json(text, JSON_CORES), core_id_of), lambda core_id: core_id.isNotNull()
    )
    return F.size(known) != F.size(F.array_distinct(known))


def _is_sound() -> Column:
    """Whether the record keeps what silver's contract and suite ask of a row."""
    is_known = F.lit(True)
    for name in _REQUIRED:
        is_known = is_known & F.col(name).isNotNull()
    in_range = F.coalesce(F.col("flight_number") >= 1, F.lit(True))
    is_precise = F.coalesce(F.col("date_precision").isin(*PRECISIONS), F.lit(False))
    return is_known & in_range & is_precise & (F.size("_reasons") == 0)
