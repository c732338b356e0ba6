"""People by local authority: their history, how many there are on one date, and what of that is
published.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from strata.feeds.residents.params import Params
from strata.feeds.residents.people import UNDATED, UNKNOWN_SEX, add_statement
from strata.feeds.residents.suppression import hide_breakdowns, hide_totals, rounded
from strata.kit.plain import EACH, Plain, by_query, for_duckdb

NOT_RESIDENT = "the person has left"
HISTORY_FOLDS = (NOT_RESIDENT,)
OTHER_DATE = "does not hold on the date asked for"
DATE_FOLDS = (OTHER_DATE,)
UNKNOWN_YEAR = "unknown"

# Age in years reached in the calendar year of the date: only the year of birth is kept.
AGE_BANDS = {
    "people_0_15": (0, 15),
    "people_16_24": (16, 24),
    "people_25_34": (25, 34),
    "people_35_44": (35, 44),
    "people_45_54": (45, 54),
    "people_55_64": (55, 64),
    "people_65_74": (65, 74),
    "people_75_plus": (75, 130),
}
BY_SEX = ("people_f", "people_m", "people_sex_unknown")
BY_AGE = (*AGE_BANDS, "people_age_unknown")
_PLACE = ("authority_code", "authority_name", "is_authority")


# --- history -------------------------------------------------------------------------------------


_HISTORY = f"""
SELECT authority_code, authority_name, is_authority, sex, birth_year, valid_from, valid_to, _fold,
    count(*) AS people, count(*) AS _rows
FROM (
    SELECT coalesce(p.authority_code, p.unplaced) AS authority_code, p.authority_name,
        p.authority_code IS NOT NULL AS is_authority, p.sex,
        coalesce(CAST(p.birth_year AS STRING), '{UNKNOWN_YEAR}') AS birth_year,
        p.valid_from, p.valid_to, CASE WHEN NOT p.is_resident THEN '{NOT_RESIDENT}' END AS _fold
    FROM {{residents_people}} AS p
) AS told
GROUP BY authority_code, authority_name, is_authority, sex, birth_year, valid_from, valid_to, _fold
"""
PLAIN_HISTORY = Plain(
    for_duckdb(_HISTORY, "residents_people"),
    {
        "silver.residents_people": (
            "authority_code",
            "authority_name",
            "unplaced",
            "sex",
            "birth_year",
            "valid_from",
            "valid_to",
            "is_resident",
        )
    },
    fewest=EACH,
)


def residents_history(people: DataFrame) -> DataFrame:
    """One row per authority (or reason why there is none), sex, year of birth and period, with how
    many people.

    At any date each person is in one period at most, so people who hold on a date add up to
    distinct people.
    """
    return by_query(_HISTORY, residents_people=people)


# --- on one date ---------------------------------------------------------------------------------


def residents_by_authority_internal(
    history: DataFrame, users: DataFrame, *, params: Params
) -> DataFrame:
    """One row per authority, or reason why there is none, with its people on the date asked for:
    all, by sex, by age.

    The date is `as_of`, else the newest that a record of a user tells, never the clock's. Where no
    record tells a date, what holds is counted, and no age is known.
    """
    counts = {"people": F.lit(True), **_sexes(), **_ages()}
    return (
        add_date(history, users, params)
        .groupBy("as_of_date", *_PLACE, "_fold")
        .agg(
            *[
                F.sum(F.when(condition, F.col("people")).otherwise(F.lit(0))).alias(name)
                for name, condition in counts.items()
            ],
            F.count(F.lit(1)).alias("_rows"),
        )
    )


def add_date(history: DataFrame, users: DataFrame, params: Params) -> DataFrame:
    """Adds `as_of_date`, and `_fold` to the periods that do not hold on it. Same grain."""
    dated = history.crossJoin(_as_of(users, params)).withColumn(
        "_day", F.coalesce("as_of_date", F.lit("9999-12-30").cast("date"))
    )
    holds = (F.col("valid_from") <= F.col("_day")) & (F.col("_day") < F.col("valid_to"))
    return dated.withColumn("_fold", F.when(~holds, OTHER_DATE))


def _as_of(users: DataFrame, params: Params) -> DataFrame:
    """One row: `as_of_date`, null where no record tells a date."""
    date = F.col("event_date")
    is_dated = (F.size("_reasons") == 0) & (date > F.lit(UNDATED).cast("date"))
    newest, asked = F.max(F.when(is_dated, date)), F.lit(params.as_of or None).cast("date")
    return add_statement(users).agg(F.coalesce(asked, newest).alias("as_of_date"))


def age_of() -> Column:
    """Age reached in the year of `as_of_date`, in years; null where no year of birth is known."""
    return F.year("as_of_date") - F.col("birth_year").try_cast("int")


def _sexes() -> dict[str, Column]:
    return {
        name: F.col("sex") == sex for name, sex in zip(BY_SEX, ("F", "M", UNKNOWN_SEX), strict=True)
    }


def _ages() -> dict[str, Column]:
    age = age_of()
    known = {
        name: F.coalesce(age.between(*bounds), F.lit(False)) for name, bounds in AGE_BANDS.items()
    }
    return {**known, "people_age_unknown": ~F.coalesce(age.between(0, 130), F.lit(False))}


# --- published -----------------------------------------------------------------------------------

_FIGURES = ("people", *BY_SEX, *BY_AGE)
_PUBLISHED = ", ".join(
    ["as_of_date:date", "authority_code:string", "authority_name:string", "is_authority:boolean"]
    + [f"{name}:bigint" for name in _FIGURES]
    + ["is_suppressed:boolean"]
)


def residents_by_authority(internal: DataFrame, *, params: Params) -> DataFrame:
    """The same rows, with small numbers hidden (null), and what would give them away. See
    `suppression`.
    """
    limit, to = params.suppress_below, params.round_to
    # A UDF: which numbers are hidden depends on all of them. It sees one row, of a few hundred
    # authorities.
    hide = F.udf(lambda rows: publish(rows, limit, to), f"array<struct<{_PUBLISHED}>>")
    whole = internal.agg(
        F.collect_list(F.struct("as_of_date", *_PLACE, *_FIGURES)).alias("_rows_of_date")
    )
    shown = whole.select(F.inline(hide("_rows_of_date")))
    return shown.withColumns({**limits(params), "_rows": F.lit(1)})


def limits(params: Params) -> dict[str, Column]:
    """The columns that tell by which rules numbers were hidden and rounded."""
    told = {"suppress_below": params.suppress_below, "round_to": params.round_to}
    return {name: F.lit(value).cast("int") for name, value in limits_of(told).items()}


def limits_of(params: Mapping[str, Any]) -> dict[str, int]:
    """The same as whole numbers."""
    return {"suppressed_below": params["suppress_below"], "rounded_to": params["round_to"]}


def publish(rows: Sequence[Any], limit: int, to: int = 1) -> list[dict[str, Any]]:
    """The rows of one date as they may be published, in the order of their codes."""
    ordered = [row.asDict() if hasattr(row, "asDict") else dict(row) for row in rows]
    ordered.sort(key=lambda row: row["authority_code"])
    hidden = hide_figures(ordered, limit)
    return [
        {
            **row,
            **{name: None if n in hidden[name] else rounded(row[name], to) for name in _FIGURES},
            "is_suppressed": any(n in hidden[name] for name in _FIGURES),
        }
        for n, row in enumerate(ordered)
    ]


def hide_figures(ordered: Sequence[Any], limit: int) -> dict[str, set[int]]:
    """Of each figure, the numbers of the rows in which it is hidden; rows in order of their
    codes.
    """
    totals = [row["people"] for row in ordered]
    hidden = {"people": hide_totals(totals, [total < limit for total in totals], limit)}
    for names in (BY_SEX, BY_AGE):
        cells = [[row[name] for name in names] for row in ordered]
        hidden |= dict.fromkeys(names, hide_breakdowns(totals, cells, hidden["people"], limit))
    return hidden
