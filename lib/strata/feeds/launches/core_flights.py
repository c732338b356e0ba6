"""Core flights: each core of each flight, and whether the flight counts when reuse is told."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from strata.feeds.launches.flights import JSON_CORES, core_id_of
from strata.kit.columns import blank_to_null, flag, parse_bigint, reasons
from strata.kit.values import mangled_text, parse_boolean

NO_CORE = "the flight tells no core"
FOLDS = (NO_CORE,)

COUNTED, UNKNOWN_CORE, UPCOMING, COARSE_DATE = "counted", "unknown_core", "upcoming", "coarse_date"

# Members of a core in layouts v4 and v5, then in v3.
_KNOWN = (
    "core",
    "flight",
    "gridfins",
    "legs",
    "reused",
    "landing_attempt",
    "landing_success",
    "landing_type",
    "landpad",
    "core_serial",
    "block",
    "landing_intent",
    "land_success",
    "landing_vehicle",
)


def launches_core_flights(flights: DataFrame) -> DataFrame:
    """One row per core and flight, in the order in which the flight tells its cores; a flight
    without any is folded.

    | flight           | cores             | gives                                        |
    | ---------------- | ----------------- | -------------------------------------------- |
    | a Falcon Heavy   | A, B, C           | three rows                                   |
    | a Falcon 9       | one, its id null  | one row with reuse_rule `unknown_core`       |
    | an upcoming one  | an empty array    | a row that is folded: it tells no core       |
    """
    exploded = flights.select(
        "*", F.posexplode_outer(F.from_json("cores", JSON_CORES)).alias("_place", "_core")
    )
    core = F.col("_core")
    typed = exploded.withColumns(
        {
            "core_number": F.col("_place") + 1,
            "core_id": core_id_of(core),
            "launch_year": F.year("launch_at"),
            "source_flight": parse_bigint(core["flight"]).try_cast("int"),
            "is_source_reused": parse_boolean(core["reused"]),
            "is_landing_attempted": parse_boolean(_attempt(core)),
            "is_landed": parse_boolean(_landed(core)),
            "landing_type": blank_to_null(core["landing_type"]),
            "landpad_id": F.coalesce(
                blank_to_null(core["landpad"]), blank_to_null(core["landing_vehicle"])
            ),
            "unknown_members": _unknown_members(core),
            "_reasons": _reasons(core),
            "_fold": flag(core.isNull(), NO_CORE),
            # The first core answers for the flight's row, the others for none.
            "_rows": F.when(F.coalesce(F.col("_place"), F.lit(0)) == 0, 1).otherwise(0),
        }
    )
    return typed.withColumn("reuse_rule", _reuse_rule()).drop(
        "source",
        "flight_number",
        "flight_name",
        "is_success",
        "rocket_id",
        "launchpad_id",
        "payload_count",
        "cores",
        "date_difference_s",
        "_place",
        "_core",
    )


def _reuse_rule() -> Column:
    """Whether the core's flight counts with an exact date (known to the hour), with a coarse one,
    or not at all.
    """
    return (
        F.when(F.col("core_id").isNull(), UNKNOWN_CORE)
        .when(F.col("is_upcoming"), UPCOMING)
        .when(F.col("date_precision") != "hour", COARSE_DATE)
        .otherwise(COUNTED)
    )


def _attempt(core: Column) -> Column:
    return F.coalesce(core["landing_attempt"], core["landing_intent"])


def _landed(core: Column) -> Column:
    return F.coalesce(core["landing_success"], core["land_success"])


def _unknown_members(core: Column) -> Column:
    """Members that no known layout has, in order; null where there are none."""
    unknown = F.array_except(F.map_keys(core), F.array(*map(F.lit, _KNOWN)))
    return F.nullif(F.array_join(F.array_sort(unknown), ", "), F.lit(""))


def _reasons(core: Column) -> Column:
    def unread(told: Column, parsed: Column, sentence: str) -> Column:
        return flag(told.isNotNull() & parsed.isNull(), sentence)

    booleans = {
        "reused": core["reused"],
        "landing attempt": _attempt(core),
        "landing success": _landed(core),
    }
    return reasons(
        mangled_text(core_id_of(core), "a core's id"),
        unread(
            core["flight"],
            parse_bigint(core["flight"]).try_cast("int"),
            "a core's flight must be a whole number",
        ),
        *[
            unread(told, parse_boolean(told), f"a core's {name} must be true, false or null")
            for name, told in booleans.items()
        ],
    )
